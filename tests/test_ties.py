"""Ties and kinks: where there is no derivative and one is chosen, the same as PyTorch's."""

import math

import numpy as np
import pytest
from domains import ROWS
from drawing import TIES, elementwise, one_of, pooling, reduced
from hypothesis import given
from hypothesis import strategies as st
from oracles import host
from probes import FUNCTIONS, check_against_torch, check_scalar_mode

import tinygrad_cnn as tg

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # sums of infinite values

UNORDERED = one_of(-1.0, 0.0, 1.0, math.nan)
INFINITE = one_of(-math.inf, 0.0, 1.0, math.inf, math.nan)

TIED = {
    "abs": elementwise(UNORDERED),
    "relu": elementwise(TIES),
    "leaky_relu": elementwise(TIES, negative_slope=st.just(0.25)),
    "elu": elementwise(TIES, alpha=st.just(0.5)),
    "clamp_min": elementwise(UNORDERED, UNORDERED),
    "clamp_max": elementwise(UNORDERED, UNORDERED),
    "maximum": elementwise(UNORDERED, UNORDERED),
    "minimum": elementwise(UNORDERED, UNORDERED),
    "nan_to_num": elementwise(
        one_of(math.nan, math.inf, -math.inf, 1.0),
        nan=st.just(0.5),
        posinf=st.sampled_from([3.0, None]),
        neginf=st.sampled_from([-3.0, None]),
    ),
    "atan2": elementwise(TIES, TIES),
    "hypot": elementwise(TIES, TIES),
    "logaddexp": elementwise(INFINITE, INFINITE),
    "fmod": elementwise(one_of(-1.0, 0.0, 0.5, math.nan), one_of(-1.0, 0.0, 0.5)),
    "remainder": elementwise(one_of(-1.0, 0.0, 0.5, math.nan), one_of(-1.0, 0.0, 0.5)),
    "frac": elementwise(TIES),
    "asin": elementwise(TIES),
    "acosh": elementwise(one_of(1.0, 2.0)),
    "atanh": elementwise(TIES),
    "erf": elementwise(INFINITE),
    "erfc": elementwise(INFINITE),
    "pow": elementwise(one_of(0.0, 0.5, 1.0, 2.0), one_of(0.0, 0.5, 1.0, 2.0, -1.0)),
    "div": elementwise(TIES, one_of(-0.0, 0.0, 1.0)),
    "log": elementwise(one_of(0.0, 1.0)),
    "sqrt": elementwise(one_of(0.0, 1.0)),
    "euclidean_norm": reduced(one_of(0.0, 1.0), least=1, keepdim=st.booleans()),
    "amax": reduced(TIES, least=1, keepdim=st.booleans()),
    "amin": reduced(TIES, least=1, keepdim=st.booleans()),
    "max_pool": pooling(TIES),
}


@pytest.mark.parametrize("name", TIED)
@given(data=st.data())
def test_pytorch_chooses_the_same_at_ties_and_kinks(name, torch, data):
    check_against_torch(name, data.draw(TIED[name]), torch)


@pytest.mark.parametrize("name", [name for name in TIED if ROWS[name].scalar])
@given(data=st.data())
def test_scalar_mode_chooses_the_same_at_ties_and_kinks(name, data):
    check_scalar_mode(name, data.draw(TIED[name]))


@pytest.mark.parametrize(
    ("function", "x", "want"),
    [
        (tg.relu, [0.0], [0.0]),
        (tg.abs, [0.0, -0.0], [0.0, 0.0]),
        (tg.sqrt, [0.0], [math.inf]),
        (tg.norm, [0.0, 0.0], [0.0, 0.0]),
        (lambda x: tg.maximum(x, x.detach()), [3.0], [0.5]),
        (lambda x: tg.minimum(x.detach(), x), [3.0], [0.5]),
        (lambda x: tg.maximum(x, x), [3.0], [1.0]),
        (tg.amax, [2.0, 1.0, 2.0, 2.0], [1 / 3, 0.0, 1 / 3, 1 / 3]),
        (tg.amin, [1.0, 1.0, 2.0], [0.5, 0.5, 0.0]),
        (tg.max, [1.0, 2.0, 2.0], [0.0, 0.5, 0.5]),
        (tg.min, [1.0, 1.0], [0.5, 0.5]),
        (lambda x: tg.max(x, 0)[0], [1.0, 2.0, 2.0], [0.0, 1.0, 0.0]),
        (lambda x: tg.min(x, 0)[0], [1.0, 1.0], [1.0, 0.0]),
        (lambda x: tg.clamp(x, 0.0, 1.0), [0.0, 1.0, 2.0, -1.0], [1.0, 1.0, 0.0, 0.0]),
        (lambda x: x**0, [0.0, 2.0], [0.0, 0.0]),
        (lambda x: x**1, [0.0, -2.0], [1.0, 1.0]),
        (lambda x: x**2, [0.0, -2.0], [0.0, -4.0]),
        (tg.prod, [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
        (tg.prod, [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]),
    ],
)
def test_ties_and_kinks(function, x, want):
    leaf = tg.tensor(x, requires_grad=True)
    tg.sum(function(leaf)).backward()
    np.testing.assert_array_equal(host(leaf.grad), np.array(want, np.float32))


def test_a_window_of_equal_numbers_gives_all_to_the_first():
    x = tg.tensor(np.ones((1, 1, 2, 2)), requires_grad=True)
    settings = {"window": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1)}
    FUNCTIONS["max_pool"](x, out=(1, 1), **settings).sum().backward()
    assert x.grad.tolist() == [[[[1.0, 0.0], [0.0, 0.0]]]]


def test_what_is_taken_over_nothing():
    nothing = tg.zeros(2, 0, requires_grad=True)
    assert nothing.sum(1).tolist() == [0.0, 0.0]
    assert nothing.prod(1).tolist() == [1.0, 1.0]
    assert np.isnan(host(nothing.mean(1).detach())).all()
    assert nothing.logsumexp(1).tolist() == [-math.inf, -math.inf]
    assert nothing.softmax(1).shape == (2, 0)
    assert nothing.log_softmax(1).shape == (2, 0)
    assert (nothing.any(1).tolist(), nothing.all(1).tolist()) == ([False] * 2, [True] * 2)
    for reduce in (tg.amax, tg.amin, tg.argmax, tg.argmin):
        with pytest.raises((ValueError, IndexError)):
            reduce(nothing, 1)
    total = nothing.sum() + nothing.logsumexp(0).sum() + nothing.softmax(1).sum()
    total.backward()
    assert nothing.grad.shape == (2, 0)
