"""The workers that bring images and weights into the form in which Winograd multiplies them.

Results are cut into tiles of m by m, see `winograd`; each is made of a patch of an image, which is
m + 2 wide and overlaps its neighbours. Transforms lie as (m + 2)^2 matrices, one for each element
of a patch: for images a row for each tile and a column for each channel, for weights a row for each
channel that is summed over.

Distances are counted in float32 numbers, the entries of tables in bytes.
"""

import functools
from typing import NamedTuple

from .cpu_winograd_transform import call_transform, fetch
from .simd import LANES, WIDTH
from .winograd import TAPS
from .workers import Worker, number, numbers, places, put, record, within

TABLE = 40  # entries of a table: the elements of the largest patch, in whole lines of the cache
TABLES = 8 * TABLE  # numbers that four tables take
CHUNK = 16  # summed channels whose weights are transformed at once
WINDOW = TAPS * TAPS
ROOM = TABLES + CHUNK * WINDOW * WIDTH  # numbers of the tables and windows of a part


class Patches(NamedTuple):
    """Images cut into patches, and where their transforms lie.

    x, z: the addresses of the images and of their transforms, where these are kept whole; tables:
    then memory for the tables of each part. transform: the address of its code. side: of a patch;
    elements: of its transform. step: from one patch to the next. top, left: how far before the
    image the first one begins. across, each: how many there are in a line and in an image. tiles:
    how many there are. zeros: what stands for pixels outside, as long as one. panel: channels that
    lie together; pitch, apart, beyond: from one tile to the next, from one element to the next and
    from one panel to the next.
    """

    x: int
    z: int
    tables: int
    transform: int
    height: int
    width: int
    channels: int
    side: int
    elements: int
    step: int
    top: int
    left: int
    across: int
    each: int
    tiles: int
    zeros: int
    panel: int
    pitch: int
    apart: int
    beyond: int


class Weights(NamedTuple):
    """Weights beside their transforms, which lie in panels of WIDTH columns.

    w, u: addresses. scratch: memory of ROOM numbers for each part. transform: the address of its
    code, towards the transforms or back. lane, summed: from one column to the next in w, and from
    one channel that is summed over to the next. flipped: whether windows are read backwards. lanes,
    reduced: how many columns there are, and how many channels are summed over. elements: of a
    transform. parts, size: how many sets of sums are to be added, and how far apart they lie.
    """

    w: int
    u: int
    scratch: int
    transform: int
    lane: int
    summed: int
    flipped: int
    lanes: int
    reduced: int
    elements: int
    parts: int
    size: int


# --- tables of places -----------------------------------------------------------------------------


@within
def stepped(table, count, step):
    """Places that lie `step` numbers apart."""
    entries = places(table, TABLE)
    for i in range(count):
        entries[i] = 4 * i * step


@within
def square(table, side, line, pixel):
    """The places of a square of pixels, which lie as far apart as is said."""
    entries = places(table, TABLE)
    for i in range(side):
        for j in range(side):
            entries[i * side + j] = 4 * (i * line + j * pixel)


@within
def patch(inner, edge, image, height, width, channels, top, left, side, outside):
    """The table of the places of a patch of an image, and the address to be added to each.

    inner: the table for patches within the image; edge: that for others, where places beyond the
    image are `outside`.
    """
    corner = image + 4 * (top * width + left) * channels
    if min(top, left) >= 0 and top + side <= height and left + side <= width:
        return inner, corner
    entries = places(edge, TABLE)
    for i in range(side):
        for j in range(side):
            there = 0 <= top + i < height and 0 <= left + j < width
            place = corner + 4 * (i * width + j) * channels
            entries[i * side + j] = place if there else outside
    return edge, 0


# --- images ---------------------------------------------------------------------------------------


@within
def fetched(begin, lines, line, size):
    """Have some lines brought near, each of so many numbers and `line` numbers from the next: the
    processor sees that a patch is read, not that the patch below is next to be."""
    for i in range(lines):
        for j in range(0, size, 16):
            fetch(begin + 4 * (i * line + j))


