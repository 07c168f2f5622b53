"""Streams and events: which work waits for which.

Work on one stream is done in order, work on two at the same time, unless an event makes one wait.

Not yet confirmed on a GPU.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from .devices import Place, backend, index_of


class Event:
    """A mark in a stream: it is reached when all that was asked for before is done.

    enable_timing: whether elapsed_time can be asked.

    Raises: RuntimeError where there is no GPU.
    """

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        self.enable_timing = enable_timing
        self.raw = backend().xp.cuda.Event(blocking, not enable_timing, interprocess)

    def record(self, stream: "Stream | None" = None) -> None:
        """Put the mark behind all that `stream`, by default the current one, was asked for."""
        self.raw.record(None if stream is None else stream.raw)

    def wait(self, stream: "Stream | None" = None) -> None:
        """Let what `stream`, by default the current one, is asked from now on wait for the mark."""
        (stream or current_stream()).raw.wait_event(self.raw)

    def query(self) -> bool:
        """Whether the mark is reached."""
        return bool(self.raw.done)

    def synchronize(self) -> None:
        """Wait for the mark."""
        self.raw.synchronize()

    def elapsed_time(self, end_event: "Event") -> float:
        """The milliseconds between this mark and another, both reached.

        Raises: ValueError for events without timing.
        """
        if not (self.enable_timing and end_event.enable_timing):
            raise ValueError("elapsed_time needs two events made with enable_timing=True")
        return float(backend().xp.cuda.get_elapsed_time(self.raw, end_event.raw))


class Stream:
    """An order in which a GPU works. `with tg.cuda.stream(s):` sends what follows to it.

    priority: streams of lower numbers go first.

    Raises: RuntimeError where there is no such GPU.
    """

    def __init__(self, device: Place = None, priority: int = 0, *, raw: Any = None) -> None:
        self.device_index = index_of(device)
        if raw is None:
            with backend().on(self.device_index):
                raw = backend().xp.cuda.Stream(non_blocking=True, priority=priority or None)
        self.raw = raw

    def record_event(self, event: Event | None = None) -> Event:
        """An event, by default a new one, behind all that this stream was asked for."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Let what this stream is asked from now on wait for an event."""
        event.wait(self)

    def wait_stream(self, stream: "Stream") -> None:
        """Let what this stream is asked from now on wait for all that another was asked for."""
        self.wait_event(stream.record_event())

    def query(self) -> bool:
        """Whether all is done that this stream was asked for."""
        return bool(self.raw.done)

    def synchronize(self) -> None:
        """Wait until all is done that this stream was asked for."""
        self.raw.synchronize()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)


def current_stream(device: Place = None) -> Stream:
    """The stream that a GPU's work of this thread goes to.

    Raises: RuntimeError where there is no such GPU.
    """
    index = index_of(device)
    with backend().on(index):
        return Stream(index, raw=backend().xp.cuda.get_current_stream())


def default_stream(device: Place = None) -> Stream:
    """The stream that a GPU's work goes to if nothing is said.

    Raises: RuntimeError where there is no such GPU.
    """
    return Stream(device, raw=backend().xp.cuda.Stream.null)


@contextlib.contextmanager
def stream(stream: Stream | None) -> Iterator[None]:
    """A context in which work goes to `stream`, on its GPU; None changes nothing."""
    if stream is None:
        yield
        return
    with backend().on(stream.device_index), stream.raw:
        yield
