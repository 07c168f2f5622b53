"""Convolution of few channels on the CPU: float32, two axes of space, the batch innermost.

With fewer channels than a vector has numbers it is the batch that fills vectors, whatever the
number of channels. Images and results lie in columns, see `layout`; images that lie otherwise, or
want zeros around them, are copied into a frame, and so is a batch that does not fill its last
vector. The gradient for the input leaves out what lies beyond the gradient of the results, as the
body does.
"""

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np

from . import converted
from .compiled import constant, dense
from .cpu_columns_work import (
    Filling,
    Gathering,
    Picking,
    Sweep,
    Weighing,
    fill,
    gather,
    pick,
    sweep,
    weigh,
)
from .cpu_linear import outer, product
from .layout import as_columns, empty_columns, in_columns
from .simd import LANES, ROWS, VECTORS, WIDTH
from .simd_columns import LEFT, RIGHT, SHORT, dots_address, strip_address
from .threads import get_num_threads
from .windows import Axis, backward, forward
from .workers import address, run, scratch

BARE = (0, 0)  # padding


def filled(samples: int) -> int:
    """The lanes of so many samples: as many as fill vectors."""
    return -(-samples // LANES) * LANES


def evenly(count: int, most: int) -> int:
    """The size of equal parts of `count`, at most `most` each."""
    return -(-count // -(-count // most))


# --- frames ---------------------------------------------------------------------------------------


def framed(x: np.ndarray, padding: tuple = BARE) -> np.ndarray:
    """x (N, C, H, W) in columns (C, H, W, lanes), zeros around; itself where it lies so already."""
    n, c, h, w = x.shape
    if padding == BARE and n % LANES == 0 and in_columns(x) and x.flags.aligned:
        return as_columns(x)
    converted()
    if not x.flags.aligned or any(step < 0 or step % 4 for step in x.strides):
        x = np.array(x, order="C")
    (top, left), lanes = padding, filled(n)
    lines, line = h + 2 * top, w + 2 * left
    z = scratch(c * lines * line * lanes).reshape(c, lines, line, lanes)
    steps = [step // 4 for step in x.strides]
    task = Filling(address(x), address(z), *steps, n, h, w, lines, line, lanes, top, left)
    run(fill, c * lines, task)
    return z


def cropped(z: np.ndarray, samples: int) -> np.ndarray:
    """The results of the samples, of an array with those of all lanes."""
    if len(z) == samples:
        return z
    x = empty_columns((samples, *z.shape[1:]), z.dtype)
    x[...] = z[:samples]
    return x


# --- results --------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """A sweep without the addresses of its arrays.

    task: its record. items: how many it has. first: where the first result lies. weights: which of
    them it meets, in its order. runs: a table that must stay alive.
    """

    task: list[int]
    items: int
    first: int
    weights: np.ndarray
    runs: np.ndarray


ADDRESSES = slice(Sweep._fields.index("x"), Sweep._fields.index("z") + 1)  # x, w, bias, z


def spacing(axis: Axis) -> int:
    """How far apart the elements of a window are."""
    return axis.offsets[1] if len(axis.offsets) > 1 else 1


def numbered(weights: tuple) -> np.ndarray:
    """Each of the weights (K, C, *window) as its number."""
    return np.arange(math.prod(weights)).reshape(weights)


def planned(image: tuple, weights: np.ndarray, result: tuple, h: Axis, w: Axis) -> Plan:
    """The plan for images (C, H, W, lanes), numbered weights (K, C, *window) and maps of the size
    `result`."""
    channels = len(weights)
    met = weights[:, :, h.taps][..., w.taps].swapaxes(1, 2).ravel()
    reduced, height, width, lanes = image
    line = width * lanes
    each = (np.arange(len(h.taps)) * (spacing(h) * line), np.arange(reduced) * (height * line))
    runs = 4 * np.add.outer(*each)
    rows = evenly(channels, ROWS)
    many = 2 * VECTORS if rows <= SHORT and lanes % (2 * WIDTH) == 0 else VECTORS
    parts = -(-lanes // (many * LANES))
    task = Sweep(
        strip_address(), 0, 0, 0, 0, height, width, lanes, h.count, w.count,
        math.prod(result) * lanes, h.spacing * result[1] * lanes, w.spacing * lanes, h.step,
        w.step, h.before, w.before, len(h.taps), len(w.taps), spacing(h), spacing(w),
        address(runs), reduced, channels, rows, parts, many,
    )  # fmt: skip
    first = 4 * (h.start * result[1] + w.start) * lanes
    return Plan([*map(int, task)], h.count * parts, first, met, runs)


def swept(plan: Plan, x: np.ndarray, z: np.ndarray, w: np.ndarray, bias: np.ndarray) -> None:
    """Write the sums of windows of x (C, H, W, lanes) in z (K, P, Q, lanes)."""
    w = dense(w)
    weights = scratch(plan.weights.size)
    run(pick, 1, Picking(address(w), address(plan.weights), address(weights), weights.size))
    task = plan.task.copy()
    task[ADDRESSES] = address(x), address(weights), address(bias), address(z) + plan.first
    run(sweep, plan.items, task)


@functools.lru_cache(maxsize=1024)
def plan_forward(images: tuple, weights: tuple, stride, padding, dilation) -> tuple[tuple, Plan]:
    """The shape of the results of images and weights of these shapes, and how they are made."""
    n, c, *space = images
    space = [size + 2 * p for size, p in zip(space, padding, strict=True)]
    axes = tuple(map(forward, space, weights[2:], stride, BARE, dilation))
    shape = (filled(n), weights[0], *(axis.count for axis in axes))
    return shape, planned((c, *space, shape[0]), numbered(weights), shape[2:], *axes)


def is_linear(space: tuple, window: tuple, padding: tuple) -> bool:
    """Whether a window is as large as the image: a linear layer of all numbers of an image."""
    return space == window and padding == BARE


def matrix(x: np.ndarray) -> np.ndarray:
    """x (C, H, W, lanes) as a matrix (C H W, lanes)."""
    return x.reshape(-1, x.shape[-1])


def conv(x, w, b, *, stride, padding, dilation, groups):
    """The kernel of conv."""
    shape, plan = plan_forward(x.shape, w.shape, stride, padding, dilation)
    z = empty_columns(shape, x.dtype)
    bias = constant(len(w), 0) if b is None else np.ascontiguousarray(b)
    if z.size and is_linear(x.shape[2:], w.shape[2:], padding):
        product(dense(w).reshape(len(w), -1), matrix(framed(x)), matrix(as_columns(z)), bias)
    elif z.size:
        swept(plan, framed(x, padding), z, w, bias)
    return cropped(z, len(x))


@functools.lru_cache(maxsize=1024)
def plan_backward(
    gradient: tuple, weights: tuple, space: tuple, stride, padding, dilation
) -> tuple[tuple, bool, list[Plan]]:
    """The shape of the input's gradient, of a gradient and weights of these shapes; whether there
    are places that no window reaches; and how it is made, for each remainder of a place modulo the
    stride."""
    n, k, *sizes = gradient
    shape = (filled(n), weights[1], *space)
    phases = list(map(backward, space, weights[2:], stride, padding, dilation))
    reached = [sum(axis.count for axis in axes) for axes in phases]
    image = (k, *sizes, shape[0])
    turned = numbered(weights).swapaxes(0, 1)
    plans = [planned(image, turned, space, *axes) for axes in itertools.product(*phases)]
    return shape, reached != list(space), plans


def conv_dx(u, w, *, space, stride, padding, dilation, groups):
    """The kernel of conv_dx."""
    space = tuple(space)
    shape, gaps, plans = plan_backward(u.shape, w.shape, space, stride, padding, dilation)
    z = empty_columns(shape, u.dtype)
    if z.size and is_linear(space, w.shape[2:], padding):
        product(dense(w).reshape(len(w), -1).T, matrix(framed(u)), matrix(as_columns(z)))
    elif z.size:
        if gaps:
            z[...] = 0
        images = framed(u)
        for plan in plans:
            swept(plan, images, z, w, constant(w.shape[1], 0))
    return cropped(z, len(u))


# --- gradients of weights -------------------------------------------------------------------------


@functools.lru_cache(maxsize=1024)
def elements(image: tuple, window: tuple, dilation: tuple) -> np.ndarray:
    """Where the elements of the first window of images (C, H, W, lanes) lie."""
    c, r, s = np.ogrid[: image[0], : window[0], : window[1]]
    line = image[2] * image[3]
    place = c * (image[1] * line) + r * (dilation[0] * line) + s * (dilation[1] * image[3])
    return 4 * place.ravel()


def conv_dw(u, x, *, window, stride, padding, dilation, groups):
    """The kernel of conv_dw: each thread sums over its lines, then all sums are added up."""
    z = np.zeros((u.shape[1], x.shape[1], *window), u.dtype)
    if not u.size or not x.size:
        return z
    u, x = framed(u), framed(x, padding)
    channels, height, width, lanes = u.shape
    if is_linear(x.shape[1:3], window, BARE):
        outer(matrix(u).T, matrix(x).T, z.reshape(channels, -1))
        return z
    taps = elements(x.shape, window, dilation)
    rows, columns = evenly(taps.size, LEFT), evenly(channels, RIGHT)
    parts = min(get_num_threads(), height)
    sums = scratch(parts * z.size * LANES)
    task = Weighing(
        dots_address(), address(x), address(u), lanes, stride[0] * x.shape[2] * lanes,
        stride[1] * lanes, height * width * lanes, height, width, address(taps), taps.size,
        channels, rows, columns, address(sums),
    )  # fmt: skip
    run(weigh, height, task, parts)
    task = Gathering(address(sums), address(z), parts, taps.size, channels, rows, columns)
    run(gather, -(-channels // columns), task)
    return z
