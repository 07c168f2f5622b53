"""Sixteen float32 numbers as one value of compiled code, for sweeps over memory.

Compilers turn plain loops into such code only where they can prove that no array overlaps another,
and not where the loop decides which of the numbers count. Here a kernel says it: `load`, `store`,
`+`, `-`, `*`. Processors with smaller vectors take several of theirs for each.

Answers to a question about sixteen numbers are as many bits. `alive` asks which of them are not
below or at 0, and `chosen` makes the others 0: so backward of a ReLU need not read what came out.
Whole numbers, as places in a map, have a type of their own; in memory they are int64.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from .workers import within

LANES = 16
NUMBER = ir.FloatType()
BITS = ir.IntType(LANES)
MASK = ir.VectorType(ir.IntType(1), LANES)
LANE = ir.IntType(32)
SIXTEEN = ir.VectorType(NUMBER, LANES)
WHOLE = ir.VectorType(LANE, LANES)
LONG = ir.VectorType(ir.IntType(64), LANES)
ZERO = ir.Constant(SIXTEEN, [0.0] * LANES)
FIRST = ir.Constant(WHOLE, [0] * LANES)
COUNTED = ir.Constant(WHOLE, list(range(LANES)))


class Vector(types.Type):
    """Numba's type of sixteen numbers."""

    def __init__(self) -> None:
        super().__init__(name="vector(float32 x 16)")


VECTOR = Vector()


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """How compiled code holds sixteen numbers: in a register, or several."""

    def __init__(self, manager: object, kind: Vector) -> None:
        super().__init__(manager, kind, SIXTEEN)


class Places(types.Type):
    """Numba's type of sixteen whole numbers of 32 bits."""

    def __init__(self) -> None:
        super().__init__(name="vector(int32 x 16)")


PLACES = Places()


@register_model(Places)
class PlacesModel(models.PrimitiveModel):
    """How compiled code holds sixteen whole numbers."""

    def __init__(self, manager: object, kind: Places) -> None:
        super().__init__(manager, kind, WHOLE)


def operation(sign: object, name: str) -> None:
    """Teach Numba an operator between two vectors; name: of LLVM's instruction."""

    class Template(ConcreteTemplate):
        """The type of the operator's result."""

        key = sign
        cases = (signature(VECTOR, VECTOR, VECTOR),)

    infer_global(sign)(Template)

    @lower_builtin(sign, VECTOR, VECTOR)
    def lower(context, b, kind, given):
        return getattr(b, name)(*given)


operation(operator.add, "fadd")
operation(operator.sub, "fsub")
operation(operator.mul, "fmul")


def place(b, address, kind):
    """The address as a pointer to this type."""
    return b.inttoptr(address, kind.as_pointer())


def repeated(b, value):
    """Sixteen times a number."""
    none = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    return b.shuffle_vector(b.insert_element(none, value, LANE(0)), none, FIRST)


def first(b, count):
    """A mask of the first `count` lanes."""
    return b.icmp_signed("<", COUNTED, repeated(b, b.trunc(count, LANE)))


def masked(b, way, kind, *given):
    """Call LLVM's load or store of some lanes of a vector; way: "load" or "store"."""
    element = f"v{LANES}{'f32' if kind is SIXTEEN else 'i64'}"
    result = kind if way == "load" else ir.VoidType()
    form = ir.FunctionType(result, [value.type for value in given])
    name = f"llvm.masked.{way}.{element}.p0{element}"
    return b.call(cgutils.get_or_insert_function(b.module, form, name), given)


@intrinsic
def load(typing, address):
    """The sixteen numbers at an address."""

    def generate(context, b, kind, given):
        value = b.load(place(b, given[0], SIXTEEN))
        value.align = 4
        return value

    return VECTOR(types.int64), generate


@intrinsic
def store(typing, address, value):
    """Write sixteen numbers to an address."""

    def generate(context, b, kind, given):
        b.store(given[1], place(b, given[0], SIXTEEN)).align = 4
        return context.get_dummy_value()

    return types.void(types.int64, VECTOR), generate


