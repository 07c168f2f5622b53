"""Functions that users write, as pictures see them: each output is a gate like any other.

What such a gate sends back is asked of the user's own backward, with nothing but zeros for the
Function's other outputs. For one element of an output, that gives the slope for every element of
the inputs, which is all that scalar mode needs.
"""

import functools

import numpy as np

from .. import kernels
from ..autograd import no_grad
from ..autograd.function import Pick, TupleNode
from ..value import PLAIN, Value
from .blocks import Block, Table
from .keep import KEPT


class Record:
    """What pictures ask of a gate's record, for a Function."""

    kind = "function"
    many = False
    keeps = True
    spread = None
    settings = {}

    def __init__(self, whole: TupleNode) -> None:
        self.name = whole.gate.name
        self.arity = len(whole.parents)
        self.inputs = ["x"]
        self.body = functools.partial(whole.gate.backward)
        said = (whole.gate.backward.__doc__ or "").strip().partition("\n\n")[0]
        rule = said or "Each input gets what the Function’s own backward returns for it."
        self.body.__doc__ = f"What the Function’s own forward returns.\n\nRule: {rule}"


def place_of(node: Pick) -> dict:
    """Which output it is, as a setting; nothing for a Function with one."""
    (whole,) = node.parents
    return {"output": node.place} if len(whole.kinds) > 1 else {}


def sent_by(node: Pick, g: object) -> list:
    """What the user's backward returns for a gradient g of one output: an array per input, or None.

    Raises: ValueError if backward has freed the graph.
    """
    (whole,) = node.parents
    if whole.saved.__class__ is not tuple:
        raise ValueError(
            f"{whole.gate.name} is a Function, whose graph backward() has freed: look at it "
            "before, or call backward(retain_graph=True)"
        )
    (ctx,) = whole.saved
    whole.grad = [None] * len(whole.kinds)
    whole.grad[node.place] = g
    try:
        ctx.needs_input_grad = tuple([parent is not None for parent in whole.parents])
        ctx.saved_tensors = whole.standing_tensors(ctx, False)
        grads = [whole.gradient(i, ctx.materialize) for i in range(len(whole.kinds))]
        with no_grad():
            back = whole.gate.backward(ctx, *grads)
    finally:
        whole.grad = None
        ctx.saved_tensors = ()
    back = list(back) if isinstance(back, (tuple, list)) else [back]
    whole.check(back)
    return [None if x is None else x.raw for x in back[: len(whole.parents)]]


class SlopeGate(Record):
    """A gate of scalar mode that stands for one element of an output; its slopes are numbers."""

    def __init__(self, whole: TupleNode, slopes: list[float]) -> None:
        super().__init__(whole)
        self.arity = len(slopes)
        self.slopes = slopes

    def pull(self, g: float, needs: list, saved: tuple) -> list[float | None]:
        """The gradients of those inputs that `needs` asks for.

        Raises: RuntimeError for gradients of gradients.
        """
        if isinstance(g, Value):
            raise RuntimeError(
                f"dive: {self.name} is a Function, of which only first derivatives are known here"
            )
        return [
            None if need is None else g * slope
            for need, slope in zip(needs, self.slopes, strict=True)
        ]


class Outputs(Block):
    """The elements of an output of a Function.

    inputs: the cells of what the Function was given, by input; None for what is on no graph.
    """

    def __init__(self, table: Table, node: Pick, inputs: list[np.ndarray | None]) -> None:
        self.node = node
        self.inputs = inputs
        self.found = {}
        super().__init__(table, node.shape)

    def slopes(self, cell: int) -> dict[int, float]:
        """By cell of the inputs how steeply an output follows it, where it does."""
        if cell not in self.found:
            output = KEPT[self.node].output
            seed = np.zeros(self.shape, self.node.dtype)
            seed[self.at(cell)] = 1
            backend = kernels.backend(type(output))
            sent = sent_by(self.node, backend.asarray(seed))
            self.found[cell] = found = {}
            for ids, g in zip(self.inputs, sent, strict=True):
                if ids is None or g is None:
                    continue
                rates = np.asarray(kernels.backend(type(g)).to_host(g)).ravel()
                for i in np.flatnonzero(rates):
                    source = int(ids.flat[i])
                    found[source] = found.get(source, 0.0) + float(rates[i])
        return self.found[cell]

    def parents(self, cell: int) -> list[int]:
        """The cells that a cell is computed from."""
        return list(self.slopes(cell))

    def build(self, values: list[Value], cell: int) -> Value:
        """The cell as a Value."""
        number = float(self.numbers[cell - self.start])
        slopes = list(self.slopes(cell).values())
        if not slopes:
            return Value(number, PLAIN)
        z = Value(number)
        z.gate = SlopeGate(self.node.parents[0], slopes)
        z.a, *more = values
        z.b = more[0] if more else None
        z.extra = (None, tuple(more[1:]), ())
        return z

    def computed(self) -> np.ndarray:
        """The numbers of all cells."""
        output = KEPT[self.node].output
        return np.asarray(kernels.backend(type(output)).to_host(output)).astype("float64")
