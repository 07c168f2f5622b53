"""RMSprop: each gradient over the root of its recent mean square."""

from collections.abc import Iterable
from typing import Any

from ..ops.pointwise import div, sqrt
from ..ops.shape import zeros_like
from ..tensor import Tensor, lift
from .optimizer import Optimizer


class RMSprop(Optimizer):
    """RMSprop: each weight moves by its gradient over the root of its recent mean square.

    alpha: how much of the mean square is kept at each step. momentum: how much of the last change
    is. centered: divide by the standard deviation, which takes a mean gradient too. maximize: go
    uphill.

    Rule: g <- g + weight_decay p; v <- alpha v + (1 - alpha) g^2; with centered
    m <- m + (1 - alpha) (g - m) and v' = v - m^2, else v' = v; b <- momentum b
    + g / (sqrt(v') + eps); p <- p - lr b.

    Raises: ValueError for a negative setting.
    Source: Tieleman and Hinton (2012), Lecture 6.5 of Neural Networks for Machine Learning;
    centered: Graves (2013), Generating Sequences with Recurrent Neural Networks, section 2.3.
    Differs: from Graves, as PyTorch does: eps is outside the root.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "alpha": alpha,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "centered": centered,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def update(self, p: Tensor, g: object, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change `p` by one step along the raw gradient `g`."""
        alpha, momentum = group["alpha"], group["momentum"]
        if group["weight_decay"]:
            g = g + p.raw * group["weight_decay"]
        names = ("square_avg",) + ("grad_avg",) * group["centered"]
        names += ("momentum_buffer",) * (momentum > 0)
        for name in names:
            if name not in state:
                state[name] = zeros_like(p)
        state["step"] = int(state.get("step", 0)) + 1  # for PyTorch; the rule needs none
        square = state["square_avg"].raw
        square *= alpha
        square += g * g * (1.0 - alpha)
        if group["centered"]:
            mean = state["grad_avg"].raw
            mean += (g - mean) * (1.0 - alpha)
            square = square - mean * mean
        change = div(g, sqrt(square) + group["eps"])
        if momentum:
            buffer = state["momentum_buffer"].raw
            buffer *= momentum
            buffer += change
            change = buffer
        p.sub_(lift(change * float(group["lr"])))
