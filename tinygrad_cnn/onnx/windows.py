"""How convolutions, pools and resampling become nodes of ONNX."""

import math

import numpy as np

from .graph import Graph, Untranslatable
from .tracing import Step


def conv(
    g: Graph,
    step: Step,
    x: str,
    w: str,
    b: str,
    stride: tuple,
    padding: tuple,
    dilation: tuple,
    groups: int,
) -> str:
    """Conv."""
    return g.node(
        "Conv",
        *([x, w, b] if b else [x, w]),
        kernel_shape=step.inputs[1].shape[2:],
        strides=stride,
        pads=padding * 2,
        dilations=dilation,
        group=groups,
    )


def conv_dx(
    g: Graph,
    step: Step,
    x: str,
    w: str,
    space: tuple,
    stride: tuple,
    padding: tuple,
    dilation: tuple,
    groups: int,
) -> str:
    """ConvTranspose; output_padding is what `space` has beyond the windows."""
    window = step.inputs[1].shape[2:]
    axes = zip(space, step.inputs[0].shape[2:], stride, padding, dilation, window, strict=True)
    extra = [s - ((n - 1) * t - 2 * p + d * (r - 1) + 1) for s, n, t, p, d, r in axes]
    return g.node(
        "ConvTranspose",
        x,
        w,
        kernel_shape=window,
        strides=stride,
        pads=padding * 2,
        dilations=dilation,
        output_padding=extra,
        group=groups,
    )


def ends(
    step: Step, window: tuple, stride: tuple, padding: tuple, dilation: tuple, out: tuple
) -> list[int]:
    """The widths of the border as ONNX has them: as wide as the last window reaches."""
    axes = zip(step.inputs[0].shape[2:], window, stride, padding, dilation, out, strict=True)
    behind = [max((q - 1) * t + (r - 1) * d + 1 - n - p, 0) for n, r, t, p, d, q in axes]
    return [*padding, *behind]


def max_pool(
    g: Graph,
    step: Step,
    x: str,
    window: tuple,
    stride: tuple,
    padding: tuple,
    dilation: tuple,
    out: tuple,
) -> str:
    """MaxPool."""
    return g.node(
        "MaxPool",
        x,
        kernel_shape=window,
        strides=stride,
        pads=ends(step, window, stride, padding, dilation, out),
        dilations=dilation,
    )


def average(g: Graph, step: Step, x: str, window: tuple, stride: tuple, pads: list) -> str:
    """AveragePool that counts its border."""
    return g.node(
        "AveragePool", x, kernel_shape=window, strides=stride, pads=pads, count_include_pad=1
    )


def window_sum(
    g: Graph,
    step: Step,
    x: str,
    window: tuple,
    stride: tuple,
    padding: tuple,
    dilation: tuple,
    out: tuple,
) -> str:
    """AveragePool times the number of elements of a window."""
    if max(dilation) > 1:
        raise Untranslatable("its windows are dilated")
    pads = ends(step, window, stride, padding, dilation, out)
    z = average(g, step, x, window, stride, pads)
    return g.node("Mul", z, g.value(float(math.prod(window)), step.output.dtype))


def window_mean(
    g: Graph,
    step: Step,
    x: str,
    window: tuple,
    stride: tuple,
    padding: tuple,
    dilation: tuple,
    out: tuple,
    count: int,
) -> str:
    """AveragePool, where sums are taken over the number of elements of a window."""
    if max(dilation) == 1 and count == math.prod(window):
        pads = ends(step, window, stride, padding, dilation, out)
        return average(g, step, x, window, stride, pads)
    z = window_sum(g, step, x, window, stride, padding, dilation, out)
    return g.node("Mul", z, g.value(1 / count, step.output.dtype))


def resample(g: Graph, step: Step, x: str, dim: int, taps: object) -> str:
    """Gather where every new place is an old one, else a product with the matrix of shares."""
    ndim = step.output.ndim
    axis = dim % ndim
    if taps.shares is None and np.array_equal(taps.rows, np.arange(taps.shape[0])):
        return g.node("Gather", x, g.ints(*taps.places), axis=axis)
    matrix = np.zeros(taps.shape[::-1], step.output.dtype)
    np.add.at(matrix, (taps.places, taps.rows), 1.0 if taps.shares is None else taps.shares)
    order = [i for i in range(ndim) if i != axis]
    order.insert(ndim - 1, axis)
    moved = x if axis == ndim - 1 else g.node("Transpose", x, perm=order)
    z = g.node("MatMul", moved, g.constant(matrix))
    back = [order.index(i) for i in range(ndim)]
    return z if axis == ndim - 1 else g.node("Transpose", z, perm=back)
