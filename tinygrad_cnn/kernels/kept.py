"""What kernels make of weights before they compute, such as panels, kept from call to call.

Whoever has an array may write it at any time, through a tensor, a view or NumPy, and no kernel is
told. So nothing here relies on being told: at each call the weights are read through once, and what
was made of them is used again only if a digest of 64 bits says that each number is still the same.
Reading takes a fiftieth of the time of a convolution of few places and less of all others.

Weights that change at each step are packed at each step: what was made of them is kept from when
they come a second time with the same numbers.

Only overlays use this: it needs Numba.
"""

import weakref
from collections.abc import Callable, Hashable
from typing import NamedTuple

import numba
import numpy as np

from .compiled import compiled
from .workers import Worker, address, places, pointer, record, run

BLOCK = 1 << 18  # numbers that are digested at once; of more, threads share the blocks
LANES = 64  # words that are digested at once
PRIME = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: odd, its bits spread
HALF = np.uint64(32)


@compiled
def digest(x, count, seed):
    """64 bits that tell `count` numbers of 32 bits at an address from others.

    Each step can be undone, so that another number always makes another digest, and two of them
    together one in 2^64 times the same.
    """
    words = numba.carray(pointer(x), count // 2, np.uint64)
    lanes = np.empty(LANES, np.uint64)
    for i in range(LANES):
        lanes[i] = np.uint64(i)
    whole = words.size - words.size % LANES
    for start in range(0, whole, LANES):
        for i in range(LANES):
            mixed = (lanes[i] ^ words[start + i]) * PRIME
            lanes[i] = mixed ^ (mixed >> HALF)
    z = (np.uint64(seed) ^ np.uint64(count)) * PRIME
    for i in range(LANES):
        z = (z ^ lanes[i]) * PRIME
        z ^= z >> HALF
    for i in range(whole, words.size):
        z = (z ^ words[i]) * PRIME
        z ^= z >> HALF
    if count % 2:
        last = numba.carray(pointer(x + 4 * (count - 1)), 1, np.uint32)
        z = (z ^ np.uint64(last[0])) * PRIME
        z ^= z >> HALF
    return z


class Blocks(NamedTuple):
    """Many numbers of 32 bits at an address, and the address of a digest for each BLOCK of them."""

    x: int
    count: int
    digests: int


@Worker
def digest_blocks(words, first, last, part):
    """The digests of blocks; items are blocks."""
    s = record(words, Blocks)
    digests = places(s.digests, -(-s.count // BLOCK))
    for item in range(first, last):
        begin = item * BLOCK
        many = min(BLOCK, s.count - begin)
        digests[item] = np.int64(digest(s.x + 4 * begin, many, np.uint64(item)))


class Kept:
    """What was made of one array, by name: the digest it belongs to, and the thing or None."""

    def __init__(self, w: np.ndarray) -> None:
        key = id(w)
        self.made: dict[Hashable, tuple[int, object]] = {}
        self.array = weakref.ref(w, lambda _: KEPT.pop(key, None))


KEPT: dict[int, Kept] = {}  # by the array's id, as long as it lives


def digested(*arrays: np.ndarray | None) -> int:
    """One digest of contiguous arrays of float32 or float64 numbers; None counts as no numbers."""
    z = 0
    for a in arrays:
        if a is None:
            continue
        count = a.nbytes // 4
        if count > BLOCK:
            digests = np.empty(-(-count // BLOCK), np.int64)
            run(digest_blocks, digests.size, Blocks(address(a), count, address(digests)))
            a, count = digests, 2 * digests.size
        z = int(digest(address(a), count, np.uint64(z)))
    return z


def kept(name: Hashable, make: Callable[[], object], w: np.ndarray, *others: object) -> object:
    """make(), which is a function of the numbers of w and of other arrays (or None); not always
    made anew.

    name: what is made, as far as the arrays do not say it.
    """
    arrays = (w, *others)
    if not all(a is None or a.flags.c_contiguous for a in arrays):
        return make()
    found = KEPT.get(id(w))
    if found is None:
        found = KEPT[id(w)] = Kept(w)
    now = digested(*arrays)
    before, thing = found.made.get(name, (None, None))
    if before != now:
        found.made[name] = (now, None)
        return make()
    if thing is None:
        thing = make()
        found.made[name] = (now, thing)
    return thing
