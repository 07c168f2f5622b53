"""Winograd's convolution in float32, for windows of 3x3 at stride 1: F(4x4, 3x3) and F(2x2, 3x3).

All is done in rows, the channels innermost, for channels that are multiples of a vector. The
gradient for the input is the forward pass with turned weights. The gradient for the weights meets
the same patches with transforms of the output's gradient. There are two ways through each of them:
blocks of tiles, whose transforms stay in the cache, meet transformed weights that are kept whole;
or, where few tiles meet many weights, the other way round.

Source: Lavin and Gray, 2016, sections 4 and 5.

Differs from the direct kernels in rounding, see docs/performance.md, and where numbers are not
finite: nan and infinity make nan of whatever they are added to in a transform, so that all results
of a tile may be nan where one of them would be.
"""

import numpy as np

from .cpu_tile import empty, rows_of, scaled, tile_address
from .cpu_winograd_pack import (
    CHUNK,
    ROOM,
    TABLES,
    WINDOW,
    Patches,
    Weights,
    transform_patches,
    transform_weights,
    untransform_weights,
)
from .cpu_winograd_sweep import Convolving, Weighing, convolve, weigh
from .cpu_winograd_transform import transform
from .kept import kept
from .simd import LANES, ROWS, WIDTH
from .threads import get_num_threads
from .workers import address, run, scratch

BLOCK = 1 << 16  # numbers of a block of transformed patches: they stay in the second cache
PAIRED = 1 << 18  # the same, of patches of images and gradients
LARGE = 1 << 22  # numbers of transforms that stay in the third cache
HEAVY = 1 << 17  # windows from which on transformed weights are made anew for a few tiles
MANY = 1 << 15  # windows whose gradient leaves the second cache as it is summed up
FEW = 128  # tiles whose products with a panel of weights stay in the second cache
SUMMED = 256  # channels that are transformed and summed at once, where weights are made anew
LEAST = 32  # tiles to sum over at once, lest sums be fetched and stored all the time
GROUP = 64  # channels of images that meet a panel of gradients

RUNS = np.zeros(1, np.int64)  # where the only run of each product begins


def spaced(channels: int) -> int:
    """How far apart the transforms of tiles lie: not at round distances, see `cpu_tile.spaced`."""
    return channels + LANES if channels % 64 == 0 else channels


