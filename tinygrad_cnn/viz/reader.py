"""From a graph to a Scene. It reads nodes and asks rules; neither knows of pictures."""

from collections import deque
from collections.abc import Mapping

from ..graph import Node, ancestors
from ..tensor import Tensor, TensorNode, wrap
from ..value import Value
from .keep import KEPT
from .number import short
from .scene import Box, Scene, Wire

SYMBOLS = {
    "add": "+",
    "sub": "−",
    "mul": "×",
    "div": "÷",
    "neg": "−",
    "pow": "^",
    "matmul": "@",
    "maximum": "max",
    "minimum": "min",
    "sqrt": "√",
    "sum": "Σ",
    "sum_to": "Σ to shape",
    "window_sum": "Σ window",
    "sigmoid": "σ",
    "contract": "einsum",
    "dropped": "dropout",
}
UNTOLD = (
    "seed",
    "counter",
    "shape",
    "out",
    "space",
)  # settings that the shape tells, or nobody asks for
PLAIN = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}  # settings that go without saying
NO_GRADIENT = "No gradient has arrived here: call backward() on the result, then draw again."
NO_NUMBERS = (
    "Shapes only: a tensor graph drops its numbers. Record it under `with viz.keep():` "
    "to see them, and the constants."
)
SOME_NUMBERS = "Boxes without numbers were recorded outside viz.keep()."
ELSEWHERE = "Elsewhere: an earlier backward(), or gates outside this picture."


def read(x: object, names: Mapping | None, max_nodes: int) -> Scene:
    """The Scene of everything x was computed from; of the nodes nearest to it, if they are many.

    Raises: TypeError for anything but a Value, a Tensor or a node; ValueError for a Tensor that is
    on no graph and for max_nodes below 1.
    """
    root = root_of(x)
    if max_nodes < 1:
        raise ValueError(f"max_nodes must be at least 1, got {max_nodes}")
    found = ancestors([root])
    near = set(found) if len(found) <= max_nodes else nearest(root, max_nodes)
    reader = (ValueReader if isinstance(root, Value) else TensorReader)(root, names)
    for node in reversed(found):
        if node in near:
            reader.take(node)
    notes = reader.notes()
    if len(found) > len(near):
        few = f"The {len(near)} nodes nearest to the result, of {len(found)}"
        notes.insert(0, f"{few}: max_nodes={len(found)} shows all.")
    return Scene(reader.rows, reader.boxes[root], reader.scalar, reader.graded, notes)


def root_of(x: object) -> Node:
    """The node to start from."""
    node = x.node if isinstance(x, Tensor) else x
    if node is None:
        raise ValueError(
            f"this tensor of shape {x.shape} is on no graph: compute it from tensors with "
            "requires_grad=True, outside no_grad"
        )
    if not isinstance(node, (Value, TensorNode)):
        raise TypeError(f"a picture needs a Value or a Tensor, got {type(x).__name__}")
    return node


def nearest(root: Node, most: int) -> set[Node]:
    """The nodes closest to the root, at most `most`."""
    found = {root}
    waiting = deque([root])
    while waiting and len(found) < most:
        for parent in waiting.popleft().parents:
            if parent is not None and parent not in found and len(found) < most:
                found.add(parent)
                waiting.append(parent)
    return found


class Reader:
    """Takes nodes, oldest first, and makes a box of each and a wire of each of its inputs.

    Subclasses say what a node of their mode shows: `box_of(node)` and `wire(node, box)`.
    """

    def __init__(self, root: Node, names: Mapping | None) -> None:
        self.rows = []
        self.count = 0
        self.boxes = {}  # node -> its box
        self.graded = self.has_gradient(root)
        self.titles = {}
        for name, x in (names or {}).items():
            self.titles[x.node if isinstance(x, Tensor) else x] = name

    def take(self, node: Node) -> None:
        """Add a node, and what it is wired to that has no box yet."""
        box = self.box_of(node)
        box.title = printable(self.titles.get(node, box.title))
        if box.kind == "constant":
            box.key = f"c{len(self.rows)}"
        else:
            self.count += 1
            box.key = f"n{self.count}"
        self.wire(node, box)
        self.boxes[node] = box
        self.rows.append(box)

    def source(self, parent: Node, target: Box) -> Box:
        """The box of a parent; one for all parents of the target that are beyond the edge."""
        if parent in self.boxes:
            return self.boxes[parent]
        cut = next((w.source for w in target.wires if w.source.kind == "cut"), None)
        if cut is None:
            cut = Box("cut", "…", f"{target.key}_cut")
            self.rows.append(cut)
        return cut

    def connect(self, source: Box, target: Box, local: float | None, sent: float | None) -> None:
        """Add a wire."""
        wire = Wire(source, target, local, sent)
        target.wires.append(wire)
        source.uses.append(wire)

    def notes(self) -> list[str]:
        """What has to be said about numbers that are missing."""
        gates = [box for box in self.rows if box.kind == "gate"]
        bare = [box for box in gates if box.value is None and not box.kept]
        if gates and len(bare) == len(gates):
            return [NO_NUMBERS]
        notes = [SOME_NUMBERS] if bare else []
        if gates and not self.graded:
            notes.append(NO_GRADIENT)
        if self.scalar and any(box.elsewhere() is not None for box in self.rows):
            notes.append(ELSEWHERE)
        return notes


