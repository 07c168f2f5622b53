"""Image transforms on arrays: one image (C, H, W) or a whole batch (N, C, H, W) at a time.

A transform is called with images and returns new ones; the ones that compute return float32. A
random transform draws separate numbers for every image of the batch, from `draws.batch_rng()`, so
results depend on the seed and on a batch's place in its epoch, never on threads.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy as np

from .draws import batch_rng


class Transform:
    """A transform of image batches; subclasses define `batch`."""

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The transformed image or images.

        Raises: ValueError if the shape is neither (C, H, W) nor (N, C, H, W).
        """
        if images.ndim == 4:
            return self.batch(images)
        if images.ndim == 3:
            return self.batch(images[None])[0]
        raise ValueError(
            f"{type(self).__name__} takes an image (C, H, W) or a batch (N, C, H, W), got shape "
            f"{images.shape}"
        )

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The transformed images. Shape: images (N, C, H, W)."""
        raise NotImplementedError(f"{type(self).__name__} has to define batch")

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({settings})"


def apply(transform: Callable, images: np.ndarray) -> np.ndarray:
    """A batch through any transform: ours at once, another callable image by image.

    Shape: images (N, C, H, W), or (N, ...) for another callable.
    """
    if isinstance(transform, Transform):
        return transform(images)
    return np.stack([transform(image) for image in images])


class Compose(Transform):
    """One transform after another; any callable on an image (C, H, W) may be among them."""

    def __init__(self, transforms: Iterable[Callable]) -> None:
        self.transforms = list(transforms)

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The images after the last transform. Shape: images (N, C, H, W)."""
        for transform in self.transforms:
            images = apply(transform, images)
        return images


class ToFloat(Transform):
    """Numbers from 0 to `largest` become float32 from 0 to 1."""

    def __init__(self, largest: float = 255.0) -> None:
        self.largest = largest

    def batch(self, images: np.ndarray) -> np.ndarray:
        """Images divided by `largest`. Shape: any -> the same."""
        return as_float(images) * np.float32(1 / self.largest)


class ToTensor(ToFloat):
    """ToFloat for bytes, under torchvision's name.

    Differs: images stay arrays, for it is the loader that makes tensors.
    """

    def __init__(self) -> None:
        super().__init__(255.0)


class Normalize(Transform):
    """Images less `mean`, divided by `std`: one number each per channel, or one for all."""

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean = mean
        self.std = std

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The normalised images. Shape: (N, C, H, W) -> the same."""
        mean = np.asarray(self.mean, np.float32).reshape(-1, 1, 1)
        std = np.asarray(self.std, np.float32).reshape(-1, 1, 1)
        return (as_float(images) - mean) / std


class Resize(Transform):
    """Images at `size` (height, width), or with one number for the shorter side, by `resize`."""

    def __init__(self, size: int | tuple[int, int]) -> None:
        self.size = size

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The resized images. Shape: (N, C, H, W) -> (N, C, P, Q)."""
        if not isinstance(self.size, int):
            return resize(images, self.size)
        height, width = images.shape[2:]
        shorter = min(height, width)
        return resize(images, (height * self.size // shorter, width * self.size // shorter))


def resize(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Images at another size, by bilinear interpolation between pixel centres.

    Output pixel i stands at (i + 0.5) * H / P - 0.5 of the input, moved inside its first and last
    pixel: PyTorch's `interpolate(mode="bilinear", align_corners=False, antialias=False)`.

    Shape: images (N, C, H, W), size (P, Q) -> (N, C, P, Q) float32.
    Differs: torchvision's Resize smooths before shrinking (antialias); this one never does.
    """
    height, width = images.shape[2:]
    rows = bilinear(height, size[0])
    columns = bilinear(width, size[1])
    return rows @ (as_float(images) @ columns.T)


@lru_cache(maxsize=64)
def bilinear(old: int, new: int) -> np.ndarray:
    """The matrix (new, old) that interpolates a line of `old` pixels at `new` places."""
    if old < 1 or new < 1:
        raise ValueError(f"cannot resize {old} pixels to {new}; both sides need at least one")
    places = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    distance = np.abs(places[:, None] - np.arange(old))
    matrix = np.maximum(0, 1 - distance).astype(np.float32)
    matrix.flags.writeable = False  # the cache hands it to everybody
    return matrix


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


def as_float(images: np.ndarray) -> np.ndarray:
    """The images as float32."""
    return images.astype(np.float32, copy=False)
