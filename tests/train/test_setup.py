"""What stands ready to be trained: weights that are kept, a new head, what is frozen, the rates."""

import shutil

import numpy as np
import pytest
from oracles import host
from pictures import write_folder

import tinygrad_cnn as tg
from tinygrad_cnn import models
from tinygrad_cnn.io import save
from tinygrad_cnn.train import Recipe, state_of, trainer_of
from tinygrad_cnn.train.images import with_classes
from tinygrad_cnn.train.recipe import recipe_for
from tinygrad_cnn.train.setup import model_of, pretrained, trained

pytest.importorskip("PIL.Image", reason="pictures need Pillow: install pillow")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A file with weights of resnet20."""
    tg.manual_seed(7)
    path = tmp_path_factory.mktemp("weights") / "resnet20.safetensors"
    save(models.resnet20().state_dict(), path)
    return path


def recipe_on(root, weights="", **settings):
    return with_classes(
        Recipe("resnet20", f"folder:{root}", 2, 5, "sgd", 0.01, weights=str(weights), **settings)
    )


def test_every_model_is_made_for_colours_and_any_number_of_classes():
    for name in models.INPUT_SIZES:
        recipe = Recipe(name, "folder:x", 1, 1, "sgd", 0.1, classes=("a", "b", "c"))
        with tg.device("meta"):
            model = model_of(recipe)
            assert models.heads(model)
            colours = [m.in_channels for m in model.modules() if hasattr(m, "in_channels")]
        assert not colours or colours[0] == 3


def test_weights_are_kept_but_for_the_head(root, learnt):
    model = pretrained(recipe_on(root, learnt))
    state, origin = model.state_dict(), tg.load(learnt)
    assert state["fc.weight"].shape == (3, 64)
    for path, t in state.items():
        if not path.startswith("fc."):
            np.testing.assert_array_equal(host(t), host(origin[path]))


def test_frozen_parts_and_rates(root, learnt):
    recipe = recipe_on(root, learnt, freeze=("conv1", "bn1", "layer1"), head_lr_factor=5.0)
    trainer = trainer_of(recipe)
    before = {path: t.numpy().copy() for path, t in trainer.model.state_dict().items()}
    assert [group["max_lr"] for group in trainer.optimizer.param_groups] == [0.01, 0.05]
    assert trainer.optimizer.param_groups[1]["params"] == list(trainer.model.fc.parameters())
    trainer.fit(1)
    changed = {
        path.partition(".")[0]
        for path, t in trainer.model.state_dict().items()
        if not np.array_equal(t.raw, before[path])
    }
    assert changed == {"layer2", "layer3", "fc"}


def test_a_checkpoint_needs_no_weights(root, learnt, tmp_path):
    gone = tmp_path / "gone.safetensors"
    gone.write_bytes(learnt.read_bytes())
    recipe = recipe_on(root, gone, freeze=("layer1",), head_lr_factor=10.0)
    whole = trainer_of(recipe)
    whole.fit(1)
    save(state_of(whole, recipe.settings()), tmp_path / "checkpoint")
    gone.unlink()
    whole.fit(2)
    model, found = trained(tmp_path / "checkpoint")
    assert found == recipe
    assert not model.training
    again = trainer_of(found, tg.load(tmp_path / "checkpoint"))
    again.fit(2)
    for path, t in again.model.state_dict().items():
        np.testing.assert_array_equal(t.raw, whole.model.state_dict()[path].raw)


def test_weights_from_a_checkpoint(root, tmp_path):
    """Its model tells three kinds of pictures apart, ours ten by default."""
    run = trainer_of(recipe_on(root))
    save(state_of(run, {}), tmp_path / "checkpoint")
    state = pretrained(recipe_on(root, tmp_path / "checkpoint")).state_dict()
    for path, t in run.model.state_dict().items():
        if not path.startswith("fc."):
            np.testing.assert_array_equal(host(t), host(state[path]))


def test_a_run_whose_folder_has_changed(root, tmp_path):
    shutil.copytree(root, tmp_path / "pictures")
    recipe = recipe_on(tmp_path / "pictures", val_split=0.5)
    checkpoint = state_of(trainer_of(recipe), recipe.settings())
    for i in range(9):
        shutil.copy(root / "red" / "0.jpg", tmp_path / "pictures" / "red" / f"more {i}.jpg")
    with pytest.raises(ValueError, match=r"one in 9 samples, but this loader has 1\d; give it"):
        trainer_of(recipe, checkpoint)


def test_one_picture_left_over_is_left_out(root):
    recipe = recipe_on(root, val_split=4 / 18)
    assert trainer_of(recipe).train_loader.drop_last is False  # 14 pictures in fives
    assert trainer_of(recipe_on(root, val_split=7 / 18)).train_loader.drop_last  # 11


def test_recipes_of_folders():
    fresh = recipe_for("resnet18", "folder:x")
    assert (fresh.epochs, fresh.head_lr_factor, fresh.augment) == (30, 1.0, ("crop", "flip"))
    tuned = recipe_for("resnet18", "folder:x", "resnet18.pth")
    assert (tuned.epochs, tuned.head_lr_factor, tuned.weights) == (10, 10.0, "resnet18.pth")
    with pytest.raises(ValueError, match="no recipe for lenet with weights on digits"):
        recipe_for("lenet", "digits", "x")
