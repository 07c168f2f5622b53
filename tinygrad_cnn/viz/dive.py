"""Dives: from one element of a tensor to the scalar graph that made it.

The way down goes from gate to gate, youngest first: each gate's body runs on cells (see `layer`),
which tells what the wanted elements were computed from. The way up computes them, oldest first, as
Values.
"""

import math
from collections.abc import Mapping

import numpy as np

from .. import kernels
from ..gate import Gate
from ..graph import HOOKED, Node, ancestors, backprop
from ..tensor import Tensor, TensorNode
from ..value import Value
from .keep import KEPT
from .layer import Constant, Layer, host, numbers_of
from .subject import root_of

BFLOAT16_STEP = 2.0**-7  # from 1 to the next number
NO_NUMBERS = (
    "dive: the numbers of this tensor of shape {} were not kept: compute it under "
    "`with viz.keep():`, and dive then"
)


def dive(
    y: Tensor,
    index: int | tuple[int, ...] = (),
    *,
    depth: int | None = 1,
    max_nodes: int = 1000,
    names: Mapping | None = None,
    gradients: bool = False,
) -> Value:
    """The element y[index] as a Value, with the scalar graph that computes it: for `draw` and for
    `backward()`.

    y is a Tensor that was computed under `viz.keep()`. Everything in the graph carries the tensor's
    name and its position in it, as in x[0,0,7,6] and w[3,0,2,1].

    depth: how many gates deep it goes; elements of the tensors that are reached there are leaves.
    Gates that only move numbers do not count. None goes down to the tensors that were given.
    max_nodes: how many Values there may be. names: name -> Tensor, such as
    dict(model.named_parameters()); other tensors are called as the gate calls its input, or after
    the gate that made them. gradients: whether to make sure that the gradients agree, too, which
    takes a graph that is not freed.

    Raises: TypeError if y is no Tensor; IndexError for an index that names no single element;
    ValueError if y is on no graph or its numbers were not kept, for a depth below 1, if there would
    be more than max_nodes Values, and for a Function whose graph backward() has freed;
    NotImplementedError for a gate that computes with what has no scalar form; AssertionError if the
    result is not what tensor mode computed.

    A Function of the user's own becomes one gate, whose slopes are those that its backward says.
    """
    if not isinstance(y, Tensor):
        raise TypeError(f"dive: takes a Tensor, got {type(y).__name__}")
    if depth is not None and depth < 1:
        raise ValueError(f"dive: depth is at least 1, or None for all gates, got {depth}")
    root = root_of(y)
    position = flat_position(y.shape, index)
    if root not in KEPT:
        raise ValueError(NO_NUMBERS.format(tuple(y.shape)))
    diver = Diver(root, position, names, max_nodes)
    diver.descend(math.inf if depth is None else depth)
    z = diver.ascend()
    diver.check_value(z)
    if gradients:
        diver.check_gradients(z)
    return z


def flat_position(shape: tuple[int, ...], index: int | tuple[int, ...]) -> int:
    """The flat position of an element."""
    places = index if isinstance(index, tuple) else (index,)
    fits = len(places) == len(shape) and all(hasattr(i, "__index__") for i in places)
    if not fits or not all(-n <= i < n for i, n in zip(places, shape, strict=True)):
        raise IndexError(
            f"dive: an element of a tensor of shape {tuple(shape)} is named by {len(shape)} whole "
            f"numbers within it, got {index}"
        )
    return int(np.ravel_multi_index([i % n for i, n in zip(places, shape, strict=True)], shape))


