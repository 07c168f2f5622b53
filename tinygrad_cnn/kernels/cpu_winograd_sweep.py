"""The workers of Winograd's convolution: products of transforms, in blocks that stay in the cache.

How transforms lie is said in `cpu_winograd_pack`. For each element of a patch they are matrices,
whose product is what the register tile is for.
"""

import functools
from typing import NamedTuple

from .cpu_winograd_pack import (
    ROOM,
    TABLE,
    TABLES,
    Patches,
    Weights,
    lanes_of,
    patch,
    square,
    stepped,
    transformed,
    unweighted,
    weighted,
)
from .cpu_winograd_transform import call_transform
from .simd import LANES, ROWS, WIDTH, call_tile
from .workers import Worker, record, within


class Convolving(NamedTuple):
    """A convolution; in memory the records of its patches and of its weights lie behind it.

    z: where results lie, in images of this height and width. bias, zeros: what results and sums
    begin with. residual: the address of what is added to the results, which lies as they do, or 0.
    scratch, room: memory, and how much of it each part has. tile, result: the code that multiplies,
    and that transforms products into results. runs: the address of a zero, the only run of each
    product. m: tiles are this wide. whole: whether the transforms of all patches are at hand, so
    that items are panels of weights; else those of all weights are, and items are blocks. block:
    tiles in a block. group: channels whose products are summed at once. apart: from one element of
    the products to the next.
    """

    z: int
    bias: int
    residual: int
    scratch: int
    room: int
    tile: int
    result: int
    runs: int
    height: int
    width: int
    m: int
    zeros: int
    whole: int
    block: int
    group: int
    apart: int


class Weighing(NamedTuple):
    """The gradient for weights: as Convolving, with patches of images, then those of the gradient.

    If the transforms of all patches are at hand, items are panels of the result and groups of
    channels; else they are blocks, and each part adds its own set of sums up.
    """

    scratch: int
    room: int
    tile: int
    runs: int
    zeros: int
    whole: int
    block: int
    group: int


def behind(*kinds: type) -> int:
    """How many bytes these records have, so how far behind them the next one begins."""
    return 8 * sum(len(kind._fields) for kind in kinds)


PATCHES, WEIGHTS = behind(Convolving), behind(Convolving, Patches)
IMAGES, GRADIENTS = behind(Weighing), behind(Weighing, Patches)
SUMS = behind(Weighing, Patches, Patches)


# --- convolution ----------------------------------------------------------------------------------


