"""PyTorch's name for `autograd.checkpoint`: activations computed again instead of kept."""

from ..autograd.checkpoint import checkpoint, checkpoint_sequential

__all__ = ["checkpoint", "checkpoint_sequential"]
