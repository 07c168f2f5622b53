"""Launches in a row, for which the pool's threads are started once.

To start two threads and to wait until both are done takes 3 us, as long as a small kernel does. In
a row the threads wait for each other between launches by themselves, which takes a tenth of that.

A part of a launch is done by the thread that claims it first, its own one before those of others.
So none waits for a thread that the pool does not have, or has not started yet; only for one that is
at work. What is computed does not depend on who does it.

Only overlays import this: it needs Numba.
"""

import ctypes
import functools
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .taping import Launch
from .workers import WORD, Worker, address, call, places, record, start

STAGE = 5  # words of a launch in the table: its fields, and where its state is
LINE = 8  # words of a line of the cache
BITS = 62  # parts whose claims are kept in one word
PATIENCE = 2000  # looks at what others do before the processor is offered to somebody else


class Row(NamedTuple):
    """Launches in a row. table: the address of their fields. state: of what has been claimed and
    done. give_way: of the system's function that lets others run."""

    count: int
    table: int
    state: int
    give_way: int


def atomic(operation: str):
    """A function (address, value) of compiled code that changes the word there as one act, and
    returns what it was."""

    @intrinsic
    def changed(typing, place, value):
        def generate(context, b, signature, given):
            at = b.inttoptr(given[0], WORD.as_pointer())
            return b.atomic_rmw(operation, at, given[1], "acq_rel")

        return types.int64(types.int64, types.int64), generate

    return changed


marked, added = map(atomic, ("or", "add"))


@intrinsic
def seen(typing, place):
    """The word at an address, with all that was written before it."""

    def generate(context, b, signature, given):
        return b.load_atomic(b.inttoptr(given[0], WORD.as_pointer()), "acquire", 8)

    return types.int64(types.int64), generate


@intrinsic
def rest(typing):
    """Let the other thread of a core have it for a moment."""

    def generate(context, b, signature, given):
        if binding.get_default_triple().startswith(("x86_64", "amd64")):
            kind = ir.FunctionType(ir.VoidType(), [])
            b.call(cgutils.get_or_insert_function(b.module, kind, "llvm.x86.sse2.pause"), [])
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def give_way_by(typing, place):
    """Call the system's function at an address, which takes nothing."""

    def generate(context, b, signature, given):
        kind = ir.FunctionType(ir.IntType(32), []).as_pointer()
        b.call(b.inttoptr(given[0], kind), [])
        return context.get_dummy_value()

    return types.void(types.int64), generate


@Worker
def walk(words, first, last, part):
    """The launches of a row, one after the other, as the thread `part`."""
    row = record(words, Row)
    table = places(row.table, 0)
    for i in range(row.count):
        code, task, items, parts = (
            table[STAGE * i], table[STAGE * i + 1], table[STAGE * i + 2], table[STAGE * i + 3],
        )  # fmt: skip
        done = row.state + 8 * table[STAGE * i + 4]
        for k in range(parts):
            mine = (part + k) % parts
            bit = 1 << mine % BITS
            if marked(done + 8 + 8 * (mine // BITS), bit) & bit == 0:
                call(code, task, items * mine // parts, items * (mine + 1) // parts, mine)
                added(done, 1)
        looks = 0
        while seen(done) < parts:
            rest()
            looks += 1
            if looks % PATIENCE == 0:
                give_way_by(row.give_way)


@functools.cache
def give_way() -> int:
    """The address of the system's function that lets other threads run."""
    if os.name == "nt":
        found = ctypes.windll.kernel32.SwitchToThread
    else:
        found = ctypes.CDLL(None).sched_yield
    return ctypes.cast(found, ctypes.c_void_p).value


class Burst:
    """Launches in a row, to be done again by a call.

    table: their fields. state: of each launch how many of its parts are done, and which have been
    claimed, in lines of the cache of its own.
    """

    def __init__(self, launches: Sequence[Launch]) -> None:
        launches = [launch for launch in launches if launch.parts > 0]
        table = []
        begin = 0
        for launch in launches:
            table.append((*launch, begin))
            begin += -(-(1 + -(-launch.parts // BITS)) // LINE) * LINE
        self.table = np.array(table, np.int64).reshape(-1, STAGE)
        room = np.zeros(begin + LINE, np.int64)
        self.state = room[-room.ctypes.data // 8 % LINE :][:begin]
        self.words = np.array(
            Row(len(launches), self.table.ctypes.data, self.state.ctypes.data, give_way())
        )
        self.threads = max((launch.parts for launch in launches), default=0)
        self.place = address(self.words)

    def __call__(self) -> None:
        """Do the work again."""
        self.state.fill(0)
        start(walk.address, self.place, self.threads, self.threads)
