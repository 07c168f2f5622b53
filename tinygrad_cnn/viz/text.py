"""A graph as plain text: one line per node, oldest first.

Read down it is the forward pass, read up the backward pass; every gradient is followed by what it
was multiplied from.
"""

from collections.abc import Mapping

from .number import MINUS, added, bracketed, inline, short
from .reader import read
from .scene import Box, Scene, Wire

INFIX = ("+", MINUS, "×", "÷", "^", "@")
HOW_TO_READ = (
    "Read down for values, up for gradients: upstream gradient × local derivative, for each use."
)
TERMS = 4  # of a sum of more terms than that, the others are counted


def draw_text(
    x: object,
    *,
    max_nodes: int = 300,
    names: Mapping | None = None,
    model: object = None,
    depth: int | None = None,
) -> str:
    """The graph of x, a Value or a Tensor, as a table of plain text.

    Each line names a node, says how it was computed, and gives its value and its gradient; in
    scalar mode also, for each use, the upstream gradient, the local derivative and the gate it came
    through. max_nodes, names, model, depth: as in `draw`.

    Raises: TypeError for anything that has no graph, ValueError for a Tensor outside every graph.
    """
    return text_of(read(x, names, max_nodes, depth, model))


def text_of(scene: Scene) -> str:
    """A Scene as a table of plain text."""
    heads = ["", "value"] if scene.scalar else ["", "shape", "value"]
    if scene.graded:
        heads += ["grad", ""] if scene.scalar else ["grad"]
    lines = [heads]
    for box in scene.boxes:
        if box.kind not in ("constant", "cut"):
            lines.append(cells(box, scene))
    lines = without_empty_columns(lines)
    table = aligned(lines, right=scene.scalar)
    notes = [HOW_TO_READ] if scene.scalar and scene.graded and len(lines) > 2 else []
    notes += scene.notes
    return "\n".join([*table, *([""] if notes else []), *notes])


def cells(box: Box, scene: Scene) -> list[str]:
    """The line of one node."""
    name = name_of(box)
    if box.kind in ("gate", "module"):
        name = f"{name} = {expression(box)}"
    if box.kind == "failed":
        name = f"{expression(box)}: {box.title}"
    line = [name, known(box.value)]
    if not scene.scalar:
        line.insert(1, "" if box.shape is None else f"{box.shape} {box.dtype}")
    if scene.graded:
        line.append(known(box.grad))
        if scene.scalar:
            line.append(origin(box))
    return line


def name_of(box: Box) -> str:
    """A name for the node: its own, or `#` and its number; a constant is called by its value."""
    if box.kind == "constant":
        few = box.value is not None and getattr(box.value, "size", 1) == 1
        return inline(box.value) if few else f"{box.title} {box.shape}"
    return box.title or box.key.replace("n", "#", 1)


def known(value: object) -> str:
    """A number or an array in one line; nothing if it is not known."""
    return "" if value is None else inline(value)


def expression(box: Box) -> str:
    """How a node was computed: `x + y`, `tanh(x)`."""
    inputs = [name_of(wire.source) for wire in box.wires]
    if box.symbol == MINUS and len(inputs) == 1:
        return f"{MINUS}{bracketed(inputs[0])}"
    if box.symbol in INFIX and len(inputs) == 2:
        return f"{inputs[0]} {box.symbol} {bracketed(inputs[1])}"
    settings = [box.settings] if box.settings else []
    return f"{box.symbol}({', '.join(inputs + settings)})"


def product(wire: Wire) -> str:
    """Upstream gradient times local derivative, and the gate between them."""
    upstream = short(wire.target.grad)
    return f"{upstream} × {bracketed(short(wire.local))} via {name_of(wire.target)}"


def origin(box: Box) -> str:
    """What the gradient of a Value is the sum of."""
    wires = box.sent()
    words = [product(wire) for wire in wires[:TERMS]]
    if len(wires) > TERMS:
        words.append(f"{len(wires) - TERMS} more")
    rest = box.elsewhere()
    if rest is not None:
        words.append(f"{short(rest)} from elsewhere")
    return f"= {added(words)}" if words else ""


def without_empty_columns(lines: list[list[str]]) -> list[list[str]]:
    """The table less the columns that say nothing below their head."""
    columns = list(zip(*lines, strict=True))
    told = [column for i, column in enumerate(columns) if i == 0 or any(column[1:])]
    return [list(line) for line in zip(*told, strict=True)]


def aligned(lines: list[list[str]], right: bool) -> list[str]:
    """The lines of a table; numbers to the right if asked, words to the left."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    out = []
    for line in lines:
        parts = []
        for i, (cell, width) in enumerate(zip(line, widths, strict=True)):
            numeric = right and i in (1, 2)
            parts.append(cell.rjust(width) if numeric else cell.ljust(width))
        out.append("   ".join(parts).rstrip())
    return out
