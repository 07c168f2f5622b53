"""Activations and dropout: against formulas; what they keep and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import agree

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import grad
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-12
ARRAYS = hnp.arrays("float64", hnp.array_shapes(min_dims=0, min_side=0), elements=st.floats(-9, 9))

FORMULAS = {
    F.relu: lambda x: np.maximum(x, 0),
    F.leaky_relu: lambda x: np.where(x > 0, x, 0.01 * x),
    F.elu: lambda x: np.where(x > 0, x, np.exp(x) - 1),
    F.sigmoid: lambda x: 1 / (1 + np.exp(-x)),
    F.tanh: np.tanh,
    F.scaled_tanh: lambda x: 1.7159 * np.tanh(2 * x / 3),
}


@pytest.mark.parametrize("f", FORMULAS, ids=lambda f: f.__name__)
@given(x=ARRAYS)
def test_is_its_formula(f, x):
    agree("equal formulas", f(tg.tensor(x)).raw, FORMULAS[f](x), ROUNDING)


@pytest.mark.parametrize("f", FORMULAS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(f, dtype):
    assert f(tg.ones(2, dtype=dtype)).dtype == dtype


@given(st.floats(0, 2))
def test_slopes_can_be_chosen(slope):
    x = tg.tensor([-2.0, 3.0], dtype="float64")
    assert F.leaky_relu(x, slope).tolist() == [-2 * slope, 3]
    assert F.elu(x, slope).tolist() == pytest.approx([slope * (np.exp(-2) - 1), 3])


@pytest.mark.parametrize("f", [F.relu, F.leaky_relu, F.elu])
def test_nothing_happens_in_place(f):
    x = tg.tensor([-1.0, 1.0])
    f(x, inplace=True)
    assert x.tolist() == [-1, 1]


def test_scaled_tanh_takes_one_to_one_and_bends_most_there():
    x = tg.linspace(0.5, 1.5, 101, dtype="float64").requires_grad_()
    y = F.scaled_tanh(x)
    assert y.raw[50] == pytest.approx(1, abs=1e-4)
    (slope,) = grad(y.sum(), [x], create_graph=True)
    (bend,) = grad(slope.sum(), [x])
    assert x.raw[np.abs(bend.raw).argmax()] == pytest.approx(1, abs=0.02)


@given(hnp.arrays("float64", (2, 3, 4), elements=st.floats(-50, 50)), st.integers(-3, 2))
def test_softmax_sums_to_one(x, dim):
    z = F.softmax(tg.tensor(x), dim)
    agree("equal formulas", z.sum(dim).raw, np.ones(z.sum(dim).shape), ROUNDING)
    agree("equal formulas", F.log_softmax(tg.tensor(x), dim).exp().raw, z.raw, ROUNDING)


def test_softmax_can_compute_in_another_dtype():
    x = tg.ones(2, 3, dtype="float16")
    assert F.softmax(x, 1).dtype == "float16"
    assert F.softmax(x, 1, "float64").dtype == F.log_softmax(x, 1, "float64").dtype == "float64"


# --- dropout --------------------------------------------------------------------------------------


@given(st.floats(0.05, 0.95))
def test_dropout_zeroes_some_and_scales_the_rest(p):
    tg.manual_seed(0)
    x = tg.ones(20_000, dtype="float64", requires_grad=True)
    z = F.dropout(x, p)
    kept = z.raw != 0
    assert z.raw[kept] == pytest.approx(1 / (1 - p))
    assert kept.mean() == pytest.approx(1 - p, abs=5 * (p * (1 - p) / 20_000) ** 0.5)
    z.sum().backward()
    assert np.array_equal(x.grad.raw, z.raw)


def test_dropout_rests_outside_training():
    x = tg.ones(3)
    assert F.dropout(x, 0.9, training=False) is x
    assert F.dropout(x, 0.0) is x
    assert F.dropout(x, 1.0).tolist() == [0, 0, 0]


@pytest.mark.parametrize("p", [-0.1, 1.5])
def test_a_probability_is_one(p):
    with pytest.raises(ValueError, match=rf"within \[0, 1\], got {p}"):
        F.dropout(tg.ones(3), p)
