"""Digests of numbers in memory, as fast as memory is read.

A digest is 64 bits that tell numbers from others. It is made word by word: z = (z ^ word) PRIME,
then z ^= z >> 32. Each step can be undone, so that another word always makes another digest, and
two of them together one in 2^64 times the same. So that words need not wait for one another, many
are digested side by side, in vectors, and these digests in the end as words are.
"""

import functools

from llvmlite import ir

from .assembled import assembled
from .simd import LANES, WORD, load

WORDS = LANES // 2  # of a vector
ABREAST = 8  # vectors that are digested side by side
STRIDE = ABREAST * LANES  # numbers of 32 bits that these are
HALF = ir.IntType(32)
VECTOR = ir.VectorType(WORD, WORDS)
PRIME = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: odd, its bits spread
ENTRY = 3  # words of an entry of the table of `digest`


def constant(type_, numbers):
    """A word, or a vector with one of the numbers in each place."""
    return WORD(numbers[0]) if type_ is WORD else ir.Constant(VECTOR, numbers)


def mixed(b, z, word):
    """The digest z with another word; or vectors of both."""
    prime, half = (constant(z.type, [n] * WORDS) for n in (PRIME, 32))
    z = b.mul(b.xor(z, word), prime)
    return b.xor(z, b.lshr(z, half))


def looped(b, start, end, step, carried, turn):
    """What is carried after a loop over start, start + step, ... below `end`, none or many.

    turn: writes the code of a turn, of its number and what is carried, and returns what the next
    one is handed.
    """
    entry, head = b.block, b.append_basic_block("head")
    b.branch(head)
    b.position_at_end(head)
    phis = [b.phi(value.type) for value in (start, *carried)]
    body, after = b.append_basic_block("body"), b.append_basic_block("after")
    b.cbranch(b.icmp_signed("<", phis[0], end), body, after)
    b.position_at_end(body)
    following = [b.add(phis[0], step), *turn(*phis)]
    for phi, first, later in zip(phis, (start, *carried), following, strict=True):
        phi.add_incoming(first, entry)
        phi.add_incoming(later, b.block)
    b.branch(head)
    b.position_at_end(after)
    return phis[1:]


def digest(b, table, first, last, part):
    """A worker, see `workers`, that writes digests; items are entries of a table.

    An entry is the address of numbers of 32 bits, how many there are, and where their digest goes.
    """

    def written(item):
        place = b.add(table, b.mul(item, WORD(8 * ENTRY)))
        x, count, z = (load(b, b.add(place, WORD(8 * i)), WORD) for i in range(ENTRY))
        whole = b.sub(count, b.srem(count, WORD(STRIDE)))

        def abreast(i, *digests):
            begin = b.add(x, b.mul(i, WORD(4)))
            places = [b.add(begin, WORD(8 * WORDS * n)) for n in range(ABREAST)]
            return [
                mixed(b, digest, load(b, place, VECTOR))
                for digest, place in zip(digests, places, strict=True)
            ]

        def single(i, total):
            number = load(b, b.add(x, b.mul(i, WORD(4))), HALF)
            return [mixed(b, total, b.zext(number, WORD))]

        starts = [ir.Constant(VECTOR, [*range(n * WORDS, (n + 1) * WORDS)]) for n in range(ABREAST)]
        digests = looped(b, WORD(0), whole, WORD(STRIDE), starts, abreast)
        total = functools.reduce(functools.partial(mixed, b), digests)
        lanes = [b.extract_element(total, HALF(i)) for i in range(WORDS)]
        total = functools.reduce(functools.partial(mixed, b), lanes, count)
        (total,) = looped(b, whole, count, WORD(1), [total], single)
        b.store(total, b.inttoptr(z, WORD.as_pointer()))
        return []

    looped(b, first, last, WORD(1), [], written)


@functools.cache
def digest_address() -> int:
    """Where the machine code of `digest` lies."""
    return assembled(digest, 4)
