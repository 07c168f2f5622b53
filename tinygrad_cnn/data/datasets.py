"""Image data sets that fit in memory: Digits comes with the package, the others as files.

Images are bytes (N, C, H, W) in `images`, labels int64 (N,) in `labels`; both are NumPy arrays, so
a whole batch is one index. `dataset[i]` is (image, label) after the transforms.
"""

import os
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..io.download import cache_folder, download, is_intact
from .dataset import Dataset
from .idx import read_idx
from .image_folder import ImageFolder as ImageFolder
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


class CIFAR10(ImageDataset):
    """Photographs of ten things: 50,000 for training, 10,000 for the test, (N, 3, 32, 32) of bytes.

    Reads the files of the binary version from the folder `root`, or from the folder in it that the
    archive unpacks to; or the archive itself, in `root` or `root`/CIFAR10. With download=True the
    archive is fetched into the latter if nothing is there. An archive has to have the checksum of
    the published one.

    root: by default $TINYGRAD_CNN_CACHE, else ~/.cache/tinygrad_cnn.

    Raises: RuntimeError if nothing is there or it cannot be fetched, ValueError for damaged files.
    Source: Krizhevsky (2009), Learning multiple layers of features from tiny images, chapter 3.
    """

    classes = (
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    )
    urls: tuple[str, ...] = ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",)
    checksum: str = "md5:c32a1d4ab5d03f1284b67883e8d87530"  # of the archive
    folder: str = "cifar-10-batches-bin"  # what the archive unpacks to
    train_files: tuple[str, ...] = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
    test_files: tuple[str, ...] = ("test_batch.bin",)
    label_bytes: int = 1  # before each image; the last of them is the class

    def __init__(
        self,
        root: str | os.PathLike | None = None,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ) -> None:
        place = cache_folder() if root is None else Path(root).expanduser()
        contents = self.read(self.train_files if train else self.test_files, place, download)
        records = np.concatenate([self.records(name, content) for name, content in contents])
        labels = records[:, self.label_bytes - 1]
        images = records[:, self.label_bytes :].reshape(-1, 3, 32, 32)
        super().__init__(images, labels, transform, target_transform)

    def read(self, names: Sequence[str], place: Path, fetch: bool) -> list[tuple[str, bytes]]:
        """The files' names, as an error is to show them, and their bytes."""
        for folder in (place, place / self.folder):
            paths = [folder / name for name in names]
            if all(path.is_file() for path in paths):
                return [(str(path), path.read_bytes()) for path in paths]
        wanted = [f"{self.folder}/{name}" for name in names]
        path = self.archive(place, fetch)
        with tarfile.open(path) as archive:  # read in its own order: it can only be unpacked once
            found = {m.name: archive.extractfile(m).read() for m in archive if m.name in wanted}
        return [(f"{path}: {name}", found[name]) for name in wanted]

    def archive(self, place: Path, fetch: bool) -> Path:
        """The archive, found in `place` or fetched."""
        name = self.urls[0].rpartition("/")[2]
        home = place / type(self).__name__
        path = next((p for p in (place / name, home / name) if p.is_file()), None)
        if path is None and fetch:
            return download(self.urls, home / name, self.checksum)
        if path is None:
            raise RuntimeError(
                f"{type(self).__name__} found neither {self.test_files[0]} and its like nor {name} "
                f"in {place} or {home}; pass download=True, or place {self.urls[0]} there"
            )
        if not is_intact(path, self.checksum):
            raise ValueError(
                f"{path} is damaged, or is another data set's: expected content with "
                f"{self.checksum}; delete it and fetch it again"
            )
        return path

    def records(self, name: str, content: bytes) -> np.ndarray:
        """The labels and pixels in a file, a row for each image."""
        size = self.label_bytes + 3 * 32 * 32
        if not content or len(content) % size:
            raise ValueError(
                f"{name} is cut short, or no file of {type(self).__name__}: expected records of "
                f"{size} bytes, got {len(content)} bytes; fetch it again"
            )
        records = np.frombuffer(content, np.uint8).reshape(-1, size)
        largest = records[:, self.label_bytes - 1].max()
        if largest >= len(self.classes):
            raise ValueError(
                f"{name} is damaged, or no file of {type(self).__name__}: expected labels below "
                f"{len(self.classes)}, got {largest}; fetch it again"
            )
        return records


# The classes of CIFAR100, from 0 to 99: fine_label_names.txt of the published archive.
HUNDRED_THINGS = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle
bowl boy bridge bus butterfly camel can castle caterpillar cattle
chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur
dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard
lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain
mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
plain plate poppy porcupine possum rabbit raccoon ray road rocket
rose sea seal shark shrew skunk skyscraper snail snake spider
squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""


class CIFAR100(CIFAR10):
    """Photographs of a hundred things, in CIFAR10's numbers and sizes; everything else as there.

    Source: Krizhevsky (2009), Learning multiple layers of features from tiny images, chapter 3.
    """

    classes = tuple(HUNDRED_THINGS.split())
    urls = ("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",)
    checksum = "md5:03b5dce01913d631647c71ecec9e9cb8"
    folder = "cifar-100-binary"
    train_files = ("train.bin",)
    test_files = ("test.bin",)
    label_bytes = 2  # the superclass comes first
