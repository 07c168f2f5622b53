"""A network run without numbers, and what its modules did meanwhile.

The run is that of a stand-in: a copy of the model whose tensors are on the device "meta", so that
it costs neither memory nor time, and the model itself is left alone.
"""

import copy
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple

from ..autograd import enable_grad
from ..autograd.function import Context
from ..graph import WATCHERS, Node, ancestors
from ..nn import Buffer, Module, Parameter
from ..tensor import Device, Tensor
from . import counts
from .receptive import Field, field_of, field_of_input, field_of_nothing

META = Device("meta")


class Window(NamedTuple):
    """What was slid over the axes of space: sizes of these, the window's settings, outputs.

    spread: whether it was the other way round, as in a transposed convolution.
    """

    space: tuple[int, ...]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    out: tuple[int, ...]
    spread: bool


@dataclass
class Call:
    """One call of a module: what its own gates did, without those of the modules it calls.

    path: of the module in the model. shape: of the output; None if that is no tensor. own: its
    parameters with their names, if this is the first call. bytes: of the arrays made here that the
    graph keeps. calls: of the modules inside.
    """

    path: str
    type: str
    shape: tuple[int, ...] | None = None
    own: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    connections: int = 0
    multiply_adds: int = 0
    backward: int = 0
    bytes: int = 0
    seen: Field | None = None
    calls: list["Call"] = field(default_factory=list)

    def walk(self) -> Iterator["Call"]:
        """This call and all inside it, in the order in which they began."""
        yield self
        for call in self.calls:
            yield from call.walk()


def stand_in(model: Module) -> tuple[Module, list[Parameter]]:
    """A copy of the model without numbers, and those of its parameters that should not be trained.

    For now all of them require grad. Hooks that run before forward are copied too, since they may
    compute weights; the others are left out.
    """
    tensors = [t for m in model.modules() for t in vars(m).values() if isinstance(t, Tensor)]
    memo = {id(t): placeholder(t) for t in tensors}
    frozen = [t for t in tensors if isinstance(t, Parameter) and not t.requires_grad]
    copied = copy.deepcopy(model, memo)
    for module in copied.modules():
        if module._hooks is not None:
            module._hooks.behind = {}
            module._hooks.backward = {}
    return copied, [memo[id(p)] for p in frozen]


def placeholder(t: Tensor) -> Tensor:
    """A tensor of the same kind, shape and dtype, without numbers."""
    raw = t.detach().to(device="meta")
    if isinstance(t, Parameter):
        return Parameter(raw)
    return Buffer(raw, t.persistent) if isinstance(t, Buffer) else raw


def tensors_in(output: object) -> list[Tensor]:
    """The tensors of a module's output: one, or those of a tuple, list or dict."""
    if isinstance(output, dict):
        output = list(output.values())
    parts = output if isinstance(output, (tuple, list)) else [output]
    return [part for part in parts if isinstance(part, Tensor)]


class Visit:
    """A run of a stand-in, watched: every module's calls and what `watch` makes of its gates.

    top: the call of the model itself. running: the calls that have begun but not ended, outermost
    first, each with its module's class and the shapes it was given.
    """

    def __init__(self, model: Module) -> None:
        self.model = model
        self.paths = {module: path for path, module in model.named_modules()}
        self.top = Call("", type(model).__name__)
        self.running = [self.top]
        self.given = [()]
        self.met = set()
        self.thread = threading.get_ident()

    def run(self, x: Tensor, training: bool) -> object:
        """The output of the model for x, in training mode or in evaluation."""
        self.model.train(training)
        with Watching(self), META, enable_grad():
            return self.model(x)

    def began(self, module: Module, args: tuple) -> None:
        """Take note of a module and what it is given."""
        call = self.top
        if module is not self.model:
            call = Call(self.paths[module], type(module).__name__)
            self.running[-1].calls.append(call)
            self.running.append(call)
            self.given.append(())
        self.given[-1] = tuple([t.shape for t in args if isinstance(t, Tensor)])

    def ended(self, module: Module, args: tuple, output: object) -> None:
        """Take note of what came out."""
        call = self.running[-1]
        call.type = type(module).__name__  # a lazy layer has become what it stands for
        made = tensors_in(output)
        call.shape = made[0].shape if made else None
        for name, p in module.named_own(Parameter):
            if p not in self.met:
                self.met.add(p)
                call.own.append((name, p.shape))
        self.leaving(call, made)
        if module is not self.model:
            self.running.pop()
            self.given.pop()

    def leaving(self, call: Call, made: list[Tensor]) -> None:
        """What else there is to note of a call that has ended, and the tensors it returned."""

    def gate(self, node: Node, tensor: Tensor | None, inputs: tuple) -> None:
        """What there is to note of a gate."""
        raise NotImplementedError

    def watch(self, node: Node, tensor: Tensor | None, inputs: tuple) -> None:
        """Take note of a new node, if it is this run's."""
        if threading.get_ident() == self.thread:
            self.gate(node, tensor, inputs)

    def place(self) -> str:
        """Where a run has stopped, for an error message."""
        call = self.running[-1]
        if call is self.top:
            return "the model does not take this input"
        given = " and ".join(map(str, self.given[-1]))
        return f"layer {call.path}, {call.type}, does not take {given}"


