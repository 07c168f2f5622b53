"""Winograd's transforms in registers: a small matrix times a patch times the matrix transposed.

A patch is a square of vectors, one channel in each lane. The arithmetic is written out for the
numbers of the matrix, in LLVM's language as the register tile is; what opposite points share is
computed once. Where the vectors of a patch lie is said by tables of addresses, so that a patch may
reach beyond an image: what is not there is read from zeros, and written to where nobody looks.
"""

import functools

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import simd
from .assembled import assembled
from .simd import BYTES, LANES, VECTOR, WORD, again, at, counting, load
from .winograd import matrix

TRANSFORM = types.void(*[types.int64] * 8)  # the type of a transform


@functools.cache
def filled(number: float) -> ir.Constant:
    """A vector of one number."""
    return ir.Constant(VECTOR, [float(np.float32(number))] * LANES)


def multiply_add(b, factor: float, x, total):
    """factor x + total, where `total` may be None for 0."""
    if total is None and factor == 1:
        return x
    if total is None:
        return b.fmul(filled(factor), x)
    if abs(factor) == 1:
        return b.fadd(total, x) if factor == 1 else b.fsub(total, x)
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    fused = cgutils.get_or_insert_function(b.module, kind, f"llvm.fmuladd.v{LANES}f32")
    return b.call(fused, [filled(factor), x, total])


def combined(b, factors, vectors):
    """The sum of vectors times factors, of which at least one is not 0."""
    terms = [(f, v) for f, v in zip(factors, vectors, strict=True) if f != 0]
    total = None
    for factor, vector in sorted(terms, key=lambda term: term[0] != 1):
        total = multiply_add(b, factor, vector, total)
    return total


def opposite(m: np.ndarray, row: int) -> bool:
    """Whether the next row has other signs in every other column: that of the opposite point."""
    signs = (-1) ** np.arange(m.shape[1])
    return row + 1 < len(m) and np.array_equal(m[row + 1], signs * m[row])


def spread(b, m: np.ndarray, vectors: list) -> list:
    """m times a column of vectors; the rows of opposite points share two sums."""
    found = []
    while len(found) < len(m):
        row = m[len(found)]
        if opposite(m, len(found)):
            scale = row[1::2][np.flatnonzero(row[1::2])[-1]]
            even = combined(b, row[::2], vectors[::2])
            odd = combined(b, row[1::2] / scale, vectors[1::2])
            found += [multiply_add(b, factor, odd, even) for factor in (scale, -scale)]
        else:
            found.append(combined(b, row, vectors))
    return found


def gathered(b, m: np.ndarray, vectors: list) -> list:
    """As `spread`, for a transposed matrix: opposite points share the sum and the difference of
    their vectors."""
    factors, even, odd = [], [], []  # the terms of even rows and of odd ones
    column = 0
    while column < m.shape[1]:
        factors.append(m[:, column])
        first = second = vectors[column]
        if opposite(m.T, column):
            column += 1
            first, second = b.fadd(first, vectors[column]), b.fsub(first, vectors[column])
        even.append(first)
        odd.append(second)
        column += 1
    return [
        combined(b, f, odd if row % 2 else even) for row, f in enumerate(zip(*factors, strict=True))
    ]


def code(b, kind, vectors, sources, source, targets, target, bias, residuals, residual):
    """The code of one kind of transform; see `transform`."""
    size, what, *more = kind.split()
    m = matrix(int(size), what)
    applied = spread if m.shape[0] >= m.shape[1] else gathered
    high, wide = m.shape
    loop = counting(b, vectors, [source, target, bias, residual])
    _, source, target, bias, residual = loop[2]

    def place(table, index, base):
        return b.add(load(b, b.add(table, WORD(8 * index)), WORD), base)

    def completed(value, index):
        if what == "result":
            value = b.fadd(value, load(b, bias, VECTOR))
        if "residual" in more:
            value = b.fadd(value, load(b, place(residuals, index, residual), VECTOR))
        if "relu" in more:
            value = b.select(b.fcmp_ordered("<=", value, filled(0)), filled(0), value)
        return value

    columns = []
    for j in range(wide):
        lying = [place(sources, i * wide + j, source) for i in range(wide)]
        columns.append(applied(b, m, [load(b, address, VECTOR) for address in lying]))
    for i, row in enumerate(zip(*columns, strict=True)):
        for j, value in enumerate(applied(b, m, row)):
            address = place(targets, i * high + j, target)
            b.store(completed(value, i * high + j), at(b, address, VECTOR)).align = BYTES
    again(b, loop, [b.add(base, WORD(LANES * BYTES)) for base in loop[2][1:]])


@functools.cache
def transform(kind: str) -> int:
    """The machine code of a transform.

    kind: the size of tiles and what is transformed, as `winograd.matrix` takes them, such as
    "4 image". "4 result" adds a bias, "4 result residual" another image as well, and "relu", at the
    end of either, makes what is below 0 then 0.

    The code takes how many vectors a place of the patch has, one after the other; a table of the
    places of the patch, line by line, and an address to be added to each; a table and an address of
    the same kind for the result; the address of the bias; and table and address of the residual.
    What is not asked for is not read. See `call_transform`.
    """

    def write(b, *words):
        code(b, kind, *words)

    return assembled(write, len(TRANSFORM.args))


@intrinsic
def call_transform(
    typing, address, vectors, sources, source, targets, target, bias, residuals, residual
):
    """Call the transform at an address."""

    def generate(context, b, signature, arguments):
        head, *rest = arguments
        kind = ir.FunctionType(ir.VoidType(), [WORD] * len(rest))
        b.call(at(b, head, kind), rest)
        return context.get_dummy_value()

    return types.void(types.int64, *TRANSFORM.args), generate


@intrinsic
def fetch(typing, address):
    """Have a line of memory brought into the second cache; any address will do."""

    def generate(context, b, signature, arguments):
        simd.fetch(b, arguments[0])
        return context.get_dummy_value()

    return types.void(types.int64), generate
