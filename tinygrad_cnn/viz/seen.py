"""What a unit deep in a network sees of an image: the box it could see, and what it looks at."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..autograd import enable_grad, grad
from ..nn import Module
from ..tensor import Tensor
from .card import GRADIENT, PAPER, QUIET, VALUE
from .maps import figure
from .outputs import evaluation, evenly, known, one_image, outputs_of
from .receptive import Field
from .style import SMALL, bare, finished, headline, host, show_image
from .summary import evaluated
from .visit import stand_in

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Rectangle

    from .plot import Plot

MOST_LAYERS = 4  # of a model whose layers nobody has chosen
SHARE = 0.0455  # of the largest gradient: what is less does not count as seen
SIDE = 2.3  # inches: of an image


class Sight(NamedTuple):
    """What a unit of a layer sees of an image.

    place: the unit's, in the layer's output. box: rows and columns that it could see, from and to,
    over the border too. gradient: the size of its gradient for each pixel.
    """

    place: tuple[int, int]
    box: tuple[tuple[int, int], tuple[int, int]]
    gradient: np.ndarray

    @property
    def effective(self) -> float:
        """The side of a square of as many pixels as count as seen."""
        most = self.gradient.max(initial=0.0)
        return math.sqrt(np.count_nonzero(self.gradient > SHARE * most)) if most else 0.0


def receptive_field(
    model: Module,
    image: object,
    *,
    layers: Sequence[str] | None = None,
    pixel: tuple[int, int] | None = None,
    path: str | Path | None = None,
) -> "Plot":
    """What units of a model's layers see of an image around one pixel.

    First the image with a box for each layer: what the unit there could see, by arithmetic. Then,
    for each layer, what it does look at: the size of its gradient for each pixel, summed over
    channels. Most of that lies in the middle of the box.

    layers: their names; unless given, up to four whose boxes differ. pixel: row and column; the
    middle unless given. Each layer's unit is the one whose box has its centre next to the pixel.
    path: a file to write as well.

    Shape: image (C, H, W), as the model takes it.

    Raises: RuntimeError without matplotlib, TypeError for what is no Module or no image, ValueError
    for another shape, for names that are no layers, and for layers whose outputs are no maps or see
    no one knows what; IndexError for a pixel outside the image.

    Source: Luo, Li, Urtasun & Zemel 2016, "Understanding the effective receptive field in deep
    convolutional neural networks", section 2: what has more than 4.55 % of the largest gradient
    counts as seen. Differs: theirs is a mean over many inputs, this is of one image.
    """
    with evaluation("receptive_field", model), enable_grad():
        x = one_image("receptive_field", model, image)
        height, width = x.shape[2:]
        row, column = pixel = pixel or (height // 2, width // 2)
        if not (0 <= row < height and 0 <= column < width):
            raise IndexError(
                f"receptive_field: the image has {height} rows and {width} columns, got the pixel "
                f"{pixel}"
            )
        fields = fields_of(model, tuple(x.shape[1:]), layers)
        seen = sights(model, x.requires_grad_(), fields, pixel)
    return finished(drawn(host(x, "")[0], seen, pixel), path)


def fields_of(
    model: Module, size: tuple[int, ...], layers: Sequence[str] | None
) -> dict[str, Field]:
    """The fields of these layers, or of some whose boxes differ.

    Raises: ValueError for names that are no layers, and for layers whose fields are not known.
    """
    double, _ = stand_in(model)
    calls = [call for call in evaluated(double, size).top.walk() if call.path]
    found = {
        call.path: call.seen
        for call in calls
        if call.seen is not None and call.shape and len(call.shape) == 4
    }
    found = {name: field for name, field in found.items() if None not in field.jumps}
    if layers is None:
        first = {}
        for name, field in found.items():
            first.setdefault(field.sizes, name)
        layers = evenly(list(first.values()), MOST_LAYERS)
        if not layers:
            raise ValueError(f"receptive_field: {type(model).__name__} has no layers with maps")
    for name in known("receptive_field", dict(model.named_modules()), layers):
        if name not in found:
            raise ValueError(
                f"receptive_field: the layer {name!r} does not give maps whose receptive fields "
                "are known; choose one that slides windows over the image"
            )
    return {name: found[name] for name in layers}


def sights(
    model: Module, x: Tensor, fields: dict[str, Field], pixel: tuple[int, int]
) -> dict[str, Sight]:
    """What the units next to a pixel see, by layer."""
    outputs = outputs_of("receptive_field", model, x, list(fields))
    seen = {}
    for name, field in fields.items():
        z = outputs[name]
        place = tuple([nearest(field, axis, z.shape[2 + axis], pixel[axis]) for axis in (0, 1)])
        (slope,) = grad(z[0, :, place[0], place[1]].sum(), x, retain_graph=True)
        seen[name] = Sight(place, field.box((0, 0, *place)), np.abs(host(slope, "")[0]).sum(0))
    return seen


def nearest(field: Field, axis: int, count: int, pixel: int) -> int:
    """The place along an axis of a layer's output whose box has its centre next to a pixel."""
    middles = []
    for place in range(count):
        index = (0, 0, place, 0) if axis == 0 else (0, 0, 0, place)
        begin, end = field.box(index)[axis]
        middles.append((begin + end - 1) / 2)
    return int(np.argmin(np.abs(np.array(middles) - pixel)))


