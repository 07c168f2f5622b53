"""The computation graph: nodes, their order, the one reverse walk, and who may write where.

A node is one application of a gate. Nodes are numbered as they are made, and what a node was
computed from is always older than the node, so creation order is a topological order and a walk is:
collect the ancestors, sort them by age, let each one send. No recursion, however deep the graph.
"""

import itertools
import operator
import sys
import threading
import weakref
from collections.abc import Iterable

tick = itertools.count(1).__next__  # the clock of the graph: ages of nodes, times of writes
by_age = operator.attrgetter("seq")

LOCK = threading.RLock()  # held by a walk: pending gradients lie in the nodes
WALKS = []  # one entry per walk under way, outermost first; guarded by LOCK
WATCHERS = []  # called with (node, tensor, inputs) for each new node of tensor mode
HOOKED = weakref.WeakSet()  # the nodes that have hooks; empty in most programs
STAMPS = {}  # id of an array that was written while shared -> (time of writing, weak reference)
WRITTEN = [0]  # the time of the last such write: what is younger need not be checked


class State(threading.local):
    """Switches that belong to a thread, not to the process."""

    recording = True
    autocast = None  # (low dtype, type of device or None for all) within an autocast


STATE = State()
QUIET = []  # one entry per open no_grad of any thread; while empty nobody need ask STATE (40 ns)
CASTS = []  # one entry per open autocast of any thread, for the same reason


class Node:
    """One application of a gate, or a leaf (gate is None). A Value is a Node; a Tensor has one.

    gate: the record of the gate. grad: the gradient that has arrived. seq: age. mark: the last walk
    that met this node. Subclasses add `parents`, `blank` (the gradient before any has arrived),
    `arrived` (the gradient when all of it has), `send` (hand it on) and `settle` (after the walk).
    """

    __slots__ = ("gate", "grad", "mark", "seq")


def tell(node: Node, tensor: object, inputs: tuple) -> None:
    """Tell those who watch of a new node of tensor mode; one of several outputs has no tensor."""
    for watcher in WATCHERS:
        watcher(node, tensor, inputs)


def ancestors(roots: Iterable[Node], since: int = 0) -> list[Node]:
    """Roots and all they were computed from (not older than `since`), newest first."""
    mark = object()  # a slot and a fresh object per walk: half the cost of a set
    found = []
    waiting = []
    for node in roots:
        if node.mark is not mark:
            node.mark = mark
            waiting.append(node)
    while waiting:  # last in, first out meets operands nearly newest first: cheap to sort
        node = waiting.pop()
        found.append(node)
        for parent in node.parents:
            if parent is not None and parent.mark is not mark and parent.seq >= since:
                parent.mark = mark
                waiting.append(parent)
    found.sort(key=by_age, reverse=True)
    return found


def reaching(nodes: list[Node], wanted: list[Node]) -> set[Node]:
    """The nodes from which a wanted one can be reached; `nodes` come newest first."""
    reach = set(wanted)
    for node in reversed(nodes):
        if not reach.isdisjoint(node.parents):
            reach.add(node)
    return reach


def hooked_early(nodes: list[Node]) -> list[Node]:
    """`nodes` with each hooked leaf moved to directly behind its oldest consumer.

    A leaf is older than everything computed from it, so in a plain walk all leaf hooks would run at
    the very end; here a hook runs as soon as its gradient is complete.
    """
    consumer = {}
    for node in nodes:
        for parent in node.parents:
            if parent is not None and parent.gate is None and parent in HOOKED:
                consumer[parent] = node
    behind = {}
    for leaf, node in consumer.items():
        behind.setdefault(node, []).append(leaf)
    order = []
    for node in nodes:
        if node not in consumer:
            order.append(node)
            order.extend(behind.get(node, ()))
    return order


def backprop(
    roots: list[Node],
    seeds: list,
    create_graph: bool = False,
    retain_graph: bool = False,
    wanted: list[Node] | None = None,
) -> list | None:
    """The only reverse walk: a node sends when all its gradient has arrived.

    Without `wanted` the leaves add what arrived to their grad. With it (a list of nodes) no grad
    changes anywhere, and what arrived at each of them is returned. Whatever happens in between, no
    slot stays half full.
    """
    with LOCK:
        nodes = ancestors(roots)
        reach = got = None
        if wanted is not None:
            reach = reaching(nodes, wanted)
            nodes = [node for node in nodes if node in reach]
            got = dict.fromkeys(wanted)
        if HOOKED:
            nodes = hooked_early(nodes)
        # A leaf collects apart from its old grad. Inner tensor nodes are empty outside walks, so
        # only a walk inside a walk (a hook, a recomputation) need put their slots aside as well.
        blank = roots[0].blank
        sparse = blank is None and not WALKS
        aside = [node for node in nodes if node.gate is None] if sparse else nodes
        old = [node.grad for node in aside]
        done = False
        WALKS.append(wanted)
        try:
            for node in aside:
                node.grad = blank
            for root, seed in zip(roots, seeds, strict=True):
                if reach is None or root in reach:
                    root.grad = seed if root.grad is None else root.grad + seed
            for node in nodes:
                if node.grad is not None:
                    if got is not None and node in got:
                        got[node] = node.arrived()
                    node.send(create_graph, retain_graph, reach)
            done = True
        finally:
            WALKS.pop()
            if sparse and not done:
                for node in nodes:
                    if node.gate is not None:
                        node.grad = None
            for node, before in zip(aside, old, strict=True):
                node.settle(before, done and wanted is None)
        return None if got is None else [got[node] for node in wanted]


class Holder:
    """One slot with something in it, as a Tensor holds its array."""

    __slots__ = ("raw",)


def references(raw: object) -> int:
    """How many references there are to raw, some of them this call's own."""
    return sys.getrefcount(raw)


def references_alone() -> int:
    """What `references` says, asked from one call deeper, of an array held by a single slot."""
    holder = Holder()
    holder.raw = object()
    return (lambda raw: references(raw))(holder.raw)


ALONE = references_alone()  # measured, since Pythons count differently


def owner(raw: object) -> object:
    """The array that stands for raw's memory: raw itself, or the array it is a view of."""
    return raw.base if isinstance(raw.base, type(raw)) else raw  # a base may be a buffer


def stamp(raw: object) -> None:
    """Say that raw is about to be written in place. Free of cost unless somebody else holds it.

    The stamp lies with the array that owns the memory, so views, detached tensors and parameters
    share it without knowing of each other; a view always counts as shared.
    """
    if raw.base is None and references(raw) <= ALONE:
        return
    shared = owner(raw)
    key = id(shared)
    WRITTEN[0] = now = tick()
    STAMPS[key] = (now, weakref.ref(shared, lambda _: STAMPS.pop(key, None)))


def check_stamps(node: Node, saved: Iterable) -> None:
    """Raise RuntimeError if an array that node kept was written after node had kept it."""
    for kept in saved:
        for raw in kept if kept.__class__ is tuple else (kept,):
            if not hasattr(raw, "base"):
                continue
            written = STAMPS.get(id(owner(raw)))
            if written is not None and written[0] > node.seq:
                raise RuntimeError(
                    f"{node.gate.name}: a tensor needed for its gradient, of shape "
                    f"{tuple(raw.shape)}, was modified by an in-place operation after it was used; "
                    "write out of place, or clone() it before writing"
                )
