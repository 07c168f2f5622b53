"""Reductions: sums, means, products, extremes, norms, and running sums and products.

`dim` is an axis, a tuple of axes, or None for all, and an empty tuple means all too; negative axes
count from the end. Functions that look for a place (argmax, median) take one axis. Whole numbers
and truth values are added and multiplied as int64.
"""

import math
from typing import NamedTuple

from ..gate import composite, flat, gate
from ..kernels import xp
from ..kernels.shapes import averaged, axes_of, axis_of, counted, kept_shape, reduced_axes
from ..tensor import Tensor
from .comparison import eq, isnan, logical_or, ne
from .indexing import getitem, take_along
from .joining import join
from .pointwise import abs, div, exp, log, maximum, minimum, pow, where
from .shape import (
    cast,
    clone,
    expand,
    flip,
    ones_like,
    permute,
    reshape,
    squeeze,
    zeros_like,
)


class Selected(NamedTuple):
    """What was chosen along an axis, and where it stood."""

    values: Tensor
    indices: Tensor


class MinMax(NamedTuple):
    """The smallest and the largest."""

    min: Tensor
    max: Tensor


def spread(g, shape: tuple, dim):
    """The gradient of a reduction over `dim`, repeated over what was reduced."""
    return expand(reshape(g, kept_shape(shape, dim)), shape)


def count(shape: tuple, dim) -> int:
    """How many elements are reduced to one."""
    return math.prod(shape[i] for i in reduced_axes(len(shape), dim))


def filled_axes(name: str, shape: tuple, dim) -> tuple[int, ...]:
    """The axes to look for an extreme over.

    Raises: IndexError for an axis of no elements, RuntimeError if all of none are to be compared.
    """
    axes = reduced_axes(len(shape), dim)
    if 0 in [shape[i] for i in axes]:
        error = RuntimeError if dim is None or dim in ((), []) else IndexError
        raise error(
            f"{name}: nothing to choose from in shape {tuple(shape)} over dim {dim}; give a dim "
            "of non-zero size"
        )
    return axes


# --- sums -----------------------------------------------------------------------------------------


@gate(autocast="float32", x=lambda g, x_shape, dim: spread(g, x_shape, dim))
def sum(x, *, dim=None, keepdim=False, dtype=None):
    """The sum over `dim`; whole numbers and truth values are counted as int64.

    Rule: every summand gets the gradient.
    """
    axes = reduced_axes(x.ndim, dim)
    return x.sum(axes, dtype=dtype or counted(x.dtype), keepdims=keepdim)


@composite
def bias_dx(g):
    """The gradient for a bias per channel: Σ g over samples and places.

    Shape: g (N, K, *out) -> (K,).
    """
    return sum(g, (0, *range(2, g.ndim)))


@composite
def nansum(x, *, dim=None, keepdim=False, dtype=None):
    """The sum over `dim` of all elements that are numbers; nan counts as 0."""
    return sum(where(isnan(x), zeros_like(x), x), dim, keepdim, dtype)


def count_nonzero(x, dim=None):
    """How many elements are not zero over `dim`, as int64."""
    return sum(ne(x, 0), dim)


@gate(x=lambda g, x_shape, dim: spread(div(g, float(count(x_shape, dim))), x_shape, dim))
def mean(x, *, dim=None, keepdim=False, dtype=None):
    """The mean over `dim`; nan where there is nothing.

    Rule: every element gets its share of the gradient, one over their number.

    Raises: RuntimeError for whole numbers, unless `dtype` makes them floats.
    """
    kind = averaged(x.dtype, dtype)
    total = x.sum(reduced_axes(x.ndim, dim), dtype=kind, keepdims=keepdim)
    n = count(x.shape, dim)
    return total * (1.0 / n if n else math.nan)


@composite
def var(x, *, dim=None, correction=None, keepdim=False, unbiased=None):
    """The variance over `dim`: squared deviations over max(0, count - correction).

    correction is 1 by default; unbiased=False stands for correction=0, also in its place or, as
    in var(x, False), alone.

    Raises: RuntimeError for whole numbers, TypeError if both unbiased and correction are given.
    """
    centred, axes, free = deviations(x, dim, correction, unbiased)
    return div(sum(centred * centred, axes, keepdim), free)


