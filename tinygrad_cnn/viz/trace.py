"""A graph as a trace: what happens, gate by gate, forward and then backward.

A trace is a dictionary of plain numbers, strings and lists; the page that plays it, a worksheet or
a test reads nothing else. Its schema:

    id, label, title      how the page's address, its switch and its headline call the trace
    output                the id of the node where the gradient starts
    nodes                 id, name, kind ("input", "const" or "gate"), value, grad (null for a
                          constant); of tensors shape and dtype; of a gate op, symbol, expr, inputs,
                          settings, and part: which picture it belongs to, of a graph too large for
                          one
    edges                 id, from, to, slot (which input), local (the local derivative; null for
                          constants and where there is no single number per element), local_expr
    steps                 {phase: start}, {phase: forward, gate}, {phase: seed, gate, grad},
                          {phase: backward, gate, flows}, {phase: end}
    flows                 edge, upstream, local, downstream, before, after: what a gate sends along
                          an edge, and the receiver's gradient before and after it arrives
    rules                 of each op: headline and sentence forward, the same backward, its formula
    tensors               what a number {"tensor": k} stands for: shape, dtype, min, mean, max, and,
                          of a small one, data

A number that is not finite is "nan", "inf" or "-inf". A tensor of one element is a number.
"""

import math
from collections.abc import Mapping
from itertools import accumulate

import numpy as np

from ..autograd.function import Pick
from ..gate import Gate
from ..graph import ancestors
from ..tensor import lift
from ..value import Value
from .equation import called, expression, title
from .functions import place_of
from .keep import KEPT
from .place import Place, Scalars, Tensors, number_of
from .subject import root_of
from .symbols import settings_text, symbol
from .words import rule_of, words_of

SMALL = 256  # a tensor of up to this many elements (16x16) is written whole
NUMBERS = 90_000  # the most that are written of all tensors together, which keeps pages small
WHOLE = 40  # a graph of more gates than this is shown in parts
PART = 24  # the most gates of a part


def trace_of(x: object, names: Mapping | None, label: str) -> dict:
    """The trace of x, a Value or a Tensor: its forward pass, and a backward pass of its own.

    No gradient anywhere changes, whether there has been a backward pass or not.
    """
    root = root_of(x)
    reader = Scalars() if isinstance(root, Value) else Tensors()
    places = {node: reader.place(node) for node in reversed(ancestors([root]))}
    places = {node: place for node, place in places.items() if place is not None}
    gates = [place for place in places.values() if place.kind == "gate"]
    drawn = []
    for place in places.values():
        if place.kind == "gate":
            place.inputs = reader.inputs(place, places)
            drawn += [p for p in place.inputs if p and p.node is None]
        drawn.append(place)
    with np.errstate(all="ignore"):
        walk(places[root], gates, reader)
    called(drawn, places[root], names)
    return written(drawn, gates, places[root], label)


def walk(root: Place, gates: list[Place], reader: "Scalars | Tensors") -> None:
    """The backward pass, in the order of `graph.backprop`: youngest gate first."""
    root.grad = reader.seed(root)
    for gate in reversed(gates):
        gate.local = reader.local(gate)
        if gate.grad is None:
            continue
        for slot, (source, g) in enumerate(zip(gate.inputs, reader.pull(gate, gate.grad))):  # noqa: B905  rules may answer for fewer
            if g is None or source is None or source.kind == "const":
                continue
            before, sent = source.grad, reader.fitted(g, source)
            source.grad = sent if before is None else before + sent
            gate.flows.append(
                {
                    "edge": slot,
                    "upstream": gate.grad,
                    "local": gate.local[slot],
                    "downstream": sent,
                    "before": 0.0 if before is None else before,
                    "after": source.grad,
                }
            )


def written(places: list[Place], gates: list[Place], root: Place, label: str) -> dict:
    """The places as a trace."""
    book = Book()
    part = {gate: i for i, some in enumerate(parted(gates)) for gate in some}
    edges = [edge for gate in gates for edge in edges_of(gate, book)]
    steps = [{"phase": "start"}]
    steps += [{"phase": "forward", "gate": gate.id} for gate in gates]
    steps.append({"phase": "seed", "gate": root.id, "grad": book.number(root.grad)})
    for gate in reversed(gates):
        flows = [
            {"edge": f"{gate.id}.{flow['edge']}"}
            | {key: book.number(x) for key, x in flow.items() if key != "edge"}
            for flow in gate.flows
        ]
        steps.append({"phase": "backward", "gate": gate.id, "flows": flows})
    steps.append({"phase": "end"})
    return {
        "id": "".join(c if c.isalnum() else "-" for c in label) or "trace",
        "label": label,
        "title": title(places, root),
        "output": root.id,
        "nodes": [node_of(place, part.get(place), book) for place in places],
        "edges": edges,
        "steps": steps,
        "tensors": book.within(NUMBERS),
        "rules": {gate.record.name: rules(gate.record) for gate in gates},
    }


