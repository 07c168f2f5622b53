"""Keeping the numbers of a tensor graph, which the backward walk otherwise drops, for pictures; and
where in a model its gates ran."""

import threading
import weakref
from types import TracebackType
from typing import NamedTuple

from ..graph import WALKS, WATCHERS, by_age
from ..nn import Buffer, Module, Parameter
from ..tensor import RemovableHandle, Tensor, TensorNode
from .failure import Failure, Source, failure_of

KEPT = weakref.WeakKeyDictionary()  # node -> Numbers; lives as long as the graph


class Call:
    """One call of a module. A picture draws it as a frame around gates, or folded into one card.

    path: in the model; name: what the calling module calls it. level: 0 for the model itself.
    settings: of a module without modules inside. inner: whether it called others.
    """

    def __init__(self, kind: str, path: str, outer: "Call | None", settings: str = "") -> None:
        self.type = kind
        self.path = path
        self.outer = outer
        self.level = 0 if outer is None else outer.level + 1
        self.name = path.removeprefix(f"{outer.path}.") if outer else path
        self.settings = settings
        self.inner = False
        if outer is not None:
            outer.inner = True

    def at(self, level: int) -> "Call":
        """The call at that level which this one is part of."""
        call = self
        while call.level > level:
            call = call.outer
        return call


class Numbers(NamedTuple):
    """Copies of what went into a gate and what came out, and the gate's settings.

    inputs: an array or a number per input; None where the input was None or is another kept node's
    output. output: None for a gate of several outputs, each of which is a node of its own.
    sources: what each input is. call: the module that was running, if it is known.
    """

    output: object
    inputs: tuple
    settings: dict
    sources: tuple[Source, ...] = ()
    call: Call | None = None


def copied(x: object) -> object:
    """The numbers of an input as they are now."""
    if isinstance(x, Tensor):
        return None if x.node in KEPT else x.raw.copy("K")
    return x.copy() if hasattr(x, "copy") else x


class Kept:
    """A recording under way, or one that has ended: `draw` shows all of it that is alive.

    After an error it holds what had run until then, and `failure` says what did not.
    """

    def __init__(self, model: Module | None) -> None:
        self.nodes = weakref.WeakSet()
        self.failure: Failure | None = None
        self.held = []
        self.running: list[Call] = []
        self.modules = {} if model is None else {m: path for path, m in model.named_modules()}
        self.names = {} if model is None else {p: name for name, p in model.named_parameters()}
        self.handles: list[RemovableHandle] = []
        self.back = Call("backward pass", "", None)  # where gradients of gradients begin
        self.back.inner = True
        self.thread = threading.get_ident()

    def __enter__(self) -> "Kept":
        WATCHERS.append(self.watch)
        for module in self.modules:
            self.handles.append(module.register_forward_pre_hook(self.began))
            self.handles.append(module.register_forward_hook(self.ended))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        WATCHERS.remove(self.watch)
        for handle in self.handles:
            handle.remove()
        if isinstance(error, Exception):
            # The frames of the error keep the graph alive until here, and no longer.
            self.held = self.alive()
            call = self.running[-1] if self.running else None
            self.failure = failure_of(error, call, self.source)

    def alive(self) -> list[TensorNode]:
        """The nodes that were recorded and still exist, oldest first."""
        return sorted(self.nodes, key=by_age)

    def began(self, module: Module, args: tuple) -> None:
        """Take note of a module that runs."""
        if threading.get_ident() == self.thread:
            path = self.modules[module]
            if not path:
                self.running.clear()  # an error may have ended the last run halfway
            outer = self.running[-1] if self.running else None
            settings = module.extra_repr() if next(module.children(), None) is None else ""
            self.running.append(Call(type(module).__name__, path, outer, settings))

    def ended(self, module: Module, args: tuple, output: object) -> None:
        """Take note of its end; and of those inside it that an error has ended."""
        path = self.modules[module]
        if threading.get_ident() == self.thread and any(c.path == path for c in self.running):
            while self.running.pop().path != path:
                pass

    def source(self, x: object) -> Source:
        """What an input of a gate is."""
        if isinstance(x, Parameter):
            return Source("parameter", self.names.get(x, ""))
        given = isinstance(x, Tensor) and not isinstance(x, Buffer) and not WALKS
        return Source("input" if given else "constant", "")

    def watch(self, node: TensorNode, tensor: Tensor | None, inputs: tuple) -> None:
        """Keep the numbers of a new node, and its gradient when that comes."""
        record = node.gate
        start = 2 if record.many else 1 + record.arity
        settings = dict(zip(record.settings, node.saved[start:], strict=False))
        output = None if tensor is None else tensor.raw.copy("K")
        call = None
        if WALKS:
            call = self.back
        elif self.running and threading.get_ident() == self.thread:
            call = self.running[-1]
        self.nodes.add(node)
        if call is not None or node not in KEPT:  # a keep around this one may know the module
            sources = tuple(map(self.source, inputs))
            KEPT[node] = Numbers(output, tuple(map(copied, inputs)), settings, sources, call)
        if tensor is not None:
            tensor.retain_grad()


def keep(model: Module | None = None) -> Kept:
    """Within, tensor graphs are recorded with all their numbers, for `draw` to show.

    Every output, every parameter and every constant is copied and every gradient inside the graph
    is retained, so it is meant for looking, not for training at speed. The copies live as long as
    the graph. It sees the gates of all threads. Scalar graphs need no keeping.

    model: with it, pictures know which of its modules a gate ran in, and the parameters' names. Of
    a model on the device "meta" the shapes are kept, without numbers.

    `with viz.keep(model) as kept:` gives what was recorded a name. If a shape does not fit,
    `viz.draw(kept)` shows, after the error, what had run, and the gate that did not.

    Raises: TypeError for a model that is no Module.
    """
    if model is not None and not isinstance(model, Module):
        raise TypeError(f"keep: the model is a Module, got {type(model).__name__}")
    return Kept(model)
