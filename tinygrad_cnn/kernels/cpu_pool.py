"""Pooling in two dimensions on the CPU, compiled by Numba: each window in one sweep over memory.

Images are taken as they lie, see `layout`. In rows the channels of a place are worked on together,
whatever the windows. In planes neighbouring windows are: there is one machine code for each size
and step of windows, in which these are constants, so that the compiler unrolls the loops.
"""

import functools
import math
from collections.abc import Callable

import numba
import numpy as np

from .compiled import FLOATS, dense
from .layout import as_rows, empty, in_rows
from .parallel import threaded

# The windows that networks have: 2x2 or 3x3, at most as far apart as they are wide. In planes the
# others are left to the bodies, lest each new setting wait for the compiler.
WINDOWS = {((r, r), (s, s), (1, 1)): (r, s) for r in (2, 3) for s in range(1, r + 1)}


# --- in planes ------------------------------------------------------------------------------------


@functools.cache
def largest(size: int, step: int) -> Callable:
    """A function that writes each window's largest element, and its place in the map; nan wins."""

    @threaded
    def kernel(x, z, indices):
        line = x.shape[2]
        maps, rows, columns = z.shape
        for m in numba.prange(maps):
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
    """A function that writes each window's sum."""

    @threaded
    def kernel(x, z):
        maps, rows, columns = z.shape
        for m in numba.prange(maps):
            for p in range(rows):
                for q in range(columns):
                    v = x.dtype.type(0)
                    for r in range(size):
                        for s in range(size):
                            v += x[m, p * step + r, q * step + s]
                    z[m, p, q] = v

    return kernel


@functools.cache
def total_dx(size: int, step: int) -> Callable:
    """A function that adds each number of u wherever its window lies in z."""

    @threaded
    def kernel(u, z):
        maps, rows, columns = u.shape
        for m in numba.prange(maps):
            for p in range(rows):
                for q in range(columns):
                    for r in range(size):
                        for s in range(size):
                            z[m, p * step + r, q * step + s] += u[m, p, q]

    return kernel


@threaded
def put(u, indices, z, fits):
    """z[indices] += u in each map; where an index is outside it stops, and the map does not fit."""
    maps, count = u.shape
    size = z.shape[1]
    for m in numba.prange(maps):
        for i in range(count):
            at = indices[m, i]
            if at < 0 or at >= size:
                fits[m] = False
                break
            z[m, at] += u[m, i]


# --- in rows --------------------------------------------------------------------------------------

# Settings come as two whole numbers each, for the axes of space: windows, steps, paddings and
# dilations. A window's element in the border is passed over.


@threaded
def rows_largest(x, window, step, padding, dilation, z, indices):
    """The largest element of each window, and its place in the map; nan wins."""
    n, h, w, c = x.shape
    _, ps, qs, _ = z.shape
    for m in numba.prange(n * ps):
        k, p = m // ps, m % ps
        top = p * step[0] - padding[0]
        for q in range(qs):
            left = q * step[1] - padding[1]
            best, where = z[k, p, q], indices[k, p, q]
            # Where nothing is larger than the border, the image's nearest element stands for it.
            best[:] = -np.inf
            where[:] = min(max(top, 0), h - 1) * w + min(max(left, 0), w - 1)
            for r in range(window[0]):
                i = top + r * dilation[0]
                for s in range(window[1]):
                    j = left + s * dilation[1]
                    if i < 0 or i >= h or j < 0 or j >= w:
                        continue
                    row = x[k, i, j]
                    for a in range(c):
                        v = row[a]
                        better = (v > best[a]) | (v != v)
                        best[a] = v if better else best[a]
                        where[a] = i * w + j if better else where[a]


@threaded
def rows_total(x, window, step, padding, dilation, z):
    """The sum of each window."""
    n, h, w, c = x.shape
    _, ps, qs, _ = z.shape
    for m in numba.prange(n * ps):
        k, p = m // ps, m % ps
        for q in range(qs):
            sums = z[k, p, q]
            sums[:] = 0
            for r in range(window[0]):
                i = p * step[0] - padding[0] + r * dilation[0]
                for s in range(window[1]):
                    j = q * step[1] - padding[1] + s * dilation[1]
                    if i < 0 or i >= h or j < 0 or j >= w:
                        continue
                    row = x[k, i, j]
                    for a in range(c):
                        sums[a] += row[a]


