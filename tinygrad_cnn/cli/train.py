"""`tinygrad-cnn train`: train a model, with a live progress bar and a checkpoint every epoch."""

import argparse
import dataclasses
import shlex
from pathlib import Path
from typing import Any

from ..train import Checkpoints, Log, Trainer, load_checkpoint, progress, trainer_of
from ..train.checkpoint import place_of
from ..train.images import with_classes
from ..train.recipe import (
    AUGMENTS,
    FOLDER,
    MODELS,
    OPTIMIZERS,
    RATES,
    WRITERS,
    Recipe,
    absolute,
    is_folder,
    recipe_for,
    recipe_of,
)
from ..train.schedules import SCHEDULES
from .options import (
    CHECKPOINT,
    LOG,
    add_data_options,
    add_device,
    at_least_one,
    at_least_zero,
    augments,
    data_name,
    names,
    not_negative,
    positive,
    share,
)
from .run_folder import check_new, first_held, held, latest

FOR_FOLDERS = ("val_split", "augment", "freeze", "head_lr_factor")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `train`."""
    parser = subparsers.add_parser(
        "train",
        help="train a model",
        description="Train a model. Without options, lenet5 learns the digits that come with the "
        "package. What is not given is taken from a recipe that is known to work. Any model learns "
        "pictures from a folder that holds one folder for each class (this needs Pillow: "
        "pip install 'tinygrad_cnn[images]').",
        epilog=f"Models: {', '.join(MODELS)}.",
    )
    parser.add_argument("model", choices=MODELS, metavar="MODEL", help="one of those named below")
    parser.add_argument(
        "--data",
        type=data_name,
        metavar="DATA",
        help="digits (the default), mnist, fashion_mnist, cifar10, or folder:PATH for pictures",
    )
    parser.add_argument(
        "--split",
        choices=("shuffled", "writers"),
        help="of digits, test on a random 20 %% (shuffled, the default) or on the last 360, which "
        "are by other writers",
    )
    add_data_options(parser)
    add_picture_options(parser)
    parser.add_argument("--epochs", type=at_least_one, help="times through the data")
    parser.add_argument("--batch-size", type=at_least_one, help="images per step")
    add_optimizer_options(parser)
    parser.add_argument(
        "--seed", type=at_least_zero, help="of weights, order and augmentation (default: 0)"
    )
    add_device(parser)
    parser.add_argument(
        "--workers",
        type=at_least_zero,
        default=1,
        help="threads that prepare batches ahead (default: 1)",
    )
    parser.add_argument(
        "--record",
        action=argparse.BooleanOptionalAction,
        help="record a step and replay it: the same numbers, for small networks in a third to two "
        "thirds of the time, with more memory (default: for networks as small as LeNet-5, on the "
        "CPU)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help=f"folder of the checkpoint and of {LOG}, "
        "the errors of every epoch (default: in runs/)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in the output folder, by default the latest of this model and "
        "data; its settings stay as they were",
    )
    parser.set_defaults(run=run)


def add_optimizer_options(parser: argparse.ArgumentParser) -> None:
    """Add what decides a step."""
    parser.add_argument("--optimizer", choices=OPTIMIZERS)
    parser.add_argument("--lr", type=positive, help="learning rate, where it is highest")
    parser.add_argument(
        "--schedule",
        choices=SCHEDULES,
        help="how the rate goes: in one cycle up and down (one_cycle, the default); as in the "
        "paper of residual networks, on cifar10 for 164 epochs (he2016: a tenth of it after half "
        "of the steps, a hundredth after three quarters); or a tenth of it whenever ten epochs "
        "have brought nothing (plateau)",
    )
    parser.add_argument(
        "--weight-decay", type=not_negative, metavar="X", help="pull of the weights towards 0"
    )


def add_picture_options(parser: argparse.ArgumentParser) -> None:
    """Add how a model learns the pictures of a folder, and what it knows before."""
    group = parser.add_argument_group("pictures in a folder")
    group.add_argument(
        "--val-split",
        type=share,
        metavar="SHARE",
        help="of the pictures, held out for the test (default: 0.2); if there are folders train "
        "and val in PATH, those are taken",
    )
    group.add_argument(
        "--augment",
        type=augments,
        nargs="?",
        const=AUGMENTS,
        metavar="LIST",
        help="what varies the pictures in training: crop (random parts at random sizes), flip, "
        "jitter (of colours), pca (AlexNet's colour noise), or none (default: crop,flip; without a "
        "list: all of them)",
    )
    group.add_argument(
        "--weights",
        metavar="FILE",
        help="begin with these weights (a file, an address, or a name such as IMAGENET1K_V1) and "
        "with a new head for the classes of the folder",
    )
    group.add_argument(
        "--freeze",
        type=names,
        metavar="PARTS",
        help="parts of the model that stay as they are, as in conv1,bn1,layer1",
    )
    group.add_argument(
        "--head-lr-factor",
        type=positive,
        metavar="X",
        help="how much faster the head learns than the rest (default: 10 with --weights, else 1)",
    )


def run(args: argparse.Namespace) -> int:
    """Train; returns the exit code."""
    first = default_folder(args.model, args.data or "digits")
    folder = args.output
    checkpoint = None
    if args.resume:
        folder = folder or latest(first)
        checkpoint = load_checkpoint(folder / CHECKPOINT)
        recipe = recipe_of(checkpoint["settings"])
        check_same(given(args), recipe, folder)
    else:
        if folder is not None:
            check_new(folder)
        recipe = chosen(args)
    trainer = trainer_of(
        recipe,
        checkpoint,
        root=args.root,
        download=args.download,
        device=args.device,
        workers=args.workers,
        record=args.record,
    )
    holding = first_held(first) if folder is None else held(folder, args.resume)
    with holding as folder:
        train(trainer, recipe, folder, args)
    return 0


def train(trainer: Trainer, recipe: Recipe, folder: Path, args: argparse.Namespace) -> None:
    """Train in a folder that this run holds, and say how it goes."""
    saved = Checkpoints(folder / CHECKPOINT, recipe.settings())
    # The checkpoint comes first: what fails behind it, a full disk or a reader of the standard
    # output that has gone, costs no epoch.
    trainer.callbacks += [saved, Log(folder / LOG), progress()]
    print(headline(trainer, recipe), flush=True)
    if args.resume:
        print(f"going on after {where(place_of(trainer), trainer, recipe)}", flush=True)
    try:
        trainer.fit(recipe.epochs)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(interrupted(saved, trainer, recipe, args)) from None
    print(result(trainer, recipe, saved.path, args))


# --- which run ---


def given(args: argparse.Namespace) -> dict[str, Any]:
    """The settings of a recipe that the command line names."""
    settings = {field.name: getattr(args, field.name, None) for field in dataclasses.fields(Recipe)}
    return {name: value for name, value in settings.items() if value is not None}


def chosen(args: argparse.Namespace) -> Recipe:
    """The recipe for a new run: the known one, changed by what the command line names."""
    settings = given(args)
    schedule = args.schedule or "one_cycle"
    recipe = recipe_for(args.model, args.data or "digits", args.weights or "", schedule)
    if settings.get("optimizer", recipe.optimizer) != recipe.optimizer:
        settings.setdefault("lr", RATES[settings["optimizer"]])
        settings.setdefault("weight_decay", None)
    if args.split and recipe.data != "digits":
        raise ValueError(f"--split is for digits; {recipe.data} has a test set of its own")
    for name in FOR_FOLDERS:
        if name in settings and recipe.folder is None:
            option = name.replace("_", "-")
            raise ValueError(f"--{option} is for pictures in a folder, --data folder:PATH")
    return with_classes(dataclasses.replace(recipe, **settings))


def check_same(settings: dict[str, Any], recipe: Recipe, folder: Path) -> None:
    """Raise ValueError if the command line names other settings than the run to be resumed has."""
    for name, value in settings.items():
        had = getattr(recipe, name)
        same = absolute(value) == absolute(had) if name == "data" else value == had
        if not same:
            raise ValueError(
                f"the run in {folder} was begun with {name} {had}, not {value}; leave that out to "
                "go on with it, or begin another without --resume"
            )


def default_folder(model: str, data: str) -> Path:
    """The first of the folders for runs of this model and data, runs/MODEL-DATA."""
    name = Path(data.removeprefix(FOLDER)).resolve().name if is_folder(data) else data
    return Path("runs") / f"{model}-{name}"


# --- what is said ---


def headline(trainer: Trainer, recipe: Recipe) -> str:
    """What is about to be trained on what."""
    weights = sum(p.numel() for p in trainer.model.parameters())
    frozen = sum(p.numel() for p in trainer.model.parameters() if not p.requires_grad)
    size = f"{weights:,} parameters" + (f", {frozen:,} of them frozen" if frozen else "")
    classes = f"{len(recipe.classes)} classes, " if recipe.classes else ""
    return (
        f"{recipe.model} ({size}) on {recipe.data}: {classes}"
        f"{len(trainer.train_loader.dataset):,} images for training, "
        f"{len(trainer.test_loader.dataset):,} for the test; seed {recipe.seed}"
    )


def where(place: tuple[int, int], trainer: Trainer, recipe: Recipe) -> str:
    """A place in a run, in words."""
    epoch, steps = place
    whole = f"epoch {epoch} of {recipe.epochs}"
    if not steps:
        return whole
    part = f"{steps} of {len(trainer.train_loader)} steps of the"
    return f"{whole} and {part} next" if epoch else f"{part} first epoch"


def interrupted(
    saved: Checkpoints, trainer: Trainer, recipe: Recipe, args: argparse.Namespace
) -> str:
    """What was kept after Ctrl-C, and how to go on."""
    if saved.place is None:
        return "interrupted in the first epoch; nothing is kept"
    command = ["tinygrad-cnn", "train", recipe.model, "--data", recipe.data, "--resume"]
    command += ["--output", str(saved.path.parent)]
    command += root_option(args)
    if args.device != "cpu":
        command += ["--device", args.device]
    return (
        f"interrupted; {saved.path} keeps {where(saved.place, trainer, recipe)}\n"
        f"go on with: {shlex.join(command)}"
    )


def result(trainer: Trainer, recipe: Recipe, path: Path, args: argparse.Namespace) -> str:
    """What was reached, and what to do with it."""
    accuracy = trainer.history[-1]["test_accuracy"]
    count = len(trainer.test_loader.dataset)
    tests = {
        "shuffled": f"the {count} digits held out (a random 20 %)",
        "writers": f"the last {count} digits (by writers not seen in training, but for one)",
    }
    what = tests[recipe.split] if recipe.data == "digits" else f"the {count:,} test images"
    image = ["--index", "0", *root_option(args)]
    if recipe.folder is not None:
        what = f"the {count:,} pictures held out"
        image = ["PICTURE"]
    lines = [f"accuracy on {what}: {accuracy:.2%}"]
    if dataclasses.replace(recipe, seed=0) == recipe_for("lenet5", "digits"):
        lines.append(WRITERS)
    seconds = sum(entry["seconds"] for entry in trainer.history)
    lines.append(f"trained in {seconds:.1f} s; checkpoint: {path}")
    command = shlex.join(["tinygrad-cnn", "predict", str(path), *image])
    lines.append(f"look at it with: {command}")
    return "\n".join(lines)


def root_option(args: argparse.Namespace) -> list[str]:
    """What other commands need to find the data where this one did."""
    return [] if args.root is None else ["--root", str(args.root)]
