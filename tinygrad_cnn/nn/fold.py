"""Layers that turn windows into columns, and back."""

from ..tensor import Tensor
from . import functional as F
from .functional.window import Size
from .module import Module


class Unfold(Module):
    """A layer of F.unfold.

    Shape: (N, C, H, W) -> (N, C R S, P Q), or both without N.
    """

    def __init__(
        self, kernel_size: Size, dilation: Size = 1, padding: Size = 0, stride: Size = 1
    ) -> None:
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """The windows of x as columns."""
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Unfold):
    """A layer of F.fold.

    Shape: (N, C R S, P Q) -> (N, C, *output_size), or both without N.
    """

    def __init__(
        self,
        output_size: Size,
        kernel_size: Size,
        dilation: Size = 1,
        padding: Size = 0,
        stride: Size = 1,
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """The sum of the columns of x, each where its window lies."""
        settings = (self.dilation, self.padding, self.stride)
        return F.fold(x, self.output_size, self.kernel_size, *settings)

    def extra_repr(self) -> str:
        """The settings."""
        return f"output_size={self.output_size}, {super().extra_repr()}"
