"""The images of a recipe: where they are, which are held out, and what a model is shown of them."""

import dataclasses
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .. import models
from ..data import DataLoader, Dataset, Subset, datasets, random_split
from ..data import transforms as t
from ..random import Generator
from .recipe import DATA, GREY, Recipe, absolute, is_folder

# LeCun et al. 1998, section II-B: what the network sees of a pixel that is paper, or ink.
PAPER = -0.1
INK = 1.175

# Mean and deviation of ImageNet's pixels by channel, which published weights are used to.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

# The same of CIFAR-10's training images, whose sides are CIFAR_SIDE.
CIFAR_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR_STD = (0.2470, 0.2435, 0.2616)
CIFAR_SIDE = 32

MARGIN = 256 / 224  # the shorter side of a photograph, for each pixel of the window cut out of it
SAMPLES = 500  # pictures that principal colours are computed from, and their shorter side
SMALL = 64


def side_of(recipe: Recipe) -> int:
    """The side of the images that the recipe's model takes."""
    return CIFAR_SIDE if recipe.data == "cifar10" else models.INPUT_SIZES[recipe.model][1]


def channels_of(recipe: Recipe) -> int:
    """The colours of the images that the recipe's model takes."""
    return 1 if recipe.data in GREY else 3


def classes_of(recipe: Recipe) -> tuple[str, ...]:
    """The names of the classes that the recipe's model tells apart."""
    return recipe.classes if recipe.folder is not None else DATA[recipe.data].classes


def loader_of(dataset: Dataset, batch_size: int = 256) -> DataLoader:
    """Batches for measuring: all images in their order, many at a time."""
    return DataLoader(dataset, batch_size)


def data_of(
    recipe: Recipe,
    train: bool,
    root: str | os.PathLike | None = None,
    download: bool = False,
    transform: Callable | None = None,
) -> Dataset:
    """The training or the test part of a recipe's data set, ready for the model.

    transform: of the images, if not `transform_for` the recipe.

    Shape: images (C, H, W), as the model takes them.
    Raises: as the data set, if its files are not there; ValueError for a folder with other classes
    than the recipe's.
    """
    if recipe.folder is not None:
        return pictures(recipe, train, transform)
    transform = transform or transform_for(recipe, augmented=train)
    if recipe.data == "digits":
        return datasets.Digits(train, transform, split=recipe.split)
    return DATA[recipe.data](root, train, transform, download=download)


