"""Adagrad and Adadelta: their rules by hand, against PyTorch with every option, their errors."""

from itertools import product

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.optim import Adadelta, Adagrad


@pytest.mark.parametrize(
    ("lr_decay", "decay", "start", "maximize"),
    list(product([0.0, 0.1], [0.0, 0.1], [0.0, 0.5], [False, True])),
)
def test_adagrad_steps_as_torch(like_torch, lr_decay, decay, start, maximize):
    settings = {
        "lr": 0.05,
        "lr_decay": lr_decay,
        "weight_decay": decay,
        "initial_accumulator_value": start,
        "eps": 1e-6,
        "maximize": maximize,
    }
    like_torch(
        lambda params: Adagrad(params, **settings),
        lambda torch, params: torch.optim.Adagrad(params, **settings),
    )


@pytest.mark.parametrize("rho", [0.9, 0.3])
@pytest.mark.parametrize(("decay", "maximize"), list(product([0.0, 0.1], [False, True])))
def test_adadelta_steps_as_torch(like_torch, rho, decay, maximize):
    settings = {"lr": 0.5, "rho": rho, "eps": 1e-4, "weight_decay": decay, "maximize": maximize}
    like_torch(
        lambda params: Adadelta(params, **settings),
        lambda torch, params: torch.optim.Adadelta(params, **settings),
    )


@pytest.mark.parametrize(
    ("cls", "settings"),
    [(Adagrad, (0.1, 0.2, 0.3, 0.4, 1e-3)), (Adadelta, (0.5, 0.8, 1e-3, 0.1))],
)
def test_defaults_and_order_are_torchs(like_torch, cls, settings):
    def twin(torch, params, *options):
        return getattr(torch.optim, cls.__name__)(params, *options)

    like_torch(cls, twin, steps=5)
    like_torch(
        lambda params: cls(params, *settings),
        lambda torch, params: twin(torch, params, *settings),
        steps=5,
    )


def test_adagrad_by_hand():
    w = tg.tensor(np.array([5.0]), requires_grad=True)
    optimizer = Adagrad([w], lr=1.0, lr_decay=1.0, eps=0.0)
    steps = []
    for g in (3.0, 4.0):
        w.grad = tg.tensor(np.array([g]))
        optimizer.step()
        steps.append(w.item())
    assert steps == [4.0, 3.6]  # 3 / 3, then half of 4 / 5


def test_adadelta_needs_no_unit():
    """A loss a thousand times as large gives the same first step, up to eps."""
    moved = []
    for scale in (1.0, 1000.0):
        w = tg.tensor(np.array([5.0]), requires_grad=True)
        w.grad = tg.tensor(np.array([scale]))
        Adadelta([w], eps=1e-12).step()
        moved.append(5.0 - w.item())
    np.testing.assert_allclose(*moved, rtol=1e-9)


@pytest.mark.parametrize(
    "name", ["lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"]
)
def test_adagrad_settings_out_of_range(parameters, name):
    with pytest.raises(ValueError, match=f"Adagrad needs {name} .*-1"):
        Adagrad(parameters(), **{name: -1.0})


@pytest.mark.parametrize(
    ("name", "value"), [("lr", -1), ("rho", 1.5), ("rho", -0.5), ("eps", -1), ("weight_decay", -1)]
)
def test_adadelta_settings_out_of_range(parameters, name, value):
    with pytest.raises(ValueError, match=f"Adadelta needs .*{name} .*{value}"):
        Adadelta(parameters(), **{name: value})
