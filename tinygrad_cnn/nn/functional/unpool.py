"""Unpooling: numbers back at the places where max pooling found them."""

import math
from collections.abc import Sequence

from ...ops import pool, shape
from ...tensor import Tensor
from .window import Size, batched, per_axis


def unpooled_size(
    name: str, x: Tensor, window: tuple, stride: tuple, padding: tuple, output_size: Sequence | None
) -> tuple[int, ...]:
    """The size before pooling: output_size, of which only the axes of space count, or the least
    that it can have been.

    Raises: ValueError for a size that windows of x cannot come from.
    """
    axes = zip(x.shape[2:], window, stride, padding, strict=True)
    least = [(n - 1) * s - 2 * p + r for n, r, s, p in axes]
    space = least if output_size is None else [*output_size]
    if len(space) == len(window) + 2:
        space = space[2:]
    fits = len(space) == len(window) and all(
        abs(n - m) < s for n, m, s in zip(space, least, stride, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{name}: output_size is less than the stride {stride} away from {tuple(least)} on "
            f"each axis, got {output_size!r}"
        )
    if min(space) < 0:
        raise ValueError(
            f"{name}: windows of {window} in steps of {stride} that leave {x.shape} come from no "
            f"input of size {tuple(space)}"
        )
    return tuple(space)


def check_indices(name: str, input: Tensor, indices: Tensor, space: tuple[int, ...]) -> None:
    """Raise RuntimeError unless indices name a place of *space for each element of input."""
    if not isinstance(indices, Tensor) or indices.dtype.name != "int64":
        found = indices.dtype if isinstance(indices, Tensor) else type(indices).__name__
        raise RuntimeError(f"{name}: indices are a Tensor of int64, got {found}")
    if indices.shape != input.shape:
        raise RuntimeError(
            f"{name}: expected one index for each element of shape {input.shape}, got "
            f"{indices.shape}"
        )
    size = math.prod(space)
    if indices.numel() and not 0 <= int(indices.amin()) <= int(indices.amax()) < size:
        raise RuntimeError(
            f"{name}: indices count through {space}, from 0 to {size - 1}, got some from "
            f"{int(indices.amin())} to {int(indices.amax())}"
        )


def placed(
    rank: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    output_size: Sequence | None,
) -> Tensor:
    """max_unpool1d, max_unpool2d and max_unpool3d: `rank` axes of space."""
    name = f"max_unpool{rank}d"
    x = batched(name, input, rank)
    window = per_axis(f"{name}: kernel_size", kernel_size, rank)
    stride = window if stride is None else per_axis(f"{name}: stride", stride, rank)
    padding = per_axis(f"{name}: padding", padding, rank, 0)
    space = unpooled_size(name, x, window, stride, padding, output_size)
    check_indices(name, input, indices, space)
    places = indices if x.ndim == input.ndim else shape.unsqueeze(indices, 0)
    count = pool.pick(pool.unpool(shape.ones_like(x), places, space), places)
    z = pool.unpool(x / count, places, space)
    return z if x.ndim == input.ndim else z[0]


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence | None = None,
) -> Tensor:
    """Zeros along one axis with input at `indices`; see max_unpool2d.

    Shape: input, indices (N, C, P) -> (N, C, L).
    """
    return placed(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence | None = None,
) -> Tensor:
    """Zeros with input at `indices`, which max_pool2d returned for these windows.

    output_size: the size before pooling, where several lead to the input's; by default the least.

    Shape: input, indices (N, C, P, Q) -> (N, C, H, W), with H = (P - 1) stride - 2 padding + R.

    Rule: the gradient is taken where input was placed.

    Raises: RuntimeError for shapes or indices that do not fit, ValueError for such an output_size.

    Source: Zeiler & Fergus 2014, section 2.1.

    Differs: of numbers with one index their average is placed, and each gets its share of the
    gradient; PyTorch leaves open which is. What overlapping windows of a max_pool2d share is equal.
    """
    return placed(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    output_size: Sequence | None = None,
) -> Tensor:
    """Zeros along three axes with input at `indices`; see max_unpool2d.

    Shape: input, indices (N, C, O, P, Q) -> (N, C, D, H, W).
    """
    return placed(3, input, indices, kernel_size, stride, padding, output_size)
