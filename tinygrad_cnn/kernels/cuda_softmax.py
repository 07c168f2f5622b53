"""Softmax and its relatives on a GPU: a row of numbers for a few threads of one block.

Every row is read two or three times, from the cache where it is short.

Not yet confirmed on a GPU.
"""

import math

from . import xp
from .cuda_source import (
    TAKEN,
    THREADS,
    Family,
    Struct,
    covered,
    power_of_two,
    strides,
)
from .served import refused
from .shapes import axis_of

# How a block reads rows: what cross entropy needs as well.
READING = r"""
// A block has rows side by side, one for each lane; rows are counted through (outer, inner).
#define EACH_ROW(first, s, t) \
    Index first = blockIdx.x * (Index)t.lanes; first < s.rows; first += gridDim.x * (Index)t.lanes

// Where row r of an array (outer, classes, inner) begins.
__device__ inline Index row(const Index *step, Index r, Index inner)
{
    return r / inner * step[0] + r % inner * step[2];
}

// The largest number of a row, nan before all; `board` as for added_up.
__device__ inline A largest(A *board, const T *x, Index step, Index count, Team t)
{
    A best = -INFINITE;
    for (Index k = t.slot; k < count; k += t.slots) {
        A v = wide(x[k * step]);
        if (v > best || v != v) best = v;
    }
    int place = t.slot * t.lanes + t.lane;
    board[place] = best;
    __syncthreads();
    for (int half = t.slots / 2; half > 0; half /= 2) {
        if (t.slot < half) {
            A v = board[place + half * t.lanes];
            if (v > board[place] || v != v) board[place] = v;
        }
        __syncthreads();
    }
    best = board[t.lane];
    __syncthreads();
    return best;
}

// The sum of e to the power of each number of a row minus `most`.
__device__ inline A exponentials(A *board, const T *x, Index step, Index count, A most, Team t)
{
    A total = 0;
    for (Index k = t.slot; k < count; k += t.slots) total += exp(wide(x[k * step]) - most);
    return added_up(board, total, t);
}
"""

SOURCE = r"""
extern "C" __global__ void softmax(const T *x, T *z, Rows s)
{
    __shared__ A board[THREADS];
    Team t = team(s.lanes, s.inner > 1);
    for (EACH_ROW(first, s, t)) {
        Index r = first + t.lane, count = r < s.rows ? s.classes : 0;
        const T *from = x + row(s.x, r, s.inner);
        T *to = z + row(s.z, r, s.inner);
        A most = largest(board, from, s.x[1], count, t);
        A total = exponentials(board, from, s.x[1], count, most, t);
        for (Index k = t.slot; k < count; k += t.slots)
            to[k * s.z[1]] = narrow(exp(wide(from[k * s.x[1]]) - most) / total);
    }
}

extern "C" __global__ void log_softmax(const T *x, T *z, Rows s)
{
    __shared__ A board[THREADS];
    Team t = team(s.lanes, s.inner > 1);
    for (EACH_ROW(first, s, t)) {
        Index r = first + t.lane, count = r < s.rows ? s.classes : 0;
        const T *from = x + row(s.x, r, s.inner);
        T *to = z + row(s.z, r, s.inner);
        A most = largest(board, from, s.x[1], count, t);
        A rest = log(exponentials(board, from, s.x[1], count, most, t));
        for (Index k = t.slot; k < count; k += t.slots)
            to[k * s.z[1]] = narrow(wide(from[k * s.x[1]]) - most - rest);
    }
}

// z (g - sum of g z)
extern "C" __global__ void softmax_dx(const T *g, const T *z, T *dx, Rows s)
{
    __shared__ A board[THREADS];
    Team t = team(s.lanes, s.inner > 1);
    for (EACH_ROW(first, s, t)) {
        Index r = first + t.lane, count = r < s.rows ? s.classes : 0;
        const T *u = g + row(s.g, r, s.inner), *v = z + row(s.x, r, s.inner);
        T *to = dx + row(s.z, r, s.inner);
        A total = 0;
        for (Index k = t.slot; k < count; k += t.slots)
            total += wide(u[k * s.g[1]]) * wide(v[k * s.x[1]]);
        total = added_up(board, total, t);
        for (Index k = t.slot; k < count; k += t.slots)
            to[k * s.z[1]] = narrow(wide(v[k * s.x[1]]) * (wide(u[k * s.g[1]]) - total));
    }
}

// g - e to the power of z times the sum of g
extern "C" __global__ void log_softmax_dx(const T *g, const T *z, T *dx, Rows s)
{
    __shared__ A board[THREADS];
    Team t = team(s.lanes, s.inner > 1);
    for (EACH_ROW(first, s, t)) {
        Index r = first + t.lane, count = r < s.rows ? s.classes : 0;
        const T *u = g + row(s.g, r, s.inner), *v = z + row(s.x, r, s.inner);
        T *to = dx + row(s.z, r, s.inner);
        A total = 0;
        for (Index k = t.slot; k < count; k += t.slots) total += wide(u[k * s.g[1]]);
        total = added_up(board, total, t);
        for (Index k = t.slot; k < count; k += t.slots)
            to[k * s.z[1]] = narrow(wide(u[k * s.g[1]]) - exp(wide(v[k * s.x[1]])) * total);
    }
}
"""

