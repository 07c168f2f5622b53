"""Batch norm by NumPy alone, with the addition of a skip and the ReLU behind it; sums per channel.

An image in rows is made of lines: all channels of all places along its last axis. A vector that has
each channel's number for all these places meets whole lines, and NumPy's loops are long. All is
done by blocks of lines that stay in the cache, however many operations there are, and each thread
has its own blocks. Sums of blocks are added up in float64.
"""

import math
from collections.abc import Callable

import numpy as np

from .cpu import relu_dx_into
from .cpu_gather import ROOM, empty_rows, in_rows
from .layout import in_rows as lies_in_rows
from .portions import share
from .served import refused

BLOCK = 1 << 18  # numbers of a block; of smaller ones threads would wait for the interpreter
ALONE = 1 << 20  # numbers of an array that is one block, for one thread
TAKEN = "it computes with arrays of one dtype, float32 or float64, whose channels lie innermost"


class Lines:
    """An array (N, C, *space) as lines.

    x: (lines, width), copied only where the array does not lie in rows. blocks: of lines. count:
    how many numbers each channel has.
    """

    def __init__(self, x: np.ndarray) -> None:
        rows = in_rows(x)
        self.channels = rows.shape[-1]
        self.width = math.prod(rows.shape[max(1, rows.ndim - 2) :])
        self.x = rows.reshape(-1, self.width)
        self.count = rows.size // self.channels
        step = max(1, (BLOCK if x.size > ALONE else ALONE) // self.width)
        self.blocks = [slice(i, i + step) for i in range(0, len(self.x), step)]

    def like(self, x: np.ndarray | None) -> np.ndarray | None:
        """The lines of another array of this shape; None of None."""
        return None if x is None else in_rows(x).reshape(-1, self.width)

    def spread(self, vector: np.ndarray) -> np.ndarray:
        """A number per channel, for all places of a line."""
        return np.tile(vector.astype(self.x.dtype, copy=False), self.width // self.channels)

    def each(self, work: Callable[[slice], None]) -> None:
        """Do the work of every block."""
        share(lambda blocks: [work(at) for at in blocks], self.blocks)

    def sums(self, work: Callable[[slice], tuple[np.ndarray, ...]]) -> np.ndarray:
        """For each channel the sums of what `work` finds for the lines of each block."""

        def total(blocks: list[slice]) -> np.ndarray:
            return sum(np.array(work(at), np.float64) for at in blocks)

        found = sum(share(total, self.blocks))
        return found.reshape(len(found), -1, self.channels).sum(1)

    def total(self) -> np.ndarray:
        """The sum of each channel."""
        return self.sums(lambda at: (np.add.reduce(self.x[at], 0),))[0]

    def centred(self, at: slice, mean: np.ndarray) -> np.ndarray:
        """A block minus `mean`, in a buffer."""
        x = self.x[at]
        return np.subtract(x, mean, out=ROOM.take("centred", x.shape, x.dtype))

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """The mean and the variance of each channel."""
        mean = (self.total() / self.count).astype(self.x.dtype)
        line = self.spread(mean)

        def squares(at: slice) -> tuple[np.ndarray]:
            centred = self.centred(at, line)
            return (np.einsum("ij,ij->j", centred, centred),)

        (total,) = self.sums(squares)
        return mean, (total / self.count).astype(self.x.dtype)

    def normalised(self, shape, mean, scale, bias, residual, relu) -> np.ndarray:
        """(x - mean) scale + bias, + residual, then relu; what is None is left out."""
        result = empty_rows(shape, self.x.dtype)
        z, skip = self.like(result), self.like(residual)
        mean, scale, bias = (None if v is None else self.spread(v) for v in (mean, scale, bias))

        def work(at: slice) -> None:
            out = z[at]
            np.subtract(self.x[at], mean, out=out)
            out *= scale
            if bias is not None:
                out += bias
            if skip is not None:
                out += skip[at]
            if relu:
                np.maximum(out, 0, out=out)

        self.each(work)
        return result


# --- the gates ------------------------------------------------------------------------------------


def covered(x: np.ndarray, others: tuple, vectors: tuple) -> bool:
    """Whether x lies in rows, and others and vectors, where they are not None, go with it."""
    if x.ndim < 2 or not x.size or x.dtype.char not in "fd" or not lies_in_rows(x):
        return False
    shapes = [(a, x.shape) for a in others] + [(a, x.shape[1:2]) for a in vectors]
    return all(a is None or (a.shape == s and a.dtype == x.dtype) for a, s in shapes)


@np.errstate(all="ignore")
def batch_norm(x, weight, bias, residual, *, eps, relu):
    """The kernel of batch_norm for arrays in rows."""
    if not covered(x, (residual,), (weight, bias)):
        return refused(TAKEN)
    lines = Lines(x)
    mean, variance = lines.moments()
    scale = weight * (variance + eps) ** -0.5
    shape = (1, -1, *[1] * (x.ndim - 2))
    z = lines.normalised(x.shape, mean, scale, bias, residual, relu)
    return z, (mean.reshape(shape), variance.reshape(shape))


@np.errstate(all="ignore")
def batch_norm_dx(g, z, x, weight, *, aux, eps, relu, skip=True, spare=False):
    """The kernel of batch_norm_dx for arrays in rows."""
    if not covered(x, (g, z if relu else None), (weight,)):
        return refused(TAKEN)
    lines = Lines(x)
    mean, variance = lines.moments() if aux is None else (a.reshape(-1) for a in aux)
    rstd = (variance + eps) ** -0.5
    line = lines.spread(mean)
    own = spare and lies_in_rows(g)
    let_through = g if own or not relu else empty_rows(g.shape, g.dtype)
    u = lines.like(let_through)
    g, z = (lines.like(g), lines.like(z)) if relu else (u, None)

    def both(at: slice) -> tuple[np.ndarray, np.ndarray]:
        if relu:
            relu_dx_into(g[at], z[at], u[at])
        return np.add.reduce(u[at], 0), np.einsum("ij,ij->j", u[at], lines.centred(at, line))

    gb, gc = (total.astype(x.dtype) for total in lines.sums(both))
    reuse = not skip and (own or relu)
    result = let_through if reuse else empty_rows(x.shape, x.dtype)
    dx = lines.like(result)
    shift, slope, scale = map(
        lines.spread, (gb / lines.count, gc * rstd * rstd / lines.count, weight * rstd)
    )

    def pull_back(at: slice) -> None:
        away = lines.centred(at, line)
        away *= slope
        away += shift
        out = np.subtract(u[at], away, out=dx[at])
        out *= scale

    lines.each(pull_back)
    return result, gc * rstd, gb, let_through if skip else None


@np.errstate(all="ignore")
def running_norm(x, mean, variance, weight, bias, residual, *, eps, relu):
    """The kernel of running_norm for arrays in rows."""
    if not covered(x, (residual,), (mean, variance, weight, bias)):
        return refused(TAKEN)
    scale = (variance + eps) ** -0.5
    scale = scale if weight is None else weight * scale
    return Lines(x).normalised(x.shape, mean, scale, bias, residual, relu)


@np.errstate(all="ignore")
def bias_dx(g):
    """The kernel of bias_dx for arrays in rows."""
    if not covered(g, (), ()):
        return refused(TAKEN)
    return Lines(g).total().astype(g.dtype)
