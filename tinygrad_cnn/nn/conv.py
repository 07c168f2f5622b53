"""Layers of convolution, and of transposed convolution."""

import math
from collections.abc import Sequence

from ..tensor import Tensor
from . import functional as F
from .functional.conv import convolved
from .functional.norm import Running
from .functional.window import Size, batched, borders, per_axis, spans
from .weighted import Weighted, blank

BORDERS = ("zeros", "reflect", "replicate", "circular")  # padding_mode


class Convolution(Weighted):
    """What all convolutions share."""

    rank = 0  # axes of space

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: object = None,
        dtype: object = None,
        *,
        flip: bool = False,
    ) -> None:
        name = type(self).__name__
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: groups has to divide in_channels and out_channels, got {groups} for "
                f"{in_channels} and {out_channels}"
            )
        if isinstance(padding, str) and padding not in ("valid", "same", "full"):
            raise ValueError(
                f"{name}: padding takes whole numbers, 'valid', 'same' or 'full', got {padding!r}"
            )
        if padding_mode not in BORDERS:
            raise ValueError(f"{name}: padding_mode is one of {BORDERS}, got {padding_mode!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = per_axis(f"{name}: kernel_size", kernel_size, self.rank)
        self.stride = per_axis(f"{name}: stride", stride, self.rank)
        if not isinstance(padding, str):
            padding = per_axis(f"{name}: padding", padding, self.rank, 0)
        self.padding = padding
        self.dilation = per_axis(f"{name}: dilation", dilation, self.rank)
        self.groups = groups
        self.padding_mode = padding_mode
        self.flip = flip
        self.weight = blank(self.weight_shape(), device, dtype)
        self.bias = blank((out_channels,), device, dtype) if bias else None
        self.reset_parameters()

    def weight_shape(self) -> tuple[int, ...]:
        """The shape of weight: (K, C/groups, *window)."""
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    @property
    def fan_in(self) -> int:
        """How many inputs an output sees."""
        return math.prod(self.weight_shape()[1:])

    def bordered(self, x: Tensor) -> Tensor:
        """x within its border, as padding_mode says.

        Raises: RuntimeError for an x of another number of axes, or too small for its border.
        """
        name = type(self).__name__
        space = batched(name, x, self.rank).shape[2:]
        reach = spans(self.kernel_size, self.dilation)
        border = borders(name, self.padding, space, reach, self.stride)
        widths = [width for ends in border[::-1] for width in ends]  # the last axis comes first
        return F.pad(x, widths, mode=self.padding_mode)

    def forward(
        self,
        x: Tensor,
        *,
        norm: Running | None = None,
        residual: Tensor | None = None,
        relu: bool = False,
    ) -> Tensor:
        """The convolution of x; in `norm`, + residual, then with `relu` what is below 0 made 0."""
        padding = self.padding
        if self.padding_mode != "zeros":
            x = self.bordered(x)
            padding = 0
        settings = (self.stride, padding, self.dilation, self.groups, self.flip)
        behind = {"norm": norm, "residual": residual, "relu": relu}
        return convolved(self.rank, x, self.weight, self.bias, *settings, **behind)

    def extra_repr(self) -> str:
        """The settings that are not at their defaults."""
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0,) * self.rank:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.rank:
            text += f", dilation={self.dilation}"
        text += self.extra_padding()
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return f"{text}, flip=True" if self.flip else text

    def extra_padding(self) -> str:
        """What stands in the text for output_padding, which only transposed convolutions have."""
        return ""


class Conv1d(Convolution):
    """A layer of F.conv1d; see Conv2d.

    Shape: (N, in_channels, L) -> (N, out_channels, P), or both without N.
    """

    rank = 1


class Conv2d(Convolution):
    """A layer of F.conv2d: out_channels filters, each over all in_channels (of its group).

    Sizes are one whole number or one per axis; padding may also be "valid", "same" or "full".
    padding_mode: what the border is made of: "zeros", or "reflect", "replicate" or "circular" as in
    F.pad. flip: turn the kernels by 180 degrees, as mathematics does.

    Shape: (N, in_channels, H, W) -> (N, out_channels, P, Q), or both without N.

    Raises: ValueError for groups, words or modes out of range, RuntimeError for such sizes.

    Differs: "same" goes with any stride, and there are "full" and flip.
    """

    rank = 2


