"""Cells: notes of how single numbers would be computed, in blocks of those that are alike.

A cell has a number by which others name it. Asked for one cell, its `Table` finds the block, and
the block says which cells it is computed from and makes a `Value` of theirs. See `cells`.
"""

import bisect
import functools
import math
import operator
from collections.abc import Callable, Sequence

import numpy as np

from .. import kernels
from ..gate import Gate
from ..recorder import record_value, refuse
from ..value import PLAIN, Value

ZERO, ONE = 0, 1  # the cells of these constants, which adding and multiplying leave out


class Block:
    """An array of cells that are computed alike. start: the number of the first.

    Subclasses say what a cell is computed from, and how.
    """

    def __init__(self, table: "Table", shape: tuple[int, ...]) -> None:
        self.table = table
        self.shape = shape
        self.size = math.prod(shape)
        self.ids = table.enter(self)

    @functools.cached_property
    def numbers(self) -> np.ndarray:
        """The numbers of all cells, one behind the other."""
        with np.errstate(all="ignore"):
            return np.broadcast_to(self.computed(), self.shape).ravel()

    def at(self, cell: int) -> tuple[int, ...]:
        """Where in the block a cell lies."""
        return np.unravel_index(cell - self.start, self.shape)

    def parents(self, cell: int) -> list[int]:
        """The cells that a cell is computed from."""
        return []

    def build(self, values: list[Value], cell: int) -> Value:
        """A cell, which is computed from these parents, as a Value."""
        raise NotImplementedError

    def computed(self) -> np.ndarray:
        """The numbers of all cells."""
        raise NotImplementedError


class Given(Block):
    """Numbers from outside: those of a gate's input, or constants, whose `source` is None."""

    def __init__(self, table: "Table", numbers: np.ndarray, source: int | None) -> None:
        super().__init__(table, numbers.shape)
        self.numbers = numbers.astype("float64").ravel()
        self.source = source


class Elementwise(Block):
    """A gate that works on numbers, element by element."""

    def __init__(self, table: "Table", gate: Gate, operands: Sequence, settings: dict) -> None:
        self.gate = gate
        own = [ids.copy() for ids in operands]  # bodies may write into theirs
        self.operands = np.broadcast_arrays(*own)
        self.settings = settings
        super().__init__(table, self.operands[0].shape)

    def parents(self, cell: int) -> list[int]:
        """The cells that a cell is computed from."""
        at = self.at(cell)
        return [int(ids[at]) for ids in self.operands]

    def build(self, values: list[Value], cell: int) -> Value:
        """The cell as a Value."""
        return record_value(self.gate, refuse, tuple(values), self.settings)

    def computed(self) -> np.ndarray:
        """The numbers of all cells."""
        numbers = [self.table.numbers(ids) for ids in self.operands]
        return self.gate.kernel(np.ndarray)(*numbers, **self.settings)


class Sums(Block):
    """Sums of products. factors: arrays of cells that broadcast to (*shape, *what is summed)."""

    def __init__(self, table: "Table", factors: Sequence, shape: tuple[int, ...]) -> None:
        self.factors = np.broadcast_arrays(*factors)
        super().__init__(table, shape)

    def parents(self, cell: int) -> list[int]:
        """The cells that a cell is computed from."""
        at = self.at(cell)
        terms = np.stack([ids[at].ravel() for ids in self.factors], 1)
        return (terms[terms != ZERO] if len(self.factors) == 1 else terms).ravel().tolist()

    def build(self, values: list[Value], cell: int) -> Value:
        """The cell as a Value."""
        terms = zip(*[iter(values)] * len(self.factors), strict=True)
        products = [functools.reduce(operator.mul, term) for term in terms]
        return functools.reduce(operator.add, products) if products else Value(0.0, PLAIN)

    def computed(self) -> np.ndarray:
        """The numbers of all cells."""
        products = math.prod([self.table.numbers(ids) for ids in self.factors])
        return products.sum(tuple(range(len(self.shape), products.ndim)))


class Extremes(Block):
    """The largest, or smallest, cell of each row; equal ones share the gradient evenly."""

    def __init__(self, table: "Table", rows: np.ndarray, gate: Gate, best: Callable) -> None:
        self.rows = rows
        self.gate = gate
        self.best = best
        super().__init__(table, rows.shape[:-1])

    def parents(self, cell: int) -> list[int]:
        """The cells that a cell is computed from."""
        return self.rows[self.at(cell)].tolist()

    def build(self, values: list[Value], cell: int) -> Value:
        """The cell as a Value."""
        top = self.best([v.data for v in values])
        equal = [v for v in values if v.data == top]
        if len(equal) > 2:  # a gate of two inputs halves
            return functools.reduce(operator.add, equal) * (1.0 / len(equal))
        return functools.reduce(lambda x, y: record_value(self.gate, refuse, (x, y), {}), values)

    def computed(self) -> np.ndarray:
        """The numbers of all cells."""
        return np.apply_along_axis(self.best, -1, self.table.numbers(self.rows))


class Choices(Block):
    """One of two cells each. To take the larger is the gate `maximum`, all else but a wire."""

    def __init__(self, table: "Table", first: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
        self.first, self.x, self.y = np.broadcast_arrays(first, x, y)
        super().__init__(table, self.first.shape)

    def parents(self, cell: int) -> list[int]:
        """The cells that a cell is computed from."""
        at = self.at(cell)
        pair = [int(self.y[at]), int(self.x[at])]
        chosen = int(self.first[at])
        numbers = self.table.numbers(np.array(pair))
        return pair if -math.inf < numbers[1 - chosen] < numbers[chosen] else [pair[chosen]]

    def build(self, values: list[Value], cell: int) -> Value:
        """The cell as a Value."""
        return values[0] if len(values) == 1 else record_value(gate("maximum"), refuse, values, {})

    def computed(self) -> np.ndarray:
        """The numbers of all cells."""
        return np.where(self.first, self.table.numbers(self.x), self.table.numbers(self.y))


class Table:
    """All cells of one run of a body."""

    def __init__(self) -> None:
        self.size = 0
        self.starts = []
        self.blocks = []
        Given(self, np.array([ZERO, ONE]), None)

    def enter(self, block: Block) -> np.ndarray:
        """The numbers of a new block's cells."""
        block.start = self.size
        self.size += block.size
        if block.size:
            self.starts.append(block.start)
            self.blocks.append(block)
        return np.arange(block.start, self.size).reshape(block.shape)

    def block(self, cell: int) -> Block:
        """The block of a cell."""
        return self.blocks[bisect.bisect_right(self.starts, cell) - 1]

    def numbers(self, ids: np.ndarray) -> np.ndarray:
        """The numbers of cells."""
        out = np.empty(ids.shape)
        homes = np.searchsorted(self.starts, ids, "right") - 1
        for home in np.unique(homes):
            block = self.blocks[home]
            here = homes == home
            out[here] = block.numbers[ids[here] - block.start]
        return out

    def constants(self, numbers: object) -> np.ndarray:
        """Cells for numbers that nothing is computed from."""
        numbers = np.asarray(numbers)
        plain = (numbers == ZERO) | (numbers == ONE)
        if plain.all():
            return numbers.astype("int64")
        return np.where(plain, numbers, Given(self, numbers, None).ids).astype("int64")


def gate(name: str) -> Gate | None:
    """The gate of that name that has rules."""
    return next((g for g in kernels.GATES if g.name == name and g.kind == "gate"), None)
