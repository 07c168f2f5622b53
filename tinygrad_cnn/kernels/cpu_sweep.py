"""The workers of a convolution in rows: windows meet packed weights in tiles of registers.

Images lie as (N, D, H, W, C), the channels innermost; fewer axes of space are axes of one element.
The elements of a window that lie next to each other, such as the channels of all columns of one of
its lines, are a run; a window is a table of runs, which says where each begins. Windows in a line
are the rows of a tile, and channels of the result its columns.

Distances are counted in float32 numbers, the table of runs in bytes.
"""

from typing import NamedTuple

from .simd import LANES, ROWS, WIDTH, call_tile_ahead
from .vectors import LANES as SIXTEEN
from .vectors import alive, chosen, give, take
from .workers import Worker, clear, move, places, record, within


class Sweep(NamedTuple):
    """Windows over images, as a worker is told of them.

    x, w, bias, z: addresses of the images, the packed weights, the first sums and the results.
    scratch, room: memory, and how much of it each part has. residual: the address of what is added
    to the results, which lies as they do or is what lies there, or 0; relu: whether what is below 0
    then becomes 0. tile: the address of the register tile. x_*, z_*: sizes of the images, sizes and
    distances of the results. before_*, step_*: how far before the image the windows of the first
    result begin, and how far apart windows are. slices: the address of the offsets of a window's
    `depth` slices. span: how many lines a window reaches over; lines, line: how many lines and
    columns the windows of an item do. runs: the address of the table of `count` runs of `length`
    numbers. block: how many lines of results make an item. framed: whether windows reach beyond the
    image, so that each item is copied into a frame of zeros. pixel: how far apart pixels lie in it.
    offsets: the address of the place of each of a window's `elements` in depth, height and width.
    groups, reduced, lanes: the groups of channels, and how many channels in and out each has.
    split: into how many items the panels of channels of a block of lines are divided.

    For `gather`, line is the distance of windows, block counts results, and framed says whether
    windows are to be gathered at all.
    """

    x: int
    w: int
    bias: int
    z: int
    scratch: int
    residual: int
    tile: int
    x_depth: int
    x_height: int
    x_width: int
    channels: int
    z_depth: int
    z_height: int
    z_width: int
    z_image: int
    z_slice: int
    z_line: int
    z_pixel: int
    before_depth: int
    before_height: int
    before_width: int
    step_depth: int
    step_height: int
    step_width: int
    slices: int
    depth: int
    span: int
    lines: int
    line: int
    runs: int
    count: int
    length: int
    groups: int
    reduced: int
    lanes: int
    block: int
    framed: int
    pixel: int
    images: int
    offsets: int
    elements: int
    room: int
    relu: int
    split: int


@within
def spread(target, source, pixels, channels, pixel):
    """Copy pixels that follow each other to where they lie `pixel` numbers apart."""
    if pixel == channels:
        move(target, source, pixels * channels)
    else:
        for i in range(pixels):
            move(target + 4 * i * pixel, source + 4 * i * channels, channels)


@within
def frame_line(s, target, source):
    """The part of a line of an image that windows reach, with zeros where there is none."""
    head = min(max(s.before_width, 0), s.line)
    tail = max(min(s.x_width + s.before_width, s.line), head)
    if head:
        clear(target, head * s.pixel)
    begin = source + 4 * (head - s.before_width) * s.channels
    spread(target + 4 * head * s.pixel, begin, tail - head, s.channels, s.pixel)
    if tail < s.line:
        clear(target + 4 * tail * s.pixel, (s.line - tail) * s.pixel)


