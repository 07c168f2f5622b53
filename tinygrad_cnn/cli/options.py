"""Arguments that several commands share, and what their values have to be."""

import argparse
import re
from pathlib import Path

from ..train.recipe import AUGMENTS, DATA, FOLDER, is_folder

CHECKPOINT = "checkpoint.safetensors"  # the files in the folder of a run
LOG = "log.jsonl"


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add where a data set that does not come with the package is, and may be fetched to."""
    parser.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="folder of the files of MNIST, FashionMNIST or CIFAR-10",
    )
    parser.add_argument("--download", action="store_true", help="fetch files that are missing")


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a trained model."""
    parser.add_argument(
        "checkpoint", type=checkpoint, help="what train has written: the file, or its folder"
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add where to compute."""
    parser.add_argument(
        "--device",
        type=device,
        default="cpu",
        metavar="DEVICE",
        help="cpu (the default), cuda, or one of several GPUs, as in cuda:1",
    )


def device(text: str) -> str:
    """The name of a device that computes."""
    if not re.fullmatch(r"cpu|cuda(:\d+)?", text, re.ASCII):
        raise argparse.ArgumentTypeError(
            f"there is no device {text!r}; give cpu, cuda, or one of several GPUs, as in cuda:1"
        )
    return text


def checkpoint(text: str) -> Path:
    """The file that a path or the folder of a run names."""
    path = Path(text)
    return path / CHECKPOINT if path.is_dir() else path


def at_least_one(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def at_least_zero(text: str) -> int:
    """A whole number that is not negative."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def positive(text: str) -> float:
    """A finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def not_negative(text: str) -> float:
    """A finite number of at least 0."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return number


def data_name(text: str) -> str:
    """The name of a data set, or FOLDER and a path."""
    if text not in DATA and not is_folder(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(DATA)}, {FOLDER}PATH")
    return text


def names(text: str) -> tuple[str, ...]:
    """Names between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def augments(text: str) -> tuple[str, ...]:
    """Some of AUGMENTS between commas, or "none"."""
    chosen = names(text)
    if chosen == ("none",):
        return ()
    for name in chosen:
        if name not in AUGMENTS:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(AUGMENTS)}, none")
    return chosen


def share(text: str) -> float:
    """A number between 0 and 1."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1")
    return number
