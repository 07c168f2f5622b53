"""RAdam: Adam that waits until it can trust its mean squares."""

import math
from collections.abc import Iterable
from typing import Any

from ..ops.pointwise import div, sqrt
from ..tensor import Tensor, lift
from .adam import moments
from .optimizer import Optimizer

TRUSTED = 5.0  # the length of the mean square above which its variance is finite enough to use


class RAdam(Optimizer):
    """RAdam: Adam whose first steps follow the mean gradient alone, and the next ones are smaller.

    decoupled_weight_decay: weights decay by themselves, not through the gradient. maximize: go
    uphill.

    Rule: g <- g + weight_decay p; m, v and m' as in Adam; l = 2 / (1 - beta2) - 1 and
    l_t = l - 2 t beta2^t / (1 - beta2^t) are the lengths of the mean square; if l_t > 5,
    p <- p - lr r m' sqrt(1 - beta2^t) / (sqrt(v) + eps) with
    r^2 = (l_t - 4) (l_t - 2) l / ((l - 4) (l - 2) l_t), else p <- p - lr m'.

    Raises: ValueError for a negative setting, or betas outside [0, 1).
    Source: Liu, Jiang, He, Chen, Liu, Gao and Han (2020), On the Variance of the Adaptive Learning
    Rate and Beyond, Algorithm 2.
    Differs: from Liu et al., as PyTorch does: the mean square is used from a length of 5 on, not 4.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def update(self, p: Tensor, g: object, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change `p` by one step along the raw gradient `g`."""
        beta1, beta2 = group["betas"]
        lr = float(group["lr"])
        decay = group["weight_decay"]
        if decay and not group["decoupled_weight_decay"]:
            g = g + p.raw * decay
        step, mean, square = moments(p, g, state, group["betas"])
        change = mean * (lr / (1.0 - beta1**step))
        bias = 1.0 - beta2**step
        longest = 2.0 / (1.0 - beta2) - 1.0
        length = longest - 2.0 * step * beta2**step / bias
        if length > TRUSTED:
            share = (length - 4.0) * (length - 2.0) * longest
            share /= (longest - 4.0) * (longest - 2.0) * length
            change = div(change * math.sqrt(share * bias), sqrt(square) + group["eps"])
        if decay and group["decoupled_weight_decay"]:
            change = change + p.raw * (lr * decay)
        p.sub_(lift(change))