@intrinsic
def load_first(typing, address, count):
    """The first `count` of sixteen numbers at an address, and zeros; no others are read."""

    def generate(context, b, kind, given):
        pointer = place(b, given[0], SIXTEEN)
        return masked(b, "load", SIXTEEN, pointer, LANE(4), first(b, given[1]), ZERO)

    return VECTOR(types.int64, types.int64), generate


@intrinsic
def store_first(typing, address, value, count):
    """Write the first `count` of sixteen numbers to an address, and nothing behind them."""

    def generate(context, b, kind, given):
        pointer = place(b, given[0], SIXTEEN)
        masked(b, "store", SIXTEEN, given[1], pointer, LANE(4), first(b, given[2]))
        return context.get_dummy_value()

    return types.void(types.int64, VECTOR, types.int64), generate


@intrinsic
def only_first(typing, value, count):
    """The first `count` of sixteen numbers, and zeros."""

    def generate(context, b, kind, given):
        return b.select(first(b, given[1]), given[0], ZERO)

    return VECTOR(VECTOR, types.int64), generate


@intrinsic
def alive(typing, value):
    """One bit for each of sixteen numbers: whether it is above 0, or nan."""

    def generate(context, b, kind, given):
        return b.bitcast(b.fcmp_unordered(">", given[0], ZERO), BITS)

    return types.uint16(VECTOR), generate


@intrinsic
def chosen(typing, bits, value):
    """The numbers whose bit is set, and zeros."""

    def generate(context, b, kind, given):
        return b.select(b.bitcast(given[0], MASK), given[1], ZERO)

    return VECTOR(types.uint16, VECTOR), generate


@intrinsic
def load_bits(typing, address):
    """The sixteen bits at an address."""

    def generate(context, b, kind, given):
        value = b.load(place(b, given[0], BITS))
        value.align = 2
        return value

    return types.uint16(types.int64), generate


@intrinsic
def store_bits(typing, address, bits):
    """Write sixteen bits to an address."""

    def generate(context, b, kind, given):
        b.store(given[1], place(b, given[0], BITS)).align = 2
        return context.get_dummy_value()

    return types.void(types.int64, types.uint16), generate


@intrinsic
def filled(typing, value):
    """Sixteen times a number."""

    def generate(context, b, kind, given):
        return repeated(b, given[0])

    return VECTOR(types.float32), generate


@intrinsic
def everywhere(typing, place):
    """Sixteen times a whole number."""

    def generate(context, b, kind, given):
        return repeated(b, b.trunc(given[0], LANE))

    return PLACES(types.int64), generate


@intrinsic
def winning(typing, value, best):
    """One bit for each of sixteen numbers: whether it is larger than the best, or nan."""

    def generate(context, b, kind, given):
        value, best = given
        larger = b.fcmp_ordered(">", value, best)
        return b.bitcast(b.or_(larger, b.fcmp_unordered("uno", value, value)), BITS)

    return types.uint16(VECTOR, VECTOR), generate


@intrinsic
def either(typing, bits, one, other):
    """The numbers of `one` whose bit is set, and those of `other` in the places between."""

    def generate(context, b, kind, given):
        return b.select(b.bitcast(given[0], MASK), given[1], given[2])

    return one(types.uint16, one, one), generate


@intrinsic
def store_places(typing, address, value, count):
    """Write the first `count` of sixteen whole numbers to an address, as int64."""

    def generate(context, b, kind, given):
        pointer = place(b, given[0], LONG)
        long = b.sext(given[1], LONG)
        masked(b, "store", LONG, long, pointer, LANE(8), first(b, given[2]))
        return context.get_dummy_value()

    return types.void(types.int64, PLACES, types.int64), generate


@within
def take(at, count):
    """So many numbers from an address on, in a vector."""
    return load(at) if count == LANES else load_first(at, count)


@within
def give(at, value, count):
    """Write so many numbers of a vector to an address."""
    if count == LANES:
        store(at, value)
    else:
        store_first(at, value, count)
