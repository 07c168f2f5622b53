"""`tinygrad-cnn draw`: an expression as a graph, with its values and gradients; or as a page that
plays how they come about.

The expression is parsed, never evaluated as Python: numbers, names, `+ - * / **` and the gates of
FUNCTIONS are understood, and nothing else.
"""

import argparse
import ast
import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from .. import viz
from ..graph import ancestors
from ..ops import pointwise
from ..value import Value
from ..viz.number import short

OPERATORS = {
    ast.Add: pointwise.add,
    ast.Sub: pointwise.sub,
    ast.Mult: pointwise.mul,
    ast.Div: pointwise.div,
    ast.Pow: pointwise.pow,
}
SIGNS = {ast.USub: pointwise.neg, ast.UAdd: lambda x: x}
NAMES = (
    "abs acos acosh asin asinh atan atan2 atanh celu cos cosh elu erf erfc exp exp2 expm1 fmod "
    "gelu hardshrink hardsigmoid hardswish hardtanh hypot leaky_relu log log10 log1p log2 "
    "logaddexp logsigmoid maximum minimum mish reciprocal relu rsqrt selu sigmoid silu sin sinh "
    "softplus softshrink softsign sqrt square tan tanh tanhshrink"
)
FUNCTIONS = {name: getattr(Value, name) for name in NAMES.split()}
FUNCTIONS |= {"max": pointwise.maximum, "min": pointwise.minimum}
FORMATS = (".svg", ".png", ".pdf", ".dot", ".txt")
PAGES = (".html", ".htm")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `draw`."""
    parser = subparsers.add_parser(
        "draw",
        help="draw an expression with its values and gradients",
        description='Draw an expression with its values and gradients: draw "(x+y)*z" x=-2 y=5 '
        f"z=-4. It may hold numbers, names, + - * / ** and {', '.join(sorted(FUNCTIONS))}.",
    )
    parser.add_argument(
        "expression", help="in quotation marks; one that begins with a minus in parentheses"
    )
    parser.add_argument("values", nargs="*", metavar="NAME=NUMBER", help="the number of each name")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help=f"a picture of it: {', '.join(FORMATS)}"
    )
    parser.add_argument(
        "--step", type=Path, metavar="FILE", help="a page that plays it gate by gate: .html"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the expression's graph, and write its picture if asked; returns the exit code."""
    path = args.output
    if path is not None and path.suffix.lower() not in FORMATS:
        raise ValueError(f"--output {path} must end in one of {', '.join(FORMATS)}")
    if args.step is not None and args.step.suffix.lower() not in PAGES:
        raise ValueError(f"--step {args.step} must end in {' or '.join(PAGES)}")
    result = graph(args.expression, numbers(args.values))
    result.backward()
    print(f"{args.expression} = {short(result.data)}\n")
    print(viz.draw_text(result))
    if path is not None:
        print(f"\n{written(viz.draw(result), path)}")
    if args.step is not None:
        with draft_of(args.step) as draft:
            viz.step(result, draft)
        print(f"\nwrote {args.step}; open it in a browser")
    return 0


def written(picture: "viz.picture.Picture", path: Path) -> str:
    """What was written: the picture, or its source where an image needs the missing `dot`."""
    missing = "" if path.suffix.lower() in (".dot", ".txt") else viz.missing_dot()
    if missing:
        path = path.with_suffix(".dot")
    with draft_of(path) as draft:
        picture.write(draft)
    return f"{missing}\nwrote its source instead: {path}" if missing else f"wrote {path}"


@contextlib.contextmanager
def draft_of(path: Path) -> Iterator[Path]:
    """A context in which to write a file that takes the place of `path` at its end.

    If writing it fails, as on a full disk, an older file stays as it was.
    """
    target = path.resolve()  # a link stays a link, to the new file
    draft = target.with_name(f".saving-{secrets.token_hex(8)}{path.suffix}")
    try:
        yield draft
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def numbers(pairs: list[str]) -> dict[str, float]:
    """The numbers by name, of words like `x=-2`.

    Raises: ValueError for a word of another form, or a name that comes twice.
    """
    found = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        try:
            number = float(text)
        except ValueError:
            number = None
        if number is None or not name.isidentifier():
            raise ValueError(f"{pair!r} gives no name a number; write it like x=-2")
        if name in found:
            raise ValueError(f"{name} is given twice, as {short(found[name])} and {short(number)}")
        found[name] = number
    return found