def odd(size: int) -> int:
    """At least so many numbers, an odd number of lines of the cache: for distances."""
    return (-(-size // 16) | 1) * 16


def table(record: tuple) -> np.ndarray:
    """A record as compiled code reads it."""
    return np.array(record, np.int64)


def patches(x: np.ndarray, what: str, m: int, before: tuple, maps: tuple, zeros) -> Patches:
    """The patches of images x (N, H, W, C) for results of m by m places on maps of some size.

    before: how far before the image the first patch begins.
    """
    _, height, width, channels = x.shape
    down, across = (-(-size // m) for size in maps)
    return Patches(
        transform(f"{m} {what}"), address(x), 0, height, width, channels,
        m + 2 if what == "image" else m, (m + 2) ** 2, m, *before, across, down * across,
        len(x) * down * across, address(zeros), channels, spaced(channels), 0, 0, 0,
    )  # fmt: skip


def whole(p: Patches, panel: int) -> tuple[Patches, tuple]:
    """The patches with all their transforms made, in panels of channels; what must stay alive."""
    pitch = min(panel, p.channels)
    apart = odd(p.tiles * pitch)
    beyond = p.elements * apart
    parts = min(get_num_threads(), p.tiles)
    z, tables = scratch(-(-p.channels // panel) * beyond), scratch(parts * TABLES)
    p = p._replace(
        z=address(z), panel=panel, pitch=pitch, apart=apart, beyond=beyond, tables=address(tables)
    )
    run(transform_patches, p.tiles, p, parts)
    return p, (z, tables)


def transformed(w: np.ndarray, weights: Weights) -> np.ndarray:
    """All weights' transforms."""
    w = np.ascontiguousarray(w)
    items = -(-weights.lanes // WIDTH) * -(-weights.reduced // CHUNK)
    parts = min(get_num_threads(), items)
    u, room = scratch(weights.elements * weights.reduced * weights.lanes), scratch(parts * ROOM)
    task = weights._replace(w=address(w), u=address(u), scratch=address(room))
    run(transform_weights, items, task, parts)
    return u


def convolved(m, x, w, weights: Weights, z, before, b=None, scale=None, residual=None, relu=False):
    """Write the convolution of x (N, H, W, C) with w in z (N, H, W, K)."""
    lanes, reduced = weights.lanes, weights.reduced
    zeros = np.zeros(max(reduced, lanes), np.float32)
    p = patches(x, "image", m, before, z.shape[1:3], zeros)
    anew = lanes * reduced >= HEAVY and p.tiles <= FEW
    if anew:
        block, items = p.tiles, -(-lanes // WIDTH)
        own = p.elements * min(SUMMED, reduced) * WIDTH
        p, _kept = whole(p, SUMMED)
        u = np.ascontiguousarray(scaled(w, scale))
        weights = weights._replace(w=address(u))
    else:
        block = max(ROWS, BLOCK // (p.elements * reduced) // ROWS * ROWS)
        block = min(block, -(-p.tiles // get_num_threads()))
        items = -(-p.tiles // block)
        p = p._replace(apart=odd(block * p.pitch))
        own = p.elements * p.apart
        name = ("winograd", m, weights.flipped)
        u = kept(name, lambda: transformed(scaled(w, scale), weights), w, scale)
        weights = weights._replace(u=address(u))
    apart = odd(block * min(WIDTH, lanes))
    room = odd(ROOM + p.elements * apart + own)
    parts = min(get_num_threads(), items)
    memory = scratch(parts * room)
    b = zeros if b is None else np.ascontiguousarray(b)
    kind = f"{m} result" + " residual" * (residual is not None) + " relu" * relu
    records = table(p), table(weights)
    task = Convolving(
        tile_address(), *map(address, records), address(RUNS), transform(kind), address(z),
        *z.shape[1:3], m, address(b), address(zeros), anew, block, SUMMED, apart,
        0 if residual is None else address(residual), address(memory), room,
    )  # fmt: skip
    run(convolve, items, task, parts)


def weighed(m, x, u, weights: Weights, before: tuple) -> None:
    """Write the gradient for the weights of images x (N, H, W, C) and gradients u (N, H, W, K)."""
    lanes, reduced = weights.lanes, weights.reduced
    zeros = np.zeros(max(reduced, lanes), np.float32)
    maps = u.shape[1:3]
    p = patches(x, "image", m, before, maps, zeros)
    g = patches(u, "gradient", m, (0, 0), maps, zeros)
    both = p.elements * (p.pitch + g.pitch)
    at_once = lanes * reduced >= MANY and p.tiles * both <= LARGE
    if at_once:
        block, items = p.tiles, -(-lanes // WIDTH) * -(-reduced // GROUP)
        own = p.elements * GROUP * WIDTH
        p, _kept = whole(p, GROUP)
        g, _also_kept = whole(g, WIDTH)
    else:
        block = max(LEAST, (LARGE if lanes * reduced >= MANY else PAIRED) // both)
        block = min(block, -(-p.tiles // get_num_threads()))
        items = -(-p.tiles // block)
        p = p._replace(apart=odd(block * p.pitch))
        g = g._replace(apart=odd(block * g.pitch))
        own = p.elements * (p.apart + g.apart)
        size = p.elements * lanes * reduced
        weights = weights._replace(parts=min(get_num_threads(), items), size=size)
        sums = scratch(weights.parts * size)
        weights = weights._replace(u=address(sums))
    room = odd(ROOM + own)
    parts = min(get_num_threads(), items)
    memory = scratch(parts * room)
    records = table(p), table(g), table(weights)
    task = Weighing(
        tile_address(), *map(address, records), address(RUNS), address(zeros), at_once, block,
        GROUP, address(memory), room,
    )  # fmt: skip
    run(weigh, items, task, parts)
    if not at_once:
        items = -(-lanes // WIDTH) * -(-reduced // CHUNK)
        parts = min(get_num_threads(), items)
        memory = scratch(parts * ROOM)
        run(untransform_weights, items, weights._replace(scratch=address(memory)), parts)


class Winograd:
    """The kernels of F(m x m, 3x3) under the gates' names.

    They take what the rules of `cpu_conv` let through: windows of 3x3 at stride and dilation 1, one
    group, and channels in and out that are multiples of a vector.
    """

    def __init__(self, m: int) -> None:
        self.m = m
        self.__name__ = f"winograd_{m}x{m}"

    def weights(self, shape: tuple, what: str, flipped: bool) -> Weights:
        """Weights (K, C, 3, 3), without addresses: their columns are K, or C where they are
        flipped."""
        lanes, reduced = shape[:2]
        lane, summed = reduced * WINDOW, WINDOW
        if flipped:
            lanes, reduced, lane, summed = reduced, lanes, summed, lane
        code = transform(f"{self.m} {what}")
        elements = (self.m + 2) ** 2
        return Weights(code, 0, 0, lane, summed, flipped, lanes, reduced, elements, 1, 0, 0)

    def conv(
        self, x, w, b, scale=None, residual=None, *, relu=False, stride, padding, dilation, groups
    ):  # fmt: skip
        """x (N, C, H, W) * w (K, C, 3, 3) times scale, + b, + residual; then with relu what is
        below 0 made 0. What is None is left out."""
        maps = (size + 2 * p - 2 for size, p in zip(x.shape[2:], padding, strict=True))
        z = empty((len(x), len(w), *maps))
        if z.size:
            skip = None if residual is None else flat(residual)
            weights = self.weights(w.shape, "weights", False)
            convolved(self.m, flat(x), w, weights, flat(z), padding, b, scale, skip, relu)
        return z

    def conv_dx(self, u, w, *, space, stride, padding, dilation, groups, onto=None):
        """The gradient for x, added to `onto`, an array in rows, where there is one."""
        z = empty((len(u), w.shape[1], *space)) if onto is None else onto
        if z.size:
            before = tuple(2 - p for p in padding)
            weights = self.weights(w.shape, "weights", True)
            skip = None if onto is None else flat(onto)
            convolved(self.m, flat(u), w, weights, flat(z), before, residual=skip)
        return z

    def conv_dw(self, u, x, *, window, stride, padding, dilation, groups):
        """The gradient for w."""
        w = np.zeros((u.shape[1], x.shape[1], *window), np.float32)
        if u.size and x.size:
            weights = self.weights(w.shape, "sums", False)
            weighed(self.m, flat(x), flat(u), weights._replace(w=address(w)), padding)
        return w


def flat(x: np.ndarray) -> np.ndarray:
    """x (N, C, H, W) as (N, H, W, C)."""
    return rows_of(x)[:, 0]


LARGE_TILES, SMALL_TILES = Winograd(4), Winograd(2)
