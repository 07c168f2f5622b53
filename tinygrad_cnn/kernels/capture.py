"""A step that is being recorded: what the rest of the library asks, and says.

On a GPU the kernels of a recorded step are written down and not run, and the host may not wait for
them; on the CPU calls are written down as they are made, see `taping`. What depends on numbers of
the host reads them from memory that each replay writes first (`HERE.recording.start`), is done by
the host at each replay (`on_host`), or is recorded anew when they change (`rely`). The recording
itself is made by `tg.graph_step`.
"""

import functools
import threading
from collections.abc import Callable


class Here(threading.local):
    """Of this thread: the recording under way, or None; the calls that are written down for it on
    the CPU, a `taping.Calls`, or None; and what says whether arrays may be written over while one
    is, or is prepared, a `Spares`, or None."""

    recording = None
    calls = None
    spares = None


class Spares:
    """Whether arrays may be written over, in the order in which it is asked.

    A recording holds all arrays, so that by counting references none would ever be free. It is told
    what was found when the same step ran as it is: sums in place round otherwise than others.

    found: (shape and dtype of the array, the answer). waiting: what is still to be asked of them,
    the next one last; None while answers are collected.
    """

    def __init__(self) -> None:
        self.found: list[tuple] = []
        self.waiting: list[tuple] | None = None

    def tell(self) -> None:
        """From now on answer as was found."""
        self.waiting = self.found[::-1]

    def settled(self, a: object, spare: bool) -> bool:
        """Whether the array a may be written over. spare: whether nobody holds it now."""
        what = (a.shape, a.dtype)
        if self.waiting is None:
            self.found.append((what, spare))
            return spare
        if not self.waiting or self.waiting[-1][0] != what:
            self.waiting = []  # the step does something else: nothing is written over any more
            return False
        return self.waiting.pop()[1]


HERE = Here()
HOLDING: list[Callable] = []  # called with each array whose address machine code gets


def on_host(function: Callable) -> Callable:
    """`function`, which a recorded step calls at every replay, between what is recorded.

    So it works with the host's numbers of that moment: a learning rate, a count of steps.
    """

    @functools.wraps(function)
    def call(*args, **named):
        if HERE.recording is None:
            return function(*args, **named)
        return HERE.recording.pause(functools.partial(function, *args, **named))

    return call


def noted(function: Callable, *args: object, **named: object) -> object:
    """function(*args, **named): a step of NumPy's that a recording on the CPU repeats."""
    if HERE.calls is None:
        return function(*args, **named)
    return HERE.calls.call(function, *args, **named)


def rely(read: Callable[[], object]) -> None:
    """Say that what is being computed holds as long as `read()` returns what it does now."""
    if HERE.recording is not None:
        HERE.recording.relied.append((read, read()))


def read_by_host() -> None:
    """Nothing, unless a step is being recorded on the CPU.

    Raises: RuntimeError then: numbers of a tensor go to Python, which no replay would repeat.
    """
    if HERE.calls is not None:
        raise RuntimeError(
            "graph_step: numbers of a tensor were read (item(), float(), bool(), numpy()) "
            "within a step that is being recorded, and replays would not repeat it; return the "
            "tensor and read it behind the step"
        )


def refuse(what: str) -> None:
    """Nothing, unless a step is being recorded.

    Raises: RuntimeError then: `what` is done once, by the host, and no replay would repeat it.
    """
    if HERE.recording is not None:
        raise RuntimeError(
            f"graph_step: {what} within a step that is being recorded, and replays would not "
            "repeat it; do it before the step and pass the tensor as an argument"
        )