class ValueReader(Reader):
    """Reads scalar mode, where every node has its numbers."""

    scalar = True

    def has_gradient(self, root: Value) -> bool:
        """Whether a gradient has arrived: the result of a backward pass has gradient 1."""
        return float(root.grad) != 0

    def box_of(self, node: Value) -> Box:
        """The box of a Value. A leaf with an empty label is a constant."""
        box = Box("leaf", node.label, value=node.data)
        if node.gate is not None:
            box.kind = "gate"
            box.symbol = symbol(node.gate)
            box.settings = settings_text(dict(zip(node.gate.settings, node.rest, strict=False)))
        elif node.label == "":
            box.kind = "constant"
        if self.graded and box.kind != "constant":
            box.grad = float(node.grad)
        return box

    def wire(self, node: Value, box: Box) -> None:
        """The wires into a Value, with what its gate's own rules say of them."""
        parents = node.parents
        if not parents:
            return
        needs = []
        numbers = [p.data for p in parents]
        for parent in parents:
            shown = parent in self.boxes and self.boxes[parent].kind != "constant"
            needs.append(parent if shown else None)

        def pulled(g: float) -> tuple:
            return node.gate.pull(g, needs, node.data, *numbers, *node.rest)

        local = pulled(1.0)
        sent = pulled(box.grad) if self.graded else [None] * len(parents)
        for i, parent in enumerate(parents):
            self.connect(self.source(parent, box), box, local[i], sent[i])


class TensorReader(Reader):
    """Reads tensor mode, where numbers are there only if they were kept."""

    scalar = False

    def has_gradient(self, root: TensorNode) -> bool:
        """Whether a gradient has arrived and was retained."""
        return gradient(root) is not None

    def box_of(self, node: TensorNode) -> Box:
        """The box of a node; of a leaf, which holds no numbers, they are found at its consumers."""
        box = Box("leaf", shape=tuple(node.shape), dtype=str(node.dtype))
        if node.gate is not None:
            box.kind = "gate"
            box.symbol = symbol(node.gate)
            box.kept = node in KEPT
            if box.kept:
                self.fill(box, node, KEPT[node].output)
                box.settings = settings_text(KEPT[node].settings)
        return box

    def fill(self, box: Box, node: TensorNode, numbers: object) -> None:
        """Give a box its numbers."""
        box.value = numbers
        box.grad = gradient(node) if self.graded else None

    def wire(self, node: TensorNode, box: Box) -> None:
        """The wires into a node."""
        kept = KEPT.get(node)
        inputs = kept.inputs if kept else [None] * len(node.parents)
        words = getattr(node.gate, "inputs", ())
        for i, (parent, numbers) in enumerate(zip(node.parents, inputs, strict=True)):
            if parent is not None:
                source = self.source(parent, box)
                if source.value is None and source.kind != "cut" and kept:
                    self.fill(source, parent, numbers)
            elif numbers is not None:
                source = constant(f"{box.key}_{i}", words[i] if i < len(words) else "", numbers)
                self.rows.append(source)
            else:
                continue
            self.connect(source, box, None, None)


def gradient(node: TensorNode) -> object:
    """The array of the gradient that a leaf holds or an inner node has retained, or None."""
    grad = wrap(None, node).grad
    return None if grad is None else grad.raw


def constant(key: str, word: str, numbers: object) -> Box:
    """The box of an input that is on no graph, called what the gate calls it."""
    shape = tuple(getattr(numbers, "shape", ()))
    dtype = str(getattr(numbers, "dtype", ""))
    return Box("constant", word, key, shape=shape, dtype=dtype, value=numbers)


def printable(title: str | None) -> str:
    """A name without characters that cannot be printed."""
    return "".join(c if c.isprintable() else "�" for c in title or "")


def symbol(gate: object) -> str:
    """How pictures write a gate."""
    return SYMBOLS.get(gate.name, gate.name.replace("_", " "))


def settings_text(settings: Mapping) -> str:
    """The settings that are worth a line: `stride 2, padding 1`."""
    words = []
    for name, value in settings.items():
        parts = value if isinstance(value, tuple) else (value,)
        telling = parts and all(type(p) in (int, float, bool) for p in parts)
        if not telling or name in UNTOLD or set(parts) == {PLAIN.get(name)}:
            continue
        text = ", ".join(map(short, parts[:1] if len(set(parts)) == 1 else parts))
        name = name.replace("_", " ")
        if type(value) is not bool:
            words.append(f"{name} ({text})" if "," in text else f"{name} {text}")
        elif value:
            words.append(name)
    return ", ".join(words)
