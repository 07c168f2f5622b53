"""Schedules made of schedules: one after the other, and several at once."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .scheduler import LRScheduler


class ComposedLR(LRScheduler):
    """What schedules made of schedules share: the parts, and a state with those of the parts."""

    def __init__(self, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]) -> None:
        name = type(self).__name__
        if not schedulers:
            raise ValueError(f"{name} needs at least one schedule, got {schedulers!r}")
        for number, part in enumerate(schedulers):
            if not isinstance(part, LRScheduler):
                raise TypeError(f"{name} takes schedules, got {part!r} at {number}")
            if isinstance(part, ReduceLROnPlateau):
                raise ValueError(
                    f"{name} can't take ReduceLROnPlateau, got one at {number}; call its step "
                    "with the metric by itself"
                )
            if part.optimizer is not (optimizer or schedulers[0].optimizer):
                raise ValueError(
                    f"{name} needs schedules of one optimizer, got a {type(part).__name__} of "
                    f"another at {number}"
                )
        self.optimizer = schedulers[0].optimizer
        self.schedulers = list(schedulers)
        self.base_lrs = schedulers[0].base_lrs
        self.last_epoch = schedulers[0].last_epoch

    def get_lr(self) -> list[float]:
        """The rate of each group, which the parts have set."""
        return self.get_last_lr()

    def rewind(self) -> None:
        """Forget the steps done, in all parts; the rates stay."""
        super().rewind()
        for part in self.schedulers:
            part.rewind()

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, with the states of the parts."""
        return {
            **super().state_dict(),
            "schedulers": [part.state_dict() for part in self.schedulers],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state that `state_dict` returned; the optimiser's is loaded apart.

        Raises: ValueError for a state with another number of parts.
        """
        states = state_dict["schedulers"]
        if len(states) != len(self.schedulers):
            raise ValueError(
                f"the loaded state has {len(states)} schedules, this {type(self).__name__} has "
                f"{len(self.schedulers)}; make it of the schedules of the run that was saved"
            )
        for part, state in zip(self.schedulers, states, strict=True):
            part.load_state_dict(state)
        super().load_state_dict({**state_dict, "schedulers": self.schedulers})


class SequentialLR(ComposedLR):
    """One schedule after the other: the next begins at each of the milestones.

    Raises: ValueError if there are no schedules, not one milestone less than schedules, or
    schedules of other optimisers; TypeError for what is no schedule.
    Differs: with a last_epoch the schedules, which are made without, are run up to it.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        super().__init__(optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "SequentialLR needs one milestone less than schedules, got "
                f"{len(milestones)} milestones for {len(schedulers)} schedules"
            )
        self.milestones = list(milestones)
        self.restart()
        while self.last_epoch <= last_epoch:
            self.step()

    def step(self) -> None:
        """Count one step, and let the schedule whose turn it is set the rates for the next."""
        self.last_epoch += 1
        part = self.schedulers[bisect_right(self.milestones, self.last_epoch)]
        if self.last_epoch == 0 or self.last_epoch in self.milestones:
            part.restart()
        else:
            part.step()


class ChainedScheduler(ComposedLR):
    """Several schedules at once: each changes what the one before it has set.

    Raises: ValueError if there are no schedules, or schedules of other optimisers; TypeError for
    what is no schedule.
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        super().__init__(optimizer, schedulers)

    def step(self) -> None:
        """Count one step in all parts, and set the rates for the next."""
        self.last_epoch += 1
        for part in self.schedulers:
            part.step()
