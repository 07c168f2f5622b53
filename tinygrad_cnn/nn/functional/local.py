"""Convolutions whose kernels change from place to place: tiled, and locally connected.

Tiled convolution has several kernels and takes turns: along each axis of space, neighbouring
outputs use different ones, and after a period the first comes again. With a period of 1 that is a
convolution; with a period of as many as there are outputs no kernel is used twice, and the layer is
locally connected. So there is one formula.

Shapes: weight (K, *period, C, *window), z (N, K, *out).
"""

import itertools
import math

from ...ops import contract, conv, indexing, shape
from ...tensor import Tensor
from .window import AXES, Size, Sliding, batched, behind, check_tensors, sliding, spans


def alternating(first: tuple, second: tuple) -> tuple:
    """(a, b), (c, d) -> a, c, b, d."""
    return tuple(itertools.chain.from_iterable(zip(first, second, strict=True)))


def in_turns(x: Tensor, weight: Tensor, slide: Sliding) -> Tensor:
    """The outputs of a tiled convolution: one product of matrices for each kernel of a period.

    Where the period does not divide the outputs, x is made larger, and what that adds is cut off.
    """
    out, rank = slide.out, len(slide.out)
    maps, *period = weight.shape[: rank + 1]
    window = weight.shape[rank + 2 :]
    rounds = [-(-q // t) for q, t in zip(out, period, strict=True)]
    grid = [b * t for b, t in zip(rounds, period, strict=True)]
    x = slide.framed(x)
    stride, padding, dilation = slide.settings
    axes = zip(grid, stride, spans(window, dilation), x.shape[2:], padding, strict=True)
    x = behind(x, [max((q - 1) * s + r - n - 2 * p, 0) for q, s, r, n, p in axes])

    columns = conv.unfold(x, window, stride, padding, dilation)
    samples, size, _ = columns.shape
    columns = shape.reshape(columns, (samples, size, *alternating(rounds, period)))
    turns = range(3, 3 + 2 * rank, 2)
    columns = shape.permute(columns, (*turns, 1, 0, *range(2, 2 + 2 * rank, 2)))
    columns = shape.reshape(columns, (*period, size, samples * math.prod(rounds)))
    kernels = shape.permute(weight, (*range(1, rank + 1), 0, *range(rank + 1, weight.ndim)))
    kernels = shape.reshape(kernels, (*period, maps, size))
    z = contract.matmul(kernels, columns)

    z = shape.reshape(z, (*period, maps, samples, *rounds))
    places = alternating(range(rank + 2, 2 * rank + 2), range(rank))
    z = shape.reshape(shape.permute(z, (rank + 1, rank, *places)), (samples, maps, *grid))
    return z if tuple(grid) == out else z[(..., *map(slice, out))]


def spread_bias(name: str, bias: Tensor, weight: Tensor, out: tuple[int, ...]) -> Tensor:
    """The bias of each output, from those per channel, per kernel of a period, or per output.

    Raises: RuntimeError for one of another shape.
    """
    check_tensors(name, bias=bias)
    maps, *period = weight.shape[: len(out) + 1]
    if bias.shape == (maps,):
        return shape.reshape(bias, (maps, *[1] * len(out)))
    if bias.shape == (maps, *out):
        return bias
    if bias.shape != (maps, *period):
        raise RuntimeError(
            f"{name}: expected a bias per channel, {(maps,)}, per kernel, {(maps, *period)}, or "
            f"per output, {(maps, *out)}, got shape {bias.shape}"
        )
    for axis, (t, q) in enumerate(zip(period, out, strict=True), 1):
        turns = [i % t for i in range(q)]
        bias = indexing.getitem(bias, (*[slice(None)] * axis, turns))
    return bias


def tiled(
    name: str,
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Size,
    padding: Size | str,
    dilation: Size,
    shared: bool,
) -> Tensor:
    """A tiled convolution, or if not `shared`, one in which there is a kernel for every output."""
    x = batched(name, input, rank)
    check_tensors(name, weight=weight)
    if weight.ndim != 2 + 2 * rank or min(weight.shape[1 : rank + 1]) < 1:
        period = f"*period of {AXES[rank]}" if shared else "*out"
        raise RuntimeError(
            f"{name}: expected a weight (K, {period}, C, *window) of {2 + 2 * rank} axes, got "
            f"shape {weight.shape}"
        )
    period, channels = weight.shape[1 : rank + 1], weight.shape[rank + 1]
    if x.shape[1] != channels:
        raise RuntimeError(
            f"{name}: a weight of shape {weight.shape} takes {channels} channels, got "
            f"{x.shape[1]} in an input of shape {input.shape}"
        )
    slide = sliding(name, x.shape[2:], weight.shape[rank + 2 :], stride, padding, dilation)
    if not shared and period != slide.out:
        raise RuntimeError(
            f"{name}: a weight of shape {weight.shape} has kernels for outputs of {period}, but an "
            f"input of shape {input.shape} gives {slide.out}"
        )
    z = in_turns(x, weight, slide)
    if bias is not None:
        z = z + spread_bias(name, bias, weight, slide.out)
    return z if input.ndim == rank + 2 else z[0]


def locally_connected1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
) -> Tensor:
    """A conv1d in which every output has a kernel of its own; see locally_connected2d.

    Shape: input (N, C, L), weight (K, P, C, R), bias (K, P) or (K,) -> (N, K, P).
    """
    settings = (stride, padding, dilation)
    return tiled("locally_connected1d", 1, input, weight, bias, *settings, shared=False)


def locally_connected2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
) -> Tensor:
    """A conv2d in which every output has a kernel of its own, and may have its own bias.

    padding: as in conv2d. On the graph it keeps every window of the input, which is R S times the
    input for a stride of 1.

    Shape: input (N, C, H, W), weight (K, P, Q, C, R, S), bias (K, P, Q) or (K,) -> (N, K, P, Q).

    Raises: RuntimeError where shapes do not fit one another, or settings are out of range.

    Source: LeCun 1989, "Generalization and network design strategies"; Goodfellow et al. 2016,
    section 9.5, equation 9.9.
    """
    settings = (stride, padding, dilation)
    return tiled("locally_connected2d", 2, input, weight, bias, *settings, shared=False)


def tiled_conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
) -> Tensor:
    """A conv2d with several kernels that take turns: output (p, q) uses number (p % T, q % U).

    With T = U = 1 it is conv2d, with T = P and U = Q it is locally_connected2d.

    padding: as in conv2d. On the graph it keeps every window of the input, which is R S times the
    input for a stride of 1.

    Shape: input (N, C, H, W), weight (K, T, U, C, R, S), bias (K,), (K, T, U) or (K, P, Q) ->
    (N, K, P, Q).

    Raises: RuntimeError where shapes do not fit one another, or settings are out of range.

    Source: Ngiam et al. 2010, "Tiled convolutional neural networks"; Goodfellow et al. 2016,
    section 9.5, equation 9.10.

    Differs: the book writes the places in the period behind those in the window.
    """
    settings = (stride, padding, dilation)
    return tiled("tiled_conv2d", 2, input, weight, bias, *settings, shared=True)
