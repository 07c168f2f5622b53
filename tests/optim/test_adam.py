"""Adam and AdamW: their rule by hand, against PyTorch with every option, and their errors."""

from itertools import product

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.optim import Adam, AdamW


@pytest.mark.parametrize("cls", [Adam, AdamW])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.0, 0.5)])
@pytest.mark.parametrize(
    ("decay", "amsgrad", "maximize"), list(product([0.0, 0.1], [False, True], [False, True]))
)
def test_steps_as_torch(like_torch, cls, betas, decay, amsgrad, maximize):
    settings = {
        "lr": 0.05,
        "betas": betas,
        "eps": 1e-6,
        "weight_decay": decay,
        "amsgrad": amsgrad,
        "maximize": maximize,
    }
    like_torch(
        lambda params: cls(params, **settings),
        lambda torch, params: getattr(torch.optim, cls.__name__)(params, **settings),
    )


@pytest.mark.parametrize("cls", [Adam, AdamW])
def test_defaults_are_torchs(like_torch, cls):
    like_torch(cls, lambda torch, params: getattr(torch.optim, cls.__name__)(params), steps=5)


def test_adam_with_decoupled_decay_is_adamw(like_torch):
    settings = {"lr": 0.05, "weight_decay": 0.1}
    like_torch(
        lambda params: Adam(params, decoupled_weight_decay=True, **settings),
        lambda torch, params: torch.optim.AdamW(params, **settings),
    )


def test_the_first_step_has_the_length_of_the_rate():
    w = tg.tensor(np.array([2.0, -3.0, 1e-3]), requires_grad=True)
    start = host(w.detach()).copy()
    w.grad = tg.tensor(np.array([10.0, -1e-4, 1e3]))
    Adam([w], lr=0.1, eps=0.0).step()
    moved = host(w.detach()) - start
    np.testing.assert_allclose(moved, [-0.1, 0.1, -0.1], rtol=1e-12)


@pytest.mark.parametrize("amsgrad", [False, True])  # by the kernel of one sweep, and by the rule
def test_without_memory_each_step_has_the_length_of_the_rate(amsgrad):
    """Also when a gradient is a billionth of the last one, whose square must be gone entirely."""
    w = tg.tensor([1.0, 1.0], requires_grad=True)
    optimizer = Adam([w], lr=0.1, betas=(0.0, 0.0), eps=0.0, amsgrad=amsgrad)
    lengths = []
    for size in (1e-3, 1e3) if amsgrad else (1e3, 1e-6):
        before = host(w.detach()).copy()
        w.grad = tg.tensor([size, -size])
        optimizer.step()
        lengths.append(host(w.detach()) - before)
    np.testing.assert_allclose(lengths, [[-0.1, 0.1]] * 2, rtol=1e-5)


def test_decoupled_decay_shrinks_without_a_gradient():
    w = tg.tensor(np.array([2.0]), requires_grad=True)
    w.grad = tg.zeros(1, dtype=tg.float64)
    AdamW([w], lr=0.1, weight_decay=0.5).step()
    assert w.item() == 2.0 * 0.95


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"lr": -1.0}, "lr"),
        ({"eps": -1e-8}, "eps"),
        ({"betas": (1.0, 0.9)}, "betas"),
        ({"betas": (0.9, -0.1)}, "betas"),
        ({"weight_decay": -1}, "weight_decay"),
    ],
)
def test_settings_out_of_range(parameters, settings, name):
    with pytest.raises(ValueError, match=name):
        Adam(parameters(), **settings)
