"""A step on the CPU as a list of calls.

A small network's step is a few dozen kernels, and as much time again of Python around them: gates
that record, rules that are looked up, arrays that are made. A replay calls the kernels alone, on
the memory they had, see `kernels.taping`. Optimisers and a GradScaler run as they are, with the
numbers that hold then.

Replays are held against fn itself: the first, the second, the fourth, the eighth and so on.
"""

import functools
import gc
import threading
import warnings
from collections.abc import Callable
from typing import Any

from ..kernels import GATES, np
from ..kernels.capture import HERE, Spares
from ..kernels.choice import SETTINGS
from ..kernels.taping import Calls, Drawn, are_same, copies, put_back, root, writing
from ..kernels.threads import get_num_threads
from ..random import Generator
from ..tensor import Tensor
from .tape import Tape, detached, owners_of


class HostTape(Tape):
    """The recording of a step on the CPU.

    calls: what it holds. spares: which arrays may be written over; steady: whether that was so in
    the last two of `calls_before` calls that ran fn as it is. draws: by generator how many draws a
    step takes; starts of a replay are in `counters`. owners: optimisers whose steps it repeats;
    others: GradScalers. replays: how many there have been. refused: whether one was found not to do
    what fn does.
    """

    def __init__(self, fn: Callable, warmup: int) -> None:
        super().__init__(fn, max(1, warmup))
        self.spares = Spares()
        self.steady = False
        self.calls_before = 0
        self.lock = threading.RLock()
        self.calls = Calls()
        self.draws: dict[Generator, int] = {}
        self.counters: dict[Generator, int] = {}
        self.owners: list[Any] = []
        self.others: list[Any] = []
        self.replays = 0
        self.refused = False

    def run(self, args: tuple, named: dict[str, Any]) -> Any:
        """One step, as far as this tape is: run as it is, recorded, checked, or replayed."""
        with self.lock:
            if self.refused:
                return self.fn(*args, **named)
            if self.left or not self.steady:
                self.left = max(0, self.left - 1)
                return self.listened(args, named)
            if not self.parts:
                return self.record(args, named)
            self.replays += 1
            if self.replays & (self.replays - 1) == 0:
                return self.check(args, named)
            self.load(args, named)
            self.replay()
            return self.results

    # --- recording ---

    def listened(self, args: tuple, named: dict[str, Any]) -> Any:
        """Run fn as it is, and remember which arrays were found to be free to be written over."""
        before = self.spares.found
        self.spares = HERE.spares = Spares()
        self.steady = False
        try:
            results = self.fn(*args, **named)
        finally:
            HERE.spares = None
        self.steady = self.calls_before > 0 and self.spares.found == before
        self.calls_before += 1
        return results

    def record(self, args: tuple, named: dict[str, Any]) -> Any:
        """Record the step, which is done thereby.

        Raises: RuntimeError for a step that reads numbers.
        """
        try:
            args = tuple(map(self.static, args))
            named = {name: self.static(x) for name, x in named.items()}
            with writing(self.calls, GATES):
                HERE.recording, HERE.spares = self, self.spares
                self.spares.tell()
                try:
                    self.results = detached(self.fn(*args, **named))
                finally:
                    HERE.recording = HERE.spares = None
        except BaseException:
            self.forget()
            raise
        self.parts = self.calls.finish()
        self.places += holders(self.calls.outside())
        for read in (get_num_threads, lambda: dict(vars(SETTINGS)), self.calls.digest):
            self.relied.append((read, read()))
        return self.results

    def pause(self, work: functools.partial) -> Any:
        """Do `work` now, and at every replay at this place, with what the host knows then."""
        restore = self.rely_on(owners_of(work))
        self.others += [x for x in work.args if is_scaler(x) and x not in self.others]

        def again() -> None:
            restore()
            work()

        self.calls.parts.append(again)
        HERE.recording = None
        with self.calls.resting():
            result = work()
        HERE.recording = self
        return result

    def start(self, work: Callable) -> None:
        """Have `work` done for this step, now, and at each replay before it."""
        super().start(work)
        work()

    def rely_on(self, optimizers: list[Any]) -> Callable:
        """As any tape, and their steps are checked."""
        self.owners += [x for x in optimizers if x not in self.owners]
        return super().rely_on(optimizers)

    def drawn(self, generator: Generator) -> tuple[int, int]:
        """The name of the draw that `generator` has just counted, which replays read anew."""
        if generator not in self.draws:
            self.draws[generator] = 0
            self.counters[generator] = generator.counter - 1
        ahead = generator.counter - self.counters[generator]
        self.draws[generator] = max(self.draws[generator], ahead)
        key = Drawn(generator.key, lambda: generator.key)
        return key, Drawn(generator.counter, lambda: self.counters[generator] + ahead)

    def forget(self) -> None:
        """Be as before a recording that failed."""
        for generator, counter in self.counters.items():
            generator.counter = counter
        self.forget_calls()

    def forget_calls(self) -> None:
        """Let go of what was recorded, and of its memory."""
        super().forget()
        self.calls = Calls()
        self.results = None
        for each in (self.draws, self.counters, self.owners, self.others):
            each.clear()

    # --- replaying ---

    def replay(self) -> None:
        """Take the step once more."""
        for generator in self.draws:
            self.counters[generator] = generator.counter
        for start in self.starts:
            start()
        for part in self.parts:
            part()
        for generator, count in self.draws.items():
            generator.counter += count

    def written(self) -> list[np.ndarray]:
        """The arrays from outside that the step may write: those that it reads, but for its static
        inputs, and the states of optimisers."""
        static = {root(x.raw) for x in self.inputs}
        states = [
            x for owner in self.owners for state in owner.state.values() for x in state.values()
        ]
        found = {id(a): a for a in (*self.calls.outside(), *raws(states)) if root(a) not in static}
        return [*found.values()]

    def check(self, args: tuple, named: dict[str, Any]) -> Any:
        """Run fn as it is, then a replay from where it began, which is to write the same bits.

        Returns what fn did. If the replay writes others, a RuntimeWarning says where, and there
        will be no more replays.
        """
        before = Snapshot(self)
        results = self.fn(*args, **named)
        after = Snapshot(self)
        before.restore()
        wrong = None
        try:
            self.load(args, named)
            self.replay()
        except RuntimeError as error:
            wrong = f"the shapes of results ({error})"
        wrong = wrong or after.difference(Snapshot(self))
        if wrong is None and not are_same(raws(self.results), raws(detached(results))):
            wrong = "what it returns"
        if wrong is None:
            return self.results
        after.restore()
        self.refused = True
        self.forget_calls()
        name = getattr(self.fn, "__qualname__", repr(self.fn))
        warnings.warn(
            f"graph_step: a recording of {name} does not repeat {wrong}; the step runs as it is. A "
            "part of it is computed outside gates, as by NumPy, or depends on what the host knows",
            RuntimeWarning,
            stacklevel=4,
        )
        return results