@composite
def std(x, *, dim=None, correction=None, keepdim=False, unbiased=None):
    """The standard deviation over `dim`, the root of `var` with the same settings.

    Rule: 0 where all elements are equal.
    """
    centred, axes, free = deviations(x, dim, correction, unbiased)
    return div(euclidean_norm(centred, axes, keepdim), free**0.5)


def deviations(x, dim, correction, unbiased) -> tuple:
    """How far each element lies from the mean, over which axes, and what to divide squares by."""
    if isinstance(dim, bool):
        dim, correction = None, dim
    if unbiased is not None and correction is not None:
        raise TypeError("var and std take unbiased or correction, not both")
    wanted = correction if unbiased is None else unbiased
    centred = x - mean(x, dim, True)
    free = count(x.shape, dim) - (1 if wanted is None else wanted)
    return centred, dim, float(free if free > 0 else 0)


def var_mean(x, dim=None, correction=None, keepdim=False, unbiased=None) -> tuple:
    """The variance and the mean over `dim`."""
    axes = None if isinstance(dim, bool) else dim
    return var(x, dim, correction, keepdim, unbiased), mean(x, axes, keepdim)


def std_mean(x, dim=None, correction=None, keepdim=False, unbiased=None) -> tuple:
    """The standard deviation and the mean over `dim`."""
    axes = None if isinstance(dim, bool) else dim
    return std(x, dim, correction, keepdim, unbiased), mean(x, axes, keepdim)


def norm(x, p="fro", dim=None, keepdim: bool = False, dtype=None):
    """(Σ |x|^p)^(1/p) over `dim`; p = ±inf for the largest or smallest |x|, 0 for how many are not
    zero, "fro" or None for p = 2.

    Rule: 0 where the norm is 0; for p = 0 there is none.

    Raises: RuntimeError for whole numbers, or for a p that is neither a number nor "fro".
    """
    averaged(x.dtype)  # raises
    if dtype is not None:
        x = cast(x, dtype=averaged(x.dtype, dtype))
    if p in (2, None, "fro"):
        return euclidean_norm(x, dim, keepdim)
    if not isinstance(p, (int, float)):
        raise RuntimeError(f"norm: p is a number, ±inf or 'fro', got {p!r}")
    size = abs(x)
    if p == math.inf:
        return amax(size, dim, keepdim)
    if p == -math.inf:
        return amin(size, dim, keepdim)
    if p == 0:
        return sum(ne(x, 0.0), dim, keepdim, x.dtype)
    if p == 1:
        return sum(size, dim, keepdim)
    if p < 0:
        filled_axes("norm", x.shape, dim)
    nothing = eq(size, 0.0)  # its power has no slope, though that of |x|^p is infinite for p < 1
    powers = where(nothing, 0.0 if p > 0 else math.inf, pow(where(nothing, 1.0, size), p))
    total = sum(powers, dim, keepdim)
    nothing = eq(total, 0.0)
    return where(nothing, 0.0, pow(where(nothing, 1.0, total), 1.0 / p))


@gate(autocast="float32", floats=True, x=lambda g, z, x, dim: euclidean_norm_dx(g, z, x, dim=dim))
def euclidean_norm(x, *, dim=None, keepdim=False):
    """The Euclidean norm over `dim`.

    Rule: dz/dx = x / z, and 0 where z is 0.
    """
    return xp(x).sqrt((x * x).sum(reduced_axes(x.ndim, dim), keepdims=keepdim))


@composite
def euclidean_norm_dx(g, z, x, *, dim):
    """The gradient of euclidean_norm for its input."""
    shape = kept_shape(x.shape, dim)
    z = reshape(z, shape)
    return where(eq(z, 0.0), 0.0, x * div(reshape(g, shape), z))


