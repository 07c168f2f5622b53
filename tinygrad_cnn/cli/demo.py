"""`tinygrad-cnn demo`: the worked examples of the course, listed and run."""

import argparse
import ast
import difflib
import importlib.metadata
import runpy
import sys
from pathlib import Path

# Every demo, in the order of the course.
COURSE = {
    "Gates and gradients": (
        "trace_by_hand",
        "step_by_step",
        "perceptron",
        "three_two_two",
        "activations",
        "moons",
    ),
    "Convolution": (
        "moving_average",
        "photo_filters",
        "gabor_cells",
        "output_sizes",
        "symbolic_convolution",
        "full_convolution",
        "draw_a_step",
        "dive_into_a_pixel",
        "connections",
        "weight_sharing",
        "shrinking_width",
        "strided_convolution",
        "receptive_fields",
        "autoencoder",
    ),
    "Pooling and normalisation": (
        "pooling",
        "global_average_pooling",
        "maxout_rotations",
        "lateral_inhibition",
        "batch_norm",
    ),
    "Networks": (
        "lenet5_dissected",
        "train_lenet5",
        "alexnet_recipe",
        "inception_cost",
        "plain_or_residual",
        "degradation",
    ),
    "Training": (
        "vanishing_gradients",
        "exploding_batch_norm",
        "dropout",
        "sweep",
        "handmade_features",
        "augmentation",
        "transfer_learning",
        "recorded_step",
    ),
    "Further uses": (
        "sliding_window",
        "localisation",
        "style_transfer",
    ),
}
INSTALLED = "share/tinygrad_cnn/demos/*.py"  # where setup.cfg puts them, behind sys.prefix
NO_DEMOS = (
    "the demos are not here: neither beside the package, as in a clone of its repository, nor "
    "among the files that were installed with it; install it again with pip"
)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `demo`."""
    parser = subparsers.add_parser(
        "demo",
        help="list the worked examples, or run one",
        description="List the worked examples of the course, or run one. Each checks its numbers "
        "and writes a picture. What stands behind the name goes to the demo: --help tells which "
        "options it has.",
    )
    parser.add_argument(
        "name",
        nargs="?",
        type=demo_name,
        metavar="NAME",
        help="the demo to run (default: list them)",
    )
    parser.add_argument(
        "options", nargs=argparse.REMAINDER, metavar="...", help="the demo's own options"
    )
    parser.set_defaults(run=run)


def demo_name(text: str) -> str:
    """The name of a demo."""
    names = [name for chapter in COURSE.values() for name in chapter]
    if text in names:
        return text
    near = difflib.get_close_matches(text, names, n=3)
    meant = f"did you mean {' or '.join(near)}?" if near else "tinygrad-cnn demo lists them"
    raise argparse.ArgumentTypeError(f"there is no demo {text!r}; {meant}")


def folder() -> Path:
    """The folder of the demos: of a clone, or of an installed package.

    Raises: RuntimeError if they are in neither.
    """
    beside = Path(__file__).parents[2] / "demos"
    if (beside / "trace_by_hand.py").exists():
        return beside
    try:
        files = importlib.metadata.files("tinygrad_cnn")
    except importlib.metadata.PackageNotFoundError:
        files = None
    for file in files or ():
        if file.match(INSTALLED):
            return Path(file.locate()).parent.resolve()
    raise RuntimeError(NO_DEMOS)


def docstring(path: Path) -> str:
    """What a demo says of itself; its first line is its title."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def run(args: argparse.Namespace) -> int:
    """List the demos, or run one; returns the exit code."""
    where = folder()
    if args.name is not None:
        path = str(where / f"{args.name}.py")
        ours = sys.argv
        sys.argv = [path, *args.options]
        try:
            runpy.run_path(path, run_name="__main__")
        finally:
            sys.argv = ours
        return 0
    for chapter, names in COURSE.items():
        print(f"{chapter}:")
        for name in names:
            title = docstring(where / f"{name}.py").partition("\n")[0]
            print(f"    {name:22}  {title}")
        print()
    print("tinygrad-cnn demo NAME runs one; tinygrad-cnn demo NAME --help tells its options.")
    return 0
