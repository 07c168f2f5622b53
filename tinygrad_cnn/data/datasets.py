"""Image data sets that fit in memory: Digits comes with the package, the others as IDX files.

Images are bytes (N, C, H, W) in `images`, labels int64 (N,) in `labels`; both are NumPy arrays, so
a whole batch is one index. `dataset[i]` is (image, label) after the transforms.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..io.download import cache_folder, download
from .dataset import Dataset
from .idx import read_idx
from .transforms import apply

FOLDER = Path(__file__).parent


class ImageDataset(Dataset):
    """Images and labels in memory.

    transform acts on an image (C, H, W) and target_transform on a label; a `Transform` of ours gets
    a whole batch (N, C, H, W) at once.
    """

    classes: tuple[str, ...] = tuple("0123456789")

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
    ) -> None:
        self.images = images
        self.labels = labels.astype(np.int64)
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        image = self.images[index]
        label = int(self.labels[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    def __getitems__(self, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        images = self.images[indices]
        labels = self.labels[indices]
        if self.transform is not None:
            images = apply(self.transform, images)
        if self.target_transform is not None:
            labels = np.array([self.target_transform(int(label)) for label in labels])
        return images, labels

    def __repr__(self) -> str:
        shape = "x".join(str(n) for n in self.images.shape[1:])
        return f"{type(self).__name__}({len(self)} images {shape}, {len(self.classes)} classes)"


class Digits(ImageDataset):
    """The 1,797 handwritten digits that come with this package: images (N, 1, 8, 8) from 0 to 16.

    split="shuffled": of the permutation `numpy.random.RandomState(0).permutation(1797)` the first
    1,437 samples are for training and the other 360 are the test. split="writers": the first 1,437
    samples of the file are for training and the last 360 are the test. The file holds one writer
    after another, so these are hands that training has not seen, except one: the cut falls 22
    samples into a run of about 130. It is the harder test of the two.

    Raises: ValueError if split is another word.
    Source: Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, test part; UCI
    Machine Learning Repository, doi 10.24432/C50P49, licence CC BY 4.0.
    """

    def __init__(
        self,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        *,
        split: str = "shuffled",
    ) -> None:
        with np.load(FOLDER / "digits.npz") as file:
            images = file["images"][:, None]
            labels = file["labels"]
        if split == "shuffled":
            order = np.random.RandomState(0).permutation(len(images))  # NumPy keeps it for ever
        elif split == "writers":
            order = np.arange(len(images))
        else:
            raise ValueError(f"split is 'shuffled' or 'writers', got {split!r}")
        chosen = order[:1437] if train else order[1437:]
        super().__init__(images[chosen], labels[chosen], transform, target_transform)


class MNIST(ImageDataset):
    """Handwritten digits: 60,000 for training, 10,000 for the test, images (N, 1, 28, 28) of bytes.

    Reads the four IDX files, plain or .gz, from the folder `root` or from `root`/MNIST/raw; with
    download=True fetches what is missing into the latter. Each file's content has to have the
    checksum of the published one.

    root: by default $TINYGRAD_CNN_CACHE, else ~/.cache/tinygrad_cnn.

    Raises: RuntimeError if a file is missing or cannot be fetched, ValueError if one is damaged.
    Source: LeCun, Cortes and Burges (1998), The MNIST database of handwritten digits.
    """

    mirrors: tuple[str, ...] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    checksums: dict[str, str] = {  # of the unpacked files
        "train-images-idx3-ubyte": "md5:6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "md5:a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "md5:2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "md5:27ae3e4e09519cfbb04c329615203637",
    }

    def __init__(
        self,
        root: str | os.PathLike | None = None,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        folder = cache_folder() if root is None else Path(root).expanduser()
        part = "train" if train else "t10k"
        images = self.read(f"{part}-images-idx3-ubyte", folder, download)
        labels = self.read(f"{part}-labels-idx1-ubyte", folder, download)
        super().__init__(images[:, None], labels, transform, target_transform)

    def read(self, name: str, folder: Path, fetch: bool) -> np.ndarray:
        """The array in one of the four files, found in `folder` or fetched."""
        home = folder / type(self).__name__ / "raw"  # where torchvision puts it
        places = [place / (name + end) for place in (folder, home) for end in ("", ".gz")]
        path = next((place for place in places if place.is_file()), None)
        urls = [f"{mirror}{name}.gz" for mirror in self.mirrors]
        if path is None and fetch:
            path = download(urls, home / (name + ".gz"), self.checksums[name])
        if path is None:
            raise RuntimeError(
                f"{type(self).__name__} found neither {name} nor {name}.gz in {folder} or {home}; "
                f"pass download=True, or place {urls[0]} there"
            )
        return read_idx(path, self.checksums[name])


class FashionMNIST(MNIST):
    """Pictures of clothes in MNIST's format and numbers; everything else is as in MNIST.

    Source: Xiao, Rasul and Vollgraf (2017), Fashion-MNIST: a Novel Image Dataset for Benchmarking
    Machine Learning Algorithms.
    """

    classes = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    mirrors = (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    )
    checksums = {
        "train-images-idx3-ubyte": "md5:f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "md5:9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "md5:8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "md5:15d484375f8d13e6eb1aabb0c3f46965",
    }
