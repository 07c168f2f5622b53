"""Progress of a run: a live bar on a terminal, one line an epoch anywhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from .checkpoint import place_of
from .trainer import Callback, Tally, Trainer

if TYPE_CHECKING:
    from rich.progress import Progress


def progress(stream: TextIO | None = None) -> Callback:
    """The callback that shows progress on `stream`, by default the standard output.

    Where there is none, as under pythonw and in services, it shows nothing.
    """
    stream = sys.stdout if stream is None else stream
    if stream is None:
        return Callback()
    return LiveProgress(stream) if stream.isatty() else PlainProgress(stream)


@contextmanager
def progress_of_test(
    images: int, stream: TextIO | None = None
) -> Iterator[Callable[[Tally], object] | None]:
    """A context with a bar over so many images; it gives what `measure` is to `tell`.

    stream: by default the standard output; if that is no terminal, there is no bar, and None.
    """
    stream = sys.stdout if stream is None else stream
    if stream is None or not stream.isatty():
        yield None
        return
    bar = new_bar(stream)
    task = bar.add_task("", total=images, **texts("test"))
    start(bar)
    try:
        yield lambda tally: bar.update(task, completed=tally.images, **texts("test", tally))
    finally:
        bar.stop()


def epoch_line(trainer: Trainer, epochs: int) -> str:
    """What is to be known of the epoch that has just ended, in one line."""
    entry = trainer.history[-1]
    parts = [
        f"epoch {entry['epoch']:{len(str(epochs))}d}/{epochs}",
        f"loss {short(entry['loss'])}",
        f"accuracy {entry['accuracy']:7.2%}",
    ]
    if "test_accuracy" in entry:
        parts.append(f"test {entry['test_accuracy']:7.2%}")
    parts.append(f"{entry['images_per_second']:,.0f} images/s")
    return "  ".join(parts)


def short(loss: float) -> str:
    """A loss with four digits behind the point, or in powers of ten if that would be long."""
    return f"{loss:.4f}" if abs(loss) < 1e6 else f"{loss:.4e}"


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
    """A bar with the numbers of the epoch so far and the time to go; above it a line per epoch.

    It stands still during the test at an epoch's end, when the numbers are those of the test.
    """

    def __init__(self, stream: TextIO) -> None:
        self.bar = new_bar(stream)
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
            **texts(self.epoch(trainer)),
        )
        start(self.bar)

    def step_ended(self, trainer: Trainer, tally: Tally) -> None:
        """Move the bar on by one batch."""
        self.bar.update(self.task, advance=1, **texts(self.epoch(trainer), tally))

    def test_step_ended(self, trainer: Trainer, tally: Tally) -> None:
        """Say how much of the test is done."""
        share = tally.images / len(trainer.test_loader.dataset)
        self.bar.update(self.task, **texts(f"{self.epoch(trainer)}, test {share:4.0%}", tally))

    def epoch_ended(self, trainer: Trainer) -> None:
        """Write the line of the epoch above the bar."""
        self.bar.console.print(epoch_line(trainer, self.epochs), soft_wrap=True)

    def fit_ended(self, trainer: Trainer) -> None:
        """Take the bar away."""
        self.bar.stop()

    def epoch(self, trainer: Trainer) -> str:
        """Which epoch it is."""
        return f"epoch {trainer.epoch + 1}/{self.epochs}"


def new_bar(stream: TextIO) -> "Progress":
    """A bar that shows the `texts` of its task."""
    # Here, since they take longer to import than the rest of the package.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.fields[what]}"),
        BarColumn(bar_width=None),
        TextColumn("loss {task.fields[loss]}  accuracy {task.fields[accuracy]}"),
        TextColumn("{task.fields[speed]} images/s"),
        TimeRemainingColumn(),
    )
    console = Console(file=stream, highlight=False)
    return Progress(*columns, console=console, transient=True)


def start(bar: "Progress") -> None:
    """Show a bar."""
    bar.start()
    bar.console.show_cursor()  # rich hides it, and a process that is killed cannot bring it back


def texts(what: str, tally: Tally | None = None) -> dict[str, str]:
    """The texts on a bar: what is done, and the numbers of it."""
    if tally is None:
        return {"what": what, "loss": "-", "accuracy": "-", "speed": "-"}
    score = tally.score()
    return {
        "what": what,
        "loss": short(score.loss),
        "accuracy": f"{score.accuracy:.2%}",
        "speed": f"{tally.images / tally.seconds():,.0f}",
    }
