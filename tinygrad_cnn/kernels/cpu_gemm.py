"""Convolution by NumPy alone, where there is no Numba: matrix products of gathered windows.

The windows of some lines of results become the rows of a matrix, see `cpu_gather`, and its product
with the weights lies in rows as the images do. The gradient for the input is a convolution too, of
the output's gradient, see `windows`; that for the weights a product with the same matrix. Many
windows of 3x3 take fewer multiplications, see `cpu_gemm_winograd`.
"""

import itertools
import math
import sys

import numpy as np

from . import cpu_gemm_winograd as winograd
from .cpu_gather import ROOM, Piece, empty_rows, gathered, gathered_as_weights, in_rows, pieces
from .layout import innermost
from .portions import share, slices
from .served import refused, served_by
from .windows import Axis, backward, forward

TAKEN = "it multiplies arrays of one dtype, float32 or float64, in one group of channels"


def progression(taps: tuple[int, ...]) -> slice:
    """These elements of a window, which are evenly spaced, in this order."""
    step = taps[1] - taps[0] if len(taps) > 1 else 1
    stop = taps[-1] + step
    return slice(taps[0], stop if stop >= 0 else None, step)


# --- images, weights and results in rows ----------------------------------------------------------


def is_heavy(x: np.ndarray, axes: tuple[Axis, ...], out: int) -> bool:
    """Whether there are more weights than numbers in all windows of x (N, *space, C)."""
    return out > len(x) * math.prod(axis.count for axis in axes)


def swept(x: np.ndarray, z: np.ndarray, axes: tuple[Axis, ...], w: np.ndarray) -> None:
    """Write the windows of x times the weights where the axes say in z.

    Shape: x (N, *space, C), w (*window, C, K), z (N, *out, K).
    """
    w = w[tuple(progression(axis.taps) for axis in axes)]
    z = z[(slice(None), *(slice(axis.start, None, axis.spacing) for axis in axes))]
    if winograd.is_worth(x, axes, w.shape[-1]):
        winograd.convolved(x, z, axes, w)
    elif is_heavy(x, axes, w.shape[-1]):
        swept_by_channels(x, z, axes, w)
    else:
        swept_by_pieces(x, z, axes, w)


def swept_by_pieces(x: np.ndarray, z: np.ndarray, axes: tuple[Axis, ...], w: np.ndarray) -> None:
    """As `swept`: threads share the windows, which all weights meet."""
    w = w.reshape(-1, w.shape[-1])

    def work(portion: list[Piece]) -> None:
        for images, lines in portion:
            rows = gathered(x, axes, images, lines)
            target = z[images, lines]
            out = target
            if not target.flags.c_contiguous:
                out = ROOM.take("product", target.shape, x.dtype)
            np.matmul(rows, w, out=out.reshape(len(rows), -1))
            if out is not target:
                target[...] = out

    share(work, pieces(x, axes, w.size))


def swept_by_channels(x: np.ndarray, z: np.ndarray, axes: tuple[Axis, ...], w: np.ndarray) -> None:
    """As `swept`: threads share the weights, as they lie if they can, which all windows meet."""
    weights = np.moveaxis(w, -2, 0).reshape(-1, w.shape[-1])
    rows = gathered_as_weights(x, axes)
    product = ROOM.take("product", (len(rows), w.shape[-1]), x.dtype)

    def work(portion: list[slice]) -> None:
        for channels in portion:
            np.matmul(rows, weights[:, channels], out=product[:, channels])

    share(work, slices(w.shape[-1], w.size))
    z[...] = product.reshape(z.shape)