class Watching:
    """Within, a visit hears of modules and gates."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.handles = []

    def __enter__(self) -> None:
        visit = self.visit
        WATCHERS.append(visit.watch)
        for module in visit.paths:
            self.handles.append(module.register_forward_pre_hook(visit.began))
            self.handles.append(module.register_forward_hook(visit.ended))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        WATCHERS.remove(self.visit.watch)
        for handle in self.handles:
            handle.remove()


class Forward(Visit):
    """Notes what the way forward takes; its input has to require grad, so that all is recorded."""

    def __init__(self, model: Module, x: Tensor) -> None:
        super().__init__(model)
        self.fields = {x.node: field_of_input(x.shape)}  # of all nodes that come from the input
        self.rank = x.ndim - 2  # axes of space

    def is_weight(self, x: object) -> bool:
        """Whether x was made of parameters alone, or is a fixed weight: a Buffer itself."""
        if not isinstance(x, Tensor):
            return False
        return isinstance(x, Buffer) if x.node is None else x.node not in self.fields

    def gate(self, node: Node, tensor: Tensor | None, inputs: tuple) -> None:
        """Count its work, and see how far it sees."""
        if not any(parent in self.fields for parent in node.parents):
            return
        call = self.running[-1]
        call.connections += counts.connections(node, inputs, self.is_weight)
        call.multiply_adds += counts.multiply_adds(node, inputs)
        fields = []
        for parent, x in zip(node.parents, inputs, strict=True):
            if parent in self.fields:
                fields.append(self.fields[parent])
            elif isinstance(x, Tensor):
                fields.append(field_of_nothing(x.shape, self.rank))
        self.fields[node] = field_of(node, fields, inputs)
        window = window_of(node, inputs)
        if window is not None and spatial(fields[0]):
            call.windows.append(window)

    def leaving(self, call: Call, made: list[Tensor]) -> None:
        """How far the output sees."""
        call.seen = self.fields.get(made[0].node) if made else None


def spatial(seen: Field | None) -> bool:
    """Whether the axes that a window is slid over are the input's."""
    return seen is None or all(axis[-1].of is not None for axis in seen.axes[2:])


def window_of(node: Node, inputs: tuple) -> Window | None:
    """The window of a gate that has one."""
    name = node.gate.name
    if name not in ("conv", "conv_dx", "max_pool", "window_sum", "window_mean"):
        return None
    s = counts.settings_of(node)
    size = s.get("window") or inputs[1].shape[2:]
    space, out = inputs[0].shape[2:], node.shape[2:]
    sizes = [tuple(part) for part in (space, size, s["stride"], s["padding"], s["dilation"], out)]
    return Window(*sizes, name == "conv_dx")


class Training(Visit):
    """Notes what a training step takes: the work backward, and the memory until then.

    An array counts where it was made; what was not made on the graph, where it is first kept.
    """

    def __init__(self, model: Module) -> None:
        super().__init__(model)
        self.makers = {}  # the id of an array's memory -> the call that made it
        self.memory = {}  # the id of an array -> that of the memory it lies in
        self.loose = set()  # views whose elements do not lie one behind the other
        self.users = {}  # node -> the call in which it was made
        self.alive = []  # all arrays, so that no id is used twice

    def gate(self, node: Node, tensor: Tensor | None, inputs: tuple) -> None:
        """Count its work backward, and see whose memory its output lies in."""
        call = self.running[-1]
        call.backward += counts.backward_multiply_adds(node, inputs)
        self.users[node] = call
        if tensor is None:
            return
        self.alive.append(tensor.raw)
        key = id(tensor.raw)
        if is_view(node) and not (node.gate.name == "reshape" and id(inputs[0].raw) in self.loose):
            base = id(inputs[0].raw)
            self.memory[key] = self.memory.get(base, base)
            if node.gate.name != "reshape" or base in self.loose:
                self.loose.add(key)
        else:
            self.makers[key] = call

    def keep(self, output: object) -> None:
        """Count what the graph of an output keeps for the way back, each array once."""
        own = [*self.model.parameters(), *self.model.buffers()]
        counted = {id(t.raw) for t in own}
        nodes = ancestors([t.node for t in tensors_in(output) if t.node is not None])
        for node in reversed(nodes):
            for raw in arrays_in(node.saved):
                memory = self.memory.get(id(raw), id(raw))
                if memory not in counted:
                    counted.add(memory)
                    call = self.makers.get(memory) or self.users[node]
                    call.bytes += raw.size * raw.dtype.itemsize


VIEWS = ("reshape", "permute", "expand", "index", "diagonal")


def is_view(node: Node) -> bool:
    """Whether what a gate makes lies in its input's memory, as far as the strides allow."""
    if node.gate.name == "index":
        return not any(hasattr(part, "dtype") for part in counts.settings_of(node)["key"])
    return node.gate.name in VIEWS


def arrays_in(saved: Any) -> Iterator[Any]:
    """The arrays that a node keeps."""
    waiting = [saved]
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, Context):
            waiting.extend([raw for raw, _ in thing.kept])
        elif isinstance(thing, tuple):
            waiting.extend(thing)
        elif hasattr(thing, "dtype") and hasattr(thing, "size"):
            yield thing
