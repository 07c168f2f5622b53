"""`tinygrad-cnn train`: train a model, with a live progress bar and a checkpoint every epoch."""

import argparse
import dataclasses
import itertools
import shlex
from pathlib import Path
from typing import Any

from ..train import Checkpoints, Recipe, Trainer, load_checkpoint, progress, restore, trainer_of
from ..train.recipe import DATA, MODELS, OPTIMIZERS, RATES, WRITERS, recipe_for, recipe_of
from .options import CHECKPOINT, add_data_options, at_least_one, at_least_zero, positive


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `train`."""
    parser = subparsers.add_parser(
        "train",
        help="train a model",
        description="Train a model. Without options, lenet5 learns the digits that come with the "
        "package. What is not given is taken from a recipe that is known to work.",
    )
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--data", choices=DATA, help="the data set (default: digits)")
    parser.add_argument(
        "--split",
        choices=("shuffled", "writers"),
        help="of digits, test on a random 20 %% (shuffled, the default) or on the last 360, which "
        "are by other writers",
    )
    add_data_options(parser)
    parser.add_argument("--epochs", type=at_least_one, help="times through the data")
    parser.add_argument("--batch-size", type=at_least_one, help="images per step")
    parser.add_argument("--optimizer", choices=OPTIMIZERS)
    parser.add_argument(
        "--lr", type=positive, help="learning rate, at the top of the one cycle it goes through"
    )
    parser.add_argument(
        "--seed", type=at_least_zero, help="of weights, order and augmentation (default: 0)"
    )
    parser.add_argument("--device", default="cpu", help="cpu (the default) or cuda")
    parser.add_argument(
        "--workers",
        type=at_least_zero,
        default=1,
        help="threads that prepare batches ahead (default: 1)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of the checkpoint (default: in runs/)"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in the output folder, by default the latest of this model and "
        "data; its settings stay as they were",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; returns the exit code."""
    folder = args.output or default_folder(args.model, args.data or "digits", args.resume)
    path = folder / CHECKPOINT
    if args.resume:
        checkpoint = load_checkpoint(path)
        recipe = recipe_of(checkpoint["settings"])
        check_same(given(args), recipe, folder)
    elif path.exists():
        raise ValueError(
            f"{folder} already holds a run; add --resume to go on with it, or give another --output"
        )
    else:
        checkpoint = None
        recipe = chosen(args)
    trainer = trainer_of(
        recipe,
        root=args.root,
        download=args.download,
        device=args.device,
        workers=args.workers,
    )
    if checkpoint is not None:
        restore(trainer, checkpoint)
    trainer.callbacks += [Checkpoints(path, recipe.settings()), progress()]
    print(headline(trainer, recipe), flush=True)
    if trainer.epoch:
        print(f"going on after epoch {trainer.epoch} of {recipe.epochs}", flush=True)
    try:
        trainer.fit(recipe.epochs)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(interrupted(trainer, recipe, args, folder)) from None
    print(result(trainer, recipe, path))
    return 0


# --- which run ---


def given(args: argparse.Namespace) -> dict[str, Any]:
    """The settings of a recipe that the command line names."""
    names = [field.name for field in dataclasses.fields(Recipe)]
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def chosen(args: argparse.Namespace) -> Recipe:
    """The recipe for a new run: the known one, changed by what the command line names."""
    settings = given(args)
    recipe = recipe_for(args.model, args.data or "digits")
    if settings.get("optimizer", recipe.optimizer) != recipe.optimizer:
        settings.setdefault("lr", RATES[settings["optimizer"]])
    if args.split and recipe.data != "digits":
        raise ValueError(f"--split is for digits; {recipe.data} has a fixed test set")
    return dataclasses.replace(recipe, **settings)


def check_same(settings: dict[str, Any], recipe: Recipe, folder: Path) -> None:
    """Raise ValueError if the command line names other settings than the run to be resumed has."""
    for name, value in settings.items():
        had = getattr(recipe, name)
        if value != had:
            raise ValueError(
                f"the run in {folder} was begun with {name} {had}, not {value}; leave that out to "
                "go on with it, or begin another without --resume"
            )


def default_folder(model: str, data: str, resume: bool) -> Path:
    """The first folder runs/MODEL-DATA, -2, -3 ... without a run, or to resume the last with one.

    Raises: ValueError if there is nothing to resume.
    """
    first = Path("runs") / f"{model}-{data}"
    latest = None
    for number in itertools.count(1):
        folder = first if number == 1 else first.with_name(f"{first.name}-{number}")
        if not (folder / CHECKPOINT).exists():
            break
        latest = folder
    if not resume:
        return folder
    if latest is None:
        raise ValueError(f"there is no run in {first} to resume; leave out --resume to begin one")
    return latest


# --- what is said ---


def headline(trainer: Trainer, recipe: Recipe) -> str:
    """What is about to be trained on what."""
    weights = sum(p.numel() for p in trainer.model.parameters())
    return (
        f"{recipe.model} ({weights:,} parameters) on {recipe.data}: "
        f"{len(trainer.train_loader.dataset):,} images for training, "
        f"{len(trainer.test_loader.dataset):,} for the test; seed {recipe.seed}"
    )


def interrupted(trainer: Trainer, recipe: Recipe, args: argparse.Namespace, folder: Path) -> str:
    """What was kept after Ctrl-C, and how to go on."""
    if not trainer.epoch:
        return "interrupted in the first epoch; nothing is kept"
    command = ["tinygrad-cnn", "train", recipe.model, "--data", recipe.data, "--resume"]
    command += ["--output", str(folder)]
    if args.root is not None:
        command += ["--root", str(args.root)]
    if args.device != "cpu":
        command += ["--device", args.device]
    return (
        f"interrupted; epoch {trainer.epoch} of {recipe.epochs} is kept in {folder / CHECKPOINT}\n"
        f"go on with: {shlex.join(command)}"
    )


def result(trainer: Trainer, recipe: Recipe, path: Path) -> str:
    """What was reached, and what to do with it."""
    accuracy = trainer.history[-1]["test_accuracy"]
    count = len(trainer.test_loader.dataset)
    tests = {
        "shuffled": f"the {count} digits held out (a random 20 %)",
        "writers": f"the last {count} digits (by writers not seen in training, but for one)",
    }
    what = tests[recipe.split] if recipe.data == "digits" else f"the {count:,} test images"
    lines = [f"accuracy on {what}: {accuracy:.2%}"]
    if dataclasses.replace(recipe, seed=0) == recipe_for("lenet5", "digits"):
        lines.append(WRITERS)
    seconds = sum(entry["seconds"] for entry in trainer.history)
    lines.append(f"trained in {seconds:.1f} s; checkpoint: {path}")
    lines.append(f"look at it with: tinygrad-cnn predict {shlex.quote(str(path))} --index 0")
    return "\n".join(lines)
