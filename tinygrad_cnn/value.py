"""Scalar mode: a Value is a node that holds one Python float.

Nothing is saved for backward: a Value keeps its parents, and the rules read their numbers. The
parents lie in slots, not in a tuple, so a Value is one object for Python's garbage collector, which
is what the speed of scalar mode hangs on.
"""

from .graph import LOCK, Node, backprop, by_age, tick

PLAIN = ""  # the label of a plain number that met a Value: a constant, for pictures
NOTHING = (None, (), ())  # what most Values have beside their slots


class Value(Node):
    """A float on the graph.

    data: the number. grad: d (last root) / d self, summed over backward calls at leaves. a, b: the
    first two of what it was computed from. extra: its label, its other parents, its gate's
    settings; unset in most Values, which keeps them small.
    """

    __slots__ = ("a", "b", "data", "extra")
    __array_ufunc__ = None  # a NumPy scalar on the left leaves the operator to us
    blank = 0.0

    def __init__(self, data: float, label: str | None = None) -> None:
        self.data = float(data)
        self.grad = 0.0
        if label is not None:
            self.extra = (label, (), ())
        self.gate = self.a = self.b = self.mark = None
        self.seq = tick()

    @property
    def label(self) -> str | None:
        """A name for pictures; "" for a plain number that met a Value."""
        return getattr(self, "extra", NOTHING)[0]

    @label.setter
    def label(self, label: str | None) -> None:
        self.extra = (label, self.more, self.rest)

    @property
    def more(self) -> tuple["Value", ...]:
        """The parents behind the second."""
        return getattr(self, "extra", NOTHING)[1]

    @property
    def rest(self) -> tuple:
        """The settings of the gate, in the order of its words."""
        return getattr(self, "extra", NOTHING)[2]

    @property
    def parents(self) -> tuple["Value", ...]:
        """What this was computed from."""
        if self.gate is None:
            return ()
        if self.b is None:
            return (self.a,)
        return (self.a, self.b, *self.more)

    def arrived(self) -> "float | Value":
        """The gradient that has arrived."""
        return self.grad

    def send(self, create_graph: bool, retain_graph: bool, reach: set | None) -> None:
        """Run the rules, on the parents' numbers or, to be differentiated again, on the parents."""
        if self.gate is None:
            return
        parents = self.parents
        z, xs = (self, parents) if create_graph else (self.data, [p.data for p in parents])
        needs = parents if reach is None else [p if p in reach else None for p in parents]
        grads = self.gate.pull(self.grad, needs, (z, *xs, *self.rest, None))
        for parent, g in zip(parents, grads, strict=True):
            if g is not None:
                parent.grad = parent.grad + g

    def settle(self, old: "float | Value", keep: bool) -> None:
        """After a walk: a leaf adds to its old gradient, an inner Value shows what it got."""
        if not keep:
            self.grad = old
        elif self.gate is None:
            self.grad = old + self.grad

    def backward(self, create_graph: bool = False) -> None:
        """Add d self / d leaf to the grad of every leaf; every inner Value shows its own.

        With create_graph the gradients are Values on the graph, to be differentiated again.
        """
        if create_graph:
            backprop([self], [Value(1.0)], create_graph=True)
            return
        with LOCK:
            walk(self)

    def item(self) -> float:
        """The number."""
        return self.data

    def __float__(self) -> float:
        return self.data

    def __bool__(self) -> bool:
        return bool(self.data)

    def __repr__(self) -> str:
        label = "" if self.label is None else f", label={self.label!r}"
        return f"Value({self.data!r}{label})"

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)


def walk(root: Value) -> None:
    """`graph.backprop` for one root and first order, spelled out for gates of one or two inputs.

    The same order and the same rules, three times as fast on graphs of single numbers. A leaf needs
    no slot aside: it adds as gradients arrive. If a rule raises, the leaves get their old grads.
    """
    inner, leaves = below(root)
    inner.sort(key=by_age, reverse=True)
    root.grad = root.grad + 1.0
    try:
        for node in inner:
            spread = node.gate.spread
            if spread is None:
                node.send(False, False, None)
            else:
                spread(node)
    except BaseException:
        for leaf, grad in leaves:
            leaf.grad = grad
        raise


def below(root: Value) -> tuple[list[Value], list[tuple[Value, float]]]:
    """Root and all it was computed from: inner Values, made blank, and leaves with their grads.

    Of two parents the second, as a rule the newer one, comes next, so that the first list is nearly
    sorted by age.
    """
    mark = object()
    root.mark = mark
    inner = []
    leaves = []
    waiting = [None]
    node = root
    while node is not None:
        if node.gate is None:
            leaves.append((node, node.grad))
            node = waiting.pop()
            continue
        inner.append(node)
        node.grad = 0.0
        x = node.a
        if x.mark is not mark:
            x.mark = mark
            waiting.append(x)
        if node.gate.arity > 2:
            for parent in node.more:
                if parent.mark is not mark:
                    parent.mark = mark
                    waiting.append(parent)
        y = node.b
        if y is None or y.mark is mark:
            node = waiting.pop()
        else:
            y.mark = mark
            node = y
    return inner, leaves
