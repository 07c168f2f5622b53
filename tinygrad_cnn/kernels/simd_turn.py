"""Squares of numbers turned in registers, so that rows become columns; for Numba.

A square has as many rows as a vector has numbers. It is turned by halves: blocks beside the
diagonal change places, then the blocks of half the size within all blocks, down to single numbers.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .simd import BYTES, LANES, VECTOR, WORD, at, load

LANE = ir.IntType(32)


def chosen(b, one, other, places):
    """A vector of numbers of two vectors, by their places in both after each other."""
    return b.shuffle_vector(one, other, ir.Constant(ir.VectorType(LANE, LANES), places))


@intrinsic
def turn_square(typing, source, source_pitch, target, target_pitch):
    """Write a square of LANES rows, so many bytes apart, with its rows as columns."""

    def generate(context, b, signature, given):
        source, source_pitch, target, target_pitch = given

        def place(base, pitch, row):
            return b.add(base, b.mul(pitch, WORD(row)))

        rows = [load(b, place(source, source_pitch, i), VECTOR) for i in range(LANES)]
        size = LANES // 2
        while size:
            for i in [i for i in range(LANES) if not i & size]:
                pair = rows[i], rows[i + size]
                first = [j + (LANES - size if j & size else 0) for j in range(LANES)]
                second = [j + (LANES if j & size else size) for j in range(LANES)]
                rows[i], rows[i + size] = chosen(b, *pair, first), chosen(b, *pair, second)
            size //= 2
        for i, row in enumerate(rows):
            b.store(row, at(b, place(target, target_pitch, i), VECTOR)).align = BYTES
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), generate
