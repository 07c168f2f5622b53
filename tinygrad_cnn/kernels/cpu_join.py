"""Images in rows joined by their channels, and gradients of such images added up, on all threads.

What was cut out of joined images by channels is still in rows, but with other numbers between one
place and the next: an array lies at an address, and its places at a distance.
"""

import math
from typing import NamedTuple

import numpy as np

from .layout import empty_in, in_rows, innermost, orders
from .served import refused
from .vectors import LANES, give, take
from .workers import Worker, address, places, record, run

BLOCK = 16384  # numbers in an item, about
FLOAT32 = np.dtype("float32")
TAKEN = "it is compiled for float32 images whose channels lie innermost"


class Joining(NamedTuple):
    """Images to be joined: addresses of the result, of the tables of addresses and of numbers of
    channels of `count` images, how many channels the result has, how many places there are, and how
    many of them make an item."""

    z: int
    sources: int
    widths: int
    count: int
    width: int
    places: int
    block: int


@Worker
def join_rows(words, first, last, part):
    """Copy the channels of each place of each image."""
    t = record(words, Joining)
    sources, widths = places(t.sources, t.count), places(t.widths, t.count)
    for item in range(first, last):
        begin, end = item * t.block, min((item + 1) * t.block, t.places)
        done = 0
        for k in range(t.count):
            width = widths[k]
            for p in range(begin, end):
                source, target = sources[k] + 4 * p * width, t.z + 4 * (p * t.width + done)
                for c in range(0, width, LANES):
                    count = min(LANES, width - c)
                    give(target + 4 * c, take(source + 4 * c, count), count)
            done += width


class Adding(NamedTuple):
    """Two images to be added: addresses of both and of the result, how far apart their places lie,
    how many channels and how many places there are, and how many of these make an item."""

    x: int
    y: int
    z: int
    x_step: int
    y_step: int
    z_step: int
    width: int
    places: int
    block: int


@Worker
def add_rows(words, first, last, part):
    """z = x + y."""
    t = record(words, Adding)
    for p in range(first * t.block, min(last * t.block, t.places)):
        x, y, z = t.x + 4 * p * t.x_step, t.y + 4 * p * t.y_step, t.z + 4 * p * t.z_step
        for c in range(0, t.width, LANES):
            count = min(LANES, t.width - c)
            give(z + 4 * c, take(x + 4 * c, count) + take(y + 4 * c, count), count)


def step(x: np.ndarray) -> int:
    """How many numbers lie between one place of x (N, C, *space) and the next; 0 where they do not
    lie in rows."""
    *outer, place, channel = innermost(x).strides
    *sizes, _ = innermost(x).shape
    distance = place
    for size, stride in zip(sizes[:0:-1], outer[::-1], strict=True):
        distance *= size
        if stride != distance:
            return 0
    return place // 4 if channel == 4 and place % 4 == 0 and x.flags.aligned else 0


def blocks(count: int, width: int) -> tuple[int, int]:
    """How many places make an item, and how many items there are."""
    block = max(1, BLOCK // width)
    return block, -(-count // block)


def join(xs, *, dim):
    """The kernel of join for channels."""
    x = xs[0]
    same = {(a.dtype, a.shape[:1], a.shape[2:]) for a in xs}
    if x.ndim < 3 or dim != 1 or len(same) > 1 or x.dtype != FLOAT32 or not all(map(in_rows, xs)):
        return refused(TAKEN)
    width = sum(a.shape[1] for a in xs)
    z = empty_in(orders(x.ndim)[0], (len(x), width, *x.shape[2:]), FLOAT32)
    if z.size:
        table = np.array([[address(a) for a in xs], [a.shape[1] for a in xs]], np.int64)
        sources, widths = table
        count = z.size // width
        block, items = blocks(count, width)
        sizes = (len(xs), width, count, block)
        run(join_rows, items, Joining(address(z), address(sources), address(widths), *sizes))
    return z


def gradient_sum(x, y, *, spare=False):
    """The kernel of gradient_sum."""
    fit = x.ndim > 2 and x.shape == y.shape and x.dtype == y.dtype == FLOAT32 and x.size
    steps = [step(x), step(y)] if fit else [0]
    if not all(steps):
        return refused(TAKEN)
    z = x if spare else empty_in(orders(x.ndim)[0], x.shape, FLOAT32)
    width, count = x.shape[1], math.prod((len(x), *x.shape[2:]))
    block, items = blocks(count, width)
    run(add_rows, items, Adding(*map(address, (x, y, z)), *steps, step(z), width, count, block))
    return z
