"""What failed: the gate, or the function around it, that raised an error, and what it was given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

from ..gate import Gate
from ..tensor import Tensor, TensorNode

if TYPE_CHECKING:
    from .keep import Call

PACKAGE = __package__.rpartition(".")[0]
ROOMS = ("recorder", "ops", "nn.functional", "autograd.function")  # where gates are called


class Source(NamedTuple):
    """What an input of a gate is: "parameter", "input", or "constant"; and its name, if known."""

    role: str
    name: str


class Given(NamedTuple):
    """A tensor that went into what failed; word: what that calls it."""

    node: TensorNode | None
    raw: object
    word: str
    source: Source


@dataclass(eq=False)
class Failure:
    """An error as a picture shows it.

    name: of the gate or function. message: what the error says. call: the module that was running.
    """

    name: str
    message: str
    inputs: list[Given] = field(default_factory=list)
    call: "Call | None" = None


def failure_of(
    error: Exception, call: "Call | None", source: Callable[[Tensor], Source]
) -> Failure:
    """What failed. It is read from the frames that the error came through, innermost first."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    for frame in reversed(frames):
        given = tensors_of(frame) if in_a_room(frame) else []
        if given:
            record = frame.f_locals.get("record")
            gate = isinstance(record, Gate)
            name = record.name if gate else frame.f_code.co_name
            if gate:  # which calls its inputs better than the recorder does
                names = record.inputs
                given = [(x, names[min(i, len(names) - 1)]) for i, (x, _) in enumerate(given)]
            inputs = [Given(x.node, x.raw, word, source(x)) for x, word in given]
            return Failure(name, str(error), inputs, call)
    return Failure(call.type if call else type(error).__name__, str(error), [], call)


def in_a_room(frame: FrameType) -> bool:
    """Whether a frame is that of a gate or of a function of the library."""
    place = frame.f_globals.get("__name__", "")
    rooms = [f"{PACKAGE}.{room}" for room in ROOMS]
    return any(place == room or place.startswith(f"{room}.") for room in rooms)


def tensors_of(frame: FrameType) -> list[tuple[Tensor, str]]:
    """The tensors among a frame's arguments, with their names; those of a list as well."""
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 0x04)  # and *args
    found = []
    for word in code.co_varnames[:count]:
        parts = [frame.f_locals.get(word)]
        for _ in range(2):  # the list that `cat` is given lies in the recorder's tuple *args
            parts = [y for x in parts for y in (x if isinstance(x, (tuple, list)) else [x])]
        found += [(part, word) for part in parts if isinstance(part, Tensor)]
    return found
