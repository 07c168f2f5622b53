"""What a formula of single numbers computes, step by step: bodies and rules of gates, written down.

A formula is written once, as the body or the rule of a gate, in terms of other gates. Called with
`Term`s in the place of arrays it computes nothing: what comes back remembers how it came about. A
backend whose kernels can be made of such steps computes them all in one sweep over memory.
"""

import functools
import operator
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

# Gates that are steps of a formula; all others are followed into their bodies.
STEPS = (
    *("add", "sub", "mul", "div", "neg", "abs", "maximum", "minimum", "clamp_min", "clamp_max"),
    *("lt", "le", "gt", "ge", "eq", "ne", "logical_and", "logical_or", "logical_not", "where"),
    *("exp", "expm1", "log1p", "tanh", "sigmoid", "erf", "erfc"),
)
OPERATORS = {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div"}
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")


class Term:
    """A number of which is known how it is computed.

    gate: the name of the step; None for an input. parts: what it is computed from, Terms and
    Python's numbers; of an input its place.
    """

    dtype = np.dtype("float32")  # as bodies ask for it
    __array_ufunc__ = None

    def __init__(self, gate: str | None, *parts: object) -> None:
        self.gate = gate
        self.parts = parts

    def __neg__(self) -> "Term":
        return Term("neg", self)

    __hash__ = None


def binary(gate: str, swapped: bool = False) -> Callable:
    """The method of an operator."""
    return (lambda x, y: Term(gate, y, x)) if swapped else (lambda x, y: Term(gate, x, y))


for word, name in OPERATORS.items():
    setattr(Term, f"__{word}__", binary(name))
    setattr(Term, f"__r{word}__", binary(name, swapped=True))
for name in COMPARISONS:
    setattr(Term, f"__{name}__", binary(name))

# The backend of Terms.
TERMS = SimpleNamespace(
    device="none",
    asarray=lambda term: term,
    **{name: functools.partial(Term, name) for name in STEPS},
)
TERMS.xp = TERMS  # bodies also call the array module's functions, those that are named as gates are


def steps(function: Callable, inputs: tuple, settings: dict) -> tuple[tuple, tuple] | None:
    """The steps of a function, and the numbers that they take; None where it is no formula.

    inputs: ... stands for an array, other things for themselves. A step is the name of its gate
    and what it works on: ("input", i), ("number", i) or ("step", i). The last one is the result.
    """
    found, numbers, known = [], [], {}

    def place_of(part: object) -> tuple[str, int]:
        """Where a part comes from; its own steps are written down first."""
        if not isinstance(part, Term):
            numbers.append(float(operator.index(part) if isinstance(part, int) else part))
            return "number", len(numbers) - 1
        if part.gate is None:
            return "input", part.parts[0]
        if id(part) not in known:
            step = (part.gate, *map(place_of, part.parts))
            found.append(step)
            known[id(part)] = ("step", len(found) - 1)
        return known[id(part)]

    terms = [Term(None, place) if a is ... else a for place, a in enumerate(inputs)]
    try:
        place_of(function(*terms, **settings))
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return None  # it asks for what a Term has not, or takes what is no number
    return (tuple(found), tuple(numbers)) if found else None
