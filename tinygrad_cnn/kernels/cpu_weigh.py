"""The worker of a convolution's gradient for the weights, in tiles of registers.

A tile is a part of that gradient: elements of windows by channels of the output. It grows by one
product for each place of the output, and the places of a block of lines are the runs it sums over:
the gradient of the output is read straight on, the images line by line.
"""

from typing import NamedTuple

from .cpu_sweep import Sweep, framed, share
from .simd import LANES, ROWS, WIDTH, call_tile_ahead
from .workers import Worker, clear, move, places, record, within


class Weighing(NamedTuple):
    """The gradient for weights, beside the Sweep of its convolution.

    sweep: the address of the Sweep's record, in which z is the gradient of the output and w the
    panels of the result, one set for each part unless `shared`, which are `size` numbers long.
    images: how many images make an item, if an item is whole images. They are copied into frames of
    `frames` numbers, and the gradient behind them. tiles: how many tiles the result has. tables:
    the address of each part's table of lines, of `table` int64 numbers. shared: whether all parts
    do all items, each for its own tiles of the one result.
    """

    sweep: int
    images: int
    frames: int
    tiles: int
    tables: int
    table: int
    shared: int
    size: int


@within
def columns(s, target, source, pixels):
    """The gradient of the output as columns of tiles: one panel of all places after the other."""
    panels = -(-s.lanes // WIDTH)
    for panel in range(s.groups * panels):
        done = panel % panels * WIDTH
        lanes = min(WIDTH, s.lanes - done)
        begin = source + 4 * (panel // panels * s.lanes + done)
        place = target + 4 * panel * pixels * WIDTH
        if lanes == WIDTH:  # a count that the compiler knows
            for i in range(pixels):
                move(place + 4 * i * WIDTH, begin + 4 * i * s.z_pixel, WIDTH)
        else:
            for i in range(pixels):
                move(place + 4 * i * WIDTH, begin + 4 * i * s.z_pixel, lanes)


@within
def tiles(s, source, gradients, z, first, last, lines, count, ahead, size, behind, more):
    """Tiles first, first + 1, ... of the weights' gradient get the sums over `count` lines.

    ahead, size, behind, more: where the images and gradients of the output begin that come next,
    and how many numbers they are. Meanwhile they are asked for.
    """
    between = s.step_width * s.pixel
    runs = places(s.runs, s.count)
    per_run = -(-s.length // ROWS)
    per = -(-s.length // per_run)
    steps = max(last - first, 1)
    pace = 4 * (size + more) // (steps * count * s.z_width)
    panels = -(-s.lanes // WIDTH)
    for item in range(first, last):
        panel = item // (s.count * per_run)
        run = item // per_run % s.count
        begin = item % per_run * per
        rows = min(per, s.length - begin)
        group = panel // panels
        done = panel % panels * WIDTH
        vectors = -(-min(WIDTH, s.lanes - done) // LANES)
        breadth = vectors * LANES
        before = (group * (-(-s.lanes // LANES) * LANES) + done) * s.count * s.length
        place = z + 4 * (before + (run * s.length + begin) * breadth)
        if rows > 0:
            soon = share(ahead, size, behind, more, item - first, steps)
            call_tile_ahead(
                s.tile, rows, vectors, source + runs[run] + 4 * (group * s.reduced + begin), 1,
                between, lines, count, s.z_width, gradients + 4 * panel * count * s.z_width * WIDTH,
                WIDTH, place, breadth, place, breadth, soon, pace,
            )  # fmt: skip


@Worker
def weigh(words, first, last, part):
    """Items are blocks of lines of a slice of an image, or whole images, several in one; or tiles,
    where these are shared among the parts."""
    task = record(words, Weighing)
    s = record(task.sweep, Sweep)
    frames = s.scratch + 4 * part * s.room
    gradients = frames + 4 * task.frames
    table = task.tables + 8 * part * task.table
    lines = places(table, task.table)
    blocks = -(-s.z_height // s.block)
    low, high, begin, end = first, last, 0, task.tiles
    panels = s.w
    if task.shared:
        low, high, begin, end = 0, -(-s.images // task.images) * s.z_depth * blocks, first, last
    else:
        panels += 4 * part * task.size
        clear(panels, task.size)
    line = s.line * s.pixel
    frame = s.depth * s.lines * line
    for item in range(low, high):
        n = item // (s.z_depth * blocks) * task.images
        many = min(task.images, s.images - n)
        d = item // blocks % s.z_depth
        top = item % blocks * s.block
        rows = min(s.block, s.z_height - top)
        slice_ = d * s.step_depth - s.before_depth
        h = top * s.step_height - s.before_height
        for i in range(many):
            place = frames + 4 * i * frame
            framed(s, place, n + i, slice_, h, (rows - 1) * s.step_height + s.span)
            for r in range(rows):
                lines[i * rows + r] = 4 * (i * frame + r * s.step_height * line)
        source = s.z + 4 * (n * s.z_image + d * s.z_slice + top * s.z_line)
        columns(s, gradients, source, many * rows * s.z_width)
        size = many * rows * s.step_height * s.x_width * s.channels
        above = (n * s.x_depth + slice_) * s.x_height + h
        ahead = s.x + 4 * (above * s.x_width * s.channels + size)
        more = many * rows * s.z_line
        behind = source + 4 * more
        if item + 1 == high:
            size = more = 0
        tiles(
            s, frames, gradients, panels, begin, end, table, many * rows, ahead, size, behind, more
        )
