"""What the device double has for cupy.cuda: GPUs, streams, events, graphs and pools of memory.

`machine(gpus)` runs the library's own backend of GPUs with the double in CuPy's place, so that
tests say "cuda:1" and go through the code that a GPU would run.

- Capture is real: what is captured is not done, and done again at every launch of the graph, on the
  same memory. A synchronisation or a copy from the host within a capture raises, stricter than
  CuPy, which lets some copies pass.
- Arrays lie on the GPU that was current when they were made; operators on another GPU's raise.
- Pools count the bytes that arrays hold.

Work is done at once and in the order of the program: nothing is said about races between streams.
"""

import contextlib
import importlib
import itertools
import sys
import types
import weakref

import double
import double_array
import double_rules
import numpy as np
from double_array import PLACE, POOLS, TAPES, DArray, poisoned, wrap

from tinygrad_cnn import kernels

cupy = double.cupy
runtime = cupy.cuda.runtime
FORBIDDEN = 900  # cudaErrorStreamCaptureUnsupported
NO_DEVICE = 101  # cudaErrorInvalidDevice
FRESH = (np.empty, np.empty_like)  # no work of the device

# --- devices --------------------------------------------------------------------------------------


class Device:
    """One GPU: a context in which it is the current one."""

    count = 1

    def __init__(self, device=None):
        self.id = PLACE.current if device is None else int(device)
        self.before = []

    def use(self):
        """Make it the current one."""
        if not 0 <= self.id < Device.count:
            raise runtime.CUDARuntimeError(NO_DEVICE)
        PLACE.current = self.id

    def __enter__(self):
        before = PLACE.current
        self.use()
        self.before.append(before)
        return self

    def __exit__(self, *error):
        PLACE.current = self.before.pop()

    def synchronize(self):
        """Wait for it."""
        double_rules.note("device synchronize")

    @property
    def mem_info(self):
        """The bytes that are free, and all."""
        used = DEFAULT.total_bytes()
        return 2**30 - used, 2**30


def properties(index):
    """What cudaGetDeviceProperties says of a GPU."""
    return {
        "name": f"Double {index}".encode(),
        "major": 9,
        "minor": 0,
        "totalGlobalMem": 2**30,
        "multiProcessorCount": 4,
    }


# --- streams, events, graphs ----------------------------------------------------------------------


class Event:
    """A mark in a stream, reached at once."""

    clock = itertools.count()

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self.timed = not disable_timing
        self.time = None

    @property
    def done(self):
        """Whether it is reached."""
        return True

    def record(self, stream=None):
        """Put it behind what the stream was asked for."""
        self.time = next(self.clock)

    def synchronize(self):
        """Wait for it."""
        double_rules.note("event synchronize")


def elapsed(start, end):
    """The milliseconds between two events, which were recorded and have timing."""
    if not (start.timed and end.timed) or None in (start.time, end.time):
        raise runtime.CUDARuntimeError(400)  # cudaErrorInvalidResourceHandle
    return float(end.time - start.time)