@gate(autocast="float32", x=lambda g, dim: flip(cumsum(flip(g, dim), dim=dim), dim))
def cumsum(x, *, dim, dtype=None):
    """The sums of all elements up to each one along `dim`.

    Rule: every element gets the gradients of all sums it is part of.
    """
    axis = axis_of(x.ndim, dim)
    kind = dtype or counted(x.dtype)
    lanes = x if x.ndim else x.reshape(1)
    return lanes.cumsum(axis, dtype=kind).reshape(x.shape)


# --- products -------------------------------------------------------------------------------------


@composite
def prod(x, *, dim=None, keepdim=False, dtype=None):
    """The product over `dim`: halves multiplied until one number is left.

    Unlike the formula z / x this has right gradients of any order where elements are zero.

    Differs: from PyTorch, which takes one axis; here several may be named.
    """
    axes = reduced_axes(x.ndim, dim)
    rest = [i for i in range(x.ndim) if i not in axes]
    n = count(x.shape, dim)
    shape = kept_shape(x.shape, dim) if keepdim else tuple(x.shape[i] for i in rest)
    last = reshape(permute(x, (*rest, *axes)), (*(x.shape[i] for i in rest), n))
    last = cast(last, dtype=dtype or counted(x.dtype))
    if not n:
        return reshape(cast(sum(last, -1) + 1, dtype=last.dtype), shape)
    while n > 1:
        half = n // 2
        product = getitem(last, (..., slice(half))) * getitem(last, (..., slice(half, 2 * half)))
        odd = getitem(last, (..., slice(2 * half, n)))
        last = join([product, odd], dim=-1) if n % 2 else product
        n -= half
    return reshape(last, shape)


@composite
def cumprod(x, *, dim, dtype=None):
    """The products of all elements up to each one along `dim`.

    Each step multiplies in as many factors again, so that there is no division: gradients of any
    order are right where elements are zero.
    """
    axis = axis_of(x.ndim, dim)
    z = cast(x, dtype=dtype or counted(x.dtype))
    lead = (slice(None),) * axis
    step = 1
    while x.ndim and step < x.shape[axis]:
        first = getitem(z, (*lead, slice(step)))
        later = getitem(z, (*lead, slice(step, None)))
        z = join([first, later * getitem(z, (*lead, slice(-step)))], dim=axis)
        step *= 2
    return z


# --- extremes -------------------------------------------------------------------------------------


@gate(x=lambda g, z, x, dim: extreme_dx(g, z, x, dim=dim))
def amax(x, *, dim=None, keepdim=False):
    """The largest element over `dim`; nan wins.

    Rule: the largest elements share the gradient evenly; where nan wins, those that are nan.

    Raises: IndexError over an axis of no elements, RuntimeError if there are none at all.

    Differs: where nan wins PyTorch's gradient is nan, but for max() and min() of all.
    """
    return x.max(filled_axes("amax", x.shape, dim), keepdims=keepdim)


@gate(x=lambda g, z, x, dim: extreme_dx(g, z, x, dim=dim))
def amin(x, *, dim=None, keepdim=False):
    """The smallest element over `dim`; nan wins.

    Rule: the smallest elements share the gradient evenly; where nan wins, those that are nan.

    Raises: IndexError over an axis of no elements, RuntimeError if there are none at all.

    Differs: where nan wins PyTorch's gradient is nan, but for max() and min() of all.
    """
    return x.min(filled_axes("amin", x.shape, dim), keepdims=keepdim)


@composite
def extreme_dx(g, z, x, *, dim):
    """The gradient of amax and amin: shared evenly among the elements that equal z; nan is z."""
    shape = kept_shape(x.shape, dim)
    chosen = logical_or(eq(x, reshape(z, shape)), isnan(x))
    chosen = where(chosen, ones_like(x), 0.0)
    return chosen * div(reshape(g, shape), sum(chosen, dim, True))


def aminmax(x, *, dim=None, keepdim: bool = False) -> MinMax:
    """The smallest and the largest element over `dim`, under the names min and max."""
    return MinMax(amin(x, dim, keepdim), amax(x, dim, keepdim))


@flat
def argmax(x, *, dim=None, keepdim=False):
    """The index of the first largest element along `dim`, or in the flattened tensor.

    Raises: IndexError where there are no elements, RuntimeError for truth values.
    """
    return xp(x).argmax(x, axis=place_axis("argmax", x, dim), keepdims=keepdim)