def transform_for(recipe: Recipe, augmented: bool) -> t.Compose:
    """From the images of a data set to the input of a model.

    augmented: each of the Digits is turned, moved and scaled a little, anew in every epoch; each of
    CIFAR10 is moved and perhaps mirrored; the pictures of a folder are varied as the recipe says.
    """
    if recipe.folder is not None:
        return photographs(recipe, augmented)
    if recipe.data == "cifar10":
        return small_photographs(augmented)
    digits = recipe.data == "digits"
    side = side_of(recipe)
    steps = [t.ToFloat(16.0 if digits else 255.0)]
    if digits:
        steps.append(t.Resize((28, 28)))
    steps.append(t.Pad((side - 28) // 2))
    if digits and augmented:
        steps.append(t.RandomAffine(10, translate=(2 / side, 2 / side), scale=(0.9, 1.1)))
    steps.append(t.Normalize(-PAPER / (INK - PAPER), 1 / (INK - PAPER)))
    return t.Compose(steps)


def small_photographs(augmented: bool) -> t.Compose:
    """From the images of CIFAR10 to the input of a model: normalised.

    augmented: and moved by up to 4 pixels, with zeros from outside, and one in two mirrored.

    Source: He et al. 2016, Deep residual learning for image recognition, section 4.2.
    Differs: there the mean of every pixel is subtracted and nothing else done; here it is the mean
    of every channel, and all is divided by the channel's deviation.
    """
    vary = [t.RandomCrop(CIFAR_SIDE, padding=4), t.RandomHorizontalFlip()] if augmented else []
    return t.Compose([t.ToTensor(), t.Normalize(CIFAR_MEAN, CIFAR_STD), *vary])


def window_of(recipe: Recipe) -> t.Compose:
    """From a photograph of any size to the input of a model: its middle."""
    whole = transform_for(recipe, augmented=False)
    if recipe.folder is not None:
        return whole
    side = side_of(recipe)
    return t.Compose([t.Resize(side), t.CenterCrop(side), whole])


# --- folders of pictures --------------------------------------------------------------------------


def photographs(recipe: Recipe, augmented: bool) -> t.Compose:
    """From the pictures of a folder to the input of a model: a window, normalised."""
    vary = recipe.augment if augmented else ()
    side = side_of(recipe)
    steps = [t.Resize(round(MARGIN * side)), t.CenterCrop(side)]
    if "crop" in vary:
        steps = [t.RandomResizedCrop(side)]
    if "flip" in vary:
        steps.append(t.RandomHorizontalFlip())
    if "jitter" in vary:
        steps.append(t.ColorJitter(0.4, 0.4, 0.4, 0.1))
    steps.append(t.ToTensor())
    if "pca" in vary:
        steps.append(t.PCANoise(*principal_colors_of(recipe)))
    return t.Compose([*steps, t.Normalize(MEAN, STD)])


def ten_crops(recipe: Recipe) -> t.Compose:
    """As `transform_for` a folder, but all of the ten windows. Shape: (10, 3, side, side)."""
    side = side_of(recipe)
    before = [t.Resize(round(MARGIN * side)), t.ToTensor(), t.Normalize(MEAN, STD)]
    return t.Compose([*before, t.TenCrop(side)])


def principal_colors_of(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """`principal_colors` of some of the training pictures, evenly taken and made small."""
    whole = data_of(recipe, train=True, transform=t.Resize(SMALL))
    places = np.unique(np.linspace(0, len(whole) - 1, SAMPLES).astype(int))
    return t.principal_colors(Subset(whole, places.tolist()))


def pictures(recipe: Recipe, train: bool, transform: Callable | None = None) -> Dataset:
    """The training or the held out pictures of a recipe's folder."""
    root = Path(recipe.folder).expanduser()
    parts = parts_in(root)
    place = root if parts is None else parts[0 if train else 1]
    found = datasets.ImageFolder(place)
    check_classes(found, recipe, place)
    numbers = [recipe.classes.index(name) for name in found.classes]
    found.target_transform = numbers.__getitem__
    part = found if parts is not None else part_of(found, recipe, train)
    if not len(part):
        raise ValueError(
            f"{place} has {len(found)} pictures, of which a share of {recipe.val_split:g} is "
            f"held out: that leaves none for {'training' if train else 'the test'}; choose "
            "another --val-split"
        )
    found.transform = transform or transform_for(recipe, augmented=train)
    return part


def part_of(found: datasets.ImageFolder, recipe: Recipe, train: bool) -> Subset:
    """The training or the held out pictures of a folder that has both together.

    A picture is held out if its chance lies below the recipe's cut. So it stays where it is,
    whatever becomes of the other pictures, and one that comes later is held out by the same rule.
    """
    if recipe.cut is None:  # older checkpoints held out what a permutation of all pictures chose
        held_out = round(len(found) * recipe.val_split)
        lengths = [len(found) - held_out, held_out]
        return random_split(found, lengths, Generator(recipe.seed))[0 if train else 1]
    below = [chance < recipe.cut for chance in chances(found, recipe.seed)]
    return Subset(found, [i for i, held_out in enumerate(below) if held_out is not train])


def chances(found: datasets.ImageFolder, seed: int) -> list[float]:
    """For every picture a number in [0, 1) that its path in the folder and the seed decide."""
    names = [Path(path).relative_to(found.root).as_posix() for path, _ in found.samples]
    digests = [hashlib.blake2b(os.fsencode(f"{seed}/{name}"), digest_size=6) for name in names]
    return [int.from_bytes(digest.digest(), "big") / 2**48 for digest in digests]


def cut_of(numbers: list[float], share: float) -> float:
    """The number in [0, 1] that this share of the numbers lies below."""
    return [*sorted(numbers), 1.0][round(len(numbers) * share)]


def parts_in(root: Path) -> tuple[Path, Path] | None:
    """The folders of training and of held out pictures, if `root` has both."""
    held_out = [root / name for name in ("val", "test") if (root / name).is_dir()]
    return (root / "train", held_out[0]) if held_out and (root / "train").is_dir() else None


def check_classes(found: datasets.ImageFolder, recipe: Recipe, place: Path) -> None:
    """Raise ValueError if there are pictures of what the recipe's model does not know."""
    unknown = [name for name in found.classes if name not in recipe.classes]
    if unknown:
        raise ValueError(
            f"{place} has pictures of {', '.join(unknown)}, but the classes learnt are "
            f"{', '.join(recipe.classes)}"
        )


def with_classes(recipe: Recipe) -> Recipe:
    """The recipe with what its folder has now: the names of the classes, and the cut between the
    pictures for training and those held out; and with the folder's absolute path.

    Raises: as ImageFolder.
    """
    if recipe.folder is None:
        return recipe
    root = Path(recipe.folder).expanduser()
    parts = parts_in(root)
    found = datasets.ImageFolder(root if parts is None else parts[0])
    cut = None if parts is not None else cut_of(chances(found, recipe.seed), recipe.val_split)
    data = absolute(recipe.data)
    return dataclasses.replace(recipe, data=data, classes=found.classes, cut=cut)


def elsewhere(recipe: Recipe, data: str) -> Recipe:
    """The recipe for a test on other data: all of another folder, or another data set's test.

    Raises: ValueError if the one has images or classes that a model of the other does not know.
    """
    if absolute(data) == absolute(recipe.data):
        return recipe
    folders = recipe.folder is not None and is_folder(data)
    if not folders and not {data, recipe.data} <= {*GREY}:
        raise ValueError(
            f"a model trained on {recipe.data} cannot be measured on {data}, whose images or "
            f"classes are others; give {'folder:PATH' if recipe.folder else 'data'} like its own"
        )
    return dataclasses.replace(recipe, data=data, split="shuffled", val_split=1.0, cut=1.0)
