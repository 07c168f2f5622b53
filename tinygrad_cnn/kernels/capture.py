"""A step of training that is being recorded as a CUDA graph: what the rest of the library asks.

While a thread records, its kernels are written down and not run, and the host may not wait for
them. What depends on numbers of the host reads them from memory that each replay writes first
(`HERE.recording.start`), is run between two graphs (`on_host`), or is recorded anew when they
change (`rely`). The recording itself is made by `tg.cuda.graph_step`.
"""

import functools
import threading
from collections.abc import Callable


class Here(threading.local):
    """The recording under way in this thread, or None."""

    recording = None


HERE = Here()


def on_host(function: Callable) -> Callable:
    """`function`, which a recorded step calls at every replay, between two graphs.

    So it works with the host's numbers of that moment: a learning rate, a count of steps.
    """

    @functools.wraps(function)
    def call(*args, **named):
        if HERE.recording is None:
            return function(*args, **named)
        return HERE.recording.pause(functools.partial(function, *args, **named))

    return call


def rely(read: Callable[[], object]) -> None:
    """Say that what is being computed holds as long as `read()` returns what it does now."""
    if HERE.recording is not None:
        HERE.recording.relied.append((read, read()))


def refuse(what: str) -> None:
    """Nothing, unless a step is being recorded.

    Raises: RuntimeError then: `what` is done once, by the host, and no replay would repeat it.
    """
    if HERE.recording is not None:
        raise RuntimeError(
            f"graph_step: {what} within a step that is being recorded, and replays would not "
            "repeat it; do it before the step and pass the tensor as an argument"
        )
