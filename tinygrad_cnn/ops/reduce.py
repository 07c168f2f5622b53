"""Reductions, and contractions, which are reductions of products.

`dim` is an axis, a tuple of axes, or None for all; negative axes count from the end.
"""

import math
import string

from ..gate import composite, flat, gate
from ..kernels import xp
from ..kernels.shapes import axes_of, counted, kept_shape
from .pointwise import abs, div, equal, exp, log, pow, sqrt, where
from .shape import (
    cat,
    expand,
    flip,
    getitem,
    movedim,
    ones_like,
    permute,
    reshape,
    squeeze,
    take_along,
    transpose,
    unsqueeze,
)


def spread(g, shape: tuple, dim):
    """The gradient of a reduction over `dim`, repeated over what was reduced."""
    return expand(reshape(g, kept_shape(shape, dim)), shape)


# --- sums -----------------------------------------------------------------------------------------


@gate(x=lambda g, x_shape, dim: spread(g, x_shape, dim))
def sum(x, *, dim=None, keepdim=False):
    """The sum over `dim`; whole numbers and truth values are counted as int64.

    Rule: every summand gets the gradient.
    """
    return x.sum(axes_of(x.ndim, dim), dtype=counted(x.dtype), keepdims=keepdim)


@composite
def mean(x, *, dim=None, keepdim=False):
    """The mean over `dim`; nan where there is nothing."""
    count = math.prod(x.shape[i] for i in axes_of(x.ndim, dim))
    return sum(x, dim, keepdim) * (1.0 / count if count else math.nan)


@composite
def var(x, *, dim=None, correction=1, keepdim=False):
    """The variance over `dim`: squared deviations over (count - correction)."""
    count = math.prod(x.shape[i] for i in axes_of(x.ndim, dim))
    centred = x - mean(x, dim, True)
    free = count - correction
    return sum(centred * centred, dim, keepdim) * (1.0 / free if free > 0 else math.nan)


@composite
def std(x, *, dim=None, correction=1, keepdim=False):
    """The standard deviation over `dim`."""
    return sqrt(var(x, dim, correction, keepdim))


def norm(x, p=2, dim=None, keepdim: bool = False):
    """(Σ |x|^p)^(1/p) over `dim`; p = ±inf for the largest or smallest |x|, "fro" for p = 2.

    Rule: 0 where all elements are 0.

    Raises: ValueError for a p that is neither positive nor -inf.
    """
    if p in (2, "fro"):
        return euclidean_norm(x, dim, keepdim)
    if p == math.inf:
        return amax(abs(x), dim, keepdim)
    if p == -math.inf:
        return amin(abs(x), dim, keepdim)
    if isinstance(p, str) or not p > 0:
        raise ValueError(f"norm: p is a positive number, ±inf or 'fro', got {p!r}")
    if p == 1:
        return sum(abs(x), dim, keepdim)
    total = sum(pow(abs(x), p), dim, keepdim)
    nothing = equal(total, 0.0)
    return where(nothing, 0.0, pow(where(nothing, 1.0, total), 1.0 / p))


@gate(floats=True, x=lambda g, z, x, dim: euclidean_norm_dx(g, z, x, dim=dim))
def euclidean_norm(x, *, dim=None, keepdim=False):
    """The Euclidean norm over `dim`.

    Rule: dz/dx = x / z, and 0 where z is 0.
    """
    return xp(x).sqrt((x * x).sum(axes_of(x.ndim, dim), keepdims=keepdim))


@composite
def euclidean_norm_dx(g, z, x, *, dim):
    """The gradient of euclidean_norm for its input."""
    shape = kept_shape(x.shape, dim)
    z = reshape(z, shape)
    return where(equal(z, 0.0), 0.0, x * div(reshape(g, shape), z))


@gate(x=lambda g, dim: flip(cumsum(flip(g, dim), dim=dim), dim))
def cumsum(x, *, dim):
    """The sums of all elements up to each one along `dim`.

    Rule: every element gets the gradients of all sums it is part of.
    """
    axis = axes_of(x.ndim, dim)[0] if x.ndim else None
    return x.cumsum(axis, dtype=counted(x.dtype)).reshape(x.shape)


# --- products and extremes ------------------------------------------------------------------------


