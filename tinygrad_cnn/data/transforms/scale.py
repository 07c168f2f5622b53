"""From bytes to the numbers that a network takes."""

from collections.abc import Sequence

import numpy as np

from .transform import Transform, as_float


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
