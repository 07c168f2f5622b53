"""`tinygrad-cnn summary`: the layers of a model with their sizes and counts."""

import argparse

from .. import viz
from ..train.recipe import MODELS, SIDES


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `summary`."""
    parser = subparsers.add_parser(
        "summary",
        help="show the layers of a model with their sizes and counts",
        description="Show the layers of a model: output shape, parameters, connections (each use "
        "of a weight or bias) and multiply-adds, for one image.",
    )
    parser.add_argument("model", choices=MODELS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the table; returns the exit code."""
    side = SIDES[args.model]
    print(viz.summary(MODELS[args.model](), (1, side, side)))
    return 0
