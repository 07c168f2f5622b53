"""Layer norm on the CPU: each row is normalised, and its gradient found, while it is in the cache.

Only for float32. Sums of long rows are made of the sums of blocks, added up in float64.
"""

import math

import numpy as np

from .compiled import constant, dense
from .cpu_sum import across
from .parallel import arguments, fused, shared
from .served import refused

TAKEN = "it is compiled for float32"
BLOCK = 1024  # numbers that are added up in float32
ROWS = 256  # whose gradients of weights are added up together, at most
PIECES = 16  # of the rows, at least, for as many threads


@fused
def sum_of(line, centre):
    """The sums of line - centre and of its squares."""
    total = squares = 0.0
    for begin in range(0, line.size, BLOCK):
        some = line[begin : begin + BLOCK]
        first = second = np.float32(0)
        for k in range(some.size):
            distance = some[k] - centre
            first += distance
            second += distance * distance
        total += first
        squares += second
    return total, squares


@fused
def moments_of(line, eps):
    """The mean of a line as two numbers to be taken off, and 1 / √(variance + eps)."""
    total, _ = sum_of(line, np.float32(0))
    centre = np.float32(total / line.size)
    rest, squares = sum_of(line, centre)  # what the mean was rounded by counts again
    rest /= line.size
    variance = max(squares / line.size - rest * rest, 0.0)
    return centre, np.float32(rest), np.float32(1.0 / math.sqrt(variance + eps))


@fused
def means_of(slope, weight, line, centre, rest):
    """The means of u = slope weight, and of u (line - centre - rest)."""
    total = along = 0.0
    for begin in range(0, line.size, BLOCK):
        some, slopes = line[begin : begin + BLOCK], slope[begin : begin + BLOCK]
        weights = weight[begin : begin + BLOCK]
        first = second = np.float32(0)
        for k in range(some.size):
            u = slopes[k] * weights[k]
            first += u
            second += u * ((some[k] - centre) - rest)
        total += first
        along += second
    return np.float32(total / line.size), np.float32(along / line.size)


@shared
def normalise(task, first, last, part):
    """weight (x - mean) / √(variance + eps) + bias of each row."""
    x, weight, bias, eps, z = arguments(task)
    for n in range(first, last):
        line, out = x[n], z[n]
        centre, rest, rstd = moments_of(line, eps)
        for k in range(line.size):
            out[k] = ((line[k] - centre) - rest) * rstd * weight[k] + bias[k]


@shared
def pull_back(task, first, last, part):
    """The gradient of each row, and of each piece of the rows the gradients of weight and bias,
    where sums have a place for them."""
    g, x, weight, eps, rows, dx, sums = arguments(task)
    for item in range(first, last):
        gw, gb = sums[0, item], sums[1, item]
        gw[:] = 0
        gb[:] = 0
        for n in range(item * rows, min((item + 1) * rows, x.shape[0])):
            slope, line, out = g[n], x[n], dx[n]
            centre, rest, rstd = moments_of(line, eps)
            even, along = means_of(slope, weight, line, centre, rest)
            tilt = along * rstd * rstd
            for k in range(line.size):
                distance = (line[k] - centre) - rest
                out[k] = rstd * (slope[k] * weight[k] - even - distance * tilt)
            for k in range(gw.size):
                gw[k] += slope[k] * (((line[k] - centre) - rest) * rstd)
                gb[k] += slope[k]


def covered(*arrays: np.ndarray | None) -> bool:
    """Whether these are arrays that the kernels are for, the first a matrix."""
    x = arrays[0]
    there = [a for a in arrays if a is not None]
    same = all(type(a) is np.ndarray and a.dtype == np.float32 for a in there)
    return same and x.ndim == 2 and x.size > 0 and all(a.shape[-1:] == x.shape[1:] for a in there)


def given(vector: np.ndarray | None, size: int, value: float) -> np.ndarray:
    """The vector, or one of this value."""
    return constant(size, value) if vector is None else dense(vector)


def layer_norm(x, weight, bias, *, eps):
    """The kernel of layer_norm."""
    if not covered(x, weight, bias):
        return refused(TAKEN)
    rows, size = x.shape
    z = np.empty(x.shape, x.dtype)
    normalise(x.size, rows, dense(x), given(weight, size, 1), given(bias, size, 0), float(eps), z)
    return z


def layer_norm_dx(g, x, weight, *, eps, biased):
    """The kernel of layer_norm_dx."""
    if not covered(g, x, weight) or g.shape != x.shape:
        return refused(TAKEN)
    count, size = x.shape
    rows = max(1, min(ROWS, count // PIECES))
    items = -(-count // rows)
    dx = np.empty(x.shape, x.dtype)
    sums = np.empty((2, items, size if biased or weight is not None else 0), x.dtype)
    pull_back(x.size, items, dense(g), dense(x), given(weight, size, 1), float(eps), rows, dx, sums)
    gw = None if weight is None else across(sums[0])
    return dx, gw, across(sums[1]) if biased else None
