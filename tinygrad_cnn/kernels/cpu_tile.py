"""Convolution in float32 by tiles of registers, with one to three axes of space.

All is done in rows, the channels innermost, which is how results lie under shapes (N, C, ...).
The forward pass and the gradient for the input are one sweep over windows, see `windows`; only the
weights are packed differently. Narrow maps and 1x1 windows are a product of gathered windows.
"""

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np

from . import converted
from .assembled import assembled
from .cpu_pack import CHUNK, Laying, Packing, lay, pack, unpack
from .cpu_sweep import Sweep, gather, sweep
from .cpu_weigh import Weighing, weigh
from .kept import kept
from .layout import innermost
from .simd import LANES, ROWS, TILE, WIDTH, tile
from .threads import get_num_threads
from .windows import Axis, backward, forward
from .workers import Worker, address, run, scratch

ITEM = 40_000  # numbers of an image in an item: they stay in the second cache
GATHERED = 160_000  # numbers of windows that are gathered at once
SUMMED = 600  # places that a tile of a weights' gradient sums over at once
SHARED = 100_000  # numbers from which on threads share one gradient of the weights
NARROW = 7  # a line of fewer windows does not fill a tile
ADDRESSES = Sweep._fields.index("tile")  # with which a record begins
EACH = 4  # items for each thread, at least, where panels of channels can be divided


# --- layout ---------------------------------------------------------------------------------------


@functools.cache
def example(rank: int) -> np.ndarray:
    """An array of so many axes, the second one innermost, that others are made like."""
    return np.empty((2,) * rank, np.float32).transpose(0, rank - 1, *range(1, rank - 1))


def empty(shape: tuple) -> np.ndarray:
    """A new array (N, C, ...) that lies in rows and owns its memory: no view of another."""
    return np.empty_like(example(len(shape)), shape=shape)


def rows_of(x: np.ndarray) -> np.ndarray:
    """x (N, C, *space) as contiguous (N, D, H, W, C), copied where it does not lie so."""
    z = innermost(x)
    if not (z.flags.c_contiguous and z.flags.aligned):
        converted()
        z = laid(x) if x.flags.c_contiguous and x.size else np.array(z, order="C")
    return z.reshape(x.shape[0], *deep(x.shape[2:], 1), x.shape[1])


