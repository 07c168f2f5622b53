"""Batch norm on the CPU, with the addition of a skip and the ReLU behind it.

Forward and backward are two sweeps over memory each: one for the sums, one for the result. Forward
leaves a bit for each number that the ReLU let through, which is all that backward needs to know of
the output; and backward writes over the gradient that came in where nobody else has it.

Arrays are taken as they lie, see `layout`. The workers are in `cpu_norm_work`.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from .compiled import constant, dense
from .cpu_norm_work import (
    Task,
    gradient_sums,
    mark,
    moments,
    normalise,
    pull_back,
    settle_gradients,
    settle_mean,
    settle_moments,
    settle_running,
)
from .layout import empty_in, in_columns, in_rows, ordered, orders
from .parallel import ALONE
from .served import refused
from .threads import get_num_threads
from .vectors import LANES
from .workers import Worker, address, run

BLOCK = 65536  # numbers in a block, about
ROW = 128  # numbers in a row, about, of images in rows: their table stays in the first cache
FLOAT32 = np.dtype("float32")
TAKEN = "it is compiled for arrays that are all float32, skip and x of one shape"


class Cut(NamedTuple):
    """How arrays of one shape and layout are cut.

    An array is `sections` pieces of `size` numbers, whose parameters are those of `tables` tables
    by turns: all of an array in rows, a channel of one in columns, a plane of one in planes. A
    section is rows of `width` numbers and a rest; each table has a number for every column of a
    row, which stand for `channels` channels by turns; it takes `pitch` numbers, whole vectors.
    `blocks` of `step` rows make a section, the last of them with the rest. The bits of a row take
    `words` words of sixteen, those of a section `marks`. All tables of a parameter take `span`.
    """

    sections: int
    size: int
    tables: int
    channels: int
    width: int
    pitch: int
    step: int
    blocks: int
    words: int
    marks: int
    span: int

    @property
    def items(self) -> int:
        """How many blocks there are."""
        return self.sections * self.blocks


@functools.lru_cache(maxsize=1024)
def cut_of(shape: tuple, axes: tuple) -> Cut:
    """The Cut of arrays (N, C, *space) whose axes lie in this order."""
    n, c, *space = shape
    places = math.prod(space)
    rows, columns = orders(len(shape))
    if axes == rows:
        sections, size, tables, channels = 1, n * places * c, 1, c
        whole = LANES // math.gcd(c, LANES)  # places whose numbers fill vectors
        fold = whole * -(-ROW // (c * whole)) if c * whole <= 2 * ROW else -(-ROW // c)
        width = c * min(fold, n * places)
    else:
        sections, size = (c, n * places) if axes == columns else (n * c, places)
        tables, channels, width = c, 1, min(LANES, size)
    pitch = -(-width // LANES) * LANES
    step = max(1, BLOCK // width)
    blocks = -(-(size // width) // step)
    words = pitch // LANES
    marks = size // width * words + -(-(size % width) // LANES)
    span = tables * pitch
    return Cut(sections, size, tables, channels, width, pitch, step, blocks, words, marks, span)


def axes_in_memory(x: np.ndarray) -> tuple[int, ...]:
    """The axes of x (N, C, *space), the outermost first: of rows, columns, else of planes."""
    rows, columns = orders(x.ndim)
    if in_rows(x):
        return rows
    return columns if in_columns(x) and not x.flags.c_contiguous else tuple(range(x.ndim))


PLACE = {name: i for i, name in enumerate(Task._fields)}
OWN = ("x", "table", "room", "sums", "totals", "mean", "variance")  # arrays that each Work has


class Work:
    """What is done with x: its Cut, its order in memory, the parameters, and memory for sums.

    mean, variance: of each channel, written by `settle_moments`. parameters: how many numbers per
    channel the tables hold.
    """

    def __init__(
        self, x: np.ndarray, mean: np.ndarray, variance: np.ndarray, eps: float, parameters: int
    ) -> None:
        self.shape = x.shape
        self.axes = axes_in_memory(x)
        self.cut = cut = cut_of(x.shape, self.axes)
        self.x, self.mean, self.variance = self.ordered(x), dense(mean), dense(variance)
        self.table = np.empty(parameters * cut.tables * cut.pitch, FLOAT32)
        self.room = np.empty(get_num_threads() * 3 * cut.pitch, FLOAT32)
        self.sums = np.empty(2 * cut.items * cut.channels)
        self.totals = np.empty(1 + 3 * mean.size)
        self.totals[0] = eps
        self.words = np.zeros(len(Task._fields), np.int64)
        self.words[: len(cut)] = cut
        self.tell(**{name: getattr(self, name) for name in OWN})

    def tell(self, **arrays: np.ndarray | None) -> None:
        """Write down where arrays lie, which have to stay alive."""
        for name, a in arrays.items():
            if a is not None:
                self.words[PLACE[name]] = address(a)

    def ordered(self, x: np.ndarray) -> np.ndarray:
        """An array in the order in memory of the input; copied only where it does not lie so."""
        return ordered(x, self.axes)

    def empty(self) -> np.ndarray:
        """A new array like the input."""
        return empty_in(self.axes, self.shape, FLOAT32)

    def bits(self) -> np.ndarray:
        """Memory for a bit for each number."""
        return np.empty(self.cut.sections * self.cut.marks, np.uint16)

    def run(self, worker: Worker, **arrays: np.ndarray | None) -> None:
        """Have a worker do all blocks, with these arrays besides."""
        self.tell(**arrays)
        parts = 1 if self.x.size <= ALONE else min(get_num_threads(), self.cut.items)
        run(worker, self.cut.items, self.words, parts)

    def settle(self, worker: Worker, **arrays: np.ndarray | None) -> None:
        """Have a worker do what is done once for all blocks."""
        self.tell(**arrays)
        run(worker, 1, self.words, 1)

    def marked(self, z: np.ndarray, aux: tuple | None) -> np.ndarray:
        """The bits that forward kept, else those of its output."""
        if getattr(aux, "bits", None) is not None:
            return aux.bits
        bits = self.bits()
        self.run(mark, z=self.ordered(z), bits=bits)
        return bits

    def normalised(self, residual: np.ndarray | None, relu: bool) -> tuple:
        """(x - mean) scale + shift, + residual, then relu; and its bits, None without."""
        z = self.empty()
        bits = self.bits() if relu else None
        skip = None if residual is None else self.ordered(residual)
        self.run(normalise, residual=skip, z=z, bits=bits)
        return z, bits


class Moments(tuple):
    """Mean and variance; and beside them, for backward, the bits of what the ReLU let through."""

    bits = None


# --- the gates ------------------------------------------------------------------------------------


def covered(x: np.ndarray, residual: np.ndarray | None, *vectors: np.ndarray | None) -> bool:
    """Whether these are arrays that the kernels are for: x, one like it, some of its channels."""
    if x.ndim < 2 or not x.size or (residual is not None and residual.shape != x.shape):
        return False
    given = [a for a in vectors if a is not None]
    if any(a.shape != x.shape[1:2] for a in given):
        return False
    return all(a.dtype == FLOAT32 for a in (x, residual, *given) if a is not None)


def batch_norm(x, weight, bias, residual, *, eps, relu):
    """The kernel of batch_norm."""
    if not covered(x, residual, weight, bias):
        return refused(TAKEN)
    mean, variance = np.empty(weight.size, FLOAT32), np.empty(weight.size, FLOAT32)
    work = Work(x, mean, variance, eps, 3)
    work.run(moments)
    work.settle(settle_moments, weight=dense(weight), bias=dense(bias))
    shape = (1, -1, *[1] * (x.ndim - 2))
    aux = Moments((mean.reshape(shape), variance.reshape(shape)))
    z, aux.bits = work.normalised(residual, relu)
    return z, aux


def batch_norm_dx(g, z, x, weight, *, aux, eps, relu, skip=True, spare=False):
    """The kernel of batch_norm_dx."""
    if not covered(x, g, weight) or (relu and not covered(x, z)):
        return refused(TAKEN)
    count = x.shape[1]
    if aux is None:
        work = Work(x, np.empty(count, FLOAT32), np.empty(count, FLOAT32), eps, 4)
        work.run(moments)
        work.settle(settle_moments, weight=dense(weight), bias=dense(weight))
    else:
        work = Work(x, *(a.reshape(-1).astype(FLOAT32, copy=False) for a in aux), eps, 4)
        work.settle(settle_mean)
    bits = work.marked(z, aux) if relu else None
    u = work.ordered(g)
    work.run(gradient_sums, g=u, bits=bits)
    gw, gb = np.empty(count, FLOAT32), np.empty(count, FLOAT32)
    work.settle(settle_gradients, weight=dense(weight), gw=gw, gb=gb)
    apart = skip and relu  # else the residual's gradient is g
    over = spare and address(u) == address(g) and apart == skip
    dx = g if over else work.empty()
    dr = work.empty() if apart else None
    work.run(pull_back, g=u, bits=bits, dx=dx, dr=dr)
    return dx, gw, gb, (dr if apart else g) if skip else None


def running_norm(x, mean, variance, weight, bias, residual, *, eps, relu):
    """The kernel of running_norm."""
    if not covered(x, residual, mean, variance, weight, bias):
        return refused(TAKEN)
    work = Work(x, mean, variance, eps, 3)
    weight, bias = (None if a is None else dense(a) for a in (weight, bias))
    work.settle(settle_running, weight=weight, bias=bias)
    return work.normalised(residual, relu)[0]


def affine(x, weight, bias):
    """The kernel of affine: a norm by the mean 0 and the variance 1."""
    if type(x) is not np.ndarray or x.ndim < 2:
        return refused(TAKEN)
    return running_norm(x, *standard(x.shape[1]), weight, bias, None, eps=0.0, relu=False)


def affine_dx(g, x, weight, *, biased):
    """The kernel of affine_dx where both parameters want a gradient: the sums of a norm by the mean
    0 and the variance 1."""
    if weight is None or not biased:
        return refused(TAKEN)
    dx = affine(g, weight, None)
    if dx is NotImplemented or not covered(x, g):
        return refused(TAKEN)
    work = Work(x, *standard(x.shape[1]), 0.0, 4)
    work.settle(settle_mean)
    work.run(gradient_sums, g=work.ordered(g))
    gw, gb = (np.empty(x.shape[1], FLOAT32) for _ in "wb")
    work.settle(settle_gradients, weight=dense(weight), gw=gw, gb=gb)
    return dx, gw, gb


def standard(channels: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean 0 and the variance 1 of so many channels."""
    return constant(channels, 0), constant(channels, 1)
