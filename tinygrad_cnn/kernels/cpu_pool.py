"""Pooling in two dimensions on the CPU, compiled by Numba: each window in one sweep over memory.

Images are taken as they lie, see `layout`. In rows the channels of a place are worked on together,
whatever the windows, and in columns its samples, by the same code. In planes neighbouring windows
are: there is one machine code for each size and step of windows, in which these are constants, so
that the compiler unrolls the loops.
"""

import functools
import itertools
import math
from collections.abc import Callable

import numpy as np

from .compiled import FLOATS, dense
from .cpu_pool_work import Windows, largest_in_lanes, total_dx_in_lanes, total_in_lanes
from .layout import empty_in, order, ordered
from .parallel import ALONE, arguments, shared
from .served import refused
from .workers import Worker, address, run

# The windows that networks have: 2x2 or 3x3, at most as far apart as they are wide. In planes the
# others are left to the bodies, lest each new setting wait for the compiler.
WINDOWS = {((r, r), (s, s), (1, 1)): (r, s) for r in (2, 3) for s in range(1, r + 1)}
TAKEN = "it is compiled for float32 or float64 images with two axes of space"
IN_LANES = "where channels or samples lie innermost it is compiled for float32"
IN_PLANES = (
    "where channels do not lie innermost it is compiled for windows of 2x2 and 3x3 without "
    "dilation, at most as far apart as they are wide"
)


# --- in planes ------------------------------------------------------------------------------------


@functools.cache
def largest(size: int, step: int) -> Callable:
    """A function that writes each window's largest element, and its place in the map; nan wins."""

    @shared
    def kernel(task, first, last, part):
        x, z, indices = arguments(task)
        line = x.shape[2]
        _, rows, columns = z.shape
        for m in range(first, last):
            for p in range(rows):
                for q in range(columns):
                    best = x[m, p * step, q * step]
                    offset = 0
                    for r in range(size):
                        for s in range(size):
                            v = x[m, p * step + r, q * step + s]
                            better = (v > best) | (v != v)
                            best = v if better else best
                            offset = r * line + s if better else offset
                    z[m, p, q] = best
                    indices[m, p, q] = p * step * line + q * step + offset

    return kernel


@functools.cache
def total(size: int, step: int) -> Callable:
    """A function that writes each window's sum times a factor."""

    @shared
    def kernel(task, first, last, part):
        x, factor, z = arguments(task)
        factor = x.dtype.type(factor)
        _, rows, columns = z.shape
        for m in range(first, last):
            for p in range(rows):
                for q in range(columns):
                    v = x.dtype.type(0)
                    for r in range(size):
                        for s in range(size):
                            v += x[m, p * step + r, q * step + s]
                    z[m, p, q] = v * factor

    return kernel


@functools.cache
def total_dx(size: int, step: int) -> Callable:
    """A function that adds each number of u, times a factor, wherever its window lies in z."""

    @shared
    def kernel(task, first, last, part):
        u, factor, z = arguments(task)
        factor = u.dtype.type(factor)
        _, rows, columns = u.shape
        for m in range(first, last):
            for p in range(rows):
                for q in range(columns):
                    for r in range(size):
                        for s in range(size):
                            z[m, p * step + r, q * step + s] += u[m, p, q] * factor

    return kernel


@shared
def put(task, first, last, part):
    """z[indices] += u in each map; where an index is outside it stops, and the map does not fit."""
    u, indices, z, fits = arguments(task)
    size = z.shape[1]
    for m in range(first, last):
        for i in range(u.shape[1]):
            at = indices[m, i]
            if at < 0 or at >= size:
                fits[m] = False
                break
            z[m, at] += u[m, i]


# --- in rows and in columns -----------------------------------------------------------------------

# Arrays come as (N, H, W, C) where they lie in rows, and as (C, H, W, N) where they lie in columns.
# Settings come as two whole numbers each, for the axes of space: windows, steps, paddings and
# dilations. A window's element in the border is passed over.


@shared
def rows_put(task, first, last, part):
    """Zeros to which u is added at `indices`; where one is outside, its sample does not fit."""
    u, indices, z, fits = arguments(task)
    _, count, c = u.shape
    _, places, _ = z.shape
    for k in range(first, last):
        z[k] = 0
        for i in range(count):
            for a in range(c):
                at = indices[k, i, a]
                if at < 0 or at >= places:
                    fits[k] = False
                else:
                    z[k, at, a] += u[k, i, a]


# --- the gates ------------------------------------------------------------------------------------


def covered(x: np.ndarray) -> bool:
    """Whether x is of a kind that these kernels are for."""
    return x.ndim == 4 and x.dtype in FLOATS and x.size > 0


def stack(x: np.ndarray) -> np.ndarray:
    """x (N, C, H, W) as maps (N C, H, W)."""
    return dense(x).reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def framed(x: np.ndarray, out: tuple, size: int, step: int, padding: tuple, value: float):
    """x within a border of `value`, at least as large as the windows of `out` reach."""
    space = [
        max(p + n, (q - 1) * step + size) for n, p, q in zip(x.shape[2:], padding, out, strict=True)
    ]
    if tuple(space) == x.shape[2:]:
        return x
    z = np.full((*x.shape[:2], *space), value, x.dtype)
    (top, left), (h, w) = padding, x.shape[2:]
    z[:, :, top : top + h, left : left + w] = x
    return z


