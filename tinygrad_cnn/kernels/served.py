"""Which kernel served which gate at which shapes, how often, and why a slow path was taken.

Overlays are counted at each call. They add what only they know: `served_by` names the kernels that
a choice fell on, `refused` says in a sentence why none covers a case.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from types import ModuleType

from .compiling import NotCompiled

BODY = "body"  # instead of a kernel: the gate's body, or what the backend has below its overlay
FLOATS = {"f", "d"}  # the dtypes that kernels are compiled for
LIMIT = 4096  # cases: in a process that meets more their shapes are not told apart
ABSENT = "the overlay has no such kernel"


@dataclass
class Case:
    """A gate at one set of shapes: what served it, how often; and why, where no kernel did.

    shapes: of the arrays among the inputs; None where they are not told apart, see `by_shape`.
    dtype: of the first of them.
    """

    gate: str
    kernel: str
    shapes: tuple[tuple[int, ...], ...] | None = None
    dtype: str | None = None
    calls: int = 0
    reason: str | None = None


@dataclass
class Served:
    """How often an overlay's kernel computed its gate, and how often what it overlays did."""

    kernel: str
    calls: int = 0
    fallbacks: int = 0


class Report(dict[str, Served]):
    """By gate what its overlaid kernel did, and in `cases` the same by shapes; printed as tables.

    conversions: how many arrays convolutions copied because their channels did not lie innermost.
    unusable: overlays that could not be imported, and why.
    """

    def __init__(self, cases: list[Case], conversions: int, unusable: dict[str, str]) -> None:
        self.cases = cases
        self.conversions = conversions
        self.unusable = unusable

    def to_dict(self) -> dict[str, object]:
        """The report as data for JSON."""
        return {
            "gates": {name: asdict(served) for name, served in self.items()},
            "cases": [asdict(case) for case in self.cases],
            "conversions": self.conversions,
            "unusable": self.unusable,
        }

    def __str__(self) -> str:
        lines = ["No gate was computed by a kernel of an overlay."]
        if self:
            rows = [(name, s.kernel, s.calls, s.fallbacks) for name, s in sorted(self.items())]
            lines = aligned(("gate", "kernel", "calls", "fallbacks"), rows)
        if self.cases:
            lines += ["", *aligned(("gate", "served by", "calls", "where"), rows_of(self.cases))]
        if self.conversions:
            lines.append(f"{self.conversions} arrays were copied to bring their channels innermost")
        lines += [f"{home} cannot be used: {why}" for home, why in sorted(self.unusable.items())]
        return "\n".join(lines)


def rows_of(cases: list[Case]) -> list[tuple]:
    """A row for each case, by gate, the frequent first."""
    ordered = sorted(cases, key=lambda case: (case.gate, -case.calls))
    return [(case.gate, case.kernel, case.calls, what(case)) for case in ordered]


def what(case: Case) -> str:
    """The shapes of a case, its dtype, and the reason of a slow path."""
    shapes = ["x".join(map(str, shape)) or "scalar" for shape in case.shapes or ()]
    words = " ".join([*shapes, *([case.dtype] if case.dtype else [])])
    return ": ".join(part for part in (words, case.reason) if part)


def aligned(heads: tuple, rows: list[tuple]) -> list[str]:
    """Lines of a table; numbers to the right."""
    texts = [heads, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    right = [not isinstance(cell, str) for cell in rows[0]]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in texts
    ]


# --- counting -------------------------------------------------------------------------------------


class Said(threading.local):
    """What the kernel of this thread that runs now has said of itself."""

    words = ""


SAID = Said()
SHAPES = [False]  # whether shapes are told apart, by nesting of `by_shape`
KERNELS: dict[str, str] = {}  # by gate the overlay's function
CASES: dict[tuple, Case] = {}
UNUSABLE: dict[str, str] = {}
CONVERTED = [0]  # how many arrays were brought into another layout
COUNTING = threading.Lock()
if hasattr(os, "register_at_fork"):  # a child could wait forever for a thread that it has not got
    os.register_at_fork(
        before=COUNTING.acquire,
        after_in_parent=COUNTING.release,
        after_in_child=COUNTING.release,
    )


