"""What stands in a picture: a card for each node, a pill on each wire, a line on how to read it.

They are Graphviz's HTML-like labels. Blue is what flows forward (values), orange what flows back
(gradients), ink what stands still (local derivatives); no meaning hangs on colour alone.
"""

import html

from .number import added, bracketed, short, table
from .scene import Box, Scene, Wire

VALUE = "#0067a3"
GRADIENT = "#b54700"
INK = "#121417"
QUIET = "#5b6168"  # words that matter less
LINE = "#868c95"
HAIR = "#d9d9d4"
PAPER = "#ffffff"
LEAF = "#f4f2ec"  # the fill of what the user put in
SERIF = "Times-Italic"  # for names; the font of everything else is the graph's
GAP = "\N{NO-BREAK SPACE}"  # a plain blank at the edge of a piece of text is lost
TERMS = 4  # of a sum of more terms than that, the others are counted


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


def frame(rows: list[str], fill: str, line: str, border: int = 1, padding: int = 4) -> str:
    """A label: these rows in a rounded frame."""
    return (
        f'<<TABLE BORDER="{border}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}" '
        f'STYLE="ROUNDED" COLOR="{line}" BGCOLOR="{fill}">{"".join(rows)}</TABLE>>'
    )


def pill(wire: Wire, arrow: str) -> str:
    """What stands on a wire: the local derivative and, after backward, what flowed back."""
    local = font(f"× {bracketed(short(wire.local))}", INK, 11)
    rows = [row(cell(local, "CENTER"))]
    if wire.sent is not None:
        sent = font(f"{arrow} {short(wire.sent)}", GRADIENT, 11, bold=True)
        rows.append(row(cell(sent, "CENTER")))
    return frame(rows, PAPER, HAIR, padding=2)


def card(box: Box, scene: Scene) -> str:
    """What a node shows: gate and name, settings, shape, value, gradient."""
    if box.kind == "cut":
        return f"<{font('…', QUIET, 16)}>"
    if box.kind == "constant" and not box.shape:
        return frame([row(cell(number(box.value, VALUE)))], PAPER, HAIR)
    rows = head(box)
    if box.settings:
        rows.append(row(cell(font(box.settings, QUIET, 10), span=2)))
    if box.shape is not None:
        rows.append(row(cell(font(f"{box.shape} {box.dtype}", INK, 10), span=2)))
    if box.value is not None:
        rows.append(row(cell(font("value", QUIET, 10)), cell(number(box.value, VALUE), "RIGHT")))
    if box.grad is not None:
        rows.append(row(cell(font("grad", QUIET, 10)), cell(number(box.grad, GRADIENT), "RIGHT")))
        if scene.scalar:
            rows += fan_in(box)
    if box is scene.root:
        return frame(rows, PAPER, INK, border=2)
    if box.kind == "constant":
        return frame(rows, PAPER, HAIR)
    return frame(rows, LEAF if box.kind == "leaf" else PAPER, LINE)


def head(box: Box) -> list[str]:
    """The row of a card with the sign of the gate and the name; none if there is neither."""
    name = font(box.title, QUIET if box.kind == "constant" else INK, 15, SERIF)
    sign = font(box.symbol, INK, 14, bold=True)
    if box.symbol and box.title:
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
    terms = [short(x) for x in sent[:TERMS]]
    if len(sent) > TERMS:
        terms.append(f"{len(sent) - TERMS} more")
    if rest is not None:
        terms.append(f"{short(rest)} elsewhere")
    return [row(cell(font(f"= {added(terms)}", GRADIENT, 10), "RIGHT", 2))]


def footer(scene: Scene, arrow: str) -> str:
    """How to read the picture, and what is missing from it."""
    lines = [font(note, QUIET, 11) for note in scene.notes]
    words = []
    if scene.graded:
        words = [
            font(f"value{GAP}", VALUE, 11, bold=True),
            font(f"flows forward,{GAP}", QUIET, 11),
            font(f"grad{GAP}", GRADIENT, 11, bold=True),
            font("flows back", QUIET, 11),
        ]
    if scene.graded and scene.scalar:
        words += [
            font(f"; on a wire:{GAP}", QUIET, 11),
            font(f"× local derivative{GAP}", INK, 11),
            font(f"and{GAP}", QUIET, 11),
            font(f"{arrow} upstream × local", GRADIENT, 11),
        ]
    ended = [f'{line}<BR ALIGN="LEFT"/>' for line in ["".join(words), *lines] if line]
    return f"<<BR/>{''.join(ended)}>" if ended else ""
