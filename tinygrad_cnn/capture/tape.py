"""What the recordings of a step share, wherever it computes."""

from collections.abc import Callable
from typing import Any

from ..tensor import Tensor, wrap


class Tape:
    """The recording of a step for arguments of one kind.

    A subclass adds `run` (one step, as far as the tape is: as it is, recorded, or replayed), and
    what the rest of the library asks while it is recorded, see kernels.capture: `pause` (do work
    now, and at every replay at this place, with what the host knows then) and `drawn` (the name of
    the draw that a generator has just counted, for this step and replays).

    left: how many calls run fn as it is before one is recorded. parts: what a replay calls. starts:
    what it calls first, so that parts find the numbers of that moment. inputs: the static tensors.
    relied: (function, what it returned), of what must not have changed. places: (tensor, its array)
    of parameters that must lie where they lay.
    """

    def __init__(self, fn: Callable, warmup: int) -> None:
        self.fn = fn
        self.left = warmup
        self.parts: list[Callable] = []
        self.starts: list[Callable] = []
        self.inputs: list[Tensor] = []
        self.relied: list[tuple[Callable, Any]] = []
        self.places: list[tuple[Tensor, Any]] = []
        self.results: Any = None

    def is_stale(self) -> bool:
        """Whether something that the recording relies on has changed."""
        moved = any(t.raw is not raw for t, raw in self.places)
        return moved or any(read() != value for read, value in self.relied)

    def start(self, work: Callable) -> None:
        """Have `work` done for this step and, at each replay, before it."""
        self.starts.append(work)

    def rely_on(self, optimizers: list[Any]) -> Callable:
        """From now on the parameters of these must lie where they lie; a function that gives them
        the gradients that they have now."""
        params = [p for x in optimizers for group in x.param_groups for p in group["params"]]
        self.places += [(p, p.raw) for p in params]
        grads = [(p, p.grad) for p in params]

        def restore() -> None:
            for p, grad in grads:
                if p.grad is not grad:
                    p.grad = grad

        return restore

    # --- recording, replaying ---

    def static(self, x: Any) -> Any:
        """A tensor in memory of the recording, anything else as it is."""
        if not isinstance(x, Tensor):
            return x
        copied = wrap(x.raw.copy("K"), None)
        self.inputs.append(copied)
        return copied.requires_grad_() if x.requires_grad else copied

    def load(self, args: tuple, named: dict[str, Any]) -> None:
        """Copy the arguments' numbers into the static tensors."""
        given = [x for x in (*args, *named.values()) if isinstance(x, Tensor)]
        for static, x in zip(self.inputs, given, strict=True):
            static.raw[...] = x.raw

    def forget(self) -> None:
        """Be as before a recording that failed."""
        for each in (self.parts, self.starts, self.inputs, self.relied, self.places):
            each.clear()


def owners_of(work: Any) -> list[Any]:
    """The optimizers among the arguments of a partial."""
    return [x for x in (*work.args, *work.keywords.values()) if hasattr(x, "param_groups")]


def detached(results: Any) -> Any:
    """Results of a step without their graphs, which hold memory."""
    if isinstance(results, Tensor):
        return results.detach()
    if isinstance(results, (list, tuple)) and not hasattr(results, "_fields"):
        return type(results)([detached(x) for x in results])
    if isinstance(results, dict):
        return {name: detached(x) for name, x in results.items()}
    return results
