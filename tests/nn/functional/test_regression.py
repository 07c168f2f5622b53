"""Losses of regression: against formulas and PyTorch with every option, and their errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from losses import REDUCTIONS, agree_with_torch
from oracles import agree

import tinygrad_cnn as tg
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-12
BOOLS = st.booleans()
SHAPES = st.sampled_from([(), (3,), (2, 3), (0, 2)])
DIFFERENCES = ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"]


@st.composite
def pairs(draw):
    """Two arrays of one shape; some numbers are equal, others differ by exactly 1."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(SHAPES)
    x = np.asarray(rng.standard_normal(shape))
    return x, np.asarray(np.where(rng.random(shape) < 0.3, x + rng.integers(-1, 2, shape), 0.0))


@pytest.mark.parametrize(("name", "formula"), [("mse_loss", np.square), ("l1_loss", np.abs)])
@given(seed=st.integers(0, 2**32), shape=st.sampled_from([(), (3,), (2, 3)]))
def test_differences(name, formula, seed, shape):
    x, y = np.random.default_rng(seed).standard_normal((2, *shape))
    losses = formula(np.asarray(x - y))
    for reduction, want in (("mean", losses.mean()), ("sum", losses.sum()), ("none", losses)):
        z = getattr(F, name)(tg.tensor(x), tg.tensor(y), reduction=reduction)
        agree("equal formulas", z.raw, np.asarray(want), ROUNDING)


@pytest.mark.parametrize("name", DIFFERENCES)
@given(case=pairs(), reduction=REDUCTIONS, knee=st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_differences_are_torchs(torch, name, case, reduction, knee):
    settings = {"reduction": reduction}
    if name == "smooth_l1_loss":
        settings["beta"] = knee
    if name == "huber_loss" and knee:
        settings["delta"] = knee
    agree_with_torch(torch, name, case, settings)


@pytest.mark.parametrize("name", ["smooth_l1_loss", "huber_loss"])
def test_curvature_at_the_bottom(name):
    x = tg.zeros(1, requires_grad=True)
    (slope,) = tg.autograd.grad(getattr(F, name)(x, tg.zeros(1)), [x], create_graph=True)
    (curvature,) = tg.autograd.grad(slope.sum(), [x])
    assert curvature.item() == 1


@pytest.mark.parametrize("name", DIFFERENCES)
def test_shapes_that_differ_are_broadcast_with_a_warning(torch, name):
    x, y = np.arange(3.0)[:, None], np.arange(3.0)
    with pytest.warns(UserWarning, match=rf"{name}: input \(3, 1\) and target \(3,\) differ"):
        z = getattr(F, name)(tg.tensor(x), tg.tensor(y), reduction="none")
    with pytest.warns(UserWarning):
        twin = getattr(torch.nn.functional, name)(
            torch.tensor(x), torch.tensor(y), reduction="none"
        )
    agree("PyTorch", z.raw, twin.numpy(), ROUNDING)


@given(pairs(), REDUCTIONS, BOOLS, BOOLS, st.sampled_from([1e-8, 0.1]))
def test_poisson_nll_loss(torch, case, reduction, log_input, full, eps):
    x, _ = case
    counts = np.random.default_rng(0).poisson(2.0, x.shape) * 1.0
    settings = {"log_input": log_input, "full": full, "eps": eps, "reduction": reduction}
    rate = x if log_input else np.abs(x)
    fixed = (1,) if full else ()  # PyTorch's gradient for counts of 0 is nan
    agree_with_torch(torch, "poisson_nll_loss", [rate, np.asarray(counts)], settings, fixed)


@given(pairs(), REDUCTIONS, BOOLS, st.sampled_from([1e-6, 0.5]), st.integers(0, 3))
def test_gaussian_nll_loss(torch, case, reduction, full, eps, form):
    x, y = case
    shapes = [x.shape, x.shape[:-1], (*x.shape[:-1], 1), (1, *x.shape[1:])]
    shape = shapes[form] if x.ndim else ()
    if sum(n != m for n, m in zip(x.shape, shape, strict=False)) > 1 or x.shape == shape == (0, 2):
        shape = x.shape
    var = np.asarray(np.random.default_rng(0).uniform(0.0, 1.0, shape))
    settings = {"full": full, "eps": eps, "reduction": reduction}
    agree_with_torch(torch, "gaussian_nll_loss", [x, y, var], settings)


def test_a_variance_may_be_a_number(torch):
    x, y = np.arange(3.0), np.ones(3)
    agree_with_torch(torch, "gaussian_nll_loss", [x, y], {"var": 0.5})


# function, shapes of its inputs, settings
WRONG = [
    ("mse_loss", [(2, 3), (2, 4)], {}, r"input \(2, 3\) and target \(2, 4\)"),
    ("l1_loss", [(2, 3), (2, 3)], {"reduction": "average"}, "'none', got 'average'"),
    ("smooth_l1_loss", [(2,), (2,)], {"beta": -1.0}, "beta is not negative, got -1"),
    ("huber_loss", [(2,), (2,)], {"delta": 0.0}, "delta is positive, got 0"),
    ("poisson_nll_loss", [(2, 3), (2, 4)], {}, "do not broadcast"),
    ("poisson_nll_loss", [(2, 3), (2, 3)], {"reduction": "x"}, "got 'x'"),
    ("gaussian_nll_loss", [(2, 3), (2, 3), (3,)], {}, r"input \(2, 3\), .*got \(3,\)"),
    ("gaussian_nll_loss", [(2, 3), (2, 3), (1, 1)], {}, r"got \(1, 1\)"),
    ("gaussian_nll_loss", [(2, 3), (2, 4), (2, 3)], {}, "do not broadcast"),
    ("gaussian_nll_loss", [(2, 3), (2, 3), (2, 3)], {"reduction": "x"}, "got 'x'"),
]


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize(("name", "shapes", "settings", "words"), WRONG)
def test_errors_are_of_the_classes_of_torchs(torch, name, shapes, settings, words):
    with pytest.raises(Exception) as expected:
        getattr(torch.nn.functional, name)(*map(torch.zeros, shapes), **settings)
    with pytest.raises(Exception, match=words) as raised:
        getattr(F, name)(*map(tg.zeros, shapes), **settings)
    assert type(raised.value) is type(expected.value)


@pytest.mark.host("the device's numbers are not read to refuse some")
@pytest.mark.parametrize("var", [-1.0, [1.0, -1.0]])
def test_variances_are_not_negative(var):
    x = tg.zeros(2)
    with pytest.raises(ValueError, match="variances are not negative, got -1"):
        F.gaussian_nll_loss(x, x, tg.tensor(var) if isinstance(var, list) else var)
