"""Recipes: each fits its model, decides its run, and finds its way through a checkpoint."""

import dataclasses
import itertools

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.data import datasets
from tinygrad_cnn.io import save
from tinygrad_cnn.train import RECIPES, Recipe, state_of, trainer_of
from tinygrad_cnn.train.images import data_of, transform_for
from tinygrad_cnn.train.recipe import CIFAR_MODELS, DATA, GREY, recipe_for, recipe_of
from tinygrad_cnn.train.setup import model_of, trained

QUICK = Recipe("lenet5", "digits", epochs=1, batch_size=256, optimizer="sgd", lr=0.03)


def weights(trainer):
    return {name: t.raw.copy() for name, t in trainer.model.state_dict().items()}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def test_there_is_one_for_every_pair():
    pairs = [(recipe.model, recipe.data) for recipe in RECIPES]
    grey = itertools.product(("lenet", "lenet5"), GREY)
    assert sorted(pairs) == sorted([*grey, *itertools.product(CIFAR_MODELS, ["cifar10"])])
    assert {*GREY, "cifar10"} == {*DATA}


def test_the_recipe_of_a_paper():
    """He et al. 2016, section 4.2; other data keep the length of their own."""
    recipe = recipe_for("resnet20", "cifar10", schedule="he2016")
    assert (recipe.epochs, recipe.batch_size, recipe.lr) == (164, 128, 0.1)
    assert (recipe.optimizer, recipe.weight_decay) == ("sgd", 1e-4)
    assert recipe_for("resnet20", "cifar10").epochs < 164
    known = recipe_for("lenet5", "mnist")
    changed = recipe_for("lenet5", "mnist", schedule="plateau")
    assert changed == dataclasses.replace(known, schedule="plateau")


SMALL = [recipe for recipe in RECIPES if recipe.data in GREY]


@pytest.mark.parametrize("recipe", SMALL, ids=lambda r: f"{r.model}-{r.data}")
def test_images_fit_the_model(recipe):
    side = 8 if recipe.data == "digits" else 28
    images = np.zeros((2, 1, side, side), np.uint8)
    images[1] = 16 if recipe.data == "digits" else 255
    x = transform_for(recipe, augmented=False)(images)
    assert x.dtype == np.float32
    assert x[0].min() == x[0].max() == pytest.approx(-0.1)
    assert x[1].max() == pytest.approx(1.175)
    assert model_of(recipe)(tg.tensor(x)).shape == (2, 10)


def test_training_images_vary_and_test_images_do_not():
    recipe = recipe_for("lenet5", "digits")
    train, test = data_of(recipe, train=True), data_of(recipe, train=False)
    assert np.abs(train[0][0] - train[0][0]).max() > 0.1
    np.testing.assert_array_equal(test[0][0], test[0][0])


def test_splits():
    recipe = dataclasses.replace(QUICK, split="writers")
    np.testing.assert_array_equal(
        data_of(recipe, train=False).images, datasets.Digits(False, split="writers").images
    )


def test_the_same_recipe_gives_the_same_weights_with_any_number_of_threads():
    first = trainer_of(QUICK)
    second = trainer_of(QUICK, workers=2)
    other = trainer_of(dataclasses.replace(QUICK, seed=1))
    for trainer in (first, second, other):
        trainer.train_loader.dataset.images = trainer.train_loader.dataset.images[:512]
    np.testing.assert_raises(AssertionError, assert_same, weights(first), weights(other))
    first = trainer_of(QUICK)
    first.fit(1)
    second = trainer_of(QUICK, workers=2)
    second.fit(1)
    assert_same(weights(first), weights(second))
    assert first.history[0]["loss"] == second.history[0]["loss"]


def test_through_a_checkpoint(tmp_path):
    trainer = trainer_of(QUICK)
    save(state_of(trainer, QUICK.settings()), tmp_path / "checkpoint")
    model, recipe = trained(tmp_path / "checkpoint")
    assert recipe == QUICK
    assert not model.training
    x = tg.zeros(1, 1, 32, 32)
    np.testing.assert_array_equal(host(model(x)), host(trainer.model.to(x.device)(x)))


def test_settings_of_other_programs():
    assert recipe_of(QUICK.settings()) == QUICK
    with pytest.raises(ValueError, match=r"\['note'\]"):
        recipe_of({"note": "mine"})
    with pytest.raises(
        ValueError, match=r"no recipe for lenet5 on cifar; there are lenet5, lenet on digits"
    ):
        recipe_for("lenet5", "cifar")
