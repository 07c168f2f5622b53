"""How plots look: the colours of the other pictures, quiet axes, and words in place of legends."""

import math
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..tensor import Tensor
from .card import GRADIENT, HAIR, INK, LINE, QUIET, VALUE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .plot import Plot

# They can be told apart by those who do not see all colours, and in print by their lightness.
LINES = (VALUE, GRADIENT, "#7a4fa3", "#0b8457", "#c58a00", "#5b6168", "#c2528b", "#121417")
MARKS = "osD^vPXh"  # beside the colours, so that nothing hangs on these alone
DEPTHS = "viridis"  # the colours of layers, from the first to the last
BRIGHTEST = 0.88  # of DEPTHS: what is brighter cannot be read on white
SMALL, PLAIN = 8, 9  # points
BAR = 1.5  # inches: the height of a scale of colours
LABEL = 16  # pixels of the screen: the height of a line of small text


def bare(place: "Axes") -> None:
    """Axes without axes, for pictures; what is drawn keeps its proportions."""
    place.set(xticks=[], yticks=[], aspect="equal")
    place.spines[:].set_visible(False)


def ruled(place: "Axes", title: str = "", across: str = "", up: str = "") -> None:
    """Axes for curves and bars: faint rules, no box, their words in grey."""
    place.spines[["top", "right"]].set_visible(False)
    place.spines[["left", "bottom"]].set_color(LINE)
    place.tick_params(colors=QUIET, labelsize=SMALL, which="both")
    place.grid(color=HAIR, linewidth=0.7)
    place.set_axisbelow(True)
    headline(place, title)
    place.set_xlabel(across, color=QUIET, fontsize=PLAIN)
    place.set_ylabel(up, color=QUIET, fontsize=PLAIN)


def headline(place: "Axes", text: str) -> None:
    """A title above axes, at their left."""
    place.set_title(text, loc="left", color=INK, fontsize=PLAIN + 1)


def scale_beside(place: "Axes", height: float) -> None:
    """Draw a bar that says what the colours of a place of this height, in inches, stand for."""
    shrink = min(BAR / height, 0.9)
    bar = place.figure.colorbar(place.images[0], ax=place, shrink=shrink, aspect=13, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=SMALL, colors=QUIET, length=0)


def show_image(place: "Axes", image: np.ndarray) -> None:
    """Draw an image: one channel as ink on paper, three as colours, of others their mean.

    Its numbers are stretched so that the smallest is paper or black, and the largest ink or white.

    Shape: (C, H, W).
    """
    low, high = float(image.min()), float(image.max())
    stretched = (image - low) / ((high - low) or 1.0)
    bare(place)
    place.set_anchor("W")
    if len(image) == 3:
        place.imshow(np.moveaxis(stretched, 0, 2), interpolation="nearest")
    else:
        place.imshow(stretched.mean(0), cmap="Greys", vmin=0, vmax=1, interpolation="nearest")


def label_ends(place: "Axes") -> None:
    """Write the last number of each line at its end, above one another where they lie close."""
    low, high = place.get_ylim()
    apart = (high - low) * LABEL / place.get_window_extent().height
    ends = sorted([(line.get_ydata()[-1], line) for line in place.get_lines()], key=itemgetter(0))
    above = -math.inf
    for y, line in ends:
        above = max(y, above + apart)
        place.annotate(
            f"{y:.3g}",
            (line.get_xdata()[-1], above),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=line.get_color(),
            fontsize=SMALL,
            fontweight="bold" if line.get_linestyle() == "-" else "normal",
        )


def color_of_depth(i: int, count: int) -> tuple:
    """The colour of the i-th of so many layers."""
    from matplotlib import colormaps

    return colormaps[DEPTHS](BRIGHTEST * i / max(count - 1, 1))


def finished(plot: "Plot", path: str | Path | None) -> "Plot":
    """The plot, which is also written if there is a path."""
    if path is not None:
        plot.write(path)
    return plot


def host(x: object, what: str) -> np.ndarray:
    """Numbers as an array on the processor: of a Tensor, an array, or a list.

    Raises: TypeError for what are no numbers.
    """
    if isinstance(x, Tensor):
        x = x.detach().cpu().double().numpy() if x.is_floating_point() else x.cpu().numpy()
    try:
        array = np.asarray(x)
    except ValueError:
        array = None
    if array is None or array.dtype.kind not in "biuf":
        raise TypeError(f"{what} has to be a Tensor or an array of numbers, got {shown(x)}")
    return array


def sizes(array: np.ndarray) -> str:
    """The shape as people say it: 6×28×28."""
    return "×".join(map(str, array.shape))


def shown(x: object) -> str:
    """What was given, for an error message."""
    text = repr(x)
    return text if len(text) <= 60 else type(x).__name__
