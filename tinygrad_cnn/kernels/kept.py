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

import numpy as np

from .capture import HERE
from .simd_digest import digest_address
from .threads import get_num_threads
from .workers import address, launch

BLOCK = 1 << 18  # numbers that are digested at once; of more, threads share the blocks


class Kept:
    """What was made of one array, by name: the digest it belongs to, and the thing or None."""

    def __init__(self, w: np.ndarray) -> None:
        key = id(w)
        self.made: dict[Hashable, tuple[bytes, object]] = {}
        self.array = weakref.ref(w, lambda _: KEPT.pop(key, None))


KEPT: dict[int, Kept] = {}  # by the array's id, as long as it lives


def digested(*arrays: np.ndarray | None) -> bytes:
    """The digests of contiguous arrays of float32 or float64 numbers; None counts as no numbers."""
    return digesting(*arrays)()


def digesting(*arrays: np.ndarray | None) -> Callable[[], bytes]:
    """A function of no arguments that returns the digests of arrays, as long as they live."""
    blocks = []
    for a in arrays:
        begin, count = (0, 0) if a is None else (address(a), a.nbytes // 4)
        for i in range(0, count or 1, BLOCK):
            blocks.append((begin + 4 * i, min(BLOCK, count - i)))
    digests = np.empty(len(blocks), np.int64)
    place = address(digests)
    words = []
    for i, block in enumerate(blocks):
        words += (*block, place + 8 * i)
    large = len(blocks) > len(arrays)
    parts = min(get_num_threads(), len(blocks)) if large else 1

    def digest() -> bytes:
        launch(digest_address(), words, len(blocks), parts)
        return digests.tobytes()

    return digest


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
    if HERE.calls is not None:
        return relied_on(name, make, found, arrays)
    now = digested(*arrays)
    before, thing = found.made.get(name, (None, None))
    if before != now:
        found.made[name] = (now, None)
        return make()
    if thing is None:
        thing = make()
        found.made[name] = (now, thing)
    return thing


def relied_on(name: Hashable, make: Callable[[], object], found: Kept, arrays: tuple) -> object:
    """As kept, for a step that is being recorded: it holds as long as the arrays do not change, if
    they have come with the same numbers before; else every replay makes the thing anew."""
    calls = HERE.calls
    with calls.resting():
        now = digested(*arrays)
    before, thing = found.made.get(name, (None, None))
    if thing is None or before != now:
        return make()
    calls.hold(thing)
    calls.watch([a for a in arrays if a is not None], digesting)
    return thing
