"""Pooling over windows: the largest element, a drawn one, or the sum, of which an average is a
multiple.

Shapes: x (N, C, *space) -> (N, C, *out). The settings window, stride, padding and dilation hold one
whole number per axis of space; `out` is the output's size, which the caller computes (its rounding
up is ceil mode).
"""

import itertools
import math

from ..gate import composite, flat, gate
from ..kernels import backend, is_float, xp
from .conv import inner, steps, windows
from .pointwise import div


def framed(x, out: tuple, window: tuple, stride: tuple, padding: tuple, dilation: tuple, value):
    """x within a border of `value`, as large as the windows of `out` reach, or cut to that."""
    reach = []
    for q, r, s, d in zip(out, window, stride, dilation, strict=True):
        reach.append((q - 1) * s + (r - 1) * d + 1)
    ends = [e - n - p for e, n, p in zip(reach, x.shape[2:], padding, strict=True)]
    pads = [(p, max(e, 0)) for p, e in zip(padding, ends, strict=True)]
    if any(lo or hi for lo, hi in pads):
        x = xp(x).pad(x, ((0, 0), (0, 0), *pads), constant_values=value)
    return x[(slice(None), slice(None), *(slice(e) for e in reach))]


def lowest(x):
    """What no element of x's dtype lies below."""
    return -math.inf if is_float(x.dtype) else xp(x).iinfo(x.dtype).min


@gate(
    x=lambda g, aux, x_shape, window, stride, padding, dilation: max_pool_dx(
        g, aux, x_shape[2:], window, stride, padding, dilation
    ),
)
def max_pool(x, *, window, stride, padding, dilation, out):
    """The largest element of each window; nan wins. Second result: where it was.

    Shape: x (N, C, *space) -> (N, C, *out); indices (N, C, *out) count through *space.

    Rule: the first largest element of each window gets its gradient.
    """
    frame = framed(x, out, window, stride, padding, dilation, lowest(x))
    best = where_best = None
    for place in itertools.product(*map(range, window)):
        candidate = frame[(slice(None), slice(None), *steps(place, out, stride, dilation))]
        at = position(x, place, out, stride, padding, dilation)
        if best is None:
            best = candidate.copy()
            where_best = xp(x).broadcast_to(at, best.shape).copy()
            continue
        better = (candidate > best) | (candidate != candidate)
        best = xp(x).where(better, candidate, best)
        where_best = xp(x).where(better, at, where_best)
    return best, where_best


def position(x, place, out: tuple, stride: tuple, padding: tuple, dilation: tuple):
    """For every window, the index in x's flattened space of its element `place`; in range even
    where that element lies in the border, which never wins.

    Shape: place holds one whole number per axis for all windows, or one array (N, C, *out) per
    axis -> (*out) or (N, C, *out).
    """
    index = 0
    for axis, size in enumerate(x.shape[2:]):
        start = xp(x).arange(out[axis]) * stride[axis] - padding[axis]
        along = start.reshape(-1, *[1] * (len(out) - axis - 1)) + place[axis] * dilation[axis]
        index = index * size + along.clip(0, size - 1)
    return index


@composite
def max_pool_dx(u, indices, *, space, window, stride, padding, dilation):
    """The gradient of max_pool for its input: u added at `indices`, which count through *space.

    A kernel need not add: it knows in which windows each place of *space lies.

    Shape: u, indices (N, C, *out) -> (N, C, *space).
    """
    return unpool(u, indices, space)


@gate(u=lambda g, indices: pick(g, indices))
def unpool(u, indices, *, space):
    """Zeros of *space with u added at `indices`, which count through *space.

    Shape: u, indices (N, C, *out) -> (N, C, *space).

    Rule: the gradient is taken where u was added.
    """
    n, c = u.shape[:2]
    size = math.prod(space)
    start = xp(u).arange(n * c).reshape(n, c, *[1] * len(space)) * size
    z = xp(u).zeros(n * c * size, u.dtype)
    xp(u).add.at(z, (indices + start).ravel(), u.ravel())
    return z.reshape(n, c, *space)


