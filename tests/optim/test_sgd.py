"""SGD: its rule by hand, against PyTorch with every option, and its errors."""

from itertools import product

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.optim import SGD

MOMENTA = [
    {"momentum": 0.0},
    {"momentum": 0.9},
    {"momentum": 0.9, "dampening": 0.3},
    {"momentum": 0.9, "nesterov": True},
]


@pytest.mark.parametrize("momentum", MOMENTA, ids=str)
@pytest.mark.parametrize(("decay", "maximize"), list(product([0.0, 0.1], [False, True])))
def test_steps_as_torch(like_torch, momentum, decay, maximize):
    settings = {"lr": 0.05, "weight_decay": decay, "maximize": maximize, **momentum}
    like_torch(
        lambda params: SGD(params, **settings),
        lambda torch, params: torch.optim.SGD(params, **settings),
    )


def test_momentum_by_hand():
    w = tg.tensor([1.0], requires_grad=True)
    optimizer = SGD([w], lr=0.5, momentum=0.5)
    steps = []
    for _ in range(3):
        w.grad = tg.tensor([1.0])
        optimizer.step()
        steps.append(w.item())
    assert steps == [0.5, -0.25, -1.125]  # steps of 1/2, 3/4, 7/8


def test_the_buffer_is_not_the_gradient():
    w = tg.tensor([1.0], requires_grad=True)
    optimizer = SGD([w], lr=1.0, momentum=0.5)
    w.grad = tg.tensor([1.0])
    optimizer.step()
    w.grad.zero_()
    assert optimizer.state[w]["momentum_buffer"].item() == 1.0


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"lr": -1.0}, "lr"),
        ({"lr": float("nan")}, "lr"),
        ({"momentum": -0.1}, "momentum"),
        ({"weight_decay": -1}, "weight_decay"),
        ({"nesterov": True}, "nesterov"),
        ({"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "nesterov"),
    ],
)
def test_settings_out_of_range(parameters, settings, name):
    with pytest.raises(ValueError, match=name):
        SGD(parameters(), **settings)