@within
def framed(s, target, n, slice_, first, lines):
    """The part of image n in the frame at `target` that the windows of some lines reach.

    slice_: where the windows begin in depth; first: their first line in the image.
    """
    depths = places(s.slices, s.depth)
    line = s.line * s.pixel
    for i in range(s.depth * lines):
        d = slice_ + depths[i // lines]
        h = first + i % lines
        place = target + 4 * (i // lines * s.lines + i % lines) * line
        if 0 <= d < s.x_depth and 0 <= h < s.x_height:
            above = (n * s.x_depth + d) * s.x_height + h
            frame_line(s, place, s.x + 4 * above * s.x_width * s.channels)
        else:
            clear(place, line)


@within
def respare(spare, pitch, z, pixel, rows, lanes):
    """What lies where a tile belongs, to where it is computed aside."""
    for r in range(rows):
        move(spare + 4 * r * pitch, z + 4 * r * pixel, lanes)


@within
def unspare(spare, pitch, z, pixel, rows, lanes):
    """The first `lanes` columns of a tile that was computed aside, to where they belong."""
    for r in range(rows):
        move(z + 4 * r * pixel, spare + 4 * r * pitch, lanes)


@within
def finish(s, place, rows, lanes):
    """What follows the sums, while they are in the cache: the residual, and the activation."""
    for r in range(rows):
        for c in range(0, lanes, SIXTEEN):
            z = place + 4 * (r * s.z_pixel + c)
            count = min(SIXTEEN, lanes - c)
            v = take(z, count)
            if s.residual:
                v = v + take(z - s.z + s.residual, count)
            if s.relu:
                v = chosen(alive(v), v)
            give(z, v, count)


@within
def share(one, size, other, more, step, steps):
    """Where that part of two stretches of memory begins which one of some steps asks for."""
    done = (size + more) * step // steps
    return one + 4 * done if done < size else other + 4 * (done - size)


@within
def product(s, source, line, between, target, lines, width, spare, first, last, ahead, size, more):
    """Results of `width` windows in each of `lines` lines, in the channels of panels `first` to
    `last`.

    source: where the first window begins; windows lie `between` apart, lines `line`. One panel of
    channels after the other, so that its weights stay in the cache. spare: memory for a tile whose
    last vector sticks out beyond the channels.

    ahead, size: where the images begin that come next, and how many numbers they are. more: how
    many numbers their results are, whose place is behind that of these. Both are asked for
    meanwhile.
    """
    per = -(-width // -(-width // ROWS))
    panels = -(-s.lanes // WIDTH)
    breadth = -(-s.lanes // LANES) * LANES
    over = s.residual == s.z  # sums begin with what is there
    finished = s.relu != 0 or (s.residual != 0 and not over)
    behind = target + 4 * (lines - 1) * s.z_line + 4 * width * s.z_pixel
    steps = (last - first) * lines * -(-width // per)
    pace = 4 * (size + more) // (steps * s.count * s.length)
    step = 0
    for panel in range(first, last):
        group = panel // panels
        done = panel % panels * WIDTH
        lanes = min(WIDTH, s.lanes - done)
        vectors = -(-lanes // LANES)
        pitch = vectors * LANES
        whole = lanes == pitch
        weights = s.w + 4 * s.count * s.length * (group * breadth + done)
        bias = s.bias + 4 * panel * WIDTH
        for i in range(lines):
            a = source + 4 * (i * line + group * s.reduced)
            z = target + 4 * (i * s.z_line + group * s.lanes + done)
            for column in range(0, width, per):
                rows = min(per, width - column)
                begin = a + 4 * column * between
                place = z + 4 * column * s.z_pixel
                z_tile, z_line = (place, s.z_pixel) if whole else (spare, pitch)
                if over and not whole:
                    respare(spare, pitch, place, s.z_pixel, rows, lanes)
                soon = share(ahead, size, behind, more, step, steps)
                step += 1
                call_tile_ahead(
                    s.tile, rows, vectors, begin, between, 1, s.runs, s.count, s.length,
                    weights, pitch, z_tile if over else bias, z_line if over else 0, z_tile, z_line,
                    soon, pace,
                )  # fmt: skip
                if not whole:
                    unspare(spare, pitch, place, s.z_pixel, rows, lanes)
                if finished:
                    finish(s, place, rows, lanes)


@Worker
def sweep(words, first, last, part):
    """Items are panels of blocks of lines of results, of one slice of one image each."""
    s = record(words, Sweep)
    room = s.scratch + 4 * part * s.room
    spare = room + 4 * (s.room - ROWS * WIDTH)
    blocks = -(-s.z_height // s.block)
    line = (s.line if s.framed else s.x_width) * s.pixel
    panels = s.groups * -(-s.lanes // WIDTH)
    framed_block = -1
    for item in range(first, last):
        block = item // s.split
        n = block // (s.z_depth * blocks)
        d = block // blocks % s.z_depth
        top = block % blocks * s.block
        lines = min(s.block, s.z_height - top)
        slice_ = d * s.step_depth - s.before_depth
        h = top * s.step_height - s.before_height
        if s.framed:
            source = room
            if block != framed_block:
                framed(s, source, n, slice_, h, (lines - 1) * s.step_height + s.span)
                framed_block = block
        else:
            corner = ((n * s.x_depth + slice_) * s.x_height + h) * s.x_width - s.before_width
            source = s.x + 4 * corner * s.channels
        target = s.z + 4 * (n * s.z_image + d * s.z_slice + top * s.z_line)
        between = s.step_width * s.pixel
        begin = item % s.split * panels // s.split
        end = (item % s.split + 1) * panels // s.split
        step = s.step_height * line
        size = lines * s.step_height * s.x_width * s.channels
        above = (n * s.x_depth + slice_) * s.x_height + h
        ahead = s.x + 4 * (above * s.x_width * s.channels + size)
        follows = item + 1 < last
        size *= follows and s.span >= s.step_height  # whole images, or it is not worth it
        more = follows * lines * s.z_width * s.z_pixel
        product(
            s, source, step, between, target, lines, s.z_width, spare, begin, end, ahead, size, more
        )


@within
def window(s, target, pixel):
    """The elements of one window, from the image and from the zeros around it."""
    o = pixel % s.z_width
    p = pixel // s.z_width % s.z_height
    d = pixel // (s.z_width * s.z_height) % s.z_depth
    n = pixel // (s.z_width * s.z_height * s.z_depth)
    depth = d * s.step_depth - s.before_depth
    height = p * s.step_height - s.before_height
    width = o * s.step_width - s.before_width
    offsets = places(s.offsets, 3 * s.elements)
    for i in range(s.elements):
        z = target + 4 * i * s.channels
        d = depth + offsets[3 * i]
        h = height + offsets[3 * i + 1]
        w = width + offsets[3 * i + 2]
        if 0 <= d < s.x_depth and 0 <= h < s.x_height and 0 <= w < s.x_width:
            place = ((n * s.x_depth + d) * s.x_height + h) * s.x_width + w
            move(z, s.x + 4 * place * s.channels, s.channels)
        else:
            clear(z, s.channels)


@Worker
def gather(words, first, last, part):
    """Items are blocks of results, wherever they lie; their windows are copied side by side.

    For maps too narrow to fill a tile with one line, and for 1x1 windows, which are there already.
    """
    s = record(words, Sweep)
    room = s.scratch + 4 * part * s.room
    spare = room + 4 * (s.room - ROWS * WIDTH)
    pixels = s.images * s.z_depth * s.z_height * s.z_width
    for item in range(first, last):
        begin = item * s.block
        many = min(s.block, pixels - begin)
        source = s.x + 4 * begin * s.channels
        if s.framed:
            source = room
            for i in range(many):
                window(s, room + 4 * i * s.line, begin + i)
        target = s.z + 4 * begin * s.z_pixel
        ahead = s.x + 4 * (begin + many) * s.channels
        follows = min(s.block, pixels - begin - many) if item + 1 < last else 0
        product(
            s, source, 0, s.line, target, 1, many, spare, 0, -(-s.lanes // WIDTH), ahead,
            follows * s.channels, follows * s.z_pixel,
        )  # fmt: skip
