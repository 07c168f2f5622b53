"""CIFAR-10 as a recipe sees it: its images, its models, and runs that go on within an epoch."""

import dataclasses

import numpy as np
import pytest
from pictures import write_cifar10

import tinygrad_cnn as tg
from tinygrad_cnn.data import datasets
from tinygrad_cnn.io import save
from tinygrad_cnn.optim import SGD
from tinygrad_cnn.train import Callback, load_checkpoint, state_of, trainer_of
from tinygrad_cnn.train.images import (
    CIFAR_MEAN,
    CIFAR_STD,
    data_of,
    elsewhere,
    transform_for,
    window_of,
)
from tinygrad_cnn.train.recipe import CIFAR_MODELS, recipe_for
from tinygrad_cnn.train.setup import model_of, optimizer_of

QUICK = dataclasses.replace(
    recipe_for("resnet20", "cifar10", schedule="he2016"), epochs=2, batch_size=16
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_cifar10(tmp_path_factory.mktemp("cifar"))


# --- images ---


def test_pixels_are_normalised_by_channel(root):
    images = datasets.CIFAR10(root, train=False).images
    shown = np.stack([image for image, _ in data_of(QUICK, False, root)])
    assert shown.dtype == np.float32
    mean, std = (np.reshape(numbers, (3, 1, 1)) for numbers in (CIFAR_MEAN, CIFAR_STD))
    np.testing.assert_allclose(shown * std + mean, images / 255, atol=1e-6)


def test_training_images_are_windows_of_the_padded_ones_perhaps_mirrored(root):
    train = data_of(QUICK, True, root)
    whole = transform_for(QUICK, augmented=False)(train.images)
    padded = np.pad(whole, ((0, 0), (0, 0), (4, 4), (4, 4)))
    found = set()
    for number, image in enumerate(padded):
        shown = train[number][0]
        places = [
            (top, left, mirrored)
            for top in range(9)
            for left in range(9)
            for mirrored in (1, -1)
            if np.array_equal(shown[..., ::mirrored], image[:, top : top + 32, left : left + 32])
        ]
        assert len(places) == 1
        found.update(places)
    assert len(found) > 20
    assert {mirrored for _, _, mirrored in found} == {1, -1}


def test_a_photograph_of_another_size_is_shown_by_its_middle():
    image = np.zeros((3, 64, 128), np.uint8)
    image[:, :, 32:96] = 255
    x = window_of(QUICK)(image)
    assert x.shape == (3, 32, 32)
    np.testing.assert_allclose(x[:, 16, 16], (1 - np.array(CIFAR_MEAN)) / CIFAR_STD, rtol=1e-5)
    assert np.ptp(x[:, :, 2:-2], axis=(1, 2)).max() < 1e-5


def test_what_it_cannot_be_measured_on(root):
    assert elsewhere(QUICK, "cifar10") is QUICK
    for data in ("mnist", "folder:x"):
        with pytest.raises(ValueError, match=f"trained on cifar10 cannot be measured on {data}"):
            elsewhere(QUICK, data)
    with pytest.raises(ValueError, match="trained on mnist cannot be measured on cifar10"):
        elsewhere(recipe_for("lenet5", "mnist"), "cifar10")


# --- models ---


@pytest.mark.parametrize("name", CIFAR_MODELS)
def test_models_take_its_images(name):
    with tg.device("meta"):
        model = model_of(recipe_for(name, "cifar10"))
        assert model(tg.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_the_small_vgg_has_the_convolutions_of_the_large_one():
    recipe = recipe_for("vgg11_bn", "cifar10")
    with tg.device("meta"):
        small, large = model_of(recipe), tg.models.vgg11_bn()
    weights = [p.shape for p in small.parameters()]
    assert weights[:-2] == [p.shape for p in large.features.parameters()]
    assert weights[-2:] == [(10, 512), (10,)]
    assert sum(p.numel() for p in small.parameters()) == 9_231_114


def test_the_optimizer_is_that_of_the_paper():
    model = tg.nn.Linear(1, 1)
    optimizer = optimizer_of(model, QUICK)
    assert isinstance(optimizer, SGD)
    [group] = optimizer.param_groups
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.1, 0.9, 1e-4)
    adamw = optimizer_of(model, dataclasses.replace(QUICK, optimizer="adamw", weight_decay=None))
    assert adamw.param_groups[0]["weight_decay"] == 0.01  # its own


# --- runs ---


def frozen(trainer):
    """A copy of all that decides how a run goes on, and of what it has measured."""
    state = state_of(trainer, {})
    arrays = {name: value.numpy().copy() for name, value in state["model"].items()}
    history = [
        {name: value for name, value in entry.items() if "second" not in name}
        for entry in state["history"]
    ]
    return arrays, history, state["loader"], state["random"]


class Keep(Callback):
    """Writes a checkpoint after so many steps."""

    def __init__(self, path, steps):
        self.path = path
        self.left = steps

    def step_ended(self, trainer, tally):
        self.left -= 1
        if self.left == 0:
            save(state_of(trainer, {}), self.path)


@pytest.mark.parametrize(("schedule", "steps"), [("he2016", 2), ("he2016", 6), ("plateau", 1)])
def test_a_run_goes_on_within_an_epoch_bit_by_bit(root, tmp_path, schedule, steps):
    """Three steps an epoch; the last of them, before the test, is a place as any other."""
    recipe = dataclasses.replace(QUICK, schedule=schedule)
    whole = trainer_of(recipe, root=root)
    whole.callbacks.append(Keep(tmp_path / "checkpoint", steps))
    whole.fit(2)
    checkpoint = load_checkpoint(tmp_path / "checkpoint")
    resumed = trainer_of(recipe, checkpoint, root=root, workers=2)
    assert resumed.epoch == (steps - 1) // 3
    assert resumed.tally.images == {1: 16, 2: 32, 6: 40}[steps]
    resumed.fit(2)
    (arrays, *rest), (others, *same) = frozen(whole), frozen(resumed)
    assert rest == same
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)


def test_plateau_lessens_the_rate(root):
    recipe = dataclasses.replace(QUICK, schedule="plateau", epochs=1)
    trainer = trainer_of(recipe, root=root)
    trainer.fit(1)
    assert trainer.scheduler.last_epoch == 1
    error = 1 - trainer.history[-1]["test_accuracy"]
    assert trainer.scheduler.best == pytest.approx(error)
    trainer.scheduler.best = 0.0
    trainer.scheduler.num_bad_epochs = trainer.scheduler.patience
    trainer.fit(2)
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.01)
