"""The operators of ONNX that a file may use: one function each, in the table OPERATORS.

Inputs are positional, None where the file leaves one out; attributes are keyword-only and have
ONNX's names and defaults. Where newer versions of an operator take as an input what older ones took
as an attribute, both are there. `training` and `opset` are the model's.
"""

from collections.abc import Callable

from ..nn import Buffer
from ..nn import functional as F
from ..ops import activation, comparison, contract, erf, pointwise, reduce, trigonometry
from ..ops import shape as shapes
from ..tensor import Tensor
from . import layout, sliding
from .layout import Ints, numbers

# --- matrices -------------------------------------------------------------------------------------


def gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Tensor:
    """alpha a · b + beta c, of matrices that may be transposed."""
    z = contract.matmul(a.t() if transA else a, b.t() if transB else b)
    z = z if alpha == 1 else z * alpha
    if c is None:
        return z
    return z + (c if beta == 1 else c * beta)


def einsum(*xs: Tensor, equation: str) -> Tensor:
    """Products summed over the letters that the result leaves out."""
    return contract.einsum(equation, *xs)


# --- norms ----------------------------------------------------------------------------------------


def batch_normalization(
    x: Tensor,
    scale: Tensor,
    b: Tensor,
    mean: Tensor,
    var: Tensor,
    *,
    training: bool,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    spatial: int = 1,
    training_mode: int = 0,
) -> Tensor:
    """Batch norm; in a model that is trained with the batch's statistics, if it has its own to
    track: what a network is given or computes is taken as it is."""
    tracks = training and isinstance(mean, Buffer) and isinstance(var, Buffer)
    return F.batch_norm(x, mean, var, scale, b, tracks, 1 - momentum, epsilon)


