"""Activations as layers."""

from ..tensor import Tensor
from . import functional as F
from .module import Module


class ReLU(Module):
    """max(x, 0), as F.relu."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """The positive part of x."""
        return F.relu(x)

    def extra_repr(self) -> str:
        """The setting, if it is not at its default."""
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    """x where it is positive, else negative_slope · x, as F.leaky_relu."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x with its negative part made small."""
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """The settings."""
        return f"negative_slope={self.negative_slope}" + ", inplace=True" * self.inplace


class ELU(Module):
    """x where it is positive, else alpha (e^x - 1), as F.elu."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x with its negative part bent towards -alpha."""
        return F.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """The settings."""
        return f"alpha={self.alpha}" + ", inplace=True" * self.inplace


class Sigmoid(Module):
    """1 / (1 + e^-x)."""

    def forward(self, x: Tensor) -> Tensor:
        """The sigmoid of x."""
        return F.sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Tensor) -> Tensor:
        """The hyperbolic tangent of x."""
        return F.tanh(x)


class ScaledTanh(Module):
    """1.7159 tanh(2/3 x), as F.scaled_tanh.

    Source: LeCun et al. 1998, equation 6 and appendix A.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The scaled hyperbolic tangent of x."""
        return F.scaled_tanh(x)


class AlongDim(Module):
    """What Softmax and LogSoftmax share."""

    function = None  # of nn.functional

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """The function of x along dim."""
        return self.function(x, self.dim)

    def extra_repr(self) -> str:
        """The setting."""
        return f"dim={self.dim}"


class Softmax(AlongDim):
    """e^x over the sum of e^x along `dim`, as F.softmax.

    Differs: `dim` has to be given.
    """

    function = staticmethod(F.softmax)


class LogSoftmax(AlongDim):
    """The logarithm of softmax, without overflow, as F.log_softmax.

    Differs: `dim` has to be given.
    """

    function = staticmethod(F.log_softmax)
