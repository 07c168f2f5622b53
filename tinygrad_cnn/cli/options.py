"""Arguments that several commands share, and what their values have to be."""

import argparse
from pathlib import Path

CHECKPOINT = "checkpoint.safetensors"  # the file in the folder of a run


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add where a data set that does not come with the package is, and may be fetched to."""
    parser.add_argument(
        "--root", type=Path, metavar="DIR", help="folder of the files of MNIST or FashionMNIST"
    )
    parser.add_argument("--download", action="store_true", help="fetch files that are missing")


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a trained model."""
    parser.add_argument(
        "checkpoint", type=checkpoint, help="what train has written: the file, or its folder"
    )


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