class Stream:
    """An order of work; `used` counts the operations that were sent to it while it was current."""

    current = None  # None is the default stream

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.is_null = null
        self.graph = None
        self.waited = []
        self.outer = []

    done = property(lambda self: True)

    def __enter__(self):
        self.outer.append(Stream.current)
        Stream.current = self
        return self

    def __exit__(self, *error):
        Stream.current = self.outer.pop()

    def use(self):
        """Make it the current one."""
        Stream.current = self
        return self

    def synchronize(self):
        """Wait for it."""
        double_rules.note("stream synchronize")

    def record(self, event=None):
        """An event behind what this stream was asked for."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event):
        """Let what comes wait for an event."""
        self.waited.append(event)

    def begin_capture(self, mode=None):
        """From now on write down what is asked for, and do not do it."""
        if self.is_null:
            raise runtime.CUDARuntimeError(FORBIDDEN)
        self.graph = Graph()
        TAPES.append(self.graph)
        double_rules.LISTENERS.append(self.graph)

    def is_capturing(self):
        """Whether a capture is under way."""
        return self.graph is not None

    def end_capture(self):
        """The graph of what was asked for.

        Raises: CUDARuntimeError if something was asked for that no graph can hold.
        """
        graph, self.graph = self.graph, None
        TAPES.remove(graph)
        double_rules.LISTENERS[:] = [one for one in double_rules.LISTENERS if one is not graph]
        graph.undo()
        if graph.broken:
            raise runtime.CUDARuntimeError(901)  # cudaErrorStreamCaptureInvalidated
        return graph


Stream.null = Stream(null=True)


def current_stream(device_id=-1):
    """The stream that work goes to."""
    return Stream.current or Stream.null


class Graph:
    """Operations on the memory that they had when they were captured."""

    def __init__(self):
        self.work = []
        self.before = {}  # by id of an array that there was before: itself, its numbers
        self.made = []
        self.broken = False

    def append(self, what):
        """Somebody wanted host and device to meet."""
        self.broken = True
        raise runtime.CUDARuntimeError(FORBIDDEN)

    def touch(self, arrays):
        """These arrays may be about to be written."""
        for array in arrays:
            root = array._root._host
            if id(root) not in self.before:
                self.before[id(root)] = (root, root.copy())

    def add(self, function, args, kwargs, made):
        """An operation was asked for, and gave the arrays `made`."""
        made = [each for each in flat(made) if type(each) is DArray]
        self.made += [each for each in made if each.base is None]
        if function in FRESH:
            return
        hosts = [each._host for each in made]
        self.work.append((function, args, kwargs, hosts))

    def undo(self):
        """Put the numbers back: a capture does nothing."""
        for array in self.made:
            poisoned(array) if array._host.flags.writeable else None
        for root, numbers in self.before.values():
            if root.flags.writeable:
                root[...] = numbers

    def upload(self, stream):
        """Prepare a launch."""

    @np.errstate(all="ignore")
    def launch(self, stream=None):
        """Do all the work once more."""
        if TAPES:
            raise runtime.CUDARuntimeError(FORBIDDEN)
        for function, args, kwargs, hosts in self.work:
            fresh = flat(function(*args, **kwargs))
            for old, new in zip(hosts, fresh, strict=False):
                if not np.may_share_memory(old, new):
                    old[...] = new


def flat(results):
    """A result, or several, as a list."""
    return list(results) if isinstance(results, (tuple, list)) else [results]


# --- memory ---------------------------------------------------------------------------------------


class MemoryPool:
    """Counts what arrays hold that were made while `malloc` was the allocator."""

    def __init__(self, allocator=None):
        self.held = {}  # by device
        self.most = {}
        self.arrays = 0  # ever made

    def malloc(self, size):
        """CuPy's allocator; the double only asks whose it is."""
        raise NotImplementedError("the double has no pointers")

    def took(self, array):
        """An array was made."""
        index, size = array._index, array._host.nbytes
        self.arrays += 1
        self.held[index] = self.held.get(index, 0) + size
        self.most[index] = max(self.most.get(index, 0), self.held[index])
        hooks = list(MemoryHook.entered)
        for hook in hooks:
            hook.malloc_postprocess(device_id=index, size=size, mem_size=size, mem_ptr=0, pmem_id=0)
        weakref.finalize(array, self.gave, index, size, hooks)

    def gave(self, index, size, hooks):
        """An array is gone."""
        self.held[index] -= size
        for hook in hooks:
            hook.free_postprocess(device_id=index, mem_size=size, mem_ptr=0, pmem_id=0)

    def used_bytes(self):
        """What arrays of the current GPU hold."""
        return self.held.get(PLACE.current, 0)

    def total_bytes(self):
        """What was taken from the current GPU and not given back."""
        return self.most.get(PLACE.current, 0)

    def free_all_blocks(self, stream=None):
        """Give back what no array holds."""
        self.most[PLACE.current] = self.used_bytes()


