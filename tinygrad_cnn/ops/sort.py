"""Order: sorting, medians, counts of equal elements, differences of neighbours.

Places are found off the graph (`argsort`, `argmedian`); values are then taken at these places, so
each element that was chosen gets its gradient. Sorting is stable, and nan counts as larger than
every number.
"""

import math

from ..gate import flat, gate
from ..kernels import is_float, xp
from ..kernels.shapes import axis_of, kept_shape
from ..tensor import Tensor
from .comparison import isnan, ne
from .create import number_of
from .indexing import getitem, take_along, whole_number
from .joining import cat, narrow, stack
from .pointwise import lerp, where
from .reduce import Selected, amin, chosen_along, extreme_dx
from .shape import clone, reshape, squeeze

# --- sorting --------------------------------------------------------------------------------------


@flat
def argsort(x, *, dim=-1, descending=False, stable=False):
    """The indices that sort x along `dim`; equal elements keep their order, asked for or not."""
    axis = axis_of(x.ndim, dim)
    if not x.ndim:
        return xp(x).zeros((), "int64")
    if not descending:
        return xp(x).argsort(x, axis=axis, kind="stable")
    order = xp(x).argsort(xp(x).flip(x, axis), axis=axis, kind="stable")
    return x.shape[axis] - 1 - xp(x).flip(order, axis)


def sort(x, dim=-1, descending: bool = False, stable: bool = False) -> Selected:
    """x sorted along `dim`, and the indices that sort it.

    Rule: the gradient goes to where each value came from.
    """
    return taken(x, argsort(x, dim, descending, stable), dim)


def taken(x, indices, dim: int) -> Selected:
    """The values at `indices` along an axis, and the indices."""
    return Selected(take_along(x, indices, dim=dim) if x.ndim else clone(x), indices)


def topk(x, k: int, dim=-1, largest: bool = True, sorted: bool = True) -> Selected:
    """The k largest (or smallest) elements along `dim`, and their indices, sorted in any case.

    Raises: RuntimeError if there are not so many.
    """
    axis = axis_of(x.ndim, dim)
    check_rank("topk", x, k, axis, 0)
    order = argsort(x, dim, largest)
    if not x.ndim:
        return Selected(clone(x), order)
    return taken(x, narrow(order, axis, 0, k), dim)


def kthvalue(x, k: int, dim=-1, keepdim: bool = False) -> Selected:
    """The k-th smallest element along `dim`, counted from 1, and its index.

    Raises: RuntimeError if there are not so many.
    """
    axis = axis_of(x.ndim, dim)
    check_rank("kthvalue", x, k, axis, 1)
    order = argsort(x, dim)
    if x.ndim:
        order = narrow(order, axis, k - 1, 1)
    return chosen_along(x, order, dim, keepdim)


def check_rank(name: str, x, k: int, axis: int, least: int) -> None:
    """Raise unless k is a whole number from `least` to the length of the axis."""
    length = x.shape[axis] if x.ndim else 1
    if not hasattr(k, "__index__"):
        raise TypeError(f"{name}: k is a whole number, got {k!r}")
    if not least <= k <= length:
        raise RuntimeError(
            f"{name}: k is from {least} to the {length} elements along the axis of shape "
            f"{tuple(x.shape)}, got {k}"
        )


# --- medians --------------------------------------------------------------------------------------


def median(x, dim=None, keepdim: bool = False):
    """The lower median of all elements; with `dim` (values, indices) along it; nan if one is nan.

    Rule: without dim equal medians share the gradient; with it the one at the index gets all.

    Raises: IndexError over an axis of no elements, RuntimeError for none at all of whole numbers.
    """
    if x.dtype.kind == "b":
        raise NotImplementedError("median: takes numbers, got truth values; cast them first")
    if dim is None:
        return median_of_all(x)
    return chosen_along(x, argmedian(x, dim, True), dim, keepdim)


