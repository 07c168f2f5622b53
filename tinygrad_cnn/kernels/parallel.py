"""Compiled functions of arrays whose work is shared among threads.

    @shared
    def scaled(task, first, last, part):
        x, factor, z = arguments(task)
        for i in range(first, last):
            z[i] = factor * x[i]

    scaled(x.size, x.size, x, 2.0, z)

is called with how many numbers it works on, how many items its work has, and its own arguments. The
items are split among threads as in `workers`, on the one pool there is. A result is to depend on
items alone, not on which thread does them: then it is the same for every number of threads.

Only overlays import this: it needs Numba.
"""

import functools
import operator
import struct
from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, register_model
from numba.np.arrayobj import make_array, populate_array
from numba.np.numpy_support import from_dtype

from .capture import HOLDING
from .compiled import FREE, callback, within
from .threads import get_num_threads
from .workers import HEAD, WORD, launch

ALONE = 16384  # numbers that one thread is done with before others have heard of them
SHARE = [types.int64] * 3  # first, last, part
NUMBER, BITS = struct.Struct("d"), struct.Struct("q")

# Functions that only compiled code calls.
fused = functools.partial(within, fastmath=set(FREE))
contracted = functools.partial(within, fastmath={"contract"}, forceinline=True)


class Task(types.Type):
    """The arguments of a call, by the address of the words that describe them."""

    def __init__(self, kinds: tuple[types.Type, ...]) -> None:
        self.kinds = kinds
        super().__init__(f"Task({', '.join(map(str, kinds))})")


@register_model(Task)
class TaskModel(models.PrimitiveModel):
    """A task is a whole number to machine code."""

    def __init__(self, manager: object, kind: Task) -> None:
        super().__init__(manager, kind, WORD)


def array_of(context, b, kind, word):
    """Numba's description of the array whose Python object lies at `word`: C-contiguous, and kept
    alive by who calls. Behind the head of the object NumPy has the address of the numbers, the
    number of axes, and the address of their sizes."""
    fields = b.inttoptr(b.add(word, WORD(HEAD)), WORD.as_pointer())
    data, sizes = (b.load(b.gep(fields, [WORD(i)])) for i in (0, 2))
    sizes = b.inttoptr(sizes, WORD.as_pointer())
    shape = [b.load(b.gep(sizes, [WORD(i)])) for i in range(kind.ndim)]
    itemsize = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    strides = [WORD(itemsize)]
    for size in shape[:0:-1]:
        strides.insert(0, b.mul(strides[0], size))
    array = make_array(kind)(context, b)
    data = b.inttoptr(data, context.get_data_type(kind.dtype).as_pointer())
    populate_array(array, data, shape, strides[: kind.ndim], itemsize, None)
    return array._getvalue()


def value_of(context, b, kind, words):
    """What the next of the words describe."""
    if isinstance(kind, types.UniTuple):
        values = [value_of(context, b, kind.dtype, words) for _ in range(kind.count)]
        return context.make_tuple(b, kind, values)
    word = next(words)
    if isinstance(kind, types.Array):
        return array_of(context, b, kind, word)
    if kind == types.boolean:
        return b.icmp_signed("!=", word, WORD(0))
    return b.bitcast(word, ir.DoubleType()) if kind == types.float64 else word


@intrinsic
def arguments(typing, task):
    """The arguments of a task, as a tuple."""
    kind = types.Tuple(task.kinds)

    def generate(context, b, signature, given):
        begin = b.inttoptr(given[0], WORD.as_pointer())
        words = (b.load(b.gep(begin, [WORD(i)])) for i in range(1 << 16))
        values = [value_of(context, b, kind, words) for kind in task.kinds]
        return context.make_tuple(b, kind, values)

    return kind(task), generate


@functools.cache
def kind_of(told: object) -> types.Type:
    """Numba's type of an argument of which `told` is what `described` says."""
    if isinstance(told, int):
        return types.UniTuple(types.int64, told)
    if isinstance(told, tuple):
        return types.Array(from_dtype(np.dtype(told[0])), told[1], "C")
    return {int: types.int64, bool: types.boolean, float: types.float64}[told]


def described(arguments: tuple) -> tuple[list, list[int]]:
    """What specialises machine code for these arguments, and the words that tell it of them."""
    kinds, words = [], []
    for a in arguments:
        if isinstance(a, np.ndarray):
            if not a.flags.carray:
                raise TypeError(f"kernels take arrays that lie in order, got strides {a.strides}")
            kinds.append((a.dtype.char, a.ndim))
            words.append(id(a))
        elif isinstance(a, tuple):
            kinds.append(len(a))
            words += a
        elif isinstance(a, float):
            kinds.append(float)
            words += BITS.unpack(NUMBER.pack(a))
        else:
            kinds.append(bool if isinstance(a, bool) else int)
            words.append(operator.index(a))
    return kinds, words


class Shared:
    """A function (task, first, last, part), compiled for the types of its arguments at its first
    call with them."""

    def __init__(self, function: Callable, fastmath: frozenset = FREE) -> None:
        functools.update_wrapper(self, function)
        self.fastmath = fastmath
        self.codes = {}

    def __call__(self, work: int, items: int, *arguments: object) -> None:
        """Do the items of this work on so many numbers."""
        kinds, words = described(arguments)
        kinds = tuple(kinds)
        for hold in HOLDING:
            for a in arguments:
                hold(a)
        code = self.codes.get(kinds)
        if code is None:
            signature = types.void(Task(tuple(map(kind_of, kinds))), *SHARE)
            code = callback(self.__wrapped__, signature, self.fastmath)
            code = self.codes.setdefault(kinds, code)
        parts = min(items, 1 if work <= ALONE else get_num_threads())
        launch(code.address, words, items, parts)


def shared(f: Callable, fastmath: frozenset = FREE) -> Shared:
    """f as machine code whose work is shared among threads.

    fastmath: what the compiler may do to formulas.
    """
    return Shared(f, fastmath)
