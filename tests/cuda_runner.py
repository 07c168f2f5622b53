"""CUDA C on the CPU: `RawModule` for the device double, by a C++ compiler.

The source is compiled as C++ with `cuda_cpu.h`, and each launch is run three times: threads and
blocks in forward, backward and mixed order. Arrays are copied between guards of ones, which are nan
and read as such. A launch fails where the orders disagree (a barrier is missing), threads of a
block meet different barriers, a guard was written over, an index of shared memory or an operation
on integers was undefined, or an argument has the wrong size. Arrays that a kernel is told by
address alone have no guards.

It knows nothing of warps, of memory that other blocks see late, or of speed. It is no GPU test.
"""

import collections
import ctypes
import functools
import hashlib
import pathlib
import re
import shutil
import subprocess
import tempfile
import types

import numpy as np
from double import xp
from double_array import TAPES, DArray

COMPILER = shutil.which("g++")
CHECKS = "bounds,shift,integer-divide-by-zero,signed-integer-overflow"
FLAGS = ["-std=c++14", "-O1", "-shared", "-fPIC", "-w", f"-fsanitize={CHECKS}"]
GUARD = 1024  # bytes before and behind each array
ORDERS = ("forward", "backward", "mixed")
HEADER = pathlib.Path(__file__).with_name("cuda_cpu.h")
FOLDER = pathlib.Path(tempfile.gettempdir()) / "tinygrad_cnn_cuda_on_cpu"

LAUNCHES = collections.Counter()  # by the kernel's name
LENT = {}  # address -> the DArray whose address was asked for since the last launch


class Fault(Exception):
    """A kernel did what no kernel may."""


class Report(ctypes.Structure):
    """What `cuda_cpu.h` counts."""

    _fields_ = [(name, ctypes.c_longlong) for name in ("divergent", "undefined", "arguments")]


@functools.cache
def library(code: str) -> ctypes.CDLL:
    """The source compiled for the CPU; kept in a folder for temporary files under its own hash."""
    names = re.findall(r"__global__ void (\w+)\(", code)
    text = f'#include "{HEADER}"\n{code}\n' + "\n".join(f"ENTRY({name})" for name in names)
    key = hashlib.sha256((text + HEADER.read_text() + " ".join(FLAGS)).encode()).hexdigest()[:24]
    FOLDER.mkdir(exist_ok=True)
    made = FOLDER / f"{key}.so"
    if not made.exists():
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            source, output = pathlib.Path(folder, "kernels.cpp"), pathlib.Path(folder, "out.so")
            source.write_text(text)
            command = [COMPILER, *FLAGS, str(source), "-o", str(output)]
            done = subprocess.run(command, capture_output=True, text=True)
            assert not done.returncode, done.stderr
            output.rename(made)
    return ctypes.CDLL(str(made))


class Memory:
    """The bytes of one array between guards, for one run."""

    def __init__(self, host: np.ndarray) -> None:
        low, high = np.lib.array_utils.byte_bounds(host)
        self.size = high - low if host.size else 0
        self.home = (ctypes.c_char * self.size).from_address(low)
        self.copy = np.full(self.size + 2 * GUARD, 255, np.uint8)
        self.inside = self.copy[GUARD : GUARD + self.size]
        self.inside[:] = np.frombuffer(self.home, np.uint8)
        first = host.__array_interface__["data"][0] - low
        self.address = self.copy.ctypes.data + GUARD + first

    def check(self, what: str) -> None:
        """Raise Fault if a guard was written over."""
        if (self.copy[:GUARD] != 255).any() or (self.copy[GUARD + self.size :] != 255).any():
            raise Fault(f"{what} wrote outside an array")

    def keep(self) -> None:
        """Make the array what the run has made of its copy."""
        ctypes.memmove(self.home, self.inside.ctypes.data, self.size)


def by_value(argument: object) -> np.ndarray:
    """What is no array on the device, as CuPy passes it.

    Raises: TypeError for what CuPy refuses, and for what it would have to guess the width of.
    """
    if isinstance(argument, np.ndarray):
        if argument.size != 1:
            raise TypeError(f"only host arrays of one element are passed, got {argument.shape}")
        return argument
    if not isinstance(argument, np.generic):
        raise TypeError(f"a kernel takes no {type(argument)}; give it a NumPy type")
    return np.array([argument])


def run_once(run, name: str, grid: tuple, block: tuple, args: tuple, order: int) -> list[Memory]:
    """One run on copies of the arrays; returns the copies. Raises: Fault."""
    memories, holders = [], []
    for argument in args:
        if type(argument) is DArray:
            memories.append(Memory(argument._host))
            holders.append(np.array([memories[-1].address], np.uint64))
        elif argument is None:
            holders.append(np.zeros(1, np.uint64))
        else:
            holders.append(by_value(argument))
    addresses = (ctypes.c_void_p * len(args))(*(h.ctypes.data for h in holders))
    sizes = (ctypes.c_longlong * len(args))(*(h.nbytes for h in holders))
    found = Report()
    run(addresses, sizes, len(args), *grid, *block, order, ctypes.byref(found))
    for fault, _ in Report._fields_:
        if getattr(found, fault):
            raise Fault(f"{name}, {ORDERS[order]}: {getattr(found, fault)} {fault}")
    for memory in memories:
        memory.check(f"{name}, {ORDERS[order]}")
    return memories


class Function:
    """A kernel of a module; called as CuPy's are."""

    def __init__(self, code: str, name: str) -> None:
        self.name = name
        self.run = getattr(library(code), f"run_{name}")

    def __call__(self, grid: tuple, block: tuple, args: tuple) -> None:
        """Launch the kernel; a graph that is being captured will launch it again."""
        LAUNCHES[self.name] += 1
        lent = list(LENT.values())
        LENT.clear()
        if TAPES:
            TAPES[-1].touch([*(a for a in args if type(a) is DArray), *lent])
            TAPES[-1].add(self.launch, (grid, block, args, lent), {}, None)
        self.launch(grid, block, args, lent)

    def launch(self, grid: tuple, block: tuple, args: tuple, lent: list[DArray]) -> None:
        """Run the kernel in each order on copies; the arrays become what all orders made.

        lent: arrays that it is told by address alone.
        """
        lent = [array._host for array in lent]
        before = [host.copy() for host in lent]
        results, runs = [], []
        for order in range(len(ORDERS)):
            for host, numbers in zip(lent, before, strict=True):
                host[...] = numbers
            runs.append(run_once(self.run, self.name, grid, block, args, order))
            insides = [memory.inside.tobytes() for memory in runs[-1]]
            results.append((insides, [host.tobytes() for host in lent]))
        if any(result != results[0] for result in results):
            raise Fault(f"{self.name}: the result depends on the order of threads")
        for memory in runs[0]:
            memory.keep()


class RawModule:
    """What the double has for cupy.RawModule."""

    def __init__(self, code: str, options: tuple = ()) -> None:
        self.code = code

    def get_function(self, name: str) -> Function:
        """The kernel `name`."""
        return Function(self.code, name)


def lend(array: DArray) -> types.SimpleNamespace:
    """What CuPy has for the memory of an array: its address."""
    address = array._host.ctypes.data
    LENT[address] = array
    return types.SimpleNamespace(ptr=address)


xp.RawModule = RawModule
DArray.data = property(lend)
