"""A scalar graph as an exercise: the same gates with other numbers, and the lines to be filled in.

A program is the graph as plain lists, so that a sheet can carry it and be checked alone: for each
node, oldest first, [label, number] or [label, gate, places of the inputs, settings].
"""

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .. import kernels
from ..autograd import enable_grad
from ..gate import refuse
from ..graph import ancestors
from ..recorder import record_value
from ..value import PLAIN, Value
from .number import short
from .trace import trace_of

DIGITS = 4  # of the numbers of a sheet
TRIES = 60  # draws from each of RANGES before the next is tried
RANGES = (
    lambda u: float([-5, -4, -3, -2, -1, 1, 2, 3, 4, 5][int(u * 10)]),
    lambda u: float(int(u * 5) + 1),
    lambda u: round(-1.5 + 0.1 * int(u * 31), 1),
    lambda u: round(0.1 + 0.1 * int(u * 15), 1),
)
NICE = (1e-3, 1e4)  # sizes of numbers that one likes to calculate with


class Line(NamedTuple):
    """A line of a sheet. kind: "head", "text", or "line", which has a number and is checked.

    parts: words, and a float for each blank.
    """

    kind: str
    parts: tuple[str | float, ...]


def program_of(root: Value) -> list[list]:
    """The program that computes a Value.

    Raises: ValueError for a gate that has no name of its own in the library.
    """
    places = {}
    program = []
    gates = gates_by_name()
    for node in reversed(ancestors([root])):
        places[node] = len(program)
        if node.gate is None:
            program.append([node.label, node.data])
            continue
        if gates.get(node.gate.name) is not node.gate:
            raise ValueError(f"worksheet: another gate of the name {node.gate.name} is known")
        settings = dict(zip(node.gate.settings, node.rest, strict=False))
        program.append([node.label, node.gate.name, [places[p] for p in node.parents], settings])
    return program


def gates_by_name() -> dict:
    """The records of all gates."""
    return {record.name: record for record in kernels.GATES if record.kind == "gate"}


def run(program: list[list]) -> list[Value]:
    """The Values that a program computes, the result last."""
    gates = gates_by_name()
    values = []
    with enable_grad():
        for label, *rest in program:
            if len(rest) == 1:
                values.append(Value(rest[0], label))
                continue
            name, places, settings = rest
            settings = {k: tuple(v) if type(v) is list else v for k, v in settings.items()}
            z = record_value(gates[name], refuse, tuple([values[i] for i in places]), settings)
            if label is not None:
                z.label = label
            values.append(z)
    return values


def rounded(program: list[list]) -> list[list]:
    """The program with its numbers as a sheet shows them, to DIGITS significant digits."""
    return [
        [node[0], float(f"{node[1]:.{DIGITS}g}")] if len(node) == 2 else node for node in program
    ]


def reseeded(program: list[list], seed: int) -> list[list]:
    """The program with other numbers for its inputs: of those tried, the first that is as good as
    can be, or else the best.

    Raises: ValueError if the result or a gradient is not finite for any of them.
    """
    draw = random.Random(seed).random
    best, most = None, (0, 0)
    for numbers in RANGES:
        for _ in range(TRIES):
            tried = [with_number(node, numbers, draw) for node in program]
            found = goodness(tried)
            if found > most:
                best, most = tried, found
            if found == (2, 1.0):
                return tried
    if best is None:
        raise ValueError(
            "worksheet: no numbers were found for which all values and gradients are finite; "
            "seed=None takes the graph's own"
        )
    return best


def with_number(node: list, numbers: Callable, draw: Callable) -> list:
    """A node of a program; an input with a new number."""
    if len(node) > 2 or node[0] == PLAIN:
        return node
    return [node[0], numbers(draw())]


def goodness(program: list[list]) -> tuple[int, float]:
    """How well a program can be calculated by hand: 0 for what is not finite, 2 if all numbers have
    a NICE size; and the share of the values at which a gradient arrives."""
    values = run(program)
    values[-1].backward()
    sizes = [abs(x) for value in values for x in (value.data, value.grad)]
    if not all(map(math.isfinite, sizes)):
        return 0, 0.0
    varied = [value for value in values if value.label != PLAIN]
    reached = sum([value.grad != 0 for value in varied]) / len(varied)
    nice = all(size == 0 or NICE[0] <= size <= NICE[1] for size in sizes)
    return 1 + nice, reached


def lines_of(program: list[list]) -> tuple[str, list[Line]]:
    """The formula that a program computes, and the lines of its sheet."""
    trace = trace_of(run(program)[-1], None, "worksheet")
    return trace["title"], [*forward(trace), *backward(trace)]


def forward(trace: dict) -> Iterator[Line]:
    """The inputs, and a line for each gate."""
    names = names_of(trace)
    yield Line("head", ("Given",))
    for node in trace["nodes"]:
        if node["kind"] == "input":
            yield Line("line", (f"{node['name']} = {short(node['value'])}",))
    yield Line("head", ("Forward",))
    told = set()
    for node in trace["nodes"]:
        if node["kind"] == "gate":
            title, sentence, *_ = trace["rules"][node["op"]]
            if node["op"] not in told:
                yield Line("text", (f"{title}: {sentence}",))
            told.add(node["op"])
            yield Line("line", (f"{formula(node, names)} = ", float(node["value"])))


def backward(trace: dict) -> Iterator[Line]:
    """For each gate its rule, a line for each input it sends a gradient to, and the sums."""
    names = names_of(trace)
    nodes = {node["id"]: node for node in trace["nodes"]}
    edges = {edge["id"]: edge for edge in trace["edges"]}
    flows = [flow for step in trace["steps"] for flow in step.get("flows", ())]
    expected = Counter(edges[flow["edge"]]["from"] for flow in flows)
    arrived = {}
    yield Line("head", ("Backward",))
    yield Line("line", (f"gradient of {names[trace['output']]} = 1",))
    for step in trace["steps"]:
        if not step.get("flows"):
            continue
        gate = nodes[step["gate"]]
        _, _, title, sentence, *_ = trace["rules"][gate["op"]]
        yield Line("text", (f"{formula(gate, names)}. {title}: {sentence}",))
        for flow in step["flows"]:
            edge = edges[flow["edge"]]
            source = edge["from"]
            inputs = [names.get(i, "") for i in gate["inputs"]]
            local = edge["local_expr"].format(*inputs, out=gate["name"])
            words = f"to {names[source]}: upstream × local{f' ({local})' if local else ''} = "
            numbers = [float(flow[key]) for key in ("upstream", "local", "downstream")]
            yield Line("line", (words, numbers[0], " × ", numbers[1], " = ", numbers[2]))
            terms = arrived.setdefault(source, [])
            terms.append(numbers[2])
            if len(terms) == expected[source] > 1:
                sums = [part for term in terms for part in (" + ", term)][1:]
                total = float(nodes[source]["grad"])
                yield Line("line", (f"gradient of {names[source]} = ", *sums, " = ", total))


def names_of(trace: dict) -> dict[str, str]:
    """What each node is called; a constant by its number."""
    return {n["id"]: n["name"] or short(n["value"]) for n in trace["nodes"]}


def formula(node: dict, names: dict[str, str]) -> str:
    """How a gate's output is computed: q = x + y."""
    text = node["expr"].format(*[names.get(i, "") for i in node["inputs"]])
    return f"{node['name']} = {text}" + (f", {node['settings']}" if node["settings"] else "")
