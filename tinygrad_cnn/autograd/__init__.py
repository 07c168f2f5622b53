"""What users do with the graph: gradients, switches, checks, gates of their own."""

from .check import gradcheck, gradgradcheck
from .function import Function
from .grad import backward, enable_grad, grad, is_grad_enabled, no_grad, set_grad_enabled

__all__ = [
    "Function",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]
