"""Borders as layers."""

from collections.abc import Sequence

from ..tensor import Tensor
from . import functional as F
from .module import Module


class Padding(Module):
    """What the layers that add a border share.

    padding: the width on all sides, or before and behind each axis, the last axis first.
    """

    rank = 0  # how many axes have a border
    mode = "constant"  # of F.pad

    def __init__(self, padding: int | Sequence[int]) -> None:
        several = isinstance(padding, (tuple, list))
        self.padding = tuple(padding) if several else (padding,) * 2 * self.rank

    def forward(self, x: Tensor) -> Tensor:
        """x within its border."""
        return F.pad(x, self.padding, self.mode)

    def extra_repr(self) -> str:
        """The widths."""
        return f"{self.padding}"


class ConstantPad(Padding):
    """What ConstantPad1d, ConstantPad2d and ConstantPad3d share: the number in the border."""

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, x: Tensor) -> Tensor:
        """x within its border."""
        return F.pad(x, self.padding, value=self.value)

    def extra_repr(self) -> str:
        """The widths and the number."""
        return f"padding={self.padding}, value={self.value}"


class ZeroPad1d(Padding):
    """A border of zeros around the last axis."""

    rank = 1


class ZeroPad2d(Padding):
    """A border of zeros around the last two axes."""

    rank = 2


class ZeroPad3d(Padding):
    """A border of zeros around the last three axes."""

    rank = 3


class ConstantPad1d(ConstantPad):
    """A border of one number around the last axis."""

    rank = 1


class ConstantPad2d(ConstantPad):
    """A border of one number around the last two axes."""

    rank = 2


class ConstantPad3d(ConstantPad):
    """A border of one number around the last three axes."""

    rank = 3


class ReflectionPad1d(Padding):
    """A border that mirrors the input about its outermost elements, around the last axis."""

    rank = 1
    mode = "reflect"


class ReflectionPad2d(Padding):
    """A border that mirrors the input about its outermost elements, around the last two axes."""

    rank = 2
    mode = "reflect"


class ReflectionPad3d(Padding):
    """A border that mirrors the input about its outermost elements, around the last three axes."""

    rank = 3
    mode = "reflect"


class ReplicationPad1d(Padding):
    """A border that repeats the outermost elements, around the last axis."""

    rank = 1
    mode = "replicate"


class ReplicationPad2d(Padding):
    """A border that repeats the outermost elements, around the last two axes."""

    rank = 2
    mode = "replicate"


class ReplicationPad3d(Padding):
    """A border that repeats the outermost elements, around the last three axes."""

    rank = 3
    mode = "replicate"


class CircularPad1d(Padding):
    """A border of what lies at the other end, around the last axis."""

    rank = 1
    mode = "circular"


class CircularPad2d(Padding):
    """A border of what lies at the other end, around the last two axes."""

    rank = 2
    mode = "circular"


class CircularPad3d(Padding):
    """A border of what lies at the other end, around the last three axes."""

    rank = 3
    mode = "circular"
