"""Layers without weights that only pass on or reshape."""

from typing import Any

from ..tensor import Tensor
from .module import Module


class Identity(Module):
    """x itself, whatever the arguments: a placeholder."""

    def __init__(self, *args: Any, **named: Any) -> None:
        pass

    def forward(self, x: Tensor) -> Tensor:
        """The input itself."""
        return x


class Flatten(Module):
    """x with the axes from start_dim to end_dim made one.

    Shape: (N, C, H, W) -> (N, C · H · W) by default.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Tensor) -> Tensor:
        """x, flattened."""
        return x.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The settings."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """x with the axis `dim` made several.

    Shape: (N, C · H · W) -> (N, C, H, W) for Unflatten(1, (C, H, W)); one size may be -1.

    Raises: TypeError for sizes that are not whole numbers in a tuple or list.
    """

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        if not isinstance(dim, int):
            raise TypeError(f"Unflatten: dim is an int, got {dim!r}")
        whole = isinstance(unflattened_size, (tuple, list)) and all(
            isinstance(n, int) for n in unflattened_size
        )
        if not whole:
            raise TypeError(f"Unflatten: expected a tuple of ints, got {unflattened_size!r}")
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, x: Tensor) -> Tensor:
        """x, unflattened."""
        return x.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The settings."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
