"""Networks into ONNX files: trace, plan from the end, write from the beginning."""

import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from ..nn import Module
from ..tensor import Tensor
from .gates import TRANSLATORS, opened
from .graph import Batch, Graph, Untranslatable, depends
from .patterns import PATTERNS, Plan
from .tracing import BATCHES, Sketch, Step, Trace, pair, traced

OPSET = 17
AXES = {"dim", "dims", "key", "pads"}  # settings that name axes
Axes = Mapping[str, Mapping[int, str] | Sequence[int]]


def export(
    model: Module,
    args: Tensor | tuple[Any, ...],
    f: str | os.PathLike,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int = OPSET,
    dynamic_axes: Axes | None = None,
) -> None:
    """Write a model as the ONNX file `f`, for any runtime that reads ONNX.

    The model is run in evaluation mode on the shapes of args, a Tensor or a tuple of what its
    forward takes; no numbers are computed, and the model is afterwards as it was. What ran is
    written, gate by gate, with weights under the names of its state_dict. Names of inputs and
    outputs are by default "input" and "output", with a number if there are several.

    dynamic_axes: as PyTorch has it, by name of an input the axes that are left open. By default the
    first of every input is, under the name "batch"; {} leaves none open.

    Raises: RuntimeError that names the gate or module that cannot be written; ValueError for other
    axes than the first, names that do not fit, an opset that is not known here, a model beyond the
    2 GiB of a file; TypeError for what is no Module or Tensor; FileNotFoundError for a missing
    folder; RuntimeError without the package onnx.

    Differs: from torch.onnx.export in that the batch is open unless dynamic_axes says otherwise,
    and that of axes the first alone can be.
    """
    onnx = imported()
    if not isinstance(model, Module):
        raise TypeError(f"export: takes a Module, got {type(model).__name__}")
    latest = onnx.defs.onnx_opset_version()
    if not OPSET <= opset_version <= latest:
        raise ValueError(f"export: opset_version is {OPSET} to {latest}, got {opset_version}")
    target = Path(f)
    if not target.resolve().parent.is_dir():
        raise FileNotFoundError(f"cannot write {f}: there is no folder {target.parent}; make it")
    args = args if isinstance(args, tuple) else (args,)
    count = sum(isinstance(x, Tensor) for x in args)
    if not count:
        raise TypeError("export: args is a Tensor or a tuple with Tensors, such as tg.zeros(...)")
    inputs = named("input_names", input_names, "input", count)
    batch = open_axes(args, inputs, dynamic_axes)
    trace = traced(model, args, inputs, dict.fromkeys(batch, BATCHES[0]))
    if batch:
        pair(trace, traced(model, args, inputs, dict.fromkeys(batch, BATCHES[1])))
    outputs = named("output_names", output_names, "output", len(trace.outputs))
    graph = Graph(onnx, opset_version, BATCHES if batch else None, [*inputs, *outputs])
    graph.batched = next(iter(batch), None)
    write_steps(graph, trace)
    put(target, message(graph, trace, outputs, batch))


