"""Sums over axes on the CPU, of arrays that lie in planes, in rows or in columns.

Neighbouring axes that are all summed over, or all kept, are one. Those that are summed over go one
after the other, the innermost first: along lines of memory, or across them, number by number. Both
are cut into pieces that do not depend on the number of threads, nor do the results.
"""

import math

import numpy as np

from .capture import noted
from .compiled import FLOATS, dense
from .layout import empty_in
from .layout import order as order_of
from .parallel import arguments, shared
from .served import refused
from .shapes import reduced_axes

GAPS = "it is compiled for writable arrays without gaps, in planes, in rows or in columns"
PIECE = 4096  # numbers of a line that one item sums, or neighbours whose sums it makes
LINES = 256  # that one item sums across
TAKEN = "it is compiled for float32 or float64, of at least one number, in the dtype they have"


@shared
def sums_along(task, first, last, part):
    """The sum of every PIECE numbers of each line of x (lines, length)."""
    x, z = arguments(task)
    pieces = z.shape[1]
    for item in range(first, last):
        m, p = item // pieces, item % pieces
        line = x[m, p * PIECE : (p + 1) * PIECE]
        total = x.dtype.type(0)
        for i in range(line.size):
            total += line[i]
        z[m, p] = total


@shared
def sums_across(task, first, last, part):
    """The sum of every LINES lines of x (blocks, lines, length), number by number."""
    x, z = arguments(task)
    groups = z.shape[1]
    pieces = (x.shape[2] + PIECE - 1) // PIECE
    for item in range(first, last):
        block, p = item // pieces, item % pieces
        m, group = block // groups, block % groups
        total = z[m, group, p * PIECE : (p + 1) * PIECE]
        total[:] = 0
        for i in range(group * LINES, min((group + 1) * LINES, x.shape[1])):
            line = x[m, i, p * PIECE : (p + 1) * PIECE]
            for k in range(total.size):
                total[k] += line[k]


def summed(x: np.ndarray, z: np.ndarray) -> None:
    """Write the sum of the lines of each block of x (blocks, lines, length) into a vector z."""
    blocks, lines, length = x.shape
    groups = -(-lines // (PIECE if length == 1 else LINES))
    found = z if groups == 1 else np.empty(blocks * groups * length, x.dtype)
    if length == 1:
        sums_along(x.size, found.size, x.reshape(blocks, lines), found.reshape(blocks, groups))
    else:
        items = blocks * groups * -(-length // PIECE)
        sums_across(x.size, items, x, found.reshape(blocks, groups, length))
    if groups > 1:
        summed(found.reshape(blocks, groups, length), z)


def across(lines: np.ndarray) -> np.ndarray:
    """The sum of all lines, number by number."""
    z = np.empty(lines.shape[1], lines.dtype)
    summed(lines[None], z)
    return z


def grouped(sizes: tuple[int, ...], summed: list[bool]) -> list[tuple[int, bool]]:
    """Neighbouring axes made one: how many numbers they have, and whether these are summed. The
    last of all sums single numbers where there is nothing else to sum."""
    groups = []
    for size, over in zip(sizes, summed, strict=True):
        if size == 1:
            continue
        if groups and groups[-1][1] == over:
            size *= groups.pop()[0]
        groups.append((size, over))
    return groups if any(over for _, over in groups) else [*groups, (1, True)]


def settled(x: np.ndarray) -> np.ndarray:
    """x with memory for each of its numbers: where it was broadcast, the copy that a recording
    would keep of it, so that replays add up in the same order."""
    broadcast = any(size > 1 and not step for size, step in zip(x.shape, x.strides, strict=True))
    return noted(np.array, x, order="K") if broadcast else x


def total(x: np.ndarray, axes: tuple[int, ...], keepdim: bool) -> np.ndarray:
    """The sum over these axes, which lies as x does."""
    if type(x) is not np.ndarray or x.dtype not in FLOATS or not x.size or not axes:
        return refused(TAKEN)
    x = settled(x)
    order = order_of(x) or range(x.ndim)
    z = x.transpose(order)
    if not z.flags.carray:
        return refused(GAPS)
    left = order if keepdim else [axis for axis in order if axis not in axes]
    places = sorted(left)
    shape = [1 if axis in axes else x.shape[axis] for axis in places]
    result = empty_in(tuple(map(places.index, left)), shape, x.dtype)
    groups = grouped(z.shape, [axis in axes for axis in order])
    length = 1  # of what is kept behind
    for i in reversed(range(len(groups))):
        count, over = groups[i]
        if not over:
            length *= count
            continue
        blocks = math.prod(size for size, _ in groups[:i])
        is_last = blocks * length == result.size
        found = result.ravel("K") if is_last else np.empty(blocks * length, x.dtype)
        summed(z.reshape(blocks, count, length), found)
        z = found
    return result


def sum(x, *, dim, keepdim, dtype):
    """The kernel of sum."""
    if dtype not in (None, x.dtype):
        return refused(TAKEN)
    return total(x, reduced_axes(x.ndim, dim), keepdim)


def mean(x, *, dim, keepdim, dtype):
    """The kernel of mean."""
    z = sum(x, dim=dim, keepdim=keepdim, dtype=dtype)
    if z is not NotImplemented:
        z *= z.size / x.size
    return z


def sum_to(x, *, shape):
    """The kernel of sum_to."""
    lead = x.ndim - len(shape)
    axes = [i + lead for i, s in enumerate(shape) if s == 1 and x.shape[i + lead] != 1]
    z = total(x, (*range(lead), *axes), keepdim=True)
    return z if z is NotImplemented or not lead else z.reshape(shape)


def bias_dx(g):
    """The kernel of bias_dx."""
    if type(g) is not np.ndarray or g.ndim < 2:
        return refused(TAKEN)
    g = settled(g)
    g = g if order_of(g) else dense(g)
    return total(g, (0, *range(2, g.ndim)), keepdim=False)
