"""What convolutions and pools share: windows that slide over axes of space, and their settings."""

import operator
from typing import NamedTuple

from ...ops import shape
from ...tensor import Tensor

AXES = {1: "L", 2: "H, W", 3: "D, H, W"}  # the axes of space by their number, as messages say them

Size = int | tuple[int, ...]


def per_axis(name: str, value: Size, rank: int, least: int = 1) -> tuple[int, ...]:
    """`value` as one whole number for each of `rank` axes.

    Raises: TypeError for anything that is not whole, RuntimeError for numbers below `least` or of
    another count; both with `name` in it.
    """
    usual = type(value) is tuple and len(value) == rank and {*map(type, value)} == {int}
    if usual and min(value) >= least:  # as layers hold them, which ask at every call
        return value
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank
    several = f", or {rank} of them" if rank > 1 else ""
    wanted = f"{name} takes a whole number of at least {least}{several}, got {value!r}"
    try:
        whole = tuple([operator.index(v) for v in values])
    except TypeError:
        raise TypeError(wanted) from None
    if len(whole) != rank or min(whole) < least:
        raise RuntimeError(wanted)
    return whole


def spans(window: tuple, dilation: tuple) -> tuple[int, ...]:
    """How many elements of the input a window reaches over along each axis."""
    return tuple([d * (r - 1) + 1 for r, d in zip(window, dilation, strict=True)])


def check_tensors(name: str, **tensors: object) -> None:
    """Raise TypeError unless all are Tensors."""
    for word, value in tensors.items():
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{name} takes a Tensor as {word}, got {type(value).__name__}; tg.tensor(...) "
                "makes one"
            )


def batched(name: str, x: Tensor, rank: int) -> Tensor:
    """x as (N, C, *space), with an axis of one sample where x has none.

    Raises: TypeError for anything but a Tensor, RuntimeError for one of another number of axes.
    """
    check_tensors(name, input=x)
    if x.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"{name}: expected an input of shape (N, C, {AXES[rank]}) or (C, {AXES[rank]}), got "
            f"{x.shape}"
        )
    return x if x.ndim == rank + 2 else shape.unsqueeze(x, 0)


def borders(
    name: str, padding: Size | str, sizes: tuple, reach: tuple, stride: tuple
) -> list[tuple[int, int]]:
    """How wide the border before and behind each axis is.

    padding: numbers, or "valid" (none), "same" (as many outputs as inputs, over the stride, rounded
    up) or "full" (every window that touches the input).

    Raises: RuntimeError for another word, or numbers below 0.
    """
    if padding == "valid":
        return [(0, 0)] * len(sizes)
    if padding == "full":
        return [(r - 1, r - 1) for r in reach]
    if padding == "same":
        outs = [-(-n // s) for n, s in zip(sizes, stride, strict=True)]
        settings = zip(sizes, outs, reach, stride, strict=True)
        lacks = [max((q - 1) * s + r - n, 0) for n, q, r, s in settings]
        return [(lack // 2, lack - lack // 2) for lack in lacks]
    if isinstance(padding, str):
        raise RuntimeError(
            f"{name}: padding takes whole numbers, 'valid', 'same' or 'full', got {padding!r}"
        )
    return [(p, p) for p in per_axis(f"{name}: padding", padding, len(sizes), 0)]


def behind(x: Tensor, widths: list[int]) -> Tensor:
    """x (N, C, *space) with so many zeros behind each axis of space."""
    if not any(widths):
        return x
    return shape.pad_constant(x, pads=((0, 0), (0, 0), *((0, n) for n in widths)), value=0)


class Sliding(NamedTuple):
    """How windows slide: one entry per axis of space. border: (before, behind). out: how many."""

    stride: tuple[int, ...]
    border: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    out: tuple[int, ...]

    @property
    def settings(self) -> tuple[tuple[int, ...], ...]:
        """(stride, padding, dilation) of gates, which know borders of one width on both sides."""
        return self.stride, tuple([a for a, _ in self.border]), self.dilation

    def framed(self, x: Tensor) -> Tensor:
        """x with what its border is wider behind than before."""
        return behind(x, [b - a for a, b in self.border])


def sliding(
    name: str,
    space: tuple[int, ...],
    window: tuple[int, ...],
    stride: Size,
    padding: Size | str,
    dilation: Size,
) -> Sliding:
    """How a window slides over axes of these sizes.

    Raises: TypeError or RuntimeError for settings out of range, RuntimeError where no window fits.
    """
    rank = len(window)
    stride = per_axis(f"{name}: stride", stride, rank)
    dilation = per_axis(f"{name}: dilation", dilation, rank)
    if min(window) < 1:
        raise RuntimeError(f"{name}: a window has a size of at least 1, got {window}")
    reach = spans(window, dilation)
    border = tuple(borders(name, padding, space, reach, stride))
    room = tuple([n + a + b for n, (a, b) in zip(space, border, strict=True)])
    if any(r > n for r, n in zip(reach, room, strict=True)):
        raise RuntimeError(
            f"{name}: a window that reaches over {reach} does not fit into an input of size "
            f"{space}, which is {room} with its padding"
        )
    out = tuple([(n - r) // s + 1 for n, r, s in zip(room, reach, stride, strict=True)])
    return Sliding(stride, border, dilation, out)
