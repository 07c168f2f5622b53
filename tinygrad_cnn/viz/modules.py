"""Modules in a picture: which gates ran in which, which are folded into one card, and which repeat.

All of it is known of graphs that were recorded under `viz.keep(model)`.
"""

from ..graph import Node
from ..tensor import TensorNode
from .keep import KEPT, Call

DRAWN_ANEW = ("seed", "counter")  # settings in which dropout differs from call to call


class Modules:
    """Where the nodes of a graph belong in a picture.

    nodes: newest first. depth: modules at that depth in the model, and those without modules
    inside, are folded into one card each, and equal ones in a row are drawn once; None folds none.

    homes: node -> the call it ran in, or, of a leaf, that of all its consumers. cards: node -> the
    call whose card stands for it; those that stand for themselves are missing. members: call -> the
    gates on its card, oldest first. twins: node of a repeated module -> the same node of the module
    that is drawn. times: call that is drawn -> how many it stands for, and the name of the last.
    """

    def __init__(self, nodes: list[Node], depth: int | None) -> None:
        self.depth = depth
        self.homes = homes_of(nodes)
        self.twins: dict[Node, Node] = {}
        self.times: dict[Call, tuple[int, str]] = {}
        self.hidden: set[Node] = set()  # leaves of repeated modules
        self.cards: dict[Node, Call] = {}
        self.members: dict[Call, list[Node]] = {}
        if depth is None:
            return
        self.roll(nodes)
        for node in reversed(nodes):
            home = self.homes[node]
            if home is not None and (home.level >= depth or not home.inner):
                card = home.at(depth)
                self.cards[node] = card
                if node.gate is not None:
                    self.members.setdefault(card, []).append(node)

    def drawn(self, node: Node) -> "Node | Call":
        """What a picture draws for a node: itself, its twin, or a module's card."""
        node = self.twins.get(node, node)
        return self.cards.get(node, node)

    def frame(self, node: Node) -> Call | None:
        """The module whose frame a node is drawn in."""
        card = self.cards.get(node)
        return self.homes[node] if card is None else card.outer

    def unfolded(self, call: Call | None) -> Call | None:
        """The innermost module around a call, or itself, that is drawn as a frame."""
        if call is None or self.depth is None:
            return call
        return call.at(self.depth - 1) if call.inner and self.depth else call.at(self.depth).outer

    def roll(self, nodes: list[Node]) -> None:
        """Find equal modules in a row: each takes what the one before it made, and nobody else."""
        inside = {}  # call -> the nodes that ran in it, oldest first, and those around it
        for node in reversed(nodes):
            call = self.homes[node]
            while call is not None:
                inside.setdefault(call, []).append(node)
                call = call.outer
        users = {}
        for node in nodes:
            for parent in node.parents:
                users.setdefault(parent, set()).add(node)
        by_outer = {}
        for call in sorted(inside, key=lambda c: c.level):
            if call.outer is not None:
                by_outer.setdefault(call.outer, []).append(call)
        gone = set()
        for outer, calls in by_outer.items():
            if outer in gone:
                gone.update(calls)
            else:
                calls.sort(key=lambda c: inside[c][-1].seq)
                gone.update(self.rows(calls, inside, users))

    def rows(self, calls: list[Call], inside: dict, users: dict) -> list[Call]:
        """The calls of one module that are drawn as the first of their row."""
        gone = []
        first = None
        for before, call in zip([None, *calls], calls, strict=False):
            nodes = inside[call]
            if first is not None and follows(inside[before], nodes, users):
                model = inside[first]
                if call.type == first.type and signature(nodes) == signature(model):
                    self.hide(nodes, model)
                    self.times[first] = (self.times.get(first, (1, ""))[0] + 1, call.name)
                    gone.append(call)
                    continue
            first = call
        return gone

    def hide(self, nodes: list[Node], model: list[Node]) -> None:
        """Draw the nodes of a repeated module as those of the first."""
        gates = [node for node in nodes if node.gate is not None]
        drawn = [node for node in model if node.gate is not None]
        self.twins.update(zip(gates, drawn, strict=True))
        self.hidden.update(node for node in nodes if node.gate is None)


def homes_of(nodes: list[Node]) -> dict[Node, Call | None]:
    """The call in which each node ran; of a leaf, the innermost around all its consumers."""
    homes = {}
    for node in nodes:
        if node.gate is None:
            homes.setdefault(node, None)
            continue
        kept = KEPT.get(node) if isinstance(node, TensorNode) else None
        home = homes[node] = kept.call if kept else None
        for parent in node.parents:
            if parent is not None and parent.gate is None:
                homes[parent] = common(homes.get(parent, home), home)
    return homes


def common(a: Call | None, b: Call | None) -> Call | None:
    """The innermost call around both."""
    while a is not b:
        if a is None or b is None:
            return None
        if a.level >= b.level:
            a, b = b, a
        b = b.outer
    return a


def follows(before: list[Node], nodes: list[Node], users: dict) -> bool:
    """Whether a module takes what the one before it made, and is the only one to take it."""
    own = {*nodes}
    taken = {p for node in nodes for p in node.parents if p is not None and p not in own}
    made = {*before}
    leaving = {user for node in before for user in users.get(node, ()) if user not in made}
    return bool(taken) and taken <= made and leaving <= own


def signature(nodes: list[Node]) -> list[tuple]:
    """What has to be equal of modules that are drawn once: gates, settings, shapes, and wiring."""
    places = {}
    lines = []
    for node in (n for n in nodes if n.gate is not None):
        kept = KEPT[node]
        inputs = []
        for parent, numbers, source in zip(node.parents, kept.inputs, kept.sources, strict=True):
            if parent is None and source.role != "input":
                inputs.append(("constant", getattr(numbers, "shape", numbers)))
            elif parent is not None and parent.gate is None:
                inputs.append(("leaf", parent.shape))
            else:
                inputs.append(places.get(parent, "outside"))
        places[node] = len(places)
        settings = [(k, repr(v)) for k, v in kept.settings.items() if k not in DRAWN_ANEW]
        lines.append((node.gate.name, settings, node.shape, node.dtype, inputs))
    return lines
