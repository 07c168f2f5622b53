"""Bodies of gates run on cells: how `dive` learns what a single element was computed from.

A gate's body says in array functions what the gate computes. Here it runs on arrays whose elements
are only the numbers of cells (see `blocks`). What moves elements (reshape, pad, windows, keys) then
moves these numbers, and NumPy does that; what computes (arithmetic, exp, sums, products of
matrices) makes a block of new cells. Nothing is computed until one cell is asked for. So a gate
needs no second description.

Decisions are made on numbers: comparisons are answered at once, and `max`, which bodies call only
to shift by it, is a plain number.
"""

import itertools
import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from .. import kernels
from ..gate import Gate
from ..kernels import cpu
from ..kernels.shapes import reduced_axes
from .blocks import ONE, ZERO, Choices, Elementwise, Extremes, Sums, Table, gate

NAMES = {"subtract": "sub", "multiply": "mul", "divide": "div", "negative": "neg", "power": "pow"}

# --- arrays of cells ------------------------------------------------------------------------------


class Cells(np.lib.mixins.NDArrayOperatorsMixin):
    """An array as a body sees it. raw: numbers of cells; or, where `known`, plain numbers."""

    __slots__ = ("known", "raw", "table")

    def __init__(self, table: Table, raw: object, known: bool = False) -> None:
        self.table = table
        self.raw = np.asarray(raw)
        self.known = known

    shape = property(lambda self: self.raw.shape)
    ndim = property(lambda self: self.raw.ndim)
    size = property(lambda self: self.raw.size)
    strides = property(lambda self: self.raw.strides)
    dtype = property(lambda self: self.raw.dtype if self.known else np.dtype("float64"))

    @property
    def ids(self) -> np.ndarray:
        """The numbers of its cells; plain numbers become constants."""
        return self.table.constants(self.raw) if self.known else self.raw

    @property
    def numbers(self) -> np.ndarray:
        """What its cells hold."""
        return self.raw if self.known else self.table.numbers(self.raw)

    def astype(self, dtype: object, copy: bool = True) -> "Cells":
        """Cells have no dtype; plain numbers do."""
        return Cells(self.table, self.raw.astype(dtype), True) if self.known else self

    @property
    def T(self) -> "Cells":
        """The axes in the opposite order."""
        return self.transpose()

    def __getitem__(self, key: object) -> "Cells":
        return Cells(self.table, self.raw[plain(key)], self.known)

    def __setitem__(self, key: object, value: object) -> None:
        self.table = self.table or value.table
        self.raw[plain(key)] = ids_of(self.table, value)

    def sum(self, axis: object = None, dtype: object = None, keepdims: bool = False) -> "Cells":
        """Sums over axes."""
        if self.known:
            return Cells(self.table, self.raw.sum(axis, dtype=dtype, keepdims=keepdims), True)
        rows, shape = self.rows(axis, keepdims)
        return Cells(self.table, Sums(self.table, [rows], rows.shape[:-1]).ids.reshape(shape))

    def rows(self, axis: object, keepdims: bool) -> tuple[np.ndarray, tuple[int, ...]]:
        """Cells with the axes to be reduced as one last axis; and the shape of what that gives."""
        axes = range(self.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = [a % self.ndim for a in axes]
        kept = [a for a in range(self.ndim) if a not in axes]
        count = math.prod([self.shape[a] for a in axes])
        rows = self.ids.transpose(*kept, *axes).reshape(*[self.shape[a] for a in kept], count)
        sizes = [1 if a in axes else n for a, n in enumerate(self.shape)]
        return rows, tuple(sizes) if keepdims else rows.shape[:-1]

    def mean(self, axis: object, keepdims: bool) -> "Cells":
        """Means over axes."""
        total = self.sum(axis, keepdims=keepdims)
        return total * (total.size / self.size)

    def var(self, axis: object, keepdims: bool) -> "Cells":
        """Mean squares of what deviates from the mean, over axes."""
        centred = self - self.mean(axis, True)
        return (centred * centred).mean(axis, keepdims)

    def cumsum(self, axis: int | None, dtype: object = None) -> "Cells":
        """Sums up to each place."""
        if axis is None:
            return self.reshape(-1).cumsum(0)
        steps = [self.moved(np.moveaxis, axis, 0)[i] for i in range(self.shape[axis])]
        sums = itertools.accumulate(steps)
        return self.moved(lambda _: np.stack([step.ids for step in sums], axis)) if steps else self

    def moved(self, function: Callable, *args: Any, **settings: Any) -> "Cells":
        """What a function that only moves elements makes of it."""
        return Cells(self.table, function(self.raw, *args, **settings), self.known)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *xs: Any, out: Any = None, **settings: Any
    ) -> object:
        if method == "at":
            return add_at(*xs) if ufunc is np.add else NotImplemented
        if method != "__call__":
            return NotImplemented
        z = self.applied(ufunc, xs, settings)
        if out is None:
            return z
        out[0].raw[...] = z.ids
        return out[0]

    def applied(self, ufunc: np.ufunc, xs: tuple, settings: dict) -> "Cells":
        """A function of NumPy, element by element, on cells and numbers."""
        table = table_of(xs)
        if all(x.known for x in found_in(xs)):
            return Cells(table, ufunc(*plain(xs), **settings), True)
        if ufunc is np.matmul:
            return product(table, *xs)
        found = gate(NAMES.get(ufunc.__name__, ufunc.__name__))
        if found is None:
            return Cells(table, ufunc(*plain(xs), **settings), True)
        if found.name == "maximum" and type(xs[1]) is int:  # so bodies write relu
            found, xs = gate("relu"), xs[:1]
        return elementwise(table, found, *xs)

    def __array_function__(
        self, function: Callable, types: object, args: tuple, settings: dict
    ) -> object:
        table = table_of(args)
        rule = FUNCTIONS.get(function)
        if rule is not None:
            return rule(table, *args, **settings)
        if all(x.known for x in found_in(args)):
            return Cells(table, function(*plain(args), **plain(settings)), True)
        if function in MOVES:
            return Cells(table, function(*cell_ids(args), **plain(settings)))
        return NotImplemented


