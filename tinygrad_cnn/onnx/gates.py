"""How gates become nodes of ONNX: one function per gate, in the table TRANSLATORS.

A translator is called as f(graph, step, *names of the inputs, **settings) and returns the name of
the output. Settings and sizes that follow the batch are `Batch`es there.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kernels.shapes import reduced_axes
from ..ops.activation import AMPLITUDE, CUBIC, ROOT_HALF, SLOPE, TWO_ROOTS
from . import windows
from .graph import Graph, Untranslatable
from .tracing import Sketch, Step, constant

Dims = int | tuple[int, ...] | None


def plain(op: str, **attributes: object) -> Callable:
    """The translator of a gate that is an operator of ONNX; settings are its attributes' values."""

    def translate(g: Graph, step: Step, *names: str) -> str:
        return g.node(op, *names, **attributes)

    return translate


def renamed(op: str, **names_of: str) -> Callable:
    """The translator of a gate whose settings are attributes by these names."""

    def translate(g: Graph, step: Step, *names: str, **settings: object) -> str:
        return g.node(op, *names, **{names_of.get(k, k): v for k, v in settings.items()})

    return translate


def number(g: Graph, step: Step, value: float) -> str:
    """A number in the dtype of the result."""
    return g.value(value, step.output.dtype)


# --- elementwise ----------------------------------------------------------------------------------


def logical(op: str) -> Callable:
    """The translator of a function of truth values, which numbers become where they are not 0."""

    def translate(g: Graph, step: Step, *names: str) -> str:
        truths = []
        for x, name in zip(step.inputs, names, strict=True):
            truths.append(name if x.dtype.kind == "b" else g.cast(name, np.dtype(bool)))
        return g.node(op, *truths)

    return translate


def trunc(g: Graph, step: Step, x: str) -> str:
    """x without the digits behind the point."""
    return g.node("Mul", g.node("Sign", x), g.node("Floor", g.node("Abs", x)))


def ne(g: Graph, step: Step, x: str, y: str) -> str:
    """x ≠ y."""
    return g.node("Not", g.node("Equal", x, y))


def erfc(g: Graph, step: Step, x: str) -> str:
    """1 - erf(x)."""
    return g.node("Sub", number(g, step, 1.0), g.node("Erf", x))


def expm1(g: Graph, step: Step, x: str) -> str:
    """e^x - 1."""
    return g.node("Sub", g.node("Exp", x), number(g, step, 1.0))


def log1p(g: Graph, step: Step, x: str) -> str:
    """log(1 + x)."""
    return g.node("Log", g.node("Add", x, number(g, step, 1.0)))


def exp2(g: Graph, step: Step, x: str) -> str:
    """2^x."""
    return g.node("Pow", number(g, step, 2.0), x)


def clamp_min(g: Graph, step: Step, x: str, low: str) -> str:
    """x, not below `low`."""
    return g.node("Max" if getattr(step.inputs[1], "ndim", 0) else "Clip", x, low)


def clamp_max(g: Graph, step: Step, x: str, high: str) -> str:
    """x, not above `high`."""
    if getattr(step.inputs[1], "ndim", 0):
        return g.node("Min", x, high)
    return g.node("Clip", x, "", high)


def hardtanh(g: Graph, step: Step, x: str, min_val: float, max_val: float) -> str:
    """x within two bounds."""
    return g.node("Clip", x, number(g, step, min_val), number(g, step, max_val))


def elu(g: Graph, step: Step, x: str, alpha: float, scale: float, input_scale: float) -> str:
    """ELU, SELU and CELU by their own names."""
    if input_scale == 1 and scale == 1:
        return g.node("Elu", x, alpha=float(alpha))
    if input_scale == 1:
        return g.node("Selu", x, alpha=float(alpha), gamma=float(scale))
    if scale == 1 and math.isclose(alpha * input_scale, 1):
        return g.node("Celu", x, alpha=float(alpha))
    raise Untranslatable(f"there is no form of it with input_scale={input_scale}")


def softplus(g: Graph, step: Step, x: str, beta: float, threshold: float) -> str:
    """log(1 + e^(beta x)) / beta, and x where beta x lies beyond a threshold that can be felt."""
    factor = number(g, step, beta)
    scaled = x if beta == 1 else g.node("Mul", x, factor)
    z = g.node("Softplus", scaled)
    z = z if beta == 1 else g.node("Div", z, factor)
    if threshold >= 20:  # from there the two are one in float32
        return z
    return g.node("Where", g.node("Greater", scaled, number(g, step, threshold)), x, z)


def added(op: str) -> Callable:
    """The translator of addcmul and addcdiv: x + value times what `op` makes of two others."""

    def translate(g: Graph, step: Step, x: str, tensor1: str, tensor2: str, value: float) -> str:
        made = g.node(op, tensor1, tensor2)
        return g.node("Add", x, g.node("Mul", made, number(g, step, value)))

    return translate