class Snapshot:
    """All that a step may change, as it is now: arrays, gradients, states of optimisers, scales,
    and how many random draws there have been."""

    def __init__(self, tape: HostTape) -> None:
        self.arrays = tape.written()
        self.numbers = copies(self.arrays)
        groups = [group for owner in tape.owners for group in owner.param_groups]
        self.gradients = [(p, p.grad) for group in groups for p in group["params"]]
        self.slopes = copies(raws([grad for _, grad in self.gradients]))
        self.counts = [(owner, remembered(owner)) for owner in tape.owners]
        self.scales = [(scaler, scaler.state_dict()) for scaler in tape.others]
        self.draws = {generator: generator.counter for generator in tape.draws}

    def restore(self) -> None:
        """Let everything be as it was."""
        put_back(self.arrays, self.numbers)
        for p, grad in self.gradients:
            p.grad = grad
        put_back(raws([grad for _, grad in self.gradients]), self.slopes)
        for owner, known in self.counts:
            for p, state in known.items():
                owner.state[p].update(state)
        for scaler, state in self.scales:
            scaler.load_state_dict(state)
        for generator, counter in self.draws.items():
            generator.counter = counter

    def difference(self, other: "Snapshot") -> str | None:
        """What is not the same in another one; None if all is."""
        for a, b in zip(self.numbers, other.numbers, strict=True):
            if not are_same([a], [b]):
                return f"an array of shape {a.shape} that the step writes"
        if not are_same(self.slopes, other.slopes):
            return "the gradients of parameters"
        return None if self.draws == other.draws else "the number of its random draws"


def raws(results: Any) -> list[np.ndarray]:
    """The arrays of the tensors in results of a step."""
    if isinstance(results, Tensor):
        return [results.raw]
    if isinstance(results, (list, tuple)):
        return [raw for x in results for raw in raws(x)]
    if isinstance(results, dict):
        return [raw for x in results.values() for raw in raws(x)]
    return []


def holders(arrays: list[np.ndarray]) -> list[tuple[Tensor, np.ndarray]]:
    """The tensors that have these arrays."""
    known = {id(a): a for a in arrays}
    return [
        (x, x.raw)
        for x in gc.get_referrers(*arrays)
        if isinstance(x, Tensor) and id(x.raw) in known
    ]


def is_scaler(x: Any) -> bool:
    """Whether x is a GradScaler: it has a state, and no parameters."""
    return hasattr(x, "load_state_dict") and not hasattr(x, "param_groups")


def remembered(owner: Any) -> dict:
    """What an optimiser knows of its parameters that is no tensor, such as counts of steps."""
    return {
        p: {name: x for name, x in state.items() if not isinstance(x, Tensor)}
        for p, state in owner.state.items()
    }
