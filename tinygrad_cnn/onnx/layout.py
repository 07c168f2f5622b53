"""ONNX's operators that move numbers without changing them, and those that make shapes."""

import math

from ..ops import indexing, joining
from ..ops import shape as shapes
from ..ops.create import full, tensor
from ..ops.diagonal import tril, triu
from ..tensor import Tensor

Ints = list[int]


def numbers(given: Tensor | None, attribute: Ints | None) -> Ints | None:
    """Whole numbers out of an input, or where there is none out of an attribute."""
    return attribute if given is None else [int(n) for n in given.reshape(-1).tolist()]


def flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    """The axes before `axis` made one, and the others."""
    axis += x.ndim if axis < 0 else 0
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


def reshape(x: Tensor, shape: Tensor | None = None, *, allowzero: int = 0) -> Tensor:
    """x in another shape; 0 keeps a size."""
    sizes = numbers(shape, None)
    if not allowzero:
        sizes = [x.shape[i] if n == 0 else n for i, n in enumerate(sizes)]
    return x.reshape(tuple(sizes))


def squeeze(x: Tensor, axes_input: Tensor | None = None, *, axes: Ints | None = None) -> Tensor:
    """x without axes of size 1."""
    dims = numbers(axes_input, axes)
    return x.squeeze() if dims is None else x.squeeze(tuple(dims))


def unsqueeze(x: Tensor, axes_input: Tensor | None = None, *, axes: Ints | None = None) -> Tensor:
    """x with new axes of size 1, which have these places in the result."""
    places = numbers(axes_input, axes) or []
    for axis in sorted(n % (x.ndim + len(places)) for n in places):
        x = x.unsqueeze(axis)
    return x


def transpose(x: Tensor, *, perm: Ints | None = None) -> Tensor:
    """The axes in another order, by default the reverse."""
    return shapes.permute(x, tuple(range(x.ndim))[::-1] if perm is None else tuple(perm))


def concat(*xs: Tensor, axis: int) -> Tensor:
    """Tensors joined along an axis."""
    return joining.cat(list(xs), axis)


def shape_of(x: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    """The sizes of x."""
    return tensor(list(x.shape[start:end]), dtype="int64", device="cpu")


def gather(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """x at these places of an axis."""
    axis += x.ndim if axis < 0 else 0
    place = indices if indices.ndim else int(indices)
    return x[(*[slice(None)] * axis, place)]


def gather_elements(x: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """For each element of indices the element of x at that place of an axis."""
    return indexing.take_along(x, indices, dim=axis)


def cut(
    x: Tensor,
    starts_input: Tensor | None = None,
    ends_input: Tensor | None = None,
    axes_input: Tensor | None = None,
    steps_input: Tensor | None = None,
    *,
    starts: Ints | None = None,
    ends: Ints | None = None,
    axes: Ints | None = None,
) -> Tensor:
    """A part of x: along axes from starts to ends in steps, which may be negative."""
    first, last = numbers(starts_input, starts), numbers(ends_input, ends)
    dims = numbers(axes_input, axes) or list(range(len(first)))
    steps = numbers(steps_input, None) or [1] * len(first)
    for axis, *part in zip(dims, first, last, steps, strict=True):
        places = slice(*part)
        if part[2] < 0:
            places = list(range(*places.indices(x.shape[axis])))
        x = x[(*[slice(None)] * (axis % x.ndim), places)]
    return x


def expand(x: Tensor, shape: Tensor) -> Tensor:
    """x repeated to what its shape and the given one broadcast to."""
    sizes = shapes.common_shape("Expand", x.shape, tuple(numbers(shape, None)))
    return shapes.expand(x, sizes)


def constant_of_shape(shape: Tensor, *, value: Tensor | None = None) -> Tensor:
    """One value in every place."""
    sizes = tuple(numbers(shape, None))
    if value is None:
        return full(sizes, 0.0, dtype="float32")
    return full(sizes, value.item(), dtype=value.dtype)


def scatter_nd(x: Tensor, indices: Tensor, updates: Tensor, *, reduction: str = "none") -> Tensor:
    """x with updates added where indices say."""
    if reduction != "add":
        raise ValueError(f"ScatterND: reduction is 'add' here, got {reduction!r}")
    key = tuple([indices[..., i].raw for i in range(indices.shape[-1])])
    return x + indexing.put_at(updates, key, x.shape)


def triangle(x: Tensor, k: Tensor | None = None, *, upper: int = 1) -> Tensor:
    """x with zeros below or above a diagonal."""
    return (triu if upper else tril)(x, 0 if k is None else int(k))


CASTS = {
    **{1: "float32", 2: "uint8", 3: "int8", 5: "int16", 6: "int32", 7: "int64"},
    **{9: "bool", 10: "float16", 11: "float64", 16: "bfloat16"},
}


def cast(x: Tensor, *, to: int, saturate: int = 1) -> Tensor:
    """x in another dtype, by ONNX's number for it."""
    if to not in CASTS:
        raise ValueError(f"Cast: ONNX's type {to} is none that tensors have here")
    return x.to(dtype=CASTS[to])
