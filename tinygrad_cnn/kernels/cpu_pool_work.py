"""The workers of pooling in rows and in columns: sixteen channels, or samples, at a time.

Arrays are (N, H, W, C) where they lie in rows, and (C, H, W, N) where they lie in columns; what
lies innermost are the lanes.
"""

from typing import NamedTuple

import numpy as np

from .exponential import with_bits
from .vectors import (
    LANES,
    either,
    everywhere,
    filled,
    give,
    store_places,
    take,
    winning,
)
from .workers import Worker, clear, record, within


class Windows(NamedTuple):
    """Windows over maps, as a worker is told of them.

    lanes: how many numbers a place has. height, width, high, wide: the sizes of images, and how
    many windows there are. tall, broad: the sizes of a window; down, across: how far windows are
    apart; top, left: how far the first one begins before the image; apart_down, apart_across: how
    far a window's elements are apart. x, z, indices: addresses of images, of what there is for each
    window, and of where the largest elements lie. factor: the bits of a float32 number.
    """

    lanes: int
    height: int
    width: int
    high: int
    wide: int
    tall: int
    broad: int
    down: int
    across: int
    top: int
    left: int
    apart_down: int
    apart_across: int
    x: int
    z: int
    indices: int
    factor: int


@within
def inside(begin, count, apart, size):
    """Which of `count` elements, the first at `begin`, lie within a size: from, to."""
    first = max(0, -(begin // apart)) if begin < 0 else 0
    return first, min(count, -((begin - size) // apart))


@Worker
def largest_in_lanes(words, first, last, part):
    """The largest element of each window, and its place in the map; nan wins. Items are lines."""
    t = record(words, Windows)
    for item in range(first, last):
        k, p = item // t.high, item % t.high
        above = p * t.down - t.top
        r0, r1 = inside(above, t.tall, t.apart_down, t.height)
        for q in range(t.wide):
            before = q * t.across - t.left
            s0, s1 = inside(before, t.broad, t.apart_across, t.width)
            # Where nothing is larger than the border, the image's nearest element stands for it.
            nearest = min(max(above, 0), t.height - 1) * t.width + min(max(before, 0), t.width - 1)
            at = (item * t.wide + q) * t.lanes
            for c in range(0, t.lanes, LANES):
                count = min(LANES, t.lanes - c)
                best, where = filled(np.float32(-np.inf)), everywhere(nearest)
                for r in range(r0, r1):
                    line = (above + r * t.apart_down) * t.width
                    for s in range(s0, s1):
                        place = line + before + s * t.apart_across
                        source = (k * t.height * t.width + place) * t.lanes + c
                        v = take(t.x + 4 * source, count)
                        won = winning(v, best)
                        best = either(won, v, best)
                        where = either(won, everywhere(place), where)
                give(t.z + 4 * (at + c), best, count)
                store_places(t.indices + 8 * (at + c), where, count)


@Worker
def total_in_lanes(words, first, last, part):
    """The sum of each window, times a factor. Items are lines of windows."""
    t = record(words, Windows)
    factor = filled(with_bits(np.int32(t.factor)))
    for item in range(first, last):
        k, p = item // t.high, item % t.high
        above = p * t.down - t.top
        r0, r1 = inside(above, t.tall, t.apart_down, t.height)
        for q in range(t.wide):
            before = q * t.across - t.left
            s0, s1 = inside(before, t.broad, t.apart_across, t.width)
            target = t.z + 4 * (item * t.wide + q) * t.lanes
            corner = t.x + 4 * ((k * t.height + above) * t.width + before) * t.lanes
            for c in range(0, t.lanes, LANES):
                count = min(LANES, t.lanes - c)
                total = filled(np.float32(0))
                for r in range(r0, r1):
                    for s in range(s0, s1):
                        place = r * t.apart_down * t.width + s * t.apart_across
                        total = total + take(corner + 4 * (place * t.lanes + c), count)
                give(target + 4 * c, total * factor, count)


@Worker
def total_dx_in_lanes(words, first, last, part):
    """For each place the sum of z over the windows it is in, times a factor. Items are lines of
    images; where windows cover every place once there is nothing to add up."""
    t = record(words, Windows)
    factor = filled(with_bits(np.int32(t.factor)))
    once = t.tall == t.down and t.broad == t.across and t.high * t.down == t.height
    once = once and t.wide * t.across == t.width and t.top == t.left == 0
    once = once and t.apart_down == t.apart_across == 1
    line = t.width * t.lanes
    for item in range(first, last):
        k, i = item // t.height, item % t.height
        target = t.x + 4 * item * line
        if not once:
            clear(target, line)
        for r in range(t.tall):
            begin = i + t.top - r * t.apart_down
            p = begin // t.down
            if p * t.down != begin or p < 0 or p >= t.high:
                continue
            for q in range(t.wide):
                before = q * t.across - t.left
                s0, s1 = inside(before, t.broad, t.apart_across, t.width)
                source = t.z + 4 * ((k * t.high + p) * t.wide + q) * t.lanes
                for c in range(0, t.lanes, LANES):
                    count = min(LANES, t.lanes - c)
                    value = take(source + 4 * c, count) * factor
                    for s in range(s0, s1):
                        at = target + 4 * ((before + s * t.apart_across) * t.lanes + c)
                        give(at, value if once else take(at, count) + value, count)
