"""Pooling and col2im on a GPU: every result is gathered by one thread, whatever the layout.

Axes of space are three in every kernel; an image has one of size 1 before its two. Only `unpool`,
whose indices may be any, adds at places that it is told: threads of a block take turns, in a fixed
order.

Not yet confirmed on a GPU.
"""

import math

import numpy as np

from . import xp
from .cuda_source import (
    TAKEN,
    Family,
    Struct,
    covered,
    empty,
    in_rows,
    per_thread,
    strides,
)
from .served import refused
from .shapes import out_size

SPACE = "it is compiled for one to three axes of space"

SOURCE = r"""
struct Spot { Index n, c, d, h, w; };

// The place of number i of (n, c, size), counted as memory lies: with the channels innermost, or
// the space.
__device__ inline Spot spot(Index i, Index channels, const Index *size, bool rows)
{
    Spot p;
    if (rows) { p.c = i % channels; i /= channels; }
    p.w = i % size[2]; i /= size[2];
    p.h = i % size[1]; i /= size[1];
    p.d = i % size[0]; i /= size[0];
    if (!rows) { p.c = i % channels; i /= channels; }
    p.n = i;
    return p;
}

__device__ inline Index at(const Index *step, Index n, Index c, Index d, Index h, Index w)
{
    return n * step[0] + c * step[1] + d * step[2] + h * step[3] + w * step[4];
}

__device__ inline bool within(Index i, Index size) { return i >= 0 && i < size; }

__device__ inline Index clipped(Index i, Index size)
{
    return i < 0 ? 0 : i < size ? i : size - 1;
}

// The largest number of each window, nan before all, and where in the map it is. What lies outside
// is -inf; where nothing is larger, the nearest place inside stands for the window's first.
extern "C" __global__ void max_pool(const T *x, T *z, long long *indices, Windows s)
{
    for (EACH(i, s.n * s.c * s.out[0] * s.out[1] * s.out[2])) {
        Spot o = spot(i, s.c, s.out, s.rows);
        A best = -INFINITE;
        Index where = -1;
        for (Index a = 0; a < s.window[0]; ++a) {
            Index d = o.d * s.stride[0] - s.padding[0] + a * s.dilation[0];
            for (Index b = 0; b < s.window[1]; ++b) {
                Index h = o.h * s.stride[1] - s.padding[1] + b * s.dilation[1];
                for (Index c = 0; c < s.window[2]; ++c) {
                    Index w = o.w * s.stride[2] - s.padding[2] + c * s.dilation[2];
                    bool inside = within(d, s.space[0]) && within(h, s.space[1])
                        && within(w, s.space[2]);
                    A v = inside ? wide(x[at(s.x, o.n, o.c, d, h, w)]) : -INFINITE;
                    if (where < 0 || v > best || v != v) {
                        best = v;
                        where = (clipped(d, s.space[0]) * s.space[1] + clipped(h, s.space[1]))
                            * s.space[2] + clipped(w, s.space[2]);
                    }
                }
            }
        }
        Index to = at(s.z, o.n, o.c, o.d, o.h, o.w);
        z[to] = narrow(best);
        indices[to] = where;
    }
}

// The sum of each window, times `scale`.
extern "C" __global__ void window_sum(const T *x, T *z, Windows s, double scale)
{
    for (EACH(i, s.n * s.c * s.out[0] * s.out[1] * s.out[2])) {
        Spot o = spot(i, s.c, s.out, s.rows);
        A total = 0;
        for (Index a = 0; a < s.window[0]; ++a) {
            Index d = o.d * s.stride[0] - s.padding[0] + a * s.dilation[0];
            if (!within(d, s.space[0])) continue;
            for (Index b = 0; b < s.window[1]; ++b) {
                Index h = o.h * s.stride[1] - s.padding[1] + b * s.dilation[1];
                if (!within(h, s.space[1])) continue;
                for (Index c = 0; c < s.window[2]; ++c) {
                    Index w = o.w * s.stride[2] - s.padding[2] + c * s.dilation[2];
                    if (within(w, s.space[2])) total += wide(x[at(s.x, o.n, o.c, d, h, w)]);
                }
            }
        }
        z[at(s.z, o.n, o.c, o.d, o.h, o.w)] = narrow(total * (A)scale);
    }
}

// The window, along one axis, whose element k lies at `place`; -1 where there is none.
__device__ inline Index window_of(Index place, Index k, const Windows &s, int axis)
{
    Index start = place + s.padding[axis] - k * s.dilation[axis];
    if (start < 0 || start % s.stride[axis]) return -1;
    start /= s.stride[axis];
    return start < s.out[axis] ? start : -1;
}

// For each place of space the sum, times `scale`, of what all windows that it lies in have there:
// x (n, c, out), the same for all elements of a window where `tap` is 0, else with so many numbers
// between them.
extern "C" __global__ void window_put(const T *x, T *z, Windows s, double scale)
{
    for (EACH(i, s.n * s.c * s.space[0] * s.space[1] * s.space[2])) {
        Spot p = spot(i, s.c, s.space, s.rows);
        A total = 0;
        for (Index a = 0; a < s.window[0]; ++a) {
            Index d = window_of(p.d, a, s, 0);
            if (d < 0) continue;
            for (Index b = 0; b < s.window[1]; ++b) {
                Index h = window_of(p.h, b, s, 1);
                if (h < 0) continue;
                for (Index c = 0; c < s.window[2]; ++c) {
                    Index w = window_of(p.w, c, s, 2);
                    Index tap = (a * s.window[1] + b) * s.window[2] + c;
                    if (w >= 0) total += wide(x[at(s.x, p.n, p.c, d, h, w) + tap * s.tap]);
                }
            }
        }
        z[at(s.z, p.n, p.c, p.d, p.h, p.w)] = narrow(total * (A)scale);
    }
}

// For each place of space the sum of u over the windows whose largest number lies there.
extern "C" __global__ void max_pool_dx(const T *u, const long long *indices, T *z, Windows s)
{
    for (EACH(i, s.n * s.c * s.space[0] * s.space[1] * s.space[2])) {
        Spot p = spot(i, s.c, s.space, s.rows);
        Index here = (p.d * s.space[1] + p.h) * s.space[2] + p.w;
        A total = 0;
        for (Index a = 0; a < s.window[0]; ++a) {
            Index d = window_of(p.d, a, s, 0);
            if (d < 0) continue;
            for (Index b = 0; b < s.window[1]; ++b) {
                Index h = window_of(p.h, b, s, 1);
                if (h < 0) continue;
                for (Index c = 0; c < s.window[2]; ++c) {
                    Index w = window_of(p.w, c, s, 2);
                    if (w >= 0 && indices[at(s.at, p.n, p.c, d, h, w)] == here)
                        total += wide(u[at(s.x, p.n, p.c, d, h, w)]);
                }
            }
        }
        z[at(s.z, p.n, p.c, p.d, p.h, p.w)] = narrow(total);
    }
}

// u added to z at `indices`, map by map; z holds zeros. Of the slots that want to add at one place
// at a time the first adds for all of them, in their order.
extern "C" __global__ void unpool(const T *u, const long long *indices, T *z, Put s)
{
    __shared__ long long places[THREADS];
    __shared__ A numbers[THREADS];
    Team t = team(s.lanes, true);
    Index lanes_of_channels = (s.c + t.lanes - 1) / t.lanes;
    for (Index group = blockIdx.x; group < s.n * lanes_of_channels; group += gridDim.x) {
        Index n = group / lanes_of_channels;
        Index c = group % lanes_of_channels * t.lanes + t.lane;
        for (Index first = 0; first < s.count; first += t.slots) {
            Index k = first + t.slot;
            bool given = c < s.c && k < s.count;
            long long place = -1;
            if (given) {
                place = indices[n * s.at[0] + c * s.at[1] + k * s.at[2]];
                numbers[threadIdx.x] = wide(u[n * s.u[0] + c * s.u[1] + k * s.u[2]]);
                given = place >= 0 && place < s.area;
            }
            places[threadIdx.x] = given ? place : -1;
            __syncthreads();
            for (int other = t.lane; other < threadIdx.x && given; other += t.lanes)
                given = places[other] != place;
            if (given) {
                T *to = z + n * s.z[0] + c * s.z[1] + (Index)place * s.z[2];
                A total = wide(*to);
                for (int other = threadIdx.x; other < THREADS; other += t.lanes)
                    if (places[other] == place) total += numbers[other];
                *to = narrow(total);
            }
            __syncthreads();
        }
    }
}
"""

