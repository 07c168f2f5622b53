"""A gate at a case as a function to be differentiated, and what it is compared with.

`test_gates.py` asks the questions, these are the means: gates by name, `Probe`, derivatives along
directions, the same number by number on Values, the same in PyTorch.
"""

import math
from types import CodeType, ModuleType

import numpy as np
import pytest
from domains import ROWS
from drawing import Case
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import kernels, ops
from tinygrad_cnn.autograd import grad

FUNCTIONS = {
    made.gate.name: made
    for module in vars(ops).values()
    if isinstance(module, ModuleType)
    for made in vars(module).values()
    if hasattr(made, "gate") and not isinstance(made, ModuleType)
}
NAMES = sorted(FUNCTIONS.keys() & ROWS.keys())
SMOOTH = [name for name in NAMES if FUNCTIONS[name].gate.kind != "flat"]
SCALAR = [name for name in NAMES if ROWS[name].scalar]
ROUNDING = 1e-12  # of float64, for a few dozen operations on numbers near 1


def each(names):
    """A test for each of these gates, with cases drawn from the gate's row."""

    def decorate(test):
        @pytest.mark.parametrize("name", names)
        @given(data=st.data())
        def wrapped(name, data):
            test(name, data.draw(ROWS[name].cases))

        wrapped.__name__ = test.__name__
        return wrapped

    return decorate


def own_records():
    """The records of the library's gates; tests define gates of their own."""
    return [g for g in kernels.GATES if g.body.__module__.startswith("tinygrad_cnn.")]


def outputs(name: str, inputs, settings: dict) -> list:
    """What the gate returns, as a list."""
    gate = FUNCTIONS[name]
    z = gate(inputs, **settings) if gate.gate.many else gate(*inputs, **settings)
    return [e for e in z if e is not None] if isinstance(z, tuple) else [z]


def free(name: str, case: Case) -> list[int]:
    """The places of the inputs that can be differentiated."""
    record = FUNCTIONS[name].gate
    names = record.inputs * len(case.inputs) if record.many else record.inputs
    ruled = [n in record.rules or "all" in record.rules for n in names]
    return [
        i
        for i, (n, x) in enumerate(zip(names, case.inputs, strict=True))
        if x is not None
        and x.dtype.kind == "f"
        and n not in ROWS[name].fixed
        and (ruled[i] or record.kind == "composite")
    ]


def placed(x: np.ndarray):
    """x among the arrays of the backend that the tests run on."""
    return tg.as_tensor(x).raw


class Probe:
    """A gate at a case, as a function of points: its free inputs, then one weight per output.

    place: from a NumPy array to the array of a backend, by default that of the run.
    """

    def __init__(self, name: str, case: Case, place=placed, dtype=np.float64) -> None:
        self.name, self.place = name, place
        with np.errstate(over="ignore"):  # numbers too large for float32 become infinite
            cast = [x.astype(dtype) if kind(x) == "f" else x for x in case.inputs]
        self.inputs = [x if x is None else place(x) for x in cast]
        self.settings = {n: elsewhere(value, place) for n, value in case.settings.items()}
        self.free = free(name, case)
        rng = np.random.default_rng(0)
        shapes = [np.shape(z) for z in outputs(name, cast, case.settings)]
        weights = [rng.uniform(-1.0, 1.0, shape).astype(dtype) for shape in shapes]
        self.points = [cast[i] for i in self.free] + weights
        self.directions = [
            [rng.uniform(-1.0, 1.0, p.shape).astype(dtype) for p in self.points] for _ in range(3)
        ]

    def leaves(self, arrays: list) -> list[tg.Tensor]:
        """Points as leaves of a graph."""
        return [tg.Tensor(self.place(a), requires_grad=True) for a in arrays]

    def outputs(self, leaves: list) -> list[tg.Tensor]:
        """What the gate makes of free inputs and the constants beside them."""
        inputs = [x if x is None else tg.Tensor(x) for x in self.inputs]
        for i, leaf in zip(self.free, leaves, strict=False):
            inputs[i] = leaf
        return outputs(self.name, inputs, self.settings)

    def total(self, *leaves: tg.Tensor) -> tg.Tensor:
        """Everything the gate returns, times the weights, added up."""
        made = self.outputs(leaves)
        return added(z * w for z, w in zip(made, leaves[len(self.free) :], strict=True))

    def derived(self, order: int):
        """`total`, differentiated `order` times, each time along another direction."""
        function = self.total
        for directions in self.directions[:order]:
            function = along(function, [tg.Tensor(self.place(d)) for d in directions])
        return function

    def gradients(self, order: int) -> list[np.ndarray]:
        """The gradients of a derivative at the points; zeros where there is none."""
        return self.gradients_of(self.leaves(self.points), order)

    def gradients_of(self, leaves: list, order: int, create_graph: bool = False) -> list:
        """The gradients of a derivative at these leaves."""
        found = grad(self.derived(order)(*leaves), leaves, create_graph=create_graph)
        pairs = zip(found, self.points, strict=True)
        return [np.zeros(p.shape, p.dtype) if g is None else host(g) for g, p in pairs]


