"""Convolutions, and transposed convolutions, their gradients under another name."""

import functools
from collections.abc import Sequence

from ...ops import conv, indexing, shape
from ...tensor import Tensor
from .norm import Running, check_shapes
from .window import Size, Sliding, batched, behind, check_tensors, per_axis, sliding, spans

Table = Sequence[str | Sequence[int]]  # which maps are linked


def check_weights(
    name: str, x: tuple, weight: tuple, bias: tuple | None, groups: int, transposed: bool
) -> None:
    """Raise RuntimeError unless the shapes of x, weight and bias, and groups, fit one another."""
    if len(weight) != len(x):
        layout = "(C, K/groups, *window)" if transposed else "(K, C/groups, *window)"
        raise RuntimeError(
            f"{name}: expected a weight of {len(x)} axes, {layout}, got shape {weight}"
        )
    per_axis(f"{name}: groups", groups, 1)
    if weight[0] % groups:
        side = "input" if transposed else "output"
        raise RuntimeError(
            f"{name}: groups has to divide the {weight[0]} {side} channels of a weight of shape "
            f"{weight}, got {groups}"
        )
    one_side, other = weight[0], weight[1] * groups
    takes, gives = (one_side, other) if transposed else (other, one_side)
    if x[1] != takes:
        raise RuntimeError(
            f"{name}: a weight of shape {weight} with groups={groups} takes {takes} channels, got "
            f"{x[1]} in an input of shape {x}"
        )
    if bias is not None and bias != (gives,):
        raise RuntimeError(
            f"{name}: a weight of shape {weight} takes a bias of shape {(gives,)}, got {bias}"
        )


def shapes_of(name: str, x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple:
    """The shapes of the three; None for a bias that is not there.

    Raises: TypeError for what is no Tensor.
    """
    check_tensors(name, weight=weight)
    if bias is None:
        return x.shape, weight.shape, None
    check_tensors(name, bias=bias)
    return x.shape, weight.shape, bias.shape


# --- convolution ----------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024, typed=True)
def arranged(
    name: str,
    x: tuple[int, ...],
    weight: tuple[int, ...],
    bias: tuple[int, ...] | None,
    stride: Size,
    padding: Size | str,
    dilation: Size,
    groups: int,
) -> tuple[Sliding, tuple]:
    """How windows slide in a convolution of tensors of these shapes, and the gate's settings; found
    once.

    Raises: TypeError or RuntimeError for what does not fit.
    """
    check_weights(name, x, weight, bias, groups, transposed=False)
    slide = sliding(name, x[2:], weight[2:], stride, padding, dilation)
    return slide, (*slide.settings, groups)


def convolved(
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Size,
    padding: Size | str,
    dilation: Size,
    groups: int,
    flip: bool,
    *,
    norm: Running | None = None,
    residual: Tensor | None = None,
    relu: bool = False,
) -> Tensor:
    """conv1d, conv2d and conv3d: `rank` axes of space; and what may be computed along with them.

    norm: batch norm by running statistics, of the result. residual: what is then added, for a batch
    that is normed. relu: whether the activation follows.
    """
    name = f"conv{rank}d"
    x = batched(name, input, rank)
    sizes = [tuple(s) if isinstance(s, list) else s for s in (stride, padding, dilation)]
    slide, settings = arranged(name, *shapes_of(name, x, weight, bias), *sizes, groups)
    if flip:
        weight = shape.flip(weight, tuple(range(2, weight.ndim)))
    inputs = (slide.framed(x), weight, bias)
    if norm is not None:
        check_shapes(name, (len(x), weight.shape[0], *slide.out), residual=residual)
        *statistics, eps = norm
        z = conv.conv_norm(*inputs, *statistics, residual, eps, relu, *settings)
    else:
        z = (conv.conv_relu if relu else conv.conv)(*inputs, *settings)
    return z if input.ndim == rank + 2 else z[0]


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
    *,
    flip: bool = False,
) -> Tensor:
    """The cross-correlation of input with weight along one axis; see conv2d.

    Shape: input (N, C, L), weight (K, C/groups, R), bias (K,) -> (N, K, P).
    """
    return convolved(1, input, weight, bias, stride, padding, dilation, groups, flip)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
    *,
    flip: bool = False,
) -> Tensor:
    """The cross-correlation of input with weight, which networks call convolution, plus bias.

    padding: zeros on both sides of each axis, or "valid" (none), "same" (as many outputs as inputs,
    over the stride, rounded up) or "full" (every window that touches the input). flip: convolution
    in the sense of mathematics: the kernels are turned by 180 degrees.

    Shape: input (N, C, H, W), weight (K, C/groups, R, S), bias (K,) -> (N, K, P, Q) with
    P = (H + 2 padding - dilation (R - 1) - 1) // stride + 1, and so for Q. Or both without N.

    Raises: RuntimeError where shapes do not fit one another, or settings are out of range.

    Differs: "same" goes with any stride, and there are "full" and flip.
    """
    return convolved(2, input, weight, bias, stride, padding, dilation, groups, flip)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
    *,
    flip: bool = False,
) -> Tensor:
    """The cross-correlation of input with weight along three axes; see conv2d.

    Shape: input (N, C, D, H, W), weight (K, C/groups, T, R, S), bias (K,) -> (N, K, O, P, Q).
    """
    return convolved(3, input, weight, bias, stride, padding, dilation, groups, flip)


