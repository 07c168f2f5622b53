"""Parts of images as they are, and borders around them."""

from collections.abc import Sequence

import numpy as np

from ..draws import batch_rng
from .transform import Transform


class Pad(Transform):
    """A border of `fill` around images.

    Units: padding in pixels: all sides, (left and right, top and bottom), or (left, top, right,
    bottom).
    """

    def __init__(self, padding: int | Sequence[int], fill: float = 0) -> None:
        self.padding = padding
        self.fill = fill

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The padded images. Shape: (N, C, H, W) -> (N, C, top + H + bottom, left + W + right)."""
        left, top, right, bottom = sides(self.padding)
        n, c, height, width = images.shape
        shape = (n, c, top + height + bottom, left + width + right)
        padded = np.full(shape, self.fill, images.dtype)
        padded[:, :, top : top + height, left : left + width] = images
        return padded


def sides(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """Padding as (left, top, right, bottom)."""
    numbers = (padding,) if isinstance(padding, int) else tuple(padding)
    if len(numbers) not in (1, 2, 4) or min(numbers) < 0:
        raise ValueError(f"padding is 1, 2 or 4 numbers >= 0, got {padding!r}")
    return numbers * (4 // len(numbers))


class RandomCrop(Transform):
    """A window of `size` (one number, or height and width) at a random place of each padded image.

    Units: size and padding in pixels; padding as in Pad.
    Raises: ValueError if the padded image is smaller than the window.
    """

    def __init__(
        self, size: int | tuple[int, int], padding: int | Sequence[int] = 0, fill: float = 0
    ) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.padding = padding
        self.fill = fill

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The windows. Shape: (N, C, H, W) -> (N, C, *size)."""
        padded = Pad(self.padding, self.fill).batch(images)
        room = np.array(padded.shape[2:]) - self.size  # places to choose from, less one
        if room.min() < 0:
            raise ValueError(
                f"RandomCrop{self.size} does not fit images of {padded.shape[2:]} pixels after "
                "padding; pad more or crop less"
            )
        top, left = batch_rng().integers(0, room + 1, (len(images), 2)).T
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.size, axis=(2, 3))
        return windows[np.arange(len(images)), :, top, left]


class CenterCrop(Transform):
    """The window of `size` (one number, or height and width) in the middle of each image.

    Images that are smaller get a border of zeros.
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The windows. Shape: (N, C, H, W) -> (N, C, *size)."""
        lack = [max(0, p - n) for p, n in zip(self.size, images.shape[2:], strict=True)]
        before = [n // 2 for n in lack]
        behind = [(n + 1) // 2 for n in lack]
        padded = Pad((before[1], before[0], behind[1], behind[0])).batch(images)
        return window_at(padded, center(padded.shape[2:], self.size), self.size)


class FiveCrop(Transform):
    """Five windows of `size` of each image: its four corners and its middle.

    Their order is top left, top right, bottom left, bottom right, middle.

    Raises: ValueError if an image is smaller than the window.

    Differs: the windows are one array, not a tuple, so what comes behind has to take that; put
    Normalize and its like before.
    """

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The windows. Shape: (N, C, H, W) -> (N, 5, C, *size)."""
        bottom, right = (n - p for n, p in zip(images.shape[2:], self.size, strict=True))
        if min(bottom, right) < 0:
            raise ValueError(
                f"{type(self).__name__}{self.size} does not fit images of {images.shape[2:]} "
                "pixels; resize them first, or crop less"
            )
        middle = center(images.shape[2:], self.size)
        corners = [(0, 0), (0, right), (bottom, 0), (bottom, right), middle]
        return np.stack([window_at(images, corner, self.size) for corner in corners], 1)


class TenCrop(FiveCrop):
    """The windows of FiveCrop, then those of the mirrored image.

    vertical_flip: mirror top to bottom, not left to right. `models.MeanOverCrops` makes one answer
    of a network's ten.

    Source: Krizhevsky et al. 2012, section 4.1.
    """

    def __init__(self, size: int | tuple[int, int], vertical_flip: bool = False) -> None:
        super().__init__(size)
        self.vertical_flip = vertical_flip

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The windows. Shape: (N, C, H, W) -> (N, 10, C, *size)."""
        mirrored = np.flip(images, 2 if self.vertical_flip else 3)
        return np.concatenate([super().batch(images), super().batch(mirrored)], 1)


def center(size: Sequence[int], window: Sequence[int]) -> tuple[int, int]:
    """Top and left of a window in the middle of an image; of two middles the even one."""
    return tuple(round((n - p) / 2) for n, p in zip(size, window, strict=True))


def window_at(images: np.ndarray, corner: Sequence[int], size: Sequence[int]) -> np.ndarray:
    """A copy of the window of `size` whose top and left are `corner`."""
    top, left = corner
    return images[:, :, top : top + size[0], left : left + size[1]].copy()