@threaded
def rows_total_dx(u, window, step, padding, dilation, z):
    """Zeros to which each number of u is added wherever its window lies."""
    n, h, w, c = z.shape
    _, ps, qs, _ = u.shape
    for k in numba.prange(n):
        z[k] = 0
        for p in range(ps):
            for q in range(qs):
                row = u[k, p, q]
                for r in range(window[0]):
                    i = p * step[0] - padding[0] + r * dilation[0]
                    for s in range(window[1]):
                        j = q * step[1] - padding[1] + s * dilation[1]
                        if i < 0 or i >= h or j < 0 or j >= w:
                            continue
                        sums = z[k, i, j]
                        for a in range(c):
                            sums[a] += row[a]


@threaded
def rows_put(u, indices, z, fits):
    """Zeros to which u is added at `indices`; where one is outside, its sample does not fit."""
    n, count, c = u.shape
    for k in numba.prange(n):
        z[k] = 0
        for i in range(count):
            for a in range(c):
                at = indices[k, i, a]
                if at < 0 or at >= z.shape[1]:
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


def max_pool(x, *, window, stride, padding, dilation, out):
    """The kernel of max_pool for two axes of space."""
    if not covered(x):
        return NotImplemented
    if in_rows(x):
        z, indices = (empty((*x.shape[:2], *out), d, rows=True) for d in (x.dtype, np.int64))
        settings = map(tuple, (window, stride, padding, dilation))
        rows_largest(x.size, as_rows(x), *settings, as_rows(z), as_rows(indices))
        return z, indices
    setting = WINDOWS.get((window, stride, dilation))
    if setting is None:
        return NotImplemented
    image = framed(x, out, *setting, padding, -math.inf)
    z = np.empty((*x.shape[:2], *out), x.dtype)
    indices = np.empty(z.shape, np.int64)
    largest(*setting)(x.size, stack(image), stack(z), stack(indices))
    if image is not x:
        h, w = x.shape[2:]
        i, j = np.divmod(indices, image.shape[3])
        # Where nothing is larger than the border, its nearest element stands for it.
        indices = (i - padding[0]).clip(0, h - 1) * w + (j - padding[1]).clip(0, w - 1)
    return z, indices


def unpool(u, indices, *, space):
    """The kernel of unpool for two axes of space."""
    if not covered(u) or indices.dtype != np.int64 or indices.shape != u.shape:
        return NotImplemented
    n, c = u.shape[:2]
    if in_rows(u):
        z = empty((n, c, *space), u.dtype, rows=True)
        fits = np.ones(n, bool)
        flat = [as_rows(a).reshape(n, -1, c) for a in (u, indices, z)]
        rows_put(z.size, *flat, fits)
    else:
        z = np.zeros((n, c, *space), u.dtype)
        fits = np.ones(n * c, bool)
        flat = [dense(a).reshape(n * c, -1) for a in (u, indices, z)]
        put(z.size, *flat, fits)
    return z if fits.all() else NotImplemented


def window_sum(x, *, window, stride, padding, dilation, out):
    """The kernel of window_sum for two axes of space."""
    if not covered(x):
        return NotImplemented
    if in_rows(x):
        z = empty((*x.shape[:2], *out), x.dtype, rows=True)
        settings = map(tuple, (window, stride, padding, dilation))
        rows_total(x.size, as_rows(x), *settings, as_rows(z))
        return z
    setting = WINDOWS.get((window, stride, dilation))
    if setting is None:
        return NotImplemented
    z = np.empty((*x.shape[:2], *out), x.dtype)
    total(*setting)(x.size, stack(framed(x, out, *setting, padding, 0)), stack(z))
    return z


def window_sum_dx(u, *, space, window, stride, padding, dilation):
    """The kernel of window_sum_dx for two axes of space."""
    if not covered(u):
        return NotImplemented
    if in_rows(u):
        z = empty((*u.shape[:2], *space), u.dtype, rows=True)
        settings = map(tuple, (window, stride, padding, dilation))
        rows_total_dx(z.size, as_rows(u), *settings, as_rows(z))
        return z
    setting = WINDOWS.get((window, stride, dilation))
    if setting is None:
        return NotImplemented
    z = np.zeros((*u.shape[:2], *space), u.dtype)
    image = framed(z, u.shape[2:], *setting, padding, 0)
    total_dx(*setting)(z.size, stack(u), stack(image))
    if image is not z:
        (top, left), (h, w) = padding, space
        z[...] = image[:, :, top : top + h, left : left + w]
    return z
