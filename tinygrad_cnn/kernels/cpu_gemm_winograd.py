"""Winograd's convolution by NumPy alone: windows of 3x3 at stride 1, F(4x4, 3x3).

The patches of 6x6 elements that make 4x4 results are gathered, transformed by one matrix product,
multiplied with the transformed weights, one product for each of the 36 elements, and transformed
back. A matrix that is applied from both sides is applied at once, as its Kronecker product with
itself. The gradient for the input is the same with turned weights; that for the weights sums
products of the transforms of patches and gradients.

Source: Lavin and Gray, 2016, section 4.

Differs from the direct products in rounding, and where numbers are not finite, as `cpu_winograd`.
"""

import functools
import math

import numpy as np

from .choice import SETTINGS
from .cpu_gather import ROOM, Piece, pieces, windows
from .portions import share, slices
from .windows import Axis
from .winograd import TAPS, matrix

M = 4  # results of a tile along an axis
ELEMENTS = (M + TAPS - 1) ** 2  # of a patch
WEIGHTS = 48  # multiplications that take as long as a number of the transformed weights
WORTH = 1.25  # so many times fewer multiplications pay for what is copied


def is_worth(x: np.ndarray, axes: tuple[Axis, ...], out: int) -> bool:
    """Whether these are windows of 3x3 at stride 1 on float32 numbers, and clearly fewer
    multiplications do for so many channels out.

    Shape: x (N, H, W, C).
    """
    ordinary = all(axis.step == 1 and axis.offsets == (0, 1, 2) for axis in axes)
    if not ordinary or len(axes) != 2 or x.dtype.char != "f" or SETTINGS.precise:
        return False
    channels, places = x.shape[-1], len(x) * math.prod(axis.count for axis in axes)
    tiles = len(x) * math.prod(-(-axis.count // M) for axis in axes)
    each = channels * out + ELEMENTS * channels + M**2 * out
    products = ELEMENTS * (tiles * each + WEIGHTS * channels * out)
    return WORTH * products < TAPS**2 * places * channels * out


@functools.cache
def both(what: str) -> np.ndarray:
    """The matrix that does to a whole tile what one of `winograd` does from both sides."""
    one = matrix(M, what)
    return np.kron(one, one).astype(np.float32)


def tiles(axes: tuple[Axis, ...], size: int) -> tuple[Axis, ...]:
    """Where patches of this size lie for tiles of the results of these axes."""
    taps = tuple(range(size))
    return tuple(Axis(taps, taps, a.before, M, -(-a.count // M), 0, 1) for a in axes)


def transformed(x: np.ndarray, axes: tuple[Axis, ...], piece: Piece, what: str) -> np.ndarray:
    """The transforms of patches of x (N, H, W, C).

    Shape: (elements of a transform, patches, C).
    """
    view = windows(x, axes, *piece).transpose(3, 4, 0, 1, 2, 5)
    size = view.shape[0] * view.shape[1]
    patches = ROOM.copied("windows", view).reshape(size, -1)
    z = ROOM.take(what, (ELEMENTS, patches.shape[1]), x.dtype)
    np.matmul(both(what), patches, out=z)
    return z.reshape(ELEMENTS, -1, x.shape[-1])


def transformed_weights(w: np.ndarray) -> np.ndarray:
    """The transforms of weights.

    Shape: w (3, 3, C, K) -> (elements, C, K).
    """
    w = w.reshape(TAPS**2, *w.shape[2:])
    z = ROOM.take("weights", (ELEMENTS, *w.shape[1:]), w.dtype)

    def work(portion: list[slice]) -> None:
        for channels in portion:
            own = z[:, channels].reshape(ELEMENTS, -1)
            np.matmul(both("weights"), w[:, channels].reshape(len(w), -1), out=own)

    share(work, slices(w.shape[1], z.size))
    return z


def convolved(x: np.ndarray, z: np.ndarray, axes: tuple[Axis, ...], w: np.ndarray) -> None:
    """Write the windows of x times the weights in z.

    Shape: x (N, H, W, C), w (3, 3, C, K), z (N, P, Q, K).
    """
    patches = tiles(axes, M + TAPS - 1)
    weights = transformed_weights(w)

    def work(portion: list[Piece]) -> None:
        for images, lines in portion:
            v = transformed(x, patches, (images, lines), "image")
            products = ROOM.take("products", (*v.shape[:2], z.shape[-1]), x.dtype)
            np.matmul(v, weights, out=products)
            y = ROOM.take("results", (M**2, v.shape[1] * z.shape[-1]), x.dtype)
            np.matmul(both("result"), products.reshape(ELEMENTS, -1), out=y)
            put(y, z[images, M * lines.start : M * lines.stop])

    share(work, pieces(x, patches, weights.size))


def put(y: np.ndarray, z: np.ndarray) -> None:
    """Write tiles in z; the last may reach beyond it.

    Shape: y (M M, tiles * K), z (N, P, Q, K).
    """
    n, high, wide, channels = z.shape
    down, across = -(-high // M), -(-wide // M)
    whole = (n, down * M, across * M, channels)
    image = z if z.shape == whole else ROOM.take("whole", whole, z.dtype)
    y = y.reshape(M, M, n, down, across, channels)
    image.reshape(n, down, M, across, M, channels)[...] = y.transpose(2, 3, 0, 4, 1, 5)
    if image is not z:
        z[...] = image[:, :high, :wide]


def weighed(u: np.ndarray, x: np.ndarray, axes: tuple[Axis, ...]) -> np.ndarray:
    """The gradient for the weights.

    Shape: u (N, P, Q, K), x (N, H, W, C) -> (K, C, 3, 3).
    """
    k, c = u.shape[-1], x.shape[-1]
    patches = tiles(axes, M + TAPS - 1)
    results = tiles([a._replace(before=0) for a in axes], M)

    def work(portion: list[Piece]) -> np.ndarray:
        z = 0
        for piece in portion:
            v = transformed(x, patches, piece, "image")
            z += np.matmul(transformed(u, results, piece, "gradient").transpose(0, 2, 1), v)
        return z

    z = sum(share(work, pieces(x, patches, ELEMENTS * k * c)))
    return np.matmul(z.reshape(ELEMENTS, -1).T, both("sums").T).reshape(k, c, TAPS, TAPS)
