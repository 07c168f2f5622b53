"""`tinygrad-cnn predict`: what a trained model sees in single images."""

import argparse
from pathlib import Path

import numpy as np

from .. import models
from ..autograd import no_grad
from ..data import Dataset
from ..data.image_folder import read_image
from ..models import top_k, weights
from ..nn import Module
from ..tensor import Tensor
from ..train.images import classes_of, data_of, transform_for, window_of
from ..train.recipe import GREY, Recipe
from ..train.setup import trained
from .options import add_checkpoint, add_data_options, at_least_one, at_least_zero
from .picture import read_picture

SHADES = " .:-=+*#%@"  # from paper to ink
BAR = 30  # characters for a probability of 1


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `predict`."""
    parser = subparsers.add_parser(
        "predict",
        help="show what a trained model sees in an image",
        description="Show images as text, with the probabilities that a trained model gives them: "
        "picture files (this needs Pillow: pip install 'tinygrad_cnn[images]'), or test images of "
        "the data set the model was trained on, by their number. Photographs are not shown.",
    )
    add_checkpoint(parser)
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="weights of ImageNet, published for the model that is then named in the place of what "
        "train has written, as in: predict resnet18 cat.jpg --weights IMAGENET1K_V1",
    )
    parser.add_argument(
        "--top",
        type=at_least_one,
        metavar="K",
        help="how many classes are named (default: 5 for photographs, else all)",
    )
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
    if args.weights is not None:
        return run_published(args)
    model, recipe = trained(args.checkpoint)
    if recipe.data not in GREY:
        return run_photographs(args, model, recipe)
    classes = classes_of(recipe)
    transform = transform_for(recipe, augmented=False)

    def describe(image: np.ndarray) -> None:
        print(text_art(image[0]))
        print(ranking(model, transform(image), classes, args.top or len(classes)))

    for path in args.images:
        image = read_picture(path, recipe.data)
        print(f"{path}:")
        describe(image)
    if args.index:
        test = data_of(recipe, train=False, root=args.root, download=args.download)
    for index in args.index:
        check_index(index, test)
        print(f"test image {index}, labelled {classes[test.labels[index]]}:")
        describe(test.images[index])
    return 0


def run_photographs(args: argparse.Namespace, model: Module, recipe: Recipe) -> int:
    """Predict by a model that has learnt photographs; returns the exit code."""
    if args.index and recipe.folder is not None:
        raise ValueError(f"--index is for data sets; of {recipe.data} give the picture files")
    classes = classes_of(recipe)
    transform = window_of(recipe)
    for path in args.images:
        x = transform(read_image(path))
        print(f"{path}:")
        print(ranking(model, x, classes, args.top or 5))
    if args.index:
        test = data_of(recipe, train=False, root=args.root, download=args.download)
    for index in args.index:
        check_index(index, test)
        x, label = test[index]
        print(f"test image {index}, labelled {classes[label]}:")
        print(ranking(model, x, classes, args.top or 5))
    return 0


def check_index(index: int, test: Dataset) -> None:
    """Raise ValueError if there is no test image of this number."""
    if index >= len(test):
        raise ValueError(f"there is no test image {index}; they go from 0 to {len(test) - 1}")


def run_published(args: argparse.Namespace) -> int:
    """Predict by a model with published weights; returns the exit code."""
    name = str(args.checkpoint)
    if name not in models.INPUT_SIZES:
        raise ValueError(f"with --weights the model is named, as in resnet18; there is no {name}")
    if args.index:
        raise ValueError("--index is for models that train has written; give picture files")
    transform = weights.preprocessing(name)
    model = weights.with_weights(getattr(models, name)(), name, args.weights).eval()
    for path in args.images:
        x = transform(read_image(path).transpose(1, 2, 0))
        print(f"{path}:")
        print(ranking(model, x.raw, weights.classes(), args.top or 5))
    return 0


@no_grad()
def ranking(model: Module, x: np.ndarray, classes: tuple[str, ...], count: int) -> str:
    """The most probable classes of an image, `count` of them, with their probabilities.

    Shape: x (C, H, W), as the model takes it.
    """
    [logits] = model(Tensor(x[None]))
    ranked = top_k(logits, min(count, len(classes)), classes)
    width = max(12, *(len(name) for name, _ in ranked))
    lines = [f"{name:>{width}} {p:7.2%} {'#' * round(BAR * p)}".rstrip() for name, p in ranked]
    return "\n".join(lines)


def text_art(image: np.ndarray) -> str:
    """An image as lines of text, two characters for each pixel. Shape: image (H, W)."""
    top = len(SHADES) - 1
    levels = image.astype(float) / max(image.max(), 1) * top
    return "\n".join("".join(2 * SHADES[round(x)] for x in row).rstrip() for row in levels.tolist())