def method(name: str) -> Callable:
    """The method of that name, which moves elements."""

    def move(self: Cells, *args: Any, **settings: Any) -> Cells:
        return self.moved(getattr(np.ndarray, name), *args, **settings)

    move.__doc__ = f"As NumPy's {name}."
    return move


for name in ("reshape", "transpose", "swapaxes", "squeeze", "diagonal", "copy", "ravel"):
    setattr(Cells, name, method(name))


def shift(name: str) -> Callable:
    """The method of that name, whose result is plain numbers."""

    def decided(self: Cells, *args: Any, **settings: Any) -> Cells:
        return Cells(self.table, getattr(self.numbers, name)(*args, **settings), True)

    decided.__doc__ = f"As NumPy's {name}: a plain number."
    return decided


for name in ("max", "min", "any", "all", "argmax"):
    setattr(Cells, name, shift(name))


def plain(x: object) -> Any:
    """x with plain numbers in the place of cells that are known, wherever in it they stand."""
    if isinstance(x, Cells):
        return x.numbers
    if isinstance(x, (tuple, list)):
        return type(x)([plain(part) for part in x])
    return {k: plain(v) for k, v in x.items()} if isinstance(x, dict) else x


def cell_ids(x: object) -> Any:
    """x with the numbers of cells in their place; known arrays are indices, and stay numbers."""
    if isinstance(x, Cells):
        return x.raw
    return type(x)([cell_ids(part) for part in x]) if isinstance(x, (tuple, list)) else x


def found_in(args: object) -> list[Cells]:
    """All cells among the arguments of a function."""
    if isinstance(args, Cells):
        return [args]
    if isinstance(args, (tuple, list)):
        return [x for part in args for x in found_in(part)]
    return []


def table_of(args: object) -> Table | None:
    """The table of the cells among the arguments; zeros have none until something is put in."""
    return next((x.table for x in found_in(args) if x.table is not None), None)


# --- what bodies call -----------------------------------------------------------------------------


def ids_of(table: Table, x: object) -> np.ndarray:
    """The numbers of the cells of x: an array of cells, or of numbers, or a number."""
    return x.ids if isinstance(x, Cells) else table.constants(x)


def elementwise(table: Table, found: Gate, *xs: object, **settings: object) -> Cells:
    """Cells that a gate computes element by element; x + 0 and x * 1 are x."""
    operands = [ids_of(table, x) for x in xs]
    block = Elementwise(table, found, operands, settings)
    neutral = {"add": ZERO, "mul": ONE}.get(found.name)
    if neutral is None:
        return Cells(table, block.ids)
    x, y = block.operands
    return Cells(table, np.where(y == neutral, x, np.where(x == neutral, y, block.ids)))


