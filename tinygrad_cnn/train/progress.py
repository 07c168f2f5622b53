"""Progress of a run: a live bar on a terminal, one line an epoch anywhere else."""

import sys
from typing import TextIO

from .checkpoint import place_of
from .trainer import Callback, Tally, Trainer


def progress(stream: TextIO | None = None) -> Callback:
    """The callback that shows progress on `stream`, by default the standard output."""
    stream = sys.stdout if stream is None else stream
    return LiveProgress(stream) if stream.isatty() else PlainProgress(stream)


def epoch_line(trainer: Trainer, epochs: int) -> str:
    """What is to be known of the epoch that has just ended, in one line."""
    entry = trainer.history[-1]
    parts = [
        f"epoch {entry['epoch']:{len(str(epochs))}d}/{epochs}",
        f"loss {entry['loss']:.4f}",
        f"accuracy {entry['accuracy']:7.2%}",
    ]
    if "test_accuracy" in entry:
        parts.append(f"test {entry['test_accuracy']:7.2%}")
    parts.append(f"{entry['images_per_second']:,.0f} images/s")
    return "  ".join(parts)


class PlainProgress(Callback):
    """One line for every epoch."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.epochs = 0

    def fit_began(self, trainer: Trainer, epochs: int) -> None:
        """Remember how many epochs there will be."""
        self.epochs = epochs

    def epoch_ended(self, trainer: Trainer) -> None:
        """Write the line."""
        print(epoch_line(trainer, self.epochs), file=self.stream, flush=True)


class LiveProgress(Callback):
    """A bar with the numbers of the epoch so far and the time to go; above it a line per epoch."""

    def __init__(self, stream: TextIO) -> None:
        # Here, since they take longer to import than the rest of the package.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("loss {task.fields[loss]}  accuracy {task.fields[accuracy]}"),
            TextColumn("{task.fields[speed]} images/s"),
            TimeRemainingColumn(),
        )
        console = Console(file=stream, highlight=False)
        self.bar = Progress(*columns, console=console, transient=True)
        self.task = None
        self.epochs = 0

    def fit_began(self, trainer: Trainer, epochs: int) -> None:
        """Show the bar."""
        self.epochs = epochs
        steps = len(trainer.train_loader)
        begun = place_of(trainer)[1]
        self.task = self.bar.add_task(
            "",
            total=epochs * steps,
            completed=trainer.epoch * steps + begun,
            **self.fields(trainer),
        )
        self.bar.start()

    def step_ended(self, trainer: Trainer, tally: Tally) -> None:
        """Move the bar on by one batch."""
        self.bar.update(self.task, advance=1, **self.fields(trainer, tally))

    def epoch_ended(self, trainer: Trainer) -> None:
        """Write the line of the epoch above the bar."""
        self.bar.console.print(epoch_line(trainer, self.epochs), soft_wrap=True)

    def fit_ended(self, trainer: Trainer) -> None:
        """Take the bar away."""
        self.bar.stop()

    def fields(self, trainer: Trainer, tally: Tally | None = None) -> dict[str, str]:
        """The texts on the bar."""
        epoch = f"{trainer.epoch + 1}/{self.epochs}"
        if tally is None:
            return {"epoch": epoch, "loss": "-", "accuracy": "-", "speed": "-"}
        score = tally.score()
        return {
            "epoch": epoch,
            "loss": f"{score.loss:.4f}",
            "accuracy": f"{score.accuracy:.2%}",
            "speed": f"{tally.images / tally.seconds():,.0f}",
        }
