"""What there is to know of a graph's nodes: their inputs, their numbers, what their rules send.

`Scalars` reads graphs of Values, `Tensors` those of Tensors, as far as their numbers were kept.
"""

import functools
import math
from dataclasses import dataclass, field

from ..autograd.function import Pick, TupleNode
from ..gate import Gate
from ..graph import Node
from ..kernels import xp
from ..value import Value
from .functions import Record, sent_by
from .keep import KEPT
from .reader import NO_NUMBERS, shapes_only
from .words import words_of


@dataclass(eq=False)
class Place:
    """A node, or an input that is on no graph, on its way into a trace."""

    kind: str
    value: object
    node: Node | None = None
    id: str = ""
    name: str = ""
    word: str = ""  # what the gate that first takes it calls it
    grad: object = None
    inputs: list["Place | None"] = field(default_factory=list, repr=False)  # None: left out
    local: list = field(default_factory=list, repr=False)
    flows: list[dict] = field(default_factory=list, repr=False)

    @functools.cached_property
    def record(self) -> Gate | Record:
        """The gate's record."""
        return Record(self.node.parents[0]) if isinstance(self.node, Pick) else self.node.gate


class Scalars:
    """Reads scalar mode, whose nodes have all their numbers."""

    def seed(self, root: Place) -> float:
        """Where the backward pass starts."""
        return 1.0

    def place(self, node: Value) -> Place:
        """What a Value shows; a leaf with an empty label is a constant."""
        kind = "gate" if node.gate else "const" if node.label == "" else "input"
        return Place(kind, node.data, node, name=node.label or "")

    def inputs(self, place: Place, places: dict) -> list[Place]:
        """The places of a gate's inputs."""
        return [places[parent] for parent in place.node.parents]

    def pull(self, place: Place, g: float) -> tuple:
        """What the gate's own rules send to each input for a gradient g; None to constants."""
        node = place.node
        needs = [None if p.kind == "const" else p for p in place.inputs]
        numbers = [p.value for p in place.inputs]
        return node.gate.pull(g, needs, (node.data, *numbers, *node.rest, None))

    def local(self, place: Place) -> tuple:
        """The local derivative for each input."""
        return self.pull(place, 1.0)

    def fitted(self, g: float, place: Place) -> float:
        """The gradient as its receiver has it."""
        return g


class Tensors:
    """Reads tensor mode, as far as its numbers were kept."""

    def seed(self, root: Place) -> object:
        """Where the backward pass starts."""
        if root.value is None:
            raise ValueError("step plays what was computed; this tensor is a leaf, not a result")
        return xp(root.value).ones_like(root.value)

    def place(self, node: Node) -> Place | None:
        """What a node shows; a leaf holds no numbers, they are found at its consumers.

        Of a Function each output is a gate, and the node before them is none.
        """
        if isinstance(node, TupleNode):
            return None
        if node.gate is None:
            return Place("input", None, node)
        if node not in KEPT or shapes_only(KEPT[node].output):
            raise ValueError(f"step needs numbers. {NO_NUMBERS}")
        return Place("gate", KEPT[node].output, node)

    def inputs(self, place: Place, places: dict) -> list[Place]:
        """The places of a gate's inputs; one of its own for each that is on no graph."""
        found = []
        words = place.record.inputs
        node = place.node.parents[0] if isinstance(place.node, Pick) else place.node
        kept = KEPT[node]
        names = [source.name for source in kept.sources] or [""] * len(kept.inputs)
        for i, (parent, x) in enumerate(zip(node.parents, kept.inputs, strict=True)):
            if parent is None and not is_number(x):
                found.append(None)
                continue
            source = Place("const", x) if parent is None else places[parent]
            source.word = source.word or words[min(i, len(words) - 1)]
            source.name = source.name or names[i]
            if source.value is None:
                source.value = x
            found.append(source)
        return found

    def pull(self, place: Place, g: object) -> tuple:
        """What the gate's own rules send to each input for a gradient g."""
        if isinstance(place.node, Pick):
            return sent_by(place.node, g)
        return place.record.pull(g, place.node.parents, self.saved(place))

    def saved(self, place: Place) -> tuple:
        """What the rules need: as the node keeps it or, once that is freed, as it was."""
        node, record = place.node, place.record
        if node.saved.__class__ is tuple:
            return node.saved
        inputs = [p and p.value for p in place.inputs]
        ruled = record.ruled * len(inputs) if record.many else record.ruled
        for i, x in enumerate(inputs):  # as they were after promotion
            if len(inputs) > 1 and ruled[i] and hasattr(x, "dtype"):
                inputs[i] = x.astype(place.value.dtype)
        settings = KEPT[node].settings
        aux = None
        if record.aux:
            kind = type(next(x for x in inputs if hasattr(x, "dtype")))
            aux = record.kernel(kind)(*inputs, **settings)[1]
        shapes = [getattr(inputs[i], "shape", ()) for i in record.shaped]
        if record.many:
            shapes = [tuple([x.shape for x in inputs])] if record.shapes else []
            inputs = [tuple(inputs)]
        return (place.value, *inputs, *settings.values(), *shapes, aux)

    def local(self, place: Place) -> tuple:
        """The local derivatives of a gate that works on each number by itself."""
        if not words_of(place.record).local:
            return (None,) * len(place.inputs)
        return self.pull(place, xp(place.value).ones_like(place.value))

    def fitted(self, g: object, place: Place) -> object:
        """The gradient in its receiver's shape and dtype."""
        node = place.node
        return g if g.shape == node.shape and g.dtype == node.dtype else node.fit(g, node)


def is_number(x: object) -> bool:
    """Whether an input that is on no graph has numbers; what else a Function is given has none."""
    return hasattr(x, "dtype") or (isinstance(x, (int, float)) and not isinstance(x, bool))


def number_of(x: object) -> float | None:
    """A number, or the element of a tensor that has one; None for other tensors and for None."""
    if x is None or not hasattr(x, "dtype"):
        return None if x is None else float(x)
    return float(x.reshape(-1)[0]) if math.prod(x.shape) == 1 else None
