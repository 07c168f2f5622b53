"""Work that is shared among threads, and how many of them there are.

A worker is a compiled function that does the items `first` to `last` of some work. Whoever has work
calls `run(worker, items, record)`: the items are split evenly into as many parts as there are
threads, always in the same way, so results do not depend on who is faster. With one thread the
worker is simply called: no pool is started.

There is one pool, Numba's. Two pools on the same cores wait for each other: a matrix product of
NumPy, whose threads look for work for a while after each call, would slow a kernel down a hundred
times, and the other way round. So NumPy's products run on one thread from when the pool is used.

Only overlays import this: it needs Numba.
"""

import ctypes
import functools
import os
import struct
import threading
from collections.abc import Callable, Sequence

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    infer_getattr,
    intrinsic,
    lower_getattr_generic,
    models,
    register_model,
)

from .capture import HERE, HOLDING
from .compiled import callback, compiled, within  # noqa: F401  within: for the other kernels
from .taping import Launch
from .threads import get_num_threads, hold_blas

WORD = ir.IntType(64)
BYTE = ir.IntType(8)
FLOAT = ir.FloatType()
# words, first, last, part
WORKER = types.void(types.int64, types.int64, types.int64, types.int64)
SPINS = "3000"  # how often a thread without work looks for some before it sleeps
POOL = threading.Lock()  # not every pool that Numba may use can be entered by two threads


class Worker:
    """A function (words, first, last, part), compiled at its first call.

    words: the address of a record of int64 numbers, see `record`. part: which of the parts this is,
    for scratch memory of its own. straight: its loops are not for the compiler to vectorise, as
    they move memory, or speak of vectors themselves.
    """

    def __init__(self, function: Callable, straight: bool = True) -> None:
        functools.update_wrapper(self, function)
        self.straight = straight

    @functools.cached_property
    def address(self) -> int:
        """Where the machine code lies."""
        return address_of(self.__wrapped__, WORKER, self.straight)


CODES = {}  # machine code that is called by its address, by function and types


def address_of(function: Callable, signature: object, straight: bool) -> int:
    """Where the machine code of a function lies; it is kept on disk as in `compiled`."""
    code = CODES.get((function, signature))
    if code is None:
        code = callback(function, signature, straight=straight)
        code = CODES.setdefault((function, signature), code)
    return code.address


@intrinsic
def call(typing, address, words, first, last, part):
    """Call the worker at an address."""

    def generate(context, b, signature, arguments):
        head, *rest = arguments
        kind = ir.FunctionType(ir.VoidType(), [WORD] * len(rest)).as_pointer()
        b.call(b.inttoptr(head, kind), rest)
        return context.get_dummy_value()

    return types.void(types.int64, *WORKER.args), generate


@compiled
def alone(address, words, items):
    """All the work, in the thread that asks for it."""
    call(address, words, 0, items, 0)


def begin_pool() -> None:
    """Have Numba start the threads of its pool, which wait for work for some 80 us before they
    sleep.

    GNU's OpenMP lets them look for it for milliseconds. Where another program computes, or a second
    training, they then take the time that those need who have work: two trainings at once took ten
    times as long each. What the user has set holds, and other libraries are told nothing.
    """
    ours = not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys()
    if ours:
        os.environ["GOMP_SPINCOUNT"] = SPINS  # read as the library is loaded
    try:
        numba.get_num_threads()
    finally:
        if ours:
            del os.environ["GOMP_SPINCOUNT"]


@functools.cache
def together() -> Callable:
    """A function as `alone` that has the work done in parts by the pool's threads."""
    begin_pool()

    @functools.partial(compiled, parallel=True)
    def kernel(address, words, items, parts):
        for part in numba.prange(parts):
            begin, end = items * part // parts, items * (part + 1) // parts
            call(address, words, begin, end, part)

    return kernel


def run(worker: Worker, items: int, record: tuple | np.ndarray, parts: int | None = None) -> None:
    """Have the worker do `items` items of the work that the record describes."""
    parts = min(get_num_threads(), items) if parts is None else parts
    launch(worker.address, record, items, parts)


@functools.cache
def packer(count: int) -> Callable:
    """A function of so many int64 numbers that returns them as bytes."""
    return struct.Struct(f"{count}q").pack


def launch(code: int, words: Sequence[int], items: int, parts: int) -> None:
    """Call the machine code of a worker for each of `parts` parts of the work.

    words: an array of int64 numbers is taken as it lies.
    """
    if type(words) is np.ndarray:
        place = address(words)
    else:
        words = packer(len(words))(*words)  # which must live until all is done
        place = id(words) + BYTES
    if HERE.calls is not None:
        if type(words) is np.ndarray:  # which may say something else by the next launch
            words = words.copy()
            place = address(words)
        HERE.calls.launch(Launch(code, place, items, parts), words)
    start(code, place, items, parts)


