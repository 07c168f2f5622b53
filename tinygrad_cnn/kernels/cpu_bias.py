"""The gradient of a bias per channel on the CPU: sums over samples and places, however these lie.

Lines of memory are summed first, then what they gave, by NumPy: so results are the same for every
number of threads.
"""

import numpy as np

from .capture import noted
from .compiled import FLOATS
from .layout import order, ordered, orders
from .parallel import arguments, shared
from .served import refused

LINES = 256  # whose sums are made together where channels lie innermost
TAKEN = "it is compiled for float32 or float64 images"


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


def bias_dx(g):
    """The kernel of bias_dx."""
    if type(g) is not np.ndarray or g.dtype not in FLOATS or g.ndim < 3 or not g.size:
        return refused(TAKEN)
    n, channels = g.shape[:2]
    rows, columns = orders(g.ndim)
    axes = order(g)
    if axes == rows:
        lines = ordered(g, axes).reshape(-1, channels)
        z = np.empty((-(-len(lines) // LINES), channels), g.dtype)
        sums_across(g.size, len(z), lines, z)
        return noted(np.sum, z, 0)
    if axes == columns:
        lines = ordered(g, axes).reshape(channels * g.shape[2], -1)
        shape, axis = (channels, g.shape[2]), 1
    else:
        lines = ordered(g, range(g.ndim)).reshape(n * channels, -1)
        shape, axis = (n, channels), 0
    z = np.empty(len(lines), g.dtype)
    sums(g.size, len(z), lines, z)
    return noted(np.sum, z.reshape(shape), axis)
