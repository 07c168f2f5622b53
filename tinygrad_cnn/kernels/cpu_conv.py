"""Convolution on the CPU: which kernel serves which case. The rules stand here and nowhere else.

What the kernels do not cover is left to the gates' bodies. A rule looks at shapes alone: the
same program takes the same kernels, and gets the same bits, each time.
"""

import functools
import math

import numpy as np

from . import cpu_columns, cpu_depthwise, cpu_narrow, cpu_tile
from .choice import SETTINGS, fastest
from .compiled import FLOATS
from .cpu import CALM
from .cpu_tile import scaled
from .cpu_winograd import LARGE_TILES, SMALL_TILES, Winograd
from .kept import kept
from .layout import in_rows
from .served import refused, served_by
from .shapes import out_size
from .simd import LANES

FLOAT32 = np.dtype("float32")
NARROW = 16  # channels: with fewer on both sides, as in LeNet, the batch is what fills vectors
SMALL = 64  # places of a map
LARGE = 512  # places of a map on which as many channels out as fill a vector are not narrow
TAKEN = "it is compiled for float32; for float64 with two axes of space and one group"
# Their conv does what follows the sums as well, and their conv_dx adds to what is there.
FUSING = (cpu_tile, LARGE_TILES, SMALL_TILES)
FEW = 8  # channels of a result: fewer fill vectors so badly that the batch had better do it
WINOGRAD = {"conv": 4, "conv_dx": 4, "conv_dw": 4}  # the largest tiles by gate; 0 for none
WEIGHTS = 12  # tiles that take as long to multiply as Winograd's transforms of weights take
READING = 6  # the same, as weights take that were transformed before and are read
WORTH = 1.25  # so many times fewer multiplications pay for the transforms of images


def kernels_for(images: tuple, weights: tuple, settings: tuple, groups: int, *raws):
    """The module with the kernels for images and weights of these shapes; None if there is none."""
    dtypes = {raw.dtype for raw in raws}
    one = dtypes.pop()
    return None if dtypes else ruled(images, weights, tuple(settings), groups, one)


@functools.lru_cache(maxsize=1024)
def ruled(images: tuple, weights: tuple, settings: tuple, groups: int, dtype: np.dtype):
    """As kernels_for, for arrays of one dtype; found once."""
    rank = len(images) - 2
    if dtype not in FLOATS or not 1 <= rank <= 3:
        return None
    if len(weights) != len(images) or images[1] != weights[1] * groups or weights[0] % groups:
        return None
    axes = zip(images[2:], weights[2:], *settings, strict=True)
    if min(out_size(*axis) for axis in axes) < 1 or 0 in weights:
        return None
    if dtype != FLOAT32:
        return cpu_narrow if rank == 2 and groups == 1 else None
    if rank == 2 and groups == 1 and is_narrow(images, weights):
        return cpu_columns
    return cpu_depthwise if is_depthwise(images, weights, groups) else cpu_tile


def is_depthwise(images: tuple, weights: tuple, groups: int) -> bool:
    """Whether each channel is convolved with one window of its own."""
    return groups > 1 and groups == images[1] == weights[0]


def largest_tiles(gate: str) -> int:
    """The largest of Winograd's tiles that a gate may take; 0 for none."""
    return 0 if SETTINGS.precise else WINOGRAD[gate]


def winograds(largest: int, images: tuple, weights: tuple, settings: tuple, groups: int) -> list:
    """Winograd's kernels that cover images and weights of these shapes, by tiles up to a size."""
    stride, _, dilation = settings
    window = (len(images), weights[2:], stride, dilation, groups)
    if window != (4, (3, 3), (1, 1), (1, 1), 1) or weights[0] % LANES or weights[1] % LANES:
        return []
    return [kernels for kernels in (LARGE_TILES, SMALL_TILES) if kernels.m <= largest]


