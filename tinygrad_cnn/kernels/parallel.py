"""Compiled functions whose loops over `numba.prange` are shared among threads.

They run on the one pool there is, see `workers`, and cut their work into pieces that do not depend
on the number of threads.

Only overlays import this: it needs Numba.
"""

import functools
from collections.abc import Callable

import numba

from .compiled import compiled
from .threads import get_num_threads
from .workers import POOL, hold_blas

ALONE = 16384  # numbers that one thread is done with before others have heard of them

# The compiler may fuse multiply-adds and reorder sums, which keeps the bound that every order of
# summation has; nan and infinity stay what they are.
FREE = {"contract", "reassoc"}
fused = functools.partial(compiled, fastmath=FREE, error_model="numpy")  # x / 0 is inf
contracted = functools.partial(fused, fastmath={"contract"}, forceinline=True)


def threaded(f: Callable, fastmath: set | bool = FREE) -> Callable:
    """f as machine code, with its loops shared among threads.

    It is called with one more argument before its own: how many numbers it works on. fastmath:
    what the compiler may do to formulas.
    """
    kernel = fused(f, parallel=True, fastmath=fastmath)

    @functools.wraps(f)
    def run(work: int, *args: object) -> None:
        threads = 1 if work <= ALONE else min(get_num_threads(), numba.config.NUMBA_NUM_THREADS)
        with POOL:
            if threads > 1:
                hold_blas()
            if numba.get_num_threads() != threads:
                numba.set_num_threads(threads)
            kernel(*args)

    return run
