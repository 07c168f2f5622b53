"""The special layers of LeNet-5: partial connections, trainable pooling, distances to codes."""

import math
from collections.abc import Callable, Sequence

from ..autograd import no_grad
from ..tensor import Device, Tensor
from . import functional as F
from . import init
from .conv import Convolution
from .functional.conv import Table, linked
from .functional.norm import rescaled
from .functional.window import Size, per_axis
from .module import Buffer
from .weighted import Weighted, blank, inverse_root

# LeCun et al. 1998, table I: which maps of S2 (rows) feed each map of C3 (columns).
C3_TABLE = (
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
)


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

    def extra_repr(self) -> str:
        """The settings that are not at their defaults, and the number of links."""
        return f"{super().extra_repr()}, links={self.weight_shape()[0]}"


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
        if sums.ndim == 3:
            return rescaled(sums[None], self.weight, self.bias)[0]
        return rescaled(sums, self.weight, self.bias)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.channels}, kernel_size={self.kernel_size}, stride={self.stride}"


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
        given = codes if isinstance(codes, Tensor) else Tensor(codes).to(Device.default())
        self.codes = Buffer(given)

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
