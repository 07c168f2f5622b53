"""The command line: `tinygrad-cnn COMMAND ...`, also `python -m tinygrad_cnn COMMAND ...`.

Each command is a file here with `add_parser(subparsers)`, which describes its arguments, and
`run(args)`, which returns the exit code.
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from .. import __version__
from . import console, demo, doctor, draw, evaluate, export, predict, summary, train, warmup
from .compiling import watched

COMMANDS = (train, evaluate, predict, export, draw, summary, demo, doctor, warmup)
USER_ERROR = 2  # argparse's own code for arguments that are wrong
INTERRUPTED = 130  # what shells report for Ctrl-C
BROKEN_PIPE = 141  # what they report for a program whose output nobody reads to its end


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    top = argparse.ArgumentParser(
        prog="tinygrad-cnn",
        description="Train, measure and look at networks with gradients one can read.",
    )
    top.add_argument("--version", action="version", version=f"tinygrad-cnn {__version__}")
    subparsers = top.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    What the library says of wrong input becomes one sentence on the standard error and code 2. Any
    other error is a fault of ours and keeps its traceback.
    """
    console.prepare()
    try:
        return run(argv)
    except BrokenPipeError:  # as behind `| head`, which reads no further
        console.drop_output()
        return BROKEN_PIPE
    except (ValueError, RuntimeError, OSError) as error:
        print(f"tinygrad-cnn: {sentence(error)}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt as interrupt:
        print(f"tinygrad-cnn: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return INTERRUPTED


def run(argv: Sequence[str] | None) -> int:
    """Run one command; returns the exit code."""
    # Small networks make small matrix products, whose second thread waits more than it works. And
    # a loss that overflows is told in a sentence, not in NumPy's warnings.
    quiet = np.errstate(all="ignore")
    try:
        args = parser().parse_args(argv)
        with threadpool_limits(1, user_api="blas"), quiet, watched():
            return args.run(args)
    finally:
        sys.stdout.flush()  # at Python's end it would be too late to deal with an error


def sentence(error: Exception) -> str:
    """What is said of an error."""
    if isinstance(error, OSError) and error.strerror:  # the system's: words and perhaps a file
        file = error.filename2 or error.filename
        return error.strerror if file is None else f"cannot use {file}: {error.strerror}"
    return str(error).replace("download=True", "--download")
