"""Max pooling by NumPy alone, for images whose channels lie innermost.

Maxima come from whole lines of the images, element of the window by element. Where each of them was
is asked afterwards: the number of elements in front of the first that equals it, a byte each, says
which element of the window it is.
"""

import functools
import itertools
import math

import numpy as np

from .cpu_gather import ROOM, Piece, empty_rows, in_rows, pieces, windows
from .layout import in_rows as lies_in_rows
from .layout import innermost
from .portions import share
from .served import refused
from .windows import Axis

TAKEN = "it takes float32 and float64 in rows, windows of less than 256 elements, and no nan"


def largest(cells: np.ndarray, rank: int, z: np.ndarray, at: np.ndarray) -> None:
    """Write the largest element of each window in z, and in `at` the number of those before it.

    Shape: cells (n, *places, *window, C), z, at (n, *places, C); rank: the number of axes of space.
    """
    window = itertools.product(*map(range, cells.shape[1 + rank : -1]))
    skipped = (slice(None),) * (1 + rank)
    elements = [cells[(*skipped, *place)] for place in window]
    z[...] = elements[0]
    for element in elements[1:]:
        np.maximum(z, element, out=z)
    before = ROOM.take("before", z.shape, np.dtype(bool))
    other = ROOM.take("other", z.shape, np.dtype(bool))
    before[...] = True
    at[...] = 0
    for element in elements:
        np.not_equal(element, z, out=other)
        before &= other
        at += before.view(np.uint8)


@functools.lru_cache(maxsize=64)
def places_of(axes: tuple[Axis, ...], space: tuple) -> np.ndarray:
    """The index in the flattened space of each element of each window, within the image.

    Shape: (*out, elements of a window).
    """
    rank = len(axes)
    index = np.zeros((1,) * 2 * rank, np.int64)
    for i, (axis, size) in enumerate(zip(axes, space, strict=True)):
        along = np.arange(axis.count)[:, None] * axis.step - axis.before + np.array(axis.offsets)
        shape = [1] * 2 * rank
        shape[i], shape[rank + i] = along.shape
        index = index * size + along.clip(0, size - 1).reshape(shape)
    return index.reshape(*(axis.count for axis in axes), -1)


@np.errstate(all="ignore")
def max_pool(x, *, window, stride, padding, dilation, out):
    """The kernel of max_pool for arrays in rows."""
    size = math.prod(window)
    if x.dtype.char not in "fd" or not x.size or size > 255 or not lies_in_rows(x):
        return refused(TAKEN)
    axes = tuple(
        Axis(tuple(range(r)), tuple(range(0, r * d, d)), p, s, q, 0, 1)
        for r, d, p, s, q in zip(window, dilation, padding, stride, out, strict=True)
    )
    shape = (*x.shape[:2], *out)
    z, indices = empty_rows(shape, x.dtype), empty_rows(shape, np.dtype(np.int64))
    rows, best, where = in_rows(x), innermost(z), innermost(indices)
    table = places_of(axes, x.shape[2:])
    starts = np.arange(0, table.size, size).reshape(*out, 1)

    def work(portion: list[Piece]) -> bool:
        sound = True
        for images, lines in portion:
            part = best[images, lines]
            at = ROOM.take("at", part.shape, np.dtype(np.uint8))
            largest(windows(rows, axes, images, lines, -math.inf), len(out), part, at)
            sound = sound and not np.isnan(part).any()
            np.take(table, at + starts[lines], out=where[images, lines], mode="clip")
        return sound

    return (z, indices) if all(share(work, pieces(rows, axes))) else refused(TAKEN)


def unpool(u, indices, *, space):
    """The kernel of unpool for arrays in rows."""
    if not u.size or not lies_in_rows(indices):
        return refused(TAKEN)
    if indices.min() < 0 or indices.max() >= math.prod(space):
        return refused("an index lies outside the map")
    n, c = u.shape[:2]
    z = empty_rows((n, c, *space), u.dtype)
    z[...] = 0
    starts = np.arange(n).reshape(-1, *[1] * (u.ndim - 1)) * math.prod(space)
    flat = (in_rows(indices) + starts) * c + np.arange(c)
    np.add.at(innermost(z).reshape(-1), flat.ravel(), in_rows(u).ravel())
    return z
