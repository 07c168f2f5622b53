"""One gate of a tensor graph, run on cells."""

from typing import NamedTuple

import numpy as np

from .. import kernels
from ..autograd.function import Pick
from ..gate import Gate
from ..tensor import TensorNode
from ..value import PLAIN, Value
from .blocks import Elementwise, Given, Table
from .cells import EXPANSIONS, Cells, ids_of
from .functions import Outputs
from .keep import KEPT


class Constant(NamedTuple):
    """An input of a gate that is on no graph: the gate's node, and which input."""

    node: TensorNode
    place: int


class Layer:
    """A gate that ran on cells.

    node: the gate's; of an output of a Function, the Function's. table: the cells. ids: which cells
    its output holds, by flat position. sources: whose elements the gate's inputs are, a node or a
    Constant each.
    """

    def __init__(self, node: TensorNode) -> None:
        self.table = Table()
        self.sources = []
        self.node = node
        if isinstance(node, Pick):
            self.ids = self.of_function(node)
            return
        record, kept = node.gate, KEPT[node]
        inputs = []
        for i, parent in enumerate(node.parents):
            self.sources.append(Constant(node, i) if parent is None else parent)
            ruled = record.ruled[0 if record.many else i]
            inputs.append(self.cells(i, numbers_of(node, i), ruled))
        if works_on_numbers(record, kept.settings):
            self.ids = Elementwise(self.table, record, [x.ids for x in inputs], kept.settings).ids
            return
        body = EXPANSIONS.get(record.name, record.body)
        z = body(inputs, **kept.settings) if record.many else body(*inputs, **kept.settings)
        z = z[0] if isinstance(z, tuple) else z
        self.ids = ids_of(self.table, z)

    def of_function(self, node: Pick) -> np.ndarray:
        """The cells of an output of a Function."""
        (self.node,) = node.parents
        inputs = []
        for i, parent in enumerate(self.node.parents):
            self.sources.append(Constant(self.node, i) if parent is None else parent)
            numbers = None if parent is None else host(numbers_of(self.node, i))
            inputs.append(None if parent is None else Given(self.table, numbers, i).ids)
        return Outputs(self.table, node, inputs).ids

    def cells(self, place: int, numbers: object, ruled: bool) -> object:
        """An input as the body gets it."""
        if numbers is None:
            return None
        if not hasattr(numbers, "dtype"):
            return Cells(self.table, self.table.constants(numbers))
        array = host(numbers)
        if not ruled:
            return Cells(self.table, array, True)
        return Cells(self.table, Given(self.table, array, place).ids)

    def parents(self, cell: int) -> list[int]:
        """The cells that a cell is computed from."""
        return self.table.block(cell).parents(cell)

    def source(self, cell: int) -> tuple[object, int] | None:
        """The input's element that a cell stands for: whose, and its flat position."""
        block = self.table.block(cell)
        if not isinstance(block, Given) or block.source is None:
            return None
        return self.sources[block.source], cell - block.start

    def constant(self, cell: int) -> bool:
        """Whether a cell is a number that nothing is computed from."""
        block = self.table.block(cell)
        return isinstance(block, Given) and block.source is None

    def number(self, cell: int) -> Value:
        """A new Value for a constant."""
        block = self.table.block(cell)
        return Value(block.numbers[cell - block.start], PLAIN)


def host(numbers: object) -> np.ndarray:
    """An array in the computer's own memory."""
    return np.asarray(kernels.backend(type(numbers)).to_host(numbers))


def numbers_of(node: TensorNode, place: int) -> object:
    """What an input of a gate held, as it was kept."""
    numbers = KEPT[node].inputs[place]
    parent = node.parents[place]
    return KEPT[parent].output if numbers is None and parent in KEPT else numbers


def works_on_numbers(record: Gate, settings: dict) -> bool:
    """Whether a gate computes single numbers."""
    try:
        record.kernel(float)(*[0.5] * record.arity, **settings)
    except (AttributeError, TypeError, StopIteration):
        return False
    return not record.many
