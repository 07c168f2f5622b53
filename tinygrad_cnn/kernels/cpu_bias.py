"""The gradient of a bias per channel on the CPU: sums over samples and places, however these lie.

Lines of memory are summed first, then what they gave: so results are the same for every number of
threads.
"""

import math

import numpy as np

from .compiled import FLOATS
from .layout import order, ordered, orders
from .parallel import arguments, shared
from .served import refused

LINES = 256  # whose sums are made together where channels lie innermost
TAKEN = "it is compiled for float32 or float64, of two axes or more"


@shared
def sums(task, first, last, part):
    """The sum of each line of x."""
    x, z = arguments(task)
    for m in range(first, last):
        line = x[m]
        total = x.dtype.type(0)
        for i in range(line.size):
            total += line[i]
        z[m] = total


@shared
def sums_across(task, first, last, part):
    """The sum of every LINES lines of x."""
    x, z = arguments(task)
    for m in range(first, last):
        total = z[m]
        total[:] = 0
        for i in range(m * LINES, min((m + 1) * LINES, x.shape[0])):
            line = x[i]
            for c in range(total.size):
                total[c] += line[c]


def along(lines: np.ndarray) -> np.ndarray:
    """The sum of each line."""
    z = np.empty(len(lines), lines.dtype)
    sums(lines.size, len(z), lines, z)
    return z


def across(lines: np.ndarray) -> np.ndarray:
    """The sum of all lines, number by number."""
    while len(lines) > LINES:
        z = np.empty((-(-len(lines) // LINES), lines.shape[1]), lines.dtype)
        sums_across(lines.size, len(z), lines, z)
        lines = z
    z = np.empty(lines.shape[1], lines.dtype)
    sums_across(lines.size, 1, lines, z.reshape(1, -1))
    return z


def bias_dx(g):
    """The kernel of bias_dx."""
    if type(g) is not np.ndarray or g.dtype not in FLOATS or g.ndim < 2 or not g.size:
        return refused(TAKEN)
    n, channels = g.shape[:2]
    rows, columns = orders(g.ndim)
    axes = order(g)
    if axes == rows or (g.ndim == 2 and axes != columns):
        return across(ordered(g, rows).reshape(-1, channels))
    if axes == columns:
        z = along(ordered(g, columns).reshape(channels * math.prod(g.shape[2:3]), -1))
        return z if g.ndim == 2 else along(z.reshape(channels, -1))
    lines = ordered(g, range(g.ndim)).reshape(n * channels, -1)
    return across(along(lines).reshape(n, channels))
