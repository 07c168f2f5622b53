"""Slow truths: what gates compute in plain loops or plain NumPy, and derivatives as differences.

Nothing here is shared with the library: these are the formulas written down once more, by other
means. Functions under a gate's name take what the gate takes, as NumPy arrays.
"""

import collections
import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np

STEP = 1e-3  # of differences; a number moves by two steps at most

COUNTS = collections.Counter()  # oracle -> arrays compared with it, for the summary of a test run


# --- agreement ------------------------------------------------------------------------------------


def host(x) -> np.ndarray:
    """The numbers of a Tensor or of any backend's array as a NumPy array: how tests read them."""
    raw = getattr(x, "raw", x)
    return raw.get() if hasattr(raw, "get") else np.asarray(raw)


def agree(oracle: str, got: np.ndarray, want: np.ndarray, bound: float) -> None:
    """Assert that two arrays have one shape, nan and inf in the same places, and the same numbers.

    Numbers may differ by `bound` times the largest of them, or times 1 if none is larger. Arrays
    may be of any backend.
    """
    COUNTS[oracle] += 1
    got, want = host(got), host(want)
    assert got.shape == want.shape, f"{oracle}: shape {got.shape}, expected {want.shape}"
    if got.dtype.kind != "f":
        np.testing.assert_array_equal(got, want, err_msg=oracle)
        return
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite], err_msg=oracle)
    scale = max(1.0, np.abs(want[finite]).max(initial=0.0))
    error = np.abs(got[finite] - want[finite]).max(initial=0.0)
    assert error <= bound * scale, f"{oracle}: off by {error:.3g}: {got} instead of {want}"


# --- differences ----------------------------------------------------------------------------------


def slope(function: Callable, inputs: list, direction: list) -> float:
    """The derivative of function(*inputs), a float, along a direction: five-point differences.

    Where an entry of the direction is None that input stays. Error: STEP⁴ f⁽⁵⁾ / 30.
    """

    def at(step: float) -> float:
        moved = [
            x if d is None else x + step * STEP * d for x, d in zip(inputs, direction, strict=True)
        ]
        return function(*moved)

    return (8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * STEP)


# --- axes -----------------------------------------------------------------------------------------


def axes_of(x: np.ndarray, dim) -> tuple[int, ...]:
    """`dim` (None, an axis, several) as NumPy takes it: a tuple; none for a 0-d array."""
    if dim is None:
        return tuple(range(x.ndim))
    return tuple(dim if isinstance(dim, tuple) else (dim,)) if x.ndim else ()


def over(function: Callable) -> Callable:
    """A NumPy reduction with a gate's settings."""
    return lambda x, dim, keepdim: function(x, axis=axes_of(x, dim), keepdims=keepdim)


def over_one(function: Callable) -> Callable:
    """argmax or argmin with a gate's settings."""
    return lambda x, dim, keepdim: function(x, axis=dim if x.ndim else None, keepdims=keepdim)


def kept(x: np.ndarray, z: np.ndarray, dim) -> np.ndarray:
    """z with the axes back that were reduced in x."""
    axes = {a % x.ndim for a in axes_of(x, dim)}
    return z.reshape([1 if i in axes else n for i, n in enumerate(x.shape)])


# --- reductions -----------------------------------------------------------------------------------


def count(x, dim) -> int:
    """How many numbers are reduced to one."""
    return math.prod(x.shape[a] for a in axes_of(x, dim))


def mean(x, dim, keepdim):
    return x.sum(axes_of(x, dim), keepdims=keepdim) / np.float64(count(x, dim))


def var(x, dim, correction, keepdim):
    squares = (x - mean(x, dim, True)) ** 2
    free = max(count(x, dim) - correction, 0)
    return squares.sum(axes_of(x, dim), keepdims=keepdim) / np.float64(free)


def norm(x, dim, keepdim):
    return np.sqrt((x**2).sum(axes_of(x, dim), keepdims=keepdim))


def norm_dx(g, z, x, dim):
    return kept(x, g, dim) * x / kept(x, z, dim)


def cumsum(x, dim):
    return np.cumsum(x, dim) if x.ndim else x


