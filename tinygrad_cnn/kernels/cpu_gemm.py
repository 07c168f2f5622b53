"""Convolution by NumPy alone, where there is no Numba: matrix products of gathered windows.

The windows of a few images become the columns of a matrix, in one buffer that is used again and
again, and the weights, as they lie, are multiplied with it. The gradient for the input is a
convolution too, of the output's gradient, see `windows`; that for the weights a product with the
same columns. Bodies do the same with the columns of all images at once, which for a deep network
is more memory than everything else.
"""

import itertools
import math
import sys
import threading

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .served import refused, served_by
from .windows import Axis, backward, forward

TAKEN = "it multiplies arrays of one dtype, float32 or float64, in one group of channels"
LIMIT = 1_000_000  # numbers in the columns that are multiplied at once: some stay in the cache


class Room(threading.local):
    """This thread's buffers, by name."""

    def __init__(self):
        self.buffers = {}

    def take(self, name: str, shape: tuple, dtype: np.dtype) -> np.ndarray:
        """An array of this shape in the buffer, with whatever numbers are there."""
        size = math.prod(shape) * dtype.itemsize
        buffer = self.buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self.buffers[name] = np.empty(size, np.uint8)
        return buffer[:size].view(dtype).reshape(shape)


ROOM = Room()


def pieces(x: np.ndarray, axes: tuple[Axis, ...]) -> list[tuple[slice, slice]]:
    """Images and lines of results whose columns are to be gathered at once."""
    lines = axes[0].count
    elements = math.prod(len(axis.taps) for axis in axes) * x.shape[1]
    line = elements * math.prod(axis.count for axis in axes[1:])
    many = LIMIT // (lines * line)
    if many:
        return [(slice(n, n + many), slice(0, lines)) for n in range(0, len(x), many)]
    step = max(1, LIMIT // line)
    starts = range(0, lines, step)
    return [(slice(n, n + 1), slice(p, p + step)) for n in range(len(x)) for p in starts]


def framed(x: np.ndarray, axes: tuple[Axis, ...]) -> np.ndarray:
    """The part of x (N, C, *space) that windows reach, with zeros where there is none."""
    starts = [-axis.before for axis in axes]
    ends = [(a.count - 1) * a.step - a.before + a.span for a in axes]
    inner = [
        slice(*(min(max(place, 0), size) for place in (first, last)))
        for first, last, size in zip(starts, ends, x.shape[2:], strict=True)
    ]
    part = x[(..., *inner)]
    shape = (*x.shape[:2], *(last - first for first, last in zip(starts, ends, strict=True)))
    if part.shape == shape:
        return part
    z = ROOM.take("frame", shape, x.dtype)
    z[...] = 0
    z[(..., *(slice(i.start - s, i.stop - s) for i, s in zip(inner, starts, strict=True)))] = part
    return z


def gathered(x: np.ndarray, axes: tuple[Axis, ...], images: slice, lines: slice) -> np.ndarray:
    """The windows of these lines of results of these images, as columns.

    Shape: x (N, C, *space) -> (C * elements of a window, images * places).
    """
    first = axes[0]
    count = min(lines.stop, first.count) - lines.start
    first = first._replace(before=first.before - lines.start * first.step, count=count)
    axes = (first, *axes[1:])
    frame = framed(x[images], axes)
    over = [s * axis.step for s, axis in zip(frame.strides[2:], axes, strict=True)]
    apart = [axis.offsets[1] if len(axis.offsets) > 1 else 1 for axis in axes]
    within = [s * a for s, a in zip(frame.strides[2:], apart, strict=True)]
    counts, window = [axis.count for axis in axes], [len(axis.taps) for axis in axes]
    shape = (frame.shape[1], *window, len(frame), *counts)
    columns = ROOM.take("columns", shape, x.dtype)
    columns[...] = as_strided(frame, shape, (frame.strides[1], *within, frame.strides[0], *over))
    return columns.reshape(-1, len(frame) * math.prod(counts))


def progression(taps: tuple[int, ...]) -> slice:
    """These elements of a window, which are evenly spaced, in this order."""
    step = taps[1] - taps[0] if len(taps) > 1 else 1
    stop = taps[-1] + step
    return slice(taps[0], stop if stop >= 0 else None, step)


def swept(x: np.ndarray, z: np.ndarray, axes: tuple[Axis, ...], weights: np.ndarray) -> None:
    """Write weights (K, C * elements) times the windows of x where the axes say in z."""
    z = z[(..., *(slice(axis.start, None, axis.spacing) for axis in axes))]
    for images, lines in pieces(x, axes):
        columns = gathered(x, axes, images, lines)
        target = z[images, :, lines]
        if len(target) == 1 and target.flags.c_contiguous:
            np.matmul(weights, columns, out=target.reshape(len(weights), -1))
        else:
            product = ROOM.take("product", (len(weights), columns.shape[1]), x.dtype)
            np.matmul(weights, columns, out=product)
            n, k, *places = target.shape
            target[...] = product.reshape(k, n, *places).swapaxes(0, 1)


def covered(x: np.ndarray, y: np.ndarray, groups: int) -> bool:
    """Whether arrays are of a kind that products are for, and there is one group of channels."""
    served_by(sys.modules[__name__])  # whichever module this one stands in for
    same = groups == 1 and x.dtype == y.dtype and x.dtype.char in "fd" and x.ndim == y.ndim
    return same and x.size > 0 and y.size > 0


@np.errstate(all="ignore")
def conv(x, w, b, *, stride, padding, dilation, groups):
    """The kernel of conv for one group of channels."""
    if not covered(x, w, groups) or x.shape[1] != w.shape[1]:
        return refused(TAKEN)
    axes = tuple(map(forward, x.shape[2:], w.shape[2:], stride, padding, dilation))
    if min(axis.count for axis in axes) < 1:
        return refused(TAKEN)
    z = np.empty((len(x), len(w), *(axis.count for axis in axes)), x.dtype)
    swept(x, z, axes, w.reshape(len(w), -1))
    if b is not None:
        z += b.reshape(-1, *[1] * len(axes))
    return z


@np.errstate(all="ignore")
def conv_dx(u, w, *, space, stride, padding, dilation, groups):
    """The kernel of conv_dx for one group of channels."""
    if not covered(u, w, groups) or u.shape[1] != len(w):
        return refused(TAKEN)
    channels = w.shape[1]
    z = np.zeros((len(u), channels, *space), u.dtype)
    w = w.swapaxes(0, 1)
    for axes in itertools.product(*map(backward, space, w.shape[2:], stride, padding, dilation)):
        taps = w[(..., *(progression(axis.taps) for axis in axes))]
        swept(u, z, axes, taps.reshape(channels, -1))
    return z


@np.errstate(all="ignore")
def conv_dw(u, x, *, window, stride, padding, dilation, groups):
    """The kernel of conv_dw for one group of channels."""
    if not covered(u, x, groups):
        return refused(TAKEN)
    axes = tuple(map(forward, x.shape[2:], window, stride, padding, dilation))
    z = None
    for images, lines in pieces(x, axes):
        columns = gathered(x, axes, images, lines)
        rows = u[images, :, lines].swapaxes(0, 1).reshape(u.shape[1], -1)
        product = rows @ columns.T
        z = product if z is None else np.add(z, product, out=z)
    return z.reshape(u.shape[1], x.shape[1], *window)
