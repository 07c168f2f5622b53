"""NAdam: Adam with Nesterov's momentum."""

from collections.abc import Iterable
from typing import Any

from ..ops.pointwise import div, sqrt
from ..tensor import Tensor, lift
from .adam import moments
from .optimizer import Optimizer


class NAdam(Optimizer):
    """NAdam: Adam that looks one step ahead along its momentum, which grows with the steps.

    momentum_decay: how fast the momentum reaches its end. decoupled_weight_decay: weights decay by
    themselves, not through the gradient. maximize: go uphill.

    Rule: g <- g + weight_decay p; m and v as in Adam; M_t = mu_1 ... mu_t with
    mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2);
    m' = (1 - mu_t) g / (1 - M_t) + mu_{t+1} m / (1 - M_{t+1});
    p <- p - lr m' / (sqrt(v / (1 - beta2^t)) + eps).

    Raises: ValueError for a negative setting, or betas outside [0, 1).
    Source: Dozat (2016), Incorporating Nesterov Momentum into Adam, Algorithm 2.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
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

        def mu(t: int) -> float:
            return beta1 * (1.0 - 0.5 * 0.96 ** (t * group["momentum_decay"]))

        product = float(state.get("mu_product", 1.0)) * mu(step)
        state["mu_product"] = product
        ahead = mu(step + 1)
        direction = g * (lr * (1.0 - mu(step)) / (1.0 - product))
        direction = direction + mean * (lr * ahead / (1.0 - product * ahead))
        change = div(direction, sqrt(square * (1.0 / (1.0 - beta2**step))) + group["eps"])
        if decay and group["decoupled_weight_decay"]:
            change = change + p.raw * (lr * decay)
        p.sub_(lift(change))
