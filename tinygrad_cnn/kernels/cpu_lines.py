"""Images in rows laid within a border of channels, or added to a part of others, on all threads.

What was cut out of images, by channels or at every other place, lies with gaps: here the channels
of a place need to be neighbours, and no more.
"""

from typing import NamedTuple

import numpy as np

from .layout import empty_in, orders
from .served import refused
from .vectors import LANES, give, take
from .workers import Worker, address, clear, move, record, run, within

FLOAT32 = np.dtype("float32")
TAKEN = "it is compiled for float32 images (N, C, H, W) whose channels lie innermost"
BORDER = "it is compiled for a border of zeros around the channels"
PART = "it is compiled for parts that slices cut out"


class Lines(NamedTuple):
    """Images and where they go: addresses, and how many numbers each is from one sample, one line
    and one place to the next; the height, width and channels of x; and how many channels of zeros
    go before and behind those."""

    x: int
    z: int
    x_sample: int
    x_line: int
    x_place: int
    z_sample: int
    z_line: int
    z_place: int
    height: int
    width: int
    channels: int
    before: int = 0
    behind: int = 0


@within
def beginnings(t, item):
    """Where a line of x begins, and where it goes."""
    n, h = item // t.height, item % t.height
    return t.x + 4 * (n * t.x_sample + h * t.x_line), t.z + 4 * (n * t.z_sample + h * t.z_line)


@Worker
def lay_lines(words, first, last, part):
    """Write x and its border; items are lines."""
    t = record(words, Lines)
    for item in range(first, last):
        source, target = beginnings(t, item)
        for w in range(t.width):
            begin = target + 4 * w * t.z_place
            clear(begin, t.before)
            move(begin + 4 * t.before, source + 4 * w * t.x_place, t.channels)
            clear(begin + 4 * (t.before + t.channels), t.behind)


@Worker
def add_lines(words, first, last, part):
    """z += x; items are lines."""
    t = record(words, Lines)
    for item in range(first, last):
        source, target = beginnings(t, item)
        for w in range(t.width):
            x, z = source + 4 * w * t.x_place, target + 4 * w * t.z_place
            for c in range(0, t.channels, LANES):
                count = min(LANES, t.channels - c)
                give(z + 4 * c, take(z + 4 * c, count) + take(x + 4 * c, count), count)


def steps(x: np.ndarray) -> tuple[int, ...]:
    """How many numbers there are from one sample of x, one line and one place to the next; nothing
    where channels are no neighbours."""
    fit = x.ndim == 4 and x.dtype == FLOAT32 and x.flags.aligned and x.size
    if not fit or x.strides[1] != 4 or any(stride % 4 for stride in x.strides):
        return ()
    sample, _, line, place = x.strides
    return sample // 4, line // 4, place // 4


def pad_constant(x, *, pads, value):
    """The kernel of pad_constant for channels."""
    near = steps(x)
    if not near:
        return refused(TAKEN)
    around, channels, *others = pads
    if value != 0 or any(around) or any(map(any, others)) or min(channels) < 0:
        return refused(BORDER)
    n, c, *space = x.shape
    z = empty_in(orders(4)[0], (n, c + sum(channels), *space), FLOAT32)
    sizes = (*space, c, *channels)
    run(lay_lines, n * space[0], Lines(address(x), address(z), *near, *steps(z), *sizes))
    return z


def put_onto(x, onto, *, key, spare=False):
    """The kernel of put_onto for slices."""
    if not isinstance(key, tuple) or not all(isinstance(k, slice) or k is ... for k in key):
        return refused(PART)
    z = onto if spare else onto.copy(order="K")
    part = z[key]
    near, far = steps(x), steps(part)
    if not near or not far or part.shape != x.shape:
        return refused(TAKEN)
    n, c, *space = x.shape
    run(add_lines, n * space[0], Lines(address(x), address(part), *near, *far, *space, c))
    return z
