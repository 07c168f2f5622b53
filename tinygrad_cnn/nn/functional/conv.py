"""Convolutions, linear maps and padding."""

import operator
from collections.abc import Sequence

from ...ops import conv, reduce, shape
from ...tensor import Tensor
from .window import Size, batched, per_axis, spans

Table = Sequence[str | Sequence[int]]  # which maps are linked


def borders(padding: str, sizes: tuple, reach: tuple, stride: tuple) -> list[tuple[int, int]]:
    """The border before and behind each axis that `padding`, a word, asks for.

    Raises: ValueError for an unknown word.
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
    raise ValueError(f"padding takes whole numbers, 'valid', 'same' or 'full', got {padding!r}")


def check_channels(name: str, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    """Raise unless x, weight and bias fit one another."""
    if weight.ndim != x.ndim:
        raise RuntimeError(
            f"{name}: expected a weight of {x.ndim} axes, (K, C/groups, *window), got shape "
            f"{weight.shape}"
        )
    if groups < 1 or weight.shape[0] % groups:
        raise ValueError(
            f"{name}: groups has to divide the {weight.shape[0]} output channels, got {groups}"
        )
    if x.shape[1] != weight.shape[1] * groups:
        raise RuntimeError(
            f"{name}: a weight of shape {weight.shape} with groups={groups} takes "
            f"{weight.shape[1] * groups} channels, got {x.shape[1]} in an input of shape {x.shape}"
        )
    check_bias(name, weight, bias)


def check_bias(name: str, weight: Tensor, bias: Tensor | None) -> None:
    """Raise unless there is one bias for each output of weight, or none."""
    if bias is not None and bias.shape != weight.shape[:1]:
        raise RuntimeError(
            f"{name}: a weight of shape {weight.shape} takes a bias of shape {weight.shape[:1]}, "
            f"got {bias.shape}"
        )


def convolved(
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Size,
    padding: Size | str,
    dilation: Size,
    groups: int,
) -> Tensor:
    """conv1d, conv2d and conv3d: `rank` axes of space."""
    name = f"conv{rank}d"
    x = batched(name, input, rank)
    check_channels(name, x, weight, bias, groups)
    stride = per_axis(f"{name}: stride", stride, rank)
    dilation = per_axis(f"{name}: dilation", dilation, rank)
    reach = spans(weight.shape[2:], dilation)
    if isinstance(padding, str):
        border = borders(padding, x.shape[2:], reach, stride)
        padding = tuple([before for before, _ in border])
        if any(before != behind for before, behind in border):
            ends = [(0, behind - before) for before, behind in border]
            x = shape.pad_constant(x, pads=((0, 0), (0, 0), *ends), value=0)
    else:
        padding = per_axis(f"{name}: padding", padding, rank, 0)
    room = tuple([n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True)])
    if any(r > n for r, n in zip(reach, room, strict=True)):
        raise RuntimeError(
            f"{name}: a window that reaches over {reach} does not fit into an input of shape "
            f"{input.shape}, which is {room} with its padding"
        )
    z = conv.conv(x, weight, bias, stride, padding, dilation, groups)
    return z if x.ndim == input.ndim else z[0]


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of input with weight along one axis; see conv2d.

    Shape: input (N, C, L), weight (K, C/groups, R), bias (K,) -> (N, K, P).
    """
    return convolved(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of input with weight, which networks call convolution, plus bias.

    padding: zeros on both sides of each axis, or "valid" (none), "same" (as many outputs as inputs,
    over the stride, rounded up) or "full" (every window that touches the input).

    Shape: input (N, C, H, W), weight (K, C/groups, R, S), bias (K,) -> (N, K, P, Q) with
    P = (H + 2 padding - dilation (R - 1) - 1) // stride + 1, and so for Q.

    Raises: RuntimeError where shapes do not fit one another, ValueError for settings out of range.

    Differs: "same" goes with any stride, and there is "full".
    """
    return convolved(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of input with weight along three axes; see conv2d.

    Shape: input (N, C, D, H, W), weight (K, C/groups, T, R, S), bias (K,) -> (N, K, O, P, Q).
    """
    return convolved(3, input, weight, bias, stride, padding, dilation, groups)


def linked(table: Table) -> list[tuple[int, int]]:
    """The pairs (output map, input map) that `table` links, in this order."""
    maps = range(len(table[0]))
    return [(k, c) for k in maps for c, row in enumerate(table) if row[k] in ("X", 1)]


def partial_conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    table: Table,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
) -> Tensor:
    """A conv2d in which an output map sees only the input maps that `table` links it with.

    table: one row per input map and one column per output map, "X" or 1 where they are linked.

    Shape: input (N, C, H, W), weight (links, R, S), bias (K,) -> (N, K, P, Q). Weights are in the
    order of output maps, then input maps.

    Raises: RuntimeError if there are not as many weights as links, or as conv2d does.

    Source: LeCun et al. 1998, section II.B and table I.
    """
    links = linked(table)
    if weight.ndim != 3 or weight.shape[0] != len(links):
        raise RuntimeError(
            f"partial_conv2d: a table of {len(links)} links takes a weight of shape "
            f"({len(links)}, R, S), got {weight.shape}"
        )
    key = shape.raw_key(weight, tuple(map(list, zip(*links, strict=True))))
    dense = shape.index_add(weight, key, (len(table[0]), len(table), *weight.shape[1:]))
    return conv2d(input, dense, bias, stride, padding, dilation)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input · weightᵀ + bias.

    Shape: input (*, in), weight (out, in), bias (out,) -> (*, out).

    Raises: RuntimeError where shapes do not fit one another.
    """
    if weight.ndim != 2 or not input.ndim or input.shape[-1] != weight.shape[1]:
        raise RuntimeError(
            f"linear: expected an input (*, in) and a weight (out, in), got shapes {input.shape} "
            f"and {weight.shape}"
        )
    check_bias("linear", weight, bias)
    z = reduce.matmul(input, shape.transpose(weight, 0, 1))
    return z if bias is None else z + bias


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """input within a border of `value` (0 by default); a negative width cuts off instead.

    pad: how wide, before and behind the last axis, then the one before it, as far as given.

    Raises: ValueError for a mode other than "constant", or a pad of odd length, longer than the
    axes, or that leaves less than nothing.

    Differs: there is no "reflect", "replicate" and "circular" yet.
    """
    if mode != "constant":
        raise ValueError(f"pad: mode is 'constant', got {mode!r}")
    widths = [operator.index(n) for n in pad]
    ends = list(zip(widths[-2::-2], widths[::-2], strict=False))  # the last axis was named first
    ends = [(0, 0)] * (input.ndim - len(ends)) + ends
    sizes = [n + a + b for n, (a, b) in zip(input.shape, ends, strict=False)]
    if len(widths) % 2 or len(ends) > input.ndim or min(sizes, default=0) < 0:
        raise ValueError(
            f"pad: expected two widths for each of the last axes of shape {input.shape}, leaving "
            f"no size below 0, got {pad!r}"
        )
    if any(min(e) < 0 for e in ends):
        sides = zip(input.shape, ends, strict=True)
        key = tuple([slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in sides])
        input = shape.getitem(input, key)
        ends = [(max(a, 0), max(b, 0)) for a, b in ends]
    return shape.pad_constant(input, pads=tuple(ends), value=0 if value is None else value)
