"""LARS: against the formula of its paper, what it keeps invariant, and its errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.optim import LARS


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("sign", [1, -1])
def test_steps_as_the_paper(parameters, numbers, give_gradients, decay, momentum, sign):
    params = parameters()
    optimizer = LARS(params, 0.5, momentum, decay, trust_coefficient=0.02, maximize=sign < 0)
    expected = numbers(0)
    changes = [np.zeros_like(w) for w in expected]
    for t in range(50):
        give_gradients(params, t)
        optimizer.step()
        for i, (w, p) in enumerate(zip(expected, params, strict=True)):
            if p.grad is None:
                continue
            g = sign * host(p.grad)
            norm = np.sqrt(np.sum(w**2))
            local = 0.02 * norm / (np.sqrt(np.sum(g**2)) + decay * norm)
            changes[i] = momentum * changes[i] + 0.5 * local * (g + decay * w)
            expected[i] = w - changes[i]
        for p, w in zip(params, expected, strict=True):
            np.testing.assert_allclose(host(p), w, rtol=1e-12, atol=1e-12)


@given(scale=st.floats(1e-6, 1e6))
def test_the_first_step_is_a_share_of_the_weights(scale):
    w = tg.tensor(np.array([3.0, 4.0]), requires_grad=True)
    w.grad = tg.tensor(np.array([0.6, -0.8]) * scale)
    LARS([w], lr=2.0, trust_coefficient=0.01).step()
    np.testing.assert_allclose(host(w.detach()), [3.0 - 0.06, 4.0 + 0.08], rtol=1e-12)


def test_weights_of_zero_move():
    w = tg.zeros(2, requires_grad=True)
    w.grad = tg.tensor([1.0, -2.0])
    LARS([w], lr=0.5, weight_decay=0.1).step()
    assert w.tolist() == [-0.5, 1.0]


def test_long_weights_in_half_precision():
    w = tg.full((400,), 20.0, dtype=tg.float16, requires_grad=True)
    w.grad = tg.ones(400, dtype=tg.float16)
    LARS([w], lr=1.0, trust_coefficient=0.1).step()
    assert w.tolist() == [18.0] * 400


def test_without_slope_and_decay_weights_stay():
    w = tg.ones(2, requires_grad=True)
    w.grad = tg.zeros(2)
    LARS([w]).step()
    assert w.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay", "trust_coefficient"])
def test_settings_out_of_range(parameters, name):
    with pytest.raises(ValueError, match=f"LARS needs {name} .*-1"):
        LARS(parameters(), **{name: -1.0})
