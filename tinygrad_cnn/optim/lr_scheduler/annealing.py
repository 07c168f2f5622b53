"""Schedules along a cosine, with and without restarts."""

import math

from ..optimizer import Optimizer
from .scheduler import ChainableLR, LRScheduler, cosine


class CosineAnnealingLR(ChainableLR):
    """From the initial rate down to `eta_min` in `T_max` steps, along half a cosine; then up again.

    Raises: ValueError for a T_max below 1.
    Source: Loshchilov and Hutter (2017), SGDR: Stochastic Gradient Descent with Warm Restarts,
    equation 5, without the restarts.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_max < 1:
            raise ValueError(f"CosineAnnealingLR needs a T_max of at least 1, got {T_max!r}")
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        """What the initial rate, less eta_min, is multiplied by after t steps."""
        return (1.0 + math.cos(math.pi * t / self.T_max)) / 2.0


class CosineAnnealingWarmRestarts(LRScheduler):
    """From the initial rate down to `eta_min` along half a cosine, then again from the start.

    The first run has T_0 steps, each next one T_mult times as many.

    Raises: ValueError for T_0 or T_mult that are no integers of at least 1.
    Source: Loshchilov and Hutter (2017), SGDR: Stochastic Gradient Descent with Warm Restarts,
    equation 5.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is an integer of at least 1, got {value!r}")
        self.T_0 = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.fraction = 0.0
        super().__init__(optimizer, last_epoch)

    def place(self) -> float:
        """How far along its run the schedule is, from 0 to 1."""
        done, length = self.last_epoch + self.fraction, self.T_0
        if self.T_mult == 1:
            return done % length / length
        while done >= length:
            done -= length
            length *= self.T_mult
        return done / length

    def get_lr(self) -> list[float]:
        """The rate of each group after `last_epoch` steps."""
        share = self.place()
        return [cosine(base, self.eta_min, share) for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Count one step, or go to `epoch`, which may be a fraction; and set the rates.

        Raises: ValueError for an epoch below 0.
        """
        if epoch is not None:
            if epoch < 0:
                raise ValueError(f"CosineAnnealingWarmRestarts needs an epoch >= 0, got {epoch!r}")
            self.last_epoch = math.floor(epoch) - 1
            self.fraction = epoch - math.floor(epoch)
        super().step()
