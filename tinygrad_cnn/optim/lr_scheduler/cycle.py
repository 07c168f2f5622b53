"""Cycles: the rate rises and falls again, while the momentum does the opposite."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..optimizer import Optimizer
from .scheduler import LRScheduler, check_optimizer, cosine, per_group


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
        if cycle_momentum:
            check_momentum(optimizer)
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
            set_momentum(group, momentum)


class CyclicLR(LRScheduler):
    """From `base_lr` up to `max_lr` and down again along straight lines, over and over.

    The way up has step_size_up steps, the way down step_size_down (as many by default). mode:
    "triangular" repeats the same cycle, "triangular2" halves its height each time, "exp_range"
    multiplies the height by gamma at each step. scale_fn, if given, is the height instead, as a
    function of the number of the cycle, counted from 1, or with scale_mode="iterations" of the
    steps. Meanwhile momentum (or Adam's first beta) goes from max_momentum to base_momentum and
    back, unless cycle_momentum=False. Rates and momenta may be lists with a number for each group.

    Raises: ValueError for settings out of range and for an optimiser without momentum.
    Source: Smith (2017), Cyclical Learning Rates for Training Neural Networks, section 3.
    Differs: scale_fn is no part of the state; give it to the new schedule.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        down = step_size_up if step_size_down is None else step_size_down
        if step_size_up <= 0 or down <= 0:
            raise ValueError(
                "CyclicLR needs steps above 0 up and down, got "
                f"step_size_up={step_size_up!r}, step_size_down={step_size_down!r}"
            )
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise ValueError(
                "mode is 'triangular', 'triangular2' or 'exp_range', or scale_fn is given, got "
                f"mode={mode!r} and no scale_fn"
            )
        if scale_mode not in ("cycle", "iterations"):
            raise ValueError(f"scale_mode is 'cycle' or 'iterations', got {scale_mode!r}")
        if cycle_momentum:
            check_momentum(optimizer)
        self.total_size = step_size_up + down
        self.step_ratio = step_size_up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self.scale_fn = scale_fn
        self.scale_mode = scale_mode
        self.cycle_momentum = cycle_momentum
        self.max_lrs = per_group("max_lr", optimizer, max_lr)
        self.base_momentums = per_group("base_momentum", optimizer, base_momentum)
        self.max_momentums = per_group("max_momentum", optimizer, max_momentum)
        bottoms = per_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, bottoms, strict=True):
                group["lr"] = group["initial_lr"] = lr
        super().__init__(optimizer, last_epoch)

    def height(self) -> float:
        """How far the present step is from the bottom, as a share of the first cycle's height."""
        place = self.last_epoch / self.total_size
        cycle = math.floor(1 + place)
        share = 1.0 + place - cycle
        up = share <= self.step_ratio
        slope = share / self.step_ratio if up else (share - 1) / (self.step_ratio - 1)
        if self.scale_fn is not None:
            return slope * self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.mode == "triangular2":
            return slope / 2.0 ** (cycle - 1)
        return slope * self.gamma**self.last_epoch if self.mode == "exp_range" else slope

    def get_lr(self) -> list[float]:
        """The rate of each group after `last_epoch` steps."""
        height = self.height()
        pairs = zip(self.base_lrs, self.max_lrs, strict=True)
        return [base + (top - base) * height for base, top in pairs]

    def step(self) -> None:
        """Count one step, and set rates and momenta for the next."""
        super().step()
        if not self.cycle_momentum:
            return
        height = self.height()
        ends = zip(self.base_momentums, self.max_momentums, strict=True)
        for group, (base, top) in zip(self.optimizer.param_groups, ends, strict=True):
            set_momentum(group, top - (top - base) * height)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and the function."""
        state = super().state_dict()
        del state["scale_fn"]
        return state


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


def check_momentum(optimizer: Optimizer) -> None:
    """Raise ValueError if there is no momentum to cycle."""
    check_optimizer(optimizer)
    if not {"momentum", "betas"} & optimizer.defaults.keys():
        raise ValueError(
            f"cycle_momentum=True needs an optimizer with momentum or betas, which "
            f"{type(optimizer).__name__} has not; pass cycle_momentum=False"
        )


def set_momentum(group: dict[str, Any], momentum: float) -> None:
    """Set the momentum of a group, or Adam's first beta, which is the same."""
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum
