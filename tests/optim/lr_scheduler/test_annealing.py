"""Cosines: fractions of epochs as PyTorch, restarts where they belong, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.optim import SGD, lr_scheduler


@pytest.mark.parametrize("options", [{"T_0": 3, "eta_min": 0.01}, {"T_0": 2, "T_mult": 2}], ids=str)
def test_fractions_of_epochs_as_torch(torch, ours, theirs, rates, options):
    one, two = ours(), theirs()
    schedule = lr_scheduler.CosineAnnealingWarmRestarts(one, **options)
    twin = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(two, **options)
    for epoch in [0.25, 0.5, 1.75, 2, 2.5, 11.5, 7, None, None, 3.5, None, None, None, None, 0]:
        schedule.step(epoch)
        twin.step(epoch)
        assert rates(one) == pytest.approx(rates(two), rel=1e-12, abs=1e-15)
        assert schedule.last_epoch == twin.last_epoch


@given(first=st.integers(1, 6), times=st.integers(1, 6))
def test_runs_begin_at_the_initial_rate_exactly(first, times):
    """Also where a logarithm would be rounded to the run before, as with 3 to the 5th."""
    schedule = lr_scheduler.CosineAnnealingWarmRestarts(SGD([tg.zeros(1)], lr=0.1), first, times)
    start, length = 0, first
    for _ in range(6):
        schedule.step(start)
        assert schedule.get_last_lr() == [0.1]
        start += length
        length *= times


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("CosineAnnealingLR", {"T_max": 0}, r"T_max.*0"),
        ("CosineAnnealingWarmRestarts", {"T_0": 0}, r"T_0.*0"),
        ("CosineAnnealingWarmRestarts", {"T_0": 1.5}, r"T_0.*1\.5"),
        ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 0}, r"T_mult.*0"),
    ],
)
def test_settings_out_of_range(ours, name, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(lr_scheduler, name)(ours(), **options)


def test_epochs_before_the_first_are_refused(ours):
    with pytest.raises(ValueError, match=r"epoch >= 0, got -0\.5"):
        lr_scheduler.CosineAnnealingWarmRestarts(ours(), 3).step(-0.5)
