"""Softmax and its logarithm on the CPU, swept over in the cache: along the last axis row by row,
along another, as over the classes of each pixel, many neighbours at a time.

Only for float32: exponentials are those of `exponential`. As in the bodies a row that holds nan or
infinity, or nothing but -infinity, becomes nan; -infinity beside other numbers has the share 0.
"""

import math

import numpy as np

from .compiled import dense
from .exponential import CONSTANTS, bits_of, exp_single, held, with_bits
from .parallel import arguments, fused, shared
from .served import refused

TAKEN = "it is compiled for float32"
PIECE = 1024  # neighbours that are worked on at a time
LOWEST = np.float32(-87.0)  # of what exp_single makes of smaller numbers
NOTHING = np.float32(0.0)
SIGN = np.int32(31)  # its bit
SIZE = np.int32(0x7FFFFFFF)  # the bits of a number's size
INFINITE = np.int32(0x7F800000)  # the bits of infinity; nan's are more


@fused
def turned(bits):
    """The bits of a float32 number so that whole numbers are in the order of the numbers; and back.

    The compiler finds the largest of whole numbers many at a time, of others only one by one.
    """
    return np.int32(bits ^ (np.int32(bits >> SIGN) & SIZE))


@fused
def largest_of(x):
    """The largest number of x; nan where softmax is nan."""
    largest = turned(bits_of(x[0]))
    size = np.int32(0)
    for k in range(x.size):
        bits = bits_of(x[k])
        key = turned(bits)
        largest = key if key > largest else largest
        own = np.int32(bits & SIZE)
        size = own if own > size else size
    number = with_bits(turned(largest))
    return np.float32(np.nan) if size > INFINITE or not np.isfinite(number) else number


@fused
def share(distance, constants):
    """e^distance, of a number that is at most 0."""
    z = exp_single(distance, constants)
    return z if distance > LOWEST else NOTHING


@shared
def shares(task, first, last, part):
    """softmax of each row of x."""
    x, table, z = arguments(task)
    constants = held(table, 0)
    for n in range(first, last):
        row, out = x[n], z[n]
        largest = largest_of(row)
        total = NOTHING
        for k in range(row.size):
            out[k] = share(row[k] - largest, constants)
            total += out[k]
        scale = np.float32(1.0) / total if largest == largest else largest
        for k in range(row.size):
            out[k] *= scale


@shared
def shares_dx(task, first, last, part):
    """z (g - Σ g z) of each row."""
    g, z, _, dx = arguments(task)
    for n in range(first, last):
        slope, row, out = g[n], z[n], dx[n]
        total = NOTHING
        for k in range(row.size):
            total += slope[k] * row[k]
        for k in range(row.size):
            out[k] = row[k] * (slope[k] - total)


@shared
def logarithms(task, first, last, part):
    """log softmax of each row of x."""
    x, table, z = arguments(task)
    constants = held(table, 0)
    for n in range(first, last):
        row, out = x[n], z[n]
        largest = largest_of(row)
        total = NOTHING
        for k in range(row.size):
            total += share(row[k] - largest, constants)
        rest = np.float32(math.log(total)) if largest == largest else largest
        for k in range(row.size):
            out[k] = (row[k] - largest) - rest


@shared
def logarithms_dx(task, first, last, part):
    """g - e^z Σ g of each row."""
    g, z, table, dx = arguments(task)
    constants = held(table, 0)
    for n in range(first, last):
        slope, row, out = g[n], z[n], dx[n]
        total = NOTHING
        for k in range(row.size):
            total += slope[k]
        for k in range(row.size):
            out[k] = slope[k] - share(row[k], constants) * total


# --- along another axis ---------------------------------------------------------------------------

# Arrays are (blocks, count, inner): of `count` numbers, which lie `inner` apart, each has a share.
# For PIECE neighbours at a time there are two lines to remember something in: (blocks, 2, inner).


@fused
def largest_across(x, m, p, most):
    """Write the largest number of each column in `most`; nan where softmax is nan."""
    for i in range(most.size):
        most[i] = x[m, 0, p + i]
    for c in range(1, x.shape[1]):
        line = x[m, c, p : p + PIECE]
        for i in range(most.size):
            v = line[i]
            most[i] = v if (v > most[i]) | (v != v) else most[i]
    for i in range(most.size):
        most[i] = most[i] if np.isfinite(most[i]) else np.float32(np.nan)


