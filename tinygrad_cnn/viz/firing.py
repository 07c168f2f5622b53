"""ReLUs that have died: how often each unit fires over a data set, and which never do."""

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from ..autograd import enable_grad
from ..graph import WATCHERS, Node
from ..nn import Module
from ..tensor import Tensor
from .card import GRADIENT, INK, VALUE
from .maps import figure
from .outputs import batch_for, evaluation
from .style import SMALL, finished, host, ruled, scale_beside, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .plot import Plot

ROW = 0.34  # inches
RELU = "relu"  # the gate
EMPTY = "#edece7"  # behind a bar


def firing_rates(model: Module, batches: object) -> dict[str, np.ndarray]:
    """How often the units behind each ReLU of a model in evaluation give out more than 0.

    A unit is a channel; it fires for an image if it does so anywhere in it. ReLUs are called after
    the module that runs them, in the order in which they run, and numbered if it runs several.

    batches: a Tensor of images, or batches of them with or without labels, such as a DataLoader.

    Shape: images (N, ...) -> (channels,) for each ReLU, shares of N.

    Raises: TypeError for what is no Module or no images, ValueError for a model without ReLUs and
    for no image at all.
    """
    with evaluation("firing_rates", model), enable_grad():
        watch = ReluWatch(model)
        with watch:
            for images in images_of("firing_rates", batches):
                x = batch_for("firing_rates", model, images).detach()
                watch.begin(len(x))
                model(x.requires_grad_() if x.is_floating_point() else x)
    if not watch.images:
        raise ValueError("firing_rates: there is not one image; give at least one")
    if not watch.fired:
        raise ValueError(f"firing_rates: {type(model).__name__} has run no ReLU")
    return {name: counts / watch.images for name, counts in watch.fired.items()}


class ReluWatch:
    """Within, the ReLUs that a model runs are counted.

    fired: by the name of each ReLU, for how many images each of its units fired. images: how many
    there were.
    """

    def __init__(self, model: Module) -> None:
        self.paths = {module: path for path, module in model.named_modules()}
        self.fired: dict[str, np.ndarray] = {}
        self.images = 0
        self.batch = 0
        self.running: list[str] = []
        self.met: dict[str, int] = {}  # how many ReLUs each module has run for this batch
        self.handles = []
        self.thread = threading.get_ident()

    def begin(self, images: int) -> None:
        """The next batch has so many images."""
        self.images += images
        self.batch = images
        self.running = []
        self.met = {}

    def __enter__(self) -> None:
        WATCHERS.append(self.watch)
        for module, path in self.paths.items():
            self.handles.append(module.register_forward_pre_hook(self.began(path)))
            self.handles.append(module.register_forward_hook(self.ended))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        WATCHERS.remove(self.watch)
        for handle in self.handles:
            handle.remove()

    def began(self, path: str) -> Callable:
        """A hook that takes note of a module that runs."""

        def hook(module: Module, args: tuple) -> None:
            self.running.append(path)

        return hook

    def ended(self, module: Module, args: tuple, output: object) -> None:
        """Take note of its end."""
        self.running.pop()

    def watch(self, node: Node, tensor: Tensor | None, inputs: tuple) -> None:
        """Count a ReLU's units that fire."""
        if node.gate.name != RELU or threading.get_ident() != self.thread:
            return
        path = self.running[-1] if self.running else ""
        self.met[path] = number = self.met.get(path, 0) + 1
        name = " ".join([path or "relu", *([str(number)] if number > 1 else [])])
        fires = host(tensor, "") > 0
        if fires.ndim > 2:
            fires = fires.any(axis=tuple(range(2, fires.ndim)))
        self.fired[name] = self.fired.get(name, 0) + fires.reshape(self.batch, -1).sum(0)


def images_of(name: str, batches: object) -> Iterator[object]:
    """The images, batch by batch.

    Raises: TypeError for what has none.
    """
    if isinstance(batches, (Tensor, np.ndarray)):
        batches = [batches]
    if not isinstance(batches, Iterable):
        raise TypeError(f"{name}: takes images, or batches of them, got {shown(batches)}")
    for batch in batches:
        yield batch[0] if isinstance(batch, (tuple, list)) else batch


def dead_relus(model: Module, batches: object, *, path: str | Path | None = None) -> "Plot":
    """The units behind each ReLU of a model that never fire: at the left how many they are, at the
    right how often the others fire, the rarest first.

    A unit is a channel; it fires for an image if it gives out more than 0 anywhere in it.

    batches: a Tensor of images, or batches of them with or without labels, such as a DataLoader.
    path: a file to write as well.

    Raises: RuntimeError without matplotlib; otherwise as `firing_rates`.
    """
    rates = firing_rates(model, batches)
    rows = range(len(rates))
    plot = figure(9.5, ROW * len(rates) + 1.0)
    left, right = plot.subplots(1, 2, sharey=True, width_ratios=(1, 1.4))
    dead = [100 * float((rate == 0).mean()) for rate in rates.values()]
    ruled(left, "Units that never fire (%)")
    left.barh(rows, [100] * len(rates), color=EMPTY, height=0.62)
    left.barh(rows, dead, color=GRADIENT, height=0.62)
    for row, rate in zip(rows, rates.values(), strict=True):
        words = f"{(rate == 0).sum()} of {len(rate)}"
        left.text(102, row, words, va="center", fontsize=SMALL, color=INK)
    left.set(xlim=(0, 100), ylim=(len(rates) - 0.5, -0.5))
    left.set_yticks(rows, list(rates), fontsize=SMALL, color=INK)
    ruled(right, "How often each unit fires, from the rarest to the most frequent")
    for row, rate in zip(rows, rates.values(), strict=True):
        strip(right, row, np.sort(rate))
    right.set(xlim=(0, 1), ylim=(len(rates) - 0.5, -0.5), xticks=[])
    for place in (left, right):
        place.grid(False)
        place.spines[:].set_visible(False)
        place.tick_params(length=0)
    scale_beside(right, ROW * len(rates))
    return finished(plot, path)


def strip(place: "Axes", row: int, rates: np.ndarray) -> None:
    """Draw a ReLU's units side by side: from white to blue; those that never fire in orange."""
    from matplotlib.colors import LinearSegmentedColormap

    colors = LinearSegmentedColormap.from_list("rates", ["#ffffff", VALUE])
    colors = colors.with_extremes(under=GRADIENT)
    box = (0, 1, row + 0.31, row - 0.31)
    place.imshow(
        np.where(rates == 0, -1, rates)[None],
        extent=box,
        cmap=colors,
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="nearest",
    )