def scaled_tanh(g: Graph, step: Step, x: str) -> str:
    """1.7159 tanh(2/3 x)."""
    bent = g.node("Tanh", g.node("Mul", x, number(g, step, SLOPE)))
    return g.node("Mul", bent, number(g, step, AMPLITUDE))


def logsigmoid(g: Graph, step: Step, x: str) -> str:
    """-softplus(-x)."""
    return g.node("Neg", g.node("Softplus", g.node("Neg", x)))


def silu(g: Graph, step: Step, x: str) -> str:
    """x sigmoid(x)."""
    return g.node("Mul", x, g.node("Sigmoid", x))


def mish(g: Graph, step: Step, x: str) -> str:
    """x tanh(softplus(x))."""
    return g.node("Mul", x, g.node("Tanh", g.node("Softplus", x)))


def gelu(g: Graph, step: Step, x: str, approximate: str) -> str:
    """x Φ(x) by the complementary error function, or a sigmoid in the place of Φ."""
    if approximate == "none":
        share = erfc(g, step, g.node("Mul", x, number(g, step, -ROOT_HALF)))
        return g.node("Mul", x, g.node("Mul", share, number(g, step, 0.5)))
    cube = g.node("Mul", g.node("Mul", x, x), x)
    bent = g.node("Add", x, g.node("Mul", cube, number(g, step, CUBIC)))
    share = g.node("Sigmoid", g.node("Mul", bent, number(g, step, TWO_ROOTS)))
    return g.node("Mul", x, share)


def cast(g: Graph, step: Step, x: str, dtype: object) -> str:
    """x in another dtype."""
    return g.cast(x, step.output.dtype)


# --- shapes ---------------------------------------------------------------------------------------


def reshape(g: Graph, step: Step, x: str, shape: object) -> str:
    """x in another shape: Flatten where only the first axis stays, else Reshape."""
    before, after = g.dims(step.inputs[0]), g.dims(step.output)
    if len(before) > 2 == len(after) and before[0] == after[0]:
        return g.node("Flatten", x, axis=1)
    return g.reshaped(x, after)


def expand(g: Graph, step: Step, x: str, shape: object) -> str:
    """x repeated; an axis that keeps its size is asked for as 1."""
    before, after = g.dims(step.inputs[0]), g.dims(step.output)
    before = (1,) * (len(after) - len(before)) + before
    asked = [1 if a == b else b for a, b in zip(before, after, strict=True)]
    return g.node("Expand", x, g.shape(asked))


def permute(g: Graph, step: Step, x: str, dims: tuple[int, ...]) -> str:
    """Transpose."""
    return g.node("Transpose", x, perm=[axis % len(dims) for axis in dims])


def pad_constant(g: Graph, step: Step, x: str, pads: tuple, value: float) -> str:
    """x within a border."""
    ends = [a for a, _ in pads] + [b for _, b in pads]
    return g.node("Pad", x, g.ints(*ends), number(g, step, value))


def flip(g: Graph, step: Step, x: str, dims: Dims) -> str:
    """x read backwards along `dims`."""
    axes = reduced_axes(step.output.ndim, dims)
    low = np.iinfo(np.int64).min
    count = len(axes)
    steps = [[-1] * count, [low] * count, axes, [-1] * count]
    return g.node("Slice", x, *[g.ints(*numbers) for numbers in steps])


def filled(value: float) -> Callable:
    """The translator of a gate that gives this value in the shape of its input."""

    def translate(g: Graph, step: Step, x: str) -> str:
        tensor = g.onnx.numpy_helper.from_array(np.asarray([value], step.output.dtype))
        return g.node("ConstantOfShape", g.shape(g.dims(step.output)), value=tensor)

    return translate


def index(g: Graph, step: Step, x: str, key: object) -> str:
    """x[key] for whole numbers, slices with fixed bounds, new axes, and one array of indices."""
    cuts, gathered, dropped = [], [], False
    axis = 0
    for part in spelled(key, step.inputs[0].ndim):
        if part is None or isinstance(part, int):
            dropped = True
        if isinstance(part, Sketch):
            gathered.append((axis, part))
        elif part not in (None, slice(None)):
            cuts.append((axis, *bounds(part)))
        axis += part is not None
    if len(gathered) > 1 or any(indices.dtype.kind == "b" for _, indices in gathered):
        raise Untranslatable("it is indexed by a mask or by several arrays")
    if cuts:
        axes, starts, stops, steps = zip(*cuts, strict=True)
        x = g.node("Slice", x, *[g.ints(*numbers) for numbers in (starts, stops, axes, steps)])
    for at, indices in gathered:
        x = g.node("Gather", x, g.value(indices, indices.dtype), axis=at)
    return g.reshaped(x, g.dims(step.output)) if dropped else x


