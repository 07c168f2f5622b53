"""Colours of images changed at random: by a photographer's four dials, or along principal axes.

Images are bytes from 0 to 255, or floats from 0 to 1, and stay what they are.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from ..draws import batch_rng
from .transform import Transform, as_array, as_float, as_kind

GREY = np.array([0.299, 0.587, 0.114], np.float32).reshape(3, 1, 1)  # ITU-R BT.601: the eye's share


class Grayscale(Transform):
    """Colour images as grey ones, in 1 or 3 equal channels; grey ones keep their numbers.

    Source: ITU-R BT.601 for the weights of red, green and blue.
    """

    def __init__(self, num_output_channels: int = 1) -> None:
        self.num_output_channels = num_output_channels

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The grey images. Shape: (N, 1 or 3, H, W) -> (N, num_output_channels, H, W)."""
        grey = as_kind(images, luma(as_float(images)))
        return np.repeat(grey, self.num_output_channels, axis=1)


def luma(images: np.ndarray) -> np.ndarray:
    """The brightness of each pixel. Shape: (..., 1 or 3, H, W) -> (..., 1, H, W)."""
    return images if images.shape[-3] == 1 else (images * GREY).sum(-3, keepdims=True)


# --- four dials -----------------------------------------------------------------------------------


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue of each image, changed in a random order.

    brightness, contrast, saturation: a number b for factors from max(0, 1 - b) to 1 + b, or a
    range. hue: a number h for shifts from -h to h, or a range, in turns of the colour circle.

    Raises: ValueError for negative factors, hues outside [-0.5, 0.5], or a range upside down.
    """

    def __init__(
        self,
        brightness: float | Sequence[float] = 0,
        contrast: float | Sequence[float] = 0,
        saturation: float | Sequence[float] = 0,
        hue: float | Sequence[float] = 0,
    ) -> None:
        self.brightness = range_of("brightness", brightness)
        self.contrast = range_of("contrast", contrast)
        self.saturation = range_of("saturation", saturation)
        self.hue = range_of("hue", hue)

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The images in other colours. Shape: (N, 1 or 3, H, W) -> the same."""
        top = np.float32(255 if images.dtype == np.uint8 else 1)
        changed = np.stack([self.changed(as_float(image) / top) for image in images])
        return as_kind(images, changed * top)

    def changed(self, image: np.ndarray) -> np.ndarray:
        """One image in other colours. Shape: (C, H, W) of floats from 0 to 1 -> the same."""
        rng = batch_rng()
        dials = [
            (adjust_brightness, self.brightness),
            (adjust_contrast, self.contrast),
            (adjust_saturation, self.saturation),
            (adjust_hue, self.hue),
        ]
        for i in rng.permutation(len(dials)).tolist():
            adjust, bounds = dials[i]
            if bounds is not None:
                image = adjust(image, rng.uniform(*bounds))
        return image


def range_of(name: str, given: float | Sequence[float]) -> tuple[float, float] | None:
    """The range of amounts that a setting of ColorJitter stands for; None if it changes nothing."""
    hue = name == "hue"
    if isinstance(given, (int, float)):
        low, high = (-given, given) if hue else (max(0.0, 1.0 - given), 1.0 + given)
        fine = given >= 0
    else:
        low, high = given
        fine = low <= high
    least, most = (-0.5, 0.5) if hue else (0.0, float("inf"))
    if not (fine and least <= low and high <= most):
        raise ValueError(
            f"ColorJitter: {name} is a number of at least 0 or a range within [{least}, {most}], "
            f"got {given!r}"
        )
    neutral = 0 if hue else 1
    return None if low == high == neutral else (float(low), float(high))


def blended(image: np.ndarray, other: np.ndarray | float, factor: float) -> np.ndarray:
    """factor image + (1 - factor) other, within 0 and 1."""
    return np.clip(np.float32(factor) * image + np.float32(1 - factor) * other, 0, 1)


def adjust_brightness(image: np.ndarray, factor: float) -> np.ndarray:
    """The image blended with black. Shape: (C, H, W) of floats from 0 to 1 -> the same."""
    return blended(image, np.float32(0), factor)


def adjust_contrast(image: np.ndarray, factor: float) -> np.ndarray:
    """The image blended with its mean grey. Shape: (C, H, W) of floats from 0 to 1 -> the same."""
    return blended(image, luma(image).mean(), factor)


