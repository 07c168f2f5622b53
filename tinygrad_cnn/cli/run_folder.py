"""The folder of a training run: which it is, and that no other run writes there meanwhile."""

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from .options import CHECKPOINT

LOCK = ".lock"


class Taken(ValueError):
    """A folder is that of another run."""


# --- which folder ---


def numbered(first: Path) -> Iterator[Path]:
    """first, first-2, first-3 ..., without an end."""
    yield first
    for number in itertools.count(2):
        yield first.with_name(f"{first.name}-{number}")


def latest(first: Path) -> Path:
    """The last of the folders first, first-2, first-3 ... that holds a run.

    Raises: ValueError if none does.
    """
    there = itertools.takewhile(Path.exists, numbered(first))
    runs = [folder for folder in there if (folder / CHECKPOINT).exists()]
    if not runs:
        raise ValueError(f"there is no run in {first} to resume; leave out --resume to begin one")
    return runs[-1]


def check_new(folder: Path) -> None:
    """Raise Taken if a folder holds a run already."""
    if (folder / CHECKPOINT).exists():
        raise Taken(
            f"{folder} already holds a run; add --resume to go on with it, or give another --output"
        )


# --- alone in it ---


@contextlib.contextmanager
def held(folder: Path, resume: bool) -> Iterator[Path]:
    """A context in which no other run can hold `folder`, which is made if it is missing.

    The lock ends with the process, however that ends, so a run that was killed is in nobody's way.

    Raises: Taken if another run holds it or, unless it is to be resumed, has been there; OSError if
    it cannot be written into.
    """
    lock = locked(folder)
    try:
        if resume:
            remove_drafts(folder)
        else:
            check_new(folder)
        yield folder
    finally:
        with contextlib.suppress(OSError):  # Windows deletes it when it is closed
            (folder / LOCK).unlink()
        os.close(lock)


@contextlib.contextmanager
def first_held(first: Path) -> Iterator[Path]:
    """A context that holds the first of the folders first, first-2, first-3 ... that is free.

    Raises: OSError if it cannot be written into.
    """
    with contextlib.ExitStack() as stack:
        for folder in numbered(first):
            with contextlib.suppress(Taken):
                check_new(folder)
                stack.enter_context(held(folder, resume=False))
                break
        yield folder


def locked(folder: Path) -> int:
    """The open lock file of a folder, which is made if it is missing.

    Raises: Taken if another run has it open; OSError if the folder cannot be written into.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = opened(folder / LOCK)
    except OSError as error:
        raise OSError(
            f"cannot write into the folder {folder}: {error.strerror}; give another --output"
        ) from error
    if lock is None:
        raise Taken(
            f"another run that is still going on writes into {folder}; wait for its end, or give "
            "another --output"
        )
    return lock


def opened(path: Path) -> int | None:
    """An open file that no other process gets until it is closed; None if another one has it."""
    if os.name == "nt":
        try:  # it is deleted with its only handle, so where it is there, somebody has it open
            return os.open(path, os.O_CREAT | os.O_EXCL | os.O_TEMPORARY)
        except FileExistsError:
            return None
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    if flocked(file) and lies_at(file, path):
        return file
    os.close(file)
    return None


def lies_at(file: int, path: Path) -> bool:
    """Whether an open file is still the one at `path`; the run that had it may have deleted it."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def flocked(file: int) -> bool:
    """Whether an open file is locked by this process now, as far as its file system knows locks."""
    import fcntl  # which Windows does not have

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # there are no locks; runs have to be kept apart by hand
        return True
    return True


def remove_drafts(folder: Path) -> None:
    """Delete what a run that was killed had begun to write."""
    for draft in folder.glob(".saving-*"):
        draft.unlink()
