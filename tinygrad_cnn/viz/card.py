"""What stands in a picture: a card for each node, a pill on each wire, a line on how to read it.

They are Graphviz's HTML-like labels. Blue is what flows forward (values), orange what flows back
(gradients), ink what stands still (local derivatives); no meaning hangs on colour alone.
"""

import html
import textwrap
from math import prod
from typing import NamedTuple

from .number import added, bracketed, short, table
from .scene import Box, Group, Scene, Wire, within

VALUE = "#0067a3"
GRADIENT = "#b54700"
INK = "#121417"
QUIET = "#5b6168"  # words that matter less
LINE = "#868c95"
HAIR = "#d9d9d4"
PAPER = "#ffffff"
FRAME = "#f7f6f2"  # the ground inside a module
WRONG = "#a4001d"
SERIF = "Times-Italic"  # for names; the font of everything else is the graph's
GAP = "\N{NO-BREAK SPACE}"  # a plain blank at the edge of a piece of text is lost
TERMS = 4  # of a sum of more terms than that, the others are counted
LINE_LENGTH = 44  # of settings and of the text of an error


class Look(NamedTuple):
    """How the cards of a role look: fill, line, its width in points, its style."""

    fill: str
    line: str
    border: int = 1
    style: str = "ROUNDED"


# Fill, line and shape all differ, so that they can be told apart without colours.
LOOKS = {
    "input": Look("#d9ebf7", VALUE),
    "parameter": Look("#fdeecb", "#8a5a00", 1, "SOLID"),
    "constant": Look(PAPER, LINE, 1, "ROUNDED,DASHED"),
    "gate": Look(PAPER, LINE),
    "module": Look("#e7e8ea", QUIET, 1, "SOLID"),
    "output": Look(PAPER, INK, 3),
    "failed": Look(PAPER, WRONG, 3, "SOLID"),
}


def font(text: str, color: str, points: int, face: str = "", bold: bool = False) -> str:
    """A piece of text."""
    text = html.escape(text)
    if bold:
        text = f"<B>{text}</B>"
    if face:
        face = f' FACE="{face}"'
    return f'<FONT COLOR="{color}" POINT-SIZE="{points}"{face}>{text}</FONT>'


def cell(content: str, align: str = "LEFT", span: int = 1) -> str:
    """A cell of a table."""
    return f'<TD ALIGN="{align}" VALIGN="TOP" COLSPAN="{span}">{content}</TD>'


def row(*cells: str) -> str:
    """A row of a table."""
    return f"<TR>{''.join(cells)}</TR>"


def frame(rows: list[str], look: Look, padding: int = 4) -> str:
    """A table of these rows in a frame, as it stands in a label."""
    return (
        f'<TABLE BORDER="{look.border}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}" '
        f'STYLE="{look.style}" COLOR="{look.line}" BGCOLOR="{look.fill}">{"".join(rows)}</TABLE>'
    )


def pill(wire: Wire, arrow: str) -> str:
    """What stands on a wire: the local derivative and, after backward, what flowed back."""
    rows = []
    if wire.local is not None:
        rows.append(row(*on_wire("×", wire.local, INK, bold=False)))
    if wire.sent is not None:
        rows.append(row(*on_wire(arrow, wire.sent, GRADIENT, bold=True)))
    return f"<{frame(rows, Look(PAPER, HAIR), 2)}>"


def on_wire(sign: str, value: object, color: str, bold: bool) -> list[str]:
    """The cells of a pill: a sign and a number, or a table of numbers."""
    if len(table(value)) == len(table(value)[0]) == 1:
        text = table(value)[0][0]
        text = f"{sign} {bracketed(text) if sign == '×' else text}"
        return [cell(font(text, color, 11, bold=bold), "CENTER", 2)]
    return [cell(font(sign, color, 11, bold=bold)), cell(number(value, color), "RIGHT")]


def card(box: Box, scene: Scene) -> str:
    """What a node shows: gate and name, settings, shape, value, gradient."""
    if box.kind == "cut":
        return f"<{font('…', QUIET, 16)}>"
    look = LOOKS[box.role]
    if box.kind == "constant" and not box.shape:
        return f"<{frame([row(cell(number(box.value, VALUE)))], look)}>"
    rows = head(box)
    if box.kind == "failed":
        for line in textwrap.wrap(box.title, LINE_LENGTH):
            rows.append(row(cell(font(line, WRONG, 11), span=2)))
    if box.settings:
        text = textwrap.shorten(box.settings, LINE_LENGTH, placeholder=" …")
        rows.append(row(cell(font(text, QUIET, 10), span=2)))
    if box.weights:
        rows.append(row(cell(font(weights(box), QUIET, 10), span=2)))
    if box.shape is not None:
        rows.append(row(cell(font(f"{box.shape} {box.dtype}", INK, 10), span=2)))
    if box.value is not None:
        rows.append(row(cell(font("value", QUIET, 10)), cell(number(box.value, VALUE), "RIGHT")))
    if box.grad is not None:
        rows.append(row(cell(font("grad", QUIET, 10)), cell(number(box.grad, GRADIENT), "RIGHT")))
        rows += fan_in(box)
    return f"<{frame(rows, look)}>"


