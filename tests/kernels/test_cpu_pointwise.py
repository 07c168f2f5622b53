"""Pointwise kernels against the bodies in double precision, on all kinds of numbers and layouts."""

import numpy as np
import pytest

from tinygrad_cnn.ops.activation import relu_dx, sigmoid
from tinygrad_cnn.ops.erf import erf, erfc

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_pointwise, layout
from tinygrad_cnn.kernels.exponential import exp, exp_single

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


def test_exp():
    x = LINE[LINE > -87]
    with np.errstate(all="ignore"):
        want = np.exp(x.astype(np.float64)).astype("f4")
    found = np.array([exp_single(v) for v in x[::50]], "f4")
    np.testing.assert_allclose(found, want[::50], rtol=2 * EPS)
    special = x[-len(SPECIAL) :]
    np.testing.assert_allclose([exp_single(v) for v in special], want[-len(SPECIAL) :], rtol=EPS)
    assert exp(0.0) == 1.0


def stored(x, storage):
    """x in another place or order of memory."""
    if storage == "rows":
        return layout.outermost(np.ascontiguousarray(layout.innermost(x)))
    if storage == "read-only":
        x.flags.writeable = False
    return x[:, ::2] if storage == "strided" else x


@pytest.mark.parametrize("storage", ["planes", "rows", "strided", "read-only"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layouts(storage, dtype):
    rng = np.random.default_rng(0)
    g, z = (stored(rng.standard_normal((3, 4, 5, 6)).astype(dtype), storage) for _ in "gz")
    dx = cpu_pointwise.relu_dx(g, z)
    assert np.array_equal(dx, relu_dx.gate.body(g, z))
    assert dx.dtype == g.dtype
    assert layout.in_rows(dx) == (storage == "rows")
    if dtype == "float32":
        assert layout.in_rows(cpu_pointwise.sigmoid(g)) == (storage == "rows")
    else:
        assert cpu_pointwise.sigmoid(g) is NotImplemented


def test_nan_passes_a_relu_both_ways():
    g, z = np.array([[1.0, np.nan, 1.0], [np.nan, 0.0, -0.0]], "f4")
    assert np.array_equal(cpu_pointwise.relu_dx(g, z), [1.0, 0.0, 0.0], equal_nan=True)
    assert np.array_equal(cpu_pointwise.relu_dx(z, g), [np.nan, 0.0, -0.0], equal_nan=True)


@pytest.mark.parametrize("x", [np.float32(1), 1.0, np.ones(2, "f2"), np.ones(2, "i8")])
def test_what_is_not_covered_is_left_to_the_body(x):
    assert cpu_pointwise.erf(x) is NotImplemented
    assert cpu_pointwise.relu_dx(x, x) is NotImplemented


def test_shapes_that_broadcast_are_left_to_the_body():
    assert cpu_pointwise.relu_dx(np.ones((2, 1), "f4"), np.ones((2, 3), "f4")) is NotImplemented
    assert cpu_pointwise.relu_dx(np.ones(2, "f4"), np.ones(2)) is NotImplemented
