"""Who is told that a kernel is being compiled: the commands, which say why one waits."""

from collections.abc import Callable

WATCHERS: list[Callable[[str, bool], None]] = []


def tell(name: str, begins: bool) -> None:
    """Tell those who watch that a kernel's compilation begins, or has ended."""
    for watcher in WATCHERS:
        watcher(name, begins)