def imported() -> ModuleType:
    """The package onnx.

    Raises: RuntimeError if it is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise RuntimeError(
            "ONNX files need the package onnx; install it with: pip install 'tinygrad_cnn[onnx]'"
        ) from error
    return onnx


def named(argument: str, names: Sequence[str] | None, stem: str, count: int) -> list[str]:
    """One name for each of `count` inputs or outputs.

    Raises: ValueError if there are not as many, or one comes twice.
    """
    if names is None:
        return [stem] if count == 1 else [f"{stem}_{i}" for i in range(count)]
    if len(names) != count or len(set(names)) != count or "" in names:
        raise ValueError(f"export: {argument} needs {count} different names, got {list(names)}")
    return list(names)


def open_axes(args: tuple, inputs: list[str], axes: Axes | None) -> dict[str, str]:
    """By name of an input what its first axis is called, for those in which it is open.

    Raises: ValueError for another axis, or for an input without axes.
    """
    tensors = dict(zip(inputs, [x for x in args if isinstance(x, Tensor)], strict=True))
    if axes is None:
        return {name: "batch" for name, x in tensors.items() if x.ndim}
    found = {}
    for name, of_input in axes.items():
        if list(of_input) not in ([0], []):
            raise ValueError(
                f"export: of the axes only the first, 0, can be left open, got {of_input!r} for "
                f"{name!r}"
            )
        if name in tensors and list(of_input):
            found[name] = of_input[0] if isinstance(of_input, Mapping) else "batch"
    return found


# --- nodes ----------------------------------------------------------------------------------------


def plan_of(graph: Graph, step: Step) -> Plan:
    """How a step is translated: with those before it as one operator, or by its gate.

    Raises: Untranslatable for a gate that is not in the table.
    """
    for pattern in PATTERNS.get(step.gate, ()):
        plan = pattern(step)
        if plan is not None:
            return plan
    if step.gate not in TRANSLATORS:
        raise Untranslatable("there is no translation of it")
    if step.settings.keys() & AXES and not getattr(step.inputs[0], "ndim", 1):
        raise Untranslatable("it goes along axes, and gets a tensor that has none")
    if not step.output.size:
        raise Untranslatable(f"it makes a tensor of shape {step.output.shape}, without elements")
    settings = step.settings
    inputs = step.inputs
    if step.twin is not None:
        settings = {k: graph.merged(v, step.twin.settings[k]) for k, v in settings.items()}
        inputs = graph.merged(inputs, step.twin.inputs)
        if step.gate == "index":
            settings["key"] = opened(settings["key"], graph.dims(inputs[0]))
    elsewhere = [value for name, value in settings.items() if name != "shape"]
    if depends([*inputs, *elsewhere]):
        raise Untranslatable("it depends on the batch size; dynamic_axes={} fixes that")
    return Plan(TRANSLATORS[step.gate], inputs, settings)


def write_steps(graph: Graph, trace: Trace) -> None:
    """Write what the outputs of a trace need, oldest first.

    Raises: RuntimeError that names the gate that has no form in ONNX, and its module.
    """
    graph.names.update({x: x.name for x in trace.inputs})
    needed = set(trace.outputs)
    plans = []
    try:
        for step in reversed(trace.steps):
            if needed.isdisjoint(step.outputs):
                continue
            plan = plan_of(graph, step)
            if not needed.isdisjoint(step.outputs[1:]):
                raise Untranslatable("its second result is used")
            indices = [x for part in step.settings.values() for x in sketches(part)]
            needed.update(x for x in (*plan.inputs, *indices) if isinstance(x, Sketch))
            plans.append((step, plan))
        for step, plan in reversed(plans):
            graph.path = step.place.path
            graph.names[step.output] = written(graph, step, plan)
    except Untranslatable as error:
        raise RuntimeError(
            f"export: the gate {step.gate}, which ran in {step.place}, cannot be written as ONNX: "
            f"{error}"
        ) from error


def written(graph: Graph, step: Step, plan: Plan) -> str:
    """The name of the output of a step, whose nodes are now in the graph."""
    arrays = [x for x in plan.inputs if isinstance(x, Sketch)]
    like = step.output.dtype
    if like.kind == "b" and arrays:  # numbers that are compared
        like = arrays[0].dtype
    names = [graph.value(x, like) for x in plan.inputs]
    return plan.translate(graph, step, *names, **plan.settings)


def sketches(x: object) -> list[Sketch]:
    """The Sketches in a setting, such as the key of an index."""
    if isinstance(x, tuple):
        return [s for part in x for s in sketches(part)]
    return [x] if isinstance(x, Sketch) else []


# --- the file -------------------------------------------------------------------------------------


def message(graph: Graph, trace: Trace, outputs: list[str], batch: dict[str, str]) -> Any:
    """The graph as ONNX's ModelProto."""
    onnx = graph.onnx
    first = next(iter(batch.values()), "batch")
    rename_outputs(graph, trace, outputs)
    inputs = [entry(graph, x.name, x, batch.get(x.name, first)) for x in trace.inputs]
    results = [entry(graph, n, x, first) for n, x in zip(outputs, trace.outputs, strict=True)]
    weights = [onnx.numpy_helper.from_array(array, n) for n, array in graph.weights.items()]
    clash = graph.weights.keys() & {*outputs, *(x.name for x in trace.inputs)}
    if clash:
        raise ValueError(f"export: {sorted(clash)} names weights; give other input_names")
    body = onnx.helper.make_graph(graph.nodes, "network", inputs, results, weights)
    opset = onnx.helper.make_opsetid("", graph.opset)
    version = onnx.helper.find_min_ir_version_for([opset])
    return onnx.helper.make_model(
        body, producer_name="tinygrad_cnn", opset_imports=[opset], ir_version=version
    )


def entry(graph: Graph, name: str, x: Sketch, batch: str) -> Any:
    """The name, dtype and sizes of an input or output."""
    helper = graph.onnx.helper
    sizes = []
    for size in graph.dims(x):
        if isinstance(size, Batch):
            sizes.append(batch if size.factor == 1 else f"{size.factor}*{batch}")
        else:
            sizes.append(size)
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), sizes)


def rename_outputs(graph: Graph, trace: Trace, outputs: list[str]) -> None:
    """Give the nodes that make the outputs their names; what no node made is passed on by one."""
    graph.path = ""
    names = {}
    made = {name for node in graph.nodes for name in node.output}
    for wanted, x in zip(outputs, trace.outputs, strict=True):
        name = graph.value(x, x.dtype)
        if name in made and name not in names:
            names[name] = wanted
        else:
            node = graph.onnx.helper.make_node("Identity", [name], [wanted], name=wanted)
            graph.nodes.append(node)
    for node in graph.nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]


def put(target: Path, model: Any) -> None:
    """Write a file whole or not at all.

    Raises: ValueError if the model is larger than a file can be.
    """
    if model.ByteSize() >= 2**31:
        raise ValueError(f"export: an ONNX file holds 2 GiB, this model has {model.ByteSize():,} B")
    temporary = target.with_name(f".saving-{secrets.token_hex(8)}")
    try:
        temporary.write_bytes(model.SerializeToString())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
