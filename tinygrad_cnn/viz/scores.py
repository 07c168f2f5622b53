"""What a classifier gets wrong: which classes it takes for which, and in which images."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .card import GRADIENT, INK, PAPER, QUIET, VALUE
from .maps import figure
from .style import PLAIN, SMALL, finished, headline, host, show_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .plot import Plot

MOST_COUNTS = 20  # classes, up to which counts stand in the cells
CELL = 0.42  # inches
SIDE = 1.05  # inches: of an image
DARK = 0.55  # a cell with a larger share has white digits


def confusion_matrix(
    outputs: object,
    labels: object,
    *,
    classes: Sequence[str] | None = None,
    path: str | Path | None = None,
) -> "Plot":
    """How often images of each class, a row, were taken for each class, a column.

    The colours are shares of the row: blue for right answers, orange for wrong ones. The share of
    right answers stands behind each row.

    outputs: scores, of which the largest counts, or the numbers of the classes. classes: their
    names; unless given, their numbers. path: a file to write as well.

    Shape: outputs (N, classes) or (N,), labels (N,).

    Raises: RuntimeError without matplotlib, TypeError for what are no numbers, ValueError for
    shapes that do not fit, for no image at all, and for a label without a class.
    """
    said, true, names = answers_of("confusion_matrix", outputs, labels, classes)
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (true, said), 1)
    totals = counts.sum(1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    side = max(CELL * min(len(names), MOST_COUNTS), 2.2)
    plot = figure(side + 1.6, side + 1.0)
    place = plot.subplots()
    place.imshow(colors_of(shares), interpolation="nearest")
    if len(names) <= MOST_COUNTS:
        write_counts(place, counts, shares)
    right = np.trace(counts)
    headline(place, f"{right / len(true):.1%} of {len(true):,} are right")
    name_axes(place, names, shares, totals[:, 0])
    return finished(plot, path)


def answers_of(
    name: str, outputs: object, labels: object, classes: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The classes that were answered, the true ones, and the names of all.

    Raises: TypeError for what are no numbers, ValueError for shapes that do not fit, for no image
    at all, and for a number that is no class.
    """
    said, true = host(outputs, f"{name}: outputs"), host(labels, f"{name}: labels")
    if true.ndim != 1 or said.ndim not in (1, 2) or len(said) != len(true):
        raise ValueError(
            f"{name}: outputs (N, classes) or (N,) and labels (N,) belong together, got "
            f"{said.shape} and {true.shape}"
        )
    if not len(true):
        raise ValueError(f"{name}: there is nothing to show, for there is not one image")
    count = said.shape[1] if said.ndim == 2 else 0
    said = said.argmax(1) if said.ndim == 2 else said.astype(int)
    true = true.astype(int)
    count = (
        len(classes) if classes is not None else max(count, int(max(said.max(), true.max())) + 1)
    )
    for numbers in (said, true):
        if numbers.min() < 0 or numbers.max() >= count:
            wrong = numbers.min() if numbers.min() < 0 else numbers.max()
            raise ValueError(f"{name}: classes go from 0 to {count - 1}, got {wrong}")
    names = range(count) if classes is None else classes
    return said, true, [str(one) for one in names]


def colors_of(shares: np.ndarray) -> np.ndarray:
    """The colours of shares: from white to blue where row and column agree, else to orange."""
    from matplotlib.colors import to_rgb

    tint = np.array([to_rgb(GRADIENT), to_rgb(VALUE)])[np.eye(len(shares), dtype=int)]
    strength = np.sqrt(shares)[..., None]  # so that a few wrong answers are seen
    return 1 - strength * (1 - tint)


def write_counts(place: "Axes", counts: np.ndarray, shares: np.ndarray) -> None:
    """Write the counts into their cells, but for zeros."""
    for (i, j), count in np.ndenumerate(counts):
        if count:
            color = PAPER if shares[i, j] ** 0.5 > DARK else INK
            points = PLAIN if count < 1000 else SMALL - 1
            place.text(j, i, str(count), color=color, fontsize=points, ha="center", va="center")


