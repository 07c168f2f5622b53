"""Adam: steps of a size that adapts to each weight; and AdamW, its variant for weight decay."""

import math
from collections.abc import Iterable
from typing import Any

from ..ops.pointwise import div, maximum, sqrt
from ..ops.shape import zeros_like
from ..tensor import Tensor, lift
from .optimizer import Optimizer


class Adam(Optimizer):
    """Adam: each weight moves by its mean gradient over the root of its mean squared gradient.

    betas: how much of both means is kept at each step. amsgrad: divide by the largest mean square
    so far. maximize: go uphill.

    Rule: g <- g + weight_decay p; m <- m + (1 - beta1) (g - m); v <- v + (1 - beta2) (g^2 - v);
    p <- p - lr m' / (sqrt(v') + eps), with m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t).

    Raises: ValueError for a negative setting, or betas outside [0, 1).
    Source: Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, Algorithm 1; amsgrad:
    Reddi, Kale and Kumar (2018), On the Convergence of Adam and Beyond, Algorithm 2.
    Differs: from Reddi et al., as PyTorch does: there is a v', made of the largest v.
    """

    decoupled = False  # whether weights decay by themselves, not through the gradient

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, group: dict[str, Any]) -> None:
        """Raise ValueError if a setting of `group` is out of its range."""
        super().check(group)
        if not all(0 <= beta < 1 for beta in group["betas"]):
            raise ValueError(
                f"{type(self).__name__} needs two betas within [0, 1), got {group['betas']!r}"
            )

    def update(self, p: Tensor, g: object, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change `p` by one step along the raw gradient `g`."""
        beta1, beta2 = group["betas"]
        lr = float(group["lr"])
        decay = group["weight_decay"]
        if decay and not self.decoupled:
            g = g + p.raw * decay
        if not state:
            names = ("exp_avg", "exp_avg_sq") + ("max_exp_avg_sq",) * group["amsgrad"]
            state.update({name: zeros_like(p) for name in names})
        step = int(state.get("step", 0)) + 1
        state["step"] = step
        mean = state["exp_avg"].raw
        square = state["exp_avg_sq"].raw
        mean += (g - mean) * (1.0 - beta1)
        square += (g * g - square) * (1.0 - beta2)
        if group["amsgrad"]:
            largest = state["max_exp_avg_sq"].raw
            largest[...] = maximum(largest, square)
            square = largest
        root = sqrt(square) * (1.0 / math.sqrt(1.0 - beta2**step)) + group["eps"]
        change = div(mean * (lr / (1.0 - beta1**step)), root)
        if decay and self.decoupled:
            change += p.raw * (lr * decay)
        p.sub_(lift(change))


class AdamW(Adam):
    """Adam whose weight decay acts on the weights themselves, not through the gradient.

    Rule: p <- (1 - lr weight_decay) p, then Adam's without weight decay.

    Raises: as Adam.
    Source: Loshchilov and Hutter (2019), Decoupled Weight Decay Regularization, Algorithm 2.
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)
