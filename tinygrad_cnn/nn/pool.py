"""Pools as layers."""

from ..tensor import Tensor
from . import functional as F
from .functional.window import Size
from .module import Module


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