@gate(x=lambda g, z, x: extreme_dx(g, z, x, dim=None))
def median_of_all(x):
    """The lower median of all elements; nan of none, or if one is nan.

    Rule: the elements that equal it share the gradient evenly; where it is nan, those that are.
    """
    if x.size == 0 and x.dtype.kind != "f":
        raise RuntimeError(f"median: there is none of no whole numbers, got shape {x.shape}")
    if x.size == 0:
        return xp(x).full((), float("nan"), x.dtype)
    ordered = xp(x).sort(x.reshape(-1))
    last = ordered[-1]  # nan if there is one
    return xp(x).where(xp(x).isnan(last), last, ordered[(x.size - 1) // 2])


@flat
def argmedian(x, *, dim, keepdim=False):
    """The index of the lower median along `dim`: that of the first nan if there is one.

    Raises: IndexError over an axis of no elements.
    """
    axis = axis_of(x.ndim, dim)
    if not x.ndim:
        return xp(x).zeros((), "int64")
    length = x.shape[axis]
    if not length:
        raise IndexError(f"median: no elements along dim {dim} of shape {tuple(x.shape)}")
    nans = xp(x).isnan(x).sum(axis=axis, keepdims=True)
    place = xp(x).where(nans > 0, length - nans, (length - 1) // 2)
    order = xp(x).argsort(x, axis=axis, kind="stable")
    chosen = xp(x).take_along_axis(order, place, axis=axis)
    return chosen if keepdim else chosen.squeeze(axis)


PLACES = {  # where to look for a number, by the place that was asked for
    "linear": float,
    "lower": math.floor,
    "higher": math.ceil,
    "nearest": round,
    "midpoint": lambda place: 0.5 * (math.floor(place) + math.ceil(place)),
}


def quantile(x, q, dim: int | None = None, keepdim: bool = False, *, interpolation="linear"):
    """The number that the share q of all elements, or of those along `dim`, lies below.

    interpolation: what stands for a place between two elements: "linear", "lower", "higher",
    "nearest" or "midpoint". nan if an element is nan.

    Shape: q is a number; a tensor (Q,) of them gives a result (Q, ...).

    Rule: the two elements that it lies between get the gradient in the shares that they count.

    Raises: RuntimeError for whole numbers, no elements, a q that is not from 0 to 1, or another
    interpolation.
    """
    if isinstance(q, Tensor) and q.ndim:
        parts = [quantile(x, s, dim, keepdim, interpolation=interpolation) for s in q.tolist()]
        return stack(parts)
    share = q.item() if isinstance(q, Tensor) else q
    if not isinstance(interpolation, str) or interpolation not in PLACES:
        raise RuntimeError(
            f"quantile: interpolation is one of {list(PLACES)}, got {interpolation!r}"
        )
    if not 0 <= number_of("quantile", share) <= 1:
        raise RuntimeError(f"quantile: q is from 0 to 1, got {share}")
    if not is_float(x.dtype) or 0 in x.shape:
        raise RuntimeError(f"quantile: takes some floats, got shape {x.shape} of {x.dtype}")
    lanes = reshape(x, (-1,)) if dim is None or not x.ndim else x
    axis = axis_of(x.ndim, 0 if dim is None else dim)
    ordered = sort(lanes, axis).values
    place = PLACES[interpolation](share * (lanes.shape[axis] - 1))
    low, high, last = (narrow(ordered, axis, i, 1) for i in (int(place), math.ceil(place), -1))
    z = low if isinstance(place, int) else lerp(low, high, place % 1)
    z = where(isnan(last), last, z)
    return reshape(z, kept_shape(x.shape, dim)) if keepdim else squeeze(z, axis)


# --- equal elements, and neighbours ---------------------------------------------------------------


def unique(
    x,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
):
    """The different elements of x, sorted in any case; or its different slices along `dim`.

    With return_inverse also where each element of x stands among them, with return_counts how
    often each is there. Every nan is different. Off the graph.
    """
    raw = x.raw
    axis = None if dim is None else axis_of(x.ndim, dim)
    settings = {"return_inverse": return_inverse, "return_counts": return_counts}
    found = xp(raw).unique(raw, axis=axis, equal_nan=False, **settings)
    return tuple(map(Tensor, found)) if isinstance(found, tuple) else Tensor(found)


def bincount(x, weights=None, minlength: int = 0) -> Tensor:
    """How often each whole number from 0 on is in x; with weights the sum of those beside it.

    Shape: (N,) -> (max(minlength, largest + 1),). Off the graph.

    Raises: RuntimeError for negative numbers or wrong shapes, NotImplementedError for floats.
    """
    raw = x.raw
    if raw.dtype.kind not in "iu":
        raise NotImplementedError(f"bincount: counts whole numbers, got {raw.dtype}")
    if minlength < 0:
        raise RuntimeError(f"bincount: minlength is at least 0, got {minlength}")
    least = amin(x).item() if raw.size else 0
    if raw.ndim != 1 or least < 0:
        raise RuntimeError(
            f"bincount: takes one axis of numbers from 0 on, got shape {raw.shape} and numbers "
            f"from {least} on"
        )
    if weights is None:
        return Tensor(xp(raw).bincount(raw, minlength=minlength))
    if weights.shape != raw.shape:
        raise RuntimeError(
            f"bincount: weights of shape {tuple(weights.shape)} do not fit numbers of {raw.shape}"
        )
    kept = weights.dtype if weights.dtype == "float32" else "float64"
    return Tensor(xp(raw).bincount(raw, weights.raw, minlength).astype(kept))


def diff(x, n: int = 1, dim=-1, prepend=None, append=None):
    """The differences of neighbours along `dim`, n times over; of truth values whether they differ.

    prepend, append: what is put before and after x first.

    Raises: RuntimeError for a negative n or a tensor without axes.
    """
    n = whole_number("diff", "n", n)
    if n < 0 or not x.ndim:
        raise RuntimeError(f"diff: takes n >= 0 and at least 1 axis, got {n}, shape {x.shape}")
    axis = axis_of(x.ndim, dim)
    parts = [part for part in (prepend, x, append) if part is not None]
    z = cat(parts, axis) if len(parts) > 1 else x
    lead = (slice(None),) * axis
    for _ in range(min(n, z.shape[axis])):
        later = getitem(z, (*lead, slice(1, None)))
        before = getitem(z, (*lead, slice(-1)))
        z = ne(later, before) if z.dtype.kind == "b" else later - before
    return z if n else clone(z)
