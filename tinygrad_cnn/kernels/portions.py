"""Work of NumPy that is shared among threads, where there is no Numba.

NumPy lets other threads run while it copies, computes elementwise and multiplies matrices. Work is
a function of a list of items: the list is split evenly into as many portions as there are threads,
always in the same way, so results do not depend on who is faster.

Compiled kernels have a pool of their own, see `workers`; where that is used this one is not.
"""

import contextvars
import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .threads import get_num_threads, hold_blas

LEAST = 1 << 16  # numbers that one thread is done with before others have heard of them

T = TypeVar("T")
Item = TypeVar("Item")


@functools.cache
def pool(count: int) -> ThreadPoolExecutor:
    """So many threads beside the one that asks."""
    return ThreadPoolExecutor(count, "tinygrad_cnn")


if hasattr(os, "register_at_fork"):  # a child has the pool but not its threads
    os.register_at_fork(after_in_child=pool.cache_clear)


def threads_for(work: int) -> int:
    """How many threads share work on so many numbers."""
    return max(1, min(get_num_threads(), work // LEAST))


def slices(size: int, work: int) -> list[slice]:
    """0 to size, cut evenly for the threads that share work on so many numbers."""
    parts = min(threads_for(work), size)
    cuts = itertools.pairwise(size * i // parts for i in range(parts + 1))
    return [slice(*ends) for ends in cuts]


def share(work: Callable[[list[Item]], T], items: list[Item]) -> list[T]:
    """What `work` returns for each portion of the items, in their order."""
    portions = min(get_num_threads(), len(items))
    if portions <= 1:
        return [work(items)]
    hold_blas()
    cuts = itertools.pairwise(len(items) * i // portions for i in range(portions + 1))
    own, *others = [items[begin:end] for begin, end in cuts]
    crew = pool(portions - 1)
    waiting = [crew.submit(contextvars.copy_context().run, work, portion) for portion in others]
    return [work(own), *(one.result() for one in waiting)]
