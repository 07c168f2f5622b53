"""PyTorch's `torch.utils` by name: `utils.checkpoint.checkpoint` and `utils.data`."""

from . import checkpoint, data

__all__ = ["checkpoint", "data"]
