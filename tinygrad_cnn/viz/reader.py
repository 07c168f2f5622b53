"""From a graph to a Scene. It reads nodes and asks rules; neither knows of pictures."""

from collections.abc import Mapping
from math import prod

from .. import kernels
from ..graph import Node, ancestors
from ..tensor import TensorNode, wrap
from ..value import Value
from .failure import Failure
from .keep import KEPT, Call, Kept
from .modules import Modules
from .scene import Box, Group, Scene, Wire
from .subject import Names, nearest, roots_of
from .symbols import printable, settings_text, symbol

NO_GRADIENT = "No gradient has arrived here: call backward() on the result, then draw again."
NO_NUMBERS = (
    "Shapes only: a tensor graph drops its numbers. Record it under `with viz.keep():` "
    "to see them, and the constants."
)
SOME_NUMBERS = "Boxes without numbers were recorded outside viz.keep()."
ELSEWHERE = "Elsewhere: an earlier backward(), or gates outside this picture."
REPEATED = "×n: modules in a row that are equal but for their numbers, drawn once."
SIGN = "✗ "  # before the name of what failed
FAILED = f"The run ended with an error at the card marked {SIGN.strip()}."
NO_MODULES = "No module is known: record the graph under `with viz.keep(model):` to fold it."


def read(
    x: object,
    names: Mapping | None = None,
    max_nodes: int = 300,
    depth: int | None = None,
    model: object = None,
) -> Scene:
    """The Scene of everything x was computed from; of what is nearest to it, if that is much.

    Raises: TypeError for anything but a Value, a Tensor, a node or what `keep` gives; ValueError
    for a Tensor that is on no graph, where nothing was kept, for max_nodes below 1 and a depth
    below 0.
    """
    roots = roots_of(x)
    failure = x.failure if isinstance(x, Kept) else None
    if max_nodes < 1:
        raise ValueError(f"max_nodes must be at least 1, got {max_nodes}")
    if depth is not None and depth < 0:
        raise ValueError(f"depth is at least 0, or None for all gates, got {depth}")
    found = ancestors(roots)
    modules = Modules(found, depth)
    whole = len({modules.drawn(node) for node in found} - modules.hidden)
    near = nearest(roots, max_nodes, modules) if whole > max_nodes else None
    scalar = any(isinstance(root, Value) for root in roots)
    reader = (ValueReader if scalar else TensorReader)(roots, Names(names, model), modules)
    for node in reversed(found):
        if near is None or modules.drawn(node) in near:
            reader.take(node)
    if failure is not None:
        reader.fail(failure)
    notes = [FAILED] if failure else reader.notes()
    if modules.times:
        notes.append(REPEATED)
    if depth is not None and not any(modules.homes.values()):
        notes.append(NO_MODULES)
    if near is not None:
        few = f"The {len(near)} nodes nearest to the result, of {whole}"
        notes.insert(0, f"{few}: max_nodes={whole} shows all.")
    root = reader.rows[-1] if failure else reader.boxes[modules.twins.get(roots[0], roots[0])]
    if failure is None:
        for last in roots:
            if near is None or modules.drawn(last) in near:
                reader.boxes[modules.twins.get(last, last)].role = "output"
    return Scene(reader.rows, root, scalar, reader.graded, notes)


