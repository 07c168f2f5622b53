"""Schedules that multiply the initial rate by a factor: steps, lines, powers, any function."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..optimizer import Optimizer
from .scheduler import ChainableLR, LRScheduler, per_group


class LambdaLR(LRScheduler):
    """The initial rate times a function of the number of steps done.

    lr_lambda: one function for all groups or a list with one each.

    Raises: ValueError if there are not as many functions as groups.
    Differs: the functions are no part of the state; give them to the new schedule.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = per_group("lr_lambda", optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rate of each group after `last_epoch` steps."""
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [base * factor(self.last_epoch) for base, factor in pairs]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and the functions."""
        state = super().state_dict()
        del state["lr_lambdas"]
        return state


class StepLR(ChainableLR):
    """The rate times `gamma` after every `step_size` steps.

    Raises: ValueError for a step_size below 1.
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if step_size < 1:
            raise ValueError(f"StepLR needs a step_size of at least 1, got {step_size!r}")
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        """What the initial rate is multiplied by after t steps."""
        return self.gamma ** (t // self.step_size)


class MultiStepLR(ChainableLR):
    """The rate times `gamma` at each of the milestones, twice at one given twice."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        """What the initial rate is multiplied by after t steps."""
        return self.gamma ** bisect_right(self.milestones, t)


class ExponentialLR(ChainableLR):
    """The rate times `gamma` after every step."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        """What the initial rate is multiplied by after t steps."""
        return self.gamma**t


class LinearLR(ChainableLR):
    """From `start_factor` to `end_factor` times the initial rate, in total_iters even steps.

    Raises: ValueError for a start_factor outside (0, 1], an end_factor outside [0, 1], or
    total_iters below 1.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(f"LinearLR needs a start_factor within (0, 1], got {start_factor!r}")
        check_factor("LinearLR", "end_factor", end_factor)
        check_iterations("LinearLR", total_iters)
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        """What the initial rate is multiplied by after t steps."""
        share = min(t, self.total_iters) / self.total_iters
        return self.start_factor + (self.end_factor - self.start_factor) * share


class PolynomialLR(ChainableLR):
    """From the initial rate to 0 in total_iters steps, along a power of what is left of them.

    Raises: ValueError for total_iters below 1.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        check_iterations("PolynomialLR", total_iters)
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        """What the initial rate is multiplied by after t steps."""
        return (1.0 - min(t, self.total_iters) / self.total_iters) ** self.power


class ConstantLR(ChainableLR):
    """`factor` times the initial rate for the first total_iters steps, then the initial rate.

    Raises: ValueError for a factor outside [0, 1].
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        check_factor("ConstantLR", "factor", factor)
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def factor_at(self, t: int) -> float:
        """What the initial rate is multiplied by after t steps."""
        return self.factor if t < self.total_iters else 1.0


def check_factor(schedule: str, name: str, factor: float) -> None:
    """Raise ValueError if a factor is not within [0, 1]."""
    if not 0 <= factor <= 1:
        raise ValueError(f"{schedule} needs {name} within [0, 1], got {factor!r}")


def check_iterations(schedule: str, total_iters: int) -> None:
    """Raise ValueError if there is no step to reach the end in."""
    if total_iters < 1:
        raise ValueError(f"{schedule} needs total_iters of at least 1, got {total_iters!r}")
