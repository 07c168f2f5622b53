"""ONNX's operators that slide windows over space, and borders.

Their borders may differ at the two ends of an axis; then they are laid around the input first.
"""

import math

from ..nn import functional as F
from ..ops.create import ones_like
from ..tensor import Tensor

Ints = list[int]
Ends = list[tuple[int, int]]  # how wide the border is before and behind each axis of space


def borders(
    x: Tensor, window: Ints, strides: Ints, dilations: Ints, pads: Ints | None, auto_pad: str
) -> Ends:
    """The borders that `pads` or `auto_pad` ask for.

    Raises: ValueError for another auto_pad.
    """
    rank = len(window)
    if auto_pad in ("NOTSET", "", "VALID"):
        pads = [0] * 2 * rank if pads is None or auto_pad == "VALID" else pads
        return list(zip(pads[:rank], pads[rank:], strict=True))
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        raise ValueError(f"auto_pad is NOTSET, VALID, SAME_UPPER or SAME_LOWER, got {auto_pad!r}")
    ends = []
    for n, r, s, d in zip(x.shape[2:], window, strides, dilations, strict=True):
        total = max((math.ceil(n / s) - 1) * s + (r - 1) * d + 1 - n, 0)
        small = total // 2
        ends.append((small, total - small) if auto_pad == "SAME_UPPER" else (total - small, small))
    return ends


def surrounded(x: Tensor, ends: Ends, value: float = 0.0) -> Tensor:
    """x within a border of `value` around its axes of space."""
    return F.pad(x, [n for pair in reversed(ends) for n in pair], value=value)


def settled(rank: int, *settings: Ints | None) -> list[Ints]:
    """Settings per axis of space; None stands for ones."""
    return [[1] * rank if given is None else list(given) for given in settings]


def conv(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    kernel_shape: Ints | None = None,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    group: int = 1,
    auto_pad: str = "NOTSET",
) -> Tensor:
    """The cross-correlation of x with w, plus b."""
    rank = w.ndim - 2
    stride, dilation = settled(rank, strides, dilations)
    ends = borders(x, list(w.shape[2:]), stride, dilation, pads, auto_pad)
    padding = tuple([before for before, _ in ends])
    if any(before != behind for before, behind in ends):
        x = surrounded(x, ends)
        padding = (0,) * rank
    f = getattr(F, f"conv{rank}d")
    return f(x, w, b, tuple(stride), padding, tuple(dilation), group)


def conv_transpose(
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    kernel_shape: Ints | None = None,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    output_padding: Ints | None = None,
    group: int = 1,
) -> Tensor:
    """The transposed convolution of x with w, plus b; with equal borders at both ends alone."""
    rank = w.ndim - 2
    stride, dilation = settled(rank, strides, dilations)
    ends = borders(x, list(w.shape[2:]), stride, dilation, pads, "NOTSET")
    if any(before != behind for before, behind in ends):
        raise ValueError(f"ConvTranspose: pads are equal at both ends of an axis here, got {pads}")
    padding = tuple([before for before, _ in ends])
    extra = tuple(output_padding or [0] * rank)
    f = getattr(F, f"conv_transpose{rank}d")
    return f(x, w, b, tuple(stride), padding, extra, group, tuple(dilation))


def plain(ends: Ends, window: Ints) -> bool:
    """Whether pooling takes these borders as its own: equal ends, half a window at most."""
    return all(a == b and 2 * a <= r for (a, b), r in zip(ends, window, strict=True))


def max_pool(
    x: Tensor,
    *,
    kernel_shape: Ints,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    ceil_mode: int = 0,
    storage_order: int = 0,
    auto_pad: str = "NOTSET",
) -> Tensor:
    """The largest element of each window."""
    rank = len(kernel_shape)
    stride, dilation = settled(rank, strides, dilations)
    ends = borders(x, kernel_shape, stride, dilation, pads, auto_pad)
    padding = tuple([before for before, _ in ends])
    if not plain(ends, kernel_shape):
        x = surrounded(x, ends, -math.inf)
        padding = (0,) * rank
    f = getattr(F, f"max_pool{rank}d")
    return f(x, tuple(kernel_shape), tuple(stride), padding, tuple(dilation), bool(ceil_mode))


def average_pool(
    x: Tensor,
    *,
    kernel_shape: Ints,
    strides: Ints | None = None,
    pads: Ints | None = None,
    dilations: Ints | None = None,
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    auto_pad: str = "NOTSET",
) -> Tensor:
    """The average of each window, with or without the border in it."""
    rank = len(kernel_shape)
    stride, dilation = settled(rank, strides, dilations)
    if max(dilation) > 1:
        raise ValueError(f"AveragePool: dilations are 1 here, got {dilations}")
    ends = borders(x, kernel_shape, stride, dilation, pads, auto_pad)
    f = getattr(F, f"avg_pool{rank}d")
    sizes = (tuple(kernel_shape), tuple(stride))
    if plain(ends, kernel_shape):
        padding = tuple([before for before, _ in ends])
        return f(x, *sizes, padding, bool(ceil_mode), bool(count_include_pad))
    z = f(surrounded(x, ends), *sizes, 0, bool(ceil_mode))
    if count_include_pad:
        return z
    return z / f(surrounded(ones_like(x), ends), *sizes, 0, bool(ceil_mode))


MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def pad(
    x: Tensor,
    pads_input: Tensor | None = None,
    value_input: Tensor | None = None,
    axes_input: Tensor | None = None,
    *,
    mode: str = "constant",
    pads: Ints | None = None,
    value: float = 0.0,
) -> Tensor:
    """x within a border, which cuts off where it is negative.

    Raises: ValueError for another mode.
    """
    if mode not in MODES:
        raise ValueError(f"Pad: mode is one of {sorted(MODES)}, got {mode!r}")
    widths = pads if pads_input is None else [int(n) for n in pads_input.tolist()]
    axes = range(x.ndim) if axes_input is None else [int(n) for n in axes_input.tolist()]
    ends = [(0, 0)] * x.ndim
    for axis, before, behind in zip(axes, widths, widths[len(axes) :], strict=False):
        ends[axis] = (before, behind)
    if mode == "constant":
        return surrounded(x, ends, value if value_input is None else float(value_input))
    while ends and ends[0] == (0, 0):
        ends.pop(0)
    flat = [n for pair in reversed(ends) for n in pair]
    return F.pad(x, flat, MODES[mode]) if ends else x
