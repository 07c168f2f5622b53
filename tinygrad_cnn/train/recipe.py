"""Recipes: which settings are known to train which model on which data set.

A recipe is all that decides the result of a run, in numbers and words that fit into a checkpoint.
The same recipe gives the same weights, bit for bit, on the same machine with the same libraries.
"""

import os
from dataclasses import MISSING, asdict, dataclass, fields, replace
from functools import partial
from typing import Any

from .. import models
from ..data import datasets
from ..optim import SGD, Adam, AdamW

MODELS = models.INPUT_SIZES  # all of them, by the names of their builders
DATA = {
    "digits": datasets.Digits,
    "mnist": datasets.MNIST,
    "fashion_mnist": datasets.FashionMNIST,
    "cifar10": datasets.CIFAR10,
}
GREY = ("digits", "mnist", "fashion_mnist")  # drawings of ink, that a model of one can look at
FOLDER = "folder:"  # what the names of folders of pictures begin with
AUGMENTS = ("crop", "flip", "jitter", "pca")  # what may vary the pictures of a folder
OPTIMIZERS = {"sgd": partial(SGD, momentum=0.9), "adam": Adam, "adamw": AdamW}
RATES = {"sgd": 0.03, "adam": 3e-3, "adamw": 3e-3}  # if nothing else is said


@dataclass(frozen=True)
class Recipe:
    """All that decides the result of a run.

    data: a key of DATA, or FOLDER and the path of a folder of pictures. optimizer: "sgd" (with a
    momentum of 0.9), "adam" or "adamw". lr: the highest learning rate. split: which samples are the
    test, of Digits only; see there. schedule: a key of SCHEDULES, how the rate goes; "one_cycle"
    lets the momentum go up and down as well. weight_decay: by default the optimiser's.

    Of folders: classes, their names; val_split, the share of pictures held out if there are no
    folders train and val; cut, the number that decides which, found by `images.with_classes` (None
    in older checkpoints); augment, some of AUGMENTS. Of a model that has learnt before: weights, as
    its builder takes them; freeze, the parts that stay as they are; head_lr_factor, how much faster
    its new head learns than the rest.
    """

    model: str
    data: str
    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    split: str = "shuffled"
    seed: int = 0
    classes: tuple[str, ...] = ()
    val_split: float = 0.2
    augment: tuple[str, ...] = ()
    weights: str = ""
    freeze: tuple[str, ...] = ()
    head_lr_factor: float = 1.0
    schedule: str = "one_cycle"
    weight_decay: float | None = None
    cut: float | None = None

    def settings(self) -> dict[str, Any]:
        """The recipe as a dict for a checkpoint."""
        return asdict(self)

    @property
    def folder(self) -> str | None:
        """The path of the folder of pictures, if that is what the data are."""
        return self.data.removeprefix(FOLDER) if is_folder(self.data) else None


def is_folder(data: str) -> bool:
    """Whether this names a folder of pictures."""
    return data.startswith(FOLDER)


def absolute(data: str) -> str:
    """The name of the data in every working folder: that of a folder has its absolute path."""
    if not is_folder(data):
        return data
    return FOLDER + os.path.abspath(os.path.expanduser(data.removeprefix(FOLDER)))


# Said beside the accuracy on the shuffled split of Digits; measured with seeds 0 to 4.
WRITERS = (
    "digits by other writers (all but one unseen in training) are harder: this recipe reaches "
    "about 97 % of them (--split writers; five seeds: 96.1 to 97.5 %)"
)

# What learns CIFAR10: the networks made for its images, and one for larger images, shortened. And
# for how many epochs, if not in one cycle: He et al. 2016 train for 64,000 steps, 163.7 epochs.
CIFAR_MODELS = (*(name for name, size in MODELS.items() if size == (3, 32, 32)), "vgg11_bn")
CIFAR_EPOCHS = 164

RECIPES = (
    Recipe("lenet5", "digits", epochs=30, batch_size=32, optimizer="adam", lr=3e-3),
    Recipe("lenet5", "mnist", epochs=5, batch_size=64, optimizer="sgd", lr=0.03),
    Recipe("lenet5", "fashion_mnist", epochs=10, batch_size=64, optimizer="adam", lr=3e-3),
    Recipe("lenet", "digits", epochs=30, batch_size=32, optimizer="adam", lr=3e-3),
    Recipe("lenet", "mnist", epochs=5, batch_size=64, optimizer="adam", lr=3e-3),
    Recipe("lenet", "fashion_mnist", epochs=10, batch_size=64, optimizer="adam", lr=3e-3),
    *(Recipe(m, "cifar10", 30, 128, "sgd", 0.1, weight_decay=1e-4) for m in CIFAR_MODELS),
)


def recipe_for(model: str, data: str, weights: str = "", schedule: str = "one_cycle") -> Recipe:
    """The recipe for a model and a data set; for a folder of pictures it is the same for all.

    A model with weights learns slowly, its new head ten times as fast; one without learns longer.
    On cifar10 the schedules of papers take as long as there.

    Raises: ValueError if there is none, or weights are to learn anything but a folder of pictures.
    """
    known = known_recipe(model, data, weights)
    if data == "cifar10" and schedule != known.schedule:
        known = replace(known, epochs=CIFAR_EPOCHS)
    return replace(known, schedule=schedule)


def known_recipe(model: str, data: str, weights: str) -> Recipe:
    """The recipe with one cycle; see `recipe_for`."""
    if is_folder(data):
        known = Recipe(model, data, 30, 32, "adam", 1e-3, augment=("crop", "flip"))
        if weights:
            known = Recipe(model, data, 10, 32, "sgd", 3e-3, augment=("crop", "flip"))
            known = replace(known, weights=weights, head_lr_factor=10.0)
        return known
    for recipe in RECIPES:
        if (recipe.model, recipe.data) == (model, data) and not weights:
            return recipe
    kind = f"{model} with weights" if weights else model
    known = {name: [r.model for r in RECIPES if r.data == name] for name in DATA}
    lists = "; ".join(f"{', '.join(learners)} on {name}" for name, learners in known.items())
    raise ValueError(
        f"there is no recipe for {kind} on {data}; there are {lists}; and any model on "
        f"{FOLDER}PATH, a folder of pictures"
    )


def recipe_of(settings: dict[str, Any]) -> Recipe:
    """The recipe that a checkpoint's settings were made from; settings of later days may be absent.

    Raises: ValueError if they are no recipe's.
    """
    names = {field.name for field in fields(Recipe)}
    needed = {field.name for field in fields(Recipe) if field.default is MISSING}
    if not needed <= settings.keys() <= names:
        raise ValueError(
            f"the checkpoint's settings are {sorted(settings)}, those of a recipe are "
            f"{sorted(names)}; was it written by a program of your own?"
        )
    return Recipe(**settings)