def drawn(image: np.ndarray, seen: dict[str, Sight], pixel: tuple[int, int]) -> "Plot":
    """The picture: the image with all boxes, and a map of gradients for each layer."""
    from matplotlib.colors import LinearSegmentedColormap

    shape = image.shape[1:]
    plot = figure((SIDE + 0.15) * (1 + len(seen)), SIDE * shape[0] / shape[1] + 0.75)
    first, *places = plot.subplots(1, 1 + len(seen))
    show_image(first, image)
    headline(first, "what they could see")
    first.plot(pixel[1], pixel[0], "+", color=GRADIENT, markersize=7)
    for i, (name, sight) in enumerate(seen.items()):
        name_box(first, name, add_box(first, sight, shape), i)
    colors = LinearSegmentedColormap.from_list("sight", ["#ffffff", GRADIENT, "#4a1c00"])
    for place, (name, sight) in zip(places, seen.items(), strict=True):
        most = sight.gradient.max() or 1.0
        place.imshow(np.sqrt(sight.gradient / most), cmap=colors, vmin=0, vmax=1)
        bare(place)
        add_box(place, sight, shape)
        (top, bottom), (left, right) = sight.box
        headline(place, name)
        side = f"{sight.effective:.3g}"
        words = f"box {bottom - top}×{right - left}, effective {side}×{side}"
        place.set_xlabel(words, color=QUIET, fontsize=SMALL)
    return plot


def add_box(place: "Axes", sight: Sight, shape: Sequence[int]) -> "Rectangle":
    """The drawing of a unit's box, cut off where the image ends."""
    from matplotlib.patches import Rectangle

    (top, bottom), (left, right) = [
        (max(begin, 0), min(end, size)) for (begin, end), size in zip(sight.box, shape, strict=True)
    ]
    corner = (left - 0.5, top - 0.5)
    box = Rectangle(corner, right - left, bottom - top, fill=False, color=VALUE, linewidth=1.4)
    return place.add_patch(box)


def name_box(place: "Axes", name: str, box: "Rectangle", i: int) -> None:
    """Write a layer's name into its box, that of the i-th layer into the i-th corner."""
    right, low = i % 2, i // 2 % 2
    place.annotate(
        name,
        (box.get_x() + right * box.get_width(), box.get_y() + low * box.get_height()),
        xytext=(2 - 4 * right, 4 * low - 2),
        textcoords="offset points",
        ha=("left", "right")[right],
        va=("top", "bottom")[low],
        color=VALUE,
        fontsize=SMALL - 1,
        bbox={"facecolor": PAPER, "alpha": 0.7, "linewidth": 0, "pad": 0.8},
    )
