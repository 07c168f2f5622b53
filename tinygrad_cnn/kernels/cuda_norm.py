"""Batch norm on a GPU, with the addition of a skip and the ReLU behind it in the same sweep.

Means and variances are found in one sweep by Welford's rule, in parts that are merged in a fixed
order, so that no number is lost to cancellation and none depends on the order of threads.

Source: Chan, Golub and LeVeque (1979), Updating formulae and a pairwise algorithm for computing
sample variances. Not yet confirmed on a GPU.
"""

import math

import numpy as np

from . import xp
from .cuda_source import TAKEN, Family, Struct, covered, per_thread, strides
from .served import refused

SOURCE = r"""
// Of each channel a block has one part of its places: every `parts`-th stretch of `slots` of them.
#define EACH_OF_PART(m, part, t, s) \
    Index m = (part) * (Index)t.slots + t.slot; m < s.n * s.space; m += s.parts * (Index)t.slots

// Number m of a channel, counted through samples and space.
__device__ inline Index at(const Index *step, Index m, Index c, Index space)
{
    return m / space * step[0] + c * step[1] + m % space * step[2];
}

// How many numbers, their mean, and the squares of the distances from it, added up.
struct Moments { A count, mean, squares; };

__device__ inline Moments merged(Moments a, Moments b)
{
    if (b.count == 0) return a;
    A count = a.count + b.count;
    A distance = b.mean - a.mean;
    Moments z;
    z.count = count;
    z.mean = a.mean + distance * (b.count / count);
    z.squares = a.squares + b.squares + distance * distance * (a.count * b.count / count);
    return z;
}

// The moments of every part of every channel: a block for some channels and one part of each.
extern "C" __global__ void moments(const T *x, A *found, Norm s)
{
    __shared__ Moments board[THREADS];
    Team t = team(s.lanes, s.lanes > 1);
    Index groups = (s.c + t.lanes - 1) / t.lanes;
    for (Index block = blockIdx.x; block < groups * s.parts; block += gridDim.x) {
        Index c = block / s.parts * t.lanes + t.lane, part = block % s.parts;
        Moments z = {0, 0, 0};
        for (EACH_OF_PART(m, part, t, s)) {
            if (c >= s.c) break;
            A v = wide(x[at(s.x, m, c, s.space)]);
            A distance = v - z.mean;
            z.count += 1;
            z.mean += distance / z.count;
            z.squares += distance * (v - z.mean);
        }
        int place = t.slot * t.lanes + t.lane;
        board[place] = z;
        __syncthreads();
        for (int half = t.slots / 2; half > 0; half /= 2) {
            if (t.slot < half) board[place] = merged(board[place], board[place + half * t.lanes]);
            __syncthreads();
        }
        if (t.slot == 0 && c < s.c) {
            A *to = found + (c * s.parts + part) * 3;
            to[0] = board[place].count;
            to[1] = board[place].mean;
            to[2] = board[place].squares;
        }
    }
}

// The mean and variance of each channel, merged from its parts; also as the results hold them.
extern "C" __global__ void settle_moments(
    const A *found, A *mean, A *variance, T *shown_mean, T *shown_variance, Norm s)
{
    for (EACH(c, s.c)) {
        Moments z = {0, 0, 0};
        for (Index part = 0; part < s.parts; ++part) {
            const A *from = found + (c * s.parts + part) * 3;
            Moments other = {from[0], from[1], from[2]};
            z = merged(z, other);
        }
        mean[c] = z.mean;
        variance[c] = z.squares / z.count;
        shown_mean[c] = narrow(mean[c]);
        shown_variance[c] = narrow(variance[c]);
    }
}

// Number i of x, counted as memory lies: its channel, and its number within that.
__device__ inline void locate(Index i, const Norm &s, Index &c, Index &m)
{
    Index inner = s.lanes > 1 ? i : i / s.space;
    c = inner % s.c;
    m = s.lanes > 1 ? i / s.c : inner / s.c * s.space + i % s.space;
}

// weight (x - mean) / sqrt(variance + eps) + bias, + residual, then relu; without what is null.
extern "C" __global__ void normalise(
    const T *x, const A *mean, const A *variance, const T *weight, const T *bias,
    const T *residual, T *z, Norm s, double eps)
{
    for (EACH(i, s.n * s.c * s.space)) {
        Index c, m;
        locate(i, s, c, m);
        A scale = 1 / sqrt(variance[c] + (A)eps);
        if (weight) scale *= wide(weight[c * s.weight]);
        A v = (wide(x[at(s.x, m, c, s.space)]) - mean[c]) * scale;
        if (bias) v += wide(bias[c * s.bias]);
        if (residual) v += wide(residual[at(s.other, m, c, s.space)]);
        if (s.relu && v <= 0) v = 0;
        z[at(s.z, m, c, s.space)] = narrow(v);
    }
}

// The gradient before relu: 0 where its output is not above 0. z is null where there is none.
__device__ inline A before_relu(const T *g, const T *z, Index m, Index c, const Norm &s)
{
    bool cut = z && wide(z[at(s.z, m, c, s.space)]) <= 0;
    return cut ? 0 : wide(g[at(s.other, m, c, s.space)]);
}

// Of every part of every channel the sums of g (x - mean) and of g.
extern "C" __global__ void gradient_sums(
    const T *g, const T *z, const T *x, const A *mean, A *found, Norm s)
{
    __shared__ A board[THREADS];
    Team t = team(s.lanes, s.lanes > 1);
    Index groups = (s.c + t.lanes - 1) / t.lanes;
    for (Index block = blockIdx.x; block < groups * s.parts; block += gridDim.x) {
        Index c = block / s.parts * t.lanes + t.lane, part = block % s.parts;
        A along = 0, total = 0;
        for (EACH_OF_PART(m, part, t, s)) {
            if (c >= s.c) break;
            A u = before_relu(g, z, m, c, s);
            along += u * (wide(x[at(s.x, m, c, s.space)]) - mean[c]);
            total += u;
        }
        along = added_up(board, along, t);
        total = added_up(board, total, t);
        if (t.slot == 0 && c < s.c) {
            found[(c * s.parts + part) * 2] = along;
            found[(c * s.parts + part) * 2 + 1] = total;
        }
    }
}

// The gradients of weight and bias; and of each channel what x's gradient subtracts: a multiple of
// x - mean, and a number.
extern "C" __global__ void settle_gradients(
    const A *found, const A *variance, T *weight_gradient, T *bias_gradient, A *slope, A *shift,
    Norm s, double eps)
{
    for (EACH(c, s.c)) {
        A along = 0, total = 0;
        for (Index part = 0; part < s.parts; ++part) {
            along += found[(c * s.parts + part) * 2];
            total += found[(c * s.parts + part) * 2 + 1];
        }
        A scale = 1 / sqrt(variance[c] + (A)eps), count = s.n * s.space;
        weight_gradient[c] = narrow(along * scale);
        bias_gradient[c] = narrow(total);
        slope[c] = along * scale * scale / count;
        shift[c] = total / count;
    }
}

// The gradient of x; and of the residual, unless dr is null.
extern "C" __global__ void pull_back(
    const T *g, const T *z, const T *x, const A *mean, const A *variance, const T *weight,
    const A *slope, const A *shift, T *dx, T *dr, Norm s, double eps)
{
    for (EACH(i, s.n * s.c * s.space)) {
        Index c, m;
        locate(i, s, c, m);
        A u = before_relu(g, z, m, c, s);
        A scale = wide(weight[c * s.weight]) / sqrt(variance[c] + (A)eps);
        A centred = wide(x[at(s.x, m, c, s.space)]) - mean[c];
        Index to = at(s.dx, m, c, s.space);
        dx[to] = narrow(scale * (u - shift[c] - centred * slope[c]));
        if (dr) dr[to] = narrow(u);
    }
}
"""

