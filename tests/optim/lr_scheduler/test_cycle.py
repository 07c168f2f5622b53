"""Cycles: that they stay between their ends, end, and need a momentum; what they refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import optim
from tinygrad_cnn.optim import SGD, lr_scheduler


@given(
    total=st.integers(1, 300),
    share=st.floats(0, 1),
    three=st.booleans(),
    shape=st.sampled_from(["cos", "linear"]),
)
def test_a_cycle_stays_between_its_ends(total, share, three, shape):
    optimizer = SGD([tg.zeros(1)], momentum=0.9)
    cycle = lr_scheduler.OneCycleLR(
        optimizer, 1.0, total, pct_start=share, three_phase=three, anneal_strategy=shape
    )
    for _ in range(total - 1):
        cycle.step()
        [group] = optimizer.param_groups
        assert group["min_lr"] - 1e-9 <= group["lr"] <= group["max_lr"] + 1e-9
        assert group["base_momentum"] - 1e-9 <= group["momentum"] <= group["max_momentum"] + 1e-9


def test_a_cycle_ends(ours):
    cycle = lr_scheduler.OneCycleLR(ours(), 0.1, total_steps=3)
    for _ in range(3):
        cycle.step()
    with pytest.raises(ValueError, match="step 4 of a cycle of 3"):
        cycle.step()


@given(up=st.integers(1, 9), down=st.integers(1, 9))
def test_triangles_touch_their_ends(up, down):
    optimizer = SGD([tg.zeros(1)], momentum=0.9)
    cycle = lr_scheduler.CyclicLR(optimizer, 0.1, 0.5, up, down)
    [group] = optimizer.param_groups
    for t in range(3 * (up + down)):
        if t % (up + down) == 0:
            assert (group["lr"], group["momentum"]) == pytest.approx((0.1, 0.9))
        if t % (up + down) == up:
            assert (group["lr"], group["momentum"]) == pytest.approx((0.5, 0.8))
        cycle.step()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_lr": 0.1}, "total_steps"),
        ({"max_lr": 0.1, "total_steps": 0}, "total_steps=0"),
        ({"max_lr": 0.1, "total_steps": 3, "pct_start": 1.5}, r"pct_start.*1\.5"),
        (
            {"max_lr": 0.1, "total_steps": 3, "anneal_strategy": "log"},
            r"'cos' or 'linear'.*'log'",
        ),
        ({"max_lr": [0.1] * 3, "total_steps": 3}, "max_lr has 3 entries for 2"),
    ],
)
def test_one_cycle_refuses(ours, options, message):
    with pytest.raises(ValueError, match=message):
        lr_scheduler.OneCycleLR(ours(), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step_size_up": 0}, "step_size_up=0"),
        ({"step_size_down": -1}, "step_size_down=-1"),
        ({"mode": "square"}, "mode is .*'square'"),
        ({"scale_mode": "epochs"}, "scale_mode is .*'epochs'"),
        ({"base_momentum": [0.8]}, "base_momentum has 1 entries for 2"),
    ],
)
def test_cyclic_refuses(ours, options, message):
    with pytest.raises(ValueError, match=message):
        lr_scheduler.CyclicLR(ours(), 0.1, 0.2, **options)


def test_a_cycle_needs_a_momentum():
    class Plain(optim.Optimizer):
        pass

    plain = Plain([tg.zeros(1)], {"lr": 0.1})
    with pytest.raises(ValueError, match="Plain"):
        lr_scheduler.OneCycleLR(plain, 0.1, total_steps=3)
    lr_scheduler.OneCycleLR(plain, 0.1, total_steps=3, cycle_momentum=False)
