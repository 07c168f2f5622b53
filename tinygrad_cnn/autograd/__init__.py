"""What users do with the graph: gradients, switches, checks, gates of their own."""

from . import functional
from .anomaly import detect_anomaly
from .certify import NotCertified, certify
from .check import GradcheckError, gradcheck, gradgradcheck
from .function import Function
from .grad import (
    backward,
    enable_grad,
    grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .promises import Certificate

__all__ = [
    "Certificate",
    "Function",
    "GradcheckError",
    "NotCertified",
    "backward",
    "certify",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]
