"""What the machine can do at most: multiply-adds from registers, and moving memory.

    python -m benchmarks.limits [--threads N] [--quick] [--json]

The peak is that of the register tile (`kernels.simd`) on numbers that stay in the first cache: two
operations for each multiply-add. Copy and triad (a = b + s c) go over arrays far larger than the
caches; counted are the bytes that the program names, not those that a processor reads of what it
writes. The best of several tries stands, on one thread and on all.
"""

import argparse
import functools
import math
import statistics
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .turns import clock_for, finish, need, parser, say

TITLE = "What the machine can do"
LENGTH = 128  # of a tile's sum: its rows and columns fill a third of the first cache
CALLS = 4000  # of the tile in a try
SIZE = 1 << 25  # float32 numbers in an array: 134 MB
TRIES = 9
QUICK = 3
HEAD = f"{'threads':>8}{'Gflop/s':>12}{'copy GB/s':>12}{'triad GB/s':>12}"


class Run(NamedTuple):
    """Tiles over and over: addresses of the tile's code and of its operands, and how often."""

    tile: int
    runs: int
    a: int
    b: int
    z: int
    calls: int


class Sweep(NamedTuple):
    """Addresses of arrays, and how many numbers an item is."""

    a: int
    b: int
    c: int
    piece: int


@functools.cache
def workers() -> tuple:
    """The workers for tiles, copies and triads."""
    from tinygrad_cnn.kernels.simd import ROWS, VECTORS, WIDTH, call_tile
    from tinygrad_cnn.kernels.workers import Worker, move, numbers, record

    @Worker
    def tiles(words, first, last, part):
        s = record(words, Run)
        z = s.z + 4 * part * 1024
        for _ in range(first * s.calls, last * s.calls):
            call_tile(
                s.tile, ROWS, VECTORS, s.a, LENGTH, 1, s.runs, 1, LENGTH, s.b, WIDTH, z, WIDTH, z,
                WIDTH,
            )  # fmt: skip

    @Worker
    def copy(words, first, last, part):
        s = record(words, Sweep)
        for item in range(first, last):
            move(s.a + 4 * item * s.piece, s.b + 4 * item * s.piece, s.piece)

    @functools.partial(Worker, straight=False)
    def triad(words, first, last, part):
        s = record(words, Sweep)
        for item in range(first, last):
            begin = 4 * item * s.piece
            a, b = numbers(s.a + begin, s.piece), numbers(s.b + begin, s.piece)
            c = numbers(s.c + begin, s.piece)
            for i in range(s.piece):
                a[i] = b[i] + np.float32(3) * c[i]

    return tiles, copy, triad


def best(work: Callable[[], None], threads: int, tries: int) -> tuple[float, float]:
    """The shortest and the median time of some tries, in seconds, after one that is not timed."""
    now = clock_for(threads)
    work()
    times = []
    for _ in range(tries):
        start = now()
        work()
        times.append(now() - start)
    return min(times), statistics.median(times)


def peak(threads: int, tries: int) -> dict[str, float]:
    """Gflop/s of the register tile on so many threads."""
    import numpy as np

    from tinygrad_cnn.kernels import cpu_tile
    from tinygrad_cnn.kernels.simd import ROWS, WIDTH
    from tinygrad_cnn.kernels.workers import address, run, scratch

    a, b, z = scratch(ROWS * LENGTH), scratch(LENGTH * WIDTH), scratch(1024 * threads)
    runs = np.zeros(1, np.int64)
    for x in (a, b, z):
        x[...] = 0
    record = Run(cpu_tile.tile_address(), address(runs), address(a), address(b), address(z), CALLS)
    shortest, middle = best(lambda: run(workers()[0], threads, record), threads, tries)
    work = 2 * ROWS * WIDTH * LENGTH * CALLS * threads / 1e9
    return {"best": work / shortest, "median": work / middle}


def bandwidth(threads: int, tries: int) -> dict[str, dict[str, float]]:
    """GB/s of copy and triad on so many threads."""
    import numpy as np

    from tinygrad_cnn.kernels.workers import address, run

    arrays = [np.full(SIZE, i, np.float32) for i in range(3)]
    record = Sweep(*map(address, arrays), 1 << 16)
    items = math.ceil(SIZE / record.piece)
    found = {}
    for name, worker, touched in zip(("copy", "triad"), workers()[1:], (2, 3), strict=True):
        shortest, middle = best(functools.partial(run, worker, items, record), threads, tries)
        moved = 4 * touched * SIZE / 1e9
        found[name] = {"best": moved / shortest, "median": moved / middle}
    return found


def measure(options: argparse.Namespace) -> dict:
    """The limits on one thread, and on all."""
    import tinygrad_cnn as tg
    from tinygrad_cnn.kernels import facts

    tries = QUICK if options.quick else TRIES
    report: dict = {"vectors": facts.capability(), "threads": {}}
    say(options, HEAD)
    for threads in dict.fromkeys((1, options.threads)):
        tg.set_num_threads(threads)
        row = {"peak": peak(threads, tries), **bandwidth(threads, tries)}
        report["threads"][str(threads)] = row
        say(options, line_of(str(threads), row))
    return report


def line_of(threads: str, row: dict) -> str:
    """A row of the table."""
    copy, triad = row["copy"]["best"], row["triad"]["best"]
    return f"{threads:>8}{row['peak']['best']:12.0f}{copy:12.1f}{triad:12.1f}"


def printed(report: dict) -> str:
    """The report as a table."""
    rows = [line_of(*item) for item in report["threads"].items()]
    return "\n".join([HEAD, *rows])


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, threads=True).parse_args()
    need("numba", "it compiles the kernels whose limit is measured: pip install numba")
    finish(options, measure(options), None)


if __name__ == "__main__":
    main()