NORM = Struct(
    "Norm",
    n=1,
    c=1,
    space=1,
    parts=1,
    lanes=1,
    relu=1,
    x=3,
    z=3,
    other=3,
    dx=3,
    weight=1,
    bias=1,
)
NAMES = ("moments", "settle_moments", "normalise", "gradient_sums", "settle_gradients", "pull_back")
BATCH = Family("norm", SOURCE, **dict.fromkeys(NAMES, NORM))
LANES = 32  # neighbouring channels that a block takes at once where they lie innermost
SHARE = 16384  # numbers in a part of a channel, at least
PARTS = 64  # of a channel, at most
NOWHERE = (0, 0, 0)  # strides of an array that is not there


class Work:
    """x (N, C, *space) as (N, C, space), and how its channels are shared out among blocks."""

    def __init__(self, x) -> None:
        self.xp = xp(x)
        self.shape = x.shape
        self.x = self.seen(x)
        n, c, space = self.x.shape
        innermost = c > 1 and (space == 1 or self.x.strides[1] == x.itemsize)
        self.lanes = LANES if innermost else 1
        self.parts = min(-(-n * space // SHARE), PARTS)
        self.sizes = (n, c, space, self.parts, self.lanes)
        self.blocks = -(-c // self.lanes) * self.parts
        self.real = np.dtype("float64" if x.dtype == "float64" else "float32")

    def seen(self, x):
        """An array like x as (N, C, space): the same memory where its axes of space lie as one."""
        return x.reshape(*self.shape[:2], math.prod(self.shape[2:]))

    def steps(self, x) -> tuple:
        """The strides of an array that was seen, or is not there."""
        return NOWHERE if x is None else strides(x)

    def whole(self, z):
        """What was written as (N, C, space) with its own axes of space."""
        return z.reshape(self.shape)

    def channels(self, dtype=None):
        """A new number for each channel."""
        return self.xp.empty(self.x.shape[1], dtype or self.real)

    def run(
        self, name, blocks, arguments, *numbers, relu=0, z=None, other=None, dx=None, **vectors
    ):
        """Launch a kernel; z, other and dx are arrays by whose strides it finds its numbers."""
        steps = [self.steps(a) for a in (self.x, z, other, dx)]
        ends = [vectors.get(name) for name in ("weight", "bias")]
        ends = [0 if a is None else strides(a)[0] for a in ends]
        values = (*self.sizes, int(relu), *steps, *ends)
        numbers = map(np.float64, numbers)
        BATCH.launch(self.xp, name, self.x.dtype, blocks, arguments, values, *numbers)

    def moments(self):
        """Mean and variance of each channel: as computed, and as shown in x's dtype."""
        found = self.xp.empty((self.x.shape[1], self.parts, 3), self.real)
        self.run("moments", self.blocks, (self.x, found))
        mean, variance = self.channels(), self.channels()
        shown = self.channels(self.x.dtype), self.channels(self.x.dtype)
        blocks = per_thread(self.x.shape[1])
        self.run("settle_moments", blocks, (found, mean, variance, *shown))
        return mean, variance, shown

    def normalised(self, mean, variance, weight, bias, residual, eps, relu):
        """x normalised, and what follows."""
        z = self.xp.empty_like(self.x)
        other = None if residual is None else self.seen(residual)
        arguments = (self.x, mean, variance, weight, bias, other, z)
        blocks = per_thread(z.size)
        vectors = {"weight": weight, "bias": bias}
        self.run("normalise", blocks, arguments, eps, relu=relu, z=z, other=other, **vectors)
        return self.whole(z)


def alike(x, residual, *vectors) -> bool:
    """Whether these are arrays that the kernels are for: x, one like it, some of its channels."""
    if x.ndim < 2 or (residual is not None and residual.shape != x.shape):
        return False
    given = [a for a in vectors if a is not None]
    return all(a.shape == x.shape[1:2] for a in given) and covered(x, residual, *given)


def batch_norm(x, weight, bias, residual, *, eps, relu):
    """The kernel of batch_norm."""
    if not alike(x, residual, weight, bias):
        return refused(TAKEN)
    work = Work(x)
    mean, variance, shown = work.moments()
    z = work.normalised(mean, variance, weight, bias, residual, eps, relu)
    shape = (1, -1, *[1] * (x.ndim - 2))
    return z, tuple([a.reshape(shape) for a in shown])


def batch_norm_dx(g, z, x, weight, *, aux, eps, relu, skip=True, spare=False):
    """The kernel of batch_norm_dx; g is left as it is."""
    if not alike(x, g, weight) or (relu and not alike(x, z)):
        return refused(TAKEN)
    work = Work(x)
    if aux is None or x.dtype != work.real:  # moments shown in 16 bits are too coarse
        mean, variance, _ = work.moments()
    else:
        mean, variance = (a.reshape(-1) for a in aux)
    u, cut = work.seen(g), work.seen(z) if relu else None
    found = work.xp.empty((x.shape[1], work.parts, 2), work.real)
    work.run("gradient_sums", work.blocks, (u, cut, work.x, mean, found), z=cut, other=u)
    dw, db = work.channels(x.dtype), work.channels(x.dtype)
    slope, shift = work.channels(), work.channels()
    sums = (found, variance, dw, db, slope, shift)
    work.run("settle_gradients", per_thread(x.shape[1]), sums, eps)
    dx = work.xp.empty_like(work.x)
    dr = work.xp.empty_like(work.x) if skip and relu else None  # without relu it is g
    arguments = (u, cut, work.x, mean, variance, weight, slope, shift, dx, dr)
    blocks = per_thread(dx.size)
    work.run("pull_back", blocks, arguments, eps, z=cut, other=u, dx=dx, weight=weight)
    if skip:
        return work.whole(dx), dw, db, g if dr is None else work.whole(dr)
    return work.whole(dx), dw, db, None


def running_norm(x, mean, variance, weight, bias, residual, *, eps, relu):
    """The kernel of running_norm."""
    if not alike(x, residual, mean, variance, weight, bias):
        return refused(TAKEN)
    work = Work(x)
    mean, variance = (a.astype(work.real, copy=False) for a in (mean, variance))
    dense = [work.xp.ascontiguousarray(a) for a in (mean, variance)]
    return work.normalised(*dense, weight, bias, residual, eps, relu)


def layer_norm(x, weight, bias, *, eps):
    """The kernel of layer_norm: rows are channels of one sample, what follows is elementwise."""
    if x.ndim != 2 or not covered(x, weight, bias):
        return refused(TAKEN)
    ones = xp(x).ones(len(x), x.dtype)
    z = batch_norm(x[None], ones, xp(x).zeros_like(ones), None, eps=eps, relu=False)[0][0]
    z = z if weight is None else z * weight
    return z if bias is None else z + bias


def layer_norm_dx(g, x, weight, *, eps, biased):
    """The kernel of layer_norm_dx."""
    if x.ndim != 2 or not covered(x, g, weight) or g.shape != x.shape:
        return refused(TAKEN)
    u = g if weight is None else g * weight
    ones = xp(x).ones(len(x), x.dtype)
    how = {"aux": None, "eps": eps, "relu": False, "skip": False}
    dx = batch_norm_dx(u[None], None, x[None], ones, **how)[0][0]
    gw = None if weight is None else (g * layer_norm(x, None, None, eps=eps)).sum(0)
    return dx, gw, g.sum(0) if biased else None