def kind(x) -> str | None:
    return None if x is None else x.dtype.kind


def elsewhere(value, place):
    """A setting beside a backend's arrays: arrays in keys move along, and the device is theirs."""
    if isinstance(value, tuple):
        return tuple(elsewhere(v, place) for v in value)
    if isinstance(value, np.ndarray):
        return place(value)
    return str(kernels.device_of(place(np.zeros(1)))) if value == "cpu" else value


def added(terms) -> tg.Tensor:
    """The sum of all elements of all terms."""
    total = 0.0
    for term in terms:
        total = tg.sum(term) + total
    return total


def along(function, directions: list):
    """The derivative of a function along directions, itself a function on the graph."""

    def derivative(*leaves):
        found = grad(function(*leaves), leaves, create_graph=True)
        pairs = zip(found, directions, strict=True)
        # a sum that holds each leaf, so that it is on the graph whatever the derivative is
        return added([g * d for g, d in pairs if g is not None] + [leaf * 0.0 for leaf in leaves])

    return derivative


def dot(xs: list, ys: list) -> float:
    return math.fsum(float((x * y).sum()) for x, y in zip(xs, ys, strict=True))


def single(case: Case) -> Case:
    """The first element of every input, as 0-d arrays."""
    return Case(tuple(x.ravel()[0].reshape(()) for x in case.inputs), case.settings)


# --- number by number -----------------------------------------------------------------------------


def numbers(x: np.ndarray, wrap) -> np.ndarray:
    """x with a Python object for each number."""
    made = np.empty(x.shape, object)
    for place in np.ndindex(*x.shape):
        made[place] = wrap(x[place].item())
    return made


def on_values(probe: Probe, arrays: list) -> tuple[list, list]:
    """The gate applied number by number: leaves as Values in arrays of objects, and results."""
    leaves = [numbers(a, tg.Value) for a in arrays]
    inputs = [numbers(x, lambda number: number) for x in probe.inputs]
    for i, leaf in zip(probe.free, leaves, strict=False):
        inputs[i] = leaf
    spread = np.broadcast_arrays(*inputs)
    results = np.empty(spread[0].shape, object)
    for place in np.ndindex(*results.shape):
        xs = [x[place] for x in spread]
        if not any(isinstance(x, tg.Value) for x in xs):
            xs[-1] = tg.Value(xs[-1])
        results[place] = FUNCTIONS[probe.name](*xs, **probe.settings)
    return leaves, results


def plain(x) -> float | bool:
    """The number of a Value."""
    return x.data if isinstance(x, tg.Value) else x