def adjust_saturation(image: np.ndarray, factor: float) -> np.ndarray:
    """The image blended with its grey self. Shape: (C, H, W) of floats from 0 to 1 -> the same."""
    return blended(image, luma(image), factor)


def adjust_hue(image: np.ndarray, shift: float) -> np.ndarray:
    """The image, each colour moved on by `shift` turns of the colour circle; grey stays grey.

    Shape: (C, H, W) of floats from 0 to 1 -> the same.

    Source: Smith 1978, Color gamut transform pairs, for hue, saturation and value.
    """
    if image.shape[0] == 1:
        return image
    value = image.max(0)
    spread = value - image.min(0)
    safe = np.where(spread == 0, np.float32(1), spread)
    red, green, blue = image
    hue = np.where(
        value == red,
        (green - blue) / safe,
        np.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    hue = hue + np.float32(6 * shift)  # in sixths of a turn: red, yellow, green, cyan, ...
    # How far a channel is below the value: it falls and rises once around the circle.
    steps = np.stack([(n + hue) % 6 for n in (5, 3, 1)])
    below = np.clip(np.minimum(steps, 4 - steps), 0, 1)
    return as_float(np.clip(value - spread * below, 0, 1))


# --- principal axes -------------------------------------------------------------------------------


class PCANoise(Transform):
    """Each image in another light: a random multiple of every principal colour is added to it.

    The multiple is the eigenvalue times a normal number of deviation `std`, one for each image and
    axis. Where eigenvalues and eigenvectors come from: `principal_colors`.

    Units: pixels from 0 to 1; bytes are taken as shares of 255.

    Raises: ValueError unless there are 3 eigenvalues and 3 x 3 eigenvectors.

    Source: Krizhevsky et al. 2012, section 4.1.

    Differs: results stay within the range of pixels.
    """

    def __init__(
        self,
        eigenvalues: Sequence[float],
        eigenvectors: Sequence[Sequence[float]],
        std: float = 0.1,
    ) -> None:
        self.eigenvalues = np.asarray(eigenvalues, np.float64)
        self.eigenvectors = np.asarray(eigenvectors, np.float64)
        self.std = std
        shapes = self.eigenvalues.shape, self.eigenvectors.shape
        if shapes != ((3,), (3, 3)):
            raise ValueError(
                "PCANoise takes the 3 eigenvalues and 3 eigenvectors, as columns, of a covariance "
                f"of red, green and blue; got shapes {shapes[0]} and {shapes[1]}"
            )

    def batch(self, images: np.ndarray) -> np.ndarray:
        """The images in another light. Shape: (N, 3, H, W) -> the same."""
        multiples = batch_rng().normal(0.0, self.std, (len(images), 3)) * self.eigenvalues
        top = np.float32(255 if images.dtype == np.uint8 else 1)
        light = as_float(multiples @ self.eigenvectors.T)[:, :, None, None]
        return as_kind(images, np.clip(as_float(images) + top * light, 0, top))


def principal_colors(images: Iterable[object]) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues, largest first, and eigenvectors, as columns, of the covariance of all pixels.

    images: arrays (3, H, W) of bytes or floats, or Pillow's; of (image, label) the image is taken.

    Units: pixels from 0 to 1; bytes are taken as shares of 255.

    Raises: ValueError if there is no image, or one without three channels.

    Source: Krizhevsky et al. 2012, section 4.1.
    """
    count = 0
    total = np.zeros(3)
    products = np.zeros((3, 3))
    for sample in images:
        image = as_array(sample[0] if isinstance(sample, tuple) else sample)
        if image.ndim != 3 or image.shape[0] != 3:
            raise ValueError(
                f"principal_colors: expected images of red, green and blue (3, H, W), got shape "
                f"{image.shape}"
            )
        pixels = image.reshape(3, -1) / (255.0 if image.dtype == np.uint8 else 1.0)
        count += pixels.shape[1]
        total += pixels.sum(1)
        products += pixels @ pixels.T
    if not count:
        raise ValueError("principal_colors needs at least one pixel, got no images")
    mean = total / count
    values, vectors = np.linalg.eigh(products / count - np.outer(mean, mean))
    return np.maximum(values[::-1], 0), vectors[:, ::-1]
