"""What schedules have in common: the count of steps, the rates they set, a state to resume from."""

import math
from typing import Any

from ..optimizer import Optimizer


class LRScheduler:
    """What all schedules share; a subclass defines `get_lr`.

    last_epoch: how many steps have been done; -1 begins at the groups' present rates, which become
    their "initial_lr". Another number goes on from there, with groups that have an "initial_lr".

    Raises: KeyError if last_epoch is not -1 and a group has no "initial_lr"; TypeError for what is
    no optimiser.
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for number, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"group {number} has no 'initial_lr' to go on from at last_epoch={last_epoch}; "
                    "load the optimizer's state first, or begin with last_epoch=-1"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def get_lr(self) -> list[float]:
        """The rate of each group after `last_epoch` steps."""
        raise NotImplementedError(f"{type(self).__name__} has to define get_lr")

    def get_last_lr(self) -> list[float]:
        """The rates that are set now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def step(self) -> None:
        """Count one step, and set the rates for the next."""
        self.last_epoch += 1
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = lr

    def rewind(self) -> None:
        """Forget the steps done; the rates stay."""
        self.last_epoch = -1

    def restart(self) -> None:
        """Set the rates of the first step, whatever was set before."""
        for group, lr in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = lr
        self.rewind()
        self.step()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, which has a state of its own."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` returned; the optimiser's is loaded apart."""
        vars(self).update(state_dict)


class ChainableLR(LRScheduler):
    """What schedules share that multiply the initial rate; a subclass defines `factor_at`.

    A step multiplies the present rate by how much the factor has changed, so that several of them,
    and changes by hand, act on the same optimiser together. With a last_epoch the first step, too,
    is already in the present rates, which are part of the optimiser's state.
    """

    eta_min = 0.0  # what the factor does not touch

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        rates = [group["lr"] for group in optimizer.param_groups]
        super().__init__(optimizer, last_epoch)
        if last_epoch != -1:  # the rates of this step are already set
            for group, lr in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = lr

    def factor_at(self, t: int) -> float:
        """What the initial rate is multiplied by after t steps."""
        raise NotImplementedError(f"{type(self).__name__} has to define factor_at")

    def get_lr(self) -> list[float]:
        """The rate of each group after `last_epoch` steps."""
        t = self.last_epoch
        before = self.factor_at(t - 1) if t > 0 else 1.0
        now = self.factor_at(t)
        if now == before:
            return self.get_last_lr()
        if before == 0:  # no ratio leads away from 0: begin anew
            return [self.eta_min + (base - self.eta_min) * now for base in self.base_lrs]
        ratio = now / before
        return [self.eta_min + (lr - self.eta_min) * ratio for lr in self.get_last_lr()]


def cosine(start: float, end: float, share: float) -> float:
    """The number at `share` of the way from start to end, on half a cosine."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def per_group(name: str, optimizer: Optimizer, given: Any) -> list:
    """`given` for each group: a list with one entry each, or the same for all."""
    check_optimizer(optimizer)
    count = len(optimizer.param_groups)
    if not isinstance(given, (list, tuple)):
        return [given] * count
    if len(given) != count:
        raise ValueError(f"{name} has {len(given)} entries for {count} parameter groups")
    return list(given)


def check_optimizer(optimizer: object) -> None:
    """Raise TypeError for what is no optimiser."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"a schedule takes an Optimizer as its first argument, got {type(optimizer).__name__}"
        )
