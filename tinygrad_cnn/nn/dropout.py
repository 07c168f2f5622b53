"""Dropout as layers."""

from ..tensor import Tensor
from . import functional as F
from .module import Module


class Dropout(Module):
    """In training each element zeroed with probability p and the rest over 1 - p, as F.dropout.

    Raises: ValueError for a p outside [0, 1].
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: a probability lies within [0, 1], got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x, thinned out in training."""
        return F.dropout(x, self.p, self.training)

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}, inplace={self.inplace}"
