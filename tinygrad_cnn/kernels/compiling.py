"""While a kernel is being compiled: who is told, as the commands are, which say why one waits; and
what rests."""

import contextlib
import gc
from collections.abc import Callable, Iterator

WATCHERS: list[Callable[[str, bool], None]] = []


def tell(name: str, begins: bool) -> None:
    """Tell those who watch that a kernel's compilation begins, or has ended."""
    for watcher in WATCHERS:
        watcher(name, begins)


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Within, Python's collector of cycles rests: the compiler makes so many objects that it would
    take a fifteenth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
