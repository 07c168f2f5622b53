"""The windows of images, gathered by NumPy for matrix products, in buffers that are used again.

Images lie in rows: the channels innermost, under the shape (N, C, *space). So a few neighbouring
elements of a window are one piece of memory, and windows are gathered about as fast as memory is
copied. It is done for a few lines of results at a time, which stay in the cache.
"""

import math
import threading

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .layout import empty_in, innermost, orders
from .portions import threads_for
from .windows import Axis

Piece = tuple[slice, slice]  # images, and lines of each

LIMIT = 1 << 19  # numbers that are gathered at once: most stay in the cache
SHORT = 16  # numbers in a piece of memory: shorter ones are gathered by element of the window


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

    def copied(self, name: str, x: np.ndarray) -> np.ndarray:
        """x, contiguous: itself, or a copy in the buffer."""
        if x.flags.c_contiguous:
            return x
        z = self.take(name, x.shape, x.dtype)
        z[...] = x
        return z


ROOM = Room()


def in_rows(x: np.ndarray) -> np.ndarray:
    """x (N, C, *space) as (N, *space, C), contiguous; copied only where it does not lie so."""
    return np.ascontiguousarray(innermost(x))


def empty_rows(shape: tuple, dtype: np.dtype) -> np.ndarray:
    """A new array (N, C, *space) that lies in rows."""
    return empty_in(orders(len(shape))[0], shape, dtype)


def pieces(x: np.ndarray, axes: tuple[Axis, ...], weights: int = 0) -> list[Piece]:
    """All results, so many at once that about LIMIT numbers of x (N, *space, C) are gathered.

    weights: how many numbers each piece meets; fetching them is to be worth it. Every thread gets
    as many pieces as the others, if it is worth their while.
    """
    lines = axes[0].count
    line = math.prod(len(axis.taps) for axis in axes) * x.shape[-1]
    line *= math.prod(axis.count for axis in axes[1:])
    total = len(x) * lines * line
    each = -(-total // threads_for(total))
    limit = each / -(-each // max(LIMIT, weights))
    if limit >= lines * line:
        many = round(limit / (lines * line))
        return [(slice(n, n + many), slice(0, lines)) for n in range(0, len(x), many)]
    step = math.ceil(lines / max(1, round(lines * line / limit)))
    starts = range(0, lines, step)
    return [
        (slice(n, n + 1), slice(p, min(p + step, lines))) for n in range(len(x)) for p in starts
    ]


def framed(x: np.ndarray, axes: tuple[Axis, ...], border: float = 0) -> np.ndarray:
    """The part of x (N, *space, C) that windows reach, with `border` where there is none."""
    starts = [-axis.before for axis in axes]
    ends = [(a.count - 1) * a.step - a.before + a.span for a in axes]
    inner = [
        slice(*(min(max(place, 0), size) for place in (first, last)))
        for first, last, size in zip(starts, ends, x.shape[1:-1], strict=True)
    ]
    part = x[(slice(None), *inner)]
    sizes = [last - first for first, last in zip(starts, ends, strict=True)]
    shape = (len(x), *sizes, x.shape[-1])
    if part.shape == shape:
        return part
    z = ROOM.take("frame", shape, x.dtype)
    z[...] = border
    inside = (slice(i.start - s, i.stop - s) for i, s in zip(inner, starts, strict=True))
    z[(slice(None), *inside)] = part
    return z


def windows(
    x: np.ndarray, axes: tuple[Axis, ...], images: slice, lines: slice, border: float = 0
) -> np.ndarray:
    """The windows of these lines of results of these images, as a view.

    Shape: x (N, *space, C) -> (images, *places, *elements of a window, C).
    """
    first = axes[0]
    before = first.before - lines.start * first.step
    first = first._replace(before=before, count=lines.stop - lines.start)
    axes = (first, *axes[1:])
    frame = framed(x[images], axes, border)
    image, *space, channel = frame.strides
    over = [s * axis.step for s, axis in zip(space, axes, strict=True)]
    apart = [axis.offsets[1] if len(axis.offsets) > 1 else 1 for axis in axes]
    within = [s * a for s, a in zip(space, apart, strict=True)]
    places, elements = [axis.count for axis in axes], [len(axis.taps) for axis in axes]
    shape = (len(frame), *places, *elements, frame.shape[-1])
    return as_strided(frame, shape, (image, *over, *within, channel))


def gathered(x: np.ndarray, axes: tuple[Axis, ...], images: slice, lines: slice) -> np.ndarray:
    """The windows of these lines of results of these images, as rows of a matrix.

    Shape: x (N, *space, C) -> (images * places, elements of a window * C).
    """
    view = windows(x, axes, images, lines)
    inside = len(axes) + 1
    places = math.prod(view.shape[:inside])
    if math.prod(view.shape[-2:]) >= SHORT:
        return ROOM.copied("windows", view).reshape(places, -1)
    view = view.transpose(*range(inside, view.ndim), *range(inside))
    return ROOM.copied("windows", view).reshape(-1, places).T


def gathered_as_weights(x: np.ndarray, axes: tuple[Axis, ...]) -> np.ndarray:
    """All windows, their elements in the order of weights (K, C, *window), as rows of a matrix.

    Shape: x (N, *space, C) -> (N * places, C * elements of a window).
    """
    view = windows(x, axes, slice(None), slice(0, axes[0].count))
    inside = len(axes) + 1
    places = math.prod(view.shape[:inside])
    view = view.transpose(-1, *range(inside, view.ndim - 1), *range(inside))
    return ROOM.copied("windows", view).reshape(-1, places).T
