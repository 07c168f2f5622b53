"""What users do with the graph: gradients, switches, checks, gates of their own."""

from . import functional
from .anomaly import detect_anomaly
from .check import gradcheck, gradgradcheck
from .function import Function
from .grad import backward, enable_grad, grad, is_grad_enabled, no_grad, set_grad_enabled

__all__ = [
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]
