"""While a kernel is being compiled: who is told, as the commands are, which say why one waits; and
what rests."""

import contextlib
import gc
from collections.abc import Callable, Iterator


class NotCompiled(RuntimeError):
    """A kernel cannot be compiled: the compiler is not what it was."""


WATCHERS: list[Callable[[str, bool], None]] = []


def tell(name: str, begins: bool) -> None:
    """Tell those who watch that a kernel's compilation begins, or has ended."""
    for watcher in WATCHERS:
        watcher(name, begins)


@contextlib.contextmanager
def compiling(function: Callable) -> Iterator[None]:
    """Within, Python's collector of cycles rests: the compiler makes so many objects that it would
    take a fifteenth of the time.

    Raises: NotCompiled for whatever the compiler raises.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    except Exception as error:
        name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        raise NotCompiled(f"{name} cannot be compiled: {error}") from error
    finally:
        if enabled:
            gc.enable()
