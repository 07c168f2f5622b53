"""Hunting the first number that is none: `detect_anomaly`.

Forward, a watcher looks at what each new node holds. Backward, the nodes that were recorded under
watch are of a class that looks at the gradients it sends and at what it kept.
"""

import contextlib
import inspect
import threading
import weakref
import zlib
from collections.abc import Iterator

import numpy as np

from .. import kernels
from ..graph import WATCHERS
from ..tensor import HookedNode, Hooking, Tensor, TensorNode
from .function import Pick, TupleNode

PACKAGE = __package__.partition(".")[0]
SHOWN = 4  # numbers of each input in a message
LINES = weakref.WeakKeyDictionary()  # watched node -> where the user called its gate
SUMS = weakref.WeakKeyDictionary()  # watched node -> check sums of what it kept
INFINITE = weakref.WeakKeyDictionary()  # node that was sent an inf -> whose rule had made it


class Mode(threading.local):
    """What a thread watches: contexts it is in, rules under way, inputs of its latest Function."""

    contexts = 0
    rules = 0
    inputs = ()


MODE = Mode()


@contextlib.contextmanager
def detect_anomaly() -> Iterator[None]:
    """Within, the first nan or inf that this thread records in a forward pass is an error.

    So is the first nan in a backward pass, if that and the forward pass before it both run within;
    and an array that a gate kept and somebody has written to since, by whatever means.
    Infinities that are the user's own (a constant or a setting, as in masking with -inf) and what
    follows from them are no errors, until a nan comes of them. A nan that came in from outside, in
    a constant or a parameter, is reported by the first gate that hands it on. Every output is read
    once, so it is meant for looking, not for training at speed. Scalar graphs are not watched.

    Raises: RuntimeError that names the gate, the user's line that called it, shapes and some of the
    numbers that went in.

    Differs: PyTorch looks at gradients only.
    """
    WATCHERS.append(watch)
    MODE.contexts += 1
    try:
        yield
    finally:
        MODE.contexts -= 1
        MODE.inputs = ()
        WATCHERS.remove(watch)


def watch(node: TensorNode, tensor: Tensor | None, inputs: tuple) -> None:
    """Look at a new node's output, and have the node look at the gradients it will send."""
    if not MODE.contexts or (tensor is not None and tensor.device.type == "meta"):
        return  # another thread's watcher, or shapes without numbers
    if tensor is None:  # a Function; its outputs follow, each with a node that has no inputs
        MODE.inputs = inputs
    elif not MODE.rules and not is_finite(tensor.raw):
        judge(node, numbers(tensor), MODE.inputs if isinstance(node, Pick) else inputs)
    LINES[node] = users_line()
    SUMS[node] = check_sums(node)
    node.__class__ = WATCHED.get(node.__class__, node.__class__)


def judge(node: TensorNode, output: np.ndarray, inputs: tuple) -> None:
    """Raise RuntimeError if an output that is not finite is new, not handed on."""
    nan = np.isnan(output)
    source = "made"
    advice = "keep what goes in where the gate is finite, by clamp or a small constant"
    if nan.any():
        held = [i for i, x in enumerate(inputs) if np.isnan(numbers(x)).any()]
        if any(made_by_a_gate(inputs[i]) for i in held):
            return
        if held:
            source = f"got in input {held[0]}, which no gate made,"
            advice = "look at the data, or at what wrote that parameter"
    elif not all(np.isfinite(numbers(x)).all() for x in (*inputs, *settings_of(node))):
        return
    bad = nan if nan.any() else np.isinf(output)
    seen = [shown(f"input {i}", x, bad) for i, x in enumerate(inputs) if x is not None]
    raise RuntimeError(
        f"detect_anomaly: {name_of(node)}, called at {users_line()}, {source} the first "
        f"{'nan' if nan.any() else 'inf'} in forward order ({bad.sum()} of the {bad.size} numbers "
        f"of its output {output.shape}) from {' and '.join(seen)}; {advice}"
    )


