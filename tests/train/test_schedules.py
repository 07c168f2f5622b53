"""Schedules: the rates of every step of a run, as the papers have them."""

import dataclasses
import itertools

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.optim import SGD
from tinygrad_cnn.train import Recipe
from tinygrad_cnn.train.recipe import recipe_for
from tinygrad_cnn.train.schedules import SCHEDULES, is_warmed_up, schedule_of

STEPS = 391  # in an epoch of 50,000 images by 128


def rates(recipe, steps):
    """The rate of every step of a run."""
    optimizer = SGD([nn.Parameter(tg.zeros(1))], lr=recipe.lr)
    schedule = schedule_of(recipe, optimizer, steps)
    found = []
    for _ in range(recipe.epochs * steps):
        found.append(optimizer.param_groups[0]["lr"])
        schedule.step()
    return found


def falls(found):
    """The steps at which the rate changes, and the rates from there on."""
    pairs = enumerate(itertools.pairwise(found), 1)
    changes = [i for i, (before, after) in pairs if before != after]
    return {i: pytest.approx(found[i]) for i in (0, *changes)}


def test_he2016_falls_where_the_paper_says():
    recipe = recipe_for("resnet20", "cifar10", schedule="he2016")
    found = rates(recipe, STEPS)
    assert falls(found) == {0: 0.1, 32_000: 0.01, 48_000: 0.001}
    assert len(found) == 64_124


def test_he2016_warms_deep_nets_up():
    recipe = recipe_for("resnet110", "cifar10", schedule="he2016")
    assert falls(rates(recipe, STEPS)) == {0: 0.01, 400: 0.1, 32_000: 0.01, 48_000: 0.001}
    assert is_warmed_up("preact_resnet20")
    assert not is_warmed_up("resnet56")


@pytest.mark.parametrize(("epochs", "steps"), [(1, 4), (10, 391), (3, 7)])
def test_he2016_of_a_short_run_falls_at_a_half_and_three_quarters(epochs, steps):
    recipe = Recipe("resnet20", "cifar10", epochs, 128, "sgd", 0.1, schedule="he2016")
    total = epochs * steps
    assert falls(rates(recipe, steps)) == {0: 0.1, total // 2: 0.01, 3 * total // 4: 0.001}


def test_one_cycle_rises_and_falls():
    recipe = Recipe("resnet20", "cifar10", 5, 128, "sgd", 0.1)
    found = rates(recipe, 20)
    top = found.index(max(found))
    assert found[top] == pytest.approx(0.1)
    assert 0 < top < len(found) // 2
    assert found == [*sorted(found[:top]), *sorted(found[top:], reverse=True)]
    assert found[-1] < 1e-5


def test_plateau_falls_after_ten_epochs_without_progress():
    recipe = Recipe("resnet20", "cifar10", 30, 128, "sgd", 0.1, schedule="plateau")
    optimizer = SGD([nn.Parameter(tg.zeros(1))], lr=recipe.lr)
    schedule = schedule_of(recipe, optimizer, STEPS)
    found = []
    for error in [0.9, 0.5, *12 * [0.5]]:
        schedule.step(error)
        found.append(optimizer.param_groups[0]["lr"])
    assert falls(found) == {0: 0.1, 12: 0.01}


def test_every_schedule_is_named_and_has_a_recipe():
    for name in SCHEDULES:
        recipe = recipe_for("resnet20", "cifar10", schedule=name)
        assert recipe.schedule == name
        assert dataclasses.replace(recipe, schedule="one_cycle", epochs=30) == recipe_for(
            "resnet20", "cifar10"
        )
