"""Formulas as one sweep against the bodies and rules in double precision, on all kinds of numbers
and layouts."""

import numpy as np
import pytest
from checks import agree
from domains import ROWS
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.kernels import formula
from tinygrad_cnn.ops.activation import leaky_relu, relu_dx, sigmoid, tanh_dx
from tinygrad_cnn.ops.erf import erf, erfc

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu, cpu_pointwise, layout

EPS = np.finfo(np.float32).eps
SPECIAL = [0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e-38, 1e-45, 3e38, -3e38, 88.6, -88.6]
LINE = np.concatenate([np.linspace(-20, 20, 100_001), SPECIAL]).astype("f4")


@pytest.mark.parametrize("gate", [erf, erfc, sigmoid])
def test_functions_are_exact_to_a_few_units_in_the_last_place(gate):
    """Up to 8 of them, and 1e-37: below that e^x is not told from 0."""
    with np.errstate(all="ignore"):
        z = getattr(cpu_pointwise, gate.__name__)(LINE)
        want = gate.gate.body(LINE.astype(np.float64))
    assert z.dtype == np.float32
    np.testing.assert_allclose(z, want, rtol=8 * EPS, atol=1e-37)


def test_the_edges_of_sigmoid():
    payloads = np.array([0x7F800001, 0x7FC001FF, -1], np.int32).view(np.float32)  # all are nan
    assert np.isnan(cpu_pointwise.sigmoid(np.resize(payloads, 100))).all()
    x = np.array([-np.inf, -100.0, -87.0, -0.0, 17.0, 100.0, np.inf], "f4")
    z = cpu_pointwise.sigmoid(x)
    assert z[[0, 1, 3, 5, 6]].tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert 1e-38 < z[2] < 2e-38 and 1 - 1e-6 < z[4] <= 1


@pytest.mark.parametrize(
    ("gate", "exact", "units"),
    [("exp", np.exp, 2), ("expm1", np.expm1, 3), ("log1p", np.log1p, 3), ("tanh", np.tanh, 4)],
)
def test_functions_of_single_numbers(gate, exact, units):
    tiny = 10.0 ** np.arange(-38, 0)
    x = np.concatenate([LINE[LINE > -87], tiny, -tiny]).astype("f4")
    with np.errstate(all="ignore"):
        want = exact(x.astype(np.float64)).astype("f4")
    found = cpu_pointwise.swept(lambda v: formula.Term(gate, v), x)
    np.testing.assert_allclose(found, want, rtol=units * EPS, atol=1e-45)


def stored(x, storage):
    """x in another place or order of memory."""
    if storage in ("rows", "columns"):
        z = layout.empty_in(layout.orders(x.ndim)[storage == "columns"], x.shape, x.dtype)
        z[...] = x
        return z
    if storage == "read-only":
        x.flags.writeable = False
    return x[:, ::2] if storage == "strided" else x


