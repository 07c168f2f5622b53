"""`tinygrad-cnn summary`: the layers of a model with their sizes, counts and formulas."""

import argparse
import ast
import difflib
import inspect
import json
import math
from collections.abc import Callable
from typing import Any

from .. import models, viz
from ..nn import Module
from ..tensor import Device
from .options import at_least_one, at_least_zero

# Of a default's type: what it is called, and which types a setting may have.
KINDS = {
    bool: ("True or False", (bool,)),
    int: ("a whole number", (int,)),
    float: ("a number", (float, int)),
}
LARGEST = 2**50  # numbers in a batch; what layers make of more is too large for an array's shape


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `summary`."""
    parser = subparsers.add_parser(
        "summary",
        help="show the layers of a model with their sizes and counts",
        description="Show the layers of a model: output shape, parameters, connections (each use "
        "of a weight or bias), multiply-adds forward and backward, what they keep for the way "
        "back, receptive field and jump. No number of the model is made.",
        epilog=f"Models: {', '.join(models.INPUT_SIZES)}.",
    )
    parser.add_argument("model", type=model_name, metavar="MODEL", help="one of those named below")
    parser.add_argument(
        "--input-size",
        type=size,
        metavar="C,H,W",
        help="shape of one input, such as 3,224,224 (default: the one that the model documents)",
    )
    parser.add_argument(
        "--batch-size", type=at_least_one, default=1, metavar="N", help="inputs in a training step"
    )
    parser.add_argument(
        "--depth", type=at_least_zero, metavar="N", help="levels of modules to show (default: all)"
    )
    parser.add_argument(
        "--set",
        type=setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the model, such as num_classes=10; may be given several times",
    )
    parser.add_argument(
        "--formulas", action="store_true", help="also show how sizes and parameters come about"
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="as JSON, with the formulas")
    forms.add_argument("--markdown", action="store_true", help="as Markdown")
    parser.set_defaults(run=run)


def model_name(text: str) -> str:
    """The name of a model."""
    if text in models.INPUT_SIZES:
        return text
    near = difflib.get_close_matches(text, models.INPUT_SIZES, n=3)
    meant = f"did you mean {' or '.join(near)}?" if near else "see --help for all of them"
    raise argparse.ArgumentTypeError(f"there is no model {text!r}; {meant}")


def size(text: str) -> tuple[int, ...]:
    """A shape such as 3,224,224 or 3x224x224."""
    parts = text.replace("x", ",").split(",")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no shape such as 3,224,224")
    return tuple(map(int, parts))


def setting(text: str) -> tuple[str, Any]:
    """A name and its value: a Python number, truth value or tuple, else a string."""
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is no setting such as num_classes=10")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def check_kinds(builder: Callable[..., Module], settings: dict[str, Any]) -> None:
    """Raise ValueError if a setting is not of its default's kind, such as a word for a number."""
    parameters = inspect.signature(builder).parameters
    for name in settings.keys() & parameters.keys():
        default, value = parameters[name].default, settings[name]
        kind, types = KINDS.get(type(default), ("anything", (type(value),)))
        if type(value) not in types:
            raise ValueError(f"{name} is {kind}, such as {default}, got {value!r}")


def built(name: str, settings: dict[str, Any]) -> Module:
    """A model without numbers.

    Raises: ValueError for settings that it does not have, or of another kind.
    """
    builder = getattr(models, name)
    check_kinds(builder, settings)
    try:
        with Device("meta"):
            return builder(**settings)
    except TypeError as error:
        takes = ", ".join(inspect.signature(builder).parameters)
        raise ValueError(f"{name} takes the settings {takes}: {error}") from error


def check_size(batch_size: int, input_size: tuple[int, ...]) -> None:
    """Raise ValueError for a batch that no machine holds."""
    count = batch_size * math.prod(input_size)
    if count > LARGEST:
        size = ",".join(map(str, input_size))
        raise ValueError(
            f"{batch_size} inputs of {size} are {count:,} numbers, more than the {LARGEST:,} "
            "that can be counted; give a smaller --input-size or --batch-size"
        )


def run(args: argparse.Namespace) -> int:
    """Print the table; returns the exit code."""
    model = built(args.model, dict(args.set))
    input_size = args.input_size or models.INPUT_SIZES[args.model]
    check_size(args.batch_size, input_size)
    made = viz.summary(model, input_size, args.batch_size, depth=args.depth)
    if args.json:
        print(json.dumps(made.to_dict(), indent=2))
        return 0
    formulas = made.formula_table()
    print(made.markdown() if args.markdown else made)
    if args.formulas:
        print()
        print(formulas.markdown() if args.markdown else formulas)
    return 0
