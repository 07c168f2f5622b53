"""`tinygrad-cnn evaluate`: loss and accuracy of a trained model on test images."""

import argparse

from ..models import MeanOverCrops
from ..train.images import data_of, elsewhere, ten_crops
from ..train.progress import progress_of_test, short
from ..train.setup import test_loader, trained
from ..train.trainer import measure
from .options import add_checkpoint, add_data_options, add_device, data_name


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `evaluate`."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a trained model on test images",
        description="Measure a trained model on the test images of its data set, or of another; of "
        "another folder of pictures on all of it.",
    )
    add_checkpoint(parser)
    parser.add_argument(
        "--data",
        type=data_name,
        metavar="DATA",
        help="the data set, or folder:PATH (default: the one it was trained on)",
    )
    add_data_options(parser)
    parser.add_argument(
        "--ten-crop",
        action="store_true",
        help="of pictures in a folder, average what the model says to ten parts of each: the "
        "corners and the middle, also mirrored",
    )
    add_device(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure; returns the exit code."""
    model, recipe = trained(args.checkpoint)
    model.to(device=args.device)
    recipe = elsewhere(recipe, args.data or recipe.data)
    transform = None
    if args.ten_crop:
        if recipe.folder is None:
            raise ValueError(f"--ten-crop is for pictures in a folder, not for {recipe.data}")
        model = MeanOverCrops(model)
        transform = ten_crops(recipe)
    images = data_of(recipe, False, args.root, args.download, transform)
    with progress_of_test(len(images)) as tell:
        loss, accuracy = measure(model, test_loader(recipe, images), tell=tell)
    print(f"{recipe.model} on {len(images):,} test images of {recipe.data}")
    print(f"accuracy {accuracy:.2%}  loss {short(loss)}")
    return 0
