"""Layers with weights: convolutions, LeNet-5's special layers, and the linear layer.

All of them know two numbers about an output of some shape: how many connections lead to it, counted
as LeCun et al. 1998 count them (a bias is a connection), and how many multiply-adds it takes.
"""

import math
from collections.abc import Callable, Sequence

from ..autograd import no_grad
from ..tensor import Tensor
from . import functional as F
from . import init
from .functional.conv import Table, linked
from .functional.window import Size, per_axis
from .module import Buffer, Module, Parameter

# LeCun et al. 1998, table I: which maps of S2 (rows) feed each map of C3 (columns).
C3_TABLE = (
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
)


def blank(shape: Sequence[int], device: object, dtype: object) -> Parameter:
    """A Parameter of zeros, for `reset_parameters` to fill.

    Raises: ValueError for a size below 0.
    """
    if min(shape) < 0:
        raise ValueError(f"the sizes of a layer are at least 0, got a parameter of shape {shape}")
    return Parameter(Tensor(0.0).to(device=device, dtype=dtype).expand(tuple(shape)).clone())


def inverse_root(fan_in: int) -> float:
    """1 / √fan_in: PyTorch's bound, which it writes as kaiming_uniform_ with a = √5."""
    return 1 / math.sqrt(fan_in) if fan_in else 0.0


class Weighted(Module):
    """What layers with weights share: first values, and LeCun's counts."""

    bias = None

    @property
    def fan_in(self) -> int:
        """How many inputs an output sees."""
        raise NotImplementedError(f"{type(self).__name__} has to say what an output sees")

    def reset_parameters(self, bound: Callable[[int], float] = inverse_root) -> None:
        """Draw weights and biases anew, uniformly from within ±bound(fan in)."""
        limit = bound(self.fan_in)
        for p in self.parameters(recurse=False):
            init.uniform_(p, -limit, limit)

    def multiply_adds(self, output_shape: tuple[int, ...]) -> int:
        """How many products an output of this shape sums up; what biases add is not counted."""
        return math.prod(output_shape) * self.fan_in

    def connections(self, output_shape: tuple[int, ...]) -> int:
        """How many weights and biases lead to an output of this shape, each time they are used.

        Source: LeCun et al. 1998, section II.B.
        """
        biases = 0 if self.bias is None else math.prod(output_shape)
        return self.multiply_adds(output_shape) + biases


# --- convolutions ---------------------------------------------------------------------------------


class Convolution(Weighted):
    """What all convolutions share."""

    rank = 0  # axes of space
    function = None  # of nn.functional

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
        *,
        device: object = None,
        dtype: object = None,
    ) -> None:
        name = type(self).__name__
        if groups < 1 or in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{name}: groups has to divide in_channels and out_channels, got {groups} for "
                f"{in_channels} and {out_channels}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = per_axis(f"{name}: kernel_size", kernel_size, self.rank)
        self.stride = per_axis(f"{name}: stride", stride, self.rank)
        if not isinstance(padding, str):
            padding = per_axis(f"{name}: padding", padding, self.rank, 0)
        self.padding = padding
        self.dilation = per_axis(f"{name}: dilation", dilation, self.rank)
        self.groups = groups
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

    def forward(self, x: Tensor) -> Tensor:
        """The convolution of x."""
        return self.function(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )

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
        if self.groups != 1:
            text += f", groups={self.groups}"
        return text if self.bias is not None else f"{text}, bias=False"


class Conv1d(Convolution):
    """A layer of F.conv1d.

    Shape: (N, in_channels, L) -> (N, out_channels, P).
    """

    rank = 1
    function = staticmethod(F.conv1d)


class Conv2d(Convolution):
    """A layer of F.conv2d: out_channels filters, each over all in_channels (of its group).

    Sizes are one whole number or one per axis; padding may also be "valid", "same" or "full".

    Shape: (N, in_channels, H, W) -> (N, out_channels, P, Q).

    Raises: ValueError for settings out of range.
    """

    rank = 2
    function = staticmethod(F.conv2d)


class Conv3d(Convolution):
    """A layer of F.conv3d.

    Shape: (N, in_channels, D, H, W) -> (N, out_channels, O, P, Q).
    """

    rank = 3
    function = staticmethod(F.conv3d)


