"""`tinygrad-cnn export`: a trained model as an ONNX file."""

import argparse
from pathlib import Path

from .. import onnx
from ..ops.create import zeros
from ..train.images import channels_of, side_of
from ..train.setup import trained
from .options import add_checkpoint


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `export`."""
    parser = subparsers.add_parser(
        "export",
        help="write a trained model as an ONNX file",
        description="Write a trained model as an ONNX file, for batches of any size (this needs "
        "the package onnx: pip install 'tinygrad_cnn[onnx]').",
    )
    add_checkpoint(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="the file to write, model.onnx")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export; returns the exit code."""
    if args.file.is_dir():
        raise ValueError(f"{args.file} is a folder; give a file in it, {args.file / 'model.onnx'}")
    model, recipe = trained(args.checkpoint)
    size = (channels_of(recipe), side_of(recipe), side_of(recipe))
    onnx.export(model, zeros(1, *size), args.file)
    print(f"{recipe.model} is in {args.file}; its input is (batch, {', '.join(map(str, size))})")
    return 0
