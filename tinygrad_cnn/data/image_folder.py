"""ImageFolder: picture files in a folder for each class, read when they are asked for."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .dataset import Dataset
from .transforms.transform import as_array

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")


def read_image(path: str | os.PathLike) -> np.ndarray:
    """A picture file in red, green and blue. Shape: (3, H, W) of bytes.

    Raises: RuntimeError without Pillow; FileNotFoundError if there is no such file; OSError if it
    is no picture, or damaged.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise RuntimeError(
            "reading picture files needs Pillow; install it with: "
            "pip install 'tinygrad_cnn[images]'"
        ) from error
    try:
        with Image.open(path) as file:
            return as_array(file.convert("RGB"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"cannot read {path}: there is no such file") from error
    # Pillow's decoders say of damaged files what they like: OSError, SyntaxError, ValueError ...
    except Exception as error:
        raise OSError(
            f"{path} is not a picture that Pillow can read; delete it, or replace it by a whole one"
        ) from error


class ImageFolder(Dataset):
    """Pictures in folders: root/cat/1.jpg, root/dog/old/7.png and so on; a class for each folder.

    Classes are numbered in the order of their names, pictures go in the order of their paths.
    Files of other extensions are passed over, and so is what begins with a dot. `classes` are the
    names, `class_to_idx` their numbers, `samples` the pairs (path, number), `targets` the numbers.

    loader: makes an image of a path; the transform gets what it returns, by default an array
    (3, H, W) of bytes. target_transform: of a class's number. Pictures of a batch need one size,
    which RandomResizedCrop gives them, or Resize((height, width)).

    Raises: FileNotFoundError if there is no such folder, if it holds no folders, or one of them no
    picture; OSError, when it is read, for a picture that is damaged.

    Differs: the default loader returns arrays, not Pillow's images.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        loader: Callable[[str], Any] = read_image,
        extensions: Sequence[str] = EXTENSIONS,
    ) -> None:
        self.root = Path(root).expanduser()
        self.transform = transform
        self.target_transform = target_transform
        self.loader = loader
        folders = class_folders(self.root)
        self.classes = tuple(folder.name for folder in folders)
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}
        self.samples: list[tuple[str, int]] = []
        empty = []
        for number, folder in enumerate(folders):
            paths = pictures_in(folder, tuple(end.lower() for end in extensions))
            self.samples += [(path, number) for path in paths]
            if not paths:
                empty.append(folder.name)
        if empty:
            raise FileNotFoundError(
                f"{self.root} has no pictures of {', '.join(empty)}: expected files that end in "
                f"{', '.join(extensions)} there; add some, or remove the folder"
            )
        self.targets = [number for _, number in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        path, label = self.samples[index]
        image = self.loader(path)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    def __repr__(self) -> str:
        return f"ImageFolder({len(self)} images in {self.root}, {len(self.classes)} classes)"


def class_folders(root: Path) -> list[Path]:
    """The folders in `root`, by name."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"there is no folder {root}; give the one that holds a folder of pictures per class"
        )
    folders = [path for path in root.iterdir() if path.is_dir() and not hidden(path.name)]
    if not folders:
        raise FileNotFoundError(
            f"{root} holds no folders; put the pictures of each class into one of their own there"
        )
    return sorted(folders, key=lambda path: path.name)


def pictures_in(folder: Path, ends: tuple[str, ...]) -> list[str]:
    """The files under `folder` with these extensions, by path."""
    found = []
    for place, inner, names in os.walk(folder, followlinks=True):
        inner[:] = [name for name in inner if not hidden(name)]
        found += [
            os.path.join(place, name)
            for name in names
            if name.lower().endswith(ends) and not hidden(name)
        ]
    return sorted(found)


def hidden(name: str) -> bool:
    """Whether a file or folder is one that programs keep for themselves."""
    return name.startswith(".")