def served_by(kernels: ModuleType) -> ModuleType:
    """The kernels themselves, which from here on serve the call that is counted."""
    SAID.words = kernels.__name__
    return kernels


def refused(reason: str) -> object:
    """NotImplemented, and the reason for the report."""
    SAID.words = reason
    return NotImplemented


def converted() -> None:
    """Count one more array that was brought into another layout."""
    with COUNTING:
        CONVERTED[0] += 1


@contextlib.contextmanager
def by_shape() -> Iterator[None]:
    """Within, calls of kernels are counted by the shapes of their arrays, for `report`.

    This costs about a microsecond a call; slow paths have their shapes in the report anyway.
    """
    SHAPES.append(True)
    try:
        yield
    finally:
        SHAPES.pop()


def is_array(x: object) -> bool:
    """Whether x is an array, of whichever library."""
    return hasattr(x, "shape") and hasattr(x, "dtype")


def counted(
    name: str, kernel: str, find: Callable, plain: Callable, give_up: Callable | None = None
) -> Callable:
    """A function that computes the gate `name` by what `find` finds, and counts how.

    `plain` computes where nothing is found or it returns NotImplemented. kernel: what the function
    is called that is found. give_up: called with the overlay and the reason where the function
    cannot be compiled; `find`, which remembers what it found, then finds another or none.
    """
    KERNELS[name] = kernel
    home = kernel.partition(".")[0]

    def compute(*inputs, **settings):
        fast = find()
        SAID.words = ""  # of a kernel that was called without being counted
        try:
            z = refused(UNUSABLE.get(home, ABSENT)) if fast is None else fast(*inputs, **settings)
        except NotCompiled as error:
            if give_up is None:
                raise
            give_up(home, str(error))
            find.cache_clear()
            fast = find()
            z = refused(str(error)) if fast is None else fast(*inputs, **settings)
        missed = z is NotImplemented
        key = (name, missed, SAID.words)
        if missed or SHAPES[-1]:
            arrays = [x for x in inputs if is_array(x)]
            key += (tuple([x.shape for x in arrays]), arrays[0].dtype.name if arrays else "")
        with COUNTING:
            case = CASES.get(key)
            if case is None:
                case = begun(kernel, inputs, *key)
            case.calls += 1
        return plain(*inputs, **settings) if missed else z

    return compute


def begun(kernel: str, inputs: tuple, name: str, missed: bool, words: str, *what: object) -> Case:
    """The case of a call that is the first of its kind; beyond LIMIT shapes are not told apart."""
    key = (name, missed, words, *what)
    if len(CASES) >= LIMIT:
        what = ()
        key = (name, missed, words)
    module = words.rpartition(".")[2] if words and not missed else kernel.partition(".")[0]
    by = BODY if missed else f"{module}.{name}"
    reason = (words or reason_of(inputs)) if missed else None
    return CASES.setdefault(key, Case(name, by, *what, reason=reason))


def reason_of(inputs: tuple) -> str:
    """Why a kernel refused that did not say why."""
    dtypes = [x.dtype for x in inputs if is_array(x)]
    others = sorted({d.name for d in dtypes if d.char not in FLOATS})
    if others:
        return f"numbers are {' and '.join(others)}; kernels are compiled for float32 and float64"
    if len(set(dtypes)) > 1:
        return f"dtypes differ: {' and '.join(sorted({d.name for d in dtypes}))}"
    return "the kernel does not cover these shapes, settings or dtypes"


def report() -> Report:
    """Which kernels of overlays served which gates so far in this process, and how often.

    A fallback is a call that the kernel did not cover: the gate's body computed it, and `cases` has
    the shapes and the reason. Other shapes are told apart within `by_shape()`. Gates without an
    overlay are not counted.
    """
    with COUNTING:
        cases = [Case(**vars(case)) for case in CASES.values()]
        found = Report(cases, CONVERTED[0], dict(UNUSABLE))
    for name, kernel in [*KERNELS.items()]:
        own = [case for case in cases if case.gate == name]
        missed = sum(case.calls for case in own if case.reason is not None)
        found[name] = Served(kernel, sum(case.calls for case in own) - missed, missed)
    return found
