"""A certificate for gates: what the library asks of its own gates, asked of anybody's function.

    print(tg.autograd.certify(my_gate))           # elementwise: shapes are drawn as well
    print(tg.autograd.certify(my_layer, x, w))    # examples of the inputs, which give the shapes

Points are drawn, and at each the function is held against finite differences, against itself in
single precision, in scalar mode and on arrays of other layout. What fails is made smaller until
nothing smaller fails, and then told. All of it is computed on the CPU.
"""

import inspect
from collections.abc import Callable, Iterator

import numpy as np

from ..tensor import Device, Tensor
from ..value import Value
from .promises import CHECKS, Certificate, Kink, Probe, named, shown

SHAPES = ((), (1,), (3,), (2, 3), (0,), (2, 1), (1, 3, 2))  # for elementwise functions
PATIENCE = 300  # smaller cases tried before a failure is told


class NotCertified(AssertionError):
    """A function did not pass; the message holds the smallest case found."""


def certify(
    fn: Callable,
    *inputs: object,
    truth: Callable | None = None,
    domain: tuple[float, float] | Callable = (-2.0, 2.0),
    order: int = 2,
    view: bool = False,
    scalar: bool | None = None,
    cases: int = 20,
    seed: int = 0,
) -> Certificate:
    """The certificate of a gate, or of any function of Tensors.

    inputs: examples, of which shapes are kept and floats drawn anew; without them fn is taken to
    work element by element on each of its parameters, and shapes are drawn too. truth: the same
    function in NumPy. domain: (low, high) of the numbers, or a function of a NumPy generator and a
    shape. order: 2 also certifies gradients of gradients. view: whether the result may share memory
    with an input. scalar: whether fn works on Values; None asks it.

    Raises: NotCertified with the smallest failing case; ValueError for settings out of range.
    """
    if order not in (1, 2) or cases < 1:
        raise ValueError(f"certify: order is 1 or 2 and cases positive, got {order} and {cases}")
    probe = Probe(fn, truth, order, view, scalar)
    rng = np.random.default_rng(seed)
    draw = domain if callable(domain) else lambda r, shape: r.uniform(*domain, shape)
    for number in range(cases):
        case = drawn(fn, inputs, draw, rng, number)
        for check in CHECKS:
            message = failure(probe, check, case)
            if message:
                case, message = smallest(probe, check, case, message, elementwise=not inputs)
                raise NotCertified(told(probe.certificate.name, check, case, message))
    if not probe.certificate.counts.get("first order"):
        raise NotCertified(
            f"{probe.certificate.name}: each of {cases} points lay at a kink or had no finite "
            "value; give a domain in which the function is smooth"
        )
    return probe.certificate


# --- cases ----------------------------------------------------------------------------------------


def drawn(fn: Callable, examples: tuple, draw: Callable, rng: object, number: int) -> list:
    """The inputs of a case: floats drawn, whole numbers and masks as they were given."""
    if examples:
        arrays = [raw_of(x) for x in examples]
        return [np.asarray(draw(rng, a.shape), float) if a.dtype.kind == "f" else a for a in arrays]
    full = SHAPES[number % len(SHAPES)]
    shapes = [full, *(broadcastable(full, rng) for _ in range(arity(fn) - 1))]
    rng.shuffle(shapes)
    return [np.asarray(draw(rng, shape), float) for shape in shapes]


def raw_of(x: object) -> np.ndarray:
    """An example as an array."""
    if isinstance(x, Tensor):
        return x.numpy(force=True)
    return np.asarray(x.data if isinstance(x, Value) else x)


def arity(fn: Callable) -> int:
    """How many parameters without a default fn has.

    Raises: ValueError if there are none.
    """
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(fn).parameters.values()
    count = len([p for p in parameters if p.kind in kinds and p.default is p.empty])
    if not count:
        raise ValueError(f"certify: {named(fn)} has no parameters; give examples of its inputs")
    return count


def broadcastable(full: tuple, rng: object) -> tuple:
    """A shape that broadcasts to `full`."""
    shape = [size if rng.random() < 0.7 else 1 for size in full]
    return tuple(shape[rng.integers(0, len(shape) + 1) :]) if rng.random() < 0.3 else tuple(shape)


# --- failures -------------------------------------------------------------------------------------


def failure(probe: Probe, check: Callable, case: list) -> str | None:
    """What is wrong at a case; None at a kink."""
    try:
        with np.errstate(all="ignore"), Device("cpu"):
            return check(probe, [np.array(x) for x in case])
    except Kink:
        probe.certificate.kinks += 1
        return None


def smallest(
    probe: Probe, check: Callable, case: list, message: str, elementwise: bool
) -> tuple[list, str]:
    """The smallest case found at which the check still fails, and what it says there."""
    tried = 0
    again = True
    while again:
        again = False
        for simpler in smaller(case, elementwise):
            tried += 1
            if tried > PATIENCE:
                return case, message
            try:
                found = failure(probe, check, simpler)
            except Exception:  # what raises at a smaller case is another failure
                continue
            if found:
                case, message, again = simpler, found, True
                break
    return case, message


def smaller(case: list, elementwise: bool) -> Iterator[list]:
    """Simpler cases: for elementwise functions one element, then rounder numbers."""
    if elementwise and any(x.ndim for x in case):
        size = max(x.size for x in case)
        for k in range(min(size, 8)):
            yield [x.ravel()[k % x.size].reshape(()) if x.size else x for x in case]
    for i, x in enumerate(case):
        if x.dtype.kind != "f":
            continue
        for rounder in (np.ones_like(x), np.round(x), np.round(x, 1), np.round(x, 2)):
            if simplicity(rounder) < simplicity(x):
                yield [rounder if k == i else other for k, other in enumerate(case)]


def simplicity(x: np.ndarray) -> int:
    """How many signs it takes to write the numbers."""
    return len("".join(f"{abs(n):.15g}" for n in x.ravel().tolist()))


def told(name: str, check: Callable, case: list, message: str) -> str:
    """The message of a failure."""
    inputs = "\n".join(
        f"    input {i}, {x.dtype} of shape {x.shape}: {shown(x)}" for i, x in enumerate(case)
    )
    return f"{name}, {check.__name__.replace('_', ' ')}: {message}\nsmallest case:\n{inputs}"
