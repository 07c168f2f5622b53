"""Pointwise kernels against the bodies in double precision, on all kinds of numbers and layouts."""

import numpy as np
import pytest

from tinygrad_cnn.ops.activation import relu_dx, sigmoid, sigmoid_dx, tanh_dx
from tinygrad_cnn.ops.erf import erf, erfc

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_pointwise, layout
from tinygrad_cnn.kernels.exponential import exp_single
from tinygrad_cnn.kernels.parallel import arguments, shared

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


@shared
def powers(task, first, last, part):
    """exp_single, which only compiled code calls."""
    x, z = arguments(task)
    for i in range(first, last):
        z[i] = exp_single(x[i])


def test_exp():
    x = LINE[LINE > -87]
    with np.errstate(all="ignore"):
        want = np.exp(x.astype(np.float64)).astype("f4")
    found = np.empty_like(x)
    powers(x.size, x.size, x, found)
    np.testing.assert_allclose(found[::50], want[::50], rtol=2 * EPS)
    many = len(SPECIAL)
    np.testing.assert_allclose(found[-many:], want[-many:], rtol=EPS)


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
@pytest.mark.parametrize("gate", [relu_dx, sigmoid_dx, tanh_dx])
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
    for backward in (cpu_pointwise.relu_dx, cpu_pointwise.sigmoid_dx, cpu_pointwise.tanh_dx):
        assert backward(x, x) is NotImplemented


def test_shapes_that_broadcast_are_left_to_the_body():
    assert cpu_pointwise.relu_dx(np.ones((2, 1), "f4"), np.ones((2, 3), "f4")) is NotImplemented
    assert cpu_pointwise.relu_dx(np.ones(2, "f4"), np.ones(2)) is NotImplemented
