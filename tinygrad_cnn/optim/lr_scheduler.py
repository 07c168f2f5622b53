"""Schedules: the learning rate of every group as a function of the number of steps done.

Each `step()` of a schedule, which comes after `optimizer.step()`, sets the rates for the next step
of the optimiser. What a step or an epoch is, is up to the loop: it calls `step()` once for each.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from .optimizer import Optimizer


class LRScheduler:
    """What all schedules share; a subclass defines `get_lr`.

    last_epoch: how many steps have been done; -1 begins at the groups' present rates, which become
    their "initial_lr". Another number goes on from there, with groups that have an "initial_lr".

    Raises: KeyError if last_epoch is not -1 and a group has no "initial_lr".
    """

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
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

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, which has a state of its own."""
        return {name: value for name, value in vars(self).items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` returned; the optimiser's is loaded apart."""
        vars(self).update(state_dict)


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


class StepLR(LRScheduler):
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

    def get_lr(self) -> list[float]:
        """The rate of each group after `last_epoch` steps."""
        factor = self.gamma ** (self.last_epoch // self.step_size)
        return [base * factor for base in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
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

    def get_lr(self) -> list[float]:
        """The rate of each group after `last_epoch` steps."""
        return [cosine(base, self.eta_min, self.last_epoch / self.T_max) for base in self.base_lrs]


class OneCycleLR(LRScheduler):
    """From a small rate up to `max_lr`, then down to nearly nothing; one cycle for the whole run.

    The first `pct_start` of the steps lead from max_lr / div_factor to max_lr, the others on to
    max_lr / (div_factor final_div_factor); with three_phase a mirror image of the rise comes
    between. Meanwhile momentum (or Adam's first beta) goes from max_momentum to base_momentum and
    back, unless cycle_momentum=False. The number of steps is total_steps, or epochs times
    steps_per_epoch; `step()` is called after each batch. max_lr and the momenta may be lists with a
    number for each group.

    Raises: ValueError for settings out of range, an optimiser without momentum, too many steps.
    Source: Smith and Topin (2017), Super-Convergence: Very Fast Training of Neural Networks Using
    Large Learning Rates.
    Differs: from the paper, as PyTorch does: two phases along cosines by default, not three along
    lines.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.total_steps = steps_of_cycle(total_steps, epochs, steps_per_epoch)
        if not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start is a share of the steps within [0, 1], got {pct_start!r}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy is 'cos' or 'linear', got {anneal_strategy!r}")
        if cycle_momentum and not {"momentum", "betas"} & optimizer.defaults.keys():
            raise ValueError(
                f"cycle_momentum=True needs an optimizer with momentum or betas, which "
                f"{type(optimizer).__name__} has not; pass cycle_momentum=False"
            )
        self.pct_start = pct_start
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self.three_phase = three_phase
        if last_epoch == -1:
            tops = per_group("max_lr", optimizer, max_lr)
            for group, top in zip(optimizer.param_groups, tops, strict=True):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
            for name, given in (("max_momentum", max_momentum), ("base_momentum", base_momentum)):
                values = per_group(name, optimizer, given) if cycle_momentum else []
                for group, value in zip(optimizer.param_groups, values, strict=cycle_momentum):
                    group[name] = value
        super().__init__(optimizer, last_epoch)

    def phases(self) -> list[tuple[float, str, str, str, str]]:
        """For each phase its last step, and what rate and momentum lead from and to."""
        rise = self.pct_start * self.total_steps - 1
        last = self.total_steps - 1
        up = (rise, "initial_lr", "max_lr", "max_momentum", "base_momentum")
        if not self.three_phase:
            return [up, (last, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        return [
            up,
            (2 * rise, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
            (last, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
        ]

    def place(self) -> tuple[float, str, str, str, str]:
        """How far along its phase the cycle is, and what rate and momentum lead from and to."""
        phases = self.phases()
        start = 0.0
        while len(phases) > 1 and self.last_epoch > phases[0][0]:
            start = phases.pop(0)[0]
        end, *names = phases[0]
        return (1.0 if end == start else (self.last_epoch - start) / (end - start), *names)

    def get_lr(self) -> list[float]:
        """The rate of each group after `last_epoch` steps."""
        if self.last_epoch > self.total_steps:
            raise ValueError(
                f"step {self.last_epoch} of a cycle of {self.total_steps} steps; make the cycle "
                "as long as the whole run"
            )
        share, start, end, _, _ = self.place()
        groups = self.optimizer.param_groups
        return [self.between(group[start], group[end], share) for group in groups]

    def between(self, start: float, end: float, share: float) -> float:
        """The number at `share` of the way from start to end."""
        if self.anneal_strategy == "linear":
            return (end - start) * share + start
        return cosine(start, end, share)

    def step(self) -> None:
        """Count one step, and set rates and momenta for the next."""
        super().step()
        if not self.cycle_momentum:
            return
        share, _, _, start, end = self.place()
        for group in self.optimizer.param_groups:
            momentum = self.between(group[start], group[end], share)
            if "betas" in group:
                group["betas"] = (momentum, *group["betas"][1:])
            else:
                group["momentum"] = momentum


def cosine(start: float, end: float, share: float) -> float:
    """The number at `share` of the way from start to end, on half a cosine."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


def steps_of_cycle(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    """The length of a cycle, given in one of two ways."""
    if total_steps is None and None not in (epochs, steps_per_epoch):
        total_steps = epochs * steps_per_epoch
    if not isinstance(total_steps, int) or total_steps <= 0:
        raise ValueError(
            "OneCycleLR needs total_steps, or epochs and steps_per_epoch, as integers above 0, got "
            f"total_steps={total_steps!r}, epochs={epochs!r}, steps_per_epoch={steps_per_epoch!r}"
        )
    return total_steps


def per_group(name: str, optimizer: Optimizer, given: Any) -> list:
    """`given` for each group: a list with one entry each, or the same for all."""
    count = len(optimizer.param_groups)
    if not isinstance(given, (list, tuple)):
        return [given] * count
    if len(given) != count:
        raise ValueError(f"{name} has {len(given)} entries for {count} parameter groups")
    return list(given)
