"""Checkpoints: everything that a run needs to go on as if nothing had happened.

A checkpoint is a dict in a file of `tinygrad_cnn.save`: "settings" (what the run was begun with),
"model", "optimizer", "scheduler", "loader" (the place in the training data), "random" (the
library's own generator), "history" (one entry for each epoch done) and "tally" (the sums over the
epoch that is being trained, or None).
"""

import os
import time
from pathlib import Path
from typing import Any

from ..io import load, save
from ..random import default_generator
from .trainer import Callback, Tally, Trainer

SECONDS = 60.0  # between the checkpoints within an epoch

PARTS = ("settings", "model", "optimizer", "scheduler", "loader", "random", "history")


def state_of(trainer: Trainer, settings: dict[str, Any]) -> dict[str, Any]:
    """The checkpoint of a run as it stands now; its Tensors are shared with the run."""
    scheduler = trainer.scheduler
    return {
        "settings": settings,
        "model": trainer.model.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "scheduler": None if scheduler is None else scheduler.state_dict(),
        "loader": trainer.train_loader.state_dict(),
        "random": default_generator.get_state(),
        "history": trainer.history,
        "tally": None if trainer.tally is None else trainer.tally.state_dict(),
    }


def restore(trainer: Trainer, checkpoint: dict[str, Any]) -> None:
    """Let `trainer` go on where the run of `checkpoint` was.

    It has to be made as that run's was: the same model, data, optimiser and schedule.

    Raises: RuntimeError or ValueError if the model or the optimiser is of another shape, or there
    are more or fewer training data.
    """
    trainer.model.load_state_dict(checkpoint["model"])
    trainer.optimizer.load_state_dict(checkpoint["optimizer"])
    if trainer.scheduler is not None:
        trainer.scheduler.load_state_dict(checkpoint["scheduler"])
    trainer.train_loader.load_state_dict(checkpoint["loader"])
    default_generator.set_state(checkpoint["random"])
    trainer.history = list(checkpoint["history"])
    trainer.tally = None
    if checkpoint.get("tally") is not None:
        trainer.tally = Tally()
        trainer.tally.load_state_dict(checkpoint["tally"])


def load_checkpoint(path: str | os.PathLike) -> dict[str, Any]:
    """The checkpoint in a file.

    Raises: FileNotFoundError if there is none; ValueError if the file is damaged or no checkpoint.
    """
    state = load(path)
    missing = [part for part in PARTS if not isinstance(state, dict) or part not in state]
    if missing:
        raise ValueError(
            f"{path} is no checkpoint of a training run: it has no {', '.join(missing)}; give a "
            "file that training has written"
        )
    return state


class Checkpoints(Callback):
    """Writes the checkpoint to the file `path` after every epoch, and once a minute within one.

    Also when training ends early, by Ctrl-C or an error, unless that was amid a step. Each is
    written in one step, so whenever the program is killed, the file is whole. `place` is where in
    the run it stands: epochs done, and steps of the next; None before it is written.
    """

    def __init__(self, path: str | os.PathLike, settings: dict[str, Any]) -> None:
        self.path = Path(path)
        self.settings = settings
        self.place: tuple[int, int] | None = None
        self.written = 0.0

    def fit_began(self, trainer: Trainer, epochs: int) -> None:
        """Count the time from here; a file that is there is taken for that of this run's place."""
        self.written = time.monotonic()
        if self.path.exists():
            self.place = place_of(trainer)

    def step_ended(self, trainer: Trainer, tally: Tally) -> None:
        """Write the file anew if it is time."""
        if time.monotonic() - self.written >= SECONDS:
            self.write(trainer)

    def epoch_ended(self, trainer: Trainer) -> None:
        """Write the file anew."""
        self.write(trainer)

    def fit_ended(self, trainer: Trainer) -> None:
        """Write the file anew if there are steps that it does not have."""
        if trainer.whole and place_of(trainer) != (self.place or (0, 0)):
            self.write(trainer)

    def write(self, trainer: Trainer) -> None:
        """Write the file anew."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        save(state_of(trainer, self.settings), self.path)
        self.place = place_of(trainer)
        self.written = time.monotonic()


def place_of(trainer: Trainer) -> tuple[int, int]:
    """How many epochs of a run are done, and how many steps of the next."""
    return trainer.epoch, trainer.train_loader.state_dict()["batch"]