class Reader:
    """Takes nodes, oldest first, and makes a box of each and a wire of each of its inputs.

    Subclasses say what a node of their mode shows: `box_of(node)` and `wire(node, box)`.
    """

    def __init__(self, roots: list[Node], names: Names, modules: Modules) -> None:
        self.rows = []
        self.count = 0
        self.boxes = {}  # node -> its box
        self.names = names
        self.modules = modules
        self.groups = {}  # call -> the group it is drawn as
        self.graded = any(self.has_gradient(root) for root in roots)

    def take(self, node: Node) -> None:
        """Add a node, and what it is wired to that has no box yet."""
        modules = self.modules
        if node in modules.twins or node in modules.hidden:
            return
        call = modules.cards.get(node)
        if call is None:
            box = self.box_of(node)
            box.node = node
            box.role = box.role or ("input" if box.kind == "leaf" else box.kind)
            if node in self.names.parameters:
                box.role = "parameter"
            box.title = printable(self.names.titles.get(node, box.title))
            self.place(box, modules.frame(node))
            self.wire(node, box)
            self.boxes[node] = box
            self.rows.append(box)
        elif node is modules.members[call][-1]:
            self.fold(call, modules.members[call])

    def place(self, box: Box, call: Call | None) -> None:
        """Give a box its key, and its place in the frame of a module."""
        box.group = self.group(call)
        if box.kind == "constant":
            box.key = f"c{len(self.rows)}"
        else:
            self.count += 1
            box.key = f"n{self.count}"

    def group(self, call: Call | None) -> Group | None:
        """The group of a module."""
        if call is None:
            return None
        if call not in self.groups:
            outer = self.group(call.outer)
            title, kind = self.called(call)
            key = f"g{len(self.groups) + 1}"
            self.groups[call] = Group(call.path, title, kind, key, outer)
        return self.groups[call]

    def called(self, call: Call) -> tuple[str, str]:
        """The path of a module, or of several in a row, and its type."""
        times, last = self.modules.times.get(call, (1, ""))
        if times == 1:
            return call.path, call.type
        return f"{call.path}–{last}", f"{call.type} ×{times}"

    def repeated(self, call: Call | None) -> bool:
        """Whether what is drawn in a module stands for that of several."""
        while call is not None and call not in self.modules.times:
            call = call.outer
        return call is not None

    def fold(self, call: Call, nodes: list[Node]) -> None:
        """Add the card of a module; the numbers of the last of its gates are its output's."""
        box = self.box_of(nodes[-1])
        box.node = nodes[-1]
        box.kind = box.role = "module"
        title, box.symbol = self.called(call)
        box.title, box.settings = title, call.settings
        self.place(box, call.outer)
        leaves = {}  # in the order in which they are met
        for node in nodes:
            for parent, constant, _ in self.inputs(node):
                if parent is not None and self.modules.cards.get(parent) is call:
                    if parent.gate is None:
                        leaves[parent] = prod(parent.shape)
                elif parent is not None:
                    self.connect_once(self.source(parent, box), box)
                elif constant is not None and constant.role == "input":
                    self.place_constant(constant, call.outer)
                    self.connect_once(constant, box)
        box.weights = sum(leaves.values())
        for node in nodes:
            self.boxes[node] = box
        self.rows.append(box)

    def place_constant(self, box: Box, call: Call | None) -> None:
        """Add the box of an input that is on no graph; what is given comes from outside."""
        self.place(box, None if box.role == "input" else call)
        self.rows.append(box)

    def connect_once(self, source: Box, target: Box) -> None:
        """Add a wire without numbers, unless there is one."""
        if all(wire.source is not source for wire in target.wires):
            self.connect(source, target, None, None)

    def source(self, parent: Node, target: Box) -> Box:
        """The box of a parent; one for all parents of the target that are beyond the edge."""
        parent = self.modules.twins.get(parent, parent)
        if parent in self.boxes:
            return self.boxes[parent]
        cut = next((w.source for w in target.wires if w.source.kind == "cut"), None)
        if cut is None:
            cut = Box("cut", "…", f"{target.key}_cut", group=target.group)
            self.rows.append(cut)
        return cut

    def connect(self, source: Box, target: Box, local: object, sent: object) -> None:
        """Add a wire."""
        wire = Wire(source, target, local, sent)
        target.wires.append(wire)
        source.uses.append(wire)

    def notes(self) -> list[str]:
        """What has to be said about numbers that are missing."""
        gates = [box for box in self.rows if box.kind in ("gate", "module")]
        bare = [box for box in gates if box.value is None and not box.kept]
        if gates and len(bare) == len(gates):
            return [NO_NUMBERS]
        notes = [SOME_NUMBERS] if bare else []
        if any(box.value is not None for box in gates) and not self.graded:
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
        box = Box("leaf", node.label or "", value=node.data)
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
            return node.gate.pull(g, needs, (node.data, *numbers, *node.rest, None))

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
        """Give a box its numbers, if it stands for one node and they are more than shapes."""
        if self.repeated(self.modules.homes[node]) or shapes_only(numbers):
            return
        box.value = numbers
        box.grad = gradient(node) if self.graded else None

    def wire(self, node: TensorNode, box: Box) -> None:
        """The wires into a node."""
        for parent, constant, numbers in self.inputs(node):
            if parent is not None:
                source = self.source(parent, box)
                empty = source.value is None and source.kind not in ("cut", "module")
                if empty and numbers is not None:
                    self.fill(source, parent, numbers)
            elif constant is not None:
                self.place_constant(constant, self.modules.frame(node))
                source = constant
            else:
                continue
            self.connect(source, box, None, None)

    def inputs(self, node: TensorNode) -> list[tuple[TensorNode | None, Box | None, object]]:
        """The node, or the box of its own, of each input, and what was kept of its numbers.

        Of an input that is left out there is nothing.
        """
        kept = KEPT.get(node)
        if kept is None:
            return [(parent, None, None) for parent in node.parents]
        words = getattr(node.gate, "inputs", ())
        found = []
        for i, (parent, numbers) in enumerate(zip(node.parents, kept.inputs, strict=True)):
            role, name = kept.sources[i]
            constant = None
            if parent is not None:
                if role == "parameter":
                    self.learn(parent, name)
            elif numbers is not None:
                constant = box_of_constant(words[i] if i < len(words) else "", numbers, role)
            found.append((parent, constant, numbers))
        return found

    def learn(self, node: TensorNode, name: str) -> None:
        """Take note that a leaf is a parameter, and of its name."""
        box = self.boxes.get(node)
        if box is not None and box.role == "input":
            box.role = "parameter"
            box.title = box.title or printable(name)

    def fail(self, failure: Failure) -> None:
        """Add the box of what raised an error."""
        call = self.modules.unfolded(failure.call)
        name = SIGN + failure.name.replace("_", " ")
        box = Box("failed", failure.message, role="failed", symbol=name)
        if failure.call is not call:
            box.settings = f"in {failure.call.path} {failure.call.type}".replace("  ", " ")
        self.place(box, call)
        for node, raw, word, (role, name) in failure.inputs:
            if node is None:
                source = box_of_constant(word, raw, role)
                self.place_constant(source, call)
            else:
                source = self.source(node, box)
                if role == "parameter":
                    self.learn(node, name)
                if source.kind == "leaf" and not source.uses:
                    source.group = box.group
            self.connect(source, box, None, None)
        self.rows.append(box)


def gradient(node: TensorNode) -> object:
    """The array of the gradient that a leaf holds or an inner node has retained, or None."""
    grad = wrap(None, node).grad
    return None if grad is None or shapes_only(grad.raw) else grad.raw


def shapes_only(raw: object) -> bool:
    """Whether an array is on the device of shapes without numbers."""
    return hasattr(raw, "dtype") and kernels.backend(type(raw)).device == "meta"


def box_of_constant(word: str, numbers: object, role: str) -> Box:
    """The box of an input that is on no graph, called what the gate calls it."""
    shape = tuple(getattr(numbers, "shape", ()))
    dtype = str(getattr(numbers, "dtype", ""))
    value = None if shapes_only(numbers) else numbers
    return Box("constant", word, role=role, shape=shape, dtype=dtype, value=value)
