"""Winograd's convolution in float32, for windows of 3x3 at stride 1: F(4x4, 3x3) and F(2x2, 3x3).

All is done in rows, the channels innermost, for channels that are multiples of a vector. The
gradient for the input is the forward pass with turned weights. The gradient for the weights meets
the same patches with transforms of the output's gradient. There are two ways through each of them:
blocks of tiles, whose transforms stay in the cache, meet transformed weights that are kept whole;
or, where few tiles meet many weights, the other way round.

How a gate is computed follows from shapes, and is a plan that is made once. A call puts the
addresses of its arrays in front of the plan's records.

Source: Lavin and Gray, 2016, sections 4 and 5.

Differs from the direct kernels in rounding, see docs/performance.md, and where numbers are not
finite: nan and infinity make nan of whatever they are added to in a transform, so that all results
of a tile may be nan where one of them would be.
"""

import functools
from typing import NamedTuple

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
from .layout import innermost, outermost
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


# --- plans ----------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """How a gate is computed for arrays of some shapes.

    name: of transformed weights that are kept. task, images, gradients, weights: the records, but
    for the addresses of arrays, with which they begin. items: of the worker; parts: among which
    they are divided. tiles: how many patches are transformed before it, or 0 if each block's are
    when its turn comes. memory: numbers of scratch memory; tables, first, second: where in it the
    tables begin with which patches are transformed before, and the transforms of images and of
    gradients, or first the sums. zeros: what patches read beyond an image, and sums begin with.
    """

    name: tuple
    task: tuple[int, ...]
    images: tuple[int, ...]
    gradients: tuple[int, ...]
    weights: tuple[int, ...]
    items: int
    parts: int
    tiles: int
    memory: int
    tables: int
    first: int
    second: int
    zeros: np.ndarray


def patches(images: tuple, what: str, m: int, before: tuple, maps: tuple, zeros) -> Patches:
    """The patches of images (N, C, H, W) for results of m by m places on maps of some size.

    before: how far before the image the first patch begins.
    """
    n, channels, height, width = images
    down, across = (-(-size // m) for size in maps)
    return Patches(
        0, 0, 0, transform(f"{m} {what}"), height, width, channels, m + 2 if what == "image" else m,
        (m + 2) ** 2, m, *before, across, down * across, n * down * across, address(zeros),
        channels, spaced(channels), 0, 0,
    )  # fmt: skip


def whole(p: Patches, panel: int) -> tuple[Patches, int]:
    """The patches with all their transforms kept, in panels of channels; how many numbers these
    are."""
    pitch = min(panel, p.channels)
    apart = odd(p.tiles * pitch)
    beyond = p.elements * apart
    p = p._replace(panel=panel, pitch=pitch, apart=apart, beyond=beyond)
    return p, -(-p.channels // panel) * beyond


def weights_of(m: int, what: str, lanes: int, reduced: int, flipped: bool) -> Weights:
    """Weights (lanes, reduced, 3, 3), or flipped (reduced, lanes, 3, 3)."""
    steps = (WINDOW, lanes * WINDOW) if flipped else (reduced * WINDOW, WINDOW)
    code = transform(f"{m} {what}")
    return Weights(0, 0, 0, code, *steps, flipped, lanes, reduced, (m + 2) ** 2, 1, 0)


@functools.lru_cache(maxsize=1024)
def plan_convolution(
    m: int, images: tuple, lanes: int, maps: tuple, before: tuple, flipped: bool, constant: bool,
    residual: bool, relu: bool, threads: int,
) -> Plan:  # fmt: skip
    """The plan of a convolution of images (N, C, H, W) that has results (N, lanes, *maps).

    constant: whether weights are those of other calls, so that their transforms are worth keeping.
    """
    reduced = images[1]
    zeros = np.zeros(max(reduced, lanes), np.float32)
    weights = weights_of(m, "weights", lanes, reduced, flipped)
    p = patches(images, "image", m, before, maps, zeros)
    anew = lanes * reduced >= HEAVY and p.tiles <= FEW and not constant
    if anew:
        block, items = p.tiles, -(-lanes // WIDTH)
        p, kept_whole = whole(p, SUMMED)
        own = p.elements * min(SUMMED, reduced) * WIDTH
    else:
        block = max(ROWS, BLOCK // (p.elements * reduced) // ROWS * ROWS)
        block = min(block, -(-p.tiles // threads))
        items = -(-p.tiles // block)
        p = p._replace(apart=odd(block * p.pitch))
        own = p.elements * p.apart
        kept_whole = 0
    apart = odd(block * min(WIDTH, lanes))
    room = odd(ROOM + p.elements * apart + own)
    parts = min(threads, items)
    kind = f"{m} result" + " residual" * residual + " relu" * relu
    task = Convolving(
        0, 0, 0, 0, room, tile_address(), transform(kind), address(RUNS), *maps, m, address(zeros),
        anew, block, SUMMED, apart,
    )  # fmt: skip
    records = (task[4:], p[3:], (), weights[3:])
    name = ("winograd", m, flipped)
    plan = Plan(name, *records, items, parts, p.tiles * anew, 0, 0, 0, 0, zeros)
    return laid_out(plan, threads, parts * room, kept_whole, 0)


@functools.lru_cache(maxsize=1024)
def plan_correlation(m: int, images: tuple, gradients: tuple, before: tuple, threads: int) -> Plan:
    """The plan of the gradient for the weights, of images (N, C, H, W) and gradients (N, K, P, Q)
    of these shapes."""
    reduced, lanes, maps = images[1], gradients[1], gradients[2:]
    zeros = np.zeros(max(reduced, lanes), np.float32)
    weights = weights_of(m, "sums", lanes, reduced, False)
    p = patches(images, "image", m, before, maps, zeros)
    g = patches(gradients, "gradient", m, (0, 0), maps, zeros)
    both = p.elements * (p.pitch + g.pitch)
    at_once = lanes * reduced >= MANY and p.tiles * both <= LARGE
    if at_once:
        block, items = p.tiles, -(-lanes // WIDTH) * -(-reduced // GROUP)
        own = p.elements * GROUP * WIDTH
        p, first = whole(p, GROUP)
        g, second = whole(g, WIDTH)
    else:
        block = max(LEAST, (LARGE if lanes * reduced >= MANY else PAIRED) // both)
        block = min(block, -(-p.tiles // threads))
        items = -(-p.tiles // block)
        p = p._replace(apart=odd(block * p.pitch))
        g = g._replace(apart=odd(block * g.pitch))
        own = p.elements * (p.apart + g.apart)
        size = p.elements * lanes * reduced
        weights = weights._replace(parts=min(threads, items), size=size)
        first, second = weights.parts * size, 0
    room = odd(ROOM + own)
    parts = min(threads, items)
    codes = (tile_address(), address(RUNS), address(zeros))
    task = Weighing(0, room, *codes, at_once, block, GROUP)
    records = (task[1:], p[3:], g[3:], weights[3:])
    plan = Plan((), *records, items, parts, p.tiles * at_once, 0, 0, 0, 0, zeros)
    own = max(parts * room, threads * ROOM)  # sums become weights when the worker is done
    return laid_out(plan, threads, own, first, second)


def laid_out(plan: Plan, threads: int, own: int, first: int, second: int) -> Plan:
    """The plan with memory for `own` numbers of the parts, for tables, and for two more areas."""
    begin = own + (threads * TABLES if plan.tiles else 0)
    places = {"tables": own, "first": begin, "second": begin + first}
    return plan._replace(memory=begin + first + second, **places)


# --- calls ----------------------------------------------------------------------------------------


def transformed(w: np.ndarray, plan: Plan) -> np.ndarray:
    """All weights' transforms."""
    w = np.ascontiguousarray(w)
    weights = Weights(0, 0, 0, *plan.weights)
    items = -(-weights.lanes // WIDTH) * -(-weights.reduced // CHUNK)
    parts = min(get_num_threads(), items)
    u, room = scratch(weights.elements * weights.reduced * weights.lanes), scratch(parts * ROOM)
    run(transform_weights, items, (address(w), address(u), address(room), *plan.weights), parts)
    return u


def convolved(plan: Plan, x, w, z, b=None, scale=None, residual=None) -> None:
    """Write the convolution of x with w in z, all of them in rows."""
    if plan.tiles:
        u = np.ascontiguousarray(scaled(w, scale))
    else:
        u = kept(plan.name, lambda: transformed(scaled(w, scale), plan), w, scale)
    memory = scratch(plan.memory)
    at = address(memory)
    b = plan.zeros if b is None else np.ascontiguousarray(b)
    skip = 0 if residual is None else address(residual)
    images = (address(x), at + 4 * plan.first, at + 4 * plan.tables, *plan.images)
    if plan.tiles:
        run(transform_patches, plan.tiles, images)
    read = address(u)  # weights, or their transforms
    weights = (read, read, 0, *plan.weights)
    task = (address(z), address(b), skip, at, *plan.task)
    run(convolve, plan.items, (*task, *images, *weights), plan.parts)


def weighed(plan: Plan, x, u, w) -> None:
    """Write the gradient for the weights of images x and gradients u, both in rows, in w."""
    memory = scratch(plan.memory)
    at = address(memory)
    first, tables = at + 4 * plan.first, at + 4 * plan.tables
    images = (address(x), first, tables, *plan.images)
    gradients = (address(u), at + 4 * plan.second, tables, *plan.gradients)
    weights = (address(w), first, at, *plan.weights)
    if plan.tiles:
        run(transform_patches, plan.tiles, images)
        run(transform_patches, plan.tiles, gradients)
    run(weigh, plan.items, (at, *plan.task, *images, *gradients, *weights), plan.parts)
    if not plan.tiles:
        items = -(-u.shape[1] // WIDTH) * -(-x.shape[1] // CHUNK)
        run(untransform_weights, items, weights)


class Winograd:
    """The kernels of F(m x m, 3x3) under the gates' names.

    They take what the rules of `cpu_conv` let through: windows of 3x3 at stride and dilation 1, one
    group, and channels in and out that are multiples of a vector.
    """

    def __init__(self, m: int) -> None:
        self.m = m
        self.__name__ = f"winograd_{m}x{m}"

    def conv(
        self, x, w, b, scale=None, residual=None, *, relu=False, stride, padding, dilation, groups
    ):  # fmt: skip
        """x (N, C, H, W) * w (K, C, 3, 3) times scale, + b, + residual; then with relu what is
        below 0 made 0. What is None is left out."""
        n, _, height, width = x.shape
        maps = (height + 2 * padding[0] - 2, width + 2 * padding[1] - 2)
        z = empty((n, len(w), *maps))
        if z.size:
            skip = None if residual is None else in_rows(residual)
            adds = (scale is not None, skip is not None, relu)  # a norm's scale does not change
            settings = (maps, padding, False, *adds, get_num_threads())
            plan = plan_convolution(self.m, x.shape, len(w), *settings)
            convolved(plan, in_rows(x), w, z, b, scale, skip)
        return z

    def conv_dx(self, u, w, *, space, stride, padding, dilation, groups, onto=None):
        """The gradient for x, added to `onto`, an array in rows, where there is one."""
        z = empty((len(u), w.shape[1], *space)) if onto is None else onto
        if z.size:
            before = (2 - padding[0], 2 - padding[1])
            adds = (False, onto is not None, False)
            settings = (tuple(space), before, True, *adds, get_num_threads())
            plan = plan_convolution(self.m, u.shape, w.shape[1], *settings)
            convolved(plan, in_rows(u), w, z, residual=onto)
        return z

    def conv_dw(self, u, x, *, window, stride, padding, dilation, groups):
        """The gradient for w."""
        w = np.zeros((u.shape[1], x.shape[1], *window), np.float32)
        if u.size and x.size:
            plan = plan_correlation(self.m, x.shape, u.shape, padding, get_num_threads())
            weighed(plan, in_rows(x), in_rows(u), w)
        return w


def in_rows(x: np.ndarray) -> np.ndarray:
    """x (N, C, H, W) itself where its channels lie innermost, else copied so."""
    return x if innermost(x).flags.carray else outermost(rows_of(x)[:, 0])


LARGE_TILES, SMALL_TILES = Winograd(4), Winograd(2)