@composite
def prod(x, *, dim=None, keepdim=False):
    """The product over `dim`: halves multiplied until one number is left.

    Unlike the formula z / x this has right gradients of any order where elements are zero.
    """
    axes = axes_of(x.ndim, dim)
    rest = [i for i in range(x.ndim) if i not in axes]
    count = math.prod(x.shape[i] for i in axes)
    shape = kept_shape(x.shape, dim) if keepdim else tuple(x.shape[i] for i in rest)
    last = reshape(permute(x, (*rest, *axes)), (*(x.shape[i] for i in rest), count))
    if count < 2:
        return reshape(sum(last, -1) + (1 - count), shape)  # a copy where there is one element
    while count > 1:
        half = count // 2
        product = getitem(last, (..., slice(half))) * getitem(last, (..., slice(half, 2 * half)))
        odd = getitem(last, (..., slice(2 * half, count)))
        last = cat([product, odd], -1) if count % 2 else product
        count -= half
    return reshape(last, shape)


@gate(x=lambda g, z, x, dim: extreme_dx(g, z, x, dim=dim))
def amax(x, *, dim=None, keepdim=False):
    """The largest element over `dim`.

    Rule: the largest elements share the gradient evenly.

    Raises: ValueError over an axis of no elements.
    """
    return x.max(axes_of(x.ndim, dim), keepdims=keepdim)


@gate(x=lambda g, z, x, dim: extreme_dx(g, z, x, dim=dim))
def amin(x, *, dim=None, keepdim=False):
    """The smallest element over `dim`.

    Rule: the smallest elements share the gradient evenly.

    Raises: ValueError over an axis of no elements.
    """
    return x.min(axes_of(x.ndim, dim), keepdims=keepdim)


@composite
def extreme_dx(g, z, x, *, dim):
    """The gradient of amax and amin: shared evenly among the elements that equal z."""
    shape = kept_shape(x.shape, dim)
    chosen = where(equal(x, reshape(z, shape)), ones_like(x), 0.0)
    return chosen * div(reshape(g, shape), sum(chosen, dim, True))


@flat
def argmax(x, *, dim=None, keepdim=False):
    """The index of the first largest element along `dim`, or in the flattened tensor."""
    return xp(x).argmax(x, axis=dim, keepdims=keepdim)


@flat
def argmin(x, *, dim=None, keepdim=False):
    """The index of the first smallest element along `dim`, or in the flattened tensor."""
    return xp(x).argmin(x, axis=dim, keepdims=keepdim)


def max(x, dim=None, keepdim: bool = False):
    """The largest element of all; with `dim` a pair (values, indices of the first largest).

    Rule: without dim the largest elements share the gradient; with it the first gets all.
    """
    return amax(x) if dim is None else chosen_along(x, argmax(x, dim, True), dim, keepdim)


def min(x, dim=None, keepdim: bool = False):
    """The smallest element of all; with `dim` a pair (values, indices of the first smallest).

    Rule: without dim the smallest elements share the gradient; with it the first gets all.
    """
    return amin(x) if dim is None else chosen_along(x, argmin(x, dim, True), dim, keepdim)


def chosen_along(x, indices, dim: int, keepdim: bool) -> tuple:
    """The values at `indices`, and the indices, with or without the reduced axis."""
    values = take_along(x, indices, dim=dim)
    if keepdim:
        return values, indices
    return squeeze(values, dim), squeeze(indices, dim)


@flat
def any(x, *, dim=None, keepdim=False):
    """Whether some element is true."""
    return xp(x).any(x, axis=axes_of(x.ndim, dim), keepdims=keepdim)


@flat
def all(x, *, dim=None, keepdim=False):
    """Whether every element is true."""
    return xp(x).all(x, axis=axes_of(x.ndim, dim), keepdims=keepdim)


@gate(floats=True, x=lambda g, z, x, dim: logsumexp_dx(g, z, x, dim=dim))
def logsumexp(x, *, dim, keepdim=False):
    """log Σ e^x over `dim`, without overflow.

    Rule: dz/dx = e^(x - z), the softmax.
    """
    axes = axes_of(x.ndim, dim)
    top = x.max(axes, keepdims=True) if x.size else x.sum(axes, keepdims=True)
    top = where(xp(x).isfinite(top), top, 0.0)
    z = log(xp(x).exp(x - top).sum(axes, keepdims=True)) + top
    return z if keepdim else z.squeeze(axes)


@composite
def logsumexp_dx(g, z, x, *, dim):
    """The gradient of logsumexp for its input."""
    shape = kept_shape(x.shape, dim)
    return reshape(g, shape) * exp(x - reshape(z, shape))


# --- contractions ---------------------------------------------------------------------------------


@gate(x=lambda g, y: mm(g, swap(y)), y=lambda g, x: mm(swap(x), g))
def mm(x, y):
    """The matrix product over the last two axes.

    Shape: (..., I, J) and (..., J, K) -> (..., I, K); leading axes broadcast.

    Rule: dx = g yᵀ, dy = xᵀ g.
    """
    return x @ y


def swap(x):
    """x with its last two axes exchanged."""
    return transpose(x, -1, -2)