WINDOWS = Struct(
    "Windows",
    n=1,
    c=1,
    space=3,
    out=3,
    window=3,
    stride=3,
    padding=3,
    dilation=3,
    x=5,
    z=5,
    at=5,
    tap=1,
    rows=1,
)
PUT = Struct("Put", n=1, c=1, count=1, area=1, u=3, at=3, z=3, lanes=1)
SLIDING = dict.fromkeys(("max_pool", "max_pool_dx", "window_sum", "window_put"), WINDOWS)
POOL = Family("pool", SOURCE, **SLIDING, unpool=PUT)
LANES = 16  # neighbouring channels that a block takes at once where they lie innermost


def three(values, filled: int) -> tuple[int, ...]:
    """Values of one to three axes of space as those of three, by axes of one place before them."""
    return (*[filled] * (3 - len(values)), *values)


def five(steps: tuple) -> tuple[int, ...]:
    """Strides of (N, C, *space) as those of three axes of space."""
    return (*steps[:2], *three(steps[2:], 0))


def windows(maps, space, out, sliding, x, z, tap, rows, at=(0, 0)) -> tuple:
    """The values of the structure Windows; sliding: window, stride, padding, dilation. x, z, at:
    strides of what is read, of what is written, of indices."""
    filled = zip(sliding, (1, 1, 0, 1), strict=True)
    sizes = (three(space, 1), three(out, 1), *(three(values, f) for values, f in filled))
    return (*maps, *sizes, five(x), five(z), five(at), tap, int(rows))


