"""Data sets: things with a length and an index, their combinations, and how samples make a batch.

A sample is an image and a label, or any nest of tuples, lists and dicts of arrays, tensors and
numbers. A data set that can fetch many samples at once has `__getitems__(indices)`; a loader then
asks it once per batch.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ..random import Generator, default_generator
from ..tensor import Tensor

DTYPES = {bool: np.bool_, int: np.int64, float: np.float32}  # Python's numbers in a batch


class Dataset:
    """Something with `__len__` and `__getitem__(index)`, which returns one sample.

    A subclass may add `__getitems__(indices)`: a list of samples, or a tuple of arrays that already
    is the batch.
    """

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} has to define __len__")

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has to define __getitem__")

    def __add__(self, other: "Dataset") -> "ConcatDataset":
        return ConcatDataset([self, other])


class TensorDataset(Dataset):
    """Samples are the rows of tensors (or arrays) that have the same length.

    Raises: ValueError if the lengths differ or no tensor is given.
    """

    def __init__(self, *tensors: Tensor | np.ndarray) -> None:
        lengths = [len(t) for t in tensors]
        if len(set(lengths)) != 1:
            raise ValueError(
                f"TensorDataset needs tensors of one common length, got lengths {lengths}"
            )
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: int) -> tuple:
        return tuple(t[index] for t in self.tensors)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, ...]:
        return tuple(Tensor(getattr(t, "raw", t)[indices]) for t in self.tensors)


class ConcatDataset(Dataset):
    """Data sets one after another.

    Raises: ValueError if there is none.
    """

    def __init__(self, datasets: Iterable[Dataset]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset needs at least one data set, got none")
        self.ends = list(accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.ends[-1]

    def __getitem__(self, index: int) -> Any:
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"index {index} is outside a data set of {len(self)} samples")
        which = bisect_right(self.ends, place)
        start = self.ends[which] - len(self.datasets[which])
        return self.datasets[which][place - start]


class Subset(Dataset):
    """The samples of `dataset` at `indices`, in that order."""

    def __init__(self, dataset: Dataset, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> Any:
        return take(self.dataset, [self.indices[i] for i in indices])


def random_split(
    dataset: Dataset, lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset]:
    """Disjoint random subsets of `dataset`: `lengths` are counts, or shares that sum to 1.

    What rounding shares down leaves over goes to the first subsets, one sample each.

    Raises: ValueError if counts do not sum to the length of the data set.
    """
    total = len(dataset)
    counts = list(lengths)
    if abs(sum(lengths) - 1) < 1e-9 and all(0 <= share <= 1 for share in lengths):
        counts = [int(total * share) for share in lengths]
        for i in range(total - sum(counts)):
            counts[i % len(counts)] += 1
    if sum(counts) != total or min(counts, default=0) < 0:
        raise ValueError(
            f"lengths {list(lengths)} must sum to 1 or to the {total} samples of the data set, "
            f"not to {sum(lengths)}"
        )
    order = (generator or default_generator).numpy().permutation(total).tolist()
    ends = accumulate(counts)
    return [Subset(dataset, order[end - n : end]) for end, n in zip(ends, counts, strict=True)]


def take(dataset: Dataset, indices: Sequence[int]) -> Any:
    """The samples at `indices`: a list of them, or the batch if `dataset` makes it in one go."""
    if hasattr(dataset, "__getitems__"):
        return dataset.__getitems__(indices)
    return [dataset[i] for i in indices]


def mapped(f: Callable[[Tensor], Any], batch: Any) -> Any:
    """A nest of tuples, lists and dicts with f(x) for each Tensor x in it."""
    if isinstance(batch, Tensor):
        return f(batch)
    if isinstance(batch, dict):
        return {key: mapped(f, part) for key, part in batch.items()}
    if isinstance(batch, (tuple, list)) and not hasattr(batch, "_fields"):
        return type(batch)([mapped(f, part) for part in batch])
    return batch


def collate(samples: Sequence[Any]) -> Any:
    """The batch of `samples`: the nest of one sample, with a Tensor where it has a number or array.

    Shape: arrays (C, H, W) -> (N, C, H, W), numbers -> (N,).
    Raises: ValueError if arrays differ in shape.
    Differs: Python floats become float32, and a tuple stays a tuple.
    """
    first = samples[0]
    if isinstance(first, dict):
        return {key: collate([s[key] for s in samples]) for key in first}
    if isinstance(first, (tuple, list)):
        columns = [collate(column) for column in zip(*samples, strict=True)]
        return columns if isinstance(first, list) else tuple(columns)
    if isinstance(first, (bool, int, float)):
        return Tensor(np.array(samples, DTYPES[type(first)]))
    if not isinstance(first, (Tensor, np.ndarray, np.generic)):
        return list(samples)  # strings and whatever else has no array form
    arrays = [s.raw if isinstance(s, Tensor) else s for s in samples]
    shapes = {a.shape for a in arrays}
    if len(shapes) > 1:
        raise ValueError(
            f"samples of one batch have shapes {sorted(shapes)}; resize or pad them to one shape "
            "in the data set's transform, or give the loader a collate_fn"
        )
    return Tensor(np.stack(arrays))
