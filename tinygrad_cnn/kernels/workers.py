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

import functools
import threading
from collections.abc import Callable

import numba
import numpy as np
import threadpoolctl
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .compiled import compiled
from .threads import get_num_threads

WORD = ir.IntType(64)
BYTE = ir.IntType(8)
FLOAT = ir.FloatType()
# words, first, last, part
WORKER = types.void(types.int64, types.int64, types.int64, types.int64)
POOL = threading.Lock()  # not every pool that Numba may use can be entered by two threads


@functools.cache
def hold_blas() -> object:
    """From now on NumPy's matrix products run on one thread."""
    return threadpoolctl.threadpool_limits(1, user_api="blas")


# A function that only compiled code calls: without the doors for Python, which take time to make.
within = functools.partial(numba.njit, no_cpython_wrapper=True, no_cfunc_wrapper=True)


class Worker:
    """A function (words, first, last, part), compiled at its first call.

    words: the address of a record of int64 numbers, see `record`. part: which of the parts this is,
    for scratch memory of its own.
    """

    def __init__(self, function: Callable) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    @functools.cached_property
    def address(self) -> int:
        """Where the machine code lies."""
        return address_of(self.function, WORKER)


def address_of(function: Callable, signature: object) -> int:
    """Where the machine code of a function lies; it is kept on disk as in `compiled`."""
    return callback(function, signature).address


@functools.cache
def callback(function: Callable, signature: object) -> object:
    """The function as machine code that is called by its address, and that lives on."""
    options = {"nopython": True, "error_model": "numpy", "fastmath": {"contract", "reassoc"}}
    try:
        return numba.cfunc(signature, cache=True, **options)(function)
    except RuntimeError:  # no folder that can be written
        return numba.cfunc(signature, **options)(function)


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


@functools.cache
def together() -> Callable:
    """A function as `alone` that has the work done in parts by the pool's threads."""

    @functools.partial(compiled, parallel=True)
    def kernel(address, words, items, parts):
        for part in numba.prange(parts):
            call(address, words, items * part // parts, items * (part + 1) // parts, part)

    return kernel


def run(worker: Worker, items: int, record: tuple, parts: int | None = None) -> None:
    """Have the worker do `items` items of the work that the record describes."""
    words = np.array(record, np.int64)
    parts = min(get_num_threads(), items) if parts is None else parts
    if parts == 1:
        alone(worker.address, words.ctypes.data, items)
    elif parts > 1:
        hold_blas()
        kernel = together()
        with POOL:
            threads = min(parts, numba.config.NUMBA_NUM_THREADS)
            if numba.get_num_threads() != threads:
                numba.set_num_threads(threads)
            kernel(worker.address, words.ctypes.data, items, parts)


# --- what workers read and write ------------------------------------------------------------------


@intrinsic
def record(typing, words, kind):
    """The record at an address, as a named tuple of this class whose fields are all int64."""
    fields = types.NamedUniTuple(types.int64, len(kind.instance_class._fields), kind.instance_class)

    def generate(context, b, signature, arguments):
        pointer = b.inttoptr(arguments[0], WORD.as_pointer())
        values = [b.load(b.gep(pointer, [WORD(i)])) for i in range(len(fields))]
        return context.make_tuple(b, fields, values)

    return fields(types.int64, kind), generate


@intrinsic
def pointer(typing, address):
    """An address as Numba's pointer to anything."""

    def generate(context, b, signature, arguments):
        return b.inttoptr(arguments[0], BYTE.as_pointer())

    return types.voidptr(types.int64), generate


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


@numba.njit(inline="always")
def numbers(address, size):
    """The float32 numbers at an address, as an array."""
    return numba.carray(pointer(address), size, np.float32)


@numba.njit(inline="always")
def places(address, size):
    """The int64 numbers at an address, as an array."""
    return numba.carray(pointer(address), size, np.int64)


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


def address(x: np.ndarray) -> int:
    """Where the numbers of x begin."""
    return x.ctypes.data


def scratch(size: int) -> np.ndarray:
    """Room for so many float32 numbers, from the beginning of a line of the cache."""
    room = np.empty(size + 16, np.float32)
    return room[-room.ctypes.data // 4 % 16 :][:size]
