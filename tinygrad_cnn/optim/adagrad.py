"""Adagrad: steps that shrink with all the gradients a weight has seen; and Adadelta, its heir."""

from collections.abc import Iterable
from typing import Any

from ..ops.create import full
from ..ops.pointwise import div, sqrt
from ..ops.shape import zeros_like
from ..tensor import Tensor, lift
from .optimizer import Optimizer


class Adagrad(Optimizer):
    """Adagrad: each weight moves by its gradient over the root of the sum of all its squares.

    lr_decay: how fast the rate falls with the number of steps. initial_accumulator_value: what the
    sums begin with. maximize: go uphill.

    Rule: g <- g + weight_decay p; s <- s + g^2; p <- p - lr' g / (sqrt(s) + eps), with
    lr' = lr / (1 + (t - 1) lr_decay).

    Raises: ValueError for a negative setting.
    Source: Duchi, Hazan and Singer (2011), Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization, section 1.1.
    Differs: from Duchi et al., as PyTorch does: there are eps and lr_decay.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def update(self, p: Tensor, g: object, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change `p` by one step along the raw gradient `g`."""
        if group["weight_decay"]:
            g = g + p.raw * group["weight_decay"]
        if not state:
            start = float(group["initial_accumulator_value"])
            state["sum"] = full(p.shape, start, dtype=p.dtype, device=p.device)
        step = int(state.get("step", 0)) + 1
        state["step"] = step
        total = state["sum"].raw
        total += g * g
        lr = float(group["lr"]) / (1.0 + (step - 1) * group["lr_decay"])
        p.sub_(lift(div(g * lr, sqrt(total) + group["eps"])))


class Adadelta(Optimizer):
    """Adadelta: steps as long as the recent ones, so that the rate needs no choice.

    rho: how much of both mean squares is kept at each step. maximize: go uphill.

    Rule: g <- g + weight_decay p; v <- rho v + (1 - rho) g^2;
    d = g sqrt(u + eps) / sqrt(v + eps); u <- rho u + (1 - rho) d^2; p <- p - lr d.

    Raises: ValueError for a negative setting, or rho outside [0, 1].
    Source: Zeiler (2012), ADADELTA: An Adaptive Learning Rate Method, Algorithm 1.
    Differs: from Zeiler, as PyTorch does: there is an lr, which is 1 by default.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, group: dict[str, Any]) -> None:
        """Raise ValueError if a setting of `group` is out of its range."""
        super().check(group)
        if not 0 <= group["rho"] <= 1:
            raise ValueError(f"Adadelta needs a rho within [0, 1], got {group['rho']!r}")

    def update(self, p: Tensor, g: object, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change `p` by one step along the raw gradient `g`."""
        rho, eps = group["rho"], group["eps"]
        if group["weight_decay"]:
            g = g + p.raw * group["weight_decay"]
        if not state:
            state.update({name: zeros_like(p) for name in ("square_avg", "acc_delta")})
        state["step"] = int(state.get("step", 0)) + 1  # for PyTorch; the rule needs none
        square, length = state["square_avg"].raw, state["acc_delta"].raw
        square *= rho
        square += g * g * (1.0 - rho)
        change = g * div(sqrt(length + eps), sqrt(square + eps))
        length *= rho
        length += change * change * (1.0 - rho)
        p.sub_(lift(change * float(group["lr"])))
