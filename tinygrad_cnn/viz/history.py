"""The course of a training: loss and error, epoch by epoch."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .maps import figure
from .style import LINES, SMALL, finished, label_ends, ruled, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .plot import Plot

History = Sequence[Mapping[str, Any]]


def learning_curves(history: object, *, path: str | Path | None = None) -> "Plot":
    """Loss and share of wrong answers, epoch by epoch: in training dashed, on the test bold.

    history: a Trainer, its history (a dict for every epoch), or the path of the log.jsonl that it
    has written; or a dict of several of these, name -> history, drawn in a colour each. path: a
    file to write as well.

    Raises: RuntimeError without matplotlib, TypeError for what is no history, ValueError for one
    without epochs or without losses, and for a file that is no log, FileNotFoundError for none.
    """
    several = history if isinstance(history, Mapping) else {"": history}
    if not several:
        raise ValueError("learning_curves: takes at least one history, got none")
    runs = {str(name): entries_of(name, one) for name, one in several.items()}
    measured = any("accuracy" in entries[0] for entries in runs.values())
    plot = figure(9.0 if measured else 5.0, 3.4)
    places = plot.subplots(1, 2 if measured else 1, squeeze=False)[0]
    ruled(places[0], "Loss", "epoch")
    for i, (name, entries) in enumerate(runs.items()):
        curve(places[0], entries, "loss", i, name)
    if measured:
        ruled(places[1], "Wrong answers (%)", "epoch")
        for i, (name, entries) in enumerate(runs.items()):
            curve(places[1], entries, "accuracy", i, name)
    for place in places:
        place.set_ylim(bottom=0)
        place.margins(x=0.08)
        label_ends(place)
        place.xaxis.get_major_locator().set_params(integer=True)
    places[0].legend(fontsize=SMALL, frameon=False, labelcolor="linecolor")
    return finished(plot, path)


def entries_of(name: str, history: object) -> History:
    """The entries of a history: of a Trainer, of a log, or as they are given.

    Raises: TypeError for what is no history, ValueError for one without epochs or without losses.
    """
    if isinstance(history, (str, Path)):
        entries = entries_in(Path(history))
    else:
        entries = getattr(history, "history", history)
    whole = isinstance(entries, (list, tuple)) and all(isinstance(e, Mapping) for e in entries)
    if not whole:
        raise TypeError(
            "learning_curves: takes a Trainer, its history or the path of its log, got "
            f"{shown(history)}"
        )
    of = f" of {name!r}" if name else ""
    if not entries:
        raise ValueError(f"learning_curves: the history{of} has no epoch yet; train first")
    if any("loss" not in entry for entry in entries):
        raise ValueError(
            f"learning_curves: each epoch{of} has at least a 'loss', got {shown(entries[0])}"
        )
    return entries


def entries_in(path: Path) -> History:
    """The entries of a log, a line of JSON for every epoch.

    Raises: ValueError for a file that is no log.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        return [json.loads(line) for line in lines if line.strip()]
    except json.JSONDecodeError as error:
        raise ValueError(
            f"learning_curves: {path} is no log of a training, which has a line of JSON for every "
            f"epoch: {error}"
        ) from error


def curve(place: "Axes", entries: History, key: str, i: int, name: str) -> None:
    """Draw what was measured as `key`, in training and, where there was one, on the test."""
    color = LINES[i % len(LINES)]
    for part, style, width in (("", (0, (4, 2)), 1.2), ("test_", "-", 2.2)):
        points = [entry for entry in entries if part + key in entry]
        if not points:
            continue
        epochs = [entry.get("epoch", j) for j, entry in enumerate(points, 1)]
        numbers = [entry[part + key] for entry in points]
        if key == "accuracy":
            numbers = [100 * (1 - share) for share in numbers]
        words = " ".join([name, "test" if part else "training"]).strip()
        mark = "o" if len(points) == 1 else None
        place.plot(
            epochs, numbers, linestyle=style, linewidth=width, color=color, label=words, marker=mark
        )
