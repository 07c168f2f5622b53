"""Transforms of batches where they lie: Tensors in, Tensors out, as a GPU likes its work.

Bytes go to the device, a quarter of what float32 would be, and become numbers there. Names are
those of `transforms`, which works on arrays of the host. A random transform draws a few numbers per
image from `draws.batch_rng()` on the host; pixels are moved by one gather.
"""

from collections.abc import Callable, Sequence

from ..tensor import Tensor
from .draws import batch_rng


class Compose:
    """Several transforms, one behind the other."""

    def __init__(self, transforms: Sequence[Callable[[Tensor], Tensor]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, images: Tensor) -> Tensor:
        """The images after all of them."""
        for transform in self.transforms:
            images = transform(images)
        return images


class Normalize:
    """Images less `mean`, divided by `std`, as float32; bytes count from 0 to 1 for that.

    mean, std: one number for each channel, or one for all.

    Raises: ValueError for a std that is not above 0, RuntimeError for images of other channels.
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean = [mean] if isinstance(mean, (int, float)) else list(mean)
        self.std = [std] if isinstance(std, (int, float)) else list(std)
        if not all(s > 0 for s in self.std):
            raise ValueError(f"Normalize: each std is above 0, got {std!r}")
        self.factors = {}  # by device and largest number: scale and shift, which stay there

    def __call__(self, images: Tensor) -> Tensor:
        """The normalised images. Shape: (N, C, H, W) -> the same."""
        if not {len(self.mean), len(self.std)} <= {1, images.shape[1]}:
            raise RuntimeError(
                f"Normalize of {len(self.mean)} means and {len(self.std)} deviations does not fit "
                f"images of shape {images.shape}"
            )
        largest = 1 if images.is_floating_point() else 255
        key = (images.device, largest)
        if key not in self.factors:
            mean, std = Tensor(self.mean), Tensor(self.std)
            scale, shift = 1.0 / (std * largest), -mean / std
            self.factors[key] = [f.reshape(1, -1, 1, 1).to(images.device) for f in (scale, shift)]
        scale, shift = self.factors[key]
        return images.float() * scale + shift


class RandomHorizontalFlip:
    """Each image mirrored with probability p.

    Raises: ValueError for a p outside [0, 1].
    """

    def __init__(self, p: float = 0.5) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"RandomHorizontalFlip: p lies within [0, 1], got {p!r}")
        self.p = p

    def __call__(self, images: Tensor) -> Tensor:
        """The images. Shape: (N, C, H, W) -> the same."""
        width = images.shape[3]
        mirrored = Tensor(batch_rng().random(len(images)) < self.p).to(images.device).reshape(-1, 1)
        columns = along(images, width)
        columns = mirrored * (width - 1 - 2 * columns) + columns
        return picked(images, along(images, images.shape[2]), columns)


class RandomCrop:
    """A window of `size` (one number, or height and width) at a random place of each padded image.

    Units: size and padding (zeros, on all sides) in pixels.

    Raises: ValueError if the padded image is smaller than the window, or for negative padding.
    """

    def __init__(self, size: int | tuple[int, int], padding: int = 0) -> None:
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        if padding < 0:
            raise ValueError(f"RandomCrop: padding is 0 or more, got {padding!r}")
        self.padding = padding

    def __call__(self, images: Tensor) -> Tensor:
        """The windows. Shape: (N, C, H, W) -> (N, C, *size)."""
        n, c, height, width = images.shape
        edge = self.padding
        room = [s + 2 * edge - w for s, w in zip((height, width), self.size, strict=True)]
        if min(room) < 0:
            raise ValueError(
                f"RandomCrop{self.size} does not fit images of {height} x {width} pixels with a "
                f"border of {edge}"
            )
        padded = images
        if edge:
            padded = images.new_zeros(n, c, height + 2 * edge, width + 2 * edge)
            padded[:, :, edge : edge + height, edge : edge + width] = images.detach()
        places = Tensor(batch_rng().integers(0, [r + 1 for r in room], (n, 2))).to(images.device)
        rows, columns = (along(images, s) for s in self.size)
        return picked(padded, places[:, :1] + rows, places[:, 1:] + columns)


def along(images: Tensor, size: int) -> Tensor:
    """The numbers 0 .. size - 1, one row of them for all images. Shape: (1, size)."""
    return images.new_ones(1, size, dtype="int64").cumsum(1) - 1


def picked(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The pixels in these rows and columns. Shape: (N, C, H, W), (N or 1, P), (N or 1, Q) -> (N, C,
    P, Q)."""
    n, c = (along(images, size) for size in images.shape[:2])
    key = (n.reshape(-1, 1, 1, 1), c.reshape(1, -1, 1, 1))
    return images[(*key, rows.unsqueeze(1).unsqueeze(3), columns.unsqueeze(1).unsqueeze(2))]
