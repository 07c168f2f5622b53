"""The workers of batch norm: sums over channels, what follows from them, and sweeps that use it.

Sums are those of blocks, which do not depend on the number of threads, put together in double
precision: results do not depend on it either. A ReLU leaves a bit for each number it let through.
"""

import math
from typing import NamedTuple

import numpy as np

from .vectors import (
    LANES,
    alive,
    chosen,
    give,
    load,
    load_bits,
    only_first,
    store,
    store_bits,
    take,
)
from .workers import Worker, clear, doubles, numbers, record, within

FEW = 8  # rows, whose mean is near enough to that of their block

# The parameters in the table of `normalise`, and of `pull_back`, which has the mean too.
MEAN, SCALE, SHIFT = range(3)
ALONG, ACROSS, CONSTANT = range(1, 4)


class Task(NamedTuple):
    """What the workers are told: a Cut, see `cpu_norm`, and addresses, 0 for what is not there.

    x, residual, z: of the input, of what is added, of the output. bits: of the bits of what the
    ReLU lets through. g, dx, dr: of the gradient that comes in, and of those for x and residual.
    table: of the parameters. room: of memory for three numbers per column for each part. sums: of
    two float64 numbers per channel for each block. totals: of eps and three numbers per channel,
    float64 too. mean, variance, weight, bias: of float32 numbers per channel, and gw, gb: of the
    gradients of the last two.
    """

    sections: int
    size: int
    tables: int
    channels: int
    width: int
    pitch: int
    step: int
    blocks: int
    words: int
    marks: int
    span: int
    x: int
    table: int
    room: int
    sums: int
    totals: int
    mean: int
    variance: int
    weight: int
    bias: int
    gw: int
    gb: int
    residual: int
    z: int
    bits: int
    g: int
    dx: int
    dr: int


class Patch(NamedTuple):
    """A part of an array: `rows` of so many `columns`, at the distance of whole rows.

    begin, bits: at which byte its numbers and its bits begin. table: the address of the parameters.
    """

    begin: int
    bits: int
    rows: int
    columns: int
    table: int