ROWS = Struct(
    "Rows",
    rows=1,
    classes=1,
    inner=1,
    lanes=1,
    mean=1,
    x=3,
    z=3,
    g=3,
    target=2,
    weight=1,
)
NAMES = ("softmax", "log_softmax", "softmax_dx", "log_softmax_dx")
SOFTMAX = Family("softmax", READING + SOURCE, **dict.fromkeys(NAMES, ROWS))
NOWHERE = (0, 0, 0)  # strides of an array that is not there


class Work:
    """x as rows (outer, classes, inner) along an axis, and how they are shared out."""

    def __init__(self, family: Family, x, axis: int) -> None:
        self.family = family
        self.xp = xp(x)
        self.shape = x.shape
        self.parted = (math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :]))
        self.x = self.seen(x)
        outer, self.classes, self.inner = self.parted
        self.rows = outer * self.inner
        self.lanes = THREADS // power_of_two(self.classes)
        self.blocks = -(-self.rows // self.lanes)  # that have a lane for each row

    def seen(self, x):
        """An array like x as (outer, classes, inner)."""
        return x.reshape(self.parted)

    def run(self, name, blocks, arguments, *numbers, z=None, g=NOWHERE, labels=None):
        """Launch a kernel; z is an array of rows, g strides, labels targets and weights."""
        target, weight = labels or (None, None)
        values = (
            self.rows,
            self.classes,
            self.inner,
            self.lanes,
            0,
            strides(self.x),
            NOWHERE if z is None else strides(z),
            g,
            (0, 0) if target is None else strides(target),
            0 if weight is None else strides(weight)[0],
        )
        self.family.launch(self.xp, name, self.x.dtype, blocks, arguments, values, *numbers)


def along(name, x, dim):
    """The kernel `name` of a function of x along `dim`."""
    if not covered(x) or not x.ndim:
        return refused(TAKEN)
    work = Work(SOFTMAX, x, axis_of(x.ndim, dim))
    z = work.xp.empty_like(work.x)
    work.run(name, work.blocks, (work.x, z), z=z)
    return z.reshape(x.shape)


def back_along(name, g, z, dim):
    """The kernel `name` of the gradient of such a function whose result was z."""
    if not covered(z, g) or not z.ndim or g.shape != z.shape:
        return refused(TAKEN)
    work = Work(SOFTMAX, z, axis_of(z.ndim, dim))
    u, dx = work.seen(g), work.xp.empty_like(work.x)
    work.run(name, work.blocks, (u, work.x, dx), z=dx, g=strides(u))
    return dx.reshape(z.shape)


def softmax(x, *, dim):
    """The kernel of softmax."""
    return along("softmax", x, dim)


def log_softmax(x, *, dim):
    """The kernel of log_softmax."""
    return along("log_softmax", x, dim)


def softmax_dx(g, z, *, dim):
    """The kernel of softmax_dx."""
    return back_along("softmax_dx", g, z, dim)


def log_softmax_dx(g, z, *, dim):
    """The kernel of log_softmax_dx."""
    return back_along("log_softmax_dx", g, z, dim)
