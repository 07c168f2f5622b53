"""RMSprop: its rule by hand, against PyTorch with every option, and its errors."""

from itertools import product

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.optim import RMSprop


@pytest.mark.parametrize("alpha", [0.99, 0.4])
@pytest.mark.parametrize(
    ("decay", "momentum", "centered", "maximize"),
    list(product([0.0, 0.1], [0.0, 0.9], [False, True], [False, True])),
)
def test_steps_as_torch(like_torch, alpha, decay, momentum, centered, maximize):
    settings = {
        "lr": 0.05,
        "alpha": alpha,
        "eps": 1e-6,
        "weight_decay": decay,
        "momentum": momentum,
        "centered": centered,
        "maximize": maximize,
    }
    like_torch(
        lambda params: RMSprop(params, **settings),
        lambda torch, params: torch.optim.RMSprop(params, **settings),
    )


def test_defaults_and_order_are_torchs(like_torch):
    like_torch(RMSprop, lambda torch, params: torch.optim.RMSprop(params), steps=5)
    settings = (0.1, 0.9, 1e-3, 0.1, 0.5, True)
    like_torch(
        lambda params: RMSprop(params, *settings),
        lambda torch, params: torch.optim.RMSprop(params, *settings),
        steps=5,
    )


def test_the_first_step_by_hand():
    w = tg.tensor(np.array([2.0, -3.0]), requires_grad=True)
    w.grad = tg.tensor(np.array([10.0, -1e-4]))
    RMSprop([w], lr=0.1, alpha=0.75, eps=0.0).step()
    np.testing.assert_allclose(host(w.detach()), [1.8, -2.8], rtol=1e-12)  # g / (|g| / 2)


@pytest.mark.parametrize("name", ["lr", "alpha", "eps", "weight_decay", "momentum"])
def test_settings_out_of_range(parameters, name):
    with pytest.raises(ValueError, match=f"RMSprop needs {name} .*-1"):
        RMSprop(parameters(), **{name: -1.0})
