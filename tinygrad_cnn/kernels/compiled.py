"""How the kernels of the CPU's overlays are compiled, and what they take.

A kernel is compiled at its first call and kept on disk, see `code_cache`. It runs without Python's
lock. Code for the loops of several threads takes several times as long to compile as plain code
does, so kernels are plain functions, and `workers` has them do a part in each thread.

Only overlays import this: it needs Numba.
"""

import contextlib
import functools
from collections.abc import Callable

import numba
import numpy as np
from numba import types
from numba.core.ccallback import CFunc

from .capture import noted
from .code_cache import CodeCache
from .compiling import compiling
from .pipeline import PartCompiler, StraightCompiler, WholeCompiler

FLOATS = (np.dtype("float32"), np.dtype("float64"))

# The compiler may fuse multiply-adds and reorder sums, which keeps the bound that every order of
# summation has; nan and infinity stay what they are.
FREE = frozenset({"contract", "reassoc"})

# x / 0 is inf; and no arrays are made, so that nobody need count who holds them.
RULES = {"error_model": "numpy", "_nrt": False}


def within(f: Callable | None = None, **options: object) -> Callable:
    """f as a function that only compiled code calls; it makes no arrays.

    It has no doors for Python, which take time to make, and is kept on disk with its callers. A
    number that a caller spells out is a number like any other: Numba would compile f again for it.
    """
    if f is None:
        return functools.partial(within, **options)
    alone = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, **RULES}
    inner = numba.njit(f, pipeline_class=PartCompiler, **alone, **options)
    template = inner.get_call_template
    inner.get_call_template = lambda args, named: template(
        tuple(map(types.unliteral, args)), {name: types.unliteral(k) for name, k in named.items()}
    )
    return inner


def compiled(f: Callable, **options: object) -> Callable:
    """f as machine code that Python calls; where it is not parallel it may call others."""
    passes = {} if options.get("parallel") else {"pipeline_class": WholeCompiler}
    kernel = numba.njit(f, nogil=True, **passes, **options)
    with contextlib.suppress(RuntimeError):  # there is no folder that can be written to
        kernel._cache = CodeCache(f, options)
    return kernel


def callback(
    function: Callable, signature: object, fastmath: frozenset = FREE, straight: bool = False
) -> CFunc:
    """The function as machine code that is called by its address; it must live on.

    straight: its loops remain as they are written, see `pipeline`.
    """
    options = {"nopython": True, "fastmath": set(fastmath), **RULES}
    compiler = StraightCompiler if straight else WholeCompiler
    code = CFunc(function, (signature.args, signature.return_type), {}, options, compiler)
    with contextlib.suppress(RuntimeError):
        code._cache = CodeCache(function, {**options, "straight": straight})
    with compiling(function):
        code.compile()
    return code


@functools.lru_cache(maxsize=256)
def constant(size: int, value: float) -> np.ndarray:
    """A float32 vector for where there is none; nobody writes it."""
    return np.full(size, value, np.float32)


def dense(x: np.ndarray) -> np.ndarray:
    """x as the one kind of array that kernels are compiled for: C-contiguous and writable."""
    return x if type(x) is np.ndarray and x.flags.carray else noted(np.array, x, order="C")