def rules(record: Gate) -> list[str]:
    """A gate in words: two for each way, and its rule as a formula."""
    return [*words_of(record)[:4], rule_of(record)]


def node_of(place: Place, part: int | None, book: "Book") -> dict:
    """A node of the trace."""
    value = place.value
    node = {"id": place.id, "name": place.name, "kind": place.kind, "value": book.number(value)}
    node["grad"] = None if place.kind == "const" else book.number(place.grad)
    if hasattr(value, "dtype"):
        node |= {"shape": list(value.shape), "dtype": str(value.dtype)}
    if place.kind == "gate":
        node |= {
            "op": place.record.name,
            "symbol": symbol(place.record),
            "expr": expression(place),
            "inputs": [source and source.id for source in place.inputs],
            "settings": settings_text(settings(place)),
            "part": part,
        }
    return node


def settings(place: Place) -> dict:
    """The settings that a gate was given."""
    if isinstance(place.node, Value):
        return dict(zip(place.record.settings, place.node.rest, strict=False))
    if isinstance(place.node, Pick):
        return place_of(place.node)
    return KEPT[place.node].settings


def edges_of(gate: Place, book: "Book") -> list[dict]:
    """The edges into a gate."""
    formulas = words_of(gate.record).local
    edges = []
    for slot, source in enumerate(gate.inputs):
        if source is None:
            continue
        local = None if source.kind == "const" else gate.local[slot]
        edge = {"id": f"{gate.id}.{slot}", "from": source.id, "to": gate.id, "slot": slot}
        edge["local"] = book.number(local)
        edge["local_expr"] = formulas[slot] if formulas and local is not None else ""
        edges.append(edge)
    return edges


class Book:
    """Writes numbers; tensors once each, however often they are met."""

    def __init__(self) -> None:
        self.tensors = []
        self.found = {}

    def number(self, x: object) -> object:
        """A number as JSON can hold it, or a reference to a tensor."""
        if x is None:
            return None
        single = number_of(x)
        if single is not None:
            return finite(single)
        host = lift(x).cpu().numpy()
        key = (host.shape, str(host.dtype), host.tobytes())
        if key not in self.found:
            self.found[key] = len(self.tensors)
            self.tensors.append(host)
        return {"tensor": self.found[key]}

    def within(self, most: int) -> list[dict]:
        """The tensors, with so many numbers at most; of the largest only statistics are left."""
        told = {}
        for i in sorted(range(len(self.tensors)), key=lambda i: self.tensors[i].size):
            host = self.tensors[i]
            most -= host.size
            told[i] = tensor(host, host.size <= SMALL and most >= 0)
        return [told[i] for i in range(len(self.tensors))]


def tensor(host: np.ndarray, whole: bool) -> dict:
    """What a trace holds of a tensor: its numbers only if it is to be `whole`."""
    numbers = host.astype("float64")
    told = {"shape": list(host.shape), "dtype": str(host.dtype)}
    with np.errstate(all="ignore"):
        for key in ("min", "mean", "max"):
            told[key] = finite(float(getattr(numbers, key)())) if host.size else "nan"
    if whole:
        flat = numbers.reshape(-1).tolist()
        if host.dtype == np.float32:  # the shortest text that gives the number back
            flat = [float(str(x)) for x in host.reshape(-1)]
        told["data"] = [finite(x) for x in flat]
    return told


def finite(x: float) -> float | int | str:
    """A number as JSON can hold it, a whole one without its point."""
    if math.isfinite(x):
        return int(x) if x.is_integer() and abs(x) < 1e15 else x
    return "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"


def parted(gates: list[Place]) -> list[list[Place]]:
    """The gates in runs of at most PART, cut where the fewest values are handed on."""
    if len(gates) <= WHOLE:
        return [gates]
    last = {}
    for i, gate in enumerate(gates):
        for source in gate.inputs:
            last[source] = i
    changes = [0] * (len(gates) + 2)
    for i, gate in enumerate(gates):
        changes[i + 1] += 1
        changes[last.get(gate, i) + 1] -= 1
    handed = list(accumulate(changes))  # how many values cross the border before the i-th gate
    parts = []
    start = 0
    while len(gates) - start > PART:
        borders = range(start + PART, start + PART // 2, -1)
        end = min(borders, key=handed.__getitem__)  # of equal ones the latest
        parts.append(gates[start:end])
        start = end
    return [*parts, gates[start:]]