@within
def multiplied(s, p, v, u, lanes, low, high, many, z):
    """Products of the transforms of `many` patches and of a panel of weights, in the channels from
    `low` to `high`; but for the first channels they are added to what lies there."""
    per = -(-many // -(-many // ROWS))
    for element in range(p.elements):
        a = v + 4 * element * p.apart
        b = u + 4 * element * (high - low) * lanes
        c = z + 4 * element * s.apart
        for t in range(0, many, per):
            place = c + 4 * t * lanes
            call_tile(
                s.tile, min(per, many - t), lanes // LANES, a + 4 * t * p.pitch, p.pitch, 1, s.runs,
                1, high - low, b, lanes, place if low else s.zeros, lanes if low else 0, place,
                lanes,
            )  # fmt: skip


@within
def finished(s, p, w, begin, many, panel, products, tables):
    """Products into results, in the channels of a panel."""
    lanes = lanes_of(w, panel)
    inner = tables
    edge = tables + 8 * TABLE
    sources = tables + 16 * TABLE
    skipped = tables + 24 * TABLE
    spare = tables + 4 * TABLES
    square(inner, s.m, s.width * w.lanes, w.lanes)
    stepped(sources, p.elements, s.apart)
    for t in range(many):
        n = (begin + t) // p.each
        line = (begin + t) % p.each // p.across
        column = (begin + t) % p.across
        image = 4 * (n * s.height * s.width * w.lanes + panel * WIDTH)
        targets, corner = patch(
            inner, edge, s.z + image, s.height, s.width, w.lanes, line * s.m, column * s.m, s.m,
            spare,
        )  # fmt: skip
        residuals, residual = targets, corner
        if s.residual:
            residuals, residual = patch(
                inner, skipped, s.residual + image, s.height, s.width, w.lanes, line * s.m,
                column * s.m, s.m, s.zeros,
            )  # fmt: skip
        call_transform(
            s.result, lanes // LANES, sources, products + 4 * t * lanes, targets, corner,
            s.bias + 4 * panel * WIDTH, residuals, residual,
        )  # fmt: skip


@functools.partial(Worker, straight=False)
def convolve(words, first, last, part):
    """Items are blocks of tiles, or panels of the weights."""
    s = record(words, Convolving)
    p = record(words + PATCHES, Patches)
    w = record(words + WEIGHTS, Weights)
    tables = s.scratch + 4 * part * s.room
    products = tables + 4 * ROOM
    own = products + 4 * s.apart * p.elements
    for item in range(first, last):
        if s.whole:
            lanes = lanes_of(w, item)
            for low in range(0, w.reduced, s.group):
                high = min(low + s.group, w.reduced)
                weighted(w, own, (high - low) * lanes, item, low, high, tables)
                v = p.z + 4 * (low // s.group) * p.beyond
                multiplied(s, p, v, own, lanes, low, high, p.tiles, products)
            finished(s, p, w, 0, p.tiles, item, products, tables)
        else:
            begin = item * s.block
            many = min(s.block, p.tiles - begin)
            transformed(p, own, begin, many, tables)
            for panel in range(-(-w.lanes // WIDTH)):
                u = w.u + 4 * panel * WIDTH * w.reduced * w.elements
                multiplied(s, p, own, u, lanes_of(w, panel), 0, w.reduced, many, products)
                finished(s, p, w, begin, many, panel, products, tables)


# --- the gradient for the weights -----------------------------------------------------------------


@within
def summed(s, v, pitch, d, breadth, lanes, channels, many, start, sums):
    """Sums over `many` tiles of one element: channels of images by those of a panel of gradients.

    v, pitch; d, breadth: where both lie, and from one tile to the next. The sums are added to what
    lies there, if that is where they start.
    """
    per = -(-channels // -(-channels // ROWS))
    for c in range(0, channels, per):
        z = sums + 4 * c * lanes
        call_tile(
            s.tile, min(per, channels - c), lanes // LANES, v + 4 * c, 1, pitch, s.runs, 1, many, d,
            breadth, z if start else s.zeros, lanes if start else 0, z, lanes,
        )  # fmt: skip


@functools.partial(Worker, straight=False)
def weigh(words, first, last, part):
    """Items are blocks of tiles, or panels of the result and groups of channels."""
    s = record(words, Weighing)
    x = record(words + IMAGES, Patches)
    g = record(words + GRADIENTS, Patches)
    w = record(words + SUMS, Weights)
    tables = s.scratch + 4 * part * s.room
    own = tables + 4 * ROOM
    panels = -(-w.lanes // WIDTH)
    if s.whole:
        for item in range(first, last):
            panel = item % panels
            low = item // panels * s.group
            high = min(low + s.group, w.reduced)
            lanes = lanes_of(w, panel)
            v = x.z + 4 * (item // panels) * x.beyond
            d = g.z + 4 * panel * g.beyond
            apart = s.group * lanes
            for i in range(w.elements):
                summed(
                    s, v + 4 * i * x.apart, x.pitch, d + 4 * i * g.apart, g.pitch, lanes,
                    high - low, x.tiles, False, own + 4 * i * apart,
                )  # fmt: skip
            unweighted(w, own, apart, panel, low, high, tables)
    else:
        sums = w.u + 4 * part * w.size
        d = own + 4 * x.elements * x.apart
        for item in range(first, last):
            begin = item * s.block
            many = min(s.block, x.tiles - begin)
            transformed(x, own, begin, many, tables)
            transformed(g, d, begin, many, tables)
            for i in range(w.elements * panels):
                element = i // panels
                done = i % panels * WIDTH
                summed(
                    s, own + 4 * element * x.apart, x.pitch, d + 4 * (element * g.apart + done),
                    g.pitch, lanes_of(w, i % panels), w.reduced, many, item > first,
                    sums + 4 * w.reduced * (element * w.lanes + done),
                )  # fmt: skip
