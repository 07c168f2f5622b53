"""Convolution on the CPU: which kernel serves which case. The rules stand here and nowhere else.

What the kernels do not cover is left to the gates' bodies. A rule looks at shapes alone: the
same program takes the same kernels, and gets the same bits, each time.
"""

import math

import numpy as np

from . import cpu_depthwise, cpu_narrow, cpu_tile
from .compiled import FLOATS
from .shapes import out_size

FLOAT32 = np.dtype("float32")
NARROW = 16  # channels: with fewer on both sides, as in LeNet, the batch is what fills vectors
SMALL = 64  # places of a map
FEW = 8  # channels of a result: fewer fill vectors so badly that the batch had better do it


def kernels_for(images: tuple, weights: tuple, settings: tuple, groups: int, *raws):
    """The module with the kernels for images and weights of these shapes; None if there is none."""
    dtypes = {raw.dtype for raw in raws}
    rank = len(images) - 2
    if len(dtypes) != 1 or not dtypes.issubset(FLOATS) or not 1 <= rank <= 3:
        return None
    if len(weights) != len(images) or images[1] != weights[1] * groups or weights[0] % groups:
        return None
    axes = zip(images[2:], weights[2:], *settings, strict=True)
    if min(out_size(*axis) for axis in axes) < 1 or 0 in weights:
        return None
    if FLOAT32 not in dtypes:
        return cpu_narrow if rank == 2 and groups == 1 else None
    if rank == 2 and groups == 1 and is_narrow(images, weights):
        return cpu_narrow
    return cpu_depthwise if groups > 1 and groups == images[1] == weights[0] else cpu_tile


def is_narrow(images: tuple, weights: tuple) -> bool:
    """Whether there are so few channels, or so few places beside them, as in LeNet."""
    few = images[1] < NARROW and weights[0] <= NARROW
    return few or (images[1] <= NARROW and math.prod(images[2:]) < SMALL)


def outcome(images: tuple, weights: tuple, settings: tuple) -> tuple:
    """The shape of a convolution of images and weights of these shapes."""
    axes = zip(images[2:], weights[2:], *settings, strict=True)
    return (images[0], weights[0], *(out_size(*axis) for axis in axes))


def conv(x, w, b, *, stride, padding, dilation, groups):
    """The kernel of conv."""
    settings = (stride, padding, dilation)
    raws = (x, w) if b is None else (x, w, b)
    kernels = kernels_for(x.shape, w.shape, settings, groups, *raws)
    if kernels is None or (b is not None and b.shape != w.shape[:1]):
        return NotImplemented
    return kernels.conv(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)


def conv_dx(u, w, *, space, stride, padding, dilation, groups):
    """The kernel of conv_dx."""
    settings = (stride, padding, dilation)
    images = (u.shape[0], math.prod(w.shape[1:2]) * groups, *space)
    kernels = kernels_for(images, w.shape, settings, groups, u, w)
    if kernels is None or u.shape != outcome(images, w.shape, settings):
        return NotImplemented
    if kernels is cpu_tile and len(space) == 2 and groups == 1 and images[1] < FEW:
        kernels = cpu_narrow
    return kernels.conv_dx(
        u, w, space=space, stride=stride, padding=padding, dilation=dilation, groups=groups
    )


def conv_dw(u, x, *, window, stride, padding, dilation, groups):
    """The kernel of conv_dw."""
    settings = (stride, padding, dilation)
    if len(u.shape) != len(x.shape) or x.shape[1] % groups:
        return NotImplemented
    weights = (u.shape[1], x.shape[1] // groups, *window)
    kernels = kernels_for(x.shape, weights, settings, groups, u, x)
    if kernels is None or u.shape != outcome(x.shape, weights, settings):
        return NotImplemented
    return kernels.conv_dw(
        u, x, window=window, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
