"""Two products with the batch in the vectors of the processor, held in registers; for Numba.

As `simd` has it for images whose channels lie innermost, for images in columns: see `layout`. Each
vector holds one number of as many samples as it is wide.

`strip` is for results of a convolution: a few channels of one place, each the sum of weights times
elements of the place's window. `dots` is for gradients of weights: a few elements of a window times
a few channels of the result, summed over places and samples; the lanes of its sums are added up at
the very end, by who calls.
"""

import functools

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .assembled import assembled
from .simd import BYTES, LANES, ROWS, VECTOR, VECTORS, WORD, again, at, counting, load, spread

# The rows and columns of the largest block of `dots`: with its sums as many vectors as there are
# rows and one more are in registers.
LEFT, RIGHT = (6, 4) if LANES == 16 else (3, 3)
BLOCKS = [(i, j) for i in range(1, LEFT + 1) for j in range(1, RIGHT + 1)]
# The rows and vectors of strips: few rows, of which there is little to do, take more vectors.
SHORT = ROWS // 2
STRIPS = [(i, j) for i in range(1, ROWS + 1) for j in range(1, VECTORS + 1)]
STRIPS += [(i, 2 * VECTORS) for i in range(1, SHORT + 1)]


def multiply_add(b):
    """The function (x, y, z) -> x y + z of vectors."""
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    return cgutils.get_or_insert_function(b.module, kind, f"llvm.fmuladd.v{LANES}f32")


def place(b, base, distance, count, vector=0):
    """`count` distances and some vectors behind an address."""
    corner = b.add(base, b.mul(distance, WORD(count)))
    return b.add(corner, WORD(vector * LANES * BYTES))


def store(b, value, address):
    """Write a vector to an address."""
    b.store(value, at(b, address, VECTOR)).align = BYTES


def choose(b, first, second, pairs, code):
    """Run code(i, j) for the pair (first, second), which is one of `pairs`."""
    end = b.append_basic_block("end")
    choice = b.switch(b.add(b.mul(first, WORD(16)), second), end)
    for i, j in pairs:
        block = b.append_basic_block(f"of_{i}_{j}")
        choice.add_case(WORD(16 * i + j), block)
        b.position_at_end(block)
        code(i, j)
        b.branch(end)
    b.position_at_end(end)


# --- results --------------------------------------------------------------------------------------


def one_strip(b, rows, vectors, words):
    """The code of one size of strip; see `strip` for the words."""
    a, between, step, jump, runs, count, length, cols, pitch, start, initial, z, line = words
    fma = multiply_add(b)
    first = [spread(b, place(b, start, initial, r)) for r in range(rows)]
    sums = [first[r] for r in range(rows) for _ in range(vectors)]
    outer = counting(b, count, [a, *sums])
    i, head, *sums = outer[2]
    offset = load(b, b.add(runs, b.mul(i, WORD(8))), WORD)
    inner = counting(b, length, [head, b.add(cols, offset), *sums])
    _, left, right, *sums = inner[2]
    columns = [load(b, place(b, right, WORD(0), 0, v), VECTOR) for v in range(vectors)]
    following = []
    for r in range(rows):
        number = spread(b, place(b, left, between, r))
        for v in range(vectors):
            following.append(b.call(fma, [number, columns[v], sums[r * vectors + v]]))
    again(b, inner, [b.add(left, step), b.add(right, pitch), *following])
    again(b, outer, [b.add(head, jump), *following])
    for r in range(rows):
        for v in range(vectors):
            store(b, following[r * vectors + v], place(b, z, line, r, v))


