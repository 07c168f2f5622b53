"""How pictures write numbers: four significant digits, a true minus sign, no negative zero."""

import math

from ..tensor import lift

MINUS = "−"
SMALL = 9  # a tensor of up to this many elements (a 3x3 image) is shown whole


def short(x: float) -> str:
    """x with four significant digits; whole parts in full up to a million."""
    x = float(x)
    if math.isnan(x):
        return "nan"
    if x == 0:
        return "0"
    sign = MINUS if x < 0 else ""
    size = abs(x)
    if math.isinf(size):
        return f"{sign}∞"
    if 1e-4 <= size < 1e6:
        text = f"{size:.{max(0, 3 - math.floor(math.log10(size)))}f}"
        return sign + (text.rstrip("0").rstrip(".") if "." in text else text)
    mantissa, exponent = f"{size:.3e}".split("e")
    power = exponent.lstrip("+-0")
    small = MINUS if exponent[0] == "-" else ""
    return f"{sign}{mantissa.rstrip('0').rstrip('.')}e{small}{power}"


def bracketed(text: str) -> str:
    """A number as it stands behind an operator: a negative one in parentheses."""
    return f"({text})" if text.startswith(MINUS) else text


def added(terms: list[str]) -> str:
    """The terms as a sum: `1 − 3`."""
    text = terms[0]
    for term in terms[1:]:
        text += f" {MINUS} {term[1:]}" if term.startswith(MINUS) else f" + {term}"
    return text


def table(value: object) -> list[list[str]]:
    """What a picture shows of a number or an array, as rows of cells.

    A small array is shown whole, its last axis along the rows; a large one by its smallest element,
    its mean and its largest.
    """
    if not hasattr(value, "dtype"):
        return [[short(value)]]
    host = lift(value).cpu().numpy()
    if not host.size:
        return [["empty"]]
    show = str if host.dtype.kind == "b" else short
    if host.size > SMALL:
        host = host.astype("float64")
        numbers = (host.min(), host.mean(), host.max())
        return [[word, short(x)] for word, x in zip(("min", "mean", "max"), numbers, strict=True)]
    rows = host.reshape(-1, host.shape[-1] if host.ndim else 1)
    return [[show(x) for x in row] for row in rows.tolist()]


def inline(value: object) -> str:
    """The same in one line: `−12`, `[19 25; 37 43]`, `min −1, mean 0.2, max 3`."""
    rows = table(value)
    if getattr(value, "size", 0) > SMALL:
        return ", ".join(" ".join(row) for row in rows)
    text = "; ".join(" ".join(row) for row in rows)
    return f"[{text}]" if getattr(value, "ndim", 0) else text
