"""Depthwise convolution in float32: every channel by itself, all channels of a place at once.

Images lie in rows, see `cpu_tile`. One multiplication of each element of a window is all there is
to do, so memory sets the pace: the sums of one line of results stay in the first cache while the
elements of its windows are added.
"""

import itertools
import math

import numpy as np

from .cpu_sweep import Sweep, framed
from .cpu_tile import axes_of, deep, empty, lined, rows_of, table_of_runs, table_of_taps
from .threads import get_num_threads
from .windows import backward, forward
from .workers import Worker, address, clear, move, numbers, places, record, run, scratch

ITEM = 8_000  # numbers of an image in an item, which stay in the first cache


@Worker
def sum_windows(words, first, last, part):
    """The sums of windows times weights; items are blocks of lines of results, as in `sweep`."""
    s = record(words, Sweep)
    frame = s.scratch + 4 * part * s.room
    runs = places(s.runs, s.count)
    blocks = -(-s.z_height // s.block)
    for item in range(first, last):
        n = item // (s.z_depth * blocks)
        d = item // blocks % s.z_depth
        top = item % blocks * s.block
        lines = min(s.block, s.z_height - top)
        begin = d * s.step_depth - s.before_depth
        h = top * s.step_height - s.before_height
        framed(s, frame, n, begin, h, (lines - 1) * s.step_height + s.span)
        for i in range(lines * s.z_width):
            p, q = i // s.z_width, i % s.z_width
            place = n * s.z_image + d * s.z_slice + (top + p) * s.z_line + q * s.z_pixel
            corner = frame + 4 * (p * s.step_height * s.line + q * s.step_width) * s.channels
            z = numbers(s.z + 4 * place, s.channels)
            move(s.z + 4 * place, s.bias, s.channels)
            for t in range(s.count):
                x = numbers(corner + runs[t], s.channels)
                w = numbers(s.w + 4 * t * s.channels, s.channels)
                for c in range(s.channels):
                    z[c] += x[c] * w[c]


@Worker
def sum_products(words, first, last, part):
    """The sums of windows times gradients of the output, of each part's items for itself."""
    s = record(words, Sweep)
    frame = s.scratch + 4 * part * s.room
    sums = s.w + 4 * part * s.count * s.channels
    runs = places(s.runs, s.count)
    blocks = -(-s.z_height // s.block)
    clear(sums, s.count * s.channels)
    for item in range(first, last):
        n = item // (s.z_depth * blocks)
        d = item // blocks % s.z_depth
        top = item % blocks * s.block
        lines = min(s.block, s.z_height - top)
        begin = d * s.step_depth - s.before_depth
        h = top * s.step_height - s.before_height
        framed(s, frame, n, begin, h, (lines - 1) * s.step_height + s.span)
        for i in range(lines * s.z_width):
            p, q = i // s.z_width, i % s.z_width
            place = n * s.z_image + d * s.z_slice + (top + p) * s.z_line + q * s.z_pixel
            corner = frame + 4 * (p * s.step_height * s.line + q * s.step_width) * s.channels
            u = numbers(s.z + 4 * place, s.channels)
            for t in range(s.count):
                x = numbers(corner + runs[t], s.channels)
                w = numbers(sums + 4 * t * s.channels, s.channels)
                for c in range(s.channels):
                    w[c] += x[c] * u[c]


def done(worker: Worker, x, z, axes: tuple, weights: np.ndarray, bias: np.ndarray) -> int:
    """Have the worker go over x and z; in how many parts it was done.

    weights: a row for each element of a window, read by one worker, and written by the other with
    as many sets of them as there are threads.
    """
    task, slices = lined(x, z, axes, x.shape[4], ITEM, x.shape[4], 2 * get_num_threads())
    line = task.line * x.shape[4]
    size = task.lines * line
    runs, _ = table_of_runs(axes, tuple(range(len(slices))), x.shape[4], 1, size, line)
    items = z.shape[0] * z.shape[1] * -(-z.shape[2] // task.block)
    parts = min(get_num_threads(), items)
    memory = scratch(parts * len(slices) * size)
    task = task._replace(
        x=address(x), z=address(z), w=address(weights), bias=address(bias), runs=address(runs),
        count=runs.size, scratch=address(memory), room=len(slices) * size,
        z_pixel=z.strides[3] // 4,
    )  # fmt: skip
    run(worker, items, task, parts)
    return parts


def elements(w: np.ndarray, axes: tuple) -> np.ndarray:
    """Weights (C, 1, *window) as a row of channels for each element of a window that is met."""
    flat = w.reshape(w.shape[0], -1)
    return np.ascontiguousarray(flat[:, table_of_taps(axes, deep(w.shape[2:], 1))].T)


def conv(x, w, b, *, stride, padding, dilation, groups):
    """x (N, C, *space) * w (C, 1, *window) + b."""
    axes = tuple(axes_of(forward, x.shape[2:], w.shape[2:], stride, padding, dilation))
    z = empty((*x.shape[:2], *(axis.count for axis in axes[5 - x.ndim :])))
    if z.size:
        bias = np.zeros(len(w), np.float32) if b is None else np.ascontiguousarray(b)
        done(sum_windows, rows_of(x), rows_of(z), axes, elements(w, axes), bias)
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
    bias = np.zeros(len(w), np.float32)
    for axes in itertools.product(*phases):
        places = (slice(axis.start, None, axis.spacing) for axis in axes)
        done(sum_windows, u, target[(slice(None), *places)], axes, elements(w, axes), bias)
    return z


def conv_dw(u, x, *, window, stride, padding, dilation, groups):
    """The gradient for w."""
    channels = x.shape[1]
    if not u.size or not x.size:
        return np.zeros((channels, 1, *window), np.float32)
    axes = tuple(axes_of(forward, x.shape[2:], window, stride, padding, dilation))
    sums = np.empty((get_num_threads(), math.prod(window), channels), np.float32)
    parts = done(sum_products, rows_of(x), rows_of(u), axes, sums, sums)
    z = np.empty((channels, 1, *window), np.float32)
    z.reshape(channels, -1)[...] = sums[:parts].sum(0).T
    return z
