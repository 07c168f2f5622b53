"""The log of a run: a line of JSON for every epoch, from which other programs draw curves."""

import json
import os
import secrets
from pathlib import Path

from .trainer import Callback, Trainer


class Log(Callback):
    """Writes `history` to the file `path` after every epoch, each entry as a line of JSON.

    With the shares of images that were named wrongly, training_error and test_error. All lines are
    written anew, so that they are those of the run as it stands, however often it was resumed; and
    in one step, so that whenever the program is killed, the file is whole.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)

    def epoch_ended(self, trainer: Trainer) -> None:
        """Write the file anew."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(with_errors(entry)) + "\n" for entry in trainer.history]
        put(self.path.resolve(), "".join(lines))


def put(target: Path, text: str) -> None:
    """Put a file with this text in the place of `target`, whole or not at all."""
    temporary = target.with_name(f".saving-{secrets.token_hex(8)}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def with_errors(entry: dict[str, float]) -> dict[str, float]:
    """An entry of a history with its errors."""
    errors = {"training_error": 1 - entry["accuracy"]}
    if "test_accuracy" in entry:
        errors["test_error"] = 1 - entry["test_accuracy"]
    return {**entry, **errors}
