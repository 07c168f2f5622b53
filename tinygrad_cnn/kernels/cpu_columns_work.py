"""The workers of a convolution in columns: the batch innermost, each sample a lane of a vector.

Images lie as (C, H, W, N), and N is a multiple of a vector's numbers. Distances are counted in
float32 numbers, tables in bytes.
"""

import functools
from typing import NamedTuple

import numpy as np

from .simd import LANES
from .simd_columns import call_dots, call_strip
from .simd_turn import turn_square
from .workers import Worker, clear, move, number, numbers, places, put, record, within

FEW = 8  # samples that are read by turns: lines of as many may want the same place in the cache


class Filling(NamedTuple):
    """Images to be brought into columns, within zeros.

    x, z: addresses of the images, which lie anyhow, and of the frames (C, lines, line, N). x_*:
    the distances of their samples, channels, lines and columns; samples, height, width: how many
    there are. top, left: how many zeros come before them.
    """

    x: int
    z: int
    x_sample: int
    x_channel: int
    x_line: int
    x_column: int
    samples: int
    height: int
    width: int
    lines: int
    line: int
    lanes: int
    top: int
    left: int


@within
def squares(s, source, target):
    """The columns of a line that is contiguous in each sample. Its last squares overlap."""
    for first in range(0, s.samples, LANES):
        n = min(first, s.samples - LANES)
        for column in range(0, s.width, LANES):
            i = min(column, s.width - LANES)
            turn_square(
                source + 4 * (i + n * s.x_sample), 4 * s.x_sample,
                target + 4 * (i * s.lanes + n), 4 * s.lanes,
            )  # fmt: skip


@within
def columns(s, source, target):
    """The columns of one line of all samples."""
    if s.x_sample == 1 and s.x_column == s.lanes:
        move(target, source, s.width * s.lanes)
        return
    if s.x_column == 1 and min(s.samples, s.width) >= LANES:
        squares(s, source, target)
    else:
        for first in range(0, s.samples, FEW):
            many = min(FEW, s.samples - first)
            for i in range(s.width):
                x = source + 4 * (i * s.x_column + first * s.x_sample)
                z = target + 4 * (i * s.lanes + first)
                for n in range(many):
                    put(z + 4 * n, number(x + 4 * n * s.x_sample))
    for i in range(s.width):
        clear(target + 4 * (i * s.lanes + s.samples), s.lanes - s.samples)


@functools.partial(Worker, straight=False)
def fill(words, first, last, part):
    """Items are the lines of the frames."""
    s = record(words, Filling)
    size = s.line * s.lanes
    for item in range(first, last):
        c = item // s.lines
        h = item % s.lines - s.top
        target = s.z + 4 * item * size
        if h < 0 or h >= s.height:
            clear(target, size)
            continue
        inner = target + 4 * s.left * s.lanes
        clear(target, s.left * s.lanes)
        columns(s, s.x + 4 * (c * s.x_channel + h * s.x_line), inner)
        done = s.left + s.width
        clear(target + 4 * done * s.lanes, (s.line - done) * s.lanes)


class Picking(NamedTuple):
    """Weights to be brought into another order: w, which, z: addresses of the weights, of the
    places of those that are taken (a table of int64 numbers), and of the result; count: of it."""

    w: int
    which: int
    z: int
    count: int


@functools.partial(Worker, straight=False)
def pick(words, first, last, part):
    """One item, the weights."""
    s = record(words, Picking)
    w, which, z = numbers(s.w, 0), places(s.which, s.count), numbers(s.z, s.count)
    for i in range(s.count):
        z[i] = w[which[i]]


class Sweep(NamedTuple):
    """Windows over images in columns.

    strip: the address of the product. x, w, bias, z: addresses of the images, the weights
    (channels, taps), what sums begin with, and the results, of which the first is meant. height,
    width, lanes: the sizes of the images. z_height, z_width: how many results there are; z_channel,
    z_line, z_column: how far apart. step_*, before_*: how far apart windows are, and how far the
    first begins before the image. *_taps, *_gap: how many elements a window has along an axis, and
    how far apart they are; elements beyond the image are left out. reduced: the channels of the
    images, of which `runs`, a table, says where they begin in each line of a window. channels: of
    the results; rows: how many of them make a strip. parts: into how many blocks of samples a line
    is cut, of at most `many` vectors each.
    """

    strip: int
    x: int
    w: int
    bias: int
    z: int
    height: int
    width: int
    lanes: int
    z_height: int
    z_width: int
    z_channel: int
    z_line: int
    z_column: int
    step_height: int
    step_width: int
    before_height: int
    before_width: int
    height_taps: int
    width_taps: int
    height_gap: int
    width_gap: int
    runs: int
    reduced: int
    channels: int
    rows: int
    parts: int
    many: int


