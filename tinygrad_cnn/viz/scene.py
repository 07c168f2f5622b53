"""What there is to see in a graph: boxes, and wires between them, with their numbers.

`read` (in reader.py) makes a Scene of a graph of either mode; `draw` and `draw_text` write down
what is in it.
"""

import math
from dataclasses import dataclass, field


@dataclass(eq=False)
class Group:
    """A module that a picture draws as a frame around its gates.

    path: in the model. title: the path or, of several that are drawn as one, that of the first and
    the name of the last. outer: the group it lies in.
    """

    path: str
    title: str
    type: str
    key: str
    outer: "Group | None" = None

    def around(self) -> list["Group"]:
        """This group and those it lies in, outermost first."""
        return [*(self.outer.around() if self.outer else []), self]


def within(group: Group | None, title: str) -> str:
    """A title as it stands in the frame of a group, whose path goes without saying."""
    return title.removeprefix(f"{group.path}.") if group and group.path else title


@dataclass(eq=False)
class Box:
    """A node, or a constant, as a picture shows it. A number that is not known is None.

    kind: "leaf", "gate", "constant", "module" for all gates of one, "failed" for what raised an
    error, or "cut" for what lies beyond the picture's edge. role: "input", "parameter", "constant",
    "gate", "output", "module" or "failed". key: `n3` for the third node. node: what it shows, of a
    module the last of it. symbol: how its gate is written. weights: how many numbers the parameters
    of a module hold. group: the module it is drawn in. kept: whether its numbers were kept, even
    where it has none, as a gate of several outputs. wires, uses: those that end, start here.
    """

    kind: str
    title: str = ""
    key: str = ""
    role: str = ""
    node: object = field(default=None, repr=False)
    symbol: str = ""
    weights: int = 0
    group: Group | None = None
    settings: str = ""
    shape: tuple | None = None
    dtype: str = ""
    kept: bool = False
    value: object = None
    grad: object = None
    wires: list["Wire"] = field(default_factory=list, repr=False)  # from its inputs, in order
    uses: list["Wire"] = field(default_factory=list, repr=False)  # oldest consumer first

    def sent(self) -> list["Wire"]:
        """The uses that send a gradient, in the order in which it arrives: youngest first."""
        return [wire for wire in reversed(self.uses) if wire.sent is not None]

    def elsewhere(self) -> float | None:
        """The part of a Value's gradient that no wire explains; None if the wires explain it.

        It came from an earlier backward, or through gates outside the picture.
        """
        terms = [wire.sent for wire in self.sent()]
        if not terms or hasattr(self.grad, "dtype"):
            return None
        if not all(map(math.isfinite, [self.grad, *terms])):
            return None
        rest = self.grad - math.fsum(terms)
        return rest if abs(rest) > 1e-9 * max(map(abs, [self.grad, *terms])) else None


@dataclass(eq=False)
class Wire:
    """One input of a gate. local: the local derivative; sent: what the gate sent back along it.

    Numbers in scalar mode, arrays in tensor mode; None where they are not known.
    """

    source: Box
    target: Box
    local: object = None
    sent: object = None


@dataclass(eq=False)
class Scene:
    """A graph as a picture shows it.

    boxes: oldest first; root: the one of the result, or of what failed. scalar: whether its nodes
    are single numbers; graded: whether gradients are known. notes: what has to be said about it.
    """

    boxes: list[Box]
    root: Box
    scalar: bool
    graded: bool
    notes: list[str]
