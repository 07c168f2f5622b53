"""Pools as layers."""

from collections.abc import Sequence

from ..tensor import Tensor
from . import functional as F
from .functional.adaptive import Sizes
from .functional.window import Size
from .module import Module


def per_axis(value: Size, rank: int) -> tuple[int, ...]:
    """`value` once for each of `rank` axes."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank


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

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        stride = kernel_size if stride is None else stride
        settings = [per_axis(value, 1) for value in (kernel_size, stride, padding)]
        super().__init__(*settings, ceil_mode, count_include_pad)


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


class MaxUnpool(Module):
    """What MaxUnpool1d, MaxUnpool2d and MaxUnpool3d share."""

    rank = 0  # how many axes of space there are
    function = None  # of nn.functional

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        self.kernel_size = per_axis(kernel_size, self.rank)
        self.stride = per_axis(kernel_size if stride is None else stride, self.rank)
        self.padding = per_axis(padding, self.rank)

    def forward(
        self, x: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """Zeros with x at `indices`, which a max pool returned."""
        return self.function(x, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        """The settings."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(MaxUnpool):
    """Zeros with numbers where MaxPool1d found them, as F.max_unpool1d."""

    rank = 1
    function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(MaxUnpool):
    """Zeros with numbers where MaxPool2d found them, as F.max_unpool2d.

    Shape: (N, C, P, Q) -> (N, C, H, W).
    """

    rank = 2
    function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(MaxUnpool):
    """Zeros with numbers where MaxPool3d found them, as F.max_unpool3d."""

    rank = 3
    function = staticmethod(F.max_unpool3d)


class LPPool(Module):
    """What LPPool1d, LPPool2d and LPPool3d share."""

    function = None  # of nn.functional

    def __init__(
        self,
        norm_type: float,
        kernel_size: Size,
        stride: Size | None = None,
        ceil_mode: bool = False,
    ) -> None:
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        """The norm of each window of x."""
        return self.function(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(LPPool):
    """The norm of each window along one axis, as F.lp_pool1d."""

    function = staticmethod(F.lp_pool1d)


class LPPool2d(LPPool):
    """The norm of each window, as F.lp_pool2d.

    Shape: (N, C, H, W) -> (N, C, P, Q).
    """

    function = staticmethod(F.lp_pool2d)


class LPPool3d(LPPool):
    """The norm of each window along three axes, as F.lp_pool3d."""

    function = staticmethod(F.lp_pool3d)


class AdaptivePool(Module):
    """What the layers share that pool to a given size."""

    function = None  # of nn.functional

    def __init__(self, output_size: Sizes) -> None:
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """What the windows of x have in them."""
        return self.function(x, self.output_size)

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(AdaptivePool):
    """The averages of so many windows along one axis, as F.adaptive_avg_pool1d."""

    function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(AdaptivePool):
    """The averages of so many windows, as F.adaptive_avg_pool2d.

    Shape: (N, C, H, W) -> (N, C, *output_size).
    """

    function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(AdaptivePool):
    """The averages of so many windows along three axes, as F.adaptive_avg_pool3d."""

    function = staticmethod(F.adaptive_avg_pool3d)


class AdaptiveMaxPool(AdaptivePool):
    """What AdaptiveMaxPool1d, AdaptiveMaxPool2d and AdaptiveMaxPool3d share."""

    def __init__(self, output_size: Sizes, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """The largest element of each window of x; with return_indices also where it was."""
        return self.function(x, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(AdaptiveMaxPool):
    """The largest elements of so many windows along one axis, as F.adaptive_max_pool1d."""

    function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(AdaptiveMaxPool):
    """The largest elements of so many windows, as F.adaptive_max_pool2d.

    Shape: (N, C, H, W) -> (N, C, *output_size).
    """

    function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(AdaptiveMaxPool):
    """The largest elements of so many windows along three axes, as F.adaptive_max_pool3d."""

    function = staticmethod(F.adaptive_max_pool3d)


class StochasticPool2d(Module):
    """In training a drawn element of each window, else their weighted average, as
    F.stochastic_pool2d.

    Shape: (N, C, H, W) -> (N, C, P, Q).
    """

    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Size = 0,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        """An element of each window of x, or their average."""
        return F.stochastic_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.training
        )

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"ceil_mode={self.ceil_mode}"
        )


class Maxout(Module):
    """The largest of every `pieces` neighbouring channels, as F.maxout.

    Shape: (N, C, *) -> (N, C / pieces, *).
    """

    def __init__(self, pieces: int, dim: int = 1) -> None:
        self.pieces = pieces
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """The largest channels of x."""
        return F.maxout(x, self.pieces, self.dim)

    def extra_repr(self) -> str:
        """The settings."""
        return f"pieces={self.pieces}, dim={self.dim}"


class SpatialPyramidPool(Module):
    """A description of fixed length of an image of any size, as F.spatial_pyramid_pool.

    Shape: (N, C, H, W) -> (N, C · Σ n²) for n of levels.
    """

    def __init__(self, levels: Sequence[int], mode: str = "max") -> None:
        self.levels = tuple(levels)
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        """The pools of all levels of x, one after the other."""
        return F.spatial_pyramid_pool(x, self.levels, self.mode)

    def extra_repr(self) -> str:
        """The settings."""
        return f"levels={self.levels}, mode={self.mode!r}"
