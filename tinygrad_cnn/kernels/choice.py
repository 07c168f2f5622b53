"""Which of several kernels computes: the user's settings, and what has been timed for them.

The rules by shape stand beside the kernels, in `cpu_conv`. They ask SETTINGS here, and where
`benchmark` is on they let `fastest` decide among all kernels that cover a case.
"""

import math
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from types import ModuleType

from .flags import Flags
from .threads import get_num_threads

ROUNDS = 3  # timed calls of each candidate, by turns, after one that is not timed


class Settings(Flags):
    """How the CPU's kernels are chosen, in the whole process: `tg.backends.cpu`.

    benchmark: False leaves the choice to rules that look at shapes alone, so that the same program
    gets the same bits each time. True times every kernel that covers a convolution at the first
    call of each shape, and takes the fastest from then on; another run may choose otherwise.
    precise: True forbids Winograd's convolutions, whose rounding errors are larger.

    Raises: AttributeError for other settings, TypeError for values that are not True or False.
    """

    _path = "tg.backends.cpu"
    _defaults = {"benchmark": False, "precise": False}

    def is_available(self) -> bool:
        """True: there is always a CPU."""
        return True

    def get_cpu_capability(self) -> str:
        """The vectors that compiled kernels use: "AVX512", "AVX2", or "DEFAULT" for others and
        where nothing is compiled."""
        from .facts import capability

        return capability()


SETTINGS = Settings()

CHOSEN: dict[Hashable, ModuleType] = {}  # the fastest kernels by case
TIMING = threading.Lock()


def fastest(
    case: tuple, candidates: Sequence[ModuleType], compute: Callable[[ModuleType], object]
) -> ModuleType:
    """The candidate that computes a case fastest: timed the first time, then remembered.

    case: all that the time depends on but the number of threads, which is added here. compute: has
    a candidate compute it; NotImplemented rules a candidate out.
    """
    key = (*case, get_num_threads())
    chosen = CHOSEN.get(key)
    if chosen is None:
        with TIMING:
            chosen = CHOSEN[key] = timed(candidates, compute)
    return chosen


def timed(candidates: Sequence[ModuleType], compute: Callable[[ModuleType], object]) -> ModuleType:
    """The candidate with the shortest call; the first of them where none covers the case."""
    able = [c for c in candidates if len(candidates) == 1 or compute(c) is not NotImplemented]
    best = dict.fromkeys(able, math.inf)
    for _ in range(ROUNDS if len(able) > 1 else 0):
        for candidate in able:
            start = time.perf_counter()
            compute(candidate)
            best[candidate] = min(best[candidate], time.perf_counter() - start)
    return min(best, key=best.__getitem__) if best else candidates[0]
