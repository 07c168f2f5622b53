"""Pooling in two dimensions on the CPU, compiled by Numba: each window in one sweep over memory.

There is one machine code for each size and step of windows, in which these are constants: the
compiler then unrolls the loops over a window and computes neighbouring windows together.
"""

import functools
import math
from collections.abc import Callable

import numpy as np

from .compiled import FLOATS, compiled, dense

# The windows that networks have: 2x2 or 3x3, at most as far apart as they are wide. The others are
# left to the bodies, lest each new setting wait for the compiler.
WINDOWS = {((r, r), (s, s), (1, 1)): (r, s) for r in (2, 3) for s in range(1, r + 1)}


@functools.cache
def largest(size: int, step: int) -> Callable:
    """A function that writes each window's largest element, and its place in the map; nan wins."""

    @compiled
    def kernel(x, z, indices):
        line = x.shape[2]
        maps, rows, columns = z.shape
        for m in range(maps):
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

    @compiled
    def kernel(x, z):
        maps, rows, columns = z.shape
        for m in range(maps):
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

    @compiled
    def kernel(u, z):
        maps, rows, columns = u.shape
        for m in range(maps):
            for p in range(rows):
                for q in range(columns):
                    for r in range(size):
                        for s in range(size):
                            z[m, p * step + r, q * step + s] += u[m, p, q]

    return kernel


@compiled
def put(u, indices, z):
    """z[indices] += u in each map; stops and says False at an index that is outside."""
    maps, count = u.shape
    size = z.shape[1]
    for m in range(maps):
        for i in range(count):
            at = indices[m, i]
            if at < 0 or at >= size:
                return False
            z[m, at] += u[m, i]
    return True


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
    setting = WINDOWS.get((window, stride, dilation))
    if setting is None or not covered(x):
        return NotImplemented
    image = framed(x, out, *setting, padding, -math.inf)
    z = np.empty((*x.shape[:2], *out), x.dtype)
    indices = np.empty(z.shape, np.int64)
    largest(*setting)(stack(image), stack(z), stack(indices))
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
    z = np.zeros((*u.shape[:2], *space), u.dtype)
    maps = u.shape[0] * u.shape[1]
    flat = [dense(a).reshape(maps, -1) for a in (u, indices)]
    return z if put(*flat, z.reshape(maps, -1)) else NotImplemented


def window_sum(x, *, window, stride, padding, dilation, out):
    """The kernel of window_sum for two axes of space."""
    setting = WINDOWS.get((window, stride, dilation))
    if setting is None or not covered(x):
        return NotImplemented
    z = np.empty((*x.shape[:2], *out), x.dtype)
    total(*setting)(stack(framed(x, out, *setting, padding, 0)), stack(z))
    return z


def window_sum_dx(u, *, space, window, stride, padding, dilation):
    """The kernel of window_sum_dx for two axes of space."""
    setting = WINDOWS.get((window, stride, dilation))
    if setting is None or not covered(u):
        return NotImplemented
    z = np.zeros((*u.shape[:2], *space), u.dtype)
    image = framed(z, u.shape[2:], *setting, padding, 0)
    total_dx(*setting)(stack(u), stack(image))
    if image is not z:
        (top, left), (h, w) = padding, space
        z[...] = image[:, :, top : top + h, left : left + w]
    return z