def laid(x: np.ndarray) -> np.ndarray:
    """Planes x (N, C, *space), contiguous, as a new array (N, *space, C)."""
    n, c = x.shape[:2]
    places = math.prod(x.shape[2:])
    z = np.empty((n, *x.shape[2:], c), x.dtype)
    block = max(1, min(places, 8192 // c))
    task = Laying(address(x), address(z), c, places, c * places, places, 1, block)
    run(lay, n * -(-places // block), task)
    return z


def deep(numbers: tuple, missing: int) -> tuple:
    """One number for each of three axes: those that are not there get `missing`."""
    return (missing,) * (3 - len(numbers)) + tuple(numbers)


# --- tables ---------------------------------------------------------------------------------------


@functools.cache
def tile_address() -> int:
    """The machine code of the register tile."""
    return assembled(tile, len(TILE.args))


@functools.lru_cache(maxsize=1024)
def table_of_runs(axes: tuple, depths: tuple, pixel: int, reduced: int, size: int, line: int):
    """Where the runs of a window begin, in bytes, and how many numbers a run has.

    depths: where its slices begin, in slices of `size` numbers. A run is a line of the window where
    its columns are neighbours, else the `reduced` numbers of one element. pixel, line: how far
    apart columns and lines are.
    """
    whole = reduced == pixel and axes[2].dense
    columns = (0,) if whole else axes[2].offsets
    begins = [
        4 * (d * size + h * line + w * pixel)
        for d, h, w in itertools.product(depths, axes[1].offsets, columns)
    ]
    return np.array(begins, np.int64), reduced * (len(axes[2].taps) if whole else 1)


@functools.lru_cache(maxsize=1024)
def table_of_offsets(axes: tuple) -> np.ndarray:
    """The place of each element of a window in depth, height and width."""
    return np.array(list(itertools.product(*(axis.offsets for axis in axes))), np.int64)


@functools.lru_cache(maxsize=1024)
def table_of_depths(axis: Axis) -> np.ndarray:
    """The offsets of an axis."""
    return np.array(axis.offsets, np.int64)


@functools.lru_cache(maxsize=1024)
def table_of_taps(axes: tuple, window: tuple) -> np.ndarray:
    """Which elements of the weights' windows the elements of these axes meet, counted through."""
    _, height, width = window
    taps = itertools.product(*(axis.taps for axis in axes))
    return np.array([(d * height + h) * width + w for d, h, w in taps], np.int64)


# --- weights --------------------------------------------------------------------------------------


def panel_size(lanes: int) -> int:
    """How many columns the panels of one group have, those that only fill a vector counted."""
    return -(-lanes // LANES) * LANES


def packed(w: np.ndarray, axes: tuple, groups: int, flipped: bool) -> np.ndarray:
    """Weights (K, C/groups, *window) in panels: of K, or flipped of C for the input's gradient."""
    w = np.ascontiguousarray(w)
    outer, inner = w.shape[0] // groups, w.shape[1]
    window = deep(w.shape[2:], 1)
    size = math.prod(window)
    lanes, reduced = (inner, outer) if flipped else (outer, inner)
    steps = (size, inner * size) if flipped else (inner * size, size)
    taps = table_of_taps(axes, window)
    z = scratch(groups * taps.size * reduced * panel_size(lanes))
    task = Packing(
        address(w), address(z), outer * inner * size, *steps, address(taps), taps.size, groups,
        reduced, lanes, 1, 0,
    )  # fmt: skip
    run(pack, groups * -(-lanes // WIDTH) * -(-reduced // CHUNK), task)
    return z


def scaled(w: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
    """Weights (K, ...) times one number for each of K."""
    return w if scale is None else w * scale.reshape(-1, *[1] * (w.ndim - 1))


def unpacked(panels: np.ndarray, parts: int, shape: tuple, axes: tuple, groups: int) -> np.ndarray:
    """The sum of `parts` sets of panels as weights of this shape."""
    w = np.empty(shape, np.float32)
    outer, inner = shape[0] // groups, shape[1]
    window = deep(shape[2:], 1)
    size = math.prod(window)
    taps = table_of_taps(axes, window)
    task = Packing(
        address(w), address(panels), outer * inner * size, inner * size, size, address(taps),
        taps.size, groups, inner, outer, parts, panels.size // parts,
    )  # fmt: skip
    run(unpack, groups * -(-outer // WIDTH) * -(-inner // CHUNK), task)
    return w


def first_sums(b: np.ndarray | None, groups: int, lanes: int) -> np.ndarray:
    """What the sums of each panel begin with: the bias, else zeros."""
    panels = -(-lanes // WIDTH)
    if b is not None and lanes % WIDTH == 0:
        return np.ascontiguousarray(b)
    z = np.zeros((groups, panels * WIDTH), np.float32)
    if b is not None:
        z[:, :lanes] = b.reshape(groups, lanes)
    return z


# --- the sweep ------------------------------------------------------------------------------------


def is_single(axes: tuple) -> bool:
    """Whether windows are single elements of the image."""
    return all(axis.offsets == (0,) and axis.before == 0 for axis in axes)


def is_pointwise(axes: tuple) -> bool:
    """Whether windows are single elements, each result's at its own place."""
    return is_single(axes) and all(axis.step == 1 for axis in axes)


class Lying(NamedTuple):
    """How an array lies in memory: what a plan needs to know of it."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Plan(NamedTuple):
    """How a sweep is done: the worker, how many items it has, its record and the memory it wants.

    words: the record, but for the addresses of arrays, with which it begins. tables: those whose
    addresses it has.
    """

    worker: Worker
    items: int
    parts: int
    words: tuple[int, ...]
    room: int
    tables: tuple


def swept(
    x, z, panels, sums, axes: tuple, groups: int, lanes: int, residual=None, relu=False, over=False
):
    """Write the sums of windows of x (N, D, H, W, C), times weights, where the axes say in z.

    residual: what is added, which lies as z does. relu: whether the activation follows. over:
    whether what lies in z is added.
    """
    places = tuple(slice(a.start, None, a.spacing) for a in axes)
    z = z[(slice(None), *places)]
    lies = Lying(z.shape, z.strides)
    settings = (axes, groups, lanes, z.flags.c_contiguous, relu, get_num_threads())
    plan = planned(x.shape, lies, *settings)
    memory = scratch(plan.parts * plan.room)
    target = address(z)
    skip = 0 if residual is None else address(residual)
    task = (
        address(x), address(panels), address(sums), target, address(memory),
        target if over else skip, *plan.words,
    )  # fmt: skip
    run(plan.worker, plan.items, task, plan.parts)


@functools.lru_cache(maxsize=1024)
def planned(
    shape: tuple, z: Lying, axes: tuple, groups: int, lanes: int, dense: bool, relu: bool,
    threads: int,
) -> Plan:  # fmt: skip
    """The plan for images of this shape and results that lie so."""
    x = Lying(shape, ())
    inside = all(a.inside(size) for a, size in zip(axes, shape[1:4], strict=True))
    if groups == 1 and dense and (is_pointwise(axes) or z.shape[3] < NARROW):
        worker, items, task, tables = gathering(x, z, axes, threads)
    else:
        worker, items, task, tables = sweeping(x, z, axes, groups, inside)
        panels = groups * -(-lanes // WIDTH)
        split = min(panels, -(-EACH * threads // items)) if threads > 1 and items else 1
        items *= split
        task = task._replace(split=split)
    room = task.room + ROWS * WIDTH + 16
    task = task._replace(lanes=lanes, room=room, relu=int(relu))
    return Plan(worker, items, min(threads, items), task[ADDRESSES:], room, tables)


def described(x, z, axes: tuple, groups: int) -> Sweep:
    """The Sweep of x and z as far as it is not a matter of how it is done, nor where they lie."""
    n, *space, channels = x.shape
    return Sweep(
        *[0] * ADDRESSES, tile_address(), *space, channels, *z.shape[1:4],
        *(step // 4 for step in z.strides[:4]), *(a.before for a in axes), *(a.step for a in axes),
        slices=0, depth=len(axes[0].taps), span=axes[1].span, lines=0, line=0, runs=0, count=1,
        length=0, offsets=0, elements=0, images=n, groups=groups, reduced=channels // groups,
        lanes=0, block=1, framed=0, pixel=channels, room=0, relu=0, split=1,
    )  # fmt: skip


def sweeping(x, z, axes: tuple, groups: int, inside: bool) -> tuple:
    """The worker that goes line by line, its items, its record, and what must stay alive."""
    n, _, height, width, channels = x.shape
    rows = z.shape[2]
    task, slices = lined(x, z, axes, groups, ITEM, channels, 1)
    depths, size, line = axes[0].offsets, height * width * channels, width * channels
    if not inside:
        depths, line = range(len(slices)), task.line * channels
        size = task.lines * line
    runs, length = table_of_runs(axes, tuple(depths), channels, channels // groups, size, line)
    task = task._replace(
        runs=address(runs), count=runs.size, length=length, framed=not inside,
        room=0 if inside else len(slices) * size,
    )  # fmt: skip
    return sweep, n * z.shape[1] * -(-rows // task.block), task, (runs, slices)


def lined(
    x, z, axes: tuple, groups: int, limit: int, pixel: int, blocks: int
) -> tuple[Sweep, np.ndarray]:
    """The record as far as it says which lines make an item, and the table of slices.

    limit: how many numbers of an image an item may reach. pixel: how far apart pixels lie. blocks:
    into how many blocks of lines an image is divided at least, if there are few images.
    """
    rows = z.shape[2]
    line = (axes[2].count - 1) * axes[2].step + axes[2].span
    block = max(1, min(rows, limit // max(1, line * x.shape[4] * axes[1].step)))
    if x.shape[0] * z.shape[1] < blocks:
        block = min(block, -(-rows // blocks))
    block = -(-rows // -(-rows // block))
    slices = table_of_depths(axes[0])
    task = described(x, z, axes, groups)._replace(
        slices=address(slices), line=line, lines=(block - 1) * axes[1].step + axes[1].span,
        block=block, pixel=pixel,
    )  # fmt: skip
    return task, slices


def gathering(x, z, axes: tuple, threads: int) -> tuple:
    """The worker that goes by blocks of results; as `sweeping`."""
    offsets = table_of_offsets(axes)
    direct = is_pointwise(axes)
    channels = x.shape[4]
    line = len(offsets) * channels
    pixels = math.prod(z.shape[:4])
    block = max(1, min(16 * ROWS, GATHERED // line, -(-pixels // threads)))
    block = -(-pixels // -(-pixels // block))
    block = min(pixels, -(-block // ROWS) * ROWS)
    runs = np.zeros(1, np.int64)
    task = described(x, z, axes, 1)._replace(
        line=line, runs=address(runs), length=line, offsets=address(offsets),
        elements=len(offsets), block=block, framed=not direct, room=0 if direct else block * line,
        z_pixel=z.shape[4],  # NumPy says nothing of distances along an axis of one element
    )  # fmt: skip
    return gather, -(-pixels // block), task, (runs, offsets)


# --- the family -----------------------------------------------------------------------------------


def axes_of(maker, space: tuple, window: tuple, stride, padding, dilation) -> list:
    """What `maker` makes of each of three axes."""
    settings = (deep(space, 1), deep(window, 1), deep(stride, 1), deep(padding, 0))
    return list(map(maker, *settings, deep(dilation, 1)))


@functools.lru_cache(maxsize=1024)
def axes_forward(space: tuple, window: tuple, stride, padding, dilation) -> tuple[tuple, tuple]:
    """The three axes of a convolution, and the sizes of its results in space."""
    axes = tuple(axes_of(forward, space, window, stride, padding, dilation))
    return axes, tuple([axis.count for axis in axes[3 - len(space) :]])


def conv(
    x, w, b, scale=None, residual=None, *, relu=False, stride, padding, dilation, groups
):  # fmt: skip
    """x (N, C, *space) * w (K, C/groups, *window) times scale, + b, + residual; then with relu
    what is below 0 made 0. What is None is left out."""
    axes, out = axes_forward(x.shape[2:], w.shape[2:], stride, padding, dilation)
    z = empty((x.shape[0], w.shape[0], *out))
    if z.size:
        lanes = w.shape[0] // groups
        name = ("panels", w.shape, groups)
        panels = kept(name, lambda: packed(scaled(w, scale), axes, groups, False), w, scale)
        skip = None if residual is None else rows_of(residual)
        settings = (first_sums(b, groups, lanes), axes, groups, lanes, skip, relu)
        swept(rows_of(x), rows_of(z), panels, *settings)
    return z


def conv_dx(u, w, *, space, stride, padding, dilation, groups, onto=None):
    """The gradient for x: a sweep over u for each remainder of a place modulo the stride. It is
    added to `onto`, an array in rows, where there is one."""
    n, lanes = u.shape[0], w.shape[1]
    phases = axes_of(backward, space, w.shape[2:], stride, padding, dilation)
    z = empty((n, lanes * groups, *space)) if onto is None else onto
    if not z.size:
        return z
    reached = [sum(axis.count for axis in axes) for axes in phases]
    if onto is None and tuple(reached) != deep(space, 1):
        z[...] = 0
    u, target = rows_of(u), rows_of(z)
    sums = first_sums(None, groups, lanes)
    for axes in itertools.product(*phases):
        panels = packed(w, axes, groups, True)
        swept(u, target, panels, sums, axes, groups, lanes, over=onto is not None)
    return z


def conv_dw(u, x, *, window, stride, padding, dilation, groups):
    """The gradient for w."""
    lanes, reduced = u.shape[1] // groups, x.shape[1] // groups
    shape = (u.shape[1], reduced, *window)
    if not u.size or not x.size:
        return np.zeros(shape, np.float32)
    axes, _ = axes_forward(x.shape[2:], window, stride, padding, dilation)
    x, u = rows_of(x), rows_of(u)
    if is_single(axes):  # what lies between them need not be copied with them
        met = (slice(0, axis.count * axis.step, axis.step) for axis in axes)
        x = np.ascontiguousarray(x[(slice(None), *met)])
        axes = tuple([axis._replace(step=1) for axis in axes])
    if is_pointwise(axes):  # short lines, of which an item takes as many as it should
        x, u = (a.reshape(-1, 1, 1, *a.shape[3:]) for a in (x, u))
        axes = (axes[0], axes[0]._replace(count=1), axes[2])
    limit = min(24_000, SUMMED * x.shape[4] * axes[1].step * axes[2].step)
    pixel = spaced(x.shape[4])
    task, _slices = lined(x, u, axes, groups, limit, pixel, 2 * get_num_threads())
    line = task.line * task.pixel
    depths = tuple(range(task.depth))
    runs, length = table_of_runs(axes, depths, task.pixel, reduced, task.lines * line, line)
    task = task._replace(
        x=address(x), z=address(u), runs=address(runs), count=runs.size, length=length, framed=1,
        lanes=lanes, z_pixel=u.shape[4], room=task.depth * task.lines * line,
    )  # fmt: skip
    panels, parts = weighed(task)
    return unpacked(panels, parts, shape, axes, groups)


def spaced(channels: int) -> int:
    """How far apart pixels of so many channels are laid: places in the cache are given by the last
    digits of an address, and those of pixels at round distances would all be the same."""
    return channels + LANES if channels % 64 == 0 else channels


def weighed(task: Sweep) -> tuple[np.ndarray, int]:
    """The panels of the weights' gradient, and how many sets of them are to be added."""
    places = task.block * task.z_width
    threads = get_num_threads()
    images = 1
    if task.block == task.z_height and task.z_depth == 1:
        fit = 5 * ITEM // task.room
        images = max(1, min(SUMMED // places, fit, -(-task.images // threads)))
    items = -(-task.images // images) * task.z_depth * -(-task.z_height // task.block)
    columns = task.groups * -(-task.lanes // WIDTH)
    tiles = columns * task.count * -(-task.length // ROWS)
    size = task.groups * task.count * task.length * panel_size(task.lanes)
    shared = threads == 1 or size > SHARED or items < threads
    parts = min(threads, tiles if shared else items)
    panels = scratch(size * (1 if shared else parts))
    if shared:
        panels[...] = 0
    frames = task.room * images
    room = frames + images * places * columns * WIDTH + 16
    memory = scratch(room * parts)
    table = images * task.block
    tables = np.empty(parts * table, np.int64)
    words = np.array(task._replace(w=address(panels), scratch=address(memory), room=room), np.int64)
    work = Weighing(address(words), images, frames, tiles, address(tables), table, shared, size)
    run(weigh, tiles if shared else items, work, parts)
    return panels, 1 if shared else parts
