"""The standard streams: they take whatever is printed, on every console, and while anybody reads.

A sign that a console cannot write is written in others: a minus is then a hyphen.
"""

import codecs
import io
import os
import sys

PLAIN_SIGNS = {
    "\xa0": " ",
    "−": "-",
    "–": "-",
    "─": "-",
    "±": "+-",
    "×": "*",
    "·": "*",
    "÷": "/",
    "√": "sqrt ",
    "²": "^2",
    "⁹": "^9",
    "°": " deg",
    "∞": "inf",
    "→": "->",
    "←": "<-",
    "↑": "^",
    "⟨": "<",
    "⟩": ">",
    "⌊": "floor(",
    "⌋": ")",
    "⌈": "ceil(",
    "⌉": ")",
    "’": "'",
    "…": "...",
    "●": "o",
    "✔": "ok",
    "✘": "x",
    "✗": "x",
    "β": "beta",
    "γ": "gamma",
    "δ": "delta",
    "Δ": "Delta",
    "η": "eta",
    "μ": "mu",
    "σ": "sigma",
    "Σ": "Sum",
}
HANDLER = "tinygrad_cnn.plain"  # the name that codecs know `plain` by


def plain(error: UnicodeEncodeError) -> tuple[str, int]:
    """What is written for signs that a codec does not have, and where the text goes on."""
    signs = error.object[error.start : error.end]
    return "".join(PLAIN_SIGNS.get(sign, "?") for sign in signs), error.end


codecs.register_error(HANDLER, plain)


def prepare() -> None:
    """Let the standard streams take whatever is printed.

    One that was closed before the program began, as by `>&-`, is replaced by one to nowhere.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.TextIOWrapper(io.FileIO(os.devnull, "w"), "utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)


def drop_output() -> None:
    """Let what is still to be written to the standard output go to nowhere.

    Otherwise Python tries once more at its end, and complains once more that nobody reads.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