@within
def transformed(s, z, begin, many, tables):
    """The transforms of `many` patches from patch `begin` on."""
    inner = tables
    edge = tables + 8 * TABLE
    targets = tables + 16 * TABLE
    square(inner, s.side, s.width * s.channels, s.channels)
    stepped(targets, s.elements, s.apart)
    for t in range(many):
        n = (begin + t) // s.each
        line = (begin + t) % s.each // s.across
        column = (begin + t) % s.across
        image = s.x + 4 * n * s.height * s.width * s.channels
        sources, corner = patch(
            inner, edge, image, s.height, s.width, s.channels, line * s.step - s.top,
            column * s.step - s.left, s.side, s.zeros,
        )  # fmt: skip
        below = line * s.step - s.top + s.side
        ahead = image + 4 * (below * s.width + (column + 1) * s.step - s.left) * s.channels
        fetched(ahead, s.step, s.width * s.channels, s.step * s.channels)
        for done in range(0, s.channels, s.panel):
            vectors = min(s.panel, s.channels - done) // LANES
            target = z + 4 * (done // s.panel * s.beyond + t * s.pitch)
            call_transform(
                s.transform, vectors, sources, corner + 4 * done, targets, target, 0, 0, 0
            )


@Worker
def transform_patches(words, first, last, part):
    """Patches into transforms that are kept whole; items are patches."""
    s = record(words, Patches)
    tables = s.tables + 4 * part * TABLES
    transformed(s, s.z + 4 * first * s.pitch, first, last - first, tables)


# --- weights --------------------------------------------------------------------------------------


@within
def lanes_of(s, panel):
    """How many columns a panel has."""
    return min(WIDTH, s.lanes - panel * WIDTH)


@within
def windows(s, panel, low, many, room, inwards):
    """Copy the windows of a panel and `many` summed channels, from `low` on, to `room` or back.

    There they lie as nine matrices of channels by columns. Neighbours in w are copied together.
    """
    lanes = lanes_of(s, panel)
    w = s.w + 4 * (panel * WIDTH * s.lane + low * s.summed)
    across = s.lane < s.summed
    far, near = (many, lanes) if across else (lanes, many)
    far_step, near_step = (lanes, 1) if across else (1, lanes)
    for i in range(far):
        for j in range(near):
            window = w + 4 * (i * max(s.lane, s.summed) + j * WINDOW)
            place = room + 4 * (i * far_step + j * near_step)
            for t in range(WINDOW):
                tap = window + 4 * (WINDOW - 1 - t if s.flipped else t)
                element = place + 4 * t * many * lanes
                if inwards:
                    put(element, number(tap))
                else:
                    put(tap, number(element))


@within
def weighted(s, u, apart, panel, low, high, tables):
    """The transforms of the weights of a panel and of the channels from `low` to `high`."""
    lanes = lanes_of(s, panel)
    targets = tables + 8 * TABLE
    room = tables + 4 * TABLES
    stepped(targets, s.elements, apart)
    for begin in range(low, high, CHUNK):
        many = min(CHUNK, high - begin)
        windows(s, panel, begin, many, room, True)
        stepped(tables, WINDOW, many * lanes)
        target = u + 4 * (begin - low) * lanes
        call_transform(s.transform, many * lanes // LANES, tables, room, targets, target, 0, 0, 0)


@within
def unweighted(s, u, apart, panel, low, high, tables):
    """The reverse: sums of products become the gradient for these weights."""
    lanes = lanes_of(s, panel)
    sources = tables + 8 * TABLE
    room = tables + 4 * TABLES
    stepped(sources, s.elements, apart)
    for begin in range(low, high, CHUNK):
        many = min(CHUNK, high - begin)
        stepped(tables, WINDOW, many * lanes)
        source = u + 4 * (begin - low) * lanes
        call_transform(s.transform, many * lanes // LANES, sources, source, tables, room, 0, 0, 0)
        windows(s, panel, begin, many, room, False)


@functools.partial(Worker, straight=False)
def transform_weights(words, first, last, part):
    """Weights into transforms that are kept whole; items are CHUNK channels of a panel."""
    s = record(words, Weights)
    tables = s.scratch + 4 * part * ROOM
    chunks = -(-s.reduced // CHUNK)
    for item in range(first, last):
        panel = item // chunks
        low = item % chunks * CHUNK
        lanes = lanes_of(s, panel)
        u = s.u + 4 * (panel * WIDTH * s.reduced * s.elements + low * lanes)
        high = min(low + CHUNK, s.reduced)
        weighted(s, u, s.reduced * lanes, panel, low, high, tables)


@functools.partial(Worker, straight=False)
def untransform_weights(words, first, last, part):
    """All parts' sums, which are added, into a gradient; items are CHUNK channels of a panel."""
    s = record(words, Weights)
    tables = s.scratch + 4 * part * ROOM
    chunks = -(-s.reduced // CHUNK)
    for item in range(first, last):
        panel = item // chunks
        low = item % chunks * CHUNK
        high = min(low + CHUNK, s.reduced)
        lanes = lanes_of(s, panel)
        apart = s.reduced * s.lanes
        u = s.u + 4 * (panel * WIDTH * s.reduced + low * lanes)
        size = (high - low) * lanes
        for element in range(s.elements):
            total = numbers(u + 4 * element * apart, size)
            for more in range(1, s.parts):
                others = numbers(u + 4 * (element * apart + more * s.size), size)
                for i in range(size):
                    total[i] += others[i]
        unweighted(s, u, apart, panel, low, high, tables)