def strip(
    b, rows, vectors, a, between, step, jump, runs, count, length, cols, pitch, start, initial, z,
    line,
):  # fmt: skip
    """The code of a strip of every size, and the choice among them:

    z[r, :] = start[r] + the sum over i < count, j < length of A[r, i, j] B[i, j, :].

    A[r, i, j] lies at a + r between + i jump + j step. The rows of B, of `vectors` vectors each,
    come in `count` runs of `length`: B[i, j] lies at cols + runs[i] + j pitch. Rows of z lie `line`
    apart, the numbers they begin with `initial`. Distances are in numbers; a, cols, start and z are
    addresses, runs that of int64 numbers of bytes.
    """
    distances = (between, step, jump, pitch, initial, line)
    between, step, jump, pitch, initial, line = [b.mul(x, WORD(BYTES)) for x in distances]
    words = (a, between, step, jump, runs, count, length, cols, pitch, start, initial, z, line)
    choose(b, rows, vectors, STRIPS, lambda r, v: one_strip(b, r, v, words))


# --- gradients of weights -------------------------------------------------------------------------


def one_block(b, rows, columns, words):
    """The code of one size of block; see `dots` for the words."""
    x, taps, x_jump, y, between, y_jump, count, length, z = words
    fma = multiply_add(b)
    kept = [place(b, z, WORD(0), 0, k) for k in range(rows * columns)]
    sums = [load(b, address, VECTOR) for address in kept]
    heads = [b.add(x, load(b, b.add(taps, WORD(8 * r)), WORD)) for r in range(rows)]
    tails = [place(b, y, between, c) for c in range(columns)]
    outer = counting(b, count, [WORD(0), WORD(0), *sums])
    _, x_done, y_done, *sums = outer[2]
    inner = counting(b, length, [WORD(0), *sums])
    _, done, *sums = inner[2]
    lefts = [load(b, b.add(b.add(head, x_done), done), VECTOR) for head in heads]
    rights = [load(b, b.add(b.add(tail, y_done), done), VECTOR) for tail in tails]
    pairs = [(left, right) for left in lefts for right in rights]
    following = [b.call(fma, [*pair, s]) for pair, s in zip(pairs, sums, strict=True)]
    again(b, inner, [b.add(done, WORD(LANES * BYTES)), *following])
    again(b, outer, [b.add(x_done, x_jump), b.add(y_done, y_jump), *following])
    for value, address in zip(following, kept, strict=True):
        store(b, value, address)


def dots(b, rows, columns, x, taps, x_jump, y, between, y_jump, count, length, z):
    """The code of a block of every size, and the choice among them:

    z[r, c, :] += the sum over i < count, j < length of X[r, i, j, :] Y[c, i, j, :], vectors all.

    X[r, i, j] lies at x + taps[r] + i x_jump and j vectors; Y[c, i, j] at y + c between + i y_jump
    and j vectors. Sums follow each other. Distances are in numbers; x, y and z are addresses, taps
    that of int64 numbers of bytes.
    """
    x_jump, between, y_jump = [b.mul(d, WORD(BYTES)) for d in (x_jump, between, y_jump)]
    words = (x, taps, x_jump, y, between, y_jump, count, length, z)
    choose(b, rows, columns, BLOCKS, lambda r, c: one_block(b, r, c, words))


# --- calls ----------------------------------------------------------------------------------------


def calling(arity):
    """The code that calls a function of so many whole numbers at an address."""

    def generate(context, b, signature, arguments):
        head, *rest = arguments
        kind = ir.FunctionType(ir.VoidType(), [WORD] * arity)
        b.call(at(b, head, kind), rest)
        return context.get_dummy_value()

    return types.void(types.int64, *[types.int64] * arity), generate


@intrinsic
def call_strip(
    typing, at_, rows, vectors, a, between, step, jump, runs, count, length, b, pitch, start,
    initial, z, line,
):  # fmt: skip
    """Call the function `strip` that lies at an address."""
    return calling(15)


@intrinsic
def call_dots(typing, at_, rows, columns, x, taps, x_jump, y, between, y_jump, count, length, z):
    """Call the function `dots` that lies at an address."""
    return calling(11)


@functools.cache
def strip_address() -> int:
    """Where the machine code of `strip` lies."""
    return assembled(strip, 15)


@functools.cache
def dots_address() -> int:
    """Where the machine code of `dots` lies."""
    return assembled(dots, 11)
