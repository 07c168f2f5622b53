"""A schedule that looks at how training goes: a smaller rate when nothing gets better."""

import math
from collections.abc import Sequence
from typing import SupportsFloat

from ..optimizer import Optimizer
from .scheduler import LRScheduler, per_group


class ReduceLROnPlateau(LRScheduler):
    """The rate times `factor` when a metric has not become better for more than `patience` steps.

    mode: "min" if less is better, "max" if more is. threshold: by how much it has to become better,
    as a share of the best ("rel") or in the metric's unit ("abs"). cooldown: for how many steps
    after a change bad ones do not count. min_lr: the least rate, or a list with one for each group.
    eps: smaller changes are not made.

    Raises: ValueError for a factor of 1 or more, an unknown mode, or a min_lr of another length.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError(f"ReduceLROnPlateau needs a factor below 1, got {factor!r}")
        if mode not in ("min", "max"):
            raise ValueError(f"mode is 'min' or 'max', got {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold_mode is 'rel' or 'abs', got {threshold_mode!r}")
        per_group("min_lr", optimizer, min_lr)
        self.optimizer = optimizer
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.eps = eps
        self.last_epoch = 0
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0

    def is_better(self, metric: float) -> bool:
        """Whether `metric` is better than the best so far, by the threshold."""
        sign = -1.0 if self.mode == "min" else 1.0
        if self.threshold_mode == "rel":
            goal = self.best * (1.0 + sign * self.threshold)
        else:
            goal = self.best + sign * self.threshold
        return metric < goal if self.mode == "min" else metric > goal

    def step(self, metrics: SupportsFloat) -> None:
        """Count one step with its metric, a number or a Tensor with one, and set the rates."""
        self.last_epoch += 1
        if self.is_better(float(metrics)):
            self.best = float(metrics)
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
            for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
                group["lr"] = lr

    def get_lr(self) -> list[float]:
        """The rate of each group after one reduction more."""
        rates = self.get_last_lr()
        least = per_group("min_lr", self.optimizer, self.min_lr)
        reduced = [max(lr * self.factor, end) for lr, end in zip(rates, least, strict=True)]
        pairs = zip(rates, reduced, strict=True)
        return [new if old - new > self.eps else old for old, new in pairs]
