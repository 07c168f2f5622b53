"""Convolution in two dimensions on the CPU with the batch innermost, compiled by Numba.

As in the bodies, windows become columns and a convolution becomes a matrix product. What makes it
fast is where the numbers lie. Inside, the batch is the innermost axis: the numbers that one weight
meets along a row of windows are then neighbours in memory for any width, and a column is copied in
long runs. The columns are made and used PANEL at a time, so that they stay in the cache, and the
products work on blocks of 3 x 4 numbers, so that each number that is read is used several times.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from .compiled import compiled, dense
from .shapes import out_size

PANEL = 256  # columns at a time; a constant, from which the compiler knows that rows do not overlap

# The compiler may fuse multiply-adds and reorder sums, which keeps the bound that every order of
# summation has; nan and infinity stay what they are.
fused = functools.partial(compiled, fastmath={"contract", "reassoc"})


class Frame(NamedTuple):
    """Where the numbers of a padded image (C, lines, line) lie, the batch innermost.

    Columns are sorted by their remainder modulo the stride: the windows of a row then begin side by
    side. top: the padding above. columns: the place of each of the image's columns in its line.
    taps: the place of the first window's elements, one for each column of the weight matrix. step:
    from a row of windows to the next. out: how many windows there are.
    """

    lines: int
    line: int
    top: int
    columns: np.ndarray
    taps: np.ndarray
    step: int
    out: tuple[int, int]


@functools.lru_cache(maxsize=512)
def frame(shape: tuple, window: tuple, stride: tuple, padding: tuple, dilation: tuple) -> Frame:
    """The frame of images (N, C, H, W) under these windows."""
    n, c, *space = shape
    sizes = [s + 2 * p for s, p in zip(space, padding, strict=True)]
    out = tuple(map(out_size, space, window, stride, padding, dilation))
    over, along = stride
    pitch = -(-sizes[1] // along)  # columns of one remainder
    line = along * pitch * n

    def place(column: np.ndarray) -> np.ndarray:
        return (column % along * pitch + column // along) * n

    channel, r, s = np.ogrid[:c, : window[0], : window[1]]
    taps = (channel * sizes[0] + r * dilation[0]) * line + place(s * dilation[1])
    columns = place(np.arange(space[1]) + padding[1])
    return Frame(sizes[0], line, padding[0], columns, taps.ravel(), over * line, out)


def room(rows: int, columns: int, dtype: np.dtype) -> np.ndarray:
    """A matrix of zeros, padded: at least this large, and made of blocks of 3 x 4 numbers."""
    return np.zeros((-(-rows // 3) * 3, -(-columns // 4) * 4), dtype)


@fused
def pack(x, packed, lines, line, top, columns):
    """x (N, C, H, W) into its frame, whose border is left as it is."""
    n, c, h, w = x.shape
    for i in range(c):
        for j in range(h):
            start = (i * lines + top + j) * line
            row = packed[start : start + line]
            for m in range(n):
                for k in range(w):
                    row[columns[k] + m] = x[m, i, j, k]


@fused
def unpack(packed, bias, x, lines, line, top, columns):
    """The inner part of a frame into x (N, C, H, W), plus one number per channel."""
    n, c, h, w = x.shape
    for i in range(c):
        for j in range(h):
            start = (i * lines + top + j) * line
            row = packed[start : start + line]
            for m in range(n):
                for k in range(w):
                    x[m, i, j, k] = row[columns[k] + m] + bias[i]


@fused
def gather(packed, cols, taps, step, run, first, count):
    """Columns first, first + 1, ... of the matrix of windows, into the rows of cols."""
    for t in range(taps.size):
        done = 0
        while done < count:
            row, start = divmod(first + done, run)
            length = min(run - start, count - done)
            place = taps[t] + row * step + start
            source = packed[place : place + length]
            target = cols[t * PANEL + done : t * PANEL + done + length]
            for i in range(length):
                target[i] = source[i]
            done += length


@fused
def scatter(packed, cols, taps, step, run, first, count):
    """The reverse of gather: the columns are added where they were taken from."""
    for t in range(taps.size):
        done = 0
        while done < count:
            row, start = divmod(first + done, run)
            length = min(run - start, count - done)
            place = taps[t] + row * step + start
            target = packed[place : place + length]
            source = cols[t * PANEL + done : t * PANEL + done + length]
            for i in range(length):
                target[i] += source[i]
            done += length


@fused
def take(u, y, first, count):
    """Columns first, first + 1, ... of the matrix u, into the rows of y."""
    for k in range(u.shape[0]):
        for i in range(count):
            y[k * PANEL + i] = u[k, first + i]


@fused
def product(a, cols, z, count):
    """z = a @ cols for a of shape (K, T), padded, and `count` columns."""
    rows, taps = a.shape
    for k in range(0, rows, 3):
        y = z[k * PANEL : (k + 3) * PANEL]
        for i in range(y.size):
            y[i] = 0
        for t in range(0, taps, 4):
            x = cols[t * PANEL : (t + 4) * PANEL]
            a00, a01, a02, a03 = a[k, t], a[k, t + 1], a[k, t + 2], a[k, t + 3]
            a10, a11, a12, a13 = a[k + 1, t], a[k + 1, t + 1], a[k + 1, t + 2], a[k + 1, t + 3]
            a20, a21, a22, a23 = a[k + 2, t], a[k + 2, t + 1], a[k + 2, t + 2], a[k + 2, t + 3]
            for i in range(count):
                x0, x1, x2, x3 = x[i], x[i + PANEL], x[i + 2 * PANEL], x[i + 3 * PANEL]
                y[i] += a00 * x0 + a01 * x1 + a02 * x2 + a03 * x3
                y[i + PANEL] += a10 * x0 + a11 * x1 + a12 * x2 + a13 * x3
                y[i + 2 * PANEL] += a20 * x0 + a21 * x1 + a22 * x2 + a23 * x3


@fused
def add_products(u, cols, z, count):
    """z += u @ cols.T for z of shape (K, T), padded, over `count` columns."""
    rows, taps = z.shape
    for k in range(0, rows, 3):
        y = u[k * PANEL : (k + 3) * PANEL]
        for t in range(0, taps, 4):
            x = cols[t * PANEL : (t + 4) * PANEL]
            s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = s20 = s21 = s22 = s23 = z.dtype.type(0)
            for i in range(count):
                x0, x1, x2, x3 = x[i], x[i + PANEL], x[i + 2 * PANEL], x[i + 3 * PANEL]
                y0, y1, y2 = y[i], y[i + PANEL], y[i + 2 * PANEL]
                s00 += y0 * x0
                s01 += y0 * x1
                s02 += y0 * x2
                s03 += y0 * x3
                s10 += y1 * x0
                s11 += y1 * x1
                s12 += y1 * x2
                s13 += y1 * x3
                s20 += y2 * x0
                s21 += y2 * x1
                s22 += y2 * x2
                s23 += y2 * x3
            z[k, t] += s00
            z[k, t + 1] += s01
            z[k, t + 2] += s02
            z[k, t + 3] += s03
            z[k + 1, t] += s10
            z[k + 1, t + 1] += s11
            z[k + 1, t + 2] += s12
            z[k + 1, t + 3] += s13
            z[k + 2, t] += s20
            z[k + 2, t + 1] += s21
            z[k + 2, t + 2] += s22
            z[k + 2, t + 3] += s23


@fused
def correlate(packed, taps, step, run, a, z):
    """z (K, columns) = a @ the columns of a frame; a is padded."""
    rows, count = z.shape
    cols = np.zeros(a.shape[1] * PANEL, z.dtype)
    y = np.empty(a.shape[0] * PANEL, z.dtype)
    for first in range(0, count, PANEL):
        width = min(PANEL, count - first)
        gather(packed, cols, taps, step, run, first, width)
        product(a, cols, y, width)
        for k in range(rows):
            for i in range(width):
                z[k, first + i] = y[k * PANEL + i]


@fused
def spread(u, a, packed, taps, step, run):
    """The frame gets a @ u added where the columns were taken from; a (T, K) is padded,
    u (K, columns)."""
    count = u.shape[1]
    y = np.zeros(a.shape[1] * PANEL, u.dtype)
    cols = np.empty(a.shape[0] * PANEL, u.dtype)
    for first in range(0, count, PANEL):
        width = min(PANEL, count - first)
        take(u, y, first, width)
        product(a, y, cols, width)
        scatter(packed, cols, taps, step, run, first, width)


@fused
def weigh(u, packed, taps, step, run, z):
    """z (K, T) += u (K, columns) times the columns of a frame; z is padded."""
    count = u.shape[1]
    y = np.zeros(z.shape[0] * PANEL, u.dtype)
    cols = np.zeros(z.shape[1] * PANEL, u.dtype)
    for first in range(0, count, PANEL):
        width = min(PANEL, count - first)
        take(u, y, first, width)
        gather(packed, cols, taps, step, run, first, width)
        add_products(y, cols, z, width)


def padded(a: np.ndarray) -> np.ndarray:
    """The matrix a with zeros up to whole blocks."""
    z = room(*a.shape, a.dtype)
    z[: a.shape[0], : a.shape[1]] = a
    return z


def matrix(w: np.ndarray) -> np.ndarray:
    """Weights (K, C, R, S) as a matrix (K, C R S), whose columns are a frame's taps."""
    return w.reshape(w.shape[0], math.prod(w.shape[1:]))


