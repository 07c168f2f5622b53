"""What flows back along the wires of a tensor graph: the gates' own rules, asked once more."""

from math import prod

import numpy as np

from ..gate import Gate
from .layer import numbers_of
from .number import SMALL
from .place import Place, Tensors
from .scene import Box, Scene


def flow(scene: Scene) -> Scene:
    """The scene, with local derivatives and contributions on the wires of small tensors, and
    contributions wherever several gradients meet.

    A wire has them if the numbers of its gate were kept. A scalar graph has all of them anyway.
    """
    if scene.scalar or not scene.graded:
        return scene
    with np.errstate(all="ignore"):
        for box in scene.boxes:
            if box.kind == "gate" and box.grad is not None and isinstance(box.node.gate, Gate):
                fill(box)
    return scene


def fill(box: Box) -> None:
    """Ask the rules of one gate, as far as a picture shows their answers."""
    shown = [wire for wire in box.wires if wire.source.kind not in ("constant", "cut")]
    graded = [wire for wire in shown if wire.source.grad is not None]
    meeting = [wire for wire in graded if len(wire.source.uses) > 1]
    small = all(prod(wire.source.shape) <= SMALL for wire in shown)
    if not meeting and not small:
        return
    node = box.node
    inputs = [Place("", numbers_of(node, i), parent) for i, parent in enumerate(node.parents)]
    place = Place("gate", box.value, node, inputs=inputs)
    reader = Tensors()
    local = reader.local(place) if small else (None,) * len(inputs)
    sent = reader.pull(place, box.grad)
    given = [i for i, p in enumerate(place.inputs) if p.node is not None or p.value is not None]
    for wire, i in zip(box.wires, given, strict=True):
        if wire in shown and i < len(sent) and sent[i] is not None:
            if small:
                wire.local = local[i]
            if wire in meeting or wire.local is not None:
                wire.sent = reader.fitted(sent[i], inputs[i])
