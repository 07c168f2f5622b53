"""What a certificate promises of a function: one check each, and what they compare with.

A check takes a `Probe` and a case, a list of NumPy arrays, and returns what is wrong, or None.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..ops.reduce import sum
from ..tensor import Tensor, wrap
from ..value import Value
from .grad import grad, listed

STEP = 1e-3  # of five-point differences
DIFFERENCES = 1e-7  # relative: what is left of rounding and of the fifth derivative
KINK = 1e-4  # differences of two steps that disagree by more than this meet a kink
SINGLE = 1e-4  # relative: single precision after a few dozen operations


class Kink(Exception):
    """A derivative jumps so near to the point that differences say nothing."""


@dataclass
class Certificate:
    """What was compared, how often, and how far off it was.

    counts: comparisons by check. worst: the largest relative error by check. notes: what could not
    be asked, and why. kinks: how many points lay at a kink and were left out.
    """

    name: str
    counts: dict[str, int] = field(default_factory=dict)
    worst: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    kinks: int = 0

    def __str__(self) -> str:
        lines = [f"{self.name} is certified", f"{'check':<16}{'comparisons':>12}{'worst':>10}"]
        for check, count in self.counts.items():
            error = f"{self.worst[check]:.1e}" if check in self.worst else ""
            lines.append(f"{check:<16}{count:>12}{error:>10}")
        if self.kinks:
            lines.append(f"left out: {self.kinks} points next to a kink")
        return "\n".join([*lines, *self.notes])


# --- the function at a case -----------------------------------------------------------------------


def named(fn: Callable) -> str:
    """What a function is called."""
    return getattr(fn, "__name__", type(fn).__name__)


class Probe:
    """A function with what is promised of it, and the certificate that is being written."""

    def __init__(
        self, fn: Callable, truth: Callable | None, order: int, view: bool, scalar: bool | None
    ) -> None:
        self.fn = fn
        self.truth = truth
        self.order = order
        self.view = view
        self.scalar = scalar
        self.certificate = Certificate(named(fn))

    def results(self, xs: list) -> list[Tensor]:
        """What the function returns, without None."""
        return [z for z in listed(self.fn(*xs)) if z is not None]

    def compare(self, check: str, got: object, want: object, bound: float) -> str | None:
        """Count a comparison; what is wrong, if something is."""
        got, want = np.asarray(got), np.asarray(want)
        if got.shape != want.shape:
            return f"shape {got.shape}, expected {want.shape}"
        count = self.certificate.counts
        count[check] = count.get(check, 0) + 1
        finite = np.isfinite(want)
        if not np.array_equal(np.isfinite(got), finite):
            return f"got {shown(got)}, expected {shown(want)}"
        scale = max(1.0, np.abs(want[finite]).max(initial=0.0))
        error = float(np.abs(got[finite] - want[finite]).max(initial=0.0) / scale)
        if error > bound:
            return f"got {shown(got)}, expected {shown(want)}: off by {error:.2g} relative"
        worst = self.certificate.worst
        worst[check] = max(error, worst.get(check, 0.0))
        return None


def shown(x: np.ndarray) -> str:
    """Numbers in a message."""
    return np.array2string(x, precision=9, separator=", ", threshold=20)


def leaves(case: list, dtype: type = np.float64) -> list[Tensor]:
    """The inputs as Tensors, those of floats as leaves of a graph, in memory of their own."""
    made = []
    for x in case:
        floats = x.dtype.kind == "f"
        t = wrap(np.array(x, dtype if floats else x.dtype), None)
        made.append(t.requires_grad_() if floats else t)
    return made


def floating(xs: list) -> list[Tensor]:
    """Those that can have gradients."""
    return [x for x in xs if x.dtype.kind == "f"]


def weights(shape: tuple, number: int) -> np.ndarray:
    """The weights of the number-th result: the same at every point."""
    return np.random.default_rng(number).uniform(-1.0, 1.0, shape)


def total(results: list[Tensor]) -> Tensor | None:
    """All results times their weights, added up; None if none of them is on the graph."""
    whole = None
    for number, z in enumerate(results):
        if z.requires_grad:
            w = wrap(weights(z.shape, number).astype(z.dtype), None)
            term = sum(z * w)
            whole = term if whole is None else whole + term
    return whole


def gradients(whole: Tensor | None, xs: list[Tensor], create_graph: bool = False) -> list:
    """The gradients of a total; None where there is none."""
    if whole is None:
        return [None] * len(xs)
    return list(grad(whole, xs, create_graph=create_graph, allow_unused=True))


def zeros_for_none(gradients: list, xs: list[Tensor]) -> list[np.ndarray]:
    """Raw gradients, zeros where there is none."""
    return [
        np.zeros(x.shape, x.dtype) if g is None else g.raw
        for g, x in zip(gradients, xs, strict=True)
    ]


# --- differences ----------------------------------------------------------------------------------


def slope(function: Callable, case: list, i: int, direction: np.ndarray) -> float:
    """The derivative of function(case) along a direction of the i-th input: five-point differences.

    Raises: Kink where two step sizes disagree, or where the slopes of the two sides do.
    """

    def at(step: float) -> float:
        return function([x + step * direction if k == i else x for k, x in enumerate(case)])

    middle = at(0.0)
    slopes, bends = [], []
    for step in (STEP, STEP / 4):
        below, above = at(-step), at(step)
        far = at(2 * step) - at(-2 * step)
        slopes.append((8.0 * (above - below) - far) / (12.0 * step))
        bends.append(abs(above - 2.0 * middle + below) / step)  # falls with the step where smooth
    bound = KINK * max(1.0, abs(slopes[1]))
    jumps = bends[1] > max(0.5 * bends[0], bound / 100)
    if jumps or not abs(slopes[0] - slopes[1]) <= bound:
        raise Kink
    return slopes[1]


def first_total(probe: Probe, case: list) -> float:
    """The total of the results, whether they are on the graph or not."""
    return weighed(probe.results(leaves(case)))


def second_total(probe: Probe, case: list) -> float:
    """The total of the gradients."""
    xs = leaves(case)
    found = gradients(total(probe.results(xs)), floating(xs))
    return weighed([g for g in found if g is not None])


def weighed(results: list[Tensor]) -> float:
    """What `total` computes, as a number."""
    terms = [(z.raw * weights(z.shape, n)).sum() for n, z in enumerate(results)]
    return float(np.sum([t for t, z in zip(terms, results, strict=True) if z.dtype.kind == "f"]))


def along(probe: Probe, xs: list[Tensor]) -> Tensor | None:
    """The gradients along fixed directions, added up, on the graph."""
    found = gradients(total(probe.results(xs)), floating(xs), create_graph=True)
    return total([g for g in found if g is not None])


def against_differences(
    probe: Probe, check: str, case: list, function: Callable, found: list
) -> str | None:
    """The gradients of a function of the case against its differences, input by input."""
    free = [i for i, x in enumerate(case) if x.dtype.kind == "f"]
    for i, g in zip(free, found, strict=True):
        if not case[i].size:
            continue
        if g.shape != case[i].shape:
            return f"the gradient for input {i} has shape {g.shape}, the input {case[i].shape}"
        direction = weights(case[i].shape, 100 + i)
        want = slope(lambda at: function(probe, at), case, i, direction)
        wrong = probe.compare(check, (g * direction).sum(), want, DIFFERENCES)
        if wrong:
            return f"the slope along a direction of input {i}: {wrong}"
    return None


# --- checks: each returns what is wrong, or None --------------------------------------------------


def value(probe: Probe, case: list) -> str | None:
    """The results are those of `truth`, in the inputs' dtype, and the same a second time."""
    first = probe.results(leaves(case))
    for z in first:
        if not isinstance(z, Tensor):
            return f"returns {type(z).__name__}, not a Tensor"
        if z.dtype.kind == "f" and z.dtype != np.float64:
            return f"float64 comes out as {z.dtype}"
    for a, b in zip(first, probe.results(leaves(case)), strict=True):
        wrong = probe.compare("value", b.raw, a.raw, 0.0)
        if wrong:
            return f"a second call with the same inputs: {wrong}"
    if probe.truth is not None:
        with np.errstate(all="ignore"):
            expected = listed(probe.truth(*[np.array(x) for x in case]))
        for z, want in zip(first, expected, strict=True):
            wrong = probe.compare("value", z.raw, want, 1e-12)
            if wrong:
                return wrong
    return None


