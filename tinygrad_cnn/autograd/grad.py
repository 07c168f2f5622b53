"""Gradients on request, and the switch that says whether gates record."""

import functools
import inspect
from collections.abc import Callable, Generator, Sequence

import numpy as np

from .. import kernels
from ..graph import QUIET, STATE, backprop
from ..tensor import Tensor, lift, owned, seed_for
from ..value import Value


class Recording:
    """A context manager and decorator: within, gates of this thread record or do not.

    QUIET has one entry for every context in which nothing may be recorded, so that recorders ask
    for the thread's own state only while there is one.
    """

    mode = True

    def __new__(cls, mode: bool | Callable = True) -> "Recording | Callable":
        """A context; or, as a decorator without parentheses, a function within one."""
        context = super().__new__(cls)
        if not callable(mode):
            return context
        context.__init__()
        return context(mode)

    def __init__(self) -> None:
        self.old = []

    def __enter__(self) -> None:
        self.old.append(STATE.recording)
        QUIET.append(None)
        STATE.recording = self.mode

    def __exit__(self, *error: object) -> None:
        STATE.recording = self.old.pop()
        QUIET.pop()

    def __call__(self, f: Callable) -> Callable:
        """`f`, run within this context; of a generator function each step is."""

        @functools.wraps(f)
        def within(*args: object, **named: object) -> object:
            with set_grad_enabled(self.mode):
                return f(*args, **named)

        @functools.wraps(f)
        def stepwise(*args: object, **named: object) -> Generator:
            return (yield from steps_within(f(*args, **named), self.mode))

        return stepwise if inspect.isgeneratorfunction(f) else within


def steps_within(steps: Generator, mode: bool) -> Generator:
    """What `steps` yields; gates record or do not while it runs, not while its caller does."""
    resume, sent = steps.send, None
    while True:
        try:
            with set_grad_enabled(mode):
                got = resume(sent)
        except StopIteration as end:
            return end.value
        try:
            resume, sent = steps.send, (yield got)
        except GeneratorExit:
            with set_grad_enabled(mode):
                steps.close()
            raise
        except BaseException as error:
            resume, sent = steps.throw, error


class no_grad(Recording):
    """Within (or in a decorated function): nothing is recorded in this thread."""

    mode = False


class enable_grad(Recording):
    """Within (or in a decorated function): gates record, even inside no_grad."""

    mode = True


class inference_mode(Recording):
    """Within (or in a decorated function): nothing is recorded, as in `no_grad`.

    inference_mode(False) records.

    Differs: tensors made within are like all others, and may be used in training afterwards.
    """

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self.mode = not mode


class set_grad_enabled(Recording):
    """Within (or in a decorated function): gates record if `mode` is true, else they do not.

    A plain call holds from then on in this thread, as PyTorch's does.
    """

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.mode = bool(mode)
        super().__enter__()
        self.switched = True

    def __enter__(self) -> None:
        if not self.switched:
            super().__enter__()
        self.switched = False

    def __call__(self, f: Callable) -> Callable:
        """`f`, run within this context; outside it everything is as before."""
        self.__exit__()
        self.switched = False
        return super().__call__(f)


def is_grad_enabled() -> bool:
    """Whether gates record in this thread."""
    return STATE.recording


def listed(x: object) -> list:
    """x as a list."""
    return list(x) if isinstance(x, (list, tuple)) else [x]


def grad(
    outputs: "Tensor | Value | Sequence",
    inputs: "Tensor | Value | Sequence",
    grad_outputs: "Tensor | Sequence | None" = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = True,
) -> list:
    """d outputs / d inputs, one for each input, which may be leaves or inside the graph.

    None stands for an input that no output was computed from. No tensor's grad changes. With
    create_graph the gradients are on the graph, to be differentiated again.

    Raises: RuntimeError if an output or input is not on the graph, or if an input is not reached
    and allow_unused is False.

    Differs: allow_unused is True by default.
    """
    outputs = listed(outputs)
    inputs = listed(inputs)
    for x in (*outputs, *inputs):
        if not isinstance(x, (Tensor, Value)):
            raise TypeError(f"grad takes Tensors or Values, got {type(x).__name__}")
        if isinstance(x, Tensor) and x.node is None:
            raise RuntimeError("grad: one of the tensors does not require grad")
    keep = create_graph if retain_graph is None else retain_graph
    given = [None] * len(outputs) if grad_outputs is None else listed(grad_outputs)
    if len(given) != len(outputs):
        raise RuntimeError(f"grad: {len(given)} grad_outputs for {len(outputs)} outputs")
    if isinstance(outputs[0], Value):
        seeds = [1.0 if g is None else float(g) for g in given]
        seeds = [Value(seed) if create_graph else seed for seed in seeds]
        return backprop(outputs, seeds, create_graph, keep, inputs)
    seeds = [seed_for(t, g, create_graph) for t, g in zip(outputs, given, strict=True)]
    with np.errstate(all="ignore"), kernels.on(outputs[0].raw):
        got = backprop([t.node for t in outputs], seeds, create_graph, keep, nodes_of(inputs))
    unused = [i for i, g in enumerate(got) if g is None]
    if unused and not allow_unused:
        raise RuntimeError(
            f"grad: input {unused[0]} was not used to compute the outputs; pass allow_unused=True "
            "to get None for it"
        )
    return [None if g is None else lift(owned(g)) for g in got]


def nodes_of(tensors: list) -> list:
    """The tensors' places on the graph."""
    return [t.node for t in tensors]


def backward(
    tensors: "Tensor | Sequence",
    grad_tensors: "Tensor | Sequence | None" = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
) -> None:
    """Add the gradients of the sum of `tensors`, each times its grad_tensor, to the leaves."""
    tensors = listed(tensors)
    given = [None] * len(tensors) if grad_tensors is None else listed(grad_tensors)
    seeds = [seed_for(t, g, create_graph) for t, g in zip(tensors, given, strict=True)]
    keep = create_graph if retain_graph is None else retain_graph
    with np.errstate(all="ignore"), kernels.on(tensors[0].raw):
        backprop(nodes_of(tensors), seeds, create_graph, keep)
