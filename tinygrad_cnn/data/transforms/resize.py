"""Images at other sizes, whole or a random part of each."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..draws import batch_rng
from .transform import Transform, as_float, as_kind

TRIES = 10  # of a random part, before the middle is taken


class Resize(Transform):
    """Images at `size` (height, width), or with one number for the shorter side, by `resize`.

    antialias: whether what shrinks is smoothed first.

    Differs: interpolation is bilinear always.
    """

    def __init__(self, size: int | tuple[int, int], *, antialias: bool = True) -> None:
        self.size = size
        self.antialias = antialias

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The resized images; bytes stay bytes. Shape: (N, C, H, W) -> (N, C, P, Q)."""
        size = self.size
        if isinstance(size, int):
            height, width = images.shape[2:]
            shorter = min(height, width)
            size = (height * size // shorter, width * size // shorter)
        return as_kind(images, resize(images, size, self.antialias))


class RandomResizedCrop(Transform):
    """A random part of each image, at `size` (one number, or height and width).

    scale: the range of the part's share of the area. ratio: the range of its width / height, whose
    logarithm is drawn. If ten parts drawn do not fit, the largest one in the middle is taken whose
    ratio lies in the range.

    Source: Szegedy et al. 2015, section 6.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        *,
        antialias: bool = True,
    ) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.scale = scale
        self.ratio = ratio
        self.antialias = antialias

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The parts; bytes stay bytes. Shape: (N, C, H, W) -> (N, C, *size)."""
        parts = np.empty((*images.shape[:2], *self.size), np.float32)
        for image, part in zip(images, parts, strict=True):
            top, left, height, width = self.window(*image.shape[1:])
            window = image[None, :, top : top + height, left : left + width]
            part[...] = resize(window, self.size, self.antialias)[0]
        return as_kind(images, parts)

    def window(self, height: int, width: int) -> tuple[int, int, int, int]:
        """A random part of an image of this size: (top, left, height, width)."""
        rng = batch_rng()
        area = height * width * rng.uniform(*self.scale, TRIES)
        ratio = np.exp(rng.uniform(*np.log(self.ratio), TRIES))
        places = rng.random(2)
        heights = np.rint(np.sqrt(area / ratio)).astype(int)
        widths = np.rint(np.sqrt(area * ratio)).astype(int)
        fits = (heights >= 1) & (heights <= height) & (widths >= 1) & (widths <= width)
        if not fits.any():
            return middle(height, width, self.ratio)
        first = fits.argmax()
        high, wide = int(heights[first]), int(widths[first])
        top, left = (places * (height - high + 1, width - wide + 1)).astype(int).tolist()
        return top, left, high, wide


def middle(height: int, width: int, ratio: Sequence[float]) -> tuple[int, int, int, int]:
    """The largest part in the middle whose width / height lies in `ratio`; see `window`."""
    high, wide = height, width
    if width < ratio[0] * height:
        high = max(1, round(width / ratio[0]))
    elif width > ratio[1] * height:
        wide = max(1, round(height * ratio[1]))
    return (height - high) // 2, (width - wide) // 2, high, wide


def resize(images: np.ndarray, size: tuple[int, int], antialias: bool = False) -> np.ndarray:
    """Images at another size, by bilinear interpolation between pixel centres.

    Output pixel i stands at (i + 0.5) * H / P - 0.5 of the input. antialias: where pixels get
    fewer, each is the mean of all within H / P of its place, nearer ones counting more. It is
    PyTorch's `interpolate(mode="bilinear", align_corners=False)`.

    Shape: images (N, C, H, W), size (P, Q) -> (N, C, P, Q) float32.
    Raises: ValueError for a side without a pixel.
    """
    height, width = images.shape[2:]
    rows = bilinear(height, size[0], antialias)
    columns = bilinear(width, size[1], antialias)
    return rows @ (as_float(images) @ columns.T)


@lru_cache(maxsize=64)
def bilinear(old: int, new: int, antialias: bool = False) -> np.ndarray:
    """The matrix (new, old) that interpolates a line of `old` pixels at `new` places."""
    if old < 1 or new < 1:
        raise ValueError(f"cannot resize {old} pixels to {new}; both sides need at least one")
    reach = max(1.0, old / new) if antialias else 1.0
    places = (np.arange(new) + 0.5) * old / new - 0.5
    distance = np.abs(places[:, None] - np.arange(old))
    matrix = np.maximum(0, 1 - distance / reach)  # a triangle about each place
    # At the edges a part of the triangle hangs out over pixels that are not there.
    matrix = (matrix / matrix.sum(1, keepdims=True)).astype(np.float32)
    matrix.flags.writeable = False  # the cache hands it to everybody
    return matrix
