"""PyTorch's `torch.utils` by name: what belongs nowhere else."""

from .autograd.checkpoint import checkpoint

__all__ = ["checkpoint"]
