"""NAdam: its rule by hand, against PyTorch with every option, and its errors."""

from itertools import product

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.optim import NAdam


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.0, 0.5)])
@pytest.mark.parametrize(
    ("decay", "decoupled", "momentum_decay", "maximize"),
    list(product([0.0, 0.1], [False, True], [0.0, 0.3], [False, True])),
)
def test_steps_as_torch(like_torch, betas, decay, decoupled, momentum_decay, maximize):
    settings = {
        "lr": 0.05,
        "betas": betas,
        "eps": 1e-6,
        "weight_decay": decay,
        "momentum_decay": momentum_decay,
        "decoupled_weight_decay": decoupled,
        "maximize": maximize,
    }
    like_torch(
        lambda params: NAdam(params, **settings),
        lambda torch, params: torch.optim.NAdam(params, **settings),
    )


def test_defaults_and_order_are_torchs(like_torch):
    like_torch(NAdam, lambda torch, params: torch.optim.NAdam(params), steps=5)
    settings = (0.1, (0.8, 0.9), 1e-3, 0.1, 0.2, True)
    like_torch(
        lambda params: NAdam(params, *settings),
        lambda torch, params: torch.optim.NAdam(params, *settings),
        steps=5,
    )


def test_without_momentum_the_first_step_has_the_length_of_the_rate():
    w = tg.tensor(np.array([2.0, -3.0]), requires_grad=True)
    w.grad = tg.tensor(np.array([10.0, -1e-4]))
    NAdam([w], lr=0.1, betas=(0.0, 0.9), eps=0.0).step()
    np.testing.assert_allclose(host(w.detach()), [1.9, -2.9], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [("lr", -1), ("eps", -1), ("betas", (1.0, 0.9)), ("weight_decay", -1), ("momentum_decay", -1)],
)
def test_settings_out_of_range(parameters, name, value):
    with pytest.raises(ValueError, match=f"NAdam needs .*{name}"):
        NAdam(parameters(), **{name: value})
