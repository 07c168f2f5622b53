"""Memory for time: a region of the graph whose saved arrays are computed again when needed.

Source: Chen, Xu, Zhang & Guestrin 2016, "Training deep nets with sublinear memory cost".
"""

import weakref
from collections.abc import Callable

from ..graph import STATE, ancestors, tick
from ..random import default_generator
from ..tensor import Tensor
from .grad import enable_grad, listed


class Recompute:
    """Stands in `saved` of a region's nodes until a walk needs one of them."""

    def __init__(self, fn: Callable, args: tuple, state: dict, nodes: list) -> None:
        self.fn = fn
        self.args = args
        self.state = state
        self.nodes = [weakref.ref(node) for node in nodes]  # weak, for the nodes hold this token
        self.names = [node.gate.name for node in nodes]

    def restore(self, node: object) -> tuple:
        """Run the region once more; the k-th new node's saved fills the k-th old node's.

        Raises: RuntimeError if the function did something else this time.
        """
        now = default_generator.get_state()
        default_generator.set_state(self.state)
        start = tick()
        try:
            with enable_grad():
                out = self.fn(*self.args)
        finally:
            default_generator.set_state(now)
        nodes = region(out, start)
        names = [node.gate.name for node in nodes]
        if names != self.names:
            raise RuntimeError(
                f"checkpoint: the function did not do the same thing twice: first {self.names}, "
                f"then {names}"
            )
        for k, (ref, fresh) in enumerate(zip(self.nodes, nodes, strict=True)):
            old = ref()
            if old is not None and old.saved is self:
                old.saved = fresh.saved
                if isinstance(fresh.saved, Recompute):  # a checkpoint inside the region
                    inner = fresh.saved
                    inner.nodes[[r() for r in inner.nodes].index(fresh)] = self.nodes[k]
        saved = node.saved
        return saved if saved.__class__ is tuple else saved.restore(node)


def region(out: object, start: int) -> list:
    """The nodes younger than start that `out` was computed from."""
    roots = [t.node for t in listed(out) if isinstance(t, Tensor) and t.node is not None]
    return [node for node in ancestors(roots, start) if node.gate is not None]


def checkpoint(fn: Callable, *args: object) -> object:
    """fn(*args), keeping none of what its gates save; the walk runs fn once more.

    Random numbers of the default generator (dropout) are the same both times.
    """
    state = default_generator.get_state()
    start = tick()
    out = fn(*args)
    if STATE.recording:
        nodes = region(out, start)
        token = Recompute(fn, args, state, nodes)
        for node in nodes:
            if node.gate.keeps:
                node.saved = token
    return out
