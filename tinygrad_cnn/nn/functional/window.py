"""What convolutions and pools share: windows that slide over axes of space, and their settings."""

import operator

from ...ops import shape
from ...tensor import Tensor

AXES = {1: "L", 2: "H, W", 3: "D, H, W"}  # the axes of space by their number, as messages say them

Size = int | tuple[int, ...]


def per_axis(name: str, value: Size, rank: int, least: int = 1) -> tuple[int, ...]:
    """`value` as one whole number for each of `rank` axes.

    Raises: ValueError, with `name` in it, for anything that is not whole or below `least`.
    """
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank
    try:
        whole = tuple([operator.index(v) for v in values])
    except TypeError:
        whole = ()
    if len(whole) != rank or min(whole) < least:
        raise ValueError(
            f"{name} takes a whole number of at least {least}, or {rank} of them, got {value!r}"
        )
    return whole


def spans(window: tuple, dilation: tuple) -> tuple[int, ...]:
    """How many elements of the input a window reaches over along each axis."""
    return tuple([d * (r - 1) + 1 for r, d in zip(window, dilation, strict=True)])


def batched(name: str, x: Tensor, rank: int) -> Tensor:
    """x as (N, C, *space), with an axis of one sample where x has none.

    Raises: TypeError for anything but a Tensor, RuntimeError for one of another number of axes.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} takes a Tensor, got {type(x).__name__}; tg.tensor(...) makes one")
    if x.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"{name}: expected an input of shape (N, C, {AXES[rank]}) or (C, {AXES[rank]}), got "
            f"{x.shape}"
        )
    return x if x.ndim == rank + 2 else shape.unsqueeze(x, 0)
