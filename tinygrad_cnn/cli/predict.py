"""`tinygrad-cnn predict`: what a trained model sees in single images."""

import argparse
from pathlib import Path

import numpy as np

from ..autograd import no_grad
from ..nn import Module
from ..tensor import Tensor
from ..train.recipe import DATA, Recipe, data_of, trained, transform_for
from .options import add_checkpoint, add_data_options, at_least_zero
from .picture import read_picture

SHADES = " .:-=+*#%@"  # from paper to ink
BAR = 30  # characters for a probability of 1


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `predict`."""
    parser = subparsers.add_parser(
        "predict",
        help="show what a trained model sees in an image",
        description="Show images as text, with the probabilities that a trained model gives them: "
        "picture files (this needs Pillow: pip install 'tinygrad_cnn[demos]'), or test images of "
        "the data set the model was trained on, by their number.",
    )
    add_checkpoint(parser)
    parser.add_argument("images", nargs="*", type=Path, metavar="IMAGE", help="a picture file")
    parser.add_argument(
        "--index", nargs="+", type=at_least_zero, default=[], metavar="N", help="a test image"
    )
    add_data_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Predict; returns the exit code."""
    if not args.images and not args.index:
        raise ValueError("nothing to predict: give picture files, or --index and a number")
    model, recipe = trained(args.checkpoint)
    classes = DATA[recipe.data].classes
    for path in args.images:
        print(f"{path}:")
        print(described(model, recipe, read_picture(path, recipe.data)))
    if args.index:
        test = data_of(recipe, train=False, root=args.root, download=args.download)
    for index in args.index:
        if index >= len(test):
            raise ValueError(f"there is no test image {index}; they go from 0 to {len(test) - 1}")
        print(f"test image {index}, labelled {classes[test.labels[index]]}:")
        print(described(model, recipe, test.images[index]))
    return 0


@no_grad()
def described(model: Module, recipe: Recipe, image: np.ndarray) -> str:
    """The image as text, and the classes by their probability.

    Shape: image (1, H, W), bytes as in the data set.
    """
    x = transform_for(recipe, augmented=False)(image)
    chances = model(Tensor(x[None])).softmax(1)[0].tolist()
    lines = [text_art(image[0])]
    ranked = sorted(zip(chances, DATA[recipe.data].classes, strict=True), reverse=True)
    for chance, name in ranked:
        lines.append(f"{name:>12} {chance:7.2%} {'#' * round(BAR * chance)}".rstrip())
    return "\n".join(lines)


def text_art(image: np.ndarray) -> str:
    """An image as lines of text, two characters for each pixel. Shape: image (H, W)."""
    top = len(SHADES) - 1
    levels = image.astype(float) / max(image.max(), 1) * top
    return "\n".join("".join(2 * SHADES[round(x)] for x in row).rstrip() for row in levels.tolist())