class PartialConv2d(Convolution):
    """A convolution whose output maps each see only some of the input maps.

    table: one row per input map and one column per output map, "X" or 1 where they are linked; by
    default that of LeNet-5's layer C3, for 6 and 16 maps. Only linked weights exist, in the order
    of output maps, then input maps.

    Shape: (N, in_channels, H, W) -> (N, out_channels, P, Q); weight (links, R, S).

    Raises: ValueError for a table of another size or with an output map that sees nothing.

    Source: LeCun et al. 1998, section II.B and table I.
    """

    rank = 2

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size | str = 0,
        dilation: Size = 1,
        bias: bool = True,
        *,
        table: Table = C3_TABLE,
        device: object = None,
        dtype: object = None,
    ) -> None:
        sizes = {len(row) for row in table}
        if len(table) != in_channels or sizes != {out_channels}:
            raise ValueError(
                f"PartialConv2d: a layer of {in_channels} to {out_channels} maps takes a table of "
                f"as many rows and columns, got {len(table)} rows of {sorted(sizes)}"
            )
        blind = set(range(out_channels)) - {k for k, _ in linked(table)}
        if blind:
            raise ValueError(f"PartialConv2d: its table shows nothing to output map {min(blind)}")
        self.table = table
        settings = {"device": device, "dtype": dtype}
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, 1, bias, **settings
        )

    def weight_shape(self) -> tuple[int, ...]:
        """The shape of weight: (links, *window)."""
        return (len(linked(self.table)), *self.kernel_size)

    def fans_in(self) -> list[int]:
        """How many inputs an output of each map sees."""
        maps = [k for k, _ in linked(self.table)]
        return [maps.count(k) * math.prod(self.kernel_size) for k in range(self.out_channels)]

    @property
    def fan_in(self) -> int:
        """How many inputs an output sees, of the map that sees most."""
        return max(self.fans_in())

    def reset_parameters(self, bound: Callable[[int], float] = inverse_root) -> None:
        """Draw weights and biases anew, each map's uniformly from within ±bound(its fan in)."""
        limits = [bound(inputs) for inputs in self.fans_in()]
        of_links = Tensor([limits[k] for k, _ in linked(self.table)]).reshape(-1, 1, 1)
        for p, scales in ((self.weight, of_links), (self.bias, Tensor(limits))):
            if p is not None:
                init.uniform_(p, -1.0, 1.0)
                with no_grad():
                    p.mul_(scales.to(p))

    def forward(self, x: Tensor) -> Tensor:
        """The convolution of x."""
        return F.partial_conv2d(
            x, self.weight, self.bias, self.table, self.stride, self.padding, self.dilation
        )

    def multiply_adds(self, output_shape: tuple[int, ...]) -> int:
        """How many products an output of this shape sums up; what biases add is not counted."""
        return math.prod(output_shape) // self.out_channels * sum(self.fans_in())

    def extra_repr(self) -> str:
        """The settings that are not at their defaults, and the number of links."""
        return f"{super().extra_repr()}, links={self.weight_shape()[0]}"


# --- the other layers -----------------------------------------------------------------------------


class Subsampling2d(Weighted):
    """Trainable pooling: the sum of each window times its map's coefficient, plus its map's bias.

    stride: by default the window's size. Counted as the convolution that it is, in which all
    weights of a window are one.

    Shape: (N, channels, H, W) -> (N, channels, P, Q); weight and bias (channels,).

    Raises: RuntimeError for an input of another number of channels.

    Source: LeCun et al. 1998, section II.B, layer S2.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: Size = 2,
        stride: Size | None = None,
        *,
        device: object = None,
        dtype: object = None,
    ) -> None:
        self.channels = channels
        self.kernel_size = per_axis("Subsampling2d: kernel_size", kernel_size, 2)
        self.stride = self.kernel_size
        if stride is not None:
            self.stride = per_axis("Subsampling2d: stride", stride, 2)
        self.weight = blank((channels,), device, dtype)
        self.bias = blank((channels,), device, dtype)
        self.reset_parameters()

    @property
    def fan_in(self) -> int:
        """How many inputs an output sees."""
        return math.prod(self.kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        """x, subsampled."""
        sums = F.avg_pool2d(x, self.kernel_size, self.stride, divisor_override=1)
        if sums.shape[-3] != self.channels:
            raise RuntimeError(
                f"Subsampling2d: expected {self.channels} channels, got an input of shape {x.shape}"
            )
        return sums * self.weight.reshape(-1, 1, 1) + self.bias.reshape(-1, 1, 1)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.channels}, kernel_size={self.kernel_size}, stride={self.stride}"


class Linear(Weighted):
    """A layer of F.linear: every output sees every input.

    Shape: (*, in_features) -> (*, out_features); weight (out_features, in_features).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        device: object = None,
        dtype: object = None,
    ) -> None:
        self.in_features = in_features
        self.out_features = out_features
        self.weight = blank((out_features, in_features), device, dtype)
        self.bias = blank((out_features,), device, dtype) if bias else None
        self.reset_parameters()

    @property
    def fan_in(self) -> int:
        """How many inputs an output sees."""
        return self.in_features

    def forward(self, x: Tensor) -> Tensor:
        """x times the weights, plus the bias."""
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class EuclideanRBF(Weighted):
    """How near the input is to each of some fixed codes: minus their squared distance.

    The nearest code has the largest output, and the softmax of the outputs is the probability of
    each code if what is seen is a code in normal noise; so argmax and cross_entropy work on them.

    Shape: codes (K, in), (*, in) -> (*, K).

    Raises: RuntimeError for an input of another size.

    Source: LeCun et al. 1998, section II.B, equation 7.

    Differs: the paper's units give the squared distance itself, to be made small.
    """

    def __init__(self, codes: Tensor | Sequence[Sequence[float]]) -> None:
        self.codes = Buffer(codes)

    @property
    def fan_in(self) -> int:
        """How many inputs an output sees."""
        return self.codes.shape[1]

    def forward(self, x: Tensor) -> Tensor:
        """Minus the squared distance of x to each code."""
        if not x.ndim or x.shape[-1] != self.fan_in:
            raise RuntimeError(
                f"EuclideanRBF: expected an input (*, {self.fan_in}), got shape {x.shape}"
            )
        return -(x.unsqueeze(-2) - self.codes).square().sum(-1)

    def extra_repr(self) -> str:
        """The settings."""
        return f"in_features={self.codes.shape[1]}, out_features={self.codes.shape[0]}"