def manners(probe: Probe, case: list) -> str | None:
    """Nothing is written into, and no memory is shared that was not promised as a view."""
    xs = leaves(case)
    before = [x.raw.tobytes() for x in xs]
    results = probe.results(xs)
    held = [z.raw.tobytes() for z in results]
    count = probe.certificate.counts
    count["manners"] = count.get("manners", 0) + 1
    if not probe.view and any(np.shares_memory(z.raw, x.raw) for z in results for x in xs):
        return "a result shares memory with an input; say view=True if that is meant"
    seeds = [weights(z.shape, n) for n, z in enumerate(results) if z.requires_grad]
    roots = [z for z in results if z.requires_grad]
    if roots:
        grad(roots, floating(xs), [wrap(s, None) for s in seeds], allow_unused=True)
    if [x.raw.tobytes() for x in xs] != before:
        return "an input was written into"
    if [z.raw.tobytes() for z in results] != held:
        return "backward wrote into a result"
    if any(not np.array_equal(s, weights(s.shape, n)) for n, s in enumerate(seeds)):
        return "backward wrote into the gradient that came in"
    return None


def first_order(probe: Probe, case: list) -> str | None:
    """The gradients are central differences."""
    xs = leaves(case)
    free = floating(xs)
    found = zeros_for_none(gradients(total(probe.results(xs)), free), free)
    return against_differences(probe, "first order", case, first_total, found)


