"""Gates with one error in them: what a test suite must find.

A mutant is a context in which one gate is wrong in one way; the list it yields has entries once the
error has changed something. The errors:

    scale    the gradient of one input is 1.001 times what it should be
    summand  of one sum or difference in a rule only the left operand is left
    drift    float32 comes out as float64, of the gate or of one of its rules
    alias    a result lies in the memory of an input, or a gradient in that of the incoming one
"""

import ast
import contextlib
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator
from unittest import mock

import numpy as np
from domains import ROWS
from probes import FUNCTIONS, written

from tinygrad_cnn import kernels
from tinygrad_cnn.gate import Gate

SCALE = 1.001


def mutants(record: Gate) -> Iterator[tuple[str, Callable]]:
    """The name of every mutant of a gate, and what makes its context."""
    if record.kind == "gate":
        yield "drift", lambda: computing(record, wider)
        yield "alias", lambda: computing(record, into_an_input)
        if not ROWS[record.name].view:
            yield "alias of an equal", lambda: computing(record, the_input)
        for i, n in enumerate(record.inputs):
            if record.ruled[i] and record.rules:
                yield f"scale {n}", lambda i=i: ruling(record, i, scaled)
                yield f"drift {n}", lambda i=i: ruling(record, i, wider)
                yield f"alias {n}", lambda i=i: ruling(record, i, into_the_gradient)
    for function in formulas(record):
        for k, code in enumerate(without_summands(function)):
            where = function.__name__.strip("<>")
            yield f"summand {where} {k}", lambda f=function, c=code: coded(f, c)


# --- wrong numbers --------------------------------------------------------------------------------


def scaled(made: object, taken: tuple) -> object:
    """A little too much."""
    return made * SCALE


def wider(made: object, taken: tuple) -> object:
    """float32 as float64."""
    return made.astype(np.float64) if getattr(made, "dtype", None) == np.float32 else made


def into_an_input(made: object, taken: tuple) -> object:
    """The result, written into an input that is as large; itself where that changes nothing."""
    for x in taken:
        if type(x) is type(made) is np.ndarray and fits(x, made):
            x[...] = made
            return x
    return made


def fits(x: np.ndarray, made: np.ndarray) -> bool:
    """Whether the result can be put into x, and differs from it."""
    alike = x.shape == made.shape and x.dtype == made.dtype
    return alike and x.flags.writeable and not np.array_equal(x, made)


def the_input(made: object, taken: tuple) -> object:
    """An input in the place of a result that equals it."""
    for x in taken:
        if type(x) is type(made) is np.ndarray and x.size and np.array_equal(x, made):
            return x
    return made


def into_the_gradient(made: object, taken: tuple) -> object:
    """The gradient, written into the one that came in."""
    return into_an_input(made, taken[:1])


# --- contexts -------------------------------------------------------------------------------------


def spoiling(spoil: Callable, seen: list) -> Callable:
    """`spoil`, which takes down in `seen` that it changed something."""

    def change(made, taken):
        changed = spoil(made, taken)
        if changed is not made:
            seen.append(changed)
        return changed

    return change


@contextlib.contextmanager
def computing(record: Gate, spoil: Callable) -> Iterator[list]:
    """The gate computes what `spoil` makes of its results."""
    right = record.kernels.get(np.ndarray) or record.kernel(np.ndarray)
    seen = []
    change = spoiling(spoil, seen)

    def wrong(*inputs, **settings):
        made = right(*inputs, **settings)
        taken = inputs[0] if record.many else inputs
        if isinstance(made, tuple):
            return (change(made[0], taken), *made[1:])
        return change(made, taken)

    with mock.patch.dict(record.kernels, {np.ndarray: wrong}):
        yield seen


@contextlib.contextmanager
def ruling(record: Gate, i: int, spoil: Callable) -> Iterator[list]:
    """The rule of the i-th input returns what `spoil` makes of its gradient."""
    seen = []
    change = spoiling(spoil, seen)

    def wrong(pull):
        def pulled(g, *kept, **words):
            made = list(pull(g, *kept, **words))
            for k in range(len(made)) if record.many else [i]:
                if made[k] is not None:
                    made[k] = change(made[k], (g,))
            return tuple(made)

        return pulled

    with (
        mock.patch.object(record, "pull", wrong(record.pull)),
        mock.patch.object(record, "spread", None),  # scalar mode then asks pull, too
    ):
        yield seen


@contextlib.contextmanager
def coded(function: types.FunctionType, code: types.CodeType) -> Iterator[list]:
    """The function runs other code."""
    right = function.__code__
    function.__code__ = code
    kernels.forget()  # those that were made of what the function said
    try:
        yield [code]
    finally:
        function.__code__ = right
        kernels.forget()


# --- sums in the text of rules --------------------------------------------------------------------


def formulas(record: Gate) -> list[types.FunctionType]:
    """Where the formulas of a gate's gradients stand: its rules, or the body of a composite."""
    if record.kind == "composite":
        return [record.body]
    bodies = {made.gate.body for made in FUNCTIONS.values()}
    return [f for f in written(record) if f not in bodies]


class OneSummand(ast.NodeTransformer):
    """Puts the left operand of the k-th sum or difference in its place."""

    def __init__(self, k: int) -> None:
        self.left = k

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, (ast.Add, ast.Sub)):
            self.left -= 1
            if self.left == -1:
                return node.left
        return node


def without_summands(function: types.FunctionType) -> list[types.CodeType]:
    """The function's code with one summand less, for each of its sums."""
    made = []
    while True:
        tree = parsed(function)
        change = OneSummand(len(made))
        changed = ast.fix_missing_locations(change.visit(tree))
        if change.left >= 0:
            return made
        made.append(compiled(changed, function.__name__))


def parsed(function: types.FunctionType) -> ast.Module:
    """The function's text as a tree: a definition without decorators, or a rule."""
    if function.__name__ != "<lambda>":
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        tree.body[0].decorator_list = []
        return tree
    module = inspect.getmodule(function)
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Lambda) and same_place(node, function.__code__):
            return ast.Module([ast.Expr(node)], [])
    raise LookupError(f"no text of a rule of {module.__name__} at {function.__code__}")


def same_place(node: ast.Lambda, code: types.CodeType) -> bool:
    """Whether this is the lambda of that code: same line, same words, same names."""
    if node.lineno != code.co_firstlineno:
        return False
    other = compiled(ast.Module([ast.Expr(node)], []), "<lambda>")
    return (other.co_varnames, other.co_names) == (code.co_varnames, code.co_names)


def compiled(tree: ast.Module, name: str) -> types.CodeType:
    """The code of the one function in a tree."""
    whole = compile(ast.fix_missing_locations(tree), "<mutant>", "exec")
    return next(c for c in whole.co_consts if isinstance(c, types.CodeType) and c.co_name == name)


def all_of(name: str) -> list[tuple[str, Callable]]:
    """The mutants of the gate of that name."""
    return list(mutants(FUNCTIONS[name].gate))