def start(code: int, place: int, items: int, parts: int) -> None:
    """Call machine code for each part of the work; place: the address of its words."""
    if parts == 1:
        alone(code, place, items)
    elif parts > 1:
        kernel = together()
        ask_for(parts)
        with POOL:
            kernel(code, place, items, parts)


def ask_for(parts: int) -> None:
    """Have the pool use as many threads for what this thread asks of it, if it has so many."""
    hold_blas()
    threads = min(parts, numba.config.NUMBA_NUM_THREADS)
    if numba.get_num_threads() != threads:
        numba.set_num_threads(threads)


# --- what workers read and write ------------------------------------------------------------------


class Record(types.Type):
    """A record of int64 numbers in memory that nobody writes, by its address.

    In compiled code its fields are read where they are named: it is handed on as one number.
    """

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.fields = fields
        super().__init__(f"Record({', '.join(fields)})")


@register_model(Record)
class RecordModel(models.PrimitiveModel):
    """An address is a whole number to machine code."""

    def __init__(self, manager: object, kind: Record) -> None:
        super().__init__(manager, kind, WORD)


@infer_getattr
class RecordFields(AttributeTemplate):
    """Fields are int64 numbers."""

    key = Record

    def generic_resolve(self, kind: Record, field: str) -> types.Type | None:
        """The type of a field."""
        return types.int64 if field in kind.fields else None


@lower_getattr_generic(Record)
def field_of(context, b, kind, begin, field):
    """A field, read."""
    at = b.gep(b.inttoptr(begin, WORD.as_pointer()), [WORD(kind.fields.index(field))])
    value = b.load(at)
    value.set_metadata("invariant.load", b.module.add_metadata([]))
    return value


@intrinsic
def record(typing, words, kind):
    """The record at an address, with the fields of this class of named tuples."""
    found = Record(kind.instance_class._fields)
    return found(types.int64, kind), lambda context, b, signature, given: given[0]


@intrinsic
def number(typing, address):
    """The float32 number at an address."""

    def generate(context, b, signature, arguments):
        return b.load(b.inttoptr(arguments[0], FLOAT.as_pointer()))

    return types.float32(types.int64), generate


@intrinsic
def put(typing, address, value):
    """Write a float32 number to an address."""

    def generate(context, b, signature, arguments):
        b.store(arguments[1], b.inttoptr(arguments[0], FLOAT.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.float32), generate


def lying(kind: types.Type) -> Callable:
    """A function (address, size) of compiled code: the numbers of this type at an address, to be
    read and written as p[i]. size: how many there are.

    Arrays would do, but know more than is asked, and count from their end where i is below 0: they
    take several times as long to compile.
    """

    @intrinsic
    def found(typing, address, size):
        def generate(context, b, signature, given):
            return b.inttoptr(given[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64, types.int64), generate

    return found


places, numbers, doubles = map(lying, (types.int64, types.float32, types.float64))


@intrinsic
def move(typing, target, source, count):
    """Copy `count` float32 numbers from one address to another."""

    def generate(context, b, signature, arguments):
        to, begin = (b.inttoptr(a, BYTE.as_pointer()) for a in arguments[:2])
        cgutils.raw_memcpy(b, to, begin, arguments[2], WORD(4), align=4)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


@intrinsic
def clear(typing, target, count):
    """Make `count` float32 numbers at an address 0."""

    def generate(context, b, signature, arguments):
        to = b.inttoptr(arguments[0], BYTE.as_pointer())
        cgutils.memset(b, to, b.mul(arguments[1], WORD(4)), 0)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


BYTES = bytes.__basicsize__ - 1  # in front of what a bytes object holds, and of a 0 behind it
HEAD = object.__basicsize__  # bytes of any Python object; an array's address comes behind them


def address(x: np.ndarray) -> int:
    """Where the numbers of x begin: x.ctypes.data, in a fifth of the time."""
    for hold in HOLDING:
        hold(x)
    return ctypes.c_ssize_t.from_address(id(x) + HEAD).value


def scratch(size: int) -> np.ndarray:
    """Room for so many float32 numbers, from the beginning of a line of the cache."""
    room = np.empty(size + 16, np.float32) if HERE.calls is None else HERE.calls.room(size + 16)
    return room[-address(room) // 4 % 16 :][:size]
