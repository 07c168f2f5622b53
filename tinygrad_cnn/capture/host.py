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

    calls: what it holds. spares: which arrays may be written over. draws: by generator how many
    draws a step takes; starts of a replay are in `counters`. owners: optimisers whose steps it
    repeats; others: GradScalers. replays: how many there have been. refused: whether one was found
    not to do what fn does.
    """

    def __init__(self, fn: Callable, warmup: int) -> None:
        super().__init__(fn, max(1, warmup))  # of one the recording learns what is spare
        self.spares = Spares()
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
            if self.left:
                self.left -= 1
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
        self.spares = HERE.spares = Spares()
        try:
            return self.fn(*args, **named)
        finally:
            HERE.spares = None

    def record(self, args: tuple, named: dict[str, Any]) -> Any:
        """Record the step, which is done thereby.

        Raises: RuntimeError for a step that reads numbers.
        """
        try:
            args = tuple(map(self.static, args))
            named = {name: self.static(x) for name, x in named.items()}
            with writing(self.calls, GATES):
                HERE.recording, HERE.spares = self, self.spares
                self.spares.place = 0
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
        super().forget()
        self.calls = Calls()
        self.draws.clear()
        self.counters.clear()
        self.owners.clear()
        self.others.clear()

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

    def gradients(self) -> list[np.ndarray]:
        """Those of the parameters of optimisers, as they are now."""
        groups = [group for owner in self.owners for group in owner.param_groups]
        return raws([p.grad for group in groups for p in group["params"]])

    def check(self, args: tuple, named: dict[str, Any]) -> Any:
        """Run fn as it is, then a replay from where it began, which is to write the same bits.

        Returns what fn did. If the replay writes others, a RuntimeWarning says where, and there
        will be no more replays.
        """
        arrays = self.written()
        before = copies(arrays)
        known = [remembered(owner) for owner in self.owners]
        scales = [other.state_dict() for other in self.others]
        counters = {generator: generator.counter for generator in self.draws}
        results = self.fn(*args, **named)
        after = copies(arrays)
        gradients = copies(self.gradients())
        moved = {generator: generator.counter for generator in self.draws}
        put_back(arrays, before)
        for owner, what in zip(self.owners, known, strict=True):
            remind(owner, what)
        for other, what in zip(self.others, scales, strict=True):
            other.load_state_dict(what)
        for generator, counter in counters.items():
            generator.counter = counter
        self.load(args, named)
        self.replay()
        differing = [a.shape for a, b in zip(arrays, after, strict=True) if not are_same([a], [b])]
        wrong = [f"an array of shape {shape} that the step writes" for shape in differing]
        if not are_same(self.gradients(), gradients):
            wrong.append("the gradients of parameters")
        if not are_same(raws(self.results), raws(detached(results))):
            wrong.append("what it returns")
        if moved != {generator: generator.counter for generator in self.draws}:
            wrong.append("the number of its random draws")
        if not wrong:
            return self.results
        put_back(arrays, after)
        for generator, counter in moved.items():
            generator.counter = counter
        self.refused = True
        name = getattr(self.fn, "__qualname__", repr(self.fn))
        warnings.warn(
            f"graph_step: a recording of {name} does not repeat {wrong[0]}; the step runs as it "
            "is. A part of it is computed outside gates, as by NumPy, or depends on what the host "
            "knows",
            RuntimeWarning,
            stacklevel=4,
        )
        self.calls = Calls()
        self.parts = []
        return results


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


def remind(owner: Any, known: dict) -> None:
    """Let an optimiser know what it knew."""
    for p, state in known.items():
        owner.state[p].update(state)