def packed(x: np.ndarray, f: Frame) -> np.ndarray:
    """x in its frame, zeros around."""
    z = np.zeros(x.shape[1] * f.lines * f.line, x.dtype)
    pack(dense(x), z, f.lines, f.line, f.top, f.columns)
    return z


def unpacked(z: np.ndarray, bias: np.ndarray, shape: tuple, f: Frame) -> np.ndarray:
    """The array of this shape that lies in a frame, plus one number per channel."""
    x = np.empty(shape, z.dtype)
    unpack(z.ravel(), bias, x, f.lines, f.line, f.top, f.columns)
    return x


def bare(shape: tuple) -> Frame:
    """The frame of an array without padding, whose windows are its elements."""
    return frame(shape, (1, 1), (1, 1), (0, 0), (1, 1))


def conv(x, w, b, *, stride, padding, dilation, groups):
    """The kernel of conv for one group of channels and two axes of space."""
    bias = np.zeros(w.shape[0], w.dtype) if b is None else b
    f = frame(x.shape, w.shape[2:], stride, padding, dilation)
    shape = (x.shape[0], w.shape[0], *f.out)
    inner = bare(shape)
    z = np.empty((shape[1], inner.step * f.out[0]), x.dtype)
    correlate(packed(x, f), f.taps, f.step, inner.step, padded(matrix(w)), z)
    return unpacked(z, dense(bias), shape, inner)


