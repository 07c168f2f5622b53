"""What goes through the layers of a model while it is trained, step by step: how far activations
spread and how large gradients are, which tells whether they vanish or explode."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..autograd import no_grad
from ..nn import Module
from ..tensor import RemovableHandle, Tensor
from .maps import figure
from .outputs import first_of, known
from .style import LINES, MARKS, SMALL, color_of_depth, finished, ruled, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .plot import Plot

FEW = 8  # layers that a legend names; of more, colours say how deep they lie


class LayerRecord:
    """Keeps two numbers per layer and training step: the standard deviation of what the layer gives
    out, and the norm of the gradient of its weight.

    It is a callback of a Trainer, and around a loop of one's own it is used as

        with viz.LayerRecord(model) as record:
            ...train...
        viz.layers_over_time(record)

    A step is a forward pass of the model in training mode. every: how many steps lie between two
    that are recorded; the others cost next to nothing. layers: names; unless given, all that have a
    weight of two axes or more: convolutions and linear layers.

    steps: the numbers of those recorded, from 1 on. activations, gradients: name -> a number for
    each of these steps; nan where none came.

    Raises: TypeError for what is no Module, ValueError for `every` below 1, for names that are no
    layers with a weight, and for a model without any.

    Source: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", sections 3 and 4, which watch both.
    """

    def __init__(
        self, model: Module, *, every: int = 1, layers: Sequence[str] | None = None
    ) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"LayerRecord: the model is a Module, got {shown(model)}")
        if every < 1:
            raise ValueError(f"LayerRecord: every is at least 1, got {every}")
        self.model = model
        self.every = every
        self.layers = weighted(model, layers)
        self.steps: list[int] = []
        self.count = 0
        self.now = False  # whether the step under way is recorded
        self.spreads: dict[str, list[Tensor | float]] = {name: [] for name in self.layers}
        self.norms: dict[str, list[Tensor | float]] = {name: [] for name in self.layers}
        self.handles: list[RemovableHandle] = []

    @property
    def activations(self) -> dict[str, list[float]]:
        """The standard deviations of what each layer gave out."""
        return {name: [float(x) for x in numbers] for name, numbers in self.spreads.items()}

    @property
    def gradients(self) -> dict[str, list[float]]:
        """The norms of the gradients of each layer's weight."""
        return {name: [float(x) for x in numbers] for name, numbers in self.norms.items()}

    def __enter__(self) -> "LayerRecord":
        self.handles.append(self.model.register_forward_pre_hook(self.began))
        for name, layer in self.layers.items():
            self.handles.append(layer.register_forward_hook(self.gave(name)))
            self.handles.append(layer.weight.register_hook(self.arrived(name)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self.handles:
            handle.remove()
        self.handles.clear()
        self.now = False

    def began(self, module: Module, args: tuple) -> None:
        """A forward pass begins: that of a step, if the model is in training."""
        self.now = False
        if not module.training:
            return
        self.now = self.count % self.every == 0
        self.count += 1
        if self.now:
            self.steps.append(self.count)
            for numbers in (*self.spreads.values(), *self.norms.values()):
                numbers.append(math.nan)

    def gave(self, name: str) -> Any:
        """A hook that takes note of what a layer gives out."""

        def hook(module: Module, args: tuple, output: object) -> None:
            made = first_of(output)
            if self.now and isinstance(made, Tensor):
                with no_grad():
                    self.spreads[name][-1] = made.detach().float().std(correction=0)

        return hook

    def arrived(self, name: str) -> Any:
        """A hook that takes note of the gradient of a layer's weight."""

        def hook(grad: Tensor) -> None:
            if self.now:
                with no_grad():
                    self.norms[name][-1] = grad.detach().float().norm()

        return hook

    # --- as a callback of a Trainer

    def fit_began(self, trainer: object, epochs: int) -> None:
        """Record from here on."""
        self.__enter__()

    def step_ended(self, trainer: object, tally: object) -> None:
        """Nothing: the hooks have done it."""

    def epoch_ended(self, trainer: object) -> None:
        """Nothing either."""

    def fit_ended(self, trainer: object) -> None:
        """Record no more."""
        self.__exit__(None, None, None)


def weighted(model: Module, layers: Sequence[str] | None) -> dict[str, Module]:
    """The layers of these names, or all that have a weight of two axes or more.

    Raises: ValueError for names that are no layers with a weight, and for a model without any.
    """
    named = dict(model.named_modules())
    if layers is None:
        found = {name: m for name, m in named.items() if axes_of_weight(m) > 1}
        if not found:
            raise ValueError(f"LayerRecord: {type(model).__name__} has no layers with weights")
        return found
    for name in known("LayerRecord", named, layers):
        if not axes_of_weight(named[name]):
            raise ValueError(
                f"LayerRecord: the layer {name!r}, {type(named[name]).__name__}, has no weight "
                "that is trained"
            )
    return {name: named[name] for name in layers}


def axes_of_weight(module: Module) -> int:
    """How many axes the weight of a module has; 0 without one that is trained."""
    weight = getattr(module, "weight", None)
    return weight.ndim if isinstance(weight, Tensor) and weight.requires_grad else 0


# --- pictures of records --------------------------------------------------------------------------


def layers_over_time(records: object, *, path: str | Path | None = None) -> "Plot":
    """Activations at the left and gradients at the right, step by step, a line for each layer.

    The lines are dark for the first layers and bright for the last; both scales are logarithmic.

    records: a LayerRecord, or a dict of several, name -> record, a row for each; they share their
    scales. path: a file to write as well.

    Raises: RuntimeError without matplotlib, TypeError for what are no records, ValueError for one
    in which no step was recorded.
    """
    several = records_of("layers_over_time", records)
    plot = figure(9.0, 0.3 + 2.6 * len(several))
    places = plot.subplots(len(several), 2, sharex=False, sharey="col", squeeze=False)
    for (name, record), (left, right) in zip(several.items(), places, strict=True):
        title = f"{name}: " if name else ""
        ruled(left, f"{title}activations (standard deviation)", "step")
        ruled(right, f"{title}gradients of the weights (norm)", "step")
        draw_lines(left, record.steps, record.activations)
        draw_lines(right, record.steps, record.gradients)
        name_layers(right, list(record.layers))
    return finished(plot, path)


def records_of(name: str, records: object) -> dict[str, LayerRecord]:
    """The records by their names; of one alone that is empty.

    Raises: TypeError for what are no records, ValueError for one in which no step was recorded.
    """
    several = dict(records) if isinstance(records, Mapping) else {"": records}
    for one in several.values():
        if not isinstance(one, LayerRecord):
            raise TypeError(
                f"{name}: takes a LayerRecord, or a dict of several by name, got {shown(one)}"
            )
        if not one.steps:
            raise ValueError(
                f"{name}: no step was recorded; train within `with record:`, the model in training "
                "mode"
            )
    if not several:
        raise ValueError(f"{name}: takes at least one LayerRecord, got none")
    return {str(title): one for title, one in several.items()}


def draw_lines(place: "Axes", steps: list[int], numbers: dict[str, list[float]]) -> None:
    """A line for each layer, on a logarithmic scale; a number that is 0 leaves a gap."""
    mark = "o" if len(steps) == 1 else None
    for i, (name, line) in enumerate(numbers.items()):
        positive = [x if x > 0 else math.nan for x in line]
        color = color_of_depth(i, len(numbers))
        place.plot(steps, positive, color=color, linewidth=1.5, label=name, marker=mark)
    place.set_yscale("log")


def name_layers(place: "Axes", names: list[str]) -> None:
    """Say which colour is which layer: each of a few, of many the first and the last."""
    lines = place.get_lines()
    chosen = lines if len(lines) <= FEW else [lines[0], lines[len(lines) // 2], lines[-1]]
    place.legend(
        handles=chosen,
        fontsize=SMALL,
        frameon=False,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        title=None if len(lines) <= FEW else f"{len(names)} layers",
        title_fontsize=SMALL,
    )


def gradients_by_layer(records: object, *, at: int = 0, path: str | Path | None = None) -> "Plot":
    """The norms of the gradients of the weights in one step, from the first layer to the last.

    A line that falls to the left is a gradient that vanishes on its way back.

    records: a LayerRecord, or a dict of several, name -> record, a line for each. at: which of the
    steps recorded, the first unless given; -1 is the last. path: a file to write as well.

    Raises: RuntimeError without matplotlib, TypeError for what are no records, ValueError for one
    in which no step was recorded, IndexError for a step that was not.
    """
    several = records_of("gradients_by_layer", records)
    for record in several.values():
        if not -len(record.steps) <= at < len(record.steps):
            raise IndexError(
                f"gradients_by_layer: {len(record.steps)} steps were recorded, got at={at}"
            )
    plot = figure(6.4, 3.6)
    place = plot.subplots()
    steps = {record.steps[at] for record in several.values()}
    when = f" in step {steps.pop()}" if len(steps) == 1 else ""
    ruled(place, f"Gradients of the weights{when}", "layer", "norm")
    for i, (name, record) in enumerate(several.items()):
        norms = [line[at] for line in record.gradients.values()]
        place.plot(
            range(1, len(norms) + 1),
            [x if x > 0 else math.nan for x in norms],
            color=LINES[i % len(LINES)],
            marker=MARKS[i % len(MARKS)],
            markersize=4,
            label=name,
        )
    place.set_yscale("log")
    names = {tuple(record.layers) for record in several.values()}
    if len(names) == 1 and len(list(*names)) <= FEW:
        place.set_xticks(range(1, 1 + len(list(*names))), *names, fontsize=SMALL)
    else:
        place.xaxis.get_major_locator().set_params(integer=True)
    if any(several):
        place.legend(fontsize=SMALL, frameon=False)
    return finished(plot, path)
