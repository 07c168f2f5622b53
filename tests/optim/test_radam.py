"""RAdam: its rule by hand, against PyTorch with every option, and its errors."""

from itertools import product

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.optim import RAdam


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9), (0.0, 0.5)])
@pytest.mark.parametrize(
    ("decay", "decoupled", "maximize"), list(product([0.0, 0.1], [False, True], [False, True]))
)
def test_steps_as_torch(like_torch, betas, decay, decoupled, maximize):
    settings = {
        "lr": 0.05,
        "betas": betas,
        "eps": 1e-6,
        "weight_decay": decay,
        "decoupled_weight_decay": decoupled,
        "maximize": maximize,
    }
    like_torch(
        lambda params: RAdam(params, **settings),
        lambda torch, params: torch.optim.RAdam(params, **settings),
    )


def test_defaults_and_order_are_torchs(like_torch):
    like_torch(RAdam, lambda torch, params: torch.optim.RAdam(params), steps=10)
    settings = (0.1, (0.8, 0.9), 1e-3, 0.1, True)
    like_torch(
        lambda params: RAdam(params, *settings),
        lambda torch, params: torch.optim.RAdam(params, *settings),
        steps=10,
    )


def test_the_first_step_is_the_gradients():
    w = tg.tensor(np.array([2.0, -3.0]), requires_grad=True)
    w.grad = tg.tensor(np.array([10.0, -1e-4]))
    RAdam([w], lr=0.1).step()
    np.testing.assert_allclose(host(w.detach()), [1.0, -3.0 + 1e-5], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "value"), [("lr", -1), ("eps", -1), ("betas", (0.9, -0.1)), ("weight_decay", -1)]
)
def test_settings_out_of_range(parameters, name, value):
    with pytest.raises(ValueError, match=f"RAdam needs .*{name}"):
        RAdam(parameters(), **{name: value})
