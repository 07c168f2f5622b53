"""Formulas of single numbers on the CPU, each in one sweep over memory, compiled by Numba.

What is computed stands in the bodies and rules of gates, see `formula`; the text of a loop is made
of its steps. Numbers that settings give are handed to the machine code, so that other settings need
no other. Arrays are swept over as they lie in memory, and results lie alike. Exponentials and the
error function are for float32; in float64 the bodies compute.
"""

import functools
import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from . import BACKENDS, FORMULAS, PLANS
from .capture import noted
from .compiled import FLOATS
from .error_function import erf_single, erfc_single  # noqa: F401  texts name them
from .exponential import (  # noqa: F401
    CONSTANTS,
    exp_single,
    expm1_single,
    held,
    log1p_single,
    sigmoid_single,
    tanh_single,
)
from .formula import TERMS, Term, steps
from .parallel import Shared, arguments, shared  # noqa: F401
from .served import refused

BACKENDS[Term] = TERMS
BLOCK = 16384  # numbers in a block
MANY = 1024  # plans: a setting may be another number at every call
TAKEN = "it is compiled for arrays of one shape, all float32 or all float64"
SINGLE = "it is compiled for arrays of float32"  # where there is an exponential
UNKNOWN = "its formula has steps that are not compiled"

# Each step as the compiler reads it. Where numbers are compared, nan wins as in NumPy.
TEXTS = {
    "add": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "div": "{} / {}",
    "neg": "-{}",
    "abs": "abs({})",
    "maximum": "{0} if ({0} >= {1}) | ({0} != {0}) else {1}",
    "minimum": "{0} if ({0} <= {1}) | ({0} != {0}) else {1}",
    "lt": "{} < {}",
    "le": "{} <= {}",
    "gt": "{} > {}",
    "ge": "{} >= {}",
    "eq": "{} == {}",
    "ne": "{} != {}",
    "logical_and": "{} & {}",
    "logical_or": "{} | {}",
    "logical_not": "not {}",
    "where": "{1} if {0} else {2}",
}
TEXTS |= {"clamp_min": TEXTS["maximum"], "clamp_max": TEXTS["minimum"]}
FUNCTIONS = {"exp", "expm1", "log1p", "tanh", "sigmoid", "erf", "erfc"}  # for float32
LOOP = """
def {name}(task, first, last, part):
    {arrays}numbers, z = arguments(task)
    {numbers}
    for block in range(first, last):
        {blocks}
        for i in range(bz.size):
            {lines}
"""


def has_functions(found: tuple) -> bool:
    """Whether there are exponentials and the like among the steps of a formula."""
    return any(step[0] in FUNCTIONS for step in found)


def text_of(found: tuple) -> str:
    """The loop over a formula's steps, without its name."""
    read = {place for step in found for place in step[1:]}
    lines = [f"x{i} = ba{i}[i]" for kind, i in sorted(read) if kind == "input"]
    words = {"input": "x", "number": "n", "step": "t"}
    for count, (gate, *places) in enumerate(found):
        parts = [f"{words[kind]}{i}" for kind, i in places]
        call = f"{gate}_single({', '.join(parts)}, k)"
        lines.append(f"t{count} = {call if gate in FUNCTIONS else TEXTS[gate].format(*parts)}")
    lines.append(f"bz[i] = t{len(found) - 1}")
    inputs = sorted(i for kind, i in read if kind == "input")
    count = sum(kind == "number" for kind, _ in read)
    names = [*(f"a{i}" for i in inputs), "z"]
    settled = [f"n{i} = numbers[{i}]" for i in range(count)]
    if has_functions(found):
        settled.append(f"k = held(numbers, {count})")
    # Blocks as arrays of their own: from 0 to their size indices need not be looked at.
    blocks = [f"b{name} = {name}[block * BLOCK : (block + 1) * BLOCK]" for name in names]
    return LOOP.format(
        name="{name}",
        arrays="".join(f"a{i}, " for i in inputs),
        numbers="\n    ".join(settled) or "pass",
        blocks="\n        ".join(blocks),
        lines="\n            ".join(lines),
    )


@functools.cache
def compiled_loop(text: str) -> Shared:
    """The machine code of a loop; formulas of the same steps share it."""
    name = f"formula_{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    space = {}
    eval(compile(text.format(name=name), __file__, "exec"), globals(), space)
    space[name].__module__ = __name__
    return shared(space[name], frozenset({"contract"}))


class Sweep(NamedTuple):
    """A formula, ready: its loop, which inputs it reads, and the numbers of its settings by each
    dtype that it is for."""

    loop: Shared
    reads: list[int]
    numbers: dict[np.dtype, np.ndarray]


def planned(function: Callable, inputs: tuple, settings: tuple) -> Sweep | None:
    """The sweep of a function; None where it is no formula. inputs: ... stands for an array."""
    key = (function, inputs, settings)
    if key not in PLANS:
        if len(PLANS) >= MANY:
            PLANS.clear()
        PLANS[key] = plan(*key)
    return PLANS[key]


def plan(function: Callable, inputs: tuple, settings: tuple) -> Sweep | None:
    """As planned, made anew."""
    found = steps(function, inputs, dict(settings))
    if found is None:
        return None
    done, numbers = found
    reads = sorted({i for step in done for kind, i in step[1:] if kind == "input"})
    single = has_functions(done)
    dtypes = FLOATS[:1] if single else FLOATS
    numbers = [*numbers, *CONSTANTS] if single else numbers
    return Sweep(compiled_loop(text_of(done)), reads, {d: np.array(numbers, d) for d in dtypes})


def flat(x, z):
    """The numbers of x in the order in which z lies, which has no gaps; copied only where x lies
    otherwise."""
    if x.strides == z.strides and x.flags.behaved:
        return x.ravel("K")
    return noted(laid_like, x, z).ravel("K")


def laid_like(x, z):
    """A copy of x that lies as z does."""
    like = np.empty_like(z, x.dtype)
    like[...] = x
    return like


def swept(function: Callable, *inputs, **settings):
    """The function of every number of arrays, which lies as the last array does."""
    kinds = tuple([... if type(a) is np.ndarray else a for a in inputs])
    arrays = [a for a in inputs if type(a) is np.ndarray]
    if not arrays:
        return refused(TAKEN)
    last = arrays[-1]
    for a in arrays:
        if a.shape != last.shape or a.dtype != last.dtype:
            return refused(TAKEN)
    sweep = planned(function, kinds, tuple(settings.items()))
    if sweep is None:
        return refused(UNKNOWN)
    numbers = sweep.numbers.get(last.dtype)
    if numbers is None:
        return refused(SINGLE if last.dtype in FLOATS else TAKEN)
    z = np.empty_like(last)
    read = [flat(inputs[i], z) for i in sweep.reads]
    sweep.loop(z.size, -(-z.size // BLOCK), *read, numbers, z.ravel("K"))
    return z


def __getattr__(name: str) -> Callable:
    """The kernel of a formula."""
    function = FORMULAS.get(name)
    if function is None:
        raise AttributeError(f"there is no formula {name!r}")
    return functools.partial(swept, function)
