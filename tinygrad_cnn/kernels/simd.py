"""A product of small matrices that stays in the processor's registers, for Numba.

A block of C = A B of a few rows and one or two vectors of columns is held in registers while the
sum runs: each vector of B that is loaded then meets all rows, each number of A all columns, and the
processor multiplies and adds as fast as it can. Compilers do not find this by themselves, so it is
spelled out here, in the language of LLVM, and translated as it stands, see `assembled`. Widths
follow the processor that Numba compiles for: 16 numbers with AVX-512, 8 with AVX2, 4 with what
every processor has.

`tile` is translated once, for every number of rows, and called by its address: kernels stay small
and quick to compile. Within kernels memory is spoken of by addresses (bytes) and distances
(float32 numbers).
"""

from typing import NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

BYTES = 4  # of a float32
WORD = ir.IntType(64)
FLOAT = ir.FloatType()
TILE = types.void(*[types.int64] * 16)  # the type of the code of `tile`


class Registers(NamedTuple):
    """The vectors of a processor: how many numbers they hold, and the rows of the largest tile."""

    lanes: int
    rows: int


def registers(triple: str, features: str) -> Registers:
    """What the processor offers that code is compiled for; features as LLVM writes them.

    A tile of R rows and two vectors takes 2 R registers for its sums and three for what is read.
    """
    has = set(features.split(","))
    if "+avx512f" in has:
        return Registers(16, 14)  # 32 registers
    if "+avx2" in has and "+fma" in has:
        return Registers(8, 6)  # 16 registers
    return Registers(4, 12 if triple.startswith(("aarch64", "arm64")) else 6)


def target() -> Registers:
    """The registers of the processor that Numba compiles for."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    return registers(triple, features)


LANES, ROWS = target()
VECTORS = 2  # of columns, at most
WIDTH = VECTORS * LANES  # columns of the widest tile
VECTOR = ir.VectorType(FLOAT, LANES)

# Constants are written down once, not wherever they are used: they are as long as vectors are.
UNSET = ir.Constant(VECTOR, ir.Undefined)
FIRST = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)


def at(b, address, type_):
    """The address as a pointer to this type."""
    return b.inttoptr(address, type_.as_pointer())


def load(b, address, type_):
    """What lies at an address, which need not be a multiple of more than a number's size."""
    value = b.load(at(b, address, type_))
    value.align = BYTES
    return value


def spread(b, address):
    """The number at an address in all lanes of a vector."""
    number = b.insert_element(UNSET, load(b, address, FLOAT), ir.IntType(32)(0))
    return b.shuffle_vector(number, UNSET, FIRST)


def counting(b, count, carried):
    """Open a loop that runs `count` times, at least once: its block, count, and values within it.

    The values are a counter and what is carried from turn to turn. `again` closes the loop.
    """
    entry = b.block
    block = b.append_basic_block("loop")
    b.branch(block)
    b.position_at_end(block)
    phis = [b.phi(value.type) for value in (WORD(0), *carried)]
    for phi, value in zip(phis, (WORD(0), *carried), strict=True):
        phi.add_incoming(value, entry)
    return block, count, phis


def again(b, loop, values):
    """Close a loop: `values` are what the next turn, or the code behind the loop, is handed."""
    block, count, phis = loop
    following = b.add(phis[0], WORD(1))
    for phi, value in zip(phis, (following, *values), strict=True):
        phi.add_incoming(value, b.block)
    after = b.append_basic_block("after")
    b.cbranch(b.icmp_signed("<", following, count), block, after)
    b.position_at_end(after)


def fetch(b, address):
    """Have the line of memory at an address brought into the second cache; any address will do."""
    byte, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
    prefetch = cgutils.get_or_insert_function(b.module, kind, "llvm.prefetch.p0i8")
    reading, second, data = flag(0), flag(2), flag(1)
    b.call(prefetch, [b.inttoptr(address, byte), reading, second, data])