@gate(x=lambda g, indices, x_shape: unpool(g, indices, x_shape[2:]))
def pick(x, indices):
    """x at `indices`, which count through its axes of space.

    Shape: x (N, C, *space), indices (N, C, *out) -> (N, C, *out).

    Rule: the gradient is added where it was taken from.
    """
    n, c = x.shape[:2]
    flat = x.reshape(n, c, math.prod(x.shape[2:]))
    places = indices.reshape(n, c, math.prod(indices.shape[2:]))
    return xp(x).take_along_axis(flat, places, 2).reshape(indices.shape)


@gate(
    x=lambda g, window, stride, padding, dilation, x_shape: window_sum_dx(
        g, x_shape[2:], window, stride, padding, dilation
    ),
)
def window_sum(x, *, window, stride, padding, dilation, out):
    """The sum of each window, zeros around.

    Shape: x (N, C, *space) -> (N, C, *out).

    Rule: every element gets the gradients of the windows it lies in.
    """
    frame = framed(x, out, window, stride, padding, dilation, 0)
    total = None
    for place in itertools.product(*map(range, window)):
        part = frame[(slice(None), slice(None), *steps(place, out, stride, dilation))]
        total = part.copy("K") if total is None else total + part
    return total


@gate(
    x=lambda g, window, stride, padding, dilation, count, x_shape: window_mean_dx(
        g, x_shape[2:], window, stride, padding, dilation, count
    ),
)
def window_mean(x, *, window, stride, padding, dilation, out, count):
    """The sum of each window, zeros around, over `count`.

    Shape: x (N, C, *space) -> (N, C, *out).

    Rule: every element gets the gradients of the windows it lies in, over count.
    """
    return window_sum(x, window, stride, padding, dilation, out) * (1 / count)


@gate(
    u=lambda g, window, stride, padding, dilation, u_shape: window_sum(
        g, window, stride, padding, dilation, u_shape[2:]
    ),
)
def window_sum_dx(u, *, space, window, stride, padding, dilation):
    """The gradient of window_sum for its input.

    Shape: u (N, C, *out) -> (N, C, *space).

    Rule: window_sum of the gradient.
    """
    n, c, *out = u.shape
    ends = []
    for s, q, r, t, p, d in zip(space, out, window, stride, padding, dilation, strict=True):
        ends.append(max(p + s, (q - 1) * t + (r - 1) * d + 1))
    z = xp(u).zeros_like(u, shape=(n, c, *ends))
    for place in itertools.product(*map(range, window)):
        z[(slice(None), slice(None), *steps(place, out, stride, dilation))] += u
    return z[(slice(None), slice(None), *inner(space, padding))]


@composite
def window_mean_dx(u, *, space, window, stride, padding, dilation, count):
    """The gradient of window_mean for its input.

    Shape: u (N, C, *out) -> (N, C, *space).
    """
    return window_sum_dx(div(u, count), space, window, stride, padding, dilation)


@flat
def drawn_places(x, *, window, stride, padding, out, seed, counter):
    """For each window the index of one of its elements, drawn with a probability proportional to
    it; none of x is negative, and where all are 0 it is the first.

    The draw is named by (seed, counter). It is a race: of elements that wait for an exponential
    time, divided by themselves, each is the first with just this probability.

    Shape: x (N, C, *space) -> (N, C, *out), counting through *space.
    """
    dilation = (1,) * len(window)
    cells = windows(framed(x, out, window, stride, padding, dilation, 0), window, stride, dilation)
    waits = -xp(x).log(1 - backend(type(x)).uniform(cells.shape, seed, counter))
    speeds = cells / xp(x).maximum(waits, 1e-8)  # a draw of 0 would wait for no time at all
    winner = speeds.reshape(*cells.shape[: x.ndim], math.prod(window)).argmax(-1)
    place = []
    for size in window[::-1]:
        place.insert(0, winner % size)
        winner = winner // size
    return position(x, place, out, stride, padding, dilation)