def product(table: Table, x: object, y: object) -> Cells:
    """The product of matrices, or of stacks of them; vectors are a row and a column."""
    a, b = ids_of(table, x), ids_of(table, y)
    left = a if a.ndim > 1 else a[None]
    right = b if b.ndim > 1 else b[:, None]
    factors = [left[..., :, None, :], right.swapaxes(-1, -2)[..., None, :, :]]
    shape = np.broadcast_shapes(*[f.shape for f in factors])[:-1]
    ids = Sums(table, factors, shape).ids
    ids = ids if b.ndim > 1 else ids[..., 0]
    return Cells(table, ids if a.ndim > 1 else ids[..., 0, :] if b.ndim > 1 else ids[..., 0])


def einsum(table: Table, equation: str, *xs: object, optimize: bool = True) -> Cells:
    """Sums of products over the letters that the output does not have; none twice in a term."""
    left, _, out = equation.partition("->")
    terms = left.split(",")
    letters = out + "".join(sorted(set(left) - {*out, ","}))
    factors = []
    for x, term in zip(xs, terms, strict=True):
        order = sorted(range(len(term)), key=lambda i, term=term: letters.index(term[i]))
        ids = ids_of(table, x).transpose(order)
        sizes = dict(zip([term[i] for i in order], ids.shape, strict=True))
        factors.append(ids.reshape([sizes.get(letter, 1) for letter in letters]))
    shape = np.broadcast_shapes(*[f.shape for f in factors])[: len(out)]
    return Cells(table, Sums(table, factors, shape).ids)


def where(table: Table, condition: object, x: object, y: object) -> Cells:
    """A choice by truth values: a wire; but of two arrays of cells the larger is a gate."""
    first = plain(condition)
    cells = [part for part in (x, y) if isinstance(part, Cells)]
    if all(part.known for part in cells):
        return Cells(table, np.where(first, plain(x), plain(y)), True)
    a, b = ids_of(table, x), ids_of(table, y)
    if len(cells) == 2:
        return Cells(table, Choices(table, first, a, b).ids)
    return Cells(table, np.where(first, a, b))


def pad(table: Table, x: Cells, pads: object, constant_values: float = 0.0) -> Cells:
    """x within a border of a constant."""
    if x.known:
        return Cells(table, np.pad(x.raw, pads, constant_values=constant_values), True)
    return Cells(table, np.pad(x.raw, pads, constant_values=table.constants(constant_values)))


def sort(table: Table, x: Cells) -> Cells:
    """The elements of x in the order of their numbers."""
    return x[np.argsort(x.numbers, kind="stable")]


def add_at(z: Cells, key: object, x: object) -> None:
    """x added into z at a key that may name a place twice."""
    z.table = z.table or table_of(x)
    places = np.arange(z.size).reshape(z.shape)[plain(key)]
    ids = np.broadcast_to(ids_of(z.table, x), places.shape).ravel()
    places = places.ravel()
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    layer = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    flat = z.raw.reshape(-1)
    for depth in range(layer.max(initial=-1) + 1):
        chosen = order[layer == depth]
        old = Cells(z.table, flat[places[chosen]])
        flat[places[chosen]] = (old + Cells(z.table, ids[chosen])).ids


def extreme(name: str, best: Callable) -> Callable:
    """What stands for the body of amax or amin, whose rule shares the gradient."""

    def expansion(x: Cells, *, dim: object = None, keepdim: bool = False) -> Cells:
        rows, shape = x.rows(reduced_axes(x.ndim, dim), keepdim)
        return Cells(x.table, Extremes(x.table, rows, gate(name), best).ids.reshape(shape))

    return expansion


EXPANSIONS = {
    "amax": extreme("maximum", max),
    "amin": extreme("minimum", min),
    "move": lambda x, *, device, home: x,
}
FUNCTIONS = {np.einsum: einsum, np.where: where, np.pad: pad, np.sort: sort}
MOVES = {
    np.broadcast_to,
    np.concatenate,
    np.diagonal,
    np.expand_dims,
    np.flip,
    np.moveaxis,
    np.roll,
    np.take,
    np.take_along_axis,
    np.tril,
    np.triu,
}


class Module:
    """NumPy, as bodies call it that run on cells."""

    def __init__(self) -> None:
        tricks = SimpleNamespace(as_strided=lambda x, *view: x.moved(as_strided, *view))
        self.lib = SimpleNamespace(stride_tricks=tricks)
        self.zeros = lambda shape, dtype: Cells(None, np.full(shape, ZERO))
        self.zeros_like = lambda like, shape: Cells(None, np.full(shape, ZERO))

    def __getattr__(self, name: str) -> object:
        return getattr(np, name)


as_strided = np.lib.stride_tricks.as_strided
kernels.BACKENDS[Cells] = SimpleNamespace(xp=Module(), uniform=cpu.uniform, device="cpu")