def spatial(x) -> bool:
    """Whether x (N, C, *space) has as many axes as the kernels are for."""
    return 3 <= x.ndim <= 5


def max_pool(x, *, window, stride, padding, dilation, out):
    """The kernel of max_pool."""
    if not covered(x) or not spatial(x):
        return refused(f"{TAKEN}; {SPACE}")
    rows = in_rows(x)
    z, indices = (empty(xp(x), (*x.shape[:2], *out), d, rows) for d in (x.dtype, "int64"))
    sliding = (window, stride, padding, dilation)
    values = windows(x.shape[:2], x.shape[2:], out, sliding, strides(x), strides(z), 0, rows)
    POOL.launch(xp(x), "max_pool", x.dtype, per_thread(z.size), (x, z, indices), values)
    return z, indices


def max_pool_dx(u, indices, *, space, window, stride, padding, dilation):
    """The kernel of max_pool_dx."""
    if not covered(u) or not spatial(u) or indices.dtype != "int64" or indices.shape != u.shape:
        return refused(f"{TAKEN}, and as many int64 indices; {SPACE}")
    if any(p and d > 1 for p, d in zip(padding, dilation, strict=True)):
        return refused("of a window of nothing but -inf the index may lie between its elements")
    rows = in_rows(u)
    z = empty(xp(u), (*u.shape[:2], *space), u.dtype, rows)
    sliding = (window, stride, padding, dilation)
    steps = (strides(u), strides(z))
    at = strides(indices)
    values = windows(u.shape[:2], space, u.shape[2:], sliding, *steps, 0, rows, at)
    POOL.launch(xp(u), "max_pool_dx", u.dtype, per_thread(z.size), (u, indices, z), values)
    return z


def window_sum(x, *, window, stride, padding, dilation, out, count=1):
    """The kernel of window_sum; over `count`, that of window_mean."""
    if not covered(x) or not spatial(x):
        return refused(f"{TAKEN}; {SPACE}")
    rows = in_rows(x)
    z = empty(xp(x), (*x.shape[:2], *out), x.dtype, rows)
    sliding = (window, stride, padding, dilation)
    values = windows(x.shape[:2], x.shape[2:], out, sliding, strides(x), strides(z), 0, rows)
    scale = np.float64(1 / count)
    POOL.launch(xp(x), "window_sum", x.dtype, per_thread(z.size), (x, z), values, scale)
    return z


def window_sum_dx(u, *, space, window, stride, padding, dilation, count=1):
    """The kernel of window_sum_dx; over `count`, that of window_mean_dx."""
    if not covered(u) or not spatial(u):
        return refused(f"{TAKEN}; {SPACE}")
    rows = in_rows(u)
    z = empty(xp(u), (*u.shape[:2], *space), u.dtype, rows)
    sliding = (window, stride, padding, dilation)
    values = windows(u.shape[:2], space, u.shape[2:], sliding, strides(u), strides(z), 0, rows)
    scale = np.float64(1 / count)
    POOL.launch(xp(u), "window_put", u.dtype, per_thread(z.size), (u, z), values, scale)
    return z


window_mean, window_mean_dx = window_sum, window_sum_dx


def fold(u, *, space, window, stride, padding, dilation):
    """The kernel of fold: columns are windows whose elements lie a row apart."""
    if not covered(u) or not 1 <= len(space) <= 3:
        return refused(f"{TAKEN}; {SPACE}")
    taps = math.prod(window)
    maps = (u.shape[0], u.shape[1] // taps)
    sliding = (window, stride, padding, dilation)
    out = tuple([out_size(*axis) for axis in zip(space, *sliding, strict=True)])
    by_sample, by_row, by_window = strides(u)
    steps = [by_window * math.prod(out[axis + 1 :]) for axis in range(len(out))]
    z = xp(u).empty((*maps, *space), u.dtype)
    x = (by_sample, by_row * taps, *steps)
    values = windows(maps, space, out, sliding, x, strides(z), by_row, False)
    one = np.float64(1)
    POOL.launch(xp(u), "window_put", u.dtype, per_thread(z.size), (u, z), values, one)
    return z


def unpool(u, indices, *, space):
    """The kernel of unpool; an index outside the map adds nowhere."""
    if not covered(u) or indices.dtype != "int64" or indices.shape != u.shape:
        return refused(f"{TAKEN}, and as many int64 indices")
    n, c = u.shape[:2]
    count, area = math.prod(u.shape[2:]), math.prod(space)
    rows = in_rows(u)
    z = empty(xp(u), (n, c, area), u.dtype, rows)
    z[...] = 0
    flat, places = (a.reshape(n, c, count) for a in (u, indices))
    lanes = LANES if rows else 1
    steps = map(strides, (flat, places, z))
    values = (n, c, count, area, *steps, lanes)
    groups = n * -(-c // lanes)
    POOL.launch(xp(u), "unpool", u.dtype, groups, (flat, places, z), values)
    return z.reshape(n, c, *space)
