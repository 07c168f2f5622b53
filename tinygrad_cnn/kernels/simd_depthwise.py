"""Two products of channels by themselves, all channels of a place in vectors; for Numba.

As `simd` has it for products that sum over channels. Both hold a handful of sums in registers while
windows run past, and then turn to the next vector of channels.

`along` is for results of a depthwise convolution: a few places of a line at a time, so that the
weights are read once for all of them. `across` is for the gradient of its weights: a few elements
of the window at a time, summed along a line.
"""

import functools

from numba.extending import intrinsic

from .assembled import assembled
from .simd import BYTES, LANES, VECTOR, WORD, again, counting, fetch, load
from .simd_columns import calling, choose, multiply_add, place, store

PLACES = 8  # at most, of a line of results at once
TAPS = 9  # at most, elements of a window at once: all of 3x3


def sizes(most):
    """1 to `most`, as `choose` takes it: the second of its numbers means nothing here."""
    return [(size, 0) for size in range(1, most + 1)]


def some_places(b, rows, words):
    """The code for so many places; see `along` for the words."""
    vectors, x, between, runs, count, w, pitch, start, z, line, soon, apart, after = words
    fma = multiply_add(b)
    channels = counting(b, vectors, [WORD(0)])
    _, done = channels[2]
    for r in range(rows):
        fetch(b, b.add(place(b, soon, apart, r), done))
        fetch(b, b.add(place(b, b.add(z, after), line, r), done))
    sums = [load(b, b.add(start, done), VECTOR)] * rows
    window = counting(b, count, [b.add(w, done), *sums])
    t, weights, *sums = window[2]
    offset = load(b, b.add(runs, b.mul(t, WORD(8))), WORD)
    corner = b.add(b.add(x, offset), done)
    weight = load(b, weights, VECTOR)
    following = [
        b.call(fma, [load(b, place(b, corner, between, r), VECTOR), weight, sums[r]])
        for r in range(rows)
    ]
    again(b, window, [b.add(weights, pitch), *following])
    for r in range(rows):
        store(b, following[r], b.add(place(b, z, line, r), done))
    again(b, channels, [b.add(done, WORD(LANES * BYTES))])


def along(
    b, rows, vectors, x, between, runs, count, w, pitch, start, z, line, soon, apart, after
):  # fmt: skip
    """The code for up to PLACES places of a line, and the choice among them:

    z[r, c] = start[c] + the sum over t < count of X[r, t, c] W[t, c], for r < rows and the channels
    c of so many vectors.

    X[r, t] lies at x + r between + runs[t], W[t] at w + t pitch, z[r] at z + r line. Distances are
    in numbers; x, w, start and z are addresses, runs that of int64 numbers of bytes.

    soon: the address of places, `apart` from each other, that will be needed soon, as will be those
    that lie `after` behind z. They are asked for meanwhile.
    """
    distances = (between, pitch, line, apart, after)
    between, pitch, line, apart, after = [b.mul(d, WORD(BYTES)) for d in distances]
    words = (vectors, x, between, runs, count, w, pitch, start, z, line, soon, apart, after)
    choose(b, rows, WORD(0), sizes(PLACES), lambda r, _: some_places(b, r, words))


def some_taps(b, taps, words):
    """The code for so many elements of a window; see `across` for the words."""
    vectors, x, between, runs, u, pitch, count, z, breadth, soon, apart, after = words
    fma = multiply_add(b)
    channels = counting(b, vectors, [WORD(0)])
    _, done = channels[2]
    heads = [b.add(b.add(x, load(b, b.add(runs, WORD(8 * t)), WORD)), done) for t in range(taps)]
    kept = [b.add(place(b, z, breadth, t), done) for t in range(taps)]
    sums = [load(b, address, VECTOR) for address in kept]
    places = counting(b, count, [WORD(0), b.add(u, done), b.add(soon, done), *sums])
    _, moved, source, ahead, *sums = places[2]
    fetch(b, ahead)
    fetch(b, b.add(source, after))
    gradient = load(b, source, VECTOR)
    following = [
        b.call(fma, [load(b, b.add(heads[t], moved), VECTOR), gradient, sums[t]])
        for t in range(taps)
    ]
    steps = [b.add(moved, between), b.add(source, pitch), b.add(ahead, apart)]
    again(b, places, [*steps, *following])
    for t in range(taps):
        store(b, following[t], kept[t])
    again(b, channels, [b.add(done, WORD(LANES * BYTES))])


def across(b, taps, vectors, x, between, runs, u, pitch, count, z, breadth, soon, apart, after):
    """The code for up to TAPS elements of a window, and the choice among them:

    z[t, c] += the sum over i < count of X[i, t, c] U[i, c], for t < taps and the channels c of so
    many vectors.

    X[i, t] lies at x + i between + runs[t], U[i] at u + i pitch, z[t] at z + t breadth. Distances
    are in numbers; x, u and z are addresses, runs that of int64 numbers of bytes. soon, apart and
    after are as in `along`, with u for z.
    """
    distances = (between, pitch, breadth, apart, after)
    between, pitch, breadth, apart, after = [b.mul(d, WORD(BYTES)) for d in distances]
    words = (vectors, x, between, runs, u, pitch, count, z, breadth, soon, apart, after)
    choose(b, taps, WORD(0), sizes(TAPS), lambda t, _: some_taps(b, t, words))


@intrinsic
def call_along(
    typing, at_, rows, vectors, x, between, runs, count, w, pitch, start, z, line, soon, apart,
    after,
):  # fmt: skip
    """Call the function `along` that lies at an address."""
    return calling(14)


@intrinsic
def call_across(
    typing, at_, taps, vectors, x, between, runs, u, pitch, count, z, breadth, soon, apart, after
):  # fmt: skip
    """Call the function `across` that lies at an address."""
    return calling(13)


@functools.cache
def along_address() -> int:
    """Where the machine code of `along` lies."""
    return assembled(along, 14)


@functools.cache
def across_address() -> int:
    """Where the machine code of `across` lies."""
    return assembled(across, 13)