# --- transposed convolution -----------------------------------------------------------------------


def transposed(
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Size,
    padding: Size,
    output_padding: Size,
    groups: int,
    dilation: Size,
) -> Tensor:
    """conv_transpose1d, 2d and 3d: `rank` axes of space."""
    name = f"conv_transpose{rank}d"
    x = batched(name, input, rank)
    check_weights(name, *shapes_of(name, x, weight, bias), groups, transposed=True)
    stride = per_axis(f"{name}: stride", stride, rank)
    padding = per_axis(f"{name}: padding", padding, rank, 0)
    extra = per_axis(f"{name}: output_padding", output_padding, rank, 0)
    dilation = per_axis(f"{name}: dilation", dilation, rank)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise RuntimeError(
            f"{name}: output_padding has to be smaller than stride or dilation, got {extra} with "
            f"stride {stride} and dilation {dilation}"
        )
    # An extra output beyond the stride is where one more input, a zero, would have its window.
    x = behind(x, [e // s for e, s in zip(extra, stride, strict=True)])
    reach = spans(weight.shape[2:], dilation)
    axes = zip(x.shape[2:], stride, padding, reach, extra, strict=True)
    space = tuple([(n - 1) * s - 2 * p + r + e % s for n, s, p, r, e in axes])
    if min(*x.shape[2:], *weight.shape[2:]) < 1 or min(space) < 0:
        raise RuntimeError(
            f"{name}: an input of shape {input.shape} and a weight of shape {weight.shape} with "
            f"these settings give an output of size {space}"
        )
    z = conv.conv_dx(x, weight, space, stride, padding, dilation, groups)
    if bias is not None:
        z = z + shape.reshape(bias, (-1, *[1] * rank))
    return z if input.ndim == rank + 2 else z[0]


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """The transposed convolution along one axis; see conv_transpose2d.

    Shape: input (N, C, L), weight (C, K/groups, R), bias (K,) -> (N, K, P).
    """
    settings = (stride, padding, output_padding, groups, dilation)
    return transposed(1, input, weight, bias, *settings)


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """The gradient of conv2d for its input, as a layer: every input adds a scaled kernel.

    padding: how much is cut off on both sides of each axis. output_padding: how many more outputs
    there are behind each axis; with a stride, inputs of several sizes have equally large outputs
    under conv2d, and this says which size is wanted back.

    Shape: input (N, C, H, W), weight (C, K/groups, R, S), bias (K,) -> (N, K, P, Q) with
    P = (H - 1) stride - 2 padding + dilation (R - 1) + output_padding + 1, and so for Q. Or both
    without N.

    Raises: RuntimeError where shapes do not fit one another, or settings are out of range.

    Source: Zeiler et al. 2010, "Deconvolutional networks"; Goodfellow et al. 2016, section 9.5.
    """
    settings = (stride, padding, output_padding, groups, dilation)
    return transposed(2, input, weight, bias, *settings)


def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size = 0,
    output_padding: Size = 0,
    groups: int = 1,
    dilation: Size = 1,
) -> Tensor:
    """The transposed convolution along three axes; see conv_transpose2d.

    Shape: input (N, C, D, H, W), weight (C, K/groups, T, R, S), bias (K,) -> (N, K, O, P, Q).
    """
    settings = (stride, padding, output_padding, groups, dilation)
    return transposed(3, input, weight, bias, *settings)


# --- partial connections --------------------------------------------------------------------------


def linked(table: Table) -> list[tuple[int, int]]:
    """The pairs (output map, input map) that `table` links, in this order.

    Raises: TypeError for a table that is not made of rows.
    """
    if not isinstance(table, (list, tuple)) or not all(hasattr(row, "__len__") for row in table):
        raise TypeError(f"partial_conv2d: a table is a list of rows, got {table!r}")
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
    room = (len(table[0]), len(table), *weight.shape[1:])
    key = indexing.raw_key(weight, tuple(map(list, zip(*links, strict=True))), room)
    dense = indexing.put_at(weight, key, room)
    return conv2d(input, dense, bias, stride, padding, dilation)