def conv_dx(u, w, *, space, stride, padding, dilation, groups):
    """The kernel of conv_dx for one group of channels and two axes of space."""
    shape = (u.shape[0], w.shape[1], *space)
    f = frame(shape, w.shape[2:], stride, padding, dilation)
    inner = bare(u.shape)
    z = np.zeros(shape[1] * f.lines * f.line, u.dtype)
    y = packed(u, inner).reshape(u.shape[1], inner.step * f.out[0])
    spread(y, padded(matrix(w).T), z, f.taps, f.step, inner.step)
    return unpacked(z, np.zeros(shape[1], u.dtype), shape, f)


def conv_dw(u, x, *, window, stride, padding, dilation, groups):
    """The kernel of conv_dw for one group of channels and two axes of space."""
    shape = (u.shape[1], x.shape[1], *window)
    f = frame(x.shape, window, stride, padding, dilation)
    inner = bare(u.shape)
    taps = f.taps.size
    z = room(shape[0], taps, u.dtype)
    y = packed(u, inner).reshape(u.shape[1], inner.step * f.out[0])
    weigh(y, packed(x, f), f.taps, f.step, inner.step, z)
    dw = np.empty(shape, u.dtype)
    dw.reshape(shape[0], taps)[...] = z[: shape[0], :taps]
    return dw
