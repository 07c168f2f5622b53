"""A whole step as CUDA graphs.

A small network's step is hundreds of launches, each of which costs the host more time than the GPU.
A graph is launched as one. It repeats what was launched, on the same memory, so what changes from
step to step has to lie in memory of its own: inputs are copied into static tensors, and dropout
reads seed and counter of its draws from the device, and an optimiser's kernel the learning rate and
what follows from the count of steps. An optimiser without a kernel is not recorded: it runs between
two graphs, with the numbers that hold then; so does a GradScaler.

Not yet confirmed on a GPU.
"""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

from ..kernels import np
from ..kernels.capture import HERE
from ..random import Generator
from .tape import Tape, detached, owners_of

ADVICE = (
    "within a recorded step nothing may be read by the host (item(), float(), bool(), print, "
    "boolean masks) and no numbers of the host may be made tensors"
)


class Draws:
    """A generator within a recording: where the device finds its seed and counter.

    state: both as each replay finds them. start: the counter before the step. count: the draws of
    one step.
    """

    def __init__(self, generator: Generator, state: Any, start: int) -> None:
        self.generator = generator
        self.state = state
        self.start = start
        self.count = 0

    def load(self, counter: int) -> None:
        """Write the state to the device; numbers of a launch need no copy from the host."""
        self.state[0] = np.uint64(self.generator.key)
        self.state[1] = np.uint64(counter)


class CudaTape(Tape):
    """The recording of a step as CUDA graphs.

    parts: launches of graphs, and what runs between them. pool: memory that nobody else gets.
    allocator: what others allocate with.
    """

    def __init__(self, fn: Callable, space: Any, warmup: int) -> None:
        super().__init__(fn, warmup)
        self.xp = space.xp
        self.cuda = space.xp.cuda
        self.stream = self.cuda.Stream(non_blocking=True)
        self.pool = space.Pool()
        self.started = 0  # how many were called for the step that is being recorded
        self.draws: dict[Generator, Draws] = {}
        self.allocator: Any = None

    def run(self, args: tuple, named: dict[str, Any]) -> Any:
        """One step, as far as this tape is: run as it is, recorded, or replayed."""
        outer = self.cuda.get_current_stream()
        self.stream.wait_event(outer.record())
        try:
            with self.stream:
                if self.parts:
                    self.load(args, named)
                    self.replay()
                elif self.left:
                    self.left -= 1
                    with self.cuda.using_allocator(self.pool.malloc):
                        return self.fn(*args, **named)
                else:
                    self.record(args, named)
        finally:
            outer.wait_event(self.stream.record())
        return self.results

    # --- recording ---

    def record(self, args: tuple, named: dict[str, Any]) -> None:
        """Record the step, launching each graph as soon as it is complete: this is a step too.

        Raises: RuntimeError for what no graph can hold.
        """
        self.allocator = self.cuda.get_allocator()
        HERE.recording = self
        try:
            with self.cuda.using_allocator(self.pool.malloc):
                args = tuple(map(self.static, args))
                named = {name: self.static(x) for name, x in named.items()}
                self.stream.begin_capture()
                self.results = detached(self.fn(*args, **named))
                self.close()
        except BaseException as error:
            self.forget()
            if isinstance(error, self.cuda.runtime.CUDARuntimeError):
                name = getattr(self.fn, "__qualname__", repr(self.fn))
                raise RuntimeError(
                    f"graph_step: {name} cannot be recorded ({error}); {ADVICE}"
                ) from error
            raise
        finally:
            HERE.recording = None

    def close(self) -> None:
        """What was captured becomes a graph, the last part, and is launched."""
        graph = self.stream.end_capture()
        for draws in self.draws.values():
            draws.load(draws.start)
        for start in self.starts[self.started :]:
            start()
        self.started = len(self.starts)
        launch = functools.partial(graph.launch, self.stream)
        self.parts.append(launch)
        launch()

    def pause(self, work: functools.partial) -> Any:
        """Close the graph, do `work` now and at every replay, and open another graph.

        What it allocates is not the recording's: its graphs would write over it. At a replay the
        parameters of the optimizers among its arguments have the gradients of the recording.
        """
        self.close()
        restore = self.rely_on(owners_of(work))

        def again() -> None:
            restore()
            work()

        self.parts.append(again)
        HERE.recording = None
        with self.cuda.using_allocator(self.allocator):
            result = work()
        HERE.recording = self
        self.stream.begin_capture()
        return result

    def drawn(self, generator: Generator) -> tuple[Any, int]:
        """The name of the draw that `generator` has just counted: the device's state, a number."""
        if generator not in self.draws:
            state = self.xp.empty(2, "uint64")
            self.draws[generator] = Draws(generator, state, generator.counter - 1)
        draws = self.draws[generator]
        draws.count = max(draws.count, generator.counter - draws.start)
        return draws.state, generator.counter - draws.start

    def forget(self) -> None:
        """Be as before a recording that failed."""
        with contextlib.suppress(self.cuda.runtime.CUDARuntimeError):
            if self.stream.is_capturing():
                self.stream.end_capture()
        for draws in self.draws.values():
            draws.generator.counter = draws.start
        super().forget()
        self.draws.clear()
        self.started = 0

    # --- replaying ---

    def replay(self) -> None:
        """Take the step once more."""
        for draws in self.draws.values():
            draws.load(draws.generator.counter)
        for start in self.starts:
            start()
        for part in self.parts:
            part()
        for draws in self.draws.values():
            draws.generator.counter += draws.count