def extreme_dx(g, z, x, dim):
    winners = x == kept(x, z, dim)
    return winners * kept(x, g, dim) / winners.sum(axes_of(x, dim), keepdims=True)


def logsumexp(x, dim, keepdim):
    return np.log(np.exp(x).sum(axes_of(x, dim), keepdims=keepdim))


def logsumexp_dx(g, z, x, dim):
    return kept(x, g, dim) * np.exp(x - kept(x, z, dim))


def contract(*xs, terms, out):
    """Every product of one number per operand, added where its letters say."""
    sizes = {
        c: n for x, term in zip(xs, terms, strict=True) for c, n in zip(term, x.shape, strict=True)
    }
    z = np.zeros([sizes[c] for c in out])
    for places in itertools.product(*(range(n) for n in sizes.values())):
        at = dict(zip(sizes, places, strict=True))
        factors = [x[tuple(at[c] for c in term)] for x, term in zip(xs, terms, strict=True)]
        z[tuple(at[c] for c in out)] += math.prod(factors)
    return z


# --- shapes and indices ---------------------------------------------------------------------------


def expand(x, shape):
    lead = len(shape) - x.ndim
    return np.broadcast_to(x, [x.shape[i - lead] if n == -1 else n for i, n in enumerate(shape)])


def sum_to(x, shape):
    lead = x.ndim - len(shape)
    axes = [i for i in range(x.ndim) if i < lead or shape[i - lead] == 1]
    return x.sum(tuple(axes)).reshape(shape)


def pad_constant(x, pads, value):
    z = np.full([lo + n + hi for n, (lo, hi) in zip(x.shape, pads, strict=True)], value)
    z[tuple(slice(lo, lo + n) for n, (lo, _) in zip(x.shape, pads, strict=True))] = x
    return z


def put_at(x, key, shape):
    z = np.zeros(math.prod(shape))
    places = np.arange(z.size).reshape(shape)[key]
    for place, number in zip(np.ravel(places), np.ravel(x), strict=True):
        z[place] += number
    return z.reshape(shape)


def put_along(x, indices, dim, shape):
    z = np.zeros(shape)
    for place in np.ndindex(*x.shape):
        to = list(place)
        to[dim] = indices[place]
        z[tuple(to)] += x[place]
    return z


# --- windows --------------------------------------------------------------------------------------


def out_shape(space, window, stride, padding, dilation) -> tuple[int, ...]:
    """How many windows fit along each axis, counted one by one."""
    out = []
    for n, r, s, p, d in zip(space, window, stride, padding, dilation, strict=True):
        out.append(sum(1 for start in range(-p, n + p, s) if start + d * (r - 1) < n + p))
    return tuple(out)


def inside(space, window, stride, padding, dilation, out) -> Iterator[tuple]:
    """All (window, place in it, place in space) that do not lie in the border, for any rank."""
    for q in itertools.product(*map(range, out)):
        for r in itertools.product(*map(range, window)):
            places = zip(q, r, stride, padding, dilation, strict=True)
            at = tuple(a * s + b * d - p for a, b, s, p, d in places)
            if all(0 <= i < n for i, n in zip(at, space, strict=True)):
                yield q, r, at


def products(x, w, u, groups, *geometry) -> Iterator[tuple]:
    """The places in x, w and u that each product of a convolution is made of: six loops in 2-D."""
    spots = list(inside(*geometry))
    per_group, channels = w[0] // groups, w[1]
    for n, k, c in itertools.product(range(x[0]), range(w[0]), range(channels)):
        of_x = k // per_group * channels + c
        for q, r, at in spots:
            yield (n, of_x, *at), (k, c, *r), (n, k, *q)


def conv(x, w, b, stride, padding, dilation, groups):
    space, window = x.shape[2:], w.shape[2:]
    out = out_shape(space, window, stride, padding, dilation)
    z = np.zeros((x.shape[0], w.shape[0], *out))
    geometry = (space, window, stride, padding, dilation, out)
    for i, j, k in products(x.shape, w.shape, z.shape, groups, *geometry):
        z[k] += x[i] * w[j]
    return z if b is None else z + b.reshape(-1, *[1] * len(space))


