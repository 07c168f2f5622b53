"""Names for what has none, and the formula of a graph: f = (x + y) · z."""

from collections.abc import Mapping

from ..tensor import Tensor
from .place import Place, number_of
from .symbols import printable, symbol
from .words import words_of

LONG = 44  # a formula of more letters than this names the gates it is made of


def called(places: list[Place], root: Place, names: Mapping | None) -> None:
    """Give every place an id, and a name if it has none: v₁ for a gate, x₁ or w₁ for a leaf, f for
    the output."""
    titles = {}
    for name, x in (names or {}).items():
        titles[x.node if isinstance(x, Tensor) else x] = name
    for place in places:
        known = place.node is not None
        place.name = printable(titles.get(place.node, place.name) if known else "")
    taken = {place.name for place in places}
    if not root.name and "f" not in taken:
        root.name = "f"
    counts = {}
    for i, place in enumerate(places):
        place.id = f"n{i}"
        if place.name or (place.kind == "const" and number_of(place.value) is not None):
            continue
        word = "v" if place.kind == "gate" else place.word or "x"
        while not place.name or place.name in taken:
            counts[word] = counts.get(word, 0) + 1
            place.name = f"{word}{counts[word]}"
        taken.add(place.name)


def expression(place: Place) -> str:
    """How a formula writes a gate, {0} and {1} being its inputs."""
    written = words_of(place.record).expression
    if written:
        return written
    inputs = ", ".join(f"{{{i}}}" for i, source in enumerate(place.inputs) if source)
    return f"{symbol(place.record)}({inputs})"


def title(places: list[Place], root: Place) -> str:
    """The formula of the whole graph; of a long one, that of its last gate."""
    texts = {}
    for place in places:
        texts[place] = (short_name(place), 9)
        if place.kind != "gate":
            continue
        binds = words_of(place.record).binds
        inner = [texts.get(source, ("", 9)) for source in place.inputs]
        text = filled(place, [in_brackets(part, binds, i) for i, part in enumerate(inner)])
        if len(text) <= LONG:
            texts[place] = (text, binds)
    text, _ = texts[root]
    if text == root.name and root.kind == "gate":
        text = filled(root, [source and short_name(source) for source in root.inputs])
    return text if text == root.name else f"{root.name} = {text}"


def short_name(place: Place) -> str:
    """A name; of a constant without one, its number."""
    if place.name or place.value is None:
        return place.name
    return f"{number_of(place.value):.4g}".replace("-", "−")


def in_brackets(part: tuple[str, int], binds: int, slot: int) -> str:
    """A part of a formula, in parentheses where it binds less tightly than what it stands in."""
    text, inner = part
    loose = binds < 9 and (inner < binds or (inner == binds and slot > 0))
    return f"({text})" if loose or (binds < 9 and text.startswith("−") and inner == 9) else text


def filled(place: Place, inputs: list[str]) -> str:
    """A gate's expression with its inputs filled in."""
    return expression(place).format(*inputs)