class Diver:
    """One dive.

    wanted: by source (a node or a Constant) the flat positions of the elements to be shown, each
    with how many gates deep it may still be expanded. layers: the nodes that are expanded. values:
    by source the Values made, by flat position.
    """

    def __init__(
        self, root: TensorNode, position: int, names: Mapping | None, max_nodes: int
    ) -> None:
        self.root = root
        self.position = position
        self.max_nodes = max_nodes
        self.count = 0
        self.wanted = {}
        self.layers = {}
        self.values = {}
        self.titles = {x.node: name for name, x in (names or {}).items()}
        self.words = {}  # source -> how the first gate to ask for it calls it
        self.numbers = {}  # source -> its array

    # --- the way down

    def descend(self, depth: float) -> None:
        """Find out which elements the wanted one was computed from, down to `depth` gates."""
        self.wanted[self.root] = {self.position: depth}
        self.numbers[self.root] = KEPT[self.root].output
        for node in ancestors([self.root]):
            if node not in self.wanted:
                continue
            if self.goes_on(node):
                self.layers[node] = self.expand(node)
            else:
                self.spend(len(self.wanted[node]))

    def goes_on(self, node: TensorNode) -> bool:
        """Whether a node is expanded: at the last depth only if it may just move numbers."""
        if node.gate is None or node not in KEPT:
            return False
        deep = max(self.wanted[node].values()) > 0
        return deep or (isinstance(node.gate, Gate) and not node.gate.keeps)

    def expand(self, node: TensorNode) -> Layer:
        """A node's gate on cells; and what its wanted elements need is wanted as well."""
        try:
            with np.errstate(all="ignore"):
                layer = Layer(node)
        except (AttributeError, NotImplementedError, RuntimeError, TypeError) as error:
            raise NotImplementedError(
                f"dive: the gate {gate_name(node)} cannot be taken apart into scalars; a smaller "
                "depth stops before it"
            ) from error
        flat = layer.ids.ravel()
        met = {}
        for position, left in self.wanted[node].items():
            cell = int(flat[position])
            source = layer.source(cell)
            if source is not None:
                self.want(node, layer, *source, left)
            elif left > 0:
                self.reach(node, layer, cell, left - 1, met)
            else:
                self.spend(1)
        return layer

    def reach(self, node: TensorNode, layer: Layer, cell: int, left: float, met: dict) -> None:
        """Want all elements that a cell of a layer is computed from."""
        waiting = [cell]
        while waiting:
            cell = waiting.pop()
            if met.get(cell, -1) >= left:
                continue
            source = layer.source(cell)
            if source is not None:
                self.want(node, layer, *source, left)
                continue
            parents = layer.parents(cell)
            if cell not in met:
                self.spend(max(len(parents) - 1, 1))
            met[cell] = left
            waiting.extend(reversed(parents))

    def want(
        self, node: TensorNode, layer: Layer, source: object, position: int, left: float
    ) -> None:
        """Note that an element of an input is needed."""
        elements = self.wanted.setdefault(source, {})
        if source not in self.numbers:
            place = layer.sources.index(source)
            self.numbers[source] = numbers_of(layer.node, place)
            self.words[source] = word(node.gate, place)
        if position not in elements and isinstance(source, Constant):
            self.spend(1)
        elements[position] = max(left, elements.get(position, 0))

    def spend(self, count: int) -> None:
        """Count Values to be made.

        Raises: ValueError if they are too many.
        """
        self.count += count
        if self.count > self.max_nodes:
            raise ValueError(
                f"dive: more than max_nodes={self.max_nodes} Values would be made for this "
                "element; give a smaller depth, or a larger max_nodes"
            )

    # --- the way up

    def ascend(self) -> Value:
        """The wanted element as a Value."""
        self.called = self.call()
        for source in sorted(self.wanted, key=age):
            self.values[source] = made = {}
            layer = self.layers.get(source)
            cells = {}
            for position, left in sorted(self.wanted[source].items()):
                if layer is None:
                    made[position] = self.leaf(source, position)
                else:
                    made[position] = self.element(source, layer, position, left, cells)
        return self.values[self.root][self.position]

    def call(self) -> dict:
        """By source a name; those who would share one are numbered."""
        alike = {}
        for source in sorted(self.wanted, key=age):
            if self.moves_only(source):
                continue
            inner = isinstance(source, TensorNode) and source.gate is not None
            name = gate_name(source) if inner else self.words.get(source, "")
            alike.setdefault(self.titles.get(source, name), []).append(source)
        called = {}
        for name, sources in alike.items():
            for i, source in enumerate(sources, 1):
                called[source] = name if len(sources) == 1 else f"{name}{i}"
        return called

    def moves_only(self, source: object) -> bool:
        """Whether all that is wanted of a node are elements of its inputs, elsewhere now."""
        layer = self.layers.get(source)
        if layer is None:
            return False
        flat = layer.ids.ravel()
        return all(layer.source(int(flat[position])) for position in self.wanted[source])

    def title(self, source: object, position: int) -> str:
        """The name of an element: x[0,0,7,6]."""
        places = np.unravel_index(position, np.shape(self.numbers[source]))
        inside = ",".join([str(int(i)) for i in places])
        return f"{self.called[source]}[{inside}]" if inside else self.called[source]

    def leaf(self, source: object, position: int) -> Value:
        """An element that is not taken apart."""
        number = host(self.numbers[source]).ravel()[position]
        return Value(float(number), self.title(source, position))

    def element(
        self, source: TensorNode, layer: Layer, position: int, left: float, cells: dict
    ) -> Value:
        """An element of a node whose gate ran on cells."""
        cell = int(layer.ids.ravel()[position])
        if layer.source(cell) is None and left == 0:
            return self.leaf(source, position)
        value = self.computed(layer, cell, cells)
        if value.label is None:
            value.label = self.title(source, position)
        return value

    def computed(self, layer: Layer, cell: int, cells: dict) -> Value:
        """A cell as a Value, with all that it is computed from; `cells` are those that there are.

        Constants are made anew for each use, so that pictures show them where they are used.
        """
        if layer.constant(cell):
            return layer.number(cell)
        waiting = [cell]
        while waiting:
            top = waiting[-1]
            if top in cells:
                waiting.pop()
                continue
            source = layer.source(top)
            if source is not None:
                cells[top] = self.values[source[0]][source[1]]
                continue
            block = layer.table.block(top)
            parents = block.parents(top)
            missing = [p for p in parents if p not in cells and not layer.constant(p)]
            if missing:
                waiting.extend(reversed(missing))
            else:
                values = [cells[p] if p in cells else layer.number(p) for p in parents]
                cells[top] = block.build(values, top)
        return cells[cell]

    # --- agreement

    def check_value(self, z: Value) -> None:
        """Raise AssertionError unless z is what tensor mode computed, but for rounding."""
        wanted = float(host(KEPT[self.root].output).ravel()[self.position])
        scale = largest(np.array([v.data for v in ancestors([z])]))
        if not agree(z.data, wanted, scale * self.rounding()):
            raise AssertionError(
                f"dive: the scalar graph gives {z.data!r} where tensor mode gave {wanted!r}"
            )

    def rounding(self) -> float:
        """How far off rounding may put a number, as a share of the largest one."""
        dtypes = {n.dtype for n in self.layers}
        steps = [np.finfo(d).eps if d.kind == "f" else BFLOAT16_STEP for d in dtypes]
        return 4096 * float(max(steps))

    def check_gradients(self, z: Value) -> None:
        """Raise AssertionError unless the gradients of the given tensors agree, but for rounding.

        Those that the scalar graph gives to its leaves are sent on by tensor mode.

        Raises: RuntimeError if the graph was freed.
        """
        nodes = [n for n in self.values if isinstance(n, TensorNode)]
        leaves = [(n, p, v) for n in nodes for p, v in self.values[n].items() if v.gate is None]
        unique = {v: (n, p) for n, p, v in leaves}
        slopes = backprop([z], [1.0], wanted=list(unique))
        cut = {}
        for (node, position), slope in zip(unique.values(), slopes, strict=True):
            seed = cut.setdefault(node, np.zeros(node.shape))
            seed.reshape(-1)[position] += slope or 0.0
        given = [n for n in ancestors([self.root]) if n.gate is None]
        whole = np.zeros(self.root.shape)
        whole.reshape(-1)[self.position] = 1.0
        all_got, all_wanted = self.sent(cut, given), self.sent({self.root: whole}, given)
        for leaf, got, want in zip(given, all_got, all_wanted, strict=True):
            if not agree(got, want, largest(want) * self.rounding()):
                raise AssertionError(
                    f"dive: the gradients of {self.titles.get(leaf, tuple(leaf.shape))} differ "
                    "between the scalar graph and tensor mode"
                )

    def sent(self, seeds: dict[Node, np.ndarray], given: list[Node]) -> list[np.ndarray]:
        """The gradients that arrive at the given nodes when these are sent off.

        Hooks see them, but what nodes have retained stays.
        """
        if not seeds:
            return [np.zeros(n.shape) for n in given]
        raws = []
        for node, seed in seeds.items():
            backend = kernels.backend(type(self.numbers[node]))
            raws.append(backend.asarray(seed.astype(node.dtype)))
        hooked = [n for n in ancestors(seeds) if n in HOOKED]
        retained = [n.hooks.grad for n in hooked]
        arrived = backprop(list(seeds), raws, retain_graph=True, wanted=given)
        for node, grad in zip(hooked, retained, strict=True):
            node.hooks.grad = grad
        pairs = zip(arrived, given, strict=True)
        return [np.zeros(n.shape) if g is None else host(g).astype("float64") for g, n in pairs]


def gate_name(node: TensorNode) -> str:
    """The name of a node's gate; of an output of a Function, the Function's."""
    return (node if isinstance(node.gate, Gate) else node.parents[0]).gate.name


def word(gate: Gate, place: int) -> str:
    """What a gate calls an input; a Function calls none."""
    if not isinstance(gate, Gate):
        return "x"
    return f"{gate.inputs[0][:-1]}{place}" if gate.many else gate.inputs[place]


def age(source: object) -> tuple[int, int]:
    """What to sort sources by: a constant comes directly before the gate that takes it."""
    if isinstance(source, Constant):
        return source.node.seq, source.place - source.node.gate.arity - 1000
    return source.seq, 0


def largest(numbers: np.ndarray) -> float:
    """The largest magnitude among finite numbers, and at least 1."""
    return np.abs(numbers[np.isfinite(numbers)]).max(initial=1.0)


def agree(got: object, want: object, bound: float) -> bool:
    """Whether two numbers, or arrays of them, are the same, but for `bound`."""
    return bool(np.allclose(got, want, rtol=0.0, atol=bound, equal_nan=True))