class Conv3d(Convolution):
    """A layer of F.conv3d; see Conv2d.

    Shape: (N, in_channels, D, H, W) -> (N, out_channels, O, P, Q), or both without N.
    """

    rank = 3


# --- transposed -----------------------------------------------------------------------------------


class Transposed(Convolution):
    """What all transposed convolutions share."""

    function = None  # of nn.functional

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        device: object = None,
        dtype: object = None,
    ) -> None:
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(f"{name}: padding_mode has to be 'zeros', got {padding_mode!r}")
        self.output_padding = per_axis(f"{name}: output_padding", output_padding, self.rank, 0)
        padding = per_axis(f"{name}: padding", padding, self.rank, 0)
        settings = (stride, padding, dilation, groups, bias, padding_mode, device, dtype)
        super().__init__(in_channels, out_channels, kernel_size, *settings)

    def weight_shape(self) -> tuple[int, ...]:
        """The shape of weight: (C, K/groups, *window)."""
        return (self.in_channels, self.out_channels // self.groups, *self.kernel_size)

    @property
    def fan_in(self) -> int:
        """How many outputs an input reaches: what PyTorch takes for how many inputs one sees."""
        return math.prod(self.weight_shape()[1:])

    def least_size(self, space: tuple[int, ...]) -> list[int]:
        """The size of the output for an input of this size, without output_padding."""
        reach = spans(self.kernel_size, self.dilation)
        axes = zip(space, self.stride, self.padding, reach, strict=True)
        return [(n - 1) * s - 2 * p + r for n, s, p, r in axes]

    def padding_for(self, x: Tensor, output_size: Sequence[int]) -> tuple[int, ...]:
        """The output_padding that gives an output of this size, with or without N and channels.

        Raises: ValueError if none does.
        """
        name = type(self).__name__
        least = self.least_size(batched(name, x, self.rank).shape[2:])
        sizes = tuple(output_size)
        if len(sizes) not in (self.rank, x.ndim):
            raise ValueError(
                f"{name}: output_size has {self.rank} or {x.ndim} entries, got {output_size}"
            )
        extra = tuple([n - low for n, low in zip(sizes[-self.rank :], least, strict=True)])
        if any(not 0 <= e < s for e, s in zip(extra, self.stride, strict=True)):
            most = [low + s - 1 for low, s in zip(least, self.stride, strict=True)]
            raise ValueError(
                f"{name}: an input of shape {x.shape} has outputs from {least} to {most}, got "
                f"output_size {output_size}"
            )
        return extra

    def forward(self, x: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """The transposed convolution of x, of output_size where several sizes are possible."""
        extra = self.output_padding
        if output_size is not None:
            extra = self.padding_for(x, output_size)
        settings = (self.stride, self.padding, extra, self.groups, self.dilation)
        return self.function(x, self.weight, self.bias, *settings)

    def extra_padding(self) -> str:
        """What stands in the text for output_padding."""
        return f", output_padding={self.output_padding}" if any(self.output_padding) else ""


class ConvTranspose1d(Transposed):
    """A layer of F.conv_transpose1d; see ConvTranspose2d.

    Shape: (N, in_channels, L) -> (N, out_channels, P), or both without N.
    """

    rank = 1
    function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(Transposed):
    """A layer of F.conv_transpose2d: every input adds a kernel, scaled by it, to the output.

    With a stride the output has one of several sizes: output_padding says which, or output_size,
    given to the layer with its input.

    Shape: (N, in_channels, H, W) -> (N, out_channels, P, Q), or both without N; weight
    (in_channels, out_channels/groups, R, S).

    Raises: ValueError for groups, a mode or an output_size out of range, RuntimeError for such
    sizes.
    """

    rank = 2
    function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(Transposed):
    """A layer of F.conv_transpose3d; see ConvTranspose2d.

    Shape: (N, in_channels, D, H, W) -> (N, out_channels, O, P, Q), or both without N.
    """

    rank = 3
    function = staticmethod(F.conv_transpose3d)
