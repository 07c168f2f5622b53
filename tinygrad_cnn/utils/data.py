"""PyTorch's name for `tinygrad_cnn.data`: sets of samples and the loader."""

from ..data import ConcatDataset, DataLoader, Dataset, Subset, TensorDataset, random_split

__all__ = ["ConcatDataset", "DataLoader", "Dataset", "Subset", "TensorDataset", "random_split"]
