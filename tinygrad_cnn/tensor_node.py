"""The nodes of tensor mode: what a Tensor on the graph has beside its array; and their hooks.

A node keeps arrays, never Tensors: there are no reference cycles, nothing is wrapped while
recording, and first-order backward runs on raw arrays. When gradients are to be differentiated
again, `lifted` puts Tensors where the arrays stood, and the same rules record.
"""

import operator
from collections.abc import Callable

from . import kernels
from .graph import ALONE, HOOKED, WRITTEN, Node, check_stamps, references, stamp, tick
from .kernels import SEVERAL
from .kernels.capture import HERE, noted
from .tensor_array import Numbers

new = object.__new__
LARGE = 65536  # numbers, of which it pays to ask for a kernel


class Freed:
    """Stands in `saved` of a node whose arrays were dropped."""

    def restore(self, node: "TensorNode") -> tuple:
        """Nothing can be restored."""
        raise RuntimeError(
            f"{node.gate.name}: trying to backward through the graph a second time, but the saved "
            "arrays have already been freed; pass retain_graph=True the first time"
        )


FREED = Freed()


class TensorNode(Node):
    """A node of tensor mode.

    parents: one node or None per input. saved: what the rules need, in the order of the gate's
    words; or a stand-in with `restore`. shape, dtype: the tensor's, which its gradient must have.
    hooks: unset but in a hooked node.
    """

    __slots__ = ("__weakref__", "dtype", "hooks", "parents", "saved", "shape")
    blank = None
    fit = None  # (gradient, node) -> the gradient in the node's shape and dtype; given by ops
    total = None  # (gradient, gradient, spare) -> their sum, in the first one's place; given by ops
    wrap = None  # (array, node) -> the Tensor of these two; given by tensor

    def __repr__(self) -> str:
        return "<leaf>" if self.gate is None else f"<{self.gate.name}>"

    def arrived(self) -> object:
        """The gradient that has arrived."""
        return self.grad

    def lifted(self, saved: tuple) -> tuple:
        """`saved` with Tensors standing where the output and the inputs stood: by position."""
        if self.gate.many:
            z, xs, *rest = saved
            kept = None if xs is None else tuple(map(standing, xs, self.parents))
            return (standing(z, self), kept, *rest)
        count = len(self.parents) + 1
        return (*map(standing, saved, (self, *self.parents)), *saved[count:])

    def send(self, create_graph: bool, retain_graph: bool, reach: set | None) -> None:
        """Run the rules on what has arrived, hand the results on, and forget both."""
        gate = self.gate
        if gate is None:
            return
        if SEVERAL and not kernels.is_here(self.grad):
            with kernels.on(self.grad):
                return self.send(create_graph, retain_graph, reach)
        parents = self.parents
        saved = self.saved
        if saved.__class__ is not tuple:
            saved = saved.restore(self)
        if WRITTEN[0] > self.seq:
            check_stamps(self, saved)
        needs = parents
        if reach is not None:
            needs = tuple([p if p in reach else None for p in parents])
        if create_graph:
            saved = self.lifted(saved)
        if gate.lent and not create_graph:
            lent = self.lend(needs)  # first: a call holds on to its arguments
            pulled = gate.pull(self.grad, needs, saved, **lent)
        else:
            pulled = gate.pull(self.grad, needs, saved)
        place = 0  # counted by hand: zip costs 0.1 us
        for g in pulled:
            parent = needs[place]  # a joint rule may return more than is asked for
            place += 1
            if g is None or parent is None:
                continue
            if g.shape != parent.shape or g.dtype is not parent.dtype:
                g = self.fit(g, parent)  # broadcasting and casts undone here, once, never in a rule
            parent.grad = g if parent.grad is None else added(parent.grad, g)
        self.grad = None
        if gate.keeps and not retain_graph:
            self.saved = FREED

    def lend(self, needs: tuple) -> dict[str, object]:
        """What the rules may write over, by their words for it: what has arrived here, and at
        inputs, from which it is taken: the rule gives it back with its own gradient added."""
        gate = self.gate
        lent = {"spare": is_spare(self.grad)} if gate.spends else {}
        for word, i in gate.held.items():
            parent = needs[i]
            if parent is not None and parent.grad is not None and is_spare(parent.grad):
                lent[word] = parent.grad
                parent.grad = None
        return lent

    def settle(self, old: Numbers | None, keep: bool) -> None:
        """After a walk: a leaf adds what arrived to what it had; nobody else keeps anything."""
        arrived = self.grad
        self.grad = old
        if self.gate is not None or not keep or arrived is None:
            return
        if old is None:
            self.grad = lift(owned(arrived))  # a Tensor, so that x.grad is x.grad
        elif isinstance(arrived, Numbers) or old.node is not None:
            self.grad = old + lift(arrived)
        else:
            stamp(old.raw)
            with kernels.on(old.raw):
                noted(operator.iadd, old.raw, arrived)


