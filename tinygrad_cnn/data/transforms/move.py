"""Images mirrored, turned, scaled and shifted at random."""

import numpy as np

from ..draws import batch_rng
from .transform import Transform, as_float


class RandomHorizontalFlip(Transform):
    """Each image is mirrored left to right with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The images, some of them mirrored. Shape: (N, C, H, W) -> the same."""
        flipped = images.copy()
        chosen = batch_rng().random(len(images)) < self.p
        flipped[chosen] = images[chosen, :, :, ::-1]
        return flipped


class RandomAffine(Transform):
    """Each image is turned, scaled and shifted by its own random amounts, by `affine`.

    Units: degrees: one number d for (-d, d), or a range; translate: the largest shift to each side
    as shares of width and height (2 of 32 pixels: 2 / 32); scale: a range of factors.
    Differs: from torchvision: shifts are not rounded to whole pixels, and pixels are interpolated
    bilinearly, not taken from the nearest; there is no shear.
    """

    def __init__(
        self,
        degrees: float | tuple[float, float],
        translate: tuple[float, float] = (0.0, 0.0),
        scale: tuple[float, float] = (1.0, 1.0),
        *,
        fill: float = 0.0,
    ) -> None:
        self.degrees = (-degrees, degrees) if isinstance(degrees, (int, float)) else degrees
        self.translate = translate
        self.scale = scale
        self.fill = fill

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The moved images. Shape: (N, C, H, W) -> the same, float32."""
        n, _, height, width = images.shape
        reach = np.multiply(self.translate, (width, height))
        rng = batch_rng()
        angle = rng.uniform(*self.degrees, n)
        shift = rng.uniform(-reach, reach, (n, 2))
        scale = rng.uniform(*self.scale, n)
        return affine(images, angle, shift, scale, self.fill)


def affine(
    images: np.ndarray,
    angle: np.ndarray,
    shift: np.ndarray,
    scale: np.ndarray,
    fill: float = 0.0,
) -> np.ndarray:
    """Images turned about their centre and scaled, then shifted; bilinear, `fill` from outside.

    An output pixel looks back to where it came from: c + R(-angle) (pixel - c - shift) / scale.

    Shape: images (N, C, H, W), angle (N,), shift (N, 2) as (x, y), scale (N,) -> images, float32.
    Units: angle in degrees clockwise, shift in pixels to the right and down.
    """
    n, channels, height, width = images.shape
    # One border pixel before and two behind: every place below then has its four neighbours.
    padded = np.full((channels, n, height + 3, width + 3), fill, np.float32)
    padded[:, :, 1:-2, 1:-2] = images.transpose(1, 0, 2, 3)
    x, y = sources(angle, shift, scale, height, width)
    left = np.floor(x)
    top = np.floor(y)
    first = np.arange(n).reshape(-1, 1, 1) * ((height + 3) * (width + 3))  # of the image
    corner = first + ((top + 1) * (width + 3) + (left + 1)).astype(np.intp)
    x -= left  # from here on the shares of the right and the lower neighbours
    y -= top
    out = np.empty((n, channels, height, width), np.float32)
    for c in range(channels):
        upper_left = padded[c].reshape(-1)  # a neighbour is a fixed number of places further on
        lower_left = upper_left[width + 3 :]
        upper = between(upper_left.take(corner), upper_left[1:].take(corner), x)
        lower = between(lower_left.take(corner), lower_left[1:].take(corner), x)
        out[:, c] = between(upper, lower, y)
    return out


def sources(
    angle: np.ndarray, shift: np.ndarray, scale: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel comes from, at most one pixel outside: x and y (N, H, W)."""
    turn = np.deg2rad(np.reshape(angle, (-1, 1, 1)))
    cos = np.cos(turn) / np.reshape(scale, (-1, 1, 1))
    sin = np.sin(turn) / np.reshape(scale, (-1, 1, 1))
    centre_x = (width - 1) / 2
    centre_y = (height - 1) / 2
    across = np.arange(width) - centre_x - shift[:, 0].reshape(-1, 1, 1)  # (N, 1, W)
    down = np.arange(height).reshape(-1, 1) - centre_y - shift[:, 1].reshape(-1, 1, 1)  # (N, H, 1)
    x = as_float(cos * across + centre_x) + as_float(sin * down)
    y = as_float(-sin * across + centre_y) + as_float(cos * down)
    np.clip(x, -1, width, out=x)
    np.clip(y, -1, height, out=y)
    return x, y


def between(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The numbers at `share` of the way from start to end, which is overwritten."""
    end -= start
    end *= share
    end += start
    return end
