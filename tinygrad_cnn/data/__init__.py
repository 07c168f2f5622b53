"""Data: sets of samples, transforms of images, and the loader that makes batches of them."""

from . import datasets, transforms
from .dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from .loader import DataLoader

__all__ = [
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "Subset",
    "TensorDataset",
    "datasets",
    "random_split",
    "transforms",
]