@within
def patch_of(t, index):
    """A Patch: those of even index are the rows of a block, those of odd index the rest behind."""
    item = index // 2
    section, block = item // t.blocks, item % t.blocks
    top, bottom = block * t.step, min((block + 1) * t.step, t.size // t.width)
    columns = t.width
    if index % 2:
        columns = t.size % t.width if block == t.blocks - 1 else 0
        top, bottom = bottom, bottom + min(columns, 1)
    begin = 4 * (section * t.size + top * t.width)
    bits = t.bits + 2 * (section * t.marks + top * t.words)
    return Patch(begin, bits, bottom - top, columns, t.table + 4 * (section % t.tables * t.pitch))


# --- sums -----------------------------------------------------------------------------------------


@within
def add_moments(t, p, middle, sums, squares):
    """The sums of x - middle and of its square over a Patch are added, column by column."""
    for r in range(p.rows):
        for c in range(0, p.columns, LANES):
            lanes = min(LANES, p.columns - c)
            v = take(t.x + p.begin + 4 * (r * t.width + c), lanes) - load(middle + 4 * c)
            v = v if lanes == LANES else only_first(v, lanes)
            store(sums + 4 * c, load(sums + 4 * c) + v)
            store(squares + 4 * c, load(squares + 4 * c) + v * v)


@within
def add_gradients(t, p, sums, products):
    """The sums of g and of g (x - mean) are added, column by column; g is 0 where a bit is."""
    for r in range(p.rows):
        for c in range(0, p.columns, LANES):
            lanes = min(LANES, p.columns - c)
            at = p.begin + 4 * (r * t.width + c)
            u = take(t.g + at, lanes)
            if t.bits:
                u = chosen(load_bits(p.bits + 2 * (r * t.words + c // LANES)), u)
            v = take(t.x + at, lanes) - load(p.table + 4 * (MEAN * t.span + c))
            store(sums + 4 * c, load(sums + 4 * c) + u)
            store(products + 4 * c, load(products + 4 * c) + u * v)


@within
def by_channel(t, columns, totals):
    """The sums of the columns of each channel."""
    values = numbers(columns, t.width)
    for c in range(t.channels):
        totals[c] = 0.0
    for begin in range(0, t.width, t.channels):
        for c in range(t.channels):
            totals[c] += values[begin + c]


@within
def sums_of(t, item, which):
    """One or the other of the sums of a block."""
    return doubles(t.sums + 8 * t.channels * (2 * item + which), t.channels)


@Worker
def moments(words, first, last, part):
    """The mean of each channel of each block, and the sum of the squares of the distances from it.

    They are made of distances from the mean of a few rows, so that a mean that is large against
    the spread costs no digits.
    """
    t = record(words, Task)
    middle = t.room + 12 * t.pitch * part
    sums, squares = middle + 4 * t.pitch, middle + 8 * t.pitch
    start = numbers(middle, t.pitch)
    for item in range(first, last):
        rows, rest = patch_of(t, 2 * item), patch_of(t, 2 * item + 1)
        means, spreads = sums_of(t, item, 0), sums_of(t, item, 1)
        few = min(rows.rows, FEW)
        clear(middle, 3 * t.pitch)
        add_moments(t, Patch(rows.begin, 0, few, t.width, 0), middle, sums, squares)
        by_channel(t, sums, means)
        for c in range(t.pitch):
            v = means[c % t.channels] / (few * t.width // t.channels)
            start[c] = v if np.isfinite(v) else 0.0
        clear(sums, 2 * t.pitch)
        add_moments(t, rows, middle, sums, squares)
        add_moments(t, rest, middle, sums, squares)
        by_channel(t, sums, means)
        by_channel(t, squares, spreads)
        count = (rows.rows * rows.columns + rest.columns) // t.channels
        for c in range(t.channels):
            apart = means[c] / count
            spreads[c] -= means[c] * apart
            means[c] = start[c] + apart


@Worker
def gradient_sums(words, first, last, part):
    """The sums of g and of g (x - mean) over each channel of each block."""
    t = record(words, Task)
    sums = t.room + 12 * t.pitch * part
    products = sums + 4 * t.pitch
    for item in range(first, last):
        clear(sums, 2 * t.pitch)
        add_gradients(t, patch_of(t, 2 * item), sums, products)
        add_gradients(t, patch_of(t, 2 * item + 1), sums, products)
        by_channel(t, sums, sums_of(t, item, 0))
        by_channel(t, products, sums_of(t, item, 1))


# --- what the sums mean ---------------------------------------------------------------------------


@within
def total(t, index):
    """Numbers of each channel, for all blocks together."""
    channels = t.tables * t.channels
    return doubles(t.totals + 8 * (1 + index * channels), channels)


@within
def fill(t, index, values):
    """Write a parameter of each channel to the tables."""
    table = numbers(t.table + 4 * index * t.span, t.span)
    for k in range(t.tables):
        for c in range(t.pitch):
            table[k * t.pitch + c] = values[k * t.channels + c % t.channels]


@Worker
def settle_moments(words, first, last, part):
    """Mean and variance of each channel, and the parameters of `normalise`.

    Source: Chan, Golub & LeVeque 1979, equation 2.1, for putting blocks together.
    """
    t = record(words, Task)
    channels = t.tables * t.channels
    places = t.sections * t.size // channels
    mean, variance, scale = total(t, 0), total(t, 1), total(t, 2)
    for c in range(channels):
        mean[c] = variance[c] = 0.0
    for again in range(2):
        for item in range(t.sections * t.blocks):
            rows, rest = patch_of(t, 2 * item), patch_of(t, 2 * item + 1)
            share = (rows.rows * rows.columns + rest.columns) // t.channels / places
            begin = item // t.blocks % t.tables * t.channels
            means, spreads = sums_of(t, item, 0), sums_of(t, item, 1)
            for c in range(t.channels):
                if again:
                    apart = means[c] - mean[begin + c]
                    variance[begin + c] += spreads[c] / places + share * apart * apart
                else:
                    mean[begin + c] += share * means[c]
    eps, weight = doubles(t.totals, 1)[0], numbers(t.weight, channels)
    means, variances = numbers(t.mean, channels), numbers(t.variance, channels)
    for c in range(channels):
        means[c], variances[c] = mean[c], variance[c]
        scale[c] = weight[c] / math.sqrt(variance[c] + eps)
    fill(t, MEAN, mean)
    fill(t, SCALE, scale)
    fill(t, SHIFT, numbers(t.bias, channels))


@Worker
def settle_running(words, first, last, part):
    """The parameters of `normalise` where mean and variance are given; weight and bias may not."""
    t = record(words, Task)
    channels = t.tables * t.channels
    variance, eps = numbers(t.variance, channels), doubles(t.totals, 1)[0]
    scale, shift = total(t, 0), total(t, 1)
    for c in range(channels):
        scale[c] = 1 / math.sqrt(variance[c] + eps)
        scale[c] *= numbers(t.weight, channels)[c] if t.weight else 1.0
        shift[c] = numbers(t.bias, channels)[c] if t.bias else 0.0
    fill(t, MEAN, numbers(t.mean, channels))
    fill(t, SCALE, scale)
    fill(t, SHIFT, shift)


@Worker
def settle_mean(words, first, last, part):
    """The mean as a parameter of `gradient_sums` and `pull_back`."""
    t = record(words, Task)
    fill(t, MEAN, numbers(t.mean, t.tables * t.channels))


@Worker
def settle_gradients(words, first, last, part):
    """The gradients of weight and bias, and the parameters of `pull_back`."""
    t = record(words, Task)
    channels = t.tables * t.channels
    along, across, constant = total(t, 0), total(t, 1), total(t, 2)
    for c in range(channels):
        along[c] = constant[c] = 0.0
    for item in range(t.sections * t.blocks):
        begin = item // t.blocks % t.tables * t.channels
        sums, products = sums_of(t, item, 0), sums_of(t, item, 1)
        for c in range(t.channels):
            constant[begin + c] += sums[c]
            along[begin + c] += products[c]
    eps, weight = doubles(t.totals, 1)[0], numbers(t.weight, channels)
    variance = numbers(t.variance, channels)
    gw, gb = numbers(t.gw, channels), numbers(t.gb, channels)
    for c in range(channels):
        rstd = 1 / math.sqrt(variance[c] + eps)
        gw[c], gb[c] = along[c] * rstd, constant[c]
        along[c] *= rstd * rstd
        scale = weight[c] * rstd
        share = scale / (t.sections * t.size // channels)
        across[c] = -share * along[c]
        constant[c] *= -share
        along[c] = scale
    fill(t, ALONG, along)
    fill(t, ACROSS, across)
    fill(t, CONSTANT, constant)


# --- results --------------------------------------------------------------------------------------


@Worker
def normalise(words, first, last, part):
    """z = (x - mean) scale + shift, + residual; with bits what is not above 0 is 0 and has none."""
    t = record(words, Task)
    for index in range(2 * first, 2 * last):
        p = patch_of(t, index)
        for r in range(p.rows):
            for c in range(0, p.columns, LANES):
                lanes = min(LANES, p.columns - c)
                at = p.begin + 4 * (r * t.width + c)
                v = take(t.x + at, lanes) - load(p.table + 4 * (MEAN * t.span + c))
                v = v * load(p.table + 4 * (SCALE * t.span + c))
                v = v + load(p.table + 4 * (SHIFT * t.span + c))
                if t.residual:
                    v = v + take(t.residual + at, lanes)
                if t.bits:
                    above = alive(v)
                    store_bits(p.bits + 2 * (r * t.words + c // LANES), above)
                    v = chosen(above, v)
                give(t.z + at, v, lanes)


@Worker
def pull_back(words, first, last, part):
    """dx = g along + (x - mean) across + constant, and dr = g; g is 0 where a bit is."""
    t = record(words, Task)
    for index in range(2 * first, 2 * last):
        p = patch_of(t, index)
        for r in range(p.rows):
            for c in range(0, p.columns, LANES):
                lanes = min(LANES, p.columns - c)
                at = p.begin + 4 * (r * t.width + c)
                u = take(t.g + at, lanes)
                if t.bits:
                    u = chosen(load_bits(p.bits + 2 * (r * t.words + c // LANES)), u)
                if t.dr:
                    give(t.dr + at, u, lanes)
                v = take(t.x + at, lanes) - load(p.table + 4 * (MEAN * t.span + c))
                v = v * load(p.table + 4 * (ACROSS * t.span + c))
                v = v + load(p.table + 4 * (CONSTANT * t.span + c))
                give(t.dx + at, u * load(p.table + 4 * (ALONG * t.span + c)) + v, lanes)


@Worker
def mark(words, first, last, part):
    """The bits of z, as `normalise` leaves them."""
    t = record(words, Task)
    for index in range(2 * first, 2 * last):
        p = patch_of(t, index)
        for r in range(p.rows):
            for c in range(0, p.columns, LANES):
                value = take(t.z + p.begin + 4 * (r * t.width + c), min(LANES, p.columns - c))
                store_bits(p.bits + 2 * (r * t.words + c // LANES), alive(value))
