"""Plots: an empty one, and planes of numbers as maps of colours."""

import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .plot import Plot

MOST_NUMBERS = 256  # of a plane whose numbers are written into it
CELL = 0.36  # inches
SMALLEST, LARGEST = 1.6, 4.2  # inches: the longer side of a map
TITLE = 0.4  # inches: its height
LETTER = 0.075  # inches: the width of one in a title
NO_MATPLOTLIB = (
    "Plots are drawn by matplotlib, which was not found: pip install 'tinygrad_cnn[demos]' "
    "brings it."
)

Plane = Tensor | Sequence


def figure(width: float = 6.0, height: float = 4.0) -> "Plot":
    """An empty plot: a matplotlib Figure with a method `write(path)`.

    Units: inches.

    Raises: RuntimeError without matplotlib.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise RuntimeError(NO_MATPLOTLIB)
    from .plot import Plot  # imports matplotlib

    return Plot(figsize=(width, height), layout="constrained")


def maps(
    planes: Mapping[str, Plane], *, columns: int | None = None, numbers: bool | None = None
) -> "Plot":
    """Planes of numbers side by side, each a map of colours under its title.

    Planes with negative numbers are blue below zero, white at zero and red above; others go from
    white to black. Pictures of three colours, from 0 to 1, are shown as they are.

    columns: how many stand in a row; all of them unless given. numbers: whether they are written
    into the cells; unless given, into those of at most 256.

    Shape: (H, W), (L,) for a row, or (3, H, W) for a picture.

    Raises: RuntimeError without matplotlib, ValueError for other shapes, for no planes, and for
    columns below 1.
    """
    if not planes:
        raise ValueError("maps: takes at least one plane, got none")
    if columns is not None and columns < 1:
        raise ValueError(f"maps: columns is at least 1, got {columns}")
    arrays = {title: array_of(title, plane) for title, plane in planes.items()}
    columns = columns or len(arrays)
    sizes = [size_of(a) for a in arrays.values()]
    width = max(*[w for w, _ in sizes], *[LETTER * len(title) for title in arrays])
    rows = [sizes[i : i + columns] for i in range(0, len(sizes), columns)]
    heights = [max([h for _, h in row]) + TITLE for row in rows]
    plot = figure(columns * width, sum(heights))
    places = plot.subplots(len(rows), columns, squeeze=False, height_ratios=heights).ravel()
    for place in places[len(arrays) :]:
        place.set_visible(False)
    for place, (title, array) in zip(places, arrays.items(), strict=False):
        place.set_title(title, fontsize=9)
        paint(place, array)
        if array.ndim == 2 and (array.size <= MOST_NUMBERS if numbers is None else numbers):
            write_numbers(place, array)
    return plot


def array_of(title: str, plane: Plane) -> np.ndarray:
    """A plane as an array (H, W), or (H, W, 3).

    Raises: ValueError for other shapes, and for rows of different lengths.
    """
    if isinstance(plane, Tensor):
        array = plane.detach().cpu().double().numpy()
    else:
        try:
            array = np.asarray(plane, float)
        except ValueError as error:
            raise ValueError(f"maps: {title!r} is no plane of numbers, got {plane!r}") from error
    if array.ndim == 1:
        array = array[None]
    picture = array.ndim == 3 and len(array) == 3
    if not (array.ndim == 2 or picture) or not array.size:
        raise ValueError(
            f"maps: a plane is (H, W), (L,) or a picture (3, H, W), got {array.shape} for {title!r}"
        )
    return np.moveaxis(array, 0, 2) if picture else array


def size_of(array: np.ndarray) -> tuple[float, float]:
    """The width and the height in which a plane is drawn, in inches."""
    height, width = array.shape[:2]
    longest = max(height, width)
    cell = min(max(CELL * longest, SMALLEST), LARGEST) / longest
    return width * cell, height * cell


def limits(array: np.ndarray) -> tuple[float, float]:
    """The numbers that the ends of the colours stand for: 0 is white."""
    finite = array[np.isfinite(array)]
    most = float(np.abs(finite).max(initial=0.0)) or 1.0
    return (-most if finite.min(initial=0.0) < 0 else 0.0), most


def paint(place: "Axes", array: np.ndarray) -> None:
    """Draw a plane's colours."""
    low, high = limits(array)
    colors = "RdBu_r" if low < 0 else "Greys"
    place.imshow(array, cmap=colors, vmin=low, vmax=high, interpolation="nearest")
    place.set(xticks=[], yticks=[], anchor="N")


def write_numbers(place: "Axes", array: np.ndarray) -> None:
    """Write the numbers of a plane into its cells, white on dark ones."""
    _, high = limits(array)
    texts = [f"{number:.3g}" for number in array.ravel()]
    points = min(max(11 - max(map(len, texts)), 5), 9)
    for (i, j), number in np.ndenumerate(array):
        color = "white" if abs(number) > 0.6 * high else "black"
        text = texts[i * array.shape[1] + j]
        place.text(j, i, text, color=color, fontsize=points, ha="center", va="center")