def weights(box: Box) -> str:
    """How many parameters a module has; of several in a row each."""
    each = " each" if "×" in box.symbol else ""
    return f"{box.weights:,} parameter{'s' * (box.weights > 1)}{each}"


def title_of(group: Group) -> str:
    """What stands on the frame of a module."""
    title = within(group.outer, group.title)
    name = font(title, INK, 13, SERIF) + GAP if title else ""
    return f"<{name}{font(group.type, QUIET, 11, bold=True)}>"


def head(box: Box) -> list[str]:
    """The row of a card with the sign of the gate and the name; none if there is neither."""
    name = font(within(box.group, box.title), INK, 15, SERIF)
    sign = font(box.symbol, WRONG if box.kind == "failed" else INK, 14, bold=True)
    if box.symbol and box.title and box.kind != "failed":
        return [row(cell(sign), cell(name, "RIGHT"))]
    if box.symbol or box.title:
        return [row(cell(sign if box.symbol else name, "CENTER", 2))]
    return []


def number(value: object, color: str) -> str:
    """A number, or a table of numbers."""
    rows = table(value)
    if len(rows) == len(rows[0]) == 1:
        return font(rows[0][0], color, 13, bold=True)
    lines = [
        row(*[cell(font(f"{GAP}{text}", color, 11), "RIGHT") for text in texts]) for texts in rows
    ]
    return (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="3" CELLPADDING="0">{"".join(lines)}</TABLE>'
    )


def fan_in(box: Box) -> list[str]:
    """The row `= 1 − 3` where several gradients meet, or where some came from elsewhere."""
    sent = [wire.sent for wire in box.sent()]
    rest = box.elsewhere()
    if len(sent) < 2 and rest is None:
        return []
    if prod(box.shape or ()) != 1:
        text = f"= the sum of {len(sent)} that arrive"
        return [row(cell(font(text, GRADIENT, 10), "RIGHT", 2))]
    terms = [short(x) for x in sent[:TERMS]]
    if len(sent) > TERMS:
        terms.append(f"{len(sent) - TERMS} more")
    if rest is not None:
        terms.append(f"{short(rest)} elsewhere")
    return [row(cell(font(f"= {added(terms)}", GRADIENT, 10), "RIGHT", 2))]


def footer(scene: Scene, arrow: str) -> str:
    """How to read the picture, and what is missing from it."""
    lines = [legend(scene), reading(scene, arrow)]
    lines += [cell(font(note, QUIET, 11)) for note in scene.notes]
    rows = "".join(row(line) for line in lines if line)
    if not rows:
        return ""
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="2" CELLPADDING="2">{rows}</TABLE>>'


def legend(scene: Scene) -> str:
    """A line that shows a card of each role there is, if there are several."""
    found = {box.role for box in scene.boxes}
    roles = [role for role in LOOKS if role in found and role != "failed"]
    if len(roles) < 2:
        return ""
    swatch = '<TD WIDTH="20" HEIGHT="11" FIXEDSIZE="TRUE"></TD>'
    cells = []
    for role in roles:
        look = LOOKS[role]
        cells.append(cell(frame([row(swatch)], look._replace(border=min(look.border, 2)), 0)))
        cells.append(cell(font(role + GAP * 2, QUIET, 11)))
    table = f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0">{row(*cells)}</TABLE>'
    return cell(table)


def reading(scene: Scene, arrow: str) -> str:
    """A line on what the numbers are, if there are gradients."""
    if not scene.graded:
        return ""
    words = [
        font(f"value{GAP}", VALUE, 11, bold=True),
        font(f"flows forward,{GAP}", QUIET, 11),
        font(f"grad{GAP}", GRADIENT, 11, bold=True),
        font("flows back", QUIET, 11),
    ]
    wires = [wire for box in scene.boxes for wire in box.wires]
    if any(wire.local is not None for wire in wires):
        words += [
            font(f"; on a wire:{GAP}", QUIET, 11),
            font(f"× local derivative{GAP}", INK, 11),
            font(f"and{GAP}", QUIET, 11),
            font(f"{arrow} upstream × local", GRADIENT, 11),
        ]
    return cell("".join(words))
