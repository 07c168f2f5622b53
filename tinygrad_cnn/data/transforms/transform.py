"""What a transform of images is, and how several make one."""

from collections.abc import Callable, Iterable

import numpy as np


class Transform:
    """A transform of image batches; subclasses define `batch`."""

    def __call__(self, images: object) -> np.ndarray:
        """The transformed image or images, of which Pillow's become arrays first.

        Raises: ValueError if the shape is neither (C, H, W) nor (N, C, H, W); TypeError for what is
        no image.
        """
        images = as_array(images)
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


def as_array(image: object) -> np.ndarray:
    """An image of Pillow's as an array (C, H, W) of bytes, 1 channel for grey and else 3.

    An array stays as it is.

    Raises: TypeError for anything else.
    """
    if isinstance(image, np.ndarray):
        return image
    if not hasattr(image, "getbands"):
        raise TypeError(
            f"a transform takes NumPy arrays or Pillow's images, got {type(image).__name__}"
        )
    if image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    pixels = np.array(image)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


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


def as_float(images: np.ndarray) -> np.ndarray:
    """The images as float32."""
    return images.astype(np.float32, copy=False)


def as_kind(images: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """`numbers` as what `images` are: rounded bytes, or else float32."""
    if images.dtype == np.uint8:
        return np.clip(np.rint(numbers), 0, 255).astype(np.uint8)
    return as_float(numbers)
