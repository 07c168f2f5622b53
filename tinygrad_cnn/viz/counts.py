"""What gates cost, from their shapes: multiply-adds, and connections as LeCun counts them.

The gates that run are asked, not the modules they run in, so layers written by hand count like
those of the library.
"""

import math
from collections.abc import Callable
from typing import Any

from ..gate import Gate
from ..graph import Node
from ..tensor import Tensor

BIASED = ("conv", "conv_relu", "conv_dx", "linear")  # a third input of these is added to the sums


def settings_of(node: Node) -> dict[str, Any]:
    """The settings that a gate was given."""
    record = node.gate
    if not isinstance(record, Gate) or not isinstance(node.saved, tuple):
        return {}  # a Function of a user, or a node in a checkpoint
    start = 2 if record.many else 1 + record.arity
    return dict(zip(record.settings, node.saved[start:], strict=False))


def entries(weights: Tensor) -> int:
    """How many numbers there are among weights, those left out that a table makes zero."""
    node = weights.node
    placed = node is not None and node.gate is not None and node.gate.name == "put_at"
    return math.prod(node.parents[0].shape if placed else weights.shape)


def multiply_adds(node: Node, inputs: tuple) -> int:
    """How many products a gate sums up; 0 for gates that are neither convolution nor contraction.

    Windows that reach over the border count whole.
    """
    name = node.gate.name
    if name in ("conv", "conv_relu"):
        samples, _, *places = node.shape
        return samples * math.prod(places) * entries(inputs[1])
    if name == "conv_dx":
        samples, _, *places = inputs[0].shape
        return samples * math.prod(places) * entries(inputs[1])
    if name in ("matmul", "linear"):
        return math.prod(node.shape) * inputs[0].shape[-1]
    if name == "contract":
        sizes = {}
        for x, term in zip(inputs, settings_of(node)["terms"], strict=True):
            for letter, size in zip(term, x.shape, strict=True):
                sizes[letter] = max(size, sizes.get(letter, 1))
        return math.prod(sizes.values())
    return 0


def backward_multiply_adds(node: Node, inputs: tuple) -> int:
    """How many products the gradients of a gate sum up: as many for each input that wants one."""
    operands = node.parents[:2] if node.gate.name in BIASED else node.parents
    return multiply_adds(node, inputs) * sum([parent is not None for parent in operands])


def connections(node: Node, inputs: tuple, is_weight: Callable[[object], bool]) -> int:
    """How often a gate uses a weight or a bias; 0 where weights alone, or none, go into it.

    A weight that multiplies the sum of a window is used for each element of it.

    Source: LeCun et al. 1998, section II.B.
    """
    weights = [is_weight(x) for x in inputs]
    data = [x for x, w in zip(inputs, weights, strict=True) if isinstance(x, Tensor) and not w]
    if not any(weights) or not any(x.node is not None for x in data):
        return 0
    size = math.prod(node.shape)
    name = node.gate.name
    if name in BIASED and len(weights) == 3:
        biases = size if weights[2] else 0
        return multiply_adds(node, inputs) * weights[1] + biases
    if name in ("conv_dx", "matmul", "contract"):
        return multiply_adds(node, inputs)
    if name == "affine":
        return size * (weights[1] * summands(data[0]) + weights[2])
    return size * sum(weights) * (summands(data[0]) if name == "mul" else 1)


def summands(x: Tensor) -> int:
    """How many elements of its input a number of x is the sum of: a window's, or one."""
    if x.node is None or x.node.gate is None or x.node.gate.name != "window_sum":
        return 1
    return math.prod(settings_of(x.node)["window"])
