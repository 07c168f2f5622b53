"""What a command says while kernels are compiled, which happens once on a machine."""

import contextlib
import sys
import time
from collections.abc import Iterator

from ..kernels.compiling import WATCHERS

PATIENCE = 1.0  # seconds of silence


class Compiling:
    """How many kernels were compiled so far, and in how many seconds; `aloud` it says so, whenever
    that has taken another second."""

    def __init__(self, aloud: bool) -> None:
        self.aloud = aloud
        self.count = 0
        self.seconds = 0.0
        self.told = 0.0
        self.begun: list[float] = []  # of a kernel and, within, of those that it calls

    def __call__(self, name: str, begins: bool) -> None:
        """Take notice that a kernel's compilation begins, or has ended."""
        now = time.perf_counter()
        if begins:
            self.begun.append(now)
            if self.aloud and self.seconds - self.told >= PATIENCE:
                self.told = self.seconds
                done = f"{self.count} done, {name} next"
                print(f"compiling kernels, once on this machine: {done}", file=sys.stderr)
        else:
            self.count += 1
            begun = self.begun.pop()
            if not self.begun:
                self.seconds += now - begun


@contextlib.contextmanager
def watched(aloud: bool = True) -> Iterator[Compiling]:
    """Within, kernels that are compiled are counted; a line on the standard error says so if that
    takes long."""
    watcher = Compiling(aloud)
    WATCHERS.append(watcher)
    try:
        yield watcher
    finally:
        WATCHERS.remove(watcher)
