"""A whole step of training as CUDA graphs: recorded once, replayed with other numbers.

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

from ..kernels import backend, np, on
from ..kernels.capture import HERE
from ..random import Generator
from ..tensor import Tensor, wrap

ADVICE = (
    "within a recorded step nothing may be read by the host (item(), float(), bool(), print, "
    "boolean masks) and no numbers of the host may be made tensors"
)


def graph_step(fn: Callable | None = None, *, warmup: int = 3) -> Callable:
    """fn, a step of training, recorded as CUDA graphs and replayed; also a decorator.

        @tg.cuda.graph_step
        def step(images, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            return loss

    Each call is one step. The first `warmup` calls with tensors of some shapes, dtypes and devices
    run fn as it is, the next one records it, those after that replay what was recorded. Other
    shapes, or other arguments that are no tensors, are recorded for themselves. The tensors that a
    replay returns are static: the next one writes into them, so clone() what is to stay.

    What fn does on the host is done when it is recorded and not again, but for what an optimiser
    and a GradScaler read: learning rates and counts of steps are those of each call. A scheduler's
    step belongs behind it. Parameters stay where they are; where an optimiser's parameter has got
    other memory, or the optimiser another state, the step is recorded anew. Without tensors on a
    GPU among its arguments fn simply runs. Gradients are forgotten within fn, or were before every
    call; those that are to add up over several calls cannot be recorded.

    Raises: ValueError for a negative warmup; RuntimeError for a step that reads numbers from the
    device, or makes tensors of the host's numbers, when it is recorded.
    """
    if fn is None:
        return functools.partial(graph_step, warmup=warmup)
    if not isinstance(warmup, int) or warmup < 0:
        raise ValueError(f"graph_step: warmup is a number of calls, 0 or more, got {warmup!r}")
    return GraphStep(fn, warmup)


class GraphStep:
    """A step of training that is recorded; see `graph_step`.

    recordings: how many there are now, one for each kind of arguments that was met often enough.
    """

    def __init__(self, fn: Callable, warmup: int) -> None:
        functools.update_wrapper(self, fn)
        self.fn = fn
        self.warmup = warmup
        self.tapes: dict[tuple, Tape] = {}

    def __call__(self, *args: Any, **named: Any) -> Any:
        """One step."""
        tensors = [x for x in (*args, *named.values()) if isinstance(x, Tensor)]
        first = next((x.raw for x in tensors if x.is_cuda), None)
        if first is None or HERE.recording is not None:
            return self.fn(*args, **named)
        named = dict(sorted(named.items()))  # static tensors are in this order
        key = (tuple(map(kind_of, args)), tuple((n, kind_of(x)) for n, x in named.items()))
        with on(first):
            tape = self.tapes.get(key)
            if tape is None or tape.is_stale():
                left = self.warmup if tape is None else 0
                tape = self.tapes[key] = Tape(self.fn, backend(type(first)), left)
            return tape.run(args, named)

    @property
    def recordings(self) -> int:
        """How many recordings there are."""
        return sum(bool(tape.parts) for tape in self.tapes.values())


def kind_of(argument: Any) -> Any:
    """What a recording holds for: of a tensor all but its numbers, of others the value.

    Raises: TypeError for an argument that cannot be compared.
    """
    if isinstance(argument, Tensor):
        return argument.shape, str(argument.dtype), str(argument.device), argument.requires_grad
    try:
        hash(argument)
    except TypeError:
        raise TypeError(
            "graph_step: arguments are tensors, and others that can be hashed, for they decide "
            f"which recording is replayed, got {type(argument).__name__}"
        ) from None
    return type(argument), argument


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


class Tape:
    """The recording of a step for arguments of one kind.

    parts: what a replay calls: launches of graphs, and what runs between them. starts: what it
    calls first, so that graphs find the numbers of that moment. inputs: the static tensors. relied:
    (function, what it returned), of what must not have changed. places: (tensor, its array) of
    parameters that must lie where they lay. pool: memory that nobody else gets. allocator: what
    others allocate with.
    """

    def __init__(self, fn: Callable, space: Any, warmup: int) -> None:
        self.fn = fn
        self.xp = space.xp
        self.cuda = space.xp.cuda
        self.left = warmup
        self.stream = self.cuda.Stream(non_blocking=True)
        self.pool = space.Pool()
        self.parts: list[Callable] = []
        self.starts: list[Callable] = []
        self.started = 0  # how many were called for the step that is being recorded
        self.inputs: list[Tensor] = []
        self.draws: dict[Generator, Draws] = {}
        self.relied: list[tuple[Callable, Any]] = []
        self.places: list[tuple[Tensor, Any]] = []
        self.results: Any = None
        self.allocator: Any = None

    def is_stale(self) -> bool:
        """Whether something that the recording relies on has changed."""
        moved = any(t.raw is not raw for t, raw in self.places)
        return moved or any(read() != value for read, value in self.relied)

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

    def static(self, x: Any) -> Any:
        """A tensor in memory of the recording, anything else as it is."""
        if not isinstance(x, Tensor):
            return x
        copied = wrap(x.raw.copy(), None)
        self.inputs.append(copied)
        return copied.requires_grad_() if x.requires_grad else copied

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
        owners = [x for x in (*work.args, *work.keywords.values()) if hasattr(x, "param_groups")]
        restore = self.rely_on(owners)

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

    def start(self, work: Callable) -> None:
        """Have `work` done for this step and, at each replay, before it."""
        self.starts.append(work)

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
        kept = (self.parts, self.starts, self.inputs, self.draws, self.relied, self.places)
        for each in kept:
            each.clear()
        self.started = 0

    # --- replaying ---

    def load(self, args: tuple, named: dict[str, Any]) -> None:
        """Copy the arguments' numbers into the static tensors."""
        given = [x for x in (*args, *named.values()) if isinstance(x, Tensor)]
        for static, x in zip(self.inputs, given, strict=True):
            static.raw[...] = x.raw

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


def detached(results: Any) -> Any:
    """Results of a step without their graphs, which hold memory."""
    if isinstance(results, Tensor):
        return results.detach()
    if isinstance(results, (list, tuple)) and not hasattr(results, "_fields"):
        return type(results)([detached(x) for x in results])
    if isinstance(results, dict):
        return {name: detached(x) for name, x in results.items()}
    return results