class MemoryHook:
    """Is told when memory is handed out and taken back."""

    entered = []

    def __enter__(self):
        MemoryHook.entered.append(self)
        return self

    def __exit__(self, *error):
        MemoryHook.entered.remove(self)


class PinnedMemoryPointer(bytearray):
    """Page-locked memory of the host."""


DEFAULT = MemoryPool()


@contextlib.contextmanager
def using_allocator(allocator=None):
    """A context in which arrays are made by an allocator."""
    POOLS.append(DEFAULT if allocator is None else allocator.__self__)
    try:
        yield
    finally:
        POOLS.pop()


def get_allocator():
    """The allocator that is used now."""
    return POOLS[-1].malloc


# --- all of it ------------------------------------------------------------------------------------

CUDA = types.SimpleNamespace(
    Device=Device,
    Event=Event,
    Graph=Graph,
    MemoryHook=MemoryHook,
    MemoryPool=MemoryPool,
    PinnedMemoryPointer=PinnedMemoryPointer,
    Stream=Stream,
    alloc_pinned_memory=PinnedMemoryPointer,
    get_allocator=get_allocator,
    get_current_stream=current_stream,
    get_elapsed_time=elapsed,
    using_allocator=using_allocator,
    runtime=types.SimpleNamespace(
        CUDARuntimeError=runtime.CUDARuntimeError,
        getDevice=lambda: PLACE.current,
        getDeviceCount=lambda: Device.count,
        getDeviceProperties=properties,
    ),
)


def uniform(shape, key, counter):
    """`uniform` of the backend, which runs no CUDA here: with a state on the device, or without."""
    state = key if type(key) is DArray else wrap(np.array([key, 0], np.uint64))
    return double_array.compute(numbers, (shape, state, counter), {})


def numbers(shape, state, ahead):
    """What the kernel computes."""
    counter = (int(state[1]) + ahead) % 2**64  # a capture computes with what lies there
    return kernels.cpu.uniform(shape, int(state[0]), counter)


@contextlib.contextmanager
def machine(gpus=1):
    """A context with so many GPUs, made of the double; its value is their backend."""
    ours = [name for name in sys.modules if name.startswith("tinygrad_cnn.kernels.cuda")]
    aside = {name: sys.modules.pop(name) for name in [*ours, "cupy"] if name in sys.modules}
    known, served = dict(kernels.BACKENDS), set(kernels.KINDS)
    parts = {
        "cuda": CUDA,
        "is_available": lambda: True,
        "get_default_memory_pool": lambda: DEFAULT,
        "get_default_pinned_memory_pool": MemoryPool,
    }
    before = {name: vars(double.xp).get(name) for name in parts}
    vars(double.xp).update(parts)
    sys.modules["cupy"] = double.xp
    Device.count, PLACE.current, PLACE.several = gpus, 0, gpus > 1
    POOLS.append(DEFAULT)
    try:
        space = importlib.import_module("tinygrad_cnn.kernels.cuda")
        space.OVERLAYS = {}  # the double runs no CUDA
        space.uniform = uniform
        kernels.add_backend(DArray, space)
        yield space
    finally:
        POOLS.remove(DEFAULT)
        MemoryHook.entered.clear()
        PLACE.current, PLACE.several = 0, False
        kernels.SEVERAL.clear()
        for name in [n for n in sys.modules if n.startswith("tinygrad_cnn.kernels.cuda")]:
            del sys.modules[name]
        del sys.modules["cupy"]
        sys.modules.update(aside)
        for name, value in before.items():
            vars(double.xp).pop(name)
            if value is not None:
                setattr(double.xp, name, value)
        names = vars(kernels)
        for name in [name for name in names if name.startswith("cuda")]:
            del names[name]
        names.update({name.rpartition(".")[2]: aside[name] for name in ours if name in aside})
        kernels.BACKENDS.clear()
        kernels.BACKENDS.update(known)
        kernels.KINDS.intersection_update(served)
        for gate in kernels.GATES:
            gate.kernels.pop(DArray, None)
