"""Borders around tensors."""

import math
import operator
from collections.abc import Sequence

from ...ops import shape
from ...ops.resample import bordered, resample
from ...tensor import Tensor

Ends = list[tuple[int, int]]  # how wide the border is before and behind each of the last axes


def ends_of(input: Tensor, pad: Sequence[int]) -> Ends:
    """The widths of `pad`, which names the last axis first, in the order of the axes.

    Raises: TypeError for what is not whole, RuntimeError for a pad of odd length or longer than
    the axes.
    """
    try:
        widths = [operator.index(n) for n in pad]
    except TypeError:
        raise TypeError(f"pad: widths are whole numbers, got {pad!r}") from None
    if len(widths) % 2 or len(widths) > 2 * input.ndim:
        raise RuntimeError(
            f"pad: expected two widths for each of the last axes of shape {input.shape}, got "
            f"{pad!r}"
        )
    return list(zip(widths[-2::-2], widths[::-2], strict=True))


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """input within a border; a negative width cuts off instead.

    pad: how wide, before and behind the last axis, then the one before it, as far as given. mode:
    what the border is made of: "constant" of `value` (0 by default), "replicate" of the outermost
    elements, "reflect" of a mirror image about these, "circular" of what lies at the other end.

    Raises: RuntimeError for widths that do not fit the shape or the mode, TypeError for what is not
    whole, NotImplementedError for another mode, or for one of the last three with anything but one,
    two or three axes to pad, behind one axis or two.
    """
    ends = ends_of(input, pad)
    if mode == "constant":
        return surrounded(input, ends, 0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(
            f"pad: mode is 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}"
        )
    if value:
        raise RuntimeError(f"pad: mode {mode!r} takes no value, got {value}")
    return continued(input, ends, mode)


def surrounded(x: Tensor, ends: Ends, value: float) -> Tensor:
    """x, cut where widths are negative, within a border of `value`.

    Raises: RuntimeError if less than nothing is left.
    """
    ends = [(0, 0)] * (x.ndim - len(ends)) + ends
    if any(n + a + b < 0 for n, (a, b) in zip(x.shape, ends, strict=True)):
        raise RuntimeError(
            f"pad: expected widths that leave no size below 0 of the last axes of shape {x.shape}, "
            f"got {ends}"
        )
    if any(min(e) < 0 for e in ends):
        sides = zip(x.shape, ends, strict=True)
        x = x[tuple([slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in sides])]
        ends = [(max(a, 0), max(b, 0)) for a, b in ends]
    return shape.pad_constant(x, pads=tuple(ends), value=value)


def continued(x: Tensor, ends: Ends, mode: str) -> Tensor:
    """x within a border that repeats it, axis by axis.

    Raises: as `pad`.
    """
    if not 1 <= len(ends) <= 3 or x.ndim - len(ends) not in (1, 2):
        raise NotImplementedError(
            f"pad: mode {mode!r} pads the last one, two or three axes behind (N, C) or (C,), got "
            f"{len(ends)} pairs of widths for shape {x.shape}"
        )
    for axis, (before, after) in enumerate(ends, start=x.ndim - len(ends)):
        size = x.shape[axis]
        kept = size + min(before, 0) + min(after, 0)
        widest = {"reflect": size - 1, "replicate": math.inf, "circular": max(kept, 0)}[mode]
        left = kept if mode == "circular" else min(size, size + before + after) - 1
        if left < 0:
            raise RuntimeError(
                f"pad: mode {mode!r} has nothing left to repeat of an axis of size {size}, got "
                f"widths {(before, after)}"
            )
        if max(before, after) > widest:
            raise RuntimeError(
                f"pad: mode {mode!r} has at most {widest} elements to repeat on an axis of size "
                f"{size}, got widths {(before, after)}"
            )
        if before or after:
            x = resample(x, axis, bordered(size, before, after, mode))
    return x
