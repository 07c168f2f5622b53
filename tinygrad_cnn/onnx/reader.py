"""ONNX files into Modules: read, checked, and run node by node."""

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..nn import Buffer, Module, Parameter
from ..tensor import Tensor
from .operators import OPERATORS
from .writer import imported

OLDEST = 7  # of the versions of ONNX's operators
HANDED = ("training", "opset")  # what operators may ask for beside inputs and attributes


class Node:
    """One node of a graph: its operator as a function, and the names of what it takes and gives.

    spent: the names that no later node needs.
    """

    def __init__(self, name: str, run: Callable, inputs: list, output: str, settings: dict) -> None:
        self.name = name
        self.run = run
        self.inputs = inputs
        self.output = output
        self.settings = settings
        self.asks = [w for w in HANDED if w in inspect.signature(run).parameters]
        self.spent = []


class Imported(Module):
    """A network out of an ONNX file.

    Its weights have the file's names, in the state_dict and as attributes. In training mode batch
    norms use the batch's statistics, and dropout drops.

    Shape: what the file says; see `inputs` and `outputs`, which are names.
    """

    def __init__(
        self, nodes: list[Node], inputs: list[str], outputs: list[str], opset: int
    ) -> None:
        self.nodes = nodes
        self.kept = {}  # by name of a tensor in the file, under which attribute it lies here
        self.inputs = inputs
        self.outputs = outputs
        self.opset = opset

    def forward(self, *args: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The outputs of the graph: a Tensor, or a tuple of several.

        Raises: TypeError for another number of inputs, RuntimeError that names the node that does
        not take what it gets.
        """
        if len(args) != len(self.inputs):
            raise TypeError(f"the network takes {self.inputs}, got {len(args)} inputs")
        values = {name: vars(self)[place] for name, place in self.kept.items()}
        values |= dict(zip(self.inputs, args, strict=True))
        handed = {"training": self.training, "opset": self.opset}
        for node in self.nodes:
            given = [values[name] if name else None for name in node.inputs]
            more = {word: handed[word] for word in node.asks}
            try:
                values[node.output] = node.run(*given, **node.settings, **more)
            except (ValueError, RuntimeError, IndexError, TypeError) as error:
                raise RuntimeError(f"node {node.name}: {error}") from error
            for name in node.spent:
                del values[name]
        results = tuple([values[name] for name in self.outputs])
        return results if len(results) > 1 else results[0]

    def extra_repr(self) -> str:
        """What it takes and gives."""
        return f"inputs={self.inputs}, outputs={self.outputs}, nodes={len(self.nodes)}"


def load(path: str | os.PathLike) -> Module:
    """The network in the ONNX file `path`, as a Module that computes and trains like any other.

    Floating initialisers are its parameters, the means and variances of batch norms its buffers.
    Nothing in the file is executed, so files from strangers are safe to read.

    Raises: FileNotFoundError if there is no such file; ValueError, naming the file and what is
    wrong, if it is damaged, or uses operators that are not known here; RuntimeError without the
    package onnx.
    """
    onnx = imported()
    if not Path(path).is_file():
        raise FileNotFoundError(f"cannot load {path}: there is no such file; expected an ONNX file")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
        return network(onnx, model)
    except Exception as error:  # over a damaged file, parsers fail in a dozen ways
        text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ValueError(f"cannot load {path}: {text}; expected an intact ONNX file") from error


def network(onnx: Any, model: Any) -> Imported:
    """The Module of an ONNX model.

    Raises: ValueError for what is not known here.
    """
    graph = model.graph
    versions = {entry.domain: entry.version for entry in model.opset_import}
    opset = versions.get("", versions.get("ai.onnx", 0))
    if opset < OLDEST:
        raise ValueError(f"it has operators of opset {opset}, and those from {OLDEST} are known")
    unknown = {n.op_type for n in graph.node if n.domain not in ("", "ai.onnx")}
    unknown |= {n.op_type for n in graph.node if n.op_type not in (*OPERATORS, "Constant")}
    if unknown:
        raise ValueError(f"it uses operators that are not known here: {', '.join(sorted(unknown))}")
    arrays = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    inputs = [entry.name for entry in graph.input if entry.name not in arrays]
    outputs = [entry.name for entry in graph.output]
    nodes = [node_of(onnx, node) for node in graph.node if node.op_type != "Constant"]
    found = Imported(nodes, inputs, outputs, opset)
    statistics = {
        n for node in graph.node if node.op_type == "BatchNormalization" for n in node.input[3:5]
    }
    for name, array in arrays.items():
        if name in statistics:
            keep(found, name, Buffer(array.copy()))
        elif array.dtype.kind == "f" and array.ndim:
            keep(found, name, Parameter(array.copy()))
        else:
            keep_constant(found, name, array)
    for node in graph.node:
        if node.op_type == "Constant":
            keep_constant(found, node.output[0], constant_in(onnx, node))
    check_names(found)
    return found


def keep(module: Imported, name: str, tensor: Tensor, place: str = "") -> None:
    """Make a tensor of the file the attribute `place`, by default of its own name.

    Raises: ValueError for a name that is something else's.
    """
    place = place or name
    if not name or hasattr(module, place):
        raise ValueError(f"it calls weights {name!r}, which is the name of something else")
    vars(module)[place] = tensor
    module.kept[name] = place


def keep_constant(module: Imported, name: str, array: np.ndarray) -> None:
    """Keep numbers that are not part of a state; floating ones follow the model's dtype."""
    array = array.copy()
    tensor = Buffer(array, persistent=False) if array.dtype.kind == "f" else Tensor(array)
    keep(module, name, tensor, f"constant {name}")


def check_names(module: Imported) -> None:
    """Note after which node each name is done with.

    Raises: ValueError for a name that nothing makes.
    """
    made = {*module.kept, *module.inputs}
    last = {}
    for node in module.nodes:
        for name in node.inputs:
            if name and name not in made:
                raise ValueError(f"its node {node.name} takes {name!r}, which nothing gives")
            last[name] = node
        made.add(node.output)
    kept = {"", *module.outputs, *module.kept}
    for name, node in last.items():
        if name not in kept:
            node.spent.append(name)
    missing = set(module.outputs) - made
    if missing:
        raise ValueError(f"its outputs {sorted(missing)} are given by nothing")


def node_of(onnx: Any, node: Any) -> Node:
    """A node of the file.

    Raises: ValueError for attributes or outputs that are not known here.
    """
    name = node.name or f"{node.op_type} of {node.output[0]}"
    run = OPERATORS[node.op_type]
    settings = {a.name: attribute(onnx, a) for a in node.attribute}
    handed = dict.fromkeys(w for w in HANDED if w in inspect.signature(run).parameters)
    try:
        inspect.signature(run).bind(*node.input, **settings, **handed)
    except TypeError as error:
        raise ValueError(f"its node {name} is no {node.op_type} that is known: {error}") from error
    if any(node.output[1:]):
        raise ValueError(f"its node {name} has several outputs, of which only one is known here")
    return Node(name, run, list(node.input), node.output[0], settings)


def attribute(onnx: Any, entry: Any) -> Any:
    """The value of an attribute: text, numbers, lists of them, or a Tensor.

    Raises: ValueError for a graph.
    """
    value = onnx.helper.get_attribute_value(entry)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, onnx.TensorProto):
        return Tensor(onnx.numpy_helper.to_array(value).copy())
    if isinstance(value, (int, float)):
        return value
    value = list(value)
    if not all(isinstance(part, (int, float)) for part in value):
        raise ValueError(f"its attribute {entry.name} holds neither numbers nor text")
    return value


def constant_in(onnx: Any, node: Any) -> np.ndarray:
    """The numbers of a Constant node.

    Raises: ValueError if it holds something else.
    """
    for entry in node.attribute:
        value = attribute(onnx, entry)
        if entry.name == "value":
            return value.raw
        if entry.name in ("value_float", "value_floats"):
            return np.asarray(value, np.float32)
        if entry.name in ("value_int", "value_ints"):
            return np.asarray(value, np.int64)
    raise ValueError(f"its constant {node.output[0]!r} holds no numbers")
