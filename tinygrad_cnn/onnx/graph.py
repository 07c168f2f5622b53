"""An ONNX graph while it is written: names, constants, nodes, and sizes that follow the batch."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .tracing import Sketch, Step


class Batch(NamedTuple):
    """A size that is so many times the batch's."""

    factor: int


class Untranslatable(RuntimeError):
    """What has no form in ONNX."""


class Graph:
    """The nodes and constants written so far.

    sizes: the two batch sizes of the trace and its twin; None for a fixed batch. opset: the version
    of ONNX's operators. batched: the input whose first axis is the batch.
    """

    def __init__(
        self, onnx: Any, opset: int, sizes: tuple[int, int] | None, taken: list[str]
    ) -> None:
        self.onnx = onnx
        self.opset = opset
        self.sizes = sizes
        self.taken = set(taken)
        self.batched = None
        self.nodes = []
        self.weights = {}  # by name the arrays of parameters and buffers
        self.names = {}  # of what has been written, by Sketch; of constants, by their bytes
        self.path = ""  # of the module whose gate is being translated

    # --- names and nodes ---

    def fresh(self, op: str) -> str:
        """A name for the output of a node that no other has."""
        stem = "/".join([*self.path.split("."), op]) if self.path else op
        name = stem
        count = 1
        while name in self.taken:
            count += 1
            name = f"{stem}_{count}"
        self.taken.add(name)
        return name

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """The name of the output of a new node."""
        name = self.fresh(op)
        self.nodes.append(self.onnx.helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    # --- values ---

    def value(self, x: object, like: np.dtype) -> str:
        """The name of an input of a gate: a Sketch, None, or a number, which becomes `like`."""
        if x is None:
            return ""
        if not isinstance(x, Sketch):
            return self.constant(np.asarray(x, like))
        if x not in self.names:
            self.names[x] = self.given(x)
        return self.names[x]

    def given(self, x: Sketch) -> str:
        """The name of a parameter, or of a constant that the network made."""
        if x.name:
            self.weights[x.name] = x.array
            return x.name
        twin = x if x.twin is None else x.twin
        if same(x.array, twin.array):
            return self.constant(x.array)
        first = x.array.flat[:1]
        if (x.array == first).all() and (twin.array == first).all():
            value = self.onnx.numpy_helper.from_array(first)
            return self.node("ConstantOfShape", self.shape(self.dims(x)), value=value)
        raise Untranslatable("a constant depends on the batch size")

    def constant(self, array: np.ndarray) -> str:
        """The name of a node that gives this array; equal ones are written once."""
        array = np.asarray(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.names:
            value = self.onnx.numpy_helper.from_array(array)
            self.names[key] = self.node("Constant", value=value)
        return self.names[key]

    def ints(self, *numbers: int) -> str:
        """The name of whole numbers, as ONNX takes axes and sizes."""
        return self.constant(np.asarray(numbers, np.int64))

    def cast(self, x: str, dtype: np.dtype) -> str:
        """x in another dtype."""
        return self.node("Cast", x, to=self.onnx.helper.np_dtype_to_tensor_dtype(dtype))

    # --- sizes ---

    def merged(self, a: Any, b: Any) -> Any:
        """What a setting is in both traces: whole numbers that follow the batch are Batches.

        Raises: Untranslatable for anything else that differs.
        """
        if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
            return tuple([self.merged(x, y) for x, y in zip(a, b, strict=True)])
        if isinstance(a, slice) and isinstance(b, slice):
            parts = ((a.start, b.start), (a.stop, b.stop), (a.step, b.step))
            return slice(*[self.merged(x, y) for x, y in parts])
        if isinstance(a, Sketch) or same(a, b):
            return a
        if type(a) is int and type(b) is int:
            factor, rest = divmod(a, self.sizes[0])
            if not rest and b == factor * self.sizes[1]:
                return Batch(factor)
        raise Untranslatable(
            f"it depends on the batch size, here by {a!r} and {b!r} for batches of "
            f"{' and '.join(map(str, self.sizes))}; dynamic_axes={{}} fixes the batch size"
        )

    def dims(self, x: Sketch) -> tuple[int | Batch, ...]:
        """The sizes of an array."""
        return x.shape if x.twin is None else self.merged(x.shape, x.twin.shape)

    def shape(self, dims: Sequence[int | Batch]) -> str:
        """The name of these sizes as an array of whole numbers."""
        if not depends(tuple(dims)):
            return self.ints(*dims)
        key = ("batch",)
        if key not in self.names:
            sizes = self.node("Shape", self.batched)
            self.names[key] = self.node("Gather", sizes, self.ints(0), axis=0)
        parts = []
        for size in dims:
            if isinstance(size, Batch):
                parts.append(self.node("Mul", self.names[key], self.ints(size.factor)))
            else:
                parts.append(self.ints(size))
        return self.node("Concat", *parts, axis=0)

    def reshaped(self, x: str, dims: Sequence[int | Batch]) -> str:
        """x in another shape, in which one size may follow the batch without being computed."""
        free = [i for i, size in enumerate(dims) if isinstance(size, Batch)]
        if len(free) == 1:
            dims = [-1 if i in free else size for i, size in enumerate(dims)]
        return self.node("Reshape", x, self.shape(dims))


def depends(x: object) -> bool:
    """Whether there is a Batch in a nesting of tuples, lists and slices."""
    if isinstance(x, slice):
        x = (x.start, x.stop, x.step)
    return isinstance(x, Batch) or (isinstance(x, (tuple, list)) and any(map(depends, x)))


def same(a: object, b: object) -> bool:
    """Whether two settings are equal; arrays by their numbers."""
    if a is b:
        return True
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and a == b


def made(x: object, gate: str) -> Step | None:
    """The step that made x, if it was this gate."""
    step = getattr(x, "step", None)
    return step if step is not None and step.gate == gate else None
