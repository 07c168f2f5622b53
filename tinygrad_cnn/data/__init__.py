"""Data: sets of samples, transforms of images, and the loader that makes batches of them."""

from . import datasets, device_transforms, transforms
from .dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from .loader import DataLoader
from .prefetch import DevicePrefetcher

__all__ = [
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DevicePrefetcher",
    "Subset",
    "TensorDataset",
    "datasets",
    "device_transforms",
    "random_split",
    "transforms",
]
