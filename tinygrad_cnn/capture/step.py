"""`graph_step`: the decorator of a step that is recorded, and which recording serves a call."""

import functools
from collections.abc import Callable
from typing import Any

from ..graph import STATE
from ..kernels import backend, np, on
from ..kernels.capture import HERE
from ..tensor import Tensor
from .cuda import CudaTape
from .host import HostTape
from .tape import Tape

KINDS = 16  # of arguments, whose recordings are kept


def graph_step(fn: Callable | None = None, *, warmup: int = 3) -> Callable:
    """fn, a step of training or inference, recorded and replayed; also a decorator.

        @tg.graph_step
        def step(images, labels):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            return loss

    Each call is one step. The first `warmup` calls (on the CPU at least two) with tensors of some
    shapes, dtypes and devices run fn as it is, the next one records it, those after that replay
    what was recorded: on a GPU CUDA graphs, on the CPU the calls of kernels without the Python
    between them, which is half the time of a small network. Other shapes, or other arguments that
    are no tensors, are recorded for themselves. The tensors that a replay returns are static and
    off the graph: the next one writes into them, so clone() what is to stay. A recording keeps the
    memory of all that the step computes; those of the last 16 kinds of arguments are kept.

    What fn does on the host is done when it is recorded and not again, but for what an optimiser
    and a GradScaler read: learning rates and counts of steps are those of each call. A scheduler's
    step belongs behind it, and so does train() or eval(). Parameters stay where they are; where a
    parameter has got other memory, or the optimiser another state, the step is recorded anew.
    Without tensors among its arguments fn simply runs. Gradients are forgotten within fn, or were
    before every call; those that are to add up over several calls cannot be recorded.

    On the CPU replays 1, 2, 4, 8 and so on are held against fn itself, bit by bit, with the numbers
    of that call. If one differs, as where fn computes with NumPy, a RuntimeWarning says so and fn
    runs as it is from then on.

    Raises: TypeError for what is no function, ValueError for a negative warmup; RuntimeError for a
    step that reads numbers of tensors, or makes tensors of the host's numbers on a GPU, when it is
    recorded.
    """
    if fn is None:
        return functools.partial(graph_step, warmup=warmup)
    if not callable(fn):
        raise TypeError(f"graph_step: takes a function, the step, got {type(fn).__name__}")
    if not isinstance(warmup, int) or warmup < 0:
        raise ValueError(f"graph_step: warmup is a number of calls, 0 or more, got {warmup!r}")
    return GraphStep(fn, warmup)


class GraphStep:
    """A step that is recorded; see `graph_step`.

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
        on_host = bool(tensors) and all(map(is_on_host, tensors))
        first = None if on_host else next((x.raw for x in tensors if x.is_cuda), None)
        if HERE.recording is not None or (first is None and not on_host):
            return self.fn(*args, **named)
        named = dict(sorted(named.items()))  # static tensors are in this order
        kinds = tuple(map(kind_of, args)), tuple((n, kind_of(x)) for n, x in named.items())
        key = (*kinds, STATE.recording, STATE.autocast)
        tape = self.tapes.get(key)
        if on_host:
            if tape is None or tape.is_stale():
                tape = self.keep(key, HostTape(self.fn, self.warmup))
            return tape.run(args, named)
        with on(first):
            if tape is None or tape.is_stale():
                left = self.warmup if tape is None else 0
                tape = self.keep(key, CudaTape(self.fn, backend(type(first)), left))
            return tape.run(args, named)

    def keep(self, key: tuple, tape: Tape) -> Tape:
        """The tape, which from now on serves calls of this kind; the oldest of too many goes."""
        self.tapes[key] = tape
        while len(self.tapes) > KINDS:
            self.tapes.pop(next(iter(self.tapes)))
        return tape

    @property
    def recordings(self) -> int:
        """How many recordings there are."""
        return sum(bool(tape.parts) for tape in self.tapes.values())


def is_on_host(x: Tensor) -> bool:
    """Whether x is a tensor of the CPU."""
    return type(x.raw) is np.ndarray


def kind_of(argument: Any) -> Any:
    """What a recording holds for: of a tensor all but its numbers, of others the value.

    Raises: TypeError for an argument that cannot be compared.
    """
    if isinstance(argument, Tensor):
        raw, device = argument.raw, is_on_host(argument) or str(argument.device)
        return raw.shape, raw.strides, raw.dtype, device, argument.requires_grad
    try:
        hash(argument)
    except TypeError:
        raise TypeError(
            "graph_step: arguments are tensors, and others that can be hashed, for they decide "
            f"which recording is replayed, got {type(argument).__name__}"
        ) from None
    return type(argument), argument