class Hooks:
    """What a hooked node has beside a node: functions by key, and the gradient it retains."""

    def __init__(self) -> None:
        self.functions = {}
        self.retain = False
        self.grad = None


class Hooking:
    """What a node does that has hooks or retains its gradient."""

    __slots__ = ()

    def arrived(self) -> object:
        """What has arrived, after the hooks have seen it, once."""
        if self.grad is None or self.mark is self:
            return self.grad
        self.mark = self  # the walk's mark is used up: it now says that the hooks have run
        for hook in list(self.hooks.functions.values()):
            out = hook(lift(self.grad))
            if out is not None:
                check_hooked(hook, out, self.grad)
                self.grad = out if isinstance(self.grad, Numbers) else out.raw
        if self.hooks.retain:
            self.hooks.grad = lift(owned(self.grad))
        return self.grad

    def send(self, create_graph: bool, retain_graph: bool, reach: set | None) -> None:
        """As any node, after the hooks."""
        self.arrived()
        super().send(create_graph, retain_graph, reach)


def check_hooked(hook: Callable, out: object, g: object) -> None:
    """Raise unless what a hook returned can take the place of the gradient g.

    Raises: TypeError for what is no Tensor, RuntimeError for another shape, dtype or device.
    """
    name = getattr(hook, "__name__", repr(hook))
    if not isinstance(out, Numbers):
        raise TypeError(
            f"the hook {name} returns a Tensor in the gradient's place, or None to leave it, got "
            f"{type(out).__name__}"
        )
    got, wanted = [(tuple(t.shape), str(t.dtype), t.device) for t in (out, lift(g))]
    if got != wanted:
        raise RuntimeError(
            f"the hook {name} returned a gradient of shape {got[0]} and {got[1]} on {got[2]}; it "
            f"has to be of shape {wanted[0]} and {wanted[1]} on {wanted[2]}, as the one it was "
            "given"
        )


class HookedNode(Hooking, TensorNode):
    """A node with hooks: same slots, so that a node can become one by `__class__` assignment."""

    __slots__ = ()


TensorNode.hooked = HookedNode  # each kind of node says what it becomes


class RemovableHandle:
    """What registering a hook returns; `remove()` takes the hook away."""

    def __init__(self, functions: dict) -> None:
        self.functions = functions
        self.key = object()

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self.functions.pop(self.key, None)


def node_of(cls: type, gate: object, parents: tuple, saved: tuple, raw: object) -> TensorNode:
    """A new node for a tensor that holds `raw`; the recorders spell this out for speed."""
    node = new(cls)
    node.gate = gate
    node.parents = parents
    node.saved = saved
    node.grad = node.mark = None
    node.shape = raw.shape
    node.dtype = raw.dtype
    node.seq = tick()
    return node


def standing(raw: object, node: TensorNode | None) -> object:
    """A Tensor in the place of a saved array; whatever else was saved stays."""
    return TensorNode.wrap(raw, node) if hasattr(raw, "dtype") else raw


def lift(raw: object) -> Numbers:
    """`raw` as a Tensor: an array becomes one outside the graph."""
    if isinstance(raw, Numbers):
        return raw
    return TensorNode.wrap(kernels.backend(type(raw)).asarray(raw), None)


def owned(g: object) -> object:
    """`g` as a leaf may keep it: writable and nobody else's. A Tensor is a value and stays."""
    if isinstance(g, Numbers):
        return g
    g = kernels.backend(type(g)).asarray(g)
    if HERE.calls is not None:
        return HERE.calls.owned(g)
    return g if references(g) <= ALONE and is_whole(g) else g.copy()


def is_whole(g: object) -> bool:
    """Whether the array g can be written, and its memory is its own."""
    return g.base is None and getattr(g.flags, "writeable", True)


def is_spare(g: object) -> bool:
    """Whether nobody else has the array g, so that it may be written over."""
    spare = references(g) <= ALONE and is_whole(g)
    return spare if HERE.spares is None else HERE.spares.settled(g, spare)


def added(old: object, g: object) -> object:
    """The sum of two gradients, in the place of the first where nobody else has that."""
    if SEVERAL and not kernels.is_here(old):
        with kernels.on(old):
            return old + g
    if isinstance(old, Numbers) or old.size < LARGE:
        return noted(operator.add, old, g)
    spare = references(old) <= ALONE and is_whole(old)  # first: a call holds on to its arguments
    if HERE.spares is not None:
        spare = HERE.spares.settled(old, spare)
    return TensorNode.total(old, g, spare=spare)


def hooks_of(node: TensorNode | None) -> Hooks:
    """The hooks of a node, which becomes a hooked one if it is not yet.

    Raises: RuntimeError if there is no node.
    """
    if node is None:
        raise RuntimeError("a tensor that does not require grad gets no gradient to hook")
    if node not in HOOKED:
        node.__class__ = node.hooked
        node.hooks = Hooks()
        HOOKED.add(node)
    return node.hooks
