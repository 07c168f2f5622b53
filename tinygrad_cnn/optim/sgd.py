"""Stochastic gradient descent."""

from collections.abc import Iterable
from typing import Any

from ..tensor import Tensor, lift
from .optimizer import Optimizer, Row, parted, sweep


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum, Nesterov's momentum and weight decay.

    dampening: the share by which a new gradient counts less in the momentum. maximize: go uphill.

    Rule: g <- g + weight_decay p; b <- g at the first step, then momentum b + (1 - dampening) g;
    g <- g + momentum b with nesterov, else b; p <- p - lr g.

    Raises: ValueError for a negative setting, or nesterov without momentum or with dampening.
    Source: Sutskever, Martens, Dahl and Hinton (2013), On the importance of initialization and
    momentum in deep learning, section 2.
    Differs: from Sutskever et al., as PyTorch does: lr is outside the momentum.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, group: dict[str, Any]) -> None:
        """Raise ValueError if a setting of `group` is out of its range."""
        super().check(group)
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError(
                "nesterov needs a momentum above 0 and no dampening, got momentum="
                f"{group['momentum']!r} and dampening={group['dampening']!r}"
            )

    def update(self, p: Tensor, g: object, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change `p` by one step along the raw gradient `g`."""
        momentum = group["momentum"]
        if group["weight_decay"]:
            g = g + p.raw * group["weight_decay"]
        if momentum:
            if state.get("momentum_buffer") is None:  # None is PyTorch's for "none yet"
                state["momentum_buffer"] = lift(g).clone()
                buffer = state["momentum_buffer"].raw
            else:
                buffer = state["momentum_buffer"].raw
                buffer *= momentum
                buffer += g * (1.0 - group["dampening"])
            g = g + buffer * momentum if group["nesterov"] else buffer
        p.sub_(lift(g * float(group["lr"])))

    def swept(self, rows: list[Row], group: dict[str, Any]) -> list[Row]:
        """Change what a kernel can change in one sweep; returns the rows that are left."""
        names = ("momentum_buffer",) if group["momentum"] else ()
        ready, new = parted(rows, names)
        kept = ("momentum", "dampening", "weight_decay", "nesterov")

        def settings() -> dict[str, Any]:
            numbers = {name: group[name] for name in kept}
            sign = -1.0 if group["maximize"] else 1.0
            return {"sign": sign, "lr": float(group["lr"]), **numbers}

        plain = type(self).update is SGD.update
        return new if plain and sweep(self, "sgd_step", ready, names, settings) else rows