def weighed(u: np.ndarray, x: np.ndarray, axes: tuple[Axis, ...], window: tuple) -> np.ndarray:
    """The gradient for the weights.

    Shape: u (N, *out, K), x (N, *space, C) -> (K, C, *window).
    """
    if winograd.is_worth(x, axes, u.shape[-1]):
        return winograd.weighed(u, x, axes)
    if is_heavy(x, axes, u.shape[-1]):
        return weighed_by_channels(u, x, axes).reshape(u.shape[-1], x.shape[-1], *window)
    z = weighed_by_pieces(u, x, axes).reshape(*window, x.shape[-1], u.shape[-1])
    return np.ascontiguousarray(np.moveaxis(z, (-1, -2), (0, 1)))


def weighed_by_pieces(u: np.ndarray, x: np.ndarray, axes: tuple[Axis, ...]) -> np.ndarray:
    """As `weighed`: threads share the windows. Shape: (elements of a window * C, K)."""
    elements = math.prod(len(axis.taps) for axis in axes) * x.shape[-1]

    def work(portion: list[Piece]) -> np.ndarray:
        z = 0
        for images, lines in portion:
            g = u[images, lines].reshape(-1, u.shape[-1])
            z += gathered(x, axes, images, lines).T @ g
        return z

    return sum(share(work, pieces(x, axes, elements * u.shape[-1])))


def weighed_by_channels(u: np.ndarray, x: np.ndarray, axes: tuple[Axis, ...]) -> np.ndarray:
    """As `weighed`: threads share the weights. Shape: (K, C * elements of a window)."""
    rows, g = gathered_as_weights(x, axes), u.reshape(-1, u.shape[-1])
    z = np.empty((u.shape[-1], rows.shape[1]), x.dtype)

    def work(portion: list[slice]) -> None:
        for channels in portion:
            np.matmul(g[:, channels].T, rows, out=z[channels])

    share(work, slices(len(z), z.size))
    return z


# --- the gates ------------------------------------------------------------------------------------


def covered(x: np.ndarray, y: np.ndarray, groups: int) -> bool:
    """Whether arrays are of a kind that products are for, and there is one group of channels."""
    served_by(sys.modules[__name__])  # whichever module this one stands in for
    same = groups == 1 and x.dtype == y.dtype and x.dtype.char in "fd" and x.ndim == y.ndim
    return same and x.size > 0 and y.size > 0


@np.errstate(all="ignore")
def conv(x, w, b, *, stride, padding, dilation, groups):
    """The kernel of conv for one group of channels."""
    if not covered(x, w, groups) or x.shape[1] != w.shape[1]:
        return refused(TAKEN)
    axes = tuple(map(forward, x.shape[2:], w.shape[2:], stride, padding, dilation))
    if min(axis.count for axis in axes) < 1:
        return refused(TAKEN)
    z = empty_rows((len(x), len(w), *(axis.count for axis in axes)), x.dtype)
    target = innermost(z)
    swept(in_rows(x), target, axes, np.moveaxis(w, (1, 0), (-2, -1)))
    if b is not None:
        target += b
    return z


@np.errstate(all="ignore")
def conv_dx(u, w, *, space, stride, padding, dilation, groups):
    """The kernel of conv_dx for one group of channels."""
    if not covered(u, w, groups) or u.shape[1] != len(w):
        return refused(TAKEN)
    z = empty_rows((len(u), w.shape[1], *space), u.dtype)
    reached = list(itertools.product(*map(backward, space, w.shape[2:], stride, padding, dilation)))
    if sum(math.prod(axis.count for axis in axes) for axes in reached) < math.prod(space):
        z[...] = 0  # there are places that no window reaches
    u, target, w = in_rows(u), innermost(z), np.moveaxis(w, (0, 1), (-2, -1))
    for axes in reached:
        swept(u, target, axes, w)
    return z


@np.errstate(all="ignore")
def conv_dw(u, x, *, window, stride, padding, dilation, groups):
    """The kernel of conv_dw for one group of channels."""
    if not covered(u, x, groups):
        return refused(TAKEN)
    axes = tuple(map(forward, x.shape[2:], window, stride, padding, dilation))
    return weighed(in_rows(u), in_rows(x), axes, window)
