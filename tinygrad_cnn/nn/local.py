"""Layers of convolution whose kernels change from place to place."""

import math
from collections.abc import Mapping

from ..tensor import Tensor
from . import functional as F
from .functional.window import Size, per_axis, sliding
from .weighted import Weighted, blank


class Placed(Weighted):
    """What layers share whose kernels change from place to place."""

    rank = 0  # axes of space
    function = None  # of nn.functional
    own = ""  # the bias of which there is one per kernel

    def set_up(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size,
        padding: Size | str,
        dilation: Size,
    ) -> None:
        """Take the settings that all have."""
        name = type(self).__name__
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = per_axis(f"{name}: kernel_size", kernel_size, self.rank)
        self.stride = per_axis(f"{name}: stride", stride, self.rank)
        if not isinstance(padding, str):
            padding = per_axis(f"{name}: padding", padding, self.rank, 0)
        self.padding = padding
        self.dilation = per_axis(f"{name}: dilation", dilation, self.rank)

    def outputs(self, input_size: tuple[int, ...]) -> tuple[int, ...]:
        """How many outputs there are for an input of this size.

        Raises: RuntimeError where the window does not fit.
        """
        settings = (self.kernel_size, self.stride, self.padding, self.dilation)
        return sliding(type(self).__name__, input_size, *settings).out

    def make_parameters(
        self,
        kernels: tuple[int, ...],
        bias: str | bool,
        places: Mapping[str, tuple[int, ...]],
        device: object,
        dtype: object,
    ) -> None:
        """Make weight, and a bias of the kind that `bias` names.

        Raises: ValueError for a kind that is not among `places`.
        """
        shape = (self.out_channels, *kernels, self.in_channels, *self.kernel_size)
        self.weight = blank(shape, device, dtype)
        self.bias = None
        if bias:
            kind = self.own if bias is True else bias
            if kind not in places:
                raise ValueError(
                    f"{type(self).__name__}: bias is False or one of {sorted(places)}, got {bias!r}"
                )
            self.bias = blank((self.out_channels, *places[kind]), device, dtype)
        self.reset_parameters()

    @property
    def fan_in(self) -> int:
        """How many inputs an output sees."""
        return self.in_channels * math.prod(self.kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        """The output for x."""
        settings = (self.stride, self.padding, self.dilation)
        return self.function(x, self.weight, self.bias, *settings)

    def extra_repr(self) -> str:
        """The settings."""
        text = f"{self.in_channels}, {self.out_channels}"
        for name in ("kernel_size", "stride", "padding", "dilation"):
            text += f", {name}={getattr(self, name)}"
        return text if self.bias is not None else f"{text}, bias=False"


class LocallyConnected(Placed):
    """What LocallyConnected1d and LocallyConnected2d share."""

    own = "position"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        input_size: Size,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        bias: str | bool = "position",
        device: object = None,
        dtype: object = None,
    ) -> None:
        self.set_up(in_channels, out_channels, kernel_size, stride, padding, dilation)
        name = type(self).__name__
        self.input_size = per_axis(f"{name}: input_size", input_size, self.rank)
        out = self.outputs(self.input_size)
        places = {"position": out, "unit": out, "channel": ()}
        self.make_parameters(out, bias, places, device, dtype)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{super().extra_repr()}, input_size={self.input_size}"


class LocallyConnected1d(LocallyConnected):
    """A layer of F.locally_connected1d; see LocallyConnected2d.

    Shape: (N, in_channels, input_size) -> (N, out_channels, P), or both without N; weight
    (out_channels, P, in_channels, R).
    """

    rank = 1
    function = staticmethod(F.locally_connected1d)


class LocallyConnected2d(LocallyConnected):
    """A layer of F.locally_connected2d: windows as in a convolution, but no weights are shared.

    input_size: (H, W) of the inputs, which decides how many kernels there are. bias: "position" or
    "unit" for one per output, "channel" for one per channel, or False.

    Shape: (N, in_channels, *input_size) -> (N, out_channels, P, Q), or both without N; weight
    (out_channels, P, Q, in_channels, R, S).

    Raises: ValueError for another bias, RuntimeError for sizes out of range.

    Source: Goodfellow et al. 2016, section 9.5, equation 9.9, and its end for biases.
    """

    rank = 2
    function = staticmethod(F.locally_connected2d)


class TiledConv2d(Placed):
    """A layer of F.tiled_conv2d: several kernels that take turns from place to place.

    tiles: the period along each axis, 1 for a convolution. bias: "tile" for one per kernel,
    "channel" for one per channel, "unit" or "position" for one per output, or False. input_size:
    (H, W) of the inputs, needed for one bias per output alone.

    Shape: (N, in_channels, H, W) -> (N, out_channels, P, Q), or both without N; weight
    (out_channels, *tiles, in_channels, R, S).

    Raises: ValueError for another bias, RuntimeError for sizes out of range.

    Source: Ngiam et al. 2010; Goodfellow et al. 2016, section 9.5, equation 9.10.
    """

    rank = 2
    function = staticmethod(F.tiled_conv2d)
    own = "tile"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        tiles: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        bias: str | bool = "tile",
        input_size: Size | None = None,
        device: object = None,
        dtype: object = None,
    ) -> None:
        self.set_up(in_channels, out_channels, kernel_size, stride, padding, dilation)
        self.tiles = per_axis("TiledConv2d: tiles", tiles, 2)
        places = {"tile": self.tiles, "channel": ()}
        if input_size is not None:
            out = self.outputs(per_axis("TiledConv2d: input_size", input_size, 2))
            places |= {"unit": out, "position": out}
        elif bias in ("unit", "position"):
            raise ValueError(f"TiledConv2d: bias={bias!r} needs to know input_size=(H, W)")
        self.make_parameters(self.tiles, bias, places, device, dtype)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{super().extra_repr()}, tiles={self.tiles}"
