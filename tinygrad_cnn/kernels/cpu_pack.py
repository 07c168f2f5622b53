"""The workers that bring arrays into the order in which tiles read them, and sums out of it."""

import functools
from typing import NamedTuple

from .simd import LANES, WIDTH
from .workers import Worker, clear, number, places, put, record, within

CHUNK = 32  # summed numbers at a time: their rows of a panel stay in the first cache
FEW = 4  # columns at a time, which lie apart in the weights: more might all want one place in it


class Packing(NamedTuple):
    """Weights beside their panels: columns of tiles, for each group WIDTH by WIDTH.

    w, packed: addresses. In w, groups lie `group` apart, columns `lane`, numbers that are summed
    over `summed`, and elements of the window at taps (int64), of which there are `count`. A panel
    has a row for each element and summed number, in this order. parts: how many such sets of panels
    are to be added up, `size` apart.
    """

    w: int
    packed: int
    group: int
    lane: int
    summed: int
    taps: int
    count: int
    groups: int
    reduced: int
    lanes: int
    parts: int
    size: int


@within
def panel_of(s, item):
    """Where panel `item` begins, and in the weights; its columns, and the distance of its rows."""
    panels = -(-s.lanes // WIDTH)
    group = item // panels
    done = item % panels * WIDTH
    lanes = min(WIDTH, s.lanes - done)
    pitch = -(-lanes // LANES) * LANES
    before = group * ((panels - 1) * WIDTH + -(-(s.lanes - (panels - 1) * WIDTH) // LANES) * LANES)
    begin = s.packed + 4 * (before + done) * s.count * s.reduced
    return begin, s.w + 4 * (group * s.group + done * s.lane), lanes, pitch


@within
def step_of(s, step, low, high, width):
    """Which summed number and which columns come next: neighbours in the weights come together."""
    if s.lane < s.summed:
        return low + step // width, step % width * FEW
    return low + step % (high - low), step // (high - low) * FEW


@functools.partial(Worker, straight=False)
def pack(words, first, last, part):
    """Weights into panels; items are CHUNK of a panel's summed numbers, in all elements."""
    s = record(words, Packing)
    taps = places(s.taps, s.count)
    chunks = -(-s.reduced // CHUNK)
    for item in range(first, last):
        begin, source, lanes, pitch = panel_of(s, item // chunks)
        low = item % chunks * CHUNK
        high = min(low + CHUNK, s.reduced)
        width = pitch // FEW
        for step in range(width * (high - low)):
            i, lane = step_of(s, step, low, high, width)
            many = min(FEW, lanes - lane)
            for t in range(s.count):
                place = begin + 4 * ((t * s.reduced + i) * pitch + lane)
                w = source + 4 * (i * s.summed + taps[t] + lane * s.lane)
                if many >= FEW:  # a count that the compiler knows
                    for k in range(FEW):
                        put(place + 4 * k, number(w + 4 * k * s.lane))
                else:
                    for k in range(many):
                        put(place + 4 * k, number(w + 4 * k * s.lane))
                    clear(place + 4 * max(many, 0), FEW - max(many, 0))


@functools.partial(Worker, straight=False)
def unpack(words, first, last, part):
    """Panels, which are added up, into weights; items are as in `pack`."""
    s = record(words, Packing)
    taps = places(s.taps, s.count)
    chunks = -(-s.reduced // CHUNK)
    for item in range(first, last):
        begin, target, lanes, pitch = panel_of(s, item // chunks)
        low = item % chunks * CHUNK
        high = min(low + CHUNK, s.reduced)
        width = -(-lanes // FEW)
        for step in range(width * (high - low)):
            i, lane = step_of(s, step, low, high, width)
            for t in range(s.count):
                place = begin + 4 * ((t * s.reduced + i) * pitch + lane)
                w = target + 4 * (i * s.summed + taps[t] + lane * s.lane)
                for k in range(min(FEW, lanes - lane)):
                    total = number(place + 4 * k)
                    for p in range(1, s.parts):
                        total += number(place + 4 * (p * s.size + k))
                    put(w + 4 * k * s.lane, total)


class Laying(NamedTuple):
    """Planes (N, C, S), which lie n, c and s apart, beside rows (N, S, C), which are dense."""

    x: int
    z: int
    channels: int
    places: int
    n: int
    c: int
    s: int
    block: int


@functools.partial(Worker, straight=False)
def lay(words, first, last, part):
    """Planes into rows; items are blocks of places of one image."""
    s = record(words, Laying)
    blocks = -(-s.places // s.block)
    for item in range(first, last):
        n = item // blocks
        begin = item % blocks * s.block
        many = min(s.block, s.places - begin)
        z = s.z + 4 * (n * s.places + begin) * s.channels
        for c in range(s.channels):
            x = s.x + 4 * (n * s.n + c * s.c + begin * s.s)
            for i in range(many):
                put(z + 4 * (i * s.channels + c), number(x + 4 * i * s.s))
