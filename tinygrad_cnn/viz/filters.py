"""What a convolution looks for, and what it finds in an image: its filters and its maps."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..autograd import no_grad
from ..nn import Module
from .maps import figure, limits
from .outputs import evaluation, evenly, one_image, outputs_of
from .style import bare, finished, headline, host, scale_beside, show_image, sizes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .plot import Plot

GAP = 0.12  # between two tiles, as a share of their side
TILE = 0.6  # inches
MOST_LAYERS = 6  # of a model whose layers nobody has chosen


def filters(
    weights: object,
    *,
    columns: int | None = None,
    path: str | Path | None = None,
) -> "Plot":
    """The filters of a convolution as tiles: in colour if they look at three channels, else grey.

    All have one scale, symmetric about 0, which is the grey in the middle. Of filters that look at
    other numbers of channels each row of tiles is one filter, with a tile for each channel.

    weights: a Tensor or an array, a layer, or a model, of which the first convolution counts.
    columns: how many tiles stand in a row. path: a file to write as well.

    Shape: weights (K, C, R, S).

    Raises: RuntimeError without matplotlib, TypeError for what are no weights, ValueError for
    another shape and for columns below 1.
    """
    array = weights_of(weights)
    if columns is not None and columns < 1:
        raise ValueError(f"filters: columns is at least 1, got {columns}")
    most = float(np.abs(array[np.isfinite(array)]).max(initial=0.0)) or 1.0
    count, channels = array.shape[:2]
    if channels == 3:
        tiles = list(0.5 + np.moveaxis(array, 1, 3) / (2 * most))
    else:
        tiles = [plane for kernel in array for plane in kernel]
        columns = columns or (channels if channels > 1 else None)
    columns = min(columns or math.ceil(math.sqrt(1.6 * len(tiles))), len(tiles))
    rows = math.ceil(len(tiles) / columns)
    plot = figure(max(columns * TILE, 2.4) + 0.9, rows * TILE + 0.5)
    place = plot.subplots()
    lay(place, tiles, columns, cmap="gray", vmin=-most, vmax=most)
    size = "×".join(map(str, array.shape[2:]))
    words = {1: "", 3: " in colour"}.get(channels, f" on {channels} channels")
    headline(place, f"{count} filters of {size}{words}")
    if channels != 3:
        scale_beside(place, rows * TILE)
    return finished(plot, path)


def weights_of(weights: object) -> np.ndarray:
    """The weights of a convolution as an array (K, C, R, S).

    Raises: TypeError for what are no weights, ValueError for another shape.
    """
    if isinstance(weights, Module):
        found = [w for w in weights.parameters() if w.ndim == 4]
        if not found:
            raise ValueError(
                f"filters: {type(weights).__name__} has no weights (K, C, R, S) of a convolution "
                "in two dimensions"
            )
        weights = found[0]
    array = host(weights, "filters: weights").astype(float)
    if array.ndim != 4 or not array.size:
        raise ValueError(f"filters: weights have the shape (K, C, R, S), got {array.shape}")
    return array


def lay(place: "Axes", tiles: Sequence[np.ndarray], columns: int, **colors: object) -> None:
    """Draw tiles in rows, each one unit wide, from the top left."""
    step = 1 + GAP
    for i, tile in enumerate(tiles):
        left, top = (i % columns) * step, (i // columns) * step
        box = (left, left + 1, top + tile.shape[0] / tile.shape[1], top)
        place.imshow(tile, extent=box, interpolation="nearest", **colors)
    rows = math.ceil(len(tiles) / columns)
    place.set(xlim=(0, columns * step), ylim=(rows * step, 0))
    bare(place)


def feature_maps(
    model: Module,
    image: object,
    *,
    layers: Sequence[str] | None = None,
    most: int = 16,
    path: str | Path | None = None,
) -> "Plot":
    """What the layers of a model find in one image: a row of maps for each layer, the image first.

    Maps with negative numbers are blue below zero, white at zero and red above; others go from
    white to black. The maps of a layer share one scale.

    layers: their names; unless given, up to six between which the shape changes. most: how many
    channels a row shows, the first ones. path: a file to write as well.

    Shape: image (C, H, W), as the model takes it.

    Raises: RuntimeError without matplotlib, TypeError for what is no Module or no image, ValueError
    for another shape, for names that are no layers, and for layers that give no maps.
    """
    with evaluation("feature_maps", model), no_grad():
        x = one_image("feature_maps", model, image)
        found = outputs_of("feature_maps", model, x, layers)
    maps = {name: host(z, "") for name, z in found.items() if z.ndim == 4}
    if layers is None:
        wide = {name: z for name, z in maps.items() if z.shape[2:] != (1, 1)}
        maps = dict(evenly(last_of_each_shape(wide), MOST_LAYERS))
    for name in layers or ():
        if name not in maps:
            shape = tuple(found[name].shape)
            raise ValueError(f"feature_maps: {name!r} gives no maps (1, C, H, W), but {shape}")
    return finished(rows_of_maps(host(x, "")[0], maps, most), path)


def last_of_each_shape(maps: dict[str, np.ndarray]) -> list[tuple[str, np.ndarray]]:
    """Of layers that give the same shape one after the other, the last."""
    pairs = list(maps.items())
    following = [z.shape for _, z in pairs[1:]] + [None]
    return [pair for pair, after in zip(pairs, following, strict=True) if pair[1].shape != after]


def rows_of_maps(image: np.ndarray, maps: dict[str, np.ndarray], most: int) -> "Plot":
    """The image, and below it a row of tiles for each layer."""
    columns = max([1, *[min(z.shape[1], most) for z in maps.values()]])
    heights = [2.2, *[1 + GAP + 0.5 for _ in maps]]
    plot = figure(columns * (1 + GAP) * TILE + 0.4, sum(heights) * TILE + 0.3)
    places = plot.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    show_image(places[0], image)
    headline(places[0], f"image  {sizes(image)}")
    for place, (name, z) in zip(places[1:], maps.items(), strict=True):
        shown_maps = z[0, :most]
        low, high = limits(shown_maps)
        colors = "RdBu_r" if low < 0 else "Greys"
        lay(place, list(shown_maps), most, cmap=colors, vmin=low, vmax=high)
        place.set_xlim(0, columns * (1 + GAP))
        place.set_anchor("W")
        rest = f", the first {most}" if z.shape[1] > most else ""
        headline(place, f"{name}  {sizes(z[0])}{rest}")
    return plot