@composite
def matmul(x, y):
    """The matrix product; a vector counts as a row on the left and as a column on the right.

    Shape: (..., I, J) and (..., J, K) -> (..., I, K); the axis of a vector is left out again.

    Raises: RuntimeError if the inner sizes differ or an operand has no axes.
    """
    if not x.ndim or not y.ndim:
        raise RuntimeError(f"matmul: needs at least 1 axis each, got {x.shape} and {y.shape}")
    a = unsqueeze(x, 0) if x.ndim == 1 else x
    b = unsqueeze(y, 1) if y.ndim == 1 else y
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError(
            f"matmul: inner sizes differ: {tuple(x.shape)} has {a.shape[-1]}, "
            f"{tuple(y.shape)} has {b.shape[-2]}"
        )
    z = mm(a, b)
    if x.ndim == 1:
        z = squeeze(z, -2)
    return squeeze(z, -1) if y.ndim == 1 else z


def einsum(equation: str, *operands):
    """Products of the operands, summed over the letters that the output leaves out.

    Raises: ValueError for an equation that does not fit the operands.
    """
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    terms, out = parsed(equation, [x.ndim for x in operands])
    pairs = [without_repeats(x, t) for x, t in zip(operands, terms, strict=True)]
    return contract([x for x, _ in pairs], terms=tuple(t for _, t in pairs), out=out)


def parsed(equation: str, ndims: list) -> tuple[list[str], str]:
    """The terms of an equation and its output, with "..." spelled out in capital letters."""
    left, arrow, out = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"einsum: {equation!r} names {len(terms)} operands, got {len(ndims)}")
    letters = [t.replace("...", "") for t in terms]
    bad = [
        c for t in (*letters, out.replace("...", "")) for c in t if c not in string.ascii_letters
    ]
    if bad:
        raise ValueError(f"einsum: {equation!r} holds {bad[0]!r}, which is no letter")
    free = [c for c in string.ascii_letters[::-1] if c not in equation]
    widest = ""
    for i, (term, ndim) in enumerate(zip(terms, ndims, strict=True)):
        dots = ndim - len(letters[i])
        if dots < 0 or (dots and "..." not in term):
            raise ValueError(f"einsum: {term!r} in {equation!r} does not fit {ndim} axes")
        hidden = "".join(free[:dots][::-1])
        widest = hidden if len(hidden) > len(widest) else widest
        terms[i] = term.replace("...", hidden)
    if not arrow:
        joined = "".join(letters)
        out = widest + "".join(sorted(c for c in set(joined) if joined.count(c) == 1))
    out = out.replace("...", widest)
    if len(set(out)) != len(out) or not set(out) <= set("".join(terms)):
        raise ValueError(
            f"einsum: the output of {equation!r} must name letters of the operands once"
        )
    return terms, out


def without_repeats(x, term: str) -> tuple:
    """x and its term with axes of the same letter made one: their diagonal."""
    for letter in term:
        while term.count(letter) > 1:
            i = term.index(letter)
            j = term.index(letter, i + 1)
            x = movedim(x, (i, j), (0, 1))
            rows = list(range(x.shape[0]))
            x = getitem(x, (rows, rows))
            term = letter + "".join(c for k, c in enumerate(term) if k not in (i, j))
    return x, term


@gate(many=True, all=lambda g, xs, terms, out, needs: contract_dx(g, xs, terms, out, needs))
def contract(xs, *, terms, out):
    """einsum with one letter per axis, none twice in a term.

    Rule: the gradient for one operand is the contraction of g with all the others.
    """
    return xp(xs[0]).einsum(f"{','.join(terms)}->{out}", *xs, optimize=True)


def contract_dx(g, xs: tuple, terms: tuple, out: str, needs: tuple) -> tuple:
    """The gradients of contract; letters that only one operand has are repeated."""
    grads = []
    for i, (x, term) in enumerate(zip(xs, terms, strict=True)):
        if needs[i] is None:
            grads.append(None)
            continue
        others = [j for j in range(len(xs)) if j != i]
        found = out + "".join(terms[j] for j in others)
        seen = "".join(c for c in term if c in found)
        operands = [g, *(xs[j] for j in others)]
        grad = contract(operands, terms=(out, *(terms[j] for j in others)), out=seen)
        shape = [s if c in found else 1 for s, c in zip(x.shape, term, strict=True)]
        grads.append(expand(reshape(grad, tuple(shape)), x.shape))
    return tuple(grads)


def dot(x, y):
    """The sum of the products of two vectors."""
    return sum(x * y)


def outer(x, y):
    """All products of an element of x with one of y.

    Shape: (I,) and (J,) -> (I, J).
    """
    return unsqueeze(x, 1) * unsqueeze(y, 0)