def conv_dx(u, w, space, stride, padding, dilation, groups):
    z = np.zeros((u.shape[0], w.shape[1] * groups, *space))
    geometry = (space, w.shape[2:], stride, padding, dilation, u.shape[2:])
    for i, j, k in products(z.shape, w.shape, u.shape, groups, *geometry):
        z[i] += u[k] * w[j]
    return z


def conv_dw(u, x, window, stride, padding, dilation, groups):
    z = np.zeros((u.shape[1], x.shape[1] // groups, *window))
    geometry = (x.shape[2:], window, stride, padding, dilation, u.shape[2:])
    for i, j, k in products(x.shape, z.shape, u.shape, groups, *geometry):
        z[j] += u[k] * x[i]
    return z


def max_pool(x, window, stride, padding, dilation, out):
    """The largest number of each window, the first of several."""
    z = np.full((*x.shape[:2], *out), -np.inf)
    for n, c in np.ndindex(*x.shape[:2]):
        for q, _, at in inside(x.shape[2:], window, stride, padding, dilation, out):
            if x[(n, c, *at)] > z[(n, c, *q)] or np.isnan(x[(n, c, *at)]):
                z[(n, c, *q)] = x[(n, c, *at)]
    return z


def window_sum(x, window, stride, padding, dilation, out):
    z = np.zeros((*x.shape[:2], *out))
    for q, _, at in inside(x.shape[2:], window, stride, padding, dilation, out):
        z[(..., *q)] += x[(..., *at)]
    return z


def window_sum_dx(u, space, window, stride, padding, dilation):
    z = np.zeros((*u.shape[:2], *space))
    for q, _, at in inside(space, window, stride, padding, dilation, u.shape[2:]):
        z[(..., *at)] += u[(..., *q)]
    return z


def unpool(u, indices, space):
    z = np.zeros((*u.shape[:2], math.prod(space)))
    for place in np.ndindex(*u.shape):
        z[(*place[:2], indices[place])] += u[place]
    return z.reshape(*u.shape[:2], *space)


def pick(x, indices):
    flat = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
    z = np.zeros(indices.shape)
    for place in np.ndindex(*z.shape):
        z[place] = flat[(*place[:2], indices[place])]
    return z


# --- norms and losses -----------------------------------------------------------------------------


def channels(x: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes that are averaged over, and the shape of one number per channel."""
    return (0, *range(2, x.ndim)), (1, -1, *[1] * (x.ndim - 2))


def batch_norm(x, weight, bias, residual, eps, relu):
    axes, shape = channels(x)
    xhat = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)
    z = xhat * weight.reshape(shape) + bias.reshape(shape)
    z = z if residual is None else z + residual
    return np.where(z > 0, z, 0.0) if relu else z


def batch_norm_dx(g, z, x, weight, aux, eps, relu):
    axes, shape = channels(x)
    g = g * (z > 0) if relu else g
    rstd = 1 / np.sqrt(x.var(axes, keepdims=True) + eps)
    xhat = (x - x.mean(axes, keepdims=True)) * rstd
    along = xhat * (g * xhat).mean(axes, keepdims=True)
    gx = weight.reshape(shape) * rstd * (g - g.mean(axes, keepdims=True) - along)
    return gx, (g * xhat).sum(axes), g.sum(axes), g


def softmax(x, dim):
    e = np.exp(x)
    return e / e.sum(axes_of(x, dim), keepdims=True)


def softmax_dx(g, z, dim):
    return z * (g - (g * z).sum(axes_of(z, dim), keepdims=True))


def log_softmax(x, dim):
    return x - np.log(np.exp(x).sum(axes_of(x, dim), keepdims=True))


def log_softmax_dx(g, z, dim):
    return g - np.exp(z) * g.sum(axes_of(z, dim), keepdims=True)


def one_hot(target, classes, dim, like):
    hot = np.zeros((*target.shape, classes), like)
    for place in np.ndindex(*target.shape):
        hot[(*place, target[place])] = 1
    return np.moveaxis(hot, -1, dim)
