"""Depthwise convolution in float32: every channel by itself, all channels of a place at once.

Images lie in rows, see `cpu_tile`. One multiplication of each element of a window is all there is
to do, so memory sets the pace: a block of lines is copied within zeros, into the second cache, and
its windows are summed in registers, see `simd_depthwise`.

The last vector of channels may stick out beyond them: what is in its other lanes means nothing.
"""

import itertools
import math

import numpy as np

from .cpu_sweep import Sweep, framed, unspare
from .cpu_tile import (
    axes_of,
    deep,
    empty,
    lined,
    panel_size,
    rows_of,
    spaced,
    table_of_runs,
    table_of_taps,
)
from .simd import LANES
from .simd_depthwise import PLACES, TAPS, across_address, along_address, call_across, call_along
from .threads import get_num_threads
from .windows import backward, forward
from .workers import Worker, address, move, record, run, scratch, within

ITEM = 25_000  # numbers of an image in an item, which stay in the second cache


@within
def block_of(s, item, frame):
    """Copies the part of an image that an item's windows reach to `frame`; where the item begins in
    z, how many lines it has, and where the part of the image lies that comes next."""
    blocks = -(-s.z_height // s.block)
    n = item // (s.z_depth * blocks)
    d = item // blocks % s.z_depth
    top = item % blocks * s.block
    lines = min(s.block, s.z_height - top)
    begin = d * s.step_depth - s.before_depth
    h = top * s.step_height - s.before_height
    framed(s, frame, n, begin, h, (lines - 1) * s.step_height + s.span)
    z = s.z + 4 * (n * s.z_image + d * s.z_slice + top * s.z_line)
    line = (n * s.x_depth + begin) * s.x_height + h + lines * s.step_height
    return z, lines, s.x + 4 * line * s.x_width * s.channels


@Worker
def sum_windows(words, first, last, part):
    """The sums of windows times weights; items are blocks of lines of results, as in `sweep`."""
    s = record(words, Sweep)
    frame = s.scratch + 4 * part * s.room
    spare = frame + 4 * (s.room - PLACES * LANES)
    between = s.step_width * s.pixel
    per = -(-s.z_width // -(-s.z_width // PLACES))
    whole, lanes = s.channels // LANES, s.channels % LANES
    rest = 4 * (s.channels - lanes)
    for item in range(first, last):
        target, lines, following = block_of(s, item, frame)
        for i in range(lines):
            for column in range(0, s.z_width, per):
                rows = min(per, s.z_width - column)
                x = frame + 4 * (i * s.step_height * s.line * s.pixel + column * between)
                z = target + 4 * (i * s.z_line + column * s.z_pixel)
                soon, after = x, 0
                if item + 1 < last:
                    soon = following + 4 * (i * s.step_height * s.x_width + column) * s.channels
                    after = s.z_line
                if whole:
                    call_along(
                        s.tile, rows, whole, x, between, s.runs, s.count, s.w, s.lanes, s.bias, z,
                        s.z_pixel, soon, s.channels, after,
                    )  # fmt: skip
                if lanes:
                    call_along(
                        s.tile, rows, 1, x + rest, between, s.runs, s.count, s.w + rest, s.lanes,
                        s.bias + rest, spare, LANES, x, 0, 0,
                    )  # fmt: skip
                    unspare(spare, LANES, z + rest, s.z_pixel, rows, lanes)


@Worker
def sum_products(words, first, last, part):
    """The sums of windows times gradients of the output, of each part's items for itself."""
    s = record(words, Sweep)
    frame = s.scratch + 4 * part * s.room
    spare = frame + 4 * (s.room - s.z_width * LANES)
    sums = s.w + 4 * part * s.count * s.lanes
    between = s.step_width * s.pixel
    per = -(-s.count // -(-s.count // TAPS))
    whole, lanes = s.channels // LANES, s.channels % LANES
    rest = 4 * (s.channels - lanes)
    for item in range(first, last):
        gradients, lines, following = block_of(s, item, frame)
        for i in range(lines):
            x = frame + 4 * i * s.step_height * s.line * s.pixel
            u = gradients + 4 * i * s.z_line
            soon, after = x, 0
            if item + 1 < last:
                soon = following + 4 * i * s.step_height * s.x_width * s.channels
                after = s.z_line
            if lanes:
                for column in range(s.z_width):
                    move(spare + 4 * column * LANES, u + rest + 4 * column * s.z_pixel, lanes)
            for t in range(0, s.count, per):
                taps = min(per, s.count - t)
                runs = s.runs + 8 * t
                w = sums + 4 * t * s.lanes
                if whole:
                    call_across(
                        s.tile, taps, whole, x, between, runs, u, s.z_pixel, s.z_width, w, s.lanes,
                        soon, s.channels, after,
                    )  # fmt: skip
                if lanes:
                    call_across(
                        s.tile, taps, 1, x + rest, between, runs, spare, LANES, s.z_width,
                        w + rest, s.lanes, x, 0, 0,
                    )  # fmt: skip


def done(worker: Worker, tile: int, x, z, axes: tuple, weights, bias) -> int:
    """Have the worker go over x and z; in how many parts it was done.

    tile: the address of what it calls. weights: a row for each element of a window, read by one
    worker, and written by the other with as many sets of them as there are threads.
    """
    pixel = spaced(weights.shape[-1])
    task, slices = lined(x, z, axes, x.shape[4], ITEM, pixel, 2 * get_num_threads())
    line = task.line * pixel
    size = task.lines * line
    runs, _ = table_of_runs(axes, tuple(range(len(slices))), pixel, 1, size, line)
    items = z.shape[0] * z.shape[1] * -(-z.shape[2] // task.block)
    parts = min(get_num_threads(), items)
    room = len(slices) * size + LANES * max(PLACES, z.shape[3])
    memory = scratch(parts * room)
    task = task._replace(
        tile=tile, x=address(x), z=address(z), w=address(weights), bias=address(bias),
        runs=address(runs), count=runs.size, scratch=address(memory), room=room,
        z_pixel=z.strides[3] // 4, lanes=weights.shape[-1],
    )  # fmt: skip
    run(worker, items, task, parts)
    return parts


def elements(w: np.ndarray, axes: tuple) -> np.ndarray:
    """Weights (C, 1, *window) as a row of channels for each element of a window that is met."""
    flat = w.reshape(w.shape[0], -1)
    return filled(flat[:, table_of_taps(axes, deep(w.shape[2:], 1))].T)


def filled(rows: np.ndarray) -> np.ndarray:
    """Rows of channels, with zeros up to a multiple of a vector."""
    z = np.zeros((*rows.shape[:-1], panel_size(rows.shape[-1])), np.float32)
    z[..., : rows.shape[-1]] = rows
    return z


def conv(x, w, b, *, stride, padding, dilation, groups):
    """x (N, C, *space) * w (C, 1, *window) + b."""
    axes = tuple(axes_of(forward, x.shape[2:], w.shape[2:], stride, padding, dilation))
    z = empty((*x.shape[:2], *(axis.count for axis in axes[5 - x.ndim :])))
    if z.size:
        bias = filled(np.zeros(len(w)) if b is None else b)
        tile = along_address()
        done(sum_windows, tile, rows_of(x), rows_of(z), axes, elements(w, axes), bias)
    return z


def conv_dx(u, w, *, space, stride, padding, dilation, groups):
    """The gradient for x: a sweep over u for each remainder of a place modulo the stride."""
    z = empty((*u.shape[:2], *space))
    if not z.size:
        return z
    phases = axes_of(backward, space, w.shape[2:], stride, padding, dilation)
    if tuple(sum(axis.count for axis in axes) for axes in phases) != deep(space, 1):
        z[...] = 0
    u, target = rows_of(u), rows_of(z)
    bias = filled(np.zeros(len(w)))
    for axes in itertools.product(*phases):
        places = (slice(axis.start, None, axis.spacing) for axis in axes)
        part = target[(slice(None), *places)]
        done(sum_windows, along_address(), u, part, axes, elements(w, axes), bias)
    return z


def conv_dw(u, x, *, window, stride, padding, dilation, groups):
    """The gradient for w."""
    channels = x.shape[1]
    if not u.size or not x.size:
        return np.zeros((channels, 1, *window), np.float32)
    axes = tuple(axes_of(forward, x.shape[2:], window, stride, padding, dilation))
    sums = np.zeros((get_num_threads(), math.prod(window), panel_size(channels)), np.float32)
    parts = done(sum_products, across_address(), rows_of(x), rows_of(u), axes, sums, sums)
    z = np.empty((channels, 1, *window), np.float32)
    z.reshape(channels, -1)[...] = sums[:parts, :, :channels].sum(0).T
    return z
