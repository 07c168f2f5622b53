"""Batch norm of one sample whose channels are planes, as layer norm and group norm ask for it: each
channel is a line of memory, done at once while it is in the cache.

Only for float32, and for lines so short that sums need no second accuracy.
"""

import math

import numpy as np

from .layout import ordered
from .parallel import arguments, shared

LONGEST = 8192  # numbers of a line


@shared
def normalise(task, first, last, part):
    """(x - mean) / √(variance + eps) weight + bias of each line, and its moments."""
    x, weight, bias, eps, mean, variance, z = arguments(task)
    size = np.float32(x.shape[1])
    for n in range(first, last):
        line, out = x[n], z[n]
        total = np.float32(0)
        for k in range(line.size):
            total += line[k]
        centre = total / size
        rest = squares = np.float32(0)  # what the mean was rounded by counts again
        for k in range(line.size):
            distance = line[k] - centre
            rest += distance
            squares += distance * distance
        rest /= size
        mean[n] = centre + rest
        variance[n] = max(squares / size - rest * rest, np.float32(0))
        scale = weight[n] / np.float32(math.sqrt(variance[n] + eps))
        for k in range(line.size):
            out[k] = ((line[k] - centre) - rest) * scale + bias[n]


@shared
def pull_back(task, first, last, part):
    """weight/σ (g - mean g - x̂ mean(g x̂)) of each line, and the gradients of weight and bias."""
    g, x, weight, mean, variance, eps, dx, gw, gb = arguments(task)
    size = np.float32(x.shape[1])
    for n in range(first, last):
        slope, line, out = g[n], x[n], dx[n]
        rstd = np.float32(1.0 / math.sqrt(variance[n] + eps))
        total = along = np.float32(0)
        for k in range(line.size):
            total += slope[k]
            along += slope[k] * (line[k] - mean[n])
        gb[n], gw[n] = total, along * rstd
        scale = weight[n] * rstd
        even, tilt = total / size, gw[n] * rstd / size
        for k in range(line.size):
            out[k] = scale * (slope[k] - even - (line[k] - mean[n]) * tilt)


def covers(x: np.ndarray, residual: np.ndarray | None, relu: bool) -> bool:
    """Whether x (1, C, *space) is made of short lines, with nothing to be done behind the norm."""
    if residual is not None or relu or x.ndim < 3 or len(x) != 1 or not x.flags.c_contiguous:
        return False
    return x.size <= LONGEST * x.shape[1]


def lines_of(x: np.ndarray) -> np.ndarray:
    """The channels of x (1, C, *space) as lines."""
    return ordered(x, range(x.ndim)).reshape(x.shape[1], -1)


def normalised(x, weight, bias, mean, variance, eps) -> np.ndarray:
    """x normalised; its moments are written into mean and variance."""
    z = np.empty(x.shape, x.dtype)
    normalise(x.size, len(mean), lines_of(x), weight, bias, eps, mean, variance, lines_of(z))
    return z


def pulled_back(g, x, weight, mean, variance, eps, dx) -> tuple:
    """The gradients for x, which are written into dx, for weight and for bias."""
    gw, gb = np.empty_like(mean), np.empty_like(mean)
    lines = (lines_of(g), lines_of(x), weight, mean, variance, eps, lines_of(dx), gw, gb)
    pull_back(x.size, len(mean), *lines)
    return dx, gw, gb
