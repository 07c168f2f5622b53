"""Memory for time: a region of the graph whose saved arrays are computed again when needed.

Source: Chen, Xu, Zhang & Guestrin 2016, "Training deep nets with sublinear memory cost".
"""

import weakref
from collections.abc import Callable, Iterable
from functools import partial

from ..graph import STATE, ancestors, tick
from ..random import default_generator
from ..tensor import Tensor
from .grad import enable_grad, listed


class Recompute:
    """Stands in `saved` of a region's nodes until a walk needs one of them."""

    def __init__(self, fn: Callable, state: dict | None, nodes: list) -> None:
        self.fn = fn
        self.state = state
        self.nodes = [weakref.ref(node) for node in nodes]  # weak, for the nodes hold this token
        self.names = [node.gate.name for node in nodes]

    def restore(self, node: object) -> tuple:
        """Run the region once more; the k-th new node's saved fills the k-th old node's.

        Raises: RuntimeError if the function did something else this time.
        """
        now = default_generator.get_state()
        if self.state is not None:
            default_generator.set_state(self.state)
        start = tick()
        try:
            with enable_grad():
                out = self.fn()
        finally:
            if self.state is not None:
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


def checkpoint(
    function: Callable,
    *args: object,
    use_reentrant: bool = False,
    preserve_rng_state: bool = True,
    **kwargs: object,
) -> object:
    """function(*args, **kwargs), keeping none of what its gates save; the walk runs it once more.

    With preserve_rng_state the random numbers of the default generator (dropout) are the same both
    times.

    Differs: there is one way of recomputing, so `use_reentrant` is taken and changes nothing.
    """
    run = partial(function, *args, **kwargs)
    state = default_generator.get_state() if preserve_rng_state else None
    start = tick()
    out = run()
    if STATE.recording:
        nodes = region(out, start)
        token = Recompute(run, state, nodes)
        for node in nodes:
            if node.gate.keeps:
                node.saved = token
    return out


def checkpoint_sequential(
    functions: Iterable[Callable], segments: int, input: Tensor, **settings: object
) -> Tensor:
    """The functions applied one after the other, in `segments` regions, the last one kept.

    Raises: ValueError for a number of segments that is not positive.
    """
    chain = list(functions)
    if segments < 1:
        raise ValueError(f"checkpoint_sequential: needs at least 1 segment, got {segments}")
    size = max(1, len(chain) // segments)
    kept = min(size * (segments - 1), len(chain) - 1)
    for first in range(0, kept, size):
        input = checkpoint(partial(applied, chain[first : first + size]), input, **settings)
    return applied(chain[kept:], input)


def applied(functions: list[Callable], x: Tensor) -> Tensor:
    """The functions applied to x one after the other."""
    for function in functions:
        x = function(x)
    return x