def spelled(key: object, ndim: int) -> list:
    """The parts of a key, with slices for its Ellipsis and Sketches for arrays."""
    parts = [constant(p) if hasattr(p, "dtype") else p for p in parts_of(key)]
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    for i in dots:
        taken = sum(part is not None and part is not Ellipsis for part in parts)
        parts[i : i + 1] = [slice(None)] * (ndim - taken)
    return parts


def opened(key: object, dims: tuple) -> tuple:
    """A key whose slices that go up to the size of their axis have no end."""
    parts = spelled(key, len(dims))
    axes = [i for i, part in enumerate(parts) if part is not None]
    for size, i in zip(dims, axes, strict=False):
        if isinstance(parts[i], slice) and parts[i].stop == size:
            start = parts[i].start or None
            parts[i] = slice(start, None, parts[i].step)
    return tuple(parts)


def parts_of(key: object) -> tuple:
    """A key as a tuple."""
    return key if isinstance(key, tuple) else (key,)


def bounds(part: int | slice) -> tuple[int, int, int]:
    """Where a part of a key starts and stops, and its step."""
    ends = np.iinfo(np.int64)
    if isinstance(part, int):
        return part, ends.max if part == -1 else part + 1, 1
    step = 1 if part.step is None else part.step
    first, last = (0, ends.max) if step > 0 else (-1, ends.min)
    start = first if part.start is None else part.start
    return start, last if part.stop is None else part.stop, step


def put_at(g: Graph, step: Step, x: str, key: object, shape: tuple) -> str:
    """Zeros with x added where arrays of indices for the first axes say."""
    parts = [constant(p) if hasattr(p, "dtype") else p for p in parts_of(key)]
    arrays = [part.array for part in parts if isinstance(part, Sketch)]
    first = all(isinstance(part, Sketch) for part in parts[: len(arrays)])
    rest = all(part in (Ellipsis, slice(None)) for part in parts[len(arrays) :])
    if not (arrays and first and rest) or any(a is None or a.dtype.kind == "b" for a in arrays):
        raise Untranslatable("only arrays of fixed indices for the first axes can be written at")
    places = np.stack(np.broadcast_arrays(*arrays), -1).astype(np.int64)
    blank = filled(0.0)(g, step, x)
    return g.node("ScatterND", blank, g.constant(places), x, reduction="add")


def take_along(g: Graph, step: Step, x: str, indices: str, dim: int) -> str:
    """x at indices along an axis."""
    return g.node("GatherElements", x, indices, axis=dim)


# --- reductions -----------------------------------------------------------------------------------


def reduction(op: str, since: int = 18) -> Callable:
    """The translator of a reduction whose axes are an input from that opset on."""

    def translate(
        g: Graph, step: Step, x: str, dim: Dims, keepdim: bool, dtype: object = None
    ) -> str:
        if step.inputs[0].dtype != step.output.dtype:
            x = g.cast(x, step.output.dtype)
        axes = reduced_axes(step.inputs[0].ndim, dim)
        if g.opset >= since:
            return g.node(op, x, g.ints(*axes), keepdims=int(keepdim))
        return g.node(op, x, axes=axes, keepdims=int(keepdim))

    return translate


def arg(op: str) -> Callable:
    """The translator of argmax and argmin."""

    def translate(g: Graph, step: Step, x: str, dim: int | None, keepdim: bool) -> str:
        if dim is None:
            raise Untranslatable("it looks through all axes at once; give it a dim")
        return g.node(op, x, axis=dim, keepdims=int(keepdim))

    return translate


def cumsum(g: Graph, step: Step, x: str, dim: int, dtype: object) -> str:
    """Running sums."""
    return g.node("CumSum", x, g.constant(np.asarray(dim, np.int64)))


def linear(g: Graph, step: Step, x: str, w: str, b: str) -> str:
    """Gemm for matrices; else MatMul and Add."""
    if step.inputs[0].ndim == 2:
        return g.node("Gemm", *([x, w, b] if b else [x, w]), transB=1)
    z = g.node("MatMul", x, g.node("Transpose", w, perm=(1, 0)))
    return g.node("Add", z, b) if b else z


def contract(g: Graph, step: Step, *xs: str, terms: tuple, out: str) -> str:
    """einsum."""
    return g.node("Einsum", *xs, equation=f"{','.join(terms)}->{out}")


def triangle(upper: int) -> Callable:
    """The translator of triu and tril."""

    def translate(g: Graph, step: Step, x: str, diagonal: int) -> str:
        return g.node("Trilu", x, g.constant(np.asarray(diagonal, np.int64)), upper=upper)

    return translate


# --- norms over the batch's own statistics --------------------------------------------------------


