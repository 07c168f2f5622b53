"""What layers with weights share."""

import math
from collections.abc import Callable, Sequence

from ..tensor import Device, Tensor
from . import init
from .module import Module, Parameter


def blank(shape: Sequence[int], device: object, dtype: object) -> Parameter:
    """A Parameter of zeros, for `reset_parameters` to fill.

    Raises: ValueError for a size below 0.
    """
    if min(shape) < 0:
        raise ValueError(f"the sizes of a layer are at least 0, got a parameter of shape {shape}")
    zero = Tensor(0.0).to(device=device or Device.default(), dtype=dtype)
    return Parameter(zero.expand(tuple(shape)).clone())


def inverse_root(fan_in: int) -> float:
    """1 / √fan_in: PyTorch's bound, which it writes as kaiming_uniform_ with a = √5."""
    return 1 / math.sqrt(fan_in) if fan_in else 0.0


class Weighted(Module):
    """What layers with weights share: how their first values are drawn."""

    bias: Parameter | None = None

    @property
    def fan_in(self) -> int:
        """How many inputs an output sees."""
        raise NotImplementedError(f"{type(self).__name__} has to say what an output sees")

    def reset_parameters(self, bound: Callable[[int], float] = inverse_root) -> None:
        """Draw weights and biases anew, uniformly from within ±bound(fan in)."""
        limit = bound(self.fan_in)
        for p in self.parameters(recurse=False):
            init.uniform_(p, -limit, limit)