def second_order(probe: Probe, case: list) -> str | None:
    """The gradients of gradients are central differences of gradients."""
    if probe.order < 2:
        return None
    xs = leaves(case)
    free = floating(xs)
    try:
        found = zeros_for_none(gradients(along(probe, xs), free), free)
    except (RuntimeError, TypeError) as error:
        return f"gradients of gradients raise: {error}; order=1 leaves them out"
    return against_differences(probe, "second order", case, second_total, found)


def single_precision(probe: Probe, case: list) -> str | None:
    """float32 stays float32, forward and backward, and is as exact as it can be."""
    rounded = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in case]
    found = []
    for dtype in (np.float32, np.float64):
        xs = leaves(rounded, dtype)
        results = probe.results(xs)
        free = floating(xs)
        slopes = zeros_for_none(gradients(total(results), free), free)
        found.append([z.raw for z in floating(results)] + slopes)
    for got, want in zip(*found, strict=True):
        if got.dtype != np.float32:
            return f"float32 comes out as {got.dtype}"
        wrong = probe.compare("float32", got, want, SINGLE)
        if wrong:
            return wrong
    return None


def layouts(probe: Probe, case: list) -> str | None:
    """Read-only arrays with negative strides in Fortran's order give the same results."""
    strange = []
    for x in case:
        room = np.empty([2 * size for size in x.shape[::-1]], x.dtype)
        made = room[(..., *[slice(None, None, -2)] * x.ndim)].T
        made[...] = x
        made.flags.writeable = False
        strange.append(wrap(made, None))
    results = [probe.results(leaves(case)), probe.results(strange)]
    for want, got in zip(*results, strict=True):
        wrong = probe.compare("layouts", got.raw, want.raw, 1e-12)
        if wrong:
            return f"on read-only arrays with negative strides: {wrong}"
    return None


def scalar_mode(probe: Probe, case: list) -> str | None:
    """On Values the function computes what it computes on 0-d tensors, and the same gradients."""
    if probe.scalar is False or any(x.size == 0 for x in case):
        return None
    numbers = [x.ravel()[0].item() for x in case]
    values = [Value(n) for n in numbers]
    try:
        results = listed(probe.fn(*values))
    except (AttributeError, TypeError) as error:
        probe.scalar = probe.scalar or False
        probe.certificate.notes.append(f"scalar mode: not asked, since Values raise: {error}")
        return f"Values raise: {error}" if probe.scalar else None
    xs = leaves([np.array(n) for n in numbers])
    tensors = probe.results(xs)
    for v, z in zip(results, tensors, strict=True):
        wrong = probe.compare("scalar mode", getattr(v, "data", v), z.raw, 1e-12)
        if wrong:
            return wrong
        if isinstance(v, Value) and z.requires_grad:
            slopes = [0.0 if g is None else g for g in grad(v, values, allow_unused=True)]
            want = zeros_for_none(gradients(z, xs), xs)
            wrong = probe.compare("scalar mode", slopes, np.array(want), 1e-12)
            if wrong:
                return f"gradients: {wrong}"
    return None


CHECKS = (
    value,
    manners,
    first_order,
    second_order,
    single_precision,
    layouts,
    scalar_mode,
)
