"""ReduceLROnPlateau: against PyTorch on noisy metrics, resumed, and what it refuses."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import io
from tinygrad_cnn.optim import SGD
from tinygrad_cnn.optim.lr_scheduler import ReduceLROnPlateau

METRICS = (2.0 / np.arange(1, 61) + 0.1 * np.random.default_rng(0).standard_normal(60)).tolist()
METRICS[20] = float("nan")


@pytest.mark.parametrize(
    ("mode", "threshold_mode", "patience", "cooldown"),
    list(product(["min", "max"], ["rel", "abs"], [0, 3], [0, 4])),
)
def test_steps_as_torch(torch, ours, theirs, rates, mode, threshold_mode, patience, cooldown):
    options = {
        "mode": mode,
        "factor": 0.5,
        "patience": patience,
        "threshold": 0.02,
        "threshold_mode": threshold_mode,
        "cooldown": cooldown,
        "min_lr": [1e-4, 1e-3],
        "eps": 1e-5,
    }
    one, two = ours(), theirs()
    schedule = ReduceLROnPlateau(one, **options)
    twin = torch.optim.lr_scheduler.ReduceLROnPlateau(two, **options)
    for metric in METRICS:
        schedule.step(tg.tensor(metric, dtype=tg.float64))
        twin.step(metric)
        assert rates(one) == pytest.approx(rates(two), rel=1e-12)
        assert (schedule.best, schedule.num_bad_epochs) == (twin.best, twin.num_bad_epochs)
    assert rates(one)[0] < 0.1


def test_defaults_are_torchs(torch, ours, theirs, rates):
    one, two = ours(), theirs()
    schedule = ReduceLROnPlateau(one)
    twin = torch.optim.lr_scheduler.ReduceLROnPlateau(two)
    for metric in METRICS:
        schedule.step(metric)
        twin.step(metric)
        assert rates(one) == pytest.approx(rates(two), rel=1e-12)


@given(done=st.integers(0, 59))
def test_a_loaded_state_goes_on(done, ours, rates, tmp_path_factory):
    one, two = ours(), ours()
    schedule, twin = ReduceLROnPlateau(one, patience=2), ReduceLROnPlateau(two, patience=9)
    for metric in METRICS[:done]:
        schedule.step(metric)
    path = tmp_path_factory.mktemp("state") / "state"
    io.save([one.state_dict(), schedule.state_dict()], path)
    for part, state in zip((two, twin), io.load(path), strict=True):
        part.load_state_dict(state)
    for metric in METRICS[done:]:
        schedule.step(metric)
        twin.step(metric)
        assert rates(one) == rates(two)


def test_a_group_added_later():
    optimizer = SGD([tg.zeros(1)], lr=1.0)
    schedule = ReduceLROnPlateau(optimizer, patience=0)
    optimizer.add_param_group({"params": [tg.zeros(1)], "lr": 2.0})
    schedule.step(1.0)
    schedule.step(1.0)
    assert schedule.get_last_lr() == pytest.approx([0.1, 0.2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factor": 1.0}, r"factor below 1, got 1\.0"),
        ({"mode": "best"}, "'min' or 'max', got 'best'"),
        ({"threshold_mode": "log"}, "'rel' or 'abs', got 'log'"),
        ({"min_lr": [0.1]}, "min_lr has 1 entries for 2"),
    ],
)
def test_settings_out_of_range(ours, options, message):
    with pytest.raises(ValueError, match=message):
        ReduceLROnPlateau(ours(), **options)


def test_what_is_no_optimizer_is_refused():
    with pytest.raises(TypeError, match="takes an Optimizer"):
        ReduceLROnPlateau("sgd")