def check_scalar_mode(name: str, case: Case) -> None:
    """Values and gradients of two orders, number by number, against those of arrays."""
    probe = Probe(name, case)
    leaves, results = on_values(probe, probe.points)
    (z,) = outputs(name, [tg.Tensor(x) for x in case.inputs], case.settings)
    found = np.array([plain(v) for v in results.ravel()], z.dtype).reshape(z.shape)
    agree("scalar mode", found, z.raw, ROUNDING)
    if name not in SMOOTH or not found.size:
        return
    flat = [v for leaf in leaves for v in leaf.ravel()]
    total = tg.Value(0.0)
    for v, w in zip(results.ravel(), leaves[-1].ravel(), strict=True):
        total = total + v * w
    slopes = grad(total, flat, create_graph=True)
    check_scalar_gradients(slopes, probe.gradients(0))
    total.backward()  # by a walk of its own, see value.walk
    check_scalar_gradients([v.grad for v in flat], probe.gradients(0))
    directions = np.concatenate([d.ravel() for d in probe.directions[0]])
    second = tg.Value(0.0)
    for v, g, d in zip(flat, slopes, directions, strict=True):
        second = second + v * 0.0 + (g * float(d) if g is not None else 0.0)
    check_scalar_gradients(grad(second, flat), probe.gradients(1))


def check_scalar_gradients(found: list, want: list[np.ndarray]) -> None:
    """Gradients of Values against those of tensors."""
    got = np.array([0.0 if g is None else plain(g) for g in found])
    agree("scalar mode", got, np.concatenate([w.ravel() for w in want]), 10 * ROUNDING)


# --- in PyTorch -----------------------------------------------------------------------------------


def check_against_torch(name: str, case: Case, torch: ModuleType, dtype=np.float64) -> None:
    """Values and first gradients: to 1e-12 in float64, to 1e-5 in float32."""
    probe = Probe(name, case, dtype=dtype)
    oracle, bound = ("PyTorch", ROUNDING) if dtype is np.float64 else ("PyTorch, float32", 1e-5)
    same = getattr(torch, name, None)
    function = ROWS[name].torch
    if function is True:
        function = lambda torch, *xs, **settings: same(*xs, **settings)
    inputs = [x if x is None else torch.tensor(host(x)) for x in probe.inputs]
    for i in probe.free:
        inputs[i].requires_grad_()
    z = function(torch, *inputs, **case.settings)
    mine = [x if x is None else tg.Tensor(x) for x in probe.inputs]
    (mine,) = outputs(name, mine, case.settings)
    agree(oracle, mine.raw, z.detach().numpy(), bound)
    if name in SMOOTH:
        (z * torch.tensor(probe.points[-1])).sum().backward()
        for i, g in zip(probe.free, probe.gradients(0), strict=False):
            expected = inputs[i].grad
            expected = np.zeros(g.shape, dtype) if expected is None else expected.numpy()
            agree(oracle, g, expected, bound)


# --- what the formulas of a gate are written in ---------------------------------------------------


def codes(code: CodeType) -> list[CodeType]:
    """A function's code and that of the functions inside it."""
    found = [code]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found.extend(codes(constant))
    return found


def called(function) -> list:
    """The functions of the library that a function's code names."""
    names = {name for code in codes(function.__code__) for name in code.co_names}
    found = [function.__globals__.get(name) for name in names]
    ours = [f for f in found if getattr(f, "__module__", "").startswith("tinygrad_cnn.ops")]
    return [f for f in ours if callable(f)]


def rules_of(record) -> list:
    """The rules of a gate as they are written; a composite that is one is seen by its body."""
    return [rule.gate.body if hasattr(rule, "gate") else rule for rule in record.rules.values()]


def written(record) -> list:
    """The rules of a gate, the plain functions they call, and the composites they call."""
    found = []
    rules = rules_of(record)
    waiting = list(rules)
    while waiting:
        function = waiting.pop()
        if function in found:
            continue
        found.append(function)
        for other in called(function):
            if not hasattr(other, "gate"):
                waiting.append(other)
            elif other.gate.kind == "composite" and function in rules:
                found.append(other.gate.body)
    return found
