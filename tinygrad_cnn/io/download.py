"""Files from the web, whole or not at all: resumed, retried, checked, put in place in one step.

Bytes arrive in a file beside the wanted one, named `*.part`. An interrupted download leaves it, and
the next one asks the server for the rest. Only when the checksum is right is it renamed, so a file
under its own name is always complete. Nothing here runs unless somebody asks for a download. Two
processes should not fetch the same file at the same time: they would share the `*.part`.

Python's web modules are imported where they are used: they take long, and few programs need them.
"""

import gzip
import hashlib
import os
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 16  # bytes read at a time
NOTHING_LEFT = 416  # HTTP: the range asked for starts at or after the end of the file
PARTIAL = 206  # HTTP: the range asked for, not the whole file


def cache_folder() -> Path:
    """The folder for downloaded files: $TINYGRAD_CNN_CACHE, else ~/.cache/tinygrad_cnn."""
    return Path(os.environ.get("TINYGRAD_CNN_CACHE") or "~/.cache/tinygrad_cnn").expanduser()


def has_checksum(stream: BinaryIO, checksum: str) -> bool:
    """Whether all that is left in `stream` has `checksum`, written "md5:…" or "sha256:…".

    The first digits are enough: as many as are known.
    """
    algorithm, _, expected = checksum.partition(":")
    digest = hashlib.new(algorithm, usedforsecurity=False)
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest().startswith(expected)


def is_intact(path: Path, checksum: str | None) -> bool:
    """Whether the file at `path`, or what it unpacks to where it is gzip, has `checksum`.

    The unpacked bytes count because mirrors pack the same bytes into different gzip containers. A
    file of which no checksum is known counts as intact.
    """
    if checksum is None:
        return True
    with path.open("rb") as file:
        if has_checksum(file, checksum):
            return True
    try:
        with gzip.open(path) as unpacked:
            return has_checksum(unpacked, checksum)
    except (OSError, EOFError, zlib.error):  # not gzip, cut short, damaged
        return False


def show_progress(name: str, done: int, total: int | None) -> None:
    """One line on the terminal that says how far the download of `name` is; silent elsewhere.

    Units: done and total are bytes; total is None where the server does not say.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        return
    share = f" of {total / 1e6:.1f}" if total else ""
    end = "\n" if done == total else ""
    print(f"\r{name}: {done / 1e6:.1f}{share} MB", end=end, file=sys.stderr, flush=True)


def download(
    urls: Sequence[str],
    path: str | os.PathLike,
    checksum: str | None,
    *,
    tries: int = 4,
    pause: float = 1.0,
    timeout: float = 30.0,
    progress: Callable[[str, int, int | None], None] = show_progress,
) -> Path:
    """The path of a file with `checksum`, fetched from the first of `urls` that gives it.

    A file that is there and intact is not fetched again. Every round asks each of `urls` in turn;
    there are `tries` rounds, and the wait before each doubles. Where no checksum is known, what one
    answer brings in full is the file, and nothing is resumed.

    Units: pause and timeout are seconds.
    Raises: RuntimeError if no round brings the right bytes; it names the place for the file.
    """
    from http.client import HTTPException

    path = Path(path)
    if path.exists() and is_intact(path, checksum):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    for round_ in range(tries):
        if round_ > 0:
            time.sleep(pause * 2 ** (round_ - 1))
        for url in urls:
            if checksum is None:
                part.unlink(missing_ok=True)
            try:
                fetch(url, part, timeout, lambda *at: progress(path.name, *at))
            except (OSError, HTTPException) as error:  # URLError is an OSError
                problem = f"{url}: {error or type(error).__name__}"
                continue
            if is_intact(part, checksum):
                os.replace(part, path)
                return path
            problem = f"{url}: {part.stat().st_size} bytes whose checksum is not {checksum}"
            part.unlink()  # wrong bytes are not worth resuming
    raise RuntimeError(
        f"could not download {path.name} ({problem}); check the connection, or get the file from "
        f"{' or '.join(urls)} on another machine and place it at {path}"
    )


def fetch(
    url: str, part: Path, timeout: float, progress: Callable[[int, int | None], None]
) -> None:
    """Fill `part` with what `url` serves, going on after the bytes that it already holds.

    Raises: OSError if the server cannot be reached, refuses, or stops before the end.
    """
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    done = part.stat().st_size if part.exists() else 0
    # Some servers turn Python's own name away; "identity" keeps them from packing the bytes again.
    headers = {"User-Agent": "tinygrad_cnn", "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    try:
        response = urlopen(Request(url, headers=headers), timeout=timeout)
    except HTTPError as refusal:
        if refusal.code == NOTHING_LEFT:
            return  # the checksum will tell whether what is here is the file
        raise
    with response:
        if response.status != PARTIAL:
            done = 0
        length = response.headers["Content-Length"]
        total = None if length is None else done + int(length)
        with part.open("ab" if done else "wb") as file:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                done += len(chunk)
                progress(done, total)
    if total is not None and done != total:
        raise OSError(f"the connection ended after {done} of {total} bytes")