@within
def inside(begin, gap, taps, size):
    """Of the elements begin, begin + gap, ... the first that lies inside an axis, and the number
    behind the last."""
    low = max(0, -(begin // gap)) if begin < 0 else 0
    return low, min(taps, (size - 1 - begin) // gap + 1)


@within
def blank(s, target, first, rows, vectors):
    """The results of windows that lie outside the image: what sums begin with."""
    bias, size = numbers(s.bias, s.channels), vectors * LANES
    for r in range(rows):
        z = numbers(target + 4 * r * s.z_channel, size)
        for i in range(size):
            z[i] = bias[first + r]


@Worker
def sweep(words, first, last, part):
    """Items are lines of results, of one block of samples each."""
    s = record(words, Sweep)
    taps = s.height_taps * s.reduced * s.width_taps
    vectors = s.lanes // LANES
    for item in range(first, last):
        p = item // s.parts
        block = item % s.parts * s.many
        many = min(s.many, vectors - block)
        begin = block * LANES
        h = p * s.step_height - s.before_height
        top, bottom = inside(h, s.height_gap, s.height_taps, s.height)
        runs = s.runs + 8 * top * s.reduced
        count = (bottom - top) * s.reduced
        for q in range(s.z_width):
            w = q * s.step_width - s.before_width
            left, right = inside(w, s.width_gap, s.width_taps, s.width)
            source = s.x + 4 * ((h * s.width + w + left * s.width_gap) * s.lanes + begin)
            weights = s.w + 4 * (top * s.reduced * s.width_taps + left)
            target = s.z + 4 * (p * s.z_line + q * s.z_column + begin)
            for k in range(0, s.channels, s.rows):
                rows = min(s.rows, s.channels - k)
                z = target + 4 * k * s.z_channel
                if count > 0 and right > left:
                    call_strip(
                        s.strip, rows, many, weights + 4 * k * taps, taps, 1, s.width_taps, runs,
                        count, right - left, source, s.width_gap * s.lanes, s.bias + 4 * k, 1, z,
                        s.z_channel,
                    )  # fmt: skip
                else:
                    blank(s, z, k, rows, many)


class Weighing(NamedTuple):
    """The gradient of weights, of images and results in columns.

    dots: the address of the product. x, u: addresses of the images, within their zeros, and of the
    gradient of the results. lanes: how many samples. *_channel, *_line, *_column: distances of
    both; of x those between windows. height, width: how many results there are. taps: a table of
    where the elements of a window lie, `elements` of them; channels: of the results. rows, columns:
    the size of a block. sums: an address; each part has its own, one vector for each weight, of a
    block of elements by a block of channels after the other.
    """

    dots: int
    x: int
    u: int
    lanes: int
    x_line: int
    x_column: int
    u_channel: int
    height: int
    width: int
    taps: int
    elements: int
    channels: int
    rows: int
    columns: int
    sums: int


@Worker
def weigh(words, first, last, part):
    """Items are lines of results."""
    s = record(words, Weighing)
    size = s.elements * s.channels * LANES
    sums = s.sums + 4 * part * size
    clear(sums, size)
    u_line = s.width * s.lanes
    dense = s.x_column == s.lanes
    count = 1 if dense else s.width
    length = (u_line if dense else s.lanes) // LANES
    for item in range(first, last):
        x = s.x + 4 * item * s.x_line
        u = s.u + 4 * item * u_line
        z = sums
        for k in range(0, s.channels, s.columns):
            columns = min(s.columns, s.channels - k)
            for t in range(0, s.elements, s.rows):
                rows = min(s.rows, s.elements - t)
                call_dots(
                    s.dots, rows, columns, x, s.taps + 8 * t, s.x_column, u + 4 * k * s.u_channel,
                    s.u_channel, s.lanes, count, length, z,
                )  # fmt: skip
                z += 4 * rows * columns * LANES


class Gathering(NamedTuple):
    """The sums of `weigh` to be added up: of `parts` parts, into weights (channels, elements)."""

    sums: int
    w: int
    parts: int
    elements: int
    channels: int
    rows: int
    columns: int


@functools.partial(Worker, straight=False)
def gather(words, first, last, part):
    """Items are blocks of channels."""
    s = record(words, Gathering)
    size = s.elements * s.channels * LANES
    sums = numbers(s.sums, s.parts * size)
    w = numbers(s.w, s.elements * s.channels)
    for item in range(first, last):
        k = item * s.columns
        columns = min(s.columns, s.channels - k)
        place = k * s.elements * LANES
        for t in range(0, s.elements, s.rows):
            rows = min(s.rows, s.elements - t)
            for i in range(rows * columns):
                total = np.float32(0)
                for p in range(s.parts):
                    begin = p * size + place + i * LANES
                    for lane in range(LANES):
                        total += sums[begin + lane]
                w[(k + i % columns) * s.elements + t + i // columns] = total
            place += rows * columns * LANES
