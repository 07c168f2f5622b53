"""Layers without weights: activations, pools, dropout, reshaping, losses."""

from typing import Any

from ..tensor import Tensor
from . import functional as F
from .functional.window import Size
from .module import Buffer, Module

# --- activations ----------------------------------------------------------------------------------


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


# --- pools ----------------------------------------------------------------------------------------


class MaxPool(Module):
    """What MaxPool1d, MaxPool2d and MaxPool3d share."""

    function = None  # of nn.functional

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """The largest element of each window of x; with return_indices also where it was."""
        return self.function(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
            self.return_indices,
        )

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(MaxPool):
    """The largest element of each window along one axis, as F.max_pool1d."""

    function = staticmethod(F.max_pool1d)


class MaxPool2d(MaxPool):
    """The largest element of each window, as F.max_pool2d.

    Shape: (N, C, H, W) -> (N, C, P, Q).
    """

    function = staticmethod(F.max_pool2d)


class MaxPool3d(MaxPool):
    """The largest element of each window along three axes, as F.max_pool3d."""

    function = staticmethod(F.max_pool3d)


class AvgPool(Module):
    """What AvgPool1d, AvgPool2d and AvgPool3d share."""

    function = None  # of nn.functional

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def settings(self) -> tuple:
        """The arguments of the function that follow the input."""
        return self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        """The average of each window of x."""
        return self.function(x, *self.settings())

    def extra_repr(self) -> str:
        """The settings."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(AvgPool):
    """The average of each window along one axis, as F.avg_pool1d."""

    function = staticmethod(F.avg_pool1d)


class DividedAvgPool(AvgPool):
    """What AvgPool2d and AvgPool3d share: a divisor that may be given."""

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override

    def settings(self) -> tuple:
        """The arguments of the function that follow the input."""
        return (*super().settings(), self.divisor_override)


class AvgPool2d(DividedAvgPool):
    """The average of each window, as F.avg_pool2d.

    Shape: (N, C, H, W) -> (N, C, P, Q).
    """

    function = staticmethod(F.avg_pool2d)


class AvgPool3d(DividedAvgPool):
    """The average of each window along three axes, as F.avg_pool3d."""

    function = staticmethod(F.avg_pool3d)


# --- the rest -------------------------------------------------------------------------------------


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


# --- losses ---------------------------------------------------------------------------------------


class ClassLoss(Module):
    """What CrossEntropyLoss and NLLLoss share."""

    function = None  # of nn.functional

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        self.weight = None if weight is None else Buffer(weight)
        self.ignore_index = ignore_index
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        settings = {"ignore_index": self.ignore_index, "reduction": self.reduction}
        return self.function(input, target, self.weight, **settings)


class CrossEntropyLoss(ClassLoss):
    """-log softmax(input) at the target's class, as F.cross_entropy.

    Shape: input (N, C, *), target (N, *) of classes -> (), or (N, *) with reduction="none".
    """

    function = staticmethod(F.cross_entropy)


class NLLLoss(ClassLoss):
    """-input at the target's class, as F.nll_loss; input holds log-probabilities.

    Shape: input (N, C, *), target (N, *) of classes -> (), or (N, *) with reduction="none".
    """

    function = staticmethod(F.nll_loss)


class DifferenceLoss(Module):
    """What MSELoss and L1Loss share."""

    function = None  # of nn.functional

    def __init__(self, *, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        return self.function(input, target, reduction=self.reduction)


class MSELoss(DifferenceLoss):
    """(input - target)², as F.mse_loss."""

    function = staticmethod(F.mse_loss)


class L1Loss(DifferenceLoss):
    """|input - target|, as F.l1_loss."""

    function = staticmethod(F.l1_loss)