@pytest.mark.parametrize("storage", ["planes", "rows", "columns", "strided", "read-only"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("gate", [relu_dx, tanh_dx])
def test_layouts(gate, storage, dtype):
    """A gradient lies as the result does, however the one that came in lies."""
    rng = np.random.default_rng(0)
    g, z = (stored(rng.standard_normal((3, 4, 5, 6)).astype(dtype), storage) for _ in "gz")
    expected = gate.gate.body(g, z)
    axes = layout.order(z)
    for u in (g, g.copy(), np.asfortranarray(g)):
        dx = getattr(cpu_pointwise, gate.__name__)(u, z)
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(dx, expected, rtol=4 * eps, atol=16 * eps)  # 1 - z² cancels
        assert dx.dtype == g.dtype
        assert layout.order(dx) == axes
    if dtype == "float32":
        assert layout.order(cpu_pointwise.sigmoid(z)) == axes
    else:
        assert cpu_pointwise.sigmoid(z) is NotImplemented


def test_nan_passes_a_relu_both_ways():
    g, z = np.array([[1.0, np.nan, 1.0], [np.nan, 0.0, -0.0]], "f4")
    assert np.array_equal(cpu_pointwise.relu_dx(g, z), [1.0, 0.0, 0.0], equal_nan=True)
    assert np.array_equal(cpu_pointwise.relu_dx(z, g), [np.nan, 0.0, -0.0], equal_nan=True)


@pytest.mark.parametrize("x", [np.float32(1), 1.0, np.ones(2, "f2"), np.ones(2, "i8")])
def test_what_is_not_covered_is_left_to_the_body(x):
    assert cpu_pointwise.erf(x) is NotImplemented
    for backward in (cpu_pointwise.relu_dx, cpu_pointwise.tanh_dx):
        assert backward(x, x) is NotImplemented


def test_shapes_that_broadcast_are_left_to_the_body():
    assert cpu_pointwise.relu_dx(np.ones((2, 1), "f4"), np.ones((2, 3), "f4")) is NotImplemented
    assert cpu_pointwise.relu_dx(np.ones(2, "f4"), np.ones(2)) is NotImplemented


# --- all formulas ---------------------------------------------------------------------------------

GATES = {gate.name: gate for gate in kernels.GATES if gate.formula and gate.rules}
EXACT = {"leaky_relu", "hardtanh", "hardsigmoid", "hardswish"}  # float64 as well
EXACT |= {"relu", "abs", "maximum", "minimum", "clamp_min", "clamp_max"}


def compared(function, name, inputs, settings, dtype):
    """What a function finds in one sweep against what it finds by reference bodies, which is
    returned: within 32 units in the last place of the largest number."""
    fast = getattr(cpu_pointwise, name)(*inputs, **settings)
    with kernels.use("reference"), np.errstate(all="ignore"):
        slow = function(*inputs, **settings)
    if fast is NotImplemented:
        assert dtype == np.float64 and name.partition(".")[0] not in EXACT
    else:
        assert fast.dtype == dtype
        agree("reference bodies", fast, slow, 32 * np.finfo(dtype).eps)
    return slow


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", GATES)
@given(data=st.data())
@settings(max_examples=5)
def test_gates_and_rules_in_one_sweep_are_what_they_are(name, dtype, data):
    gate = GATES[name]
    case = data.draw(ROWS[name].cases)
    arrays = [np.resize(x, cpu.LARGE).astype(dtype) for x in case.inputs]
    z = compared(gate.body, name, arrays, case.settings, dtype)
    g = np.linspace(-1, 1, z.size).astype(dtype)
    known = {"g": g, "z": z, **dict(zip(gate.inputs, arrays, strict=True)), **case.settings}
    for word, rule in gate.rules.items():
        home = rule.gate.name if hasattr(rule, "gate") else f"{name}.{word}"
        compared(rule, home, [known[n] for n in gate.wants[word]], {}, dtype)


def served(name):
    """How often a formula was computed in one sweep so far."""
    found = kernels.report()
    return found[name].calls if name in found else 0


def test_large_arrays_take_the_sweep_both_ways():
    for size, sweeps in ((cpu.LARGE - 1, 0), (cpu.LARGE, 1)):
        before = served("elu"), served("elu.x")
        x = tg.linspace(-4, 4, size).requires_grad_(True)
        tg.nn.functional.elu(x).sum().backward()
        assert (served("elu"), served("elu.x")) == (before[0] + sweeps, before[1] + sweeps)
        slope = np.exp(np.minimum(x.detach().numpy(), 0))
        np.testing.assert_allclose(x.grad.numpy(), slope, rtol=1e-6)


def test_a_formula_is_written_down_step_by_step():
    steps, numbers = formula.steps(leaky_relu, (...,), {"negative_slope": 0.5})
    assert steps == (
        ("gt", ("input", 0), ("number", 0)),
        ("mul", ("input", 0), ("number", 1)),
        ("where", ("step", 0), ("input", 0), ("step", 1)),
    )
    assert numbers == (0.0, 0.5)


def test_settings_of_other_numbers_share_the_machine_code():
    plans = [cpu_pointwise.planned(leaky_relu, (...,), (("negative_slope", s),)) for s in (0.5, 2)]
    assert plans[0].loop is plans[1].loop
    assert [p.numbers[np.dtype("f4")].tolist() for p in plans] == [[0.0, 0.5], [0.0, 2.0]]


@pytest.mark.parametrize(
    "function",
    [lambda x: x.sum(), lambda x: 1.0, lambda x: x, lambda x: x * None, tg.cumsum],
)
def test_what_is_no_formula_is_left_to_the_body(function):
    assert formula.steps(function, (...,), {}) is None
    assert cpu_pointwise.swept(function, np.ones(3, "f4")) is NotImplemented