def standardized(g: Graph, step: Step, x: str, axes: tuple[int, ...], eps: float) -> str:
    """x with mean 0 and variance 1 over some axes."""
    over = {"dim": axes, "keepdim": True}
    mean = reduction("ReduceMean")
    centred = g.node("Sub", x, mean(g, step, x, **over))
    variance = mean(g, step, g.node("Mul", centred, centred), **over)
    return g.node("Div", centred, g.node("Sqrt", g.node("Add", variance, number(g, step, eps))))


def affine(g: Graph, step: Step, x: str, weight: str, bias: str) -> str:
    """weight x + bias for each channel."""
    shape = (-1, *[1] * (step.inputs[0].ndim - 2))
    z = g.node("Mul", x, g.reshaped(weight, shape)) if weight else x
    return g.node("Add", z, g.reshaped(bias, shape)) if bias else z


def layer_norm(g: Graph, step: Step, x: str, weight: str, bias: str, eps: float) -> str:
    """The gate of layer and group norm."""
    z = standardized(g, step, x, (1,), eps)
    z = g.node("Mul", z, weight) if weight else z
    return g.node("Add", z, bias) if bias else z


def batch_norm(
    g: Graph, step: Step, x: str, weight: str, bias: str, residual: str, eps: float, relu: bool
) -> str:
    """The gate of instance norm, which takes statistics from its input."""
    ndim = step.inputs[0].ndim
    z = standardized(g, step, x, (0, *range(2, ndim)), eps)
    channels = g.dims(step.inputs[1])[0]
    for op, name, neutral, sketch in zip(
        ("Mul", "Add"), (weight, bias), (1.0, 0.0), step.inputs[1:3], strict=True
    ):
        if not fills(sketch, neutral):
            z = g.node(op, z, g.reshaped(name, (channels, *[1] * (ndim - 2))))
    z = g.node("Add", z, residual) if residual else z
    return g.node("Relu", z) if relu else z


def fills(x: Sketch, value: float) -> bool:
    """Whether x is a constant of which every element is `value`."""
    return not x.name and x.array is not None and bool((x.array == value).all())


OPERATORS = {
    **{"abs": "Abs", "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg"},
    **{"pow": "Pow", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "erf": "Erf", "sign": "Sign"},
    **{"sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan"},
    **{"sinh": "Sinh", "cosh": "Cosh", "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh"},
    **{"tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu", "hardswish": "HardSwish"},
    **{"maximum": "Max", "minimum": "Min", "where": "Where", "clone": "Identity"},
    **{"floor": "Floor", "ceil": "Ceil", "rint": "Round", "isnan": "IsNaN", "isinf": "IsInf"},
    **{"eq": "Equal", "gt": "Greater", "ge": "GreaterOrEqual", "lt": "Less", "le": "LessOrEqual"},
    **{"matmul": "MatMul"},
}
TRANSLATORS: dict[str, Callable[..., Any]] = {
    **{gate: plain(op) for gate, op in OPERATORS.items()},
    **{f"logical_{op.lower()}": logical(op) for op in ("And", "Or", "Xor", "Not")},
    "hardsigmoid": plain("HardSigmoid", alpha=1 / 6, beta=0.5),
    "leaky_relu": renamed("LeakyRelu", negative_slope="alpha"),
    "softmax": renamed("Softmax", dim="axis"),
    "log_softmax": renamed("LogSoftmax", dim="axis"),
    "join": renamed("Concat", dim="axis"),
    "ones_like": filled(1.0),
    "zeros_like": filled(0.0),
    "sum": reduction("ReduceSum", since=13),
    "mean": reduction("ReduceMean"),
    "amax": reduction("ReduceMax"),
    "amin": reduction("ReduceMin"),
    "logsumexp": reduction("ReduceLogSumExp"),
    "euclidean_norm": reduction("ReduceL2"),
    "argmax": arg("ArgMax"),
    "argmin": arg("ArgMin"),
    "addcmul": added("Mul"),
    "addcdiv": added("Div"),
    "triu": triangle(1),
    "tril": triangle(0),
    "conv": windows.conv,
    "conv_dx": windows.conv_dx,
    "max_pool": windows.max_pool,
    "window_sum": windows.window_sum,
    "window_mean": windows.window_mean,
    "resample": windows.resample,
    **{
        f.__name__: f
        for f in (
            *(trunc, ne, erfc, expm1, log1p, exp2, clamp_min, clamp_max, hardtanh, elu, softplus),
            *(
                scaled_tanh,
                logsigmoid,
                silu,
                mish,
                gelu,
                cast,
                reshape,
                expand,
                permute,
                pad_constant,
                flip,
                index,
                put_at,
                take_along,
            ),
            *(cumsum, contract, linear, affine, batch_norm, layer_norm),
        )
    },
}