def in_lanes(
    worker: Worker,
    x: np.ndarray,
    z: np.ndarray,
    axes: tuple,
    settings: tuple,
    lines: int,
    factor: float = 0,
    indices: np.ndarray | None = None,
) -> None:
    """Have a worker do the windows of images x, and what there is for each of them, z, whose axes
    lie in this order; lines: its items for each of the outermost."""
    images, found = ordered(x, axes), ordered(z, axes)
    count, *space, lanes = images.shape
    places = 0 if indices is None else address(indices)
    settings = itertools.chain(space, found.shape[1:3], *settings)
    factor = int(np.float32(factor).view(np.int32))
    task = Windows(lanes, *settings, address(images), address(found), places, factor)
    run(worker, count * lines, task, 1 if x.size <= ALONE else None)


def max_pool(x, *, window, stride, padding, dilation, out):
    """The kernel of max_pool for two axes of space."""
    if not covered(x):
        return refused(TAKEN)
    axes = order(x)
    if axes:
        if x.dtype != np.float32:
            return refused(IN_LANES)
        z, indices = (empty_in(axes, (*x.shape[:2], *out), d) for d in (x.dtype, np.int64))
        settings = (window, stride, padding, dilation)
        in_lanes(largest_in_lanes, x, z, axes, settings, out[0], indices=indices)
        return z, indices
    setting = WINDOWS.get((window, stride, dilation))
    if setting is None:
        return refused(IN_PLANES)
    image = framed(x, out, *setting, padding, -math.inf)
    z = np.empty((*x.shape[:2], *out), x.dtype)
    indices = np.empty(z.shape, np.int64)
    maps = stack(z)
    largest(*setting)(x.size, len(maps), stack(image), maps, stack(indices))
    if image is not x:
        h, w = x.shape[2:]
        i, j = np.divmod(indices, image.shape[3])
        # Where nothing is larger than the border, its nearest element stands for it.
        indices = (i - padding[0]).clip(0, h - 1) * w + (j - padding[1]).clip(0, w - 1)
    return z, indices


def unpool(u, indices, *, space):
    """The kernel of unpool for two axes of space."""
    if not covered(u) or indices.dtype != np.int64 or indices.shape != u.shape:
        return refused(f"{TAKEN}, and as many int64 indices")
    n, c = u.shape[:2]
    axes = order(u)
    if axes:
        z = empty_in(axes, (n, c, *space), u.dtype)
        count, lanes = u.shape[axes[0]], u.shape[axes[-1]]
        fits = np.ones(count, bool)
        flat = [ordered(a, axes).reshape(count, -1, lanes) for a in (u, indices, z)]
        rows_put(z.size, count, *flat, fits)
    else:
        z = np.zeros((n, c, *space), u.dtype)
        fits = np.ones(n * c, bool)
        flat = [dense(a).reshape(n * c, -1) for a in (u, indices, z)]
        put(z.size, n * c, *flat, fits)
    return z if fits.all() else refused("an index lies outside the map")


def window_sum(x, *, window, stride, padding, dilation, out, factor=1.0):
    """The kernel of window_sum for two axes of space; the sums are multiplied by a factor."""
    if not covered(x):
        return refused(TAKEN)
    axes = order(x)
    if axes:
        if x.dtype != np.float32:
            return refused(IN_LANES)
        z = empty_in(axes, (*x.shape[:2], *out), x.dtype)
        settings = (window, stride, padding, dilation)
        in_lanes(total_in_lanes, x, z, axes, settings, out[0], factor)
        return z
    setting = WINDOWS.get((window, stride, dilation))
    if setting is None:
        return refused(IN_PLANES)
    z = np.empty((*x.shape[:2], *out), x.dtype)
    maps = stack(z)
    image = stack(framed(x, out, *setting, padding, 0))
    total(*setting)(x.size, len(maps), image, factor, maps)
    return z


def window_mean(x, *, count, **settings):
    """The kernel of window_mean for two axes of space."""
    return window_sum(x, **settings, factor=1 / count)


def window_sum_dx(u, *, space, window, stride, padding, dilation, factor=1.0):
    """The kernel of window_sum_dx for two axes of space; u is multiplied by a factor."""
    if not covered(u):
        return refused(TAKEN)
    axes = order(u)
    if axes:
        if u.dtype != np.float32:
            return refused(IN_LANES)
        z = empty_in(axes, (*u.shape[:2], *space), u.dtype)
        settings = (window, stride, padding, dilation)
        in_lanes(total_dx_in_lanes, z, u, axes, settings, space[0], factor)
        return z
    setting = WINDOWS.get((window, stride, dilation))
    if setting is None:
        return refused(IN_PLANES)
    z = np.zeros((*u.shape[:2], *space), u.dtype)
    image = framed(z, u.shape[2:], *setting, padding, 0)
    maps = stack(u)
    total_dx(*setting)(z.size, len(maps), maps, factor, stack(image))
    if image is not z:
        (top, left), (h, w) = padding, space
        z[...] = image[:, :, top : top + h, left : left + w]
    return z


def window_mean_dx(u, *, count, **settings):
    """The kernel of window_mean_dx for two axes of space."""
    return window_sum_dx(u, **settings, factor=1 / count)