@flat
def argmin(x, *, dim=None, keepdim=False):
    """The index of the first smallest element along `dim`, or in the flattened tensor.

    Raises: IndexError where there are no elements, RuntimeError for truth values.
    """
    return xp(x).argmin(x, axis=place_axis("argmin", x, dim), keepdims=keepdim)


def place_axis(name: str, x, dim) -> int | None:
    """The axis along which a place is looked for; None for the flattened tensor."""
    if x.dtype.kind == "b":
        raise RuntimeError(f"{name}: takes numbers, got truth values; cast them, as in x.int()")
    axis = None if dim is None else axis_of(x.ndim, dim)
    if x.size == 0 and (axis is None or x.shape[axis] == 0):
        raise IndexError(
            f"{name}: nothing to choose from in shape {tuple(x.shape)} over dim {dim}; give a dim "
            "of non-zero size"
        )
    return axis if x.ndim else None


def max(x, dim=None, keepdim: bool = False, *, other=None):
    """The largest element of all; with `dim` (values, indices of the first largest); with a second
    tensor in the place of dim the larger of both, element by element.

    Rule: without dim the largest elements share the gradient; with it the first gets all.
    """
    if isinstance(dim, Tensor):
        other = dim
    if other is not None:
        return maximum(x, other)
    return amax(x) if dim is None else extreme_along(argmax, x, dim, keepdim)


def min(x, dim=None, keepdim: bool = False, *, other=None):
    """The smallest element of all; with `dim` (values, indices of the first smallest); with a
    second tensor in the place of dim the smaller of both, element by element.

    Rule: without dim the smallest elements share the gradient; with it the first gets all.
    """
    if isinstance(dim, Tensor):
        other = dim
    if other is not None:
        return minimum(x, other)
    return amin(x) if dim is None else extreme_along(argmin, x, dim, keepdim)


def extreme_along(arg, x, dim: int, keepdim: bool) -> Selected:
    """What argmax or argmin chooses along an axis; truth values are compared as numbers."""
    numbers = cast(x, dtype="uint8") if x.dtype.kind == "b" else x
    return chosen_along(x, arg(numbers, dim, True), dim, keepdim)


def chosen_along(x, indices, dim: int, keepdim: bool) -> Selected:
    """The values at `indices`, and the indices, with or without the reduced axis."""
    if not x.ndim:
        return Selected(clone(x), indices)
    values = take_along(x, indices, dim=dim)
    if keepdim:
        return Selected(values, indices)
    return Selected(squeeze(values, dim), squeeze(indices, dim))


@flat
def any(x, *, dim=None, keepdim=False):
    """Whether some element is true; a `dim` of no axes asks every element by itself.

    Differs: from PyTorch for uint8, where the answers are truth values too.
    """
    return xp(x).any(x, axis=axes_of(x.ndim, dim), keepdims=keepdim)


@flat
def all(x, *, dim=None, keepdim=False):
    """Whether every element is true; a `dim` of no axes asks every element by itself.

    Differs: from PyTorch for uint8, where the answers are truth values too.
    """
    return xp(x).all(x, axis=axes_of(x.ndim, dim), keepdims=keepdim)


@gate(autocast="float32", floats=True, x=lambda g, z, x, dim: logsumexp_dx(g, z, x, dim=dim))
def logsumexp(x, *, dim, keepdim=False):
    """log Σ e^x over `dim`, without overflow.

    Rule: dz/dx = e^(x - z), the softmax.
    """
    axes = reduced_axes(x.ndim, dim)
    top = x.max(axes, keepdims=True) if x.size else x.sum(axes, keepdims=True)
    top = where(xp(x).isfinite(top), top, 0.0)
    z = log(xp(x).exp(x - top).sum(axes, keepdims=True)) + top
    return z if keepdim else z.squeeze(axes)


@composite
def logsumexp_dx(g, z, x, *, dim):
    """The gradient of logsumexp for its input."""
    shape = kept_shape(x.shape, dim)
    return reshape(g, shape) * exp(x - reshape(z, shape))