def graph(expression: str, given: dict[str, float]) -> Value:
    """The Value of an expression, with a leaf for each name.

    Raises: ValueError that points at what is not understood and at names without a number; for
    numbers without a use, and for an expression without a name.
    """
    expression = " ".join(expression.split())
    leaves = {name: Value(number, label=name) for name, number in given.items()}
    try:
        result = compute(expression, ast.parse(expression, mode="eval").body, leaves)
    except SyntaxError as error:
        start = error.offset or len(expression) + 1
        problem = f"this cannot be read: {error.msg}"
        raise pointing(expression, problem, start - 1, (error.end_offset or 0) - 1) from None
    except (RecursionError, MemoryError):
        raise ValueError("the expression is nested too deeply to be read; split it up") from None
    if not isinstance(result, Value):
        raise ValueError(f"{expression} holds no name, so there is no gradient to draw; try x*2")
    used = ancestors([result])
    unused = [name for name, leaf in leaves.items() if leaf not in used]
    if unused:
        raise ValueError(f"{', '.join(unused)}: given, but not in the expression {expression}")
    return result


def compute(expression: str, part: ast.expr, leaves: dict[str, Value]) -> Value | float:
    """The value of one part of an expression; a number where no name is in it."""
    if isinstance(part, ast.Name):
        if part.id not in leaves:
            raise at(expression, part, f"{part.id} has no number; add {part.id}=NUMBER")
        return leaves[part.id]
    if isinstance(part, ast.Constant) and type(part.value) in (int, float):
        return as_float(expression, part)
    if isinstance(part, ast.BinOp) and type(part.op) in OPERATORS:
        function, parts = OPERATORS[type(part.op)], [part.left, part.right]
    elif isinstance(part, ast.UnaryOp) and type(part.op) in SIGNS:
        function, parts = SIGNS[type(part.op)], [part.operand]
    elif isinstance(part, ast.Call):
        function, parts = called(expression, part), part.args
    else:
        raise at(expression, part, "only numbers, names, + - * / ** and calls are understood")
    inputs = [compute(expression, x, leaves) for x in parts]
    if any(isinstance(x, Value) for x in inputs):
        inputs = [x if isinstance(x, Value) else Value(x, label="") for x in inputs]
    return function(*inputs)


def as_float(expression: str, part: ast.Constant) -> float:
    """The number a part of an expression writes."""
    try:
        return float(part.value)
    except OverflowError:
        raise at(expression, part, "this number is too large") from None


def called(expression: str, part: ast.Call) -> object:
    """The gate that a call names."""
    name = part.func.id if isinstance(part.func, ast.Name) else None
    if name not in FUNCTIONS:
        known = ", ".join(sorted(FUNCTIONS))
        raise at(expression, part.func, f"no function of that name; there are {known}")
    function = FUNCTIONS[name]
    arity = function.gate.arity
    if len(part.args) != arity or part.keywords:
        raise at(expression, part, f"{name} takes {arity} input{'s' * (arity > 1)}")
    return function


def at(expression: str, part: ast.expr, problem: str) -> ValueError:
    """The error that points at a part of an expression."""
    encoded = expression.encode()  # the parser counts bytes
    start, end = [len(encoded[:n].decode()) for n in (part.col_offset, part.end_col_offset)]
    return pointing(expression, problem, start, end)


def pointing(expression: str, problem: str, start: int, end: int) -> ValueError:
    """The error that shows an expression with marks under its characters from start to end."""
    marks = " " * start + "^" * max(1, end - start)
    return ValueError(f"{problem}\n    {expression}\n    {marks}")