@functools.lru_cache(maxsize=1024)
def fewest_products(
    gate: str, largest: int, images: tuple, weights: tuple, settings: tuple, groups: int,
    constant: bool,
):  # fmt: skip
    """Winograd's kernels with the fewest multiplications, if those are clearly fewer than the
    direct kernels'; else the direct kernels. constant: whether weights are those of other calls."""
    able = winograds(largest, images, weights, settings, groups)
    if not able:
        return cpu_tile
    results = images if gate == "conv_dx" else outcome(images, weights, settings)

    def products(kernels: Winograd) -> int:
        """How many there are for each pair of channels."""
        tiles = images[0] * math.prod(-(-size // kernels.m) for size in results[2:])
        return (tiles + (READING if constant else WEIGHTS)) * (kernels.m + 2) ** 2

    best = min(able, key=products)
    places = images[0] * math.prod(results[2:]) + (READING if constant else 0)
    direct = math.prod(weights[2:]) * places
    return best if WORTH * products(best) < direct else cpu_tile


def candidates(
    gate: str, rule, images: tuple, weights: tuple, settings: tuple, groups: int
) -> list:  # fmt: skip
    """All that have kernels for float32 images and weights of these shapes, first the rule's."""
    able = [rule, cpu_tile, *winograds(largest_tiles(gate), images, weights, settings, groups)]
    if len(images) == 4 and groups == 1:
        able.append(cpu_columns)
    if is_depthwise(images, weights, groups):
        able.append(cpu_depthwise)
    return [*dict.fromkeys(able)]


def computed(
    gate: str, rule, images: tuple, weights: tuple, settings: tuple, groups: int, inputs: tuple,
    constant: bool = False, **more,
):  # fmt: skip
    """The gate by the kernels of the rule; or by the fastest, where `benchmark` asks for them.

    constant: whether weights are those of other calls. more: what the gate takes besides.
    """
    if rule is cpu_tile:
        case = (gate, largest_tiles(gate), images, weights, settings, groups, constant)
        rule = fewest_products(*case)
    stride, padding, dilation = settings
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, **more}
    if SETTINGS.benchmark and inputs[0].dtype == FLOAT32:
        absent = tuple([a is None for a in inputs])
        case = (gate, images, weights, absent, *how.values(), SETTINGS.precise)
        able = candidates(gate, rule, images, weights, settings, groups)
        rule = fastest(case, able, lambda kernels: by(kernels, gate, inputs, how))
    return by(served_by(rule), gate, inputs, how)


def by(kernels, gate: str, inputs: tuple, how: dict):
    """The gate by these kernels."""
    if kernels not in FUSING:
        how = {name: value for name, value in how.items() if name != "onto"}  # added afterwards
        if gate == "conv":
            return separately(kernels, *inputs, **how)
    return getattr(kernels, gate)(*inputs, **how)


def is_narrow(images: tuple, weights: tuple) -> bool:
    """Whether there are so few channels, or so few places beside them, as in LeNet, and samples
    enough to fill half a vector.

    The first layer of a residual network for CIFAR is none of these: tiles serve it as well, and
    leave its large maps in the layout that the next layer takes.
    """
    places = math.prod(images[2:])
    most = NARROW if places >= LARGE else NARROW + 1
    few = images[1] < NARROW and weights[0] < most
    few = few or (images[1] <= NARROW and places < SMALL)
    return few and 2 * images[0] >= LANES


def outcome(images: tuple, weights: tuple, settings: tuple) -> tuple:
    """The shape of a convolution of images and weights of these shapes."""
    axes = zip(images[2:], weights[2:], *settings, strict=True)
    return (images[0], weights[0], *(out_size(*axis) for axis in axes))


def conv(
    x, w, b, scale=None, residual=None, *, relu=False, stride, padding, dilation, groups
):  # fmt: skip
    """The kernel of conv, and of what is fused with it: x * w times scale, + b, + residual, then
    with relu what is below 0 made 0. What is None is left out."""
    settings = (stride, padding, dilation)
    raws = [raw for raw in (x, w, b, scale, residual) if raw is not None]
    kernels = kernels_for(x.shape, w.shape, settings, groups, *raws)
    if kernels is None or any(a is not None and a.shape != w.shape[:1] for a in (b, scale)):
        return refused(TAKEN)
    if residual is not None and residual.shape != outcome(x.shape, w.shape, settings):
        return refused(TAKEN)
    case = (kernels, x.shape, w.shape, settings, groups, (x, w, b, scale, residual))
    return computed("conv", *case, constant=scale is not None, relu=relu)


def separately(kernels, x, w, b, scale, residual, *, relu, **settings):
    """As `conv`, by kernels that do one thing after the other."""
    w = w if scale is None else kept("scaled", lambda: scaled(w, scale), w, scale)
    z = kernels.conv(x, w, b, **settings)
    if z is NotImplemented:
        return z
    if residual is not None:
        z += residual
    return np.maximum(z, z.dtype.type(0), out=z) if relu else z


def conv_relu(x, w, b, **settings):
    """The kernel of conv_relu."""
    return conv(x, w, b, relu=True, **settings)


def conv_norm(x, w, b, mean, variance, weight, bias, residual, *, eps, relu, **settings):
    """The kernel of conv_norm: the norm is a scale for the weights, and a bias."""
    vectors = [a for a in (b, mean, variance, weight, bias) if a is not None]
    if any(a.dtype != x.dtype or a.shape != w.shape[:1] for a in vectors):
        return refused(TAKEN)
    norm = (variance, mean, weight, bias, b)
    scale, shift = kept(("folded", eps), lambda: CALM.run(folded, *norm, eps), *norm)
    return conv(x, w, shift, scale, residual, relu=relu, **settings)


def folded(variance, mean, weight, bias, b, eps) -> tuple[np.ndarray, np.ndarray]:
    """What a norm multiplies the weights of a convolution with, and its bias afterwards."""
    scale = (1 if weight is None else weight) / np.sqrt(variance + eps)
    shift = (mean if b is None else mean - b) * scale
    return scale, -shift if bias is None else bias - shift


def conv_dx(u, w, *, space, stride, padding, dilation, groups, onto=None):
    """The kernel of conv_dx; its result is added to `onto` where that is an array."""
    settings = (stride, padding, dilation)
    images = (u.shape[0], math.prod(w.shape[1:2]) * groups, *space)
    kernels = kernels_for(images, w.shape, settings, groups, u, w)
    if kernels is None or u.shape != outcome(images, w.shape, settings):
        return refused(TAKEN)
    few = images[1] < FEW and 2 * images[0] >= LANES
    if kernels is cpu_tile and len(space) == 2 and groups == 1 and few:
        kernels = cpu_columns
    case = (kernels, images, w.shape, settings, groups, (u, w))
    return computed("conv_dx", *case, space=space, onto=onto)


def conv_dx_onto(u, w, onto, *, spare=False, **settings):
    """The kernel of conv_dx_onto."""
    if onto.dtype != u.dtype:
        return refused(TAKEN)
    onto = onto if spare else onto.copy(order="K")
    at_once = in_rows(onto) and not SETTINGS.benchmark  # which computes several times
    z = conv_dx(u, w, **settings, onto=onto if at_once else None)
    if z is NotImplemented or z is onto:
        return z
    onto += z
    return onto


def conv_dw(u, x, *, window, stride, padding, dilation, groups):
    """The kernel of conv_dw."""
    settings = (stride, padding, dilation)
    if len(u.shape) != len(x.shape) or x.shape[1] % groups:
        return refused(TAKEN)
    weights = (u.shape[1], x.shape[1] // groups, *window)
    kernels = kernels_for(x.shape, weights, settings, groups, u, x)
    if kernels is None or u.shape != outcome(x.shape, weights, settings):
        return refused(TAKEN)
    case = (kernels, x.shape, weights, settings, groups, (u, x))
    return computed("conv_dw", *case, window=window)
