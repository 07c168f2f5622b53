"""`tinygrad-cnn evaluate`: loss and accuracy of a trained model on test images."""

import argparse
import dataclasses

from ..train.recipe import DATA, data_of, loader_of, trained
from ..train.trainer import measure
from .options import add_checkpoint, add_data_options


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `evaluate`."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a trained model on test images",
        description="Measure a trained model on the test images of its data set, or of another.",
    )
    add_checkpoint(parser)
    parser.add_argument(
        "--data", choices=DATA, help="the data set (default: the one it was trained on)"
    )
    add_data_options(parser)
    parser.add_argument("--device", default="cpu", help="cpu (the default) or cuda")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure; returns the exit code."""
    model, recipe = trained(args.checkpoint)
    model.to(device=args.device)
    if args.data not in (None, recipe.data):
        recipe = dataclasses.replace(recipe, data=args.data, split="shuffled")
    images = data_of(recipe, train=False, root=args.root, download=args.download)
    loss, accuracy = measure(model, loader_of(images))
    print(f"{recipe.model} on {len(images):,} test images of {recipe.data}")
    print(f"accuracy {accuracy:.2%}  loss {loss:.4f}")
    return 0
