"""A graph as a picture, laid out by Graphviz. The DOT text is the same in every run."""

import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .card import FRAME, HAIR, INK, LINE, PAPER, QUIET, card, footer, pill, title_of
from .flows import flow
from .reader import read
from .scene import Box, Group, Scene, Wire
from .text import text_of

if TYPE_CHECKING:
    from .picture import Picture

SANS = "Helvetica,Arial,sans-serif"
GRAPH_STYLE = {
    "bgcolor": PAPER,
    "ranksep": "0.3",
    "nodesep": "0.22",
    "pad": "0.2",
    "fontname": SANS,
    "labelloc": "b",
    "labeljust": "l",
    "tooltip": " ",
}
GROUP_STYLE = {
    "style": "rounded,filled",
    "color": HAIR,
    "fillcolor": FRAME,
    "fontname": SANS,
    "fontcolor": QUIET,
    "labelloc": "t",
    "labeljust": "l",
    "margin": "10",
    "tooltip": " ",
}
NODE_STYLE = {"shape": "plain", "fontname": SANS, "fontcolor": INK}
EDGE_STYLE = {"color": LINE, "penwidth": "1.2", "arrowsize": "0.7", "tooltip": " "}
COMMUTATIVE = ("+", "×", "max", "min")  # of other gates the first input is drawn first
ARROWS = {"LR": "←", "TB": "↑"}  # the way back
NO_DOT = (
    "The program `dot` that lays pictures out was not found: install Graphviz "
    "(apt install graphviz, brew install graphviz, winget install graphviz)."
)


def missing_dot() -> str:
    """A sentence that says how to get the `dot` program; empty if it is there."""
    return "" if shutil.which("dot") else NO_DOT


def draw(
    x: object,
    *,
    format: str = "svg",
    max_nodes: int = 300,
    direction: str = "LR",
    names: Mapping | None = None,
    model: object = None,
    depth: int | None = None,
) -> "Picture":
    """A picture of everything x, a Value or a Tensor, was computed from: a graphviz.Digraph.

    Notebooks show it. `.source` is its DOT text, `.text` the same graph as plain text, and
    `.write(path)` writes either, or an image, by the path's suffix. Only images need the program
    `dot`.

    A card shows a node's gate, name, value and gradient, and the sum where several gradients meet;
    a wire shows the local derivative, and what flowed back: upstream × local, both from the gate's
    own rule (of large tensors only where several gradients meet). Input, parameter, constant, gate
    and output differ in colour and in the shape of their cards. A leaf Value with the label "" is
    drawn as a constant.

    Tensor graphs have numbers if they were recorded under `viz.keep()`, and frames around the gates
    of each module if it was `viz.keep(model)`. x may also be what `keep` gives: after an error in
    `with viz.keep(model) as kept:` the picture shows what had run, and marks the gate that failed.

    format: what `.render()` and `.pipe()` make. max_nodes: of a larger graph the nodes nearest to x
    are drawn, with a note. direction: "LR" from left to right, "TB" from top to bottom. names: name
    -> Value or Tensor. model: a Module, or anything that has `parameters()`, to tell parameters
    from other inputs and to call them by their names. depth: modules at that depth inside the
    model, and those that have no modules inside, are one card each, and equal ones in a row are
    drawn once, with their number; without it every gate is drawn.

    Raises: TypeError for what has no graph; ValueError for a Tensor that is on no graph, for
    another direction, for max_nodes below 1 and a depth below 0.
    """
    if direction not in ARROWS:
        raise ValueError(f'direction is "LR" or "TB", got {direction!r}')
    scene = flow(read(x, names, max_nodes, depth, model))
    from .picture import Picture  # imports graphviz

    graph_style = {"rankdir": direction, "label": footer(scene, ARROWS[direction]), **GRAPH_STYLE}
    picture = Picture(
        "graph",
        format=format,
        graph_attr=graph_style,
        node_attr=NODE_STYLE,
        edge_attr=EDGE_STYLE,
    )
    picture.text = text_of(scene)
    Drawing(scene, ARROWS[direction]).write(picture)
    return picture


class Drawing:
    """The cards, pills, frames and edges of a scene, on their way into a picture.

    cards, inside: of each group, or of none, the cards and pills that stand in its frame and the
    groups that do. edges: from key to key, with their style.
    """

    def __init__(self, scene: Scene, arrow: str) -> None:
        self.scene = scene
        self.arrow = arrow
        self.cards: dict[Group | None, list[tuple[str, dict]]] = {None: []}
        self.inside: dict[Group | None, list[Group]] = {}
        self.edges: list[tuple[str, str, dict]] = []
        depth = {}
        for box in scene.boxes:
            order = {} if box.symbol in COMMUTATIVE else {"ordering": "in"}
            self.put(box.group, box.key, label=card(box, scene), tooltip=exact(box), **order)
            deepest = max([depth[wire.source] for wire in box.wires], default=-1)
            depth[box] = deepest + 1
            for i, wire in enumerate(box.wires):
                # Layers are drawn as one straight way, from which parameters stand aside.
                straight = not scene.scalar and depth[wire.source] == deepest
                self.join(wire, f"{box.key}_w{i}", straight)

    def put(self, group: Group | None, key: str, **style: str) -> None:
        """Put a card or a pill into a frame."""
        for inner in group.around() if group else ():
            if inner not in self.cards:
                self.cards[inner] = []
                self.inside.setdefault(inner.outer, []).append(inner)
        self.cards[group].append((key, style))

    def join(self, wire: Wire, key: str, straight: bool) -> None:
        """Draw one wire: through a pill where there are numbers to show on it."""
        style = {"style": "dotted"} if nothing(wire.sent) else {}
        if straight:
            style["weight"] = "8"
        source, target = wire.source, wire.target
        if source.kind in ("constant", "cut"):
            style["style"] = "dashed"
        if wire.local is None and wire.sent is None:
            self.edges.append((source.key, target.key, style))
            return
        self.put(shared(source.group, target.group), key, label=pill(wire, self.arrow), tooltip=" ")
        self.edges.append((source.key, key, {"arrowhead": "none", **style}))
        self.edges.append((key, target.key, style))

    def write(self, picture: "Picture", group: Group | None = None) -> None:
        """Write what stands in a frame, then, outside all frames, the edges."""
        for key, style in self.cards[group]:
            picture.node(key, **style)
        for inner in self.inside.get(group, ()):
            with picture.subgraph(name=f"cluster_{inner.key}") as frame:
                frame.attr(label=title_of(inner), **GROUP_STYLE)
                self.write(frame, inner)
        if group is None:
            for tail, head, style in self.edges:
                picture.edge(tail, head, **style)


def shared(a: Group | None, b: Group | None) -> Group | None:
    """The innermost group around both."""
    inside = set(b.around()) if b else set()
    return next((group for group in reversed(a.around() if a else []) if group in inside), None)


def nothing(sent: object) -> bool:
    """Whether it is known that no gradient flows."""
    return sent is not None and not hasattr(sent, "dtype") and sent == 0


def exact(box: Box) -> str:
    """What a reader who points at a card is told: a Value's numbers with all their digits."""
    if isinstance(box.value, float) and box.shape is None:
        return f"value {box.value!r}" + ("" if box.grad is None else f", grad {box.grad!r}")
    return " "
