"""Adam: steps of a size that adapts to each weight; and AdamW, its variant for weight decay."""

import math
from collections.abc import Iterable
from typing import Any

from ..ops.pointwise import div, maximum, sqrt
from ..ops.shape import zeros_like
from ..tensor import Tensor, lift
from .optimizer import Optimizer, Row, parted, sweep


class Adam(Optimizer):
    """Adam: each weight moves by its mean gradient over the root of its mean squared gradient.

    betas: how much of both means is kept at each step. amsgrad: divide by the largest mean square
    so far. maximize: go uphill. decoupled_weight_decay: weights decay by themselves, not by the
    gradient, as in AdamW.

    Rule: g <- g + weight_decay p; m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2;
    p <- p - lr m' / (sqrt(v') + eps), with m' = m / (1 - beta1^t) and v' = v / (1 - beta2^t).

    Raises: ValueError for a negative setting, or betas outside [0, 1).
    Source: Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, Algorithm 1; amsgrad:
    Reddi, Kale and Kumar (2018), On the Convergence of Adam and Beyond, Algorithm 2.
    Differs: from Reddi et al., as PyTorch does: there is a v', made of the largest v.
    """

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
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
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
        if group["amsgrad"]:
            if "max_exp_avg_sq" not in state:
                state["max_exp_avg_sq"] = zeros_like(p)
            largest = state["max_exp_avg_sq"].raw
            largest[...] = maximum(largest, square)
            square = largest
        root = sqrt(square) * (1.0 / math.sqrt(1.0 - beta2**step)) + group["eps"]
        change = div(mean * (lr / (1.0 - beta1**step)), root)
        if decay and group["decoupled_weight_decay"]:
            change += p.raw * (lr * decay)
        p.sub_(lift(change))

    def swept(self, rows: list[Row], group: dict[str, Any]) -> list[Row]:
        """Change what a kernel can change in one sweep; returns the rows that are left."""
        if group["amsgrad"] or type(self).update is not Adam.update:
            return rows
        names = ("exp_avg", "exp_avg_sq")
        ready, new = parted(rows, names)

        def settings() -> dict[str, Any]:
            lr, decay = float(group["lr"]), group["weight_decay"]
            beta1, beta2 = group["betas"]
            decoupled = group["decoupled_weight_decay"]
            steps = [int(state.get("step", 0)) + 1 for _, _, state in ready]
            return {
                "sign": -1.0 if group["maximize"] else 1.0,
                "rates": [(lr / (1.0 - beta1**t), 1.0 / math.sqrt(1.0 - beta2**t)) for t in steps],
                "betas": group["betas"],
                "eps": group["eps"],
                "decay": 0.0 if decoupled else decay,
                "shrink": lr * decay if decoupled else 0.0,
            }

        def count() -> None:
            for _, _, state in ready:
                state["step"] = int(state.get("step", 0)) + 1

        return new if sweep(self, "adam_step", ready, names, settings, count) else rows


class AdamW(Adam):
    """Adam whose weight decay acts on the weights themselves, not through the gradient.

    Rule: p <- (1 - lr weight_decay) p, then Adam's without weight decay.

    Raises: as Adam.
    Source: Loshchilov and Hutter (2019), Decoupled Weight Decay Regularization, Algorithm 2.
    """

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
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
        )


def moments(
    p: Tensor, g: object, state: dict[str, Any], betas: tuple[float, float]
) -> tuple[int, object, object]:
    """The number of this step and the running means of g and g^2; `state` is brought up to date."""
    if not state:
        state.update({name: zeros_like(p) for name in ("exp_avg", "exp_avg_sq")})
    state["step"] = int(state.get("step", 0)) + 1
    mean, square = state["exp_avg"].raw, state["exp_avg_sq"].raw
    for moment, new, beta in ((mean, g, betas[0]), (square, g * g, betas[1])):
        moment *= beta
        moment += new * (1.0 - beta)
    return state["step"], mean, square
