"""Gates that together are one operator of ONNX, found by the last of them.

A pattern is a function of a step. It returns a Plan, or None where the step is something else.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from .graph import Graph, made
from .tracing import Sketch, Step


class Plan(NamedTuple):
    """How a step is translated: a translator, what it takes, and its settings."""

    translate: Callable[..., str]
    inputs: tuple
    settings: dict[str, Any]


def operator(op: str, *inputs: object, **attributes: object) -> Plan:
    """The plan of one node."""

    def translate(g: Graph, step: Step, *names: str, **settings: Any) -> str:
        return g.node(op, *names, **settings)

    return Plan(translate, inputs, attributes)


def per_channel(x: object, ndim: int) -> Sketch | None:
    """The vector that was reshaped to one number per channel of an array of `ndim` axes."""
    step = made(x, "reshape")
    shaped = step is not None and x.shape == (*step.inputs[0].shape, *[1] * (ndim - 2))
    return step.inputs[0] if shaped and step.inputs[0].ndim == 1 else None


def product(x: Sketch) -> tuple[object, Sketch | None]:
    """The matrix product that x is and its right operand, where that is a transposed matrix."""
    step = made(x, "matmul")
    turned = made(step.inputs[1], "permute") if step is not None else None
    if turned is None or turned.inputs[0].ndim != 2 or step.inputs[0].ndim != 2:
        return None, None
    return step.inputs[0], turned.inputs[0]


def linear(step: Step) -> Plan | None:
    """x · wᵀ of matrices, as Gemm."""
    x, w = product(step.output)
    return None if x is None else operator("Gemm", x, w, transB=1)


def affine(step: Step) -> Plan | None:
    """x · wᵀ + b of matrices, as Gemm."""
    z, b = step.inputs
    x, w = product(z)
    if x is None or getattr(b, "shape", None) != w.shape[:1]:
        return None
    return operator("Gemm", x, w, b, transB=1)


def normalised(step: Step) -> Plan | None:
    """(x - mean) · (weight · (var + eps)^-½) + bias, as BatchNormalization."""
    ndim = step.output.ndim
    scaled = made(step.inputs[0], "mul")
    centred = made(scaled.inputs[0], "sub") if scaled is not None else None
    if centred is None:
        return None
    parts = (centred.inputs[1], scaled.inputs[1], step.inputs[1])
    mean, scale, bias = (per_channel(x, ndim) for x in parts)
    whole = made(scale, "mul")
    root = made(whole.inputs[1], "pow") if whole is not None else None
    shifted = made(root.inputs[0], "add") if root is not None and root.inputs[1] == -0.5 else None
    if shifted is None or mean is None or bias is None or isinstance(shifted.inputs[1], Sketch):
        return None
    vectors = (whole.inputs[0], bias, mean, shifted.inputs[0])
    eps = float(shifted.inputs[1])
    return operator("BatchNormalization", centred.inputs[0], *vectors, epsilon=eps)


def locally_normalised(step: Step) -> Plan | None:
    """x · (k + α/n Σ x² over n neighbouring channels)^-β for an odd n, as LRN.

    Only where runtimes compute it: for images in float32.
    """
    x, power = step.inputs[0], made(step.inputs[1], "pow")
    shifted = made(power.inputs[0], "add") if power is not None else None
    scaled = made(shifted.inputs[0], "mul") if shifted is not None else None
    back = made(scaled.inputs[0], "reshape") if scaled is not None else None
    sums = made(back.inputs[0], "window_sum") if back is not None else None
    lined = made(sums.inputs[0], "reshape") if sums is not None else None
    squares = made(lined.inputs[0], "mul") if lined is not None else None
    if squares is None or squares.inputs != (x, x) or x.ndim != 4 or x.dtype != "float32":
        return None
    size = sums.settings["window"][0]
    numbers = (scaled.inputs[1], shifted.inputs[1], power.inputs[1])
    alike = sums.settings["out"][0] == x.shape[1] == sums.inputs[0].shape[2]
    if any(isinstance(n, Sketch) for n in numbers) or not (size % 2 and alike):
        return None
    alpha, bias, beta = numbers
    return operator(
        "LRN", x, size=size, alpha=float(alpha) * size, beta=-float(beta), bias=float(bias)
    )


def pooled_evenly(step: Step) -> Plan | None:
    """Means over equal parts of each axis of space, the last axis last, as AveragePool."""
    parts = []
    x = step.output
    for axis in reversed(range(2, step.output.ndim)):
        mean = made(x, "mean")
        cut = made(mean.inputs[0], "reshape") if mean is not None else None
        if cut is None or mean.settings["dim"] != axis + 1 or mean.settings["keepdim"]:
            return None
        before, after = cut.inputs[0].shape, cut.output.shape
        if after != (*before[:axis], *after[axis : axis + 2], *before[axis + 1 :]):
            return None
        parts.insert(0, after[axis + 1])
        x = cut.inputs[0]
    if not parts or len(parts) != x.ndim - 2:
        return None
    if step.output.shape[2:] == (1,) * len(parts):
        return operator("GlobalAveragePool", x)
    return operator("AveragePool", x, kernel_shape=parts, strides=parts)


PATTERNS = {
    "matmul": (linear,),
    "add": (affine, normalised),
    "mul": (locally_normalised,),
    "mean": (pooled_evenly,),
}