@shared
def shares_across(task, first, last, part):
    """softmax of each column of x."""
    x, lines, table, z = arguments(task)
    constants = held(table, 0)
    pieces = (x.shape[2] + PIECE - 1) // PIECE
    for item in range(first, last):
        m, p = item // pieces, item % pieces * PIECE
        most, total = lines[m, 0, p : p + PIECE], lines[m, 1, p : p + PIECE]
        largest_across(x, m, p, most)
        total[:] = 0
        for c in range(x.shape[1]):
            line, out = x[m, c, p : p + PIECE], z[m, c, p : p + PIECE]
            for i in range(total.size):
                out[i] = share(line[i] - most[i], constants)
                total[i] += out[i]
        for i in range(total.size):
            total[i] = np.float32(1.0) / total[i] if most[i] == most[i] else most[i]
        for c in range(x.shape[1]):
            out = z[m, c, p : p + PIECE]
            for i in range(total.size):
                out[i] *= total[i]


@shared
def shares_dx_across(task, first, last, part):
    """z (g - Σ g z) of each column."""
    g, z, lines, _, dx = arguments(task)
    pieces = (z.shape[2] + PIECE - 1) // PIECE
    for item in range(first, last):
        m, p = item // pieces, item % pieces * PIECE
        total = lines[m, 1, p : p + PIECE]
        total[:] = 0
        for c in range(z.shape[1]):
            slope, line = g[m, c, p : p + PIECE], z[m, c, p : p + PIECE]
            for i in range(total.size):
                total[i] += slope[i] * line[i]
        for c in range(z.shape[1]):
            slope, line = g[m, c, p : p + PIECE], z[m, c, p : p + PIECE]
            out = dx[m, c, p : p + PIECE]
            for i in range(total.size):
                out[i] = line[i] * (slope[i] - total[i])


@shared
def logarithms_across(task, first, last, part):
    """log softmax of each column of x."""
    x, lines, table, z = arguments(task)
    constants = held(table, 0)
    pieces = (x.shape[2] + PIECE - 1) // PIECE
    for item in range(first, last):
        m, p = item // pieces, item % pieces * PIECE
        most, total = lines[m, 0, p : p + PIECE], lines[m, 1, p : p + PIECE]
        largest_across(x, m, p, most)
        total[:] = 0
        for c in range(x.shape[1]):
            line = x[m, c, p : p + PIECE]
            for i in range(total.size):
                total[i] += share(line[i] - most[i], constants)
        for i in range(total.size):
            total[i] = np.float32(math.log(total[i])) if most[i] == most[i] else most[i]
        for c in range(x.shape[1]):
            line, out = x[m, c, p : p + PIECE], z[m, c, p : p + PIECE]
            for i in range(total.size):
                out[i] = (line[i] - most[i]) - total[i]


@shared
def logarithms_dx_across(task, first, last, part):
    """g - e^z Σ g of each column."""
    g, z, lines, table, dx = arguments(task)
    constants = held(table, 0)
    pieces = (z.shape[2] + PIECE - 1) // PIECE
    for item in range(first, last):
        m, p = item // pieces, item % pieces * PIECE
        total = lines[m, 1, p : p + PIECE]
        total[:] = 0
        for c in range(z.shape[1]):
            slope = g[m, c, p : p + PIECE]
            for i in range(total.size):
                total[i] += slope[i]
        for c in range(z.shape[1]):
            slope, line = g[m, c, p : p + PIECE], z[m, c, p : p + PIECE]
            out = dx[m, c, p : p + PIECE]
            for i in range(total.size):
                out[i] = slope[i] - share(line[i], constants) * total[i]


# --- the gates ------------------------------------------------------------------------------------


def swept(along, across, dim, *arrays):
    """What a sweep makes of arrays along an axis; NotImplemented for a case of the bodies."""
    x = arrays[0]
    if not all(type(a) is np.ndarray and a.dtype == np.float32 for a in arrays) or not (
        x.ndim and x.size
    ):
        return refused(TAKEN)
    if any(a.shape != x.shape for a in arrays):
        return refused(TAKEN)
    z = np.empty(x.shape, x.dtype)
    axis = dim % x.ndim
    blocks, count, inner = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
    if inner == 1:
        shape = (blocks, count)
        rows = [dense(a).reshape(shape) for a in arrays]
        along(x.size, blocks, *rows, CONSTANTS, z.reshape(shape))
        return z
    shape = (blocks, count, inner)
    lines = np.empty((blocks, 2, inner), x.dtype)
    arrays = [dense(a).reshape(shape) for a in arrays]
    across(x.size, blocks * -(-inner // PIECE), *arrays, lines, CONSTANTS, z.reshape(shape))
    return z


def softmax(x, *, dim):
    """The kernel of softmax."""
    return swept(shares, shares_across, dim, x)


def softmax_dx(g, z, *, dim):
    """The kernel of softmax_dx."""
    return swept(shares_dx, shares_dx_across, dim, g, z)


def log_softmax(x, *, dim):
    """The kernel of log_softmax."""
    return swept(logarithms, logarithms_across, dim, x)


def log_softmax_dx(g, z, *, dim):
    """The kernel of log_softmax_dx."""
    return swept(logarithms_dx, logarithms_dx_across, dim, g, z)