def name_axes(place: "Axes", names: list[str], shares: np.ndarray, totals: np.ndarray) -> None:
    """Write the classes at the rows and the columns, and at the right the share of right ones."""
    step = math.ceil(len(names) / MOST_COUNTS)
    ticks = range(0, len(names), step)
    place.set_xticks(ticks, [names[i] for i in ticks], fontsize=SMALL)
    place.set_yticks(ticks, [names[i] for i in ticks], fontsize=SMALL)
    if max(map(len, names)) > 4:
        place.tick_params("x", rotation=90)
    place.tick_params(length=0, colors=INK)
    place.spines[:].set_visible(False)
    place.set_xlabel("taken for", color=QUIET, fontsize=PLAIN)
    place.set_ylabel("class", color=QUIET, fontsize=PLAIN)
    right = place.secondary_yaxis("right")
    shown_shares = [f"{shares[i, i]:.0%}" if totals[i] else "–" for i in ticks]
    right.set_yticks(ticks, shown_shares, fontsize=SMALL, color=VALUE)
    right.tick_params(length=0)
    right.spines[:].set_visible(False)


def misclassified(
    images: object,
    outputs: object,
    labels: object,
    *,
    classes: Sequence[str] | None = None,
    most: int = 24,
    probabilities: bool = False,
    path: str | Path | None = None,
) -> "Plot":
    """The images that a classifier names wrongly, those that it was most sure of first.

    Above each stands what it is, in blue, and what it was taken for with the probability given to
    that, in orange.

    outputs: scores, from which softmax makes probabilities; or these, with `probabilities`.
    classes: their names; unless given, their numbers. most: how many are shown. path: a file to
    write as well.

    Shape: images (N, C, H, W), outputs (N, classes), labels (N,).

    Raises: RuntimeError without matplotlib, TypeError for what are no numbers, ValueError for
    shapes that do not fit, for a label without a class, and for `most` below 1.
    """
    said, true, names = answers_of("misclassified", outputs, labels, classes)
    scores, pictures = host(outputs, "outputs"), host(images, "misclassified: images")
    if scores.ndim != 2:
        raise ValueError(
            f"misclassified: outputs (N, classes) say how sure each answer is, got {scores.shape}"
        )
    if pictures.ndim != 4 or len(pictures) != len(true):
        raise ValueError(
            f"misclassified: images are (N, C, H, W) with N = {len(true)}, got {pictures.shape}"
        )
    if most < 1:
        raise ValueError(f"misclassified: most is at least 1, got {most}")
    sure = (scores if probabilities else softmax(scores)).max(1)
    wrong = np.flatnonzero(said != true)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")]
    shown_ones = wrong[:most]
    columns = min(max(len(shown_ones), 4), 8)
    rows = max(math.ceil(len(shown_ones) / columns), 1)
    plot = figure(columns * (SIDE + 0.1), rows * (SIDE + 0.42) + 0.4)
    rest = f", the {most} surest of them here" if len(wrong) > most else ""
    plot.suptitle(
        f"{len(wrong):,} of {len(true):,} are wrong{rest}", x=0.01, ha="left", fontsize=PLAIN + 1
    )
    places = plot.subplots(rows, columns, squeeze=False).ravel()
    for place in places[len(shown_ones) :]:
        place.set_visible(False)
    for place, i in zip(places, shown_ones, strict=False):
        show_image(place, pictures[i])
        caption(place, names[true[i]], f"{names[said[i]]}  {sure[i]:.0%}")
    return finished(plot, path)


def caption(place: "Axes", true: str, said: str) -> None:
    """Write two short texts above an image, what it is and what it was taken for."""
    for y, text, color in ((1.16, f"is {true}", VALUE), (1.02, f"said {said}", GRADIENT)):
        place.text(0, y, text, transform=place.transAxes, color=color, fontsize=SMALL)


def softmax(scores: np.ndarray) -> np.ndarray:
    """The probabilities that scores stand for, row by row."""
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
