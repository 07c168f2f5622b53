"""Worksheets: a forward and a backward pass to be filled in by hand, with its solution, and a check
of what was filled in."""

import json
import math
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from ..value import Value
from .exercise import DIGITS, Line, lines_of, program_of, reseeded, rounded
from .latex import HEAD, latex
from .number import short
from .subject import root_of

MARK = "worksheet: "  # before the program that a sheet carries
TASK = (
    "Fill in every blank, to four significant digits. Calculate with all the digits you have. "
    "Then tg.viz.check names the first line that is not right."
)
MARKDOWN = {c: f"\\{c}" for c in "\\*_[]<>`#|$"}


class Form(NamedTuple):
    """How a kind of file writes a sheet. Each piece is a format string; {} is what it holds.

    escape: how it writes a character. spare: what an answer may be wrapped in.
    """

    start: str
    end: str
    title: str
    head: str
    text: str
    line: str
    blank: str
    comment: str
    escape: Callable[[str], str]
    spare: str


FORMS = {
    ".md": Form(
        "",
        "",
        "# Worksheet: {}\n\n",
        "## {}\n\n",
        "{}\n\n",
        "- ({}) {}\n\n",
        "____",
        "<!-- {} -->\n",
        lambda c: MARKDOWN.get(c, c),
        "_*` ",
    ),
    ".tex": Form(
        HEAD,
        "\\end{document}\n",
        "\\section*{{Worksheet: {}}}\n",
        "\\subsection*{{{}}}\n",
        "\\medskip {}\n\n",
        "\\quad ({}) {}\n\n",
        r"\blank",
        "% {}\n",
        latex,
        "${} ",
    ),
}


def worksheet(x: Value, path: str | Path = "sheet.md", *, seed: int | None = 0) -> Path:
    """The path, after writing there what x was computed from as an exercise, and beside it the
    solution: sheet.md and sheet.solution.md.

    The sheet gives the inputs. There is a line for the value of each gate and then, in the words of
    the gate's rule, one for each gradient that it sends back: upstream × local; and a sum wherever
    several meet. `check` looks at a sheet that was filled in; it needs nothing but the sheet.

    path: .md for Markdown, .tex for LaTeX. seed: other numbers for the inputs, the same for the
    same seed; None leaves the graph its own. A leaf with the label "" is a constant and stays. All
    numbers are rounded to four significant digits.

    Raises: TypeError for a Tensor, of which `dive` makes Values, and for what has no graph;
    ValueError for another suffix, for a Value that is not computed from anything, and if no numbers
    make all values and gradients finite.
    """
    path = Path(path)
    form = form_of(path)
    root = root_of(x)
    if not isinstance(root, Value):
        raise TypeError(
            "worksheet: takes a Value, got a Tensor; viz.dive(y, index) makes a Value of one of "
            "its elements"
        )
    if root.gate is None:
        raise ValueError("worksheet: this Value is not computed from anything")
    program = rounded(program_of(root))
    if seed is not None:
        program = reseeded(program, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(written(program, form, False), encoding="utf-8")
    solution = path.with_suffix(f".solution{path.suffix}")
    solution.write_text(written(program, form, True), encoding="utf-8")
    return path


def form_of(path: Path) -> Form:
    """How to write this file."""
    form = FORMS.get(path.suffix.lower())
    if form is None:
        raise ValueError(f"worksheet: {path} must end in {' or '.join(FORMS)}")
    return form


def written(program: list[list], form: Form, solved: bool) -> str:
    """A program as a sheet, or as its solution."""
    title, lines = lines_of(program)
    # As JSON, and so that no label can end the comment it stands in.
    carried = json.dumps(program).replace(">", "\\u003e")
    text = [form.start, form.title.format(escaped(title, form)), form.text.format(TASK)]
    number = 0
    for line in lines:
        content = "".join([shown(part, form, solved) for part in line.parts])
        if line.kind == "line":
            number += 1
            text.append(form.line.format(number, content))
        else:
            text.append((form.head if line.kind == "head" else form.text).format(content))
    return "".join([*text, form.comment.format(MARK + carried), form.end])


def shown(part: str | float, form: Form, solved: bool) -> str:
    """Words, a blank, or the answer that belongs there."""
    if isinstance(part, str):
        return escaped(part, form)
    return escaped(short(part), form) if solved else form.blank


def escaped(text: str, form: Form) -> str:
    """Text as the file has to write it."""
    return "".join(map(form.escape, text))


def check(sheet: str | Path) -> str:
    """A sentence that names the first line of a sheet that is not right; empty if all are.

    sheet: the file, filled in; or a solution.

    Raises: ValueError for a file that is no worksheet.
    """
    path = Path(sheet)
    form = form_of(path)
    text = path.read_text(encoding="utf-8")
    found = re.findall(re.escape(MARK) + r"(\[.*\])", text)
    try:
        _, lines = lines_of(json.loads(found[-1]))
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(
            f"check: {path} is no worksheet of viz.worksheet, or its last line was changed"
        ) from error
    rows = [plain(row) for row in text.splitlines()]
    for number, line in enumerate([line for line in lines if line.kind == "line"], 1):
        start = plain(form.line.format(number, "")).rstrip()
        row = next((row for row in rows if row.startswith(start)), None)
        if row is None:
            return f"Line ({number}) is missing."
        problem = wrong(row.removeprefix(start), line, form)
        if problem:
            return f"Line ({number}) {problem}: {row.removeprefix(start).strip()}"
    return ""


def plain(row: str) -> str:
    """A row with single blanks, and with the minus sign that keyboards have."""
    return " ".join(row.replace("−", "-").split())


def wrong(row: str, line: Line, form: Form) -> str:
    """What is wrong with what stands in a line; nothing if it is right."""
    pattern = ""
    for part in line.parts:
        words = plain(shown(part, form, False)).split()
        literal = r"\s*" + r"\s*".join(map(re.escape, words)) + r"\s*"
        pattern += literal if isinstance(part, str) else "(.*?)"
    found = re.fullmatch(pattern, row)
    if found is None:
        return "is no longer what the sheet asked for"
    answers = [part for part in line.parts if not isinstance(part, str)]
    for text, answer in zip(found.groups(), answers, strict=True):
        if not text.strip(form.spare) or text.strip() == form.blank:
            return "has a blank"
        if not right(text, answer, form):
            return f"has a wrong number, {text.strip()}"
    return ""


def right(text: str, answer: float, form: Form) -> bool:
    """Whether a text is this number, to as many digits as are asked for. It may be a fraction."""
    for sign in form.spare:
        text = text.replace(sign, "")
    if text == plain(escaped(short(answer), form)).translate({ord(c): None for c in form.spare}):
        return True
    try:
        given = float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        return False
    if answer == 0 or not math.isfinite(answer):
        return given == answer
    unit = 10.0 ** (math.floor(math.log10(abs(answer))) - DIGITS + 1)
    return abs(given - answer) <= 0.5 * min(unit, 1.0) * (1 + 1e-6)