def lrn(
    x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Tensor:
    """Local response norm; of an even number of channels one more lies behind."""
    if size % 2:
        return F.local_response_norm(x, size, alpha, beta, bias)
    return shapes.flip(F.local_response_norm(shapes.flip(x, (1,)), size, alpha, beta, bias), (1,))


def dropout(
    x: Tensor,
    ratio_input: Tensor | None = None,
    mode: Tensor | None = None,
    *,
    training: bool,
    ratio: float = 0.5,
    seed: int = 0,
) -> Tensor:
    """x, with elements dropped in a model that is trained."""
    return F.dropout(x, ratio if ratio_input is None else float(ratio_input), training)


# --- elementwise ----------------------------------------------------------------------------------


def div(x: Tensor, y: Tensor) -> Tensor:
    """x / y; of whole numbers the whole part."""
    if x.is_floating_point() or y.is_floating_point():
        return pointwise.div(x, y)
    return comparison.floor_divide(x, y)


def clip(
    x: Tensor,
    low: Tensor | None = None,
    high: Tensor | None = None,
    *,
    min: float | None = None,
    max: float | None = None,
) -> Tensor:
    """x within bounds."""
    low, high = (min if low is None else low), (max if high is None else high)
    return x if low is None and high is None else pointwise.clamp(x, low, high)


def prelu(x: Tensor, slope: Tensor) -> Tensor:
    """x for x > 0, else slope x."""
    return pointwise.where(x > 0, x, x * slope)


def leaky_relu(x: Tensor, *, alpha: float = 0.01) -> Tensor:
    """x for x > 0, else alpha x."""
    return activation.leaky_relu(x, alpha)


def elu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """x for x > 0, else alpha (e^x - 1)."""
    return activation.elu(x, alpha)


def selu(
    x: Tensor, *, alpha: float = activation.SELU_ALPHA, gamma: float = activation.SELU_SCALE
) -> Tensor:
    """gamma x for x > 0, else gamma alpha (e^x - 1)."""
    return activation.elu(x, alpha, gamma)


def celu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """x for x > 0, else alpha (e^(x/alpha) - 1)."""
    return activation.celu(x, alpha)


def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    """alpha x + beta, within 0 and 1."""
    return pointwise.clamp(x * alpha + beta, 0.0, 1.0)


def gelu(x: Tensor, *, approximate: str = "none") -> Tensor:
    """x Φ(x)."""
    return activation.gelu(x, approximate)


def folded(f: Callable) -> Callable:
    """The operator of two or more inputs, two at a time."""

    def operator(x: Tensor, *others: Tensor) -> Tensor:
        for y in others:
            x = f(x, y)
        return x

    return operator


def along(f: Callable) -> Callable:
    """Softmax and its logarithm; before opset 13 over all axes from `axis` on."""

    def operator(x: Tensor, *, opset: int, axis: int | None = None) -> Tensor:
        if opset >= 13:
            return f(x, -1 if axis is None else axis)
        return f(layout.flatten(x, axis=1 if axis is None else axis), -1).reshape(x.shape)

    return operator


# --- reductions -----------------------------------------------------------------------------------


def reduction(f: Callable) -> Callable:
    """The operator of a reduction."""

    def operator(
        x: Tensor,
        axes_input: Tensor | None = None,
        *,
        axes: Ints | None = None,
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Tensor:
        dims = numbers(axes_input, axes)
        if not dims and noop_with_empty_axes:
            return x
        return f(x, dim=tuple(dims or range(x.ndim)), keepdim=bool(keepdims))

    return operator


def arg(f: Callable) -> Callable:
    """The operator of argmax and argmin."""

    def operator(
        x: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
    ) -> Tensor:
        if select_last_index:
            raise ValueError("ArgMax and ArgMin take the first of equal elements here")
        return f(x, dim=axis, keepdim=bool(keepdims))

    return operator


def overall(f: Callable) -> Callable:
    """The operator of a reduction over all axes of space."""
    return lambda x: f(x, dim=tuple(range(2, x.ndim)), keepdim=True)


def cumsum(x: Tensor, axis: Tensor, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    """Running sums along an axis."""
    if exclusive or reverse:
        raise ValueError("CumSum: exclusive and reverse are 0 here")
    return reduce.cumsum(x, dim=int(axis))


def one(f: Callable) -> Callable:
    """The operator of one input without attributes."""
    return lambda x: f(x)


def two(f: Callable) -> Callable:
    """The operator of two inputs without attributes."""
    return lambda x, y: f(x, y)


ONE = {
    **{"Abs": pointwise.abs, "Neg": pointwise.neg, "Exp": pointwise.exp, "Log": pointwise.log},
    **{"Sqrt": pointwise.sqrt, "Reciprocal": pointwise.reciprocal, "Erf": erf.erf},
    **{"Relu": activation.relu, "Sigmoid": activation.sigmoid, "Tanh": activation.tanh},
    **{"HardSwish": activation.hardswish, "Softsign": activation.softsign},
    **{"Softplus": activation.softplus, "Mish": activation.mish},
    **{"Floor": comparison.floor, "Ceil": comparison.ceil, "Round": comparison.rint},
    **{"Sign": comparison.sign, "Not": comparison.logical_not},
    **{"IsNaN": comparison.isnan, "IsInf": comparison.isinf},
    **{n.capitalize(): getattr(trigonometry, n) for n in ("sin", "cos", "tan", "sinh", "cosh")},
    **{n.capitalize(): getattr(trigonometry, n) for n in ("asin", "acos", "atan")},
    **{n.capitalize(): getattr(trigonometry, n) for n in ("asinh", "acosh", "atanh")},
}
TWO = {
    **{"Add": pointwise.add, "Sub": pointwise.sub, "Mul": pointwise.mul, "Pow": pointwise.pow},
    **{"MatMul": contract.matmul, "Equal": comparison.eq, "Greater": comparison.gt},
    **{"GreaterOrEqual": comparison.ge, "Less": comparison.lt, "LessOrEqual": comparison.le},
    **{"And": comparison.logical_and, "Or": comparison.logical_or, "Xor": comparison.logical_xor},
}
OPERATORS: dict[str, Callable[..., Tensor]] = {
    **{op: one(f) for op, f in ONE.items()},
    **{op: two(f) for op, f in TWO.items()},
    "Identity": lambda x: x,
    "Conv": sliding.conv,
    "ConvTranspose": sliding.conv_transpose,
    "MaxPool": sliding.max_pool,
    "AveragePool": sliding.average_pool,
    "Pad": sliding.pad,
    "GlobalAveragePool": overall(reduce.mean),
    "GlobalMaxPool": overall(reduce.amax),
    "Gemm": gemm,
    "Einsum": einsum,
    "BatchNormalization": batch_normalization,
    "LRN": lrn,
    "Dropout": dropout,
    "Div": div,
    "Clip": clip,
    "PRelu": prelu,
    "LeakyRelu": leaky_relu,
    "Elu": elu,
    "Selu": selu,
    "Celu": celu,
    "HardSigmoid": hard_sigmoid,
    "Gelu": gelu,
    "Max": folded(pointwise.maximum),
    "Min": folded(pointwise.minimum),
    "Sum": folded(pointwise.add),
    "Where": lambda condition, x, y: pointwise.where(condition, x, y),
    "Softmax": along(activation.softmax),
    "LogSoftmax": along(activation.log_softmax),
    "Cast": layout.cast,
    "Flatten": layout.flatten,
    "Reshape": layout.reshape,
    "Squeeze": layout.squeeze,
    "Unsqueeze": layout.unsqueeze,
    "Transpose": layout.transpose,
    "Concat": layout.concat,
    "Shape": layout.shape_of,
    "Gather": layout.gather,
    "GatherElements": layout.gather_elements,
    "Slice": layout.cut,
    "Expand": layout.expand,
    "ConstantOfShape": layout.constant_of_shape,
    "ScatterND": layout.scatter_nd,
    "Trilu": layout.triangle,
    "ReduceMean": reduction(reduce.mean),
    "ReduceSum": reduction(reduce.sum),
    "ReduceMax": reduction(reduce.amax),
    "ReduceMin": reduction(reduce.amin),
    "ReduceL2": reduction(reduce.euclidean_norm),
    "ReduceLogSumExp": reduction(reduce.logsumexp),
    "ArgMax": arg(reduce.argmax),
    "ArgMin": arg(reduce.argmin),
    "CumSum": cumsum,
}
