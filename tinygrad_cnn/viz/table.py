"""A table of texts, as text, as Markdown and for rich."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

INDENT = "  "  # of a layer, below the module it is in


@dataclass(frozen=True)
class Table:
    """Rows below heads.

    words: how many of the columns, the first ones, hold words; the others hold numbers, which are
    set to the right. rows: the path of a layer, its level, and the texts of the other columns.
    """

    heads: Sequence[str]
    words: int
    rows: Sequence[tuple[str, int, list[str]]]
    totals: Sequence[str] = ()

    def __rich__(self) -> object:
        """The table for rich's print, layers indented."""
        from rich import box, table

        made = table.Table(
            box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_footer=bool(self.totals)
        )
        totals = [*self.totals, *[""] * (len(self.heads) - len(self.totals))]
        for i, (head, foot) in enumerate(zip(self.heads, totals, strict=True)):
            made.add_column(head, foot, justify="left" if i < self.words else "right", no_wrap=True)
        outer = [""] * (1 + max([level for _, level, _ in self.rows], default=0))
        for path, level, texts in self.rows:
            outer[level] = f"{path}."
            known = outer[level - 1] if level > 1 else ""
            made.add_row(INDENT * level + path.removeprefix(known), *texts)
        return made

    def __str__(self) -> str:
        from rich.console import Console

        out = io.StringIO()
        Console(file=out, width=1000, color_system=None).print(self)
        return "\n".join([line.rstrip() for line in out.getvalue().strip("\n").split("\n")])

    def markdown(self) -> str:
        """The table as Markdown, layers by their whole paths."""
        rules = ["---"] * self.words + ["---:"] * (len(self.heads) - self.words)
        lines = [self.heads, rules, *[[path, *texts] for path, _, texts in self.rows]]
        if self.totals:
            bold = [f"**{text}**" if text else "" for text in self.totals]
            lines.append([*bold, *[""] * (len(self.heads) - len(bold))])
        return "\n".join([f"| {' | '.join(line)} |" for line in lines])
