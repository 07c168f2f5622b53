"""A graph as a picture, laid out by Graphviz. The DOT text is the same in every run."""

import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

from .card import INK, LINE, PAPER, card, footer, pill
from .reader import read
from .scene import Box, Wire
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
) -> "Picture":
    """A picture of everything x, a Value or a Tensor, was computed from: a graphviz.Digraph.

    Notebooks show it. `.source` is its DOT text, `.text` the same graph as plain text, and
    `.write(path)` writes either, or an image, by the path's suffix. Only images need the program
    `dot`.

    A card shows a node's gate, name, value and gradient, and the sum where several gradients meet;
    a wire of a scalar graph shows the local derivative, and what flowed back: upstream × local,
    both from the gate's own rule. Tensor graphs have numbers if they were recorded under
    `viz.keep()`. A leaf Value with the label "" is drawn as a constant.

    format: what `.render()` and `.pipe()` make. max_nodes: of a larger graph the nodes nearest to x
    are drawn, with a note. direction: "LR" from left to right, "TB" from top to bottom. names: name
    -> Value or Tensor, such as dict(model.named_parameters()).

    Raises: TypeError for what has no graph; ValueError for a Tensor that is on no graph, for
    another direction, and for max_nodes below 1.
    """
    if direction not in ARROWS:
        raise ValueError(f'direction is "LR" or "TB", got {direction!r}')
    scene = read(x, names, max_nodes)
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
    for box in scene.boxes:
        order = {} if box.symbol in COMMUTATIVE else {"ordering": "in"}
        picture.node(box.key, label=card(box, scene), tooltip=exact(box), **order)
    depth = {}
    for box in scene.boxes:
        deepest = max([depth[wire.source] for wire in box.wires], default=-1)
        depth[box] = deepest + 1
        for i, wire in enumerate(box.wires):
            # Layers are drawn as one straight way, from which parameters stand aside.
            straight = not scene.scalar and depth[wire.source] == deepest
            join(picture, wire, f"{box.key}_w{i}", ARROWS[direction], straight)
    return picture


def exact(box: Box) -> str:
    """What a reader who points at a card is told: a Value's numbers with all their digits."""
    if isinstance(box.value, float) and box.shape is None:
        return f"value {box.value!r}" + ("" if box.grad is None else f", grad {box.grad!r}")
    return " "


def join(picture: "Picture", wire: Wire, key: str, arrow: str, straight: bool) -> None:
    """Draw one wire: through a pill where there are numbers to show on it."""
    style = {"style": "dotted"} if wire.sent == 0 else {}
    if straight:
        style["weight"] = "8"
    if wire.source.kind in ("constant", "cut"):
        style["style"] = "dashed"
    if wire.local is None:
        picture.edge(wire.source.key, wire.target.key, **style)
        return
    picture.node(key, label=pill(wire, arrow), tooltip=" ")
    picture.edge(wire.source.key, key, arrowhead="none", **style)
    picture.edge(key, wire.target.key, **style)
