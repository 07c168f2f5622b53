"""Text for LaTeX: every character as pdflatex can set it, with nothing but its own packages."""

import functools
import unicodedata

HEAD = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{textcomp}
\newcommand{\blank}{\underline{\hspace{4em}}}
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.6ex}
\begin{document}
"""
ESCAPES = {c: f"\\{c}" for c in "#$%&_{}"} | {
    "\\": r"\textbackslash{}",
    "^": r"\^{}",
    "~": r"\~{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    "−": "$-$",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "÷": r"$\div$",
    "√": r"$\surd$",
    "∞": r"$\infty$",
    "∂": r"$\partial$",
    "∇": r"$\nabla$",
    "≈": r"$\approx$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "′": r"$'$",
    "’": "'",
}
LAST_SET = 0x17F  # fonts have the letters of Europe up to this one
NOT_SET = "ĦħĸĿŀŉŦŧſ\xad"  # but for these
LIKE_LATIN = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧο", "ABEZHIKMNOPTXo", strict=True))
FINAL = {"ς": r"$\varsigma$", "λ": r"$\lambda$", "Λ": r"$\Lambda$"}


@functools.cache
def latex(c: str) -> str:
    """A character as LaTeX has to write it; one that it cannot set, as its number: (U+2603)."""
    known = ESCAPES.get(c) or FINAL.get(c) or LIKE_LATIN.get(c)
    if known:
        return known
    if ord(c) <= LAST_SET and c not in NOT_SET:
        return c
    words = unicodedata.name(c, "").split()
    if words[:1] == ["GREEK"] and len(words) == 4 and words[2] == "LETTER":
        name = words[3].lower()
        return f"$\\{name.capitalize() if words[1] == 'CAPITAL' else name}$"
    if words[:2] == ["SUBSCRIPT", "DIGIT"] or words[:1] == ["SUPERSCRIPT"]:
        return f"${'_' if words[0] == 'SUBSCRIPT' else '^'}{{{unicodedata.normalize('NFKC', c)}}}$"
    return f"(U+{ord(c):04X})"
