"""LARS: a rate of its own for each layer, for training with very large batches."""

from collections.abc import Iterable
from typing import Any

from ..ops.comparison import logical_and
from ..ops.pointwise import div, sqrt, where
from ..ops.shape import zeros_like
from ..tensor import Tensor, lift
from .optimizer import Optimizer


class LARS(Optimizer):
    """LARS: momentum whose steps are a share of the length of each layer's weights.

    Each parameter is a layer of its own. trust_coefficient: that share, for lr=1. maximize: go
    uphill.

    Rule: r = trust_coefficient |p| / (|g| + weight_decay |p|);
    b <- momentum b + lr r (g + weight_decay p); p <- p - b.

    Raises: ValueError for a negative setting.
    Source: You, Gitman and Ginsburg (2017), Large Batch Training of Convolutional Networks,
    equation 6 and Algorithm 1.
    Differs: from You et al., whose weights of length 0 never move: where |p| or |g| is 0, r = 1.
    From our SGD: lr is within the momentum. PyTorch has no LARS.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 1e-3,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "trust_coefficient": trust_coefficient,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def update(self, p: Tensor, g: object, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change `p` by one step along the raw gradient `g`."""
        decay = group["weight_decay"]
        weights, slope = length(p.raw), length(g)
        moving = logical_and(weights > 0, slope > 0)
        # Where nothing moves, 1 stands in for a divisor that may be 0; the quotient is not used.
        divisor = where(moving, slope + weights * decay, 1.0)
        trust = where(moving, div(weights * group["trust_coefficient"], divisor), 1.0)
        if not state:
            state["momentum_buffer"] = zeros_like(p)
        buffer = state["momentum_buffer"].raw
        buffer *= group["momentum"]
        buffer += (g + p.raw * decay) * (trust * float(group["lr"]))
        p.sub_(lift(buffer))


def length(x: object) -> object:
    """The Euclidean length of a raw array, as an array without dimensions."""
    if x.dtype == "float16":  # its largest number, 65504, is no rare sum of squares
        x = x.astype("float32")
    return sqrt((x * x).sum())
