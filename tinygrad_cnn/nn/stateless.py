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
