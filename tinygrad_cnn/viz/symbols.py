"""How pictures write the names of gates and of tensors, and their settings."""

from collections.abc import Mapping

from .number import short

SYMBOLS = {
    "add": "+",
    "sub": "−",
    "mul": "×",
    "div": "÷",
    "neg": "−",
    "pow": "^",
    "matmul": "@",
    "maximum": "max",
    "minimum": "min",
    "sqrt": "√",
    "sum": "Σ",
    "sum_to": "Σ to shape",
    "window_sum": "Σ window",
    "window_mean": "mean of window",
    "sigmoid": "σ",
    "contract": "einsum",
    "dropped": "dropout",
}
# Settings that the shape tells, or nobody asks for.
UNTOLD = ("seed", "counter", "shape", "out", "space", "ignore_index")
# Settings that go without saying.
PLAIN = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "label_smoothing": 0}


def printable(title: str | None) -> str:
    """A name without characters that cannot be printed."""
    return "".join(c if c.isprintable() else "�" for c in title or "")


def symbol(gate: object) -> str:
    """How pictures write a gate."""
    return SYMBOLS.get(gate.name, gate.name.replace("_", " "))


def settings_text(settings: Mapping) -> str:
    """The settings that are worth a line: `stride 2, padding 1`."""
    words = []
    for name, value in settings.items():
        parts = value if isinstance(value, tuple) else (value,)
        telling = parts and all(type(p) in (int, float, bool) for p in parts)
        if not telling or name in UNTOLD or set(parts) == {PLAIN.get(name)}:
            continue
        text = ", ".join(map(short, parts[:1] if len(set(parts)) == 1 else parts))
        name = name.replace("_", " ")
        if type(value) is not bool:
            words.append(f"{name} ({text})" if "," in text else f"{name} {text}")
        elif value:
            words.append(name)
    return ", ".join(words)
