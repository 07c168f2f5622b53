"""Folders of pictures as a recipe sees them: which are held out, and what a model is shown."""

import dataclasses
import os
import shutil

import numpy as np
import pytest
from pictures import write_folder, write_picture

from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.train import Recipe
from tinygrad_cnn.train.images import (
    data_of,
    elsewhere,
    principal_colors_of,
    ten_crops,
    transform_for,
    with_classes,
)

pytest.importorskip("PIL.Image", reason="pictures need Pillow: install pillow")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def parted(root, tmp_path_factory):
    """The same pictures in a folder train, and some of them in val."""
    folder = tmp_path_factory.mktemp("parted")
    shutil.copytree(root, folder / "train")
    for name in ("green", "red"):
        shutil.copytree(root / name, folder / "val" / name)
    return folder


def recipe_on(root, **settings):
    recipe = Recipe("resnet20", f"folder:{root}", 1, 4, "adam", 1e-3, **settings)
    return with_classes(recipe)


def paths(part):
    """The files of a part of a folder."""
    return [part.dataset.samples[i][0] for i in part.indices]


def test_classes_are_written_down(root, parted):
    assert recipe_on(root).classes == ("blue", "green", "red")
    assert recipe_on(parted).classes == ("blue", "green", "red")
    assert with_classes(Recipe("lenet", "digits", 1, 1, "sgd", 1.0)).classes == ()


def test_a_share_is_held_out(root):
    recipe = recipe_on(root, val_split=0.3, seed=3)
    train, test = (paths(data_of(recipe, part)) for part in (True, False))
    assert (len(train), len(test)) == (13, 5)
    assert len({*train, *test}) == 18
    assert test == paths(data_of(recipe, False))
    assert test != paths(data_of(dataclasses.replace(recipe, seed=4), False))


def test_a_picture_stays_where_it_is_whatever_becomes_of_others(root, tmp_path):
    shutil.copytree(root, tmp_path / "grown")
    recipe = recipe_on(tmp_path / "grown", val_split=0.5)
    before = {*paths(data_of(recipe, False))}
    assert len(before) == 9
    for i in range(40):
        shutil.copy(root / "red" / "0.jpg", tmp_path / "grown" / "red" / f"more {i}.jpg")
    gone = tmp_path / "grown" / "blue" / "0.jpg"
    gone.unlink()
    train, test = (paths(data_of(recipe, part)) for part in (True, False))
    assert len(train) + len(test) == len({*train, *test}) == 57
    assert {path for path in test if "more" not in path} == before - {str(gone)}
    assert 10 <= sum("more" in path for path in test) <= 30


def test_the_same_pictures_elsewhere_are_held_out(root, tmp_path):
    shutil.copytree(root, tmp_path / "copy")
    names = [
        [os.path.relpath(path, place) for path in paths(data_of(recipe_on(place), False))]
        for place in (root, tmp_path / "copy")
    ]
    assert names[0] == names[1]


def test_older_checkpoints_hold_out_what_they_did(root):
    """Of 18 pictures NumPy's permutation, which does not change."""
    old = dataclasses.replace(recipe_on(root), cut=None)
    names = [os.path.relpath(path, root) for path in paths(data_of(old, False))]
    assert names == ["green/2.jpg", "green/3.png", "blue/5.png", "blue/1.png"]


def test_the_path_is_absolute(root, monkeypatch):
    monkeypatch.chdir(root.parent)
    recipe = recipe_on(root.name)
    assert recipe.data == f"folder:{root}"
    assert elsewhere(recipe, f"folder:{root.name}") is recipe
    monkeypatch.chdir(root)
    assert elsewhere(recipe, recipe.data) is recipe
    assert len(data_of(recipe, False)) == 4


def test_nothing_left(root):
    for share, what in ((0.01, "the test"), (0.99, "training")):
        with pytest.raises(ValueError, match=f"18 pictures, .* leaves none for {what}; choose"):
            data_of(recipe_on(root, val_split=share), train=what == "training")


def test_folders_of_their_own(parted):
    recipe = recipe_on(parted)
    train, test = data_of(recipe, True), data_of(recipe, False)
    assert (len(train), len(test)) == (18, 12)
    assert [test[i][1] for i in (0, 11)] == [1, 2]  # green and red, as in training


def test_what_the_model_is_shown(root):
    recipe = recipe_on(root, augment=("crop", "flip", "jitter", "pca"))
    for part in (True, False):
        image, _ = data_of(recipe, part)[0]
        assert image.shape == (3, 32, 32)
        assert image.dtype == np.float32
    train, test = data_of(recipe, True), data_of(recipe, False)
    assert np.abs(train[0][0] - train[0][0]).max() > 0.1
    np.testing.assert_array_equal(test[0][0], test[0][0])
    still = data_of(dataclasses.replace(recipe, augment=()), True)
    np.testing.assert_array_equal(still[0][0], still[0][0])
    kinds = [type(step).__name__ for step in transform_for(recipe, augmented=True).transforms]
    assert kinds == [
        "RandomResizedCrop",
        "RandomHorizontalFlip",
        "ColorJitter",
        "ToTensor",
        "PCANoise",
        "Normalize",
    ]


def test_principal_colours_are_those_of_the_training_pictures(root):
    recipe = recipe_on(root)
    values, _ = principal_colors_of(recipe)
    whole, _ = t.principal_colors(data_of(recipe, True, transform=t.Resize(64)))
    np.testing.assert_allclose(values, whole)


def test_one_of_ten_crops_is_what_the_model_is_shown_else(root):
    recipe = recipe_on(root)
    crops = data_of(recipe, False, transform=ten_crops(recipe))[0][0]
    assert crops.shape == (10, 3, 32, 32)
    one = data_of(recipe, False)[0][0]
    np.testing.assert_array_equal(crops[4], one)


def test_elsewhere(root, tmp_path):
    recipe = recipe_on(root)
    shutil.copytree(root / "red", tmp_path / "red")
    other = elsewhere(recipe, f"folder:{tmp_path}")
    test = data_of(other, False)
    assert len(test) == 6
    assert {test[i][1] for i in range(6)} == {2}
    write_picture(tmp_path / "pink" / "1.png", np.zeros((3, 3), np.uint8))
    with pytest.raises(ValueError, match="pictures of pink, but the classes learnt are blue, gre"):
        data_of(other, False)
    with pytest.raises(ValueError, match="cannot be measured on mnist"):
        elsewhere(recipe, "mnist")
    assert elsewhere(recipe, recipe.data) is recipe