class Watching:
    """What a node does that was recorded under watch."""

    __slots__ = ()

    def send(self, create_graph: bool, retain_graph: bool, reach: set | None) -> None:
        """As any node; then raise RuntimeError if a nan went out that had not come in."""
        if MODE.contexts:
            self.check_kept()
        if not MODE.contexts or has("isnan", self.grad):
            super().send(create_graph, retain_graph, reach)
            return
        arrived = self.grad
        clean = [
            (i, parent)
            for i, parent in enumerate(self.parents)
            if parent is not None and not has("isnan", parent.grad)
        ]
        MODE.rules += 1
        try:
            super().send(create_graph, retain_graph, reach)
        finally:
            MODE.rules -= 1
        for i, parent in clean:
            if has("isnan", parent.grad):
                self.accuse(i, numbers(parent.grad), arrived)
            if has("isinf", parent.grad):
                own = f"{name_of(self)}, called at {LINES[self]}"
                source = INFINITE.get(self) if has("isinf", arrived) else own
                if source is not None:  # else it came from whoever started the walk
                    INFINITE[parent] = source

    def check_kept(self) -> None:
        """Raise RuntimeError if an array that this node kept was written to."""
        now = check_sums(self)
        for (shape, before), (_, after) in zip(SUMS[self], now):  # noqa: B905  one may be freed
            if before != after:
                raise RuntimeError(
                    f"detect_anomaly: an array that {name_of(self)}, called at {LINES[self]}, "
                    f"needs for its gradient, of shape {shape}, was modified after it was used; "
                    "write to a copy"
                )

    def accuse(self, place: int, sent: np.ndarray, arrived: object) -> None:
        """Raise RuntimeError about the gradient for one input."""
        bad = np.isnan(sent)
        came = [g for g in (arrived if isinstance(arrived, list) else [arrived]) if g is not None]
        seen = " and ".join([shown("gradient", g, bad) for g in came])
        if has("isinf", arrived) and self in INFINITE:
            seen += f" (whose inf is from the rule of {INFINITE[self]})"
        raise RuntimeError(
            f"detect_anomaly: the rule of {name_of(self)}, called at {LINES[self]}, made the first "
            f"nan in backward order ({bad.sum()} of the {bad.size} numbers of the gradient "
            f"{sent.shape} for input {place}) from {seen}; keep the inputs away from where the "
            "derivative is infinite or undefined"
        )


class WatchedNode(Watching, TensorNode):
    """A plain node under watch."""

    __slots__ = ()


class WatchedHookedNode(Hooking, WatchedNode):
    """A node with hooks under watch."""

    __slots__ = ()


class WatchedTupleNode(Watching, TupleNode):
    """A Function under watch."""

    __slots__ = ()


WatchedNode.hooked = WatchedHookedNode
WATCHED = {
    TensorNode: WatchedNode,
    HookedNode: WatchedHookedNode,
    TupleNode: WatchedTupleNode,
}


def users_line() -> str:
    """File and line of the innermost call outside the library."""
    frame = inspect.currentframe()
    while frame.f_back is not None:
        name = frame.f_globals.get("__name__", PACKAGE)  # a compiled pull has no name
        if name != PACKAGE and not name.startswith(f"{PACKAGE}."):
            break
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def name_of(node: TensorNode) -> str:
    """The name of the gate; of the Function, for one of its outputs."""
    return (node.parents[0] if isinstance(node, Pick) else node).gate.name


def check_sums(node: TensorNode) -> list[tuple]:
    """Shape and check sum of every array that a node keeps; none once they were dropped."""
    saved = node.saved
    if saved.__class__ is not tuple:
        return []
    if isinstance(node, TupleNode):
        saved = [raw for raw, _ in saved[0].kept]
    flat = [raw for kept in saved for raw in (kept if kept.__class__ is tuple else (kept,))]
    arrays = [numbers(raw) for raw in flat if hasattr(raw, "dtype")]
    return [(raw.shape, zlib.crc32(raw.tobytes())) for raw in arrays]


def settings_of(node: TensorNode) -> tuple:
    """The settings of a new node that are numbers."""
    start = 2 if node.gate.many else 1 + node.gate.arity
    kept = node.saved[start : start + len(node.gate.settings)]
    return tuple([x for x in kept if isinstance(x, float)])


def made_by_a_gate(x: object) -> bool:
    """Whether x is the output of a recorded gate."""
    return isinstance(x, Tensor) and not x.is_leaf


def is_finite(raw: object) -> bool:
    """Whether no number of an array is nan or inf; asked where the array lies."""
    return bool(kernels.xp(raw).isfinite(raw).all())


def has(what: str, g: object) -> bool:
    """Whether a pending gradient (None, a Tensor, an array, or a list of those) has such numbers.

    what: "isnan" or "isinf".
    """
    if isinstance(g, list):
        return any(has(what, part) for part in g)
    raw = g.raw if isinstance(g, Tensor) else g
    return raw is not None and bool(getattr(kernels.xp(raw), what)(raw).any())


def numbers(x: object) -> np.ndarray:
    """What is in x, on the host; nothing in what holds no numbers."""
    raw = x.raw if isinstance(x, Tensor) else x
    if hasattr(raw, "dtype"):
        return np.asarray(kernels.backend(type(raw)).to_host(raw))
    return np.asarray(raw if isinstance(raw, (int, float)) else [])


def shown(name: str, x: object, bad: np.ndarray) -> str:
    """An input or gradient in a message: its numbers where the result is bad, or its first ones."""
    host = numbers(x)
    there = broadcasts(host.shape, bad.shape) and host.size > 1
    values = np.broadcast_to(host, bad.shape)[bad] if there else host.reshape(-1)
    text = ", ".join(f"{v.item():.6g}" for v in values[:SHOWN])
    more = ", ..." if len(values) > SHOWN else ""
    odd = host.size - np.isfinite(host).sum()
    note = f" ({odd} nan or inf in it)" if odd else ""
    return f"{name} {host.shape} {host.dtype} = {text}{more}{' there' if there else ''}{note}"


def broadcasts(shape: tuple, to: tuple) -> bool:
    """Whether an array of the first shape broadcasts to the second."""
    return len(shape) <= len(to) and all(
        n in (1, m) for n, m in zip(reversed(shape), reversed(to), strict=False)
    )
