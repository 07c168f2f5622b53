"""From a recipe to the model, optimiser, schedule and loaders that follow it."""

import os
from typing import Any

from .. import models, nn
from ..data import DataLoader, Dataset
from ..models import vgg
from ..models.weights import state_for
from ..nn import Module
from ..optim import Optimizer
from ..random import manual_seed
from ..tensor import Device
from .checkpoint import load_checkpoint, restore
from .images import channels_of, classes_of, data_of, loader_of
from .recipe import OPTIMIZERS, Recipe, recipe_of
from .schedules import schedule_of
from .trainer import Trainer
from .transfer import freeze, param_groups

SMALL = 100_000


def model_of(recipe: Recipe) -> Module:
    """The model of a recipe, with fresh weights from the library's generator."""
    classes = len(classes_of(recipe))
    if recipe.data == "cifar10" and recipe.model == "vgg11_bn":
        return small_vgg("A", classes)
    return getattr(models, recipe.model)(num_classes=classes, in_channels=channels_of(recipe))


def small_vgg(column: str, num_classes: int) -> nn.Sequential:
    """VGG with batch norm for images of 32 pixels; of column A, 9.2 million parameters.

    Shape: (N, 3, 32, 32) -> (N, num_classes).
    Differs: of such an image VGG's convolutions leave one pixel, which it would repeat 49 times for
    three linear layers of 119 million weights; here one layer names the class.
    """
    blocks = []
    channels = 3
    for out_channels, convolutions in zip(vgg.CHANNELS, vgg.COLUMNS[column], strict=True):
        blocks.append(vgg.vgg_block(channels, out_channels, convolutions, batch_norm=True))
        channels = out_channels
    model = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(channels, num_classes))
    vgg.initialise(model)
    return model


def pretrained(recipe: Recipe) -> Module:
    """The model of a recipe with the weights that it names, and a fresh head for its classes.

    The weights may be those of a model for any number of classes.

    Raises: as `weights.with_weights`.
    """
    model = getattr(models, recipe.model)()
    state = state_for(model, recipe.model, recipe.weights)
    fit_head(model, state)
    model.load_state_dict(state)
    return models.replace_head(model, len(recipe.classes))


def fit_head(model: Module, state: object) -> None:
    """Let the head of `model` be for as many classes as the one in `state`."""
    head = models.heads(model)[-1]
    weight = state.get(f"{head}.weight") if isinstance(state, dict) else None
    if weight is not None and len(weight) != len(model.get_submodule(head).weight):
        models.replace_head(model, len(weight))


def trained(path: str | os.PathLike) -> tuple[Module, Recipe]:
    """The model in a checkpoint that a recipe's run has written, and that recipe.

    Raises: FileNotFoundError or ValueError if there is no such checkpoint.
    """
    checkpoint = load_checkpoint(path)
    recipe = recipe_of(checkpoint["settings"])
    model = model_of(recipe)
    model.load_state_dict(checkpoint["model"])
    return model.eval(), recipe


def trainer_of(
    recipe: Recipe,
    checkpoint: dict[str, Any] | None = None,
    *,
    root: str | os.PathLike | None = None,
    download: bool = False,
    device: str = "cpu",
    workers: int = 0,
    record: bool | None = None,
) -> Trainer:
    """A trainer that is ready to `fit(recipe.epochs)`, from where `checkpoint` was if it is given.

    The library's generator is restarted from the recipe's seed. workers: threads that make batches
    ahead; their number changes no result. record: whether steps are recorded, see Trainer; by
    default where that is known to help, on the CPU for networks of fewer than SMALL parameters.

    Raises: as the data set, if its files are not there, and as what reads the weights; ValueError
    for parts to freeze that the model has not.
    """
    manual_seed(recipe.seed)
    train, test = (data_of(recipe, part, root, download) for part in (True, False))
    loader = train_loader(recipe, train, workers)
    fresh = checkpoint is not None or not recipe.weights
    model = (model_of if fresh else pretrained)(recipe).to(device=device)
    freeze(model, recipe.freeze)
    optimizer = optimizer_of(model, recipe)
    schedule = schedule_of(recipe, optimizer, len(loader))
    if record is None:
        size = sum([p.numel() for p in model.parameters()])
        record = size < SMALL and Device(device).type == "cpu"
    test = test_loader(recipe, test)
    trainer = Trainer(model, optimizer, loader, test, scheduler=schedule, record=record)
    if checkpoint is not None:
        restore(trainer, checkpoint)
    return trainer


def optimizer_of(model: Module, recipe: Recipe) -> Optimizer:
    """The optimiser of a recipe, for what of `model` is not frozen."""
    given = {} if recipe.weight_decay is None else {"weight_decay": recipe.weight_decay}
    return OPTIMIZERS[recipe.optimizer](groups_of(model, recipe), lr=recipe.lr, **given)


def groups_of(model: Module, recipe: Recipe) -> list[dict[str, Any]]:
    """The optimiser's groups: the head apart, if it learns faster than the rest."""
    if recipe.head_lr_factor == 1:
        return param_groups(model, recipe.lr)
    factors = dict.fromkeys(models.heads(model), recipe.head_lr_factor)
    return param_groups(model, recipe.lr, factors)


def train_loader(recipe: Recipe, train: Dataset, workers: int) -> DataLoader:
    """Batches for training, in a new order each epoch; one image left over is left out.

    It would have no variance that a norm could divide by.
    """
    alone = len(train) > recipe.batch_size and len(train) % recipe.batch_size == 1
    return DataLoader(train, recipe.batch_size, shuffle=True, num_workers=workers, drop_last=alone)


def test_loader(recipe: Recipe, test: Dataset) -> DataLoader:
    """Batches for measuring; of photographs not more than in training."""
    return loader_of(test) if recipe.folder is None else loader_of(test, recipe.batch_size)
