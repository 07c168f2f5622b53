"""Softmax and its logarithm on the CPU, along the last axis: each row is swept over in the cache.

Only for float32: exponentials are those of `exponential`. As in the bodies a row that holds nan or
infinity, or nothing but -infinity, becomes nan; -infinity beside other numbers has the share 0.
"""

import math

import numpy as np

from .compiled import dense
from .exponential import CONSTANTS, bits_of, exp_single, held, with_bits
from .parallel import arguments, fused, shared
from .served import refused

TAKEN = "it is compiled for float32, along the last axis"
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


def rows_of(x: np.ndarray) -> np.ndarray:
    """x as a matrix of its rows."""
    return dense(x).reshape(-1, x.shape[-1])


def swept(sweep, dim, *arrays):
    """What a sweep makes of the rows of arrays; NotImplemented for a case of the bodies."""
    x = arrays[0]
    if not all(type(a) is np.ndarray and a.dtype == np.float32 for a in arrays) or not (
        x.ndim and x.size
    ):
        return refused(TAKEN)
    if dim not in (-1, x.ndim - 1) or any(a.shape != x.shape for a in arrays):
        return refused(TAKEN)
    rows = [rows_of(a) for a in arrays]
    z = np.empty(x.shape, x.dtype)
    sweep(x.size, len(rows[0]), *rows, CONSTANTS, z.reshape(rows[0].shape))
    return z


def softmax(x, *, dim):
    """The kernel of softmax."""
    return swept(shares, dim, x)


def softmax_dx(g, z, *, dim):
    """The kernel of softmax_dx."""
    return swept(shares_dx, dim, g, z)


def log_softmax(x, *, dim):
    """The kernel of log_softmax."""
    return swept(logarithms, dim, x)


def log_softmax_dx(g, z, *, dim):
    """The kernel of log_softmax_dx."""
    return swept(logarithms_dx, dim, g, z)