def one_tile(b, rows, vectors, words):
    """The code of one size of tile; see `tile` for the words."""
    a, between, step, runs, count, length, cols, pitch, start, initial, z, line, ahead, pace = words
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    multiply_add = cgutils.get_or_insert_function(b.module, kind, f"llvm.fmuladd.v{LANES}f32")

    def place(base, distance, row, vector):
        corner = b.add(base, b.mul(distance, WORD(row)))
        return b.add(corner, WORD(vector * LANES * BYTES))

    sums = [
        load(b, place(start, initial, r, v), VECTOR) for r in range(rows) for v in range(vectors)
    ]
    outer = counting(b, count, [cols, ahead, *sums])
    i, source, ahead, *sums = outer[2]
    offset = load(b, b.add(runs, b.mul(i, WORD(8))), WORD)
    inner = counting(b, length, [b.add(a, offset), source, ahead, *sums])
    _, left, right, ahead, *sums = inner[2]
    fetch(b, ahead)
    columns = [load(b, place(right, WORD(0), 0, v), VECTOR) for v in range(vectors)]
    following = []
    for r in range(rows):
        number = spread(b, place(left, between, r, 0))
        for v in range(vectors):
            total = sums[r * vectors + v]
            following.append(b.call(multiply_add, [number, columns[v], total]))
    right, ahead = b.add(right, pitch), b.add(ahead, pace)
    again(b, inner, [b.add(left, step), right, ahead, *following])
    again(b, outer, [right, ahead, *following])
    for r in range(rows):
        for v in range(vectors):
            value = following[r * vectors + v]
            b.store(value, at(b, place(z, line, r, v), VECTOR)).align = BYTES


def tile(
    b, rows, vectors, a, between, step, runs, count, length, cols, pitch, start, initial, z, line,
    ahead, pace,
):  # fmt: skip
    """The code of a tile of every size, and the choice among them:

    z[r, :] = start[r, :] + the sum over i < count, j < length of A[r, i, j] B[i, j, :].

    A[r, i, j] lies at a + r between + runs[i] + j step: in `count` runs of `length` numbers. The
    rows of B, of `vectors` vectors each, lie at cols and follow each other at the distance `pitch`.
    Rows of z lie `line` apart, those of start `initial`: at 0 every row begins alike, as with a
    bias. a, cols, start and z are addresses, runs that of int64 numbers of bytes.

    ahead: where memory begins that will be needed soon. It is asked for meanwhile, so that it comes
    from afar while the sums run: in each turn one line of the cache, `pace` bytes behind the last.
    """
    scaled = [b.mul(x, WORD(BYTES)) for x in (between, step, pitch, initial, line)]
    between, step, pitch, initial, line = scaled
    words = (
        a, between, step, runs, count, length, cols, pitch, start, initial, z, line, ahead, pace,
    )  # fmt: skip
    end = b.append_basic_block("end")
    size = b.add(b.mul(rows, WORD(VECTORS)), vectors)
    choice = b.switch(size, end)
    for r in range(1, ROWS + 1):
        for v in range(1, VECTORS + 1):
            block = b.append_basic_block(f"tile_{r}_{v}")
            choice.add_case(WORD(r * VECTORS + v), block)
            b.position_at_end(block)
            one_tile(b, r, v, words)
            b.branch(end)
    b.position_at_end(end)


@intrinsic
def call_tile(
    typing, at_, rows, vectors, a, between, step, runs, count, length, b, pitch, start, initial, z,
    line,
):  # fmt: skip
    """Call the function `tile` that lies at an address; nothing is asked for."""

    def generate(context, b, signature, arguments):
        a = arguments[3]  # which is there already
        call_at(b, [*arguments, a, WORD(0)])
        return context.get_dummy_value()

    return types.void(types.int64, *TILE.args[:-2]), generate


@intrinsic
def call_tile_ahead(
    typing, at_, rows, vectors, a, between, step, runs, count, length, b, pitch, start, initial, z,
    line, ahead, pace,
):  # fmt: skip
    """Call the function `tile` that lies at an address."""

    def generate(context, b, signature, arguments):
        call_at(b, arguments)
        return context.get_dummy_value()

    return types.void(types.int64, *TILE.args), generate


def call_at(b, words):
    """The code that calls the function at an address, the first of the words, with the others."""
    head, *rest = words
    kind = ir.FunctionType(ir.VoidType(), [WORD] * len(rest))
    b.call(at(b, head, kind), rest)
