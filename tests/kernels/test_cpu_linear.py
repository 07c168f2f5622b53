"""The kernels of linear layers against the bodies, within the bound of sums in any order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.ops.contract import linear, linear_dw, linear_dx

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu, cpu_linear, simd

EPS = np.finfo(np.float32).eps


@pytest.fixture(params=[1, 2], ids=["1 thread", "2 threads"], autouse=True)
def threads(request):
    before = tg.get_num_threads()
    tg.set_num_threads(request.param)
    yield request.param
    tg.set_num_threads(before)


@st.composite
def layers(draw):
    """Samples in columns, weights, a bias or None, and a gradient in columns."""
    n = simd.LANES * draw(st.integers(1, 5))
    inputs, outputs = (draw(st.integers(1, 2 * simd.ROWS + 3)) for _ in range(2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x, g = (np.asfortranarray(rng.standard_normal((n, m), np.float32)) for m in (inputs, outputs))
    b = rng.standard_normal(outputs, np.float32) if draw(st.booleans()) else None
    return x, rng.standard_normal((outputs, inputs), np.float32), b, g


def check(gate, *inputs, terms, columns=True):
    """The kernel's result is the body's within the bound, and lies in columns, or in rows."""
    z = getattr(cpu_linear, gate.__name__)(*inputs)
    expected = gate.gate.body(*inputs)
    sizes = gate.gate.body(*[a if a is None else np.abs(a) for a in inputs])
    assert (z.dtype, z.shape) == (np.float32, expected.shape)
    assert z.base is None
    assert z.flags.f_contiguous if columns else z.flags.c_contiguous
    assert np.all(np.abs(z - expected) <= terms * EPS * sizes)


@given(layers())
def test_linear_is_the_body(layer):
    x, w, b, _ = layer
    check(linear, x, w, b, terms=w.shape[1] + 1)


@given(layers())
def test_linear_dx_is_the_body(layer):
    _, w, _, g = layer
    check(linear_dx, g, w, terms=len(w))


@given(layers())
def test_linear_dw_is_the_body(layer):
    x, _, _, g = layer
    check(linear_dw, g, x, terms=len(x), columns=False)


@pytest.mark.parametrize("columns", [True, False])
def test_numpy_keeps_the_layout_of_small_ones(columns):
    rng = np.random.default_rng(0)
    x, g = (rng.standard_normal((5, m), np.float32) for m in (4, 3))
    w, b = rng.standard_normal((3, 4), np.float32), rng.standard_normal(3, np.float32)
    if columns:
        x, g = np.asfortranarray(x), np.asfortranarray(g)
    z, dx = cpu.linear(x, w, b), cpu.linear_dx(g, w)
    np.testing.assert_allclose(z, x @ w.T + b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dx, g @ w, rtol=1e-5, atol=1e-6)
    assert z.flags.fnc == dx.flags.fnc == columns
    np.testing.assert_allclose(cpu.linear_dw(g, x), g.T @ x, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.astype("f8"),
        np.ascontiguousarray,
        lambda x: np.asfortranarray(x[1:]),
        lambda x: x[None],
        lambda x: x[:0],
    ],
    ids=["float64", "rows", "lanes left over", "three axes", "no samples"],
)
def test_what_is_not_covered_is_left_to_numpy(change):
    x = np.asfortranarray(np.ones((simd.WIDTH, 5), "f4"))
    w = np.ones((3, 5), "f4")
    assert cpu_linear.linear(x, w, None) is not NotImplemented
    assert cpu_linear.linear(change(x), w, None) is NotImplemented
    assert cpu_linear.linear_dx(change(x), np.ones((5, 3), "f4")) is NotImplemented
    assert cpu_linear.linear_dw(change(x), x) is NotImplemented
    assert cpu_linear.linear_dw(x, change(x)) is NotImplemented


def test_a_layer_of_a_net_lies_as_its_input():
    layer = tg.nn.Linear(400, 120)
    x = tg.Tensor(np.asfortranarray(np.ones((64, 400), "f4")), requires_grad=True)
    z = layer(x)
    z.sum().backward()
    assert z.raw.flags.f_contiguous
    assert tg.kernels.report()["linear"].calls > 0
    expected = x.raw.astype(float) @ layer.weight.raw.T + layer.bias.raw
    np.testing.assert_allclose(z.raw, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(layer.weight.grad.raw, np.full((120, 400), 64.0))
    np.testing.assert_allclose(layer.bias.grad.raw, np.full(120, 64.0))
