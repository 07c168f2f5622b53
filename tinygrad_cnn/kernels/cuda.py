"""CuPy functions under the gates' names; loaded at the first CuPy array.

Here are only the array module, the ways in and out, and several GPUs. Kernels lie in the modules
that OVERLAYS names; whatever they do not cover, the gate's reference body computes on CuPy. CuPy
computes on the GPU that is current, not where the arrays lie; `at_home` makes the two the same,
where there is more than one.

Not yet confirmed on a GPU.
"""

import collections
import functools
import sys
import weakref

import numpy as np

from . import cuda_source
from .capture import refuse
from .device import SEVERAL
from .flags import CUDA

try:
    import cupy
except ImportError as error:
    raise RuntimeError(
        "the device 'cuda' needs CuPy: pip install 'tinygrad_cnn[cuda12]' or '[cuda13]'"
    ) from error

if not cupy.is_available():
    raise RuntimeError("the device 'cuda' needs an NVIDIA GPU and its driver; CuPy finds none")

xp = cupy
device = "cuda"
# Gate -> the module of this package with a faster kernel.
OVERLAYS = dict.fromkeys(("conv", "conv_relu", "conv_dx", "conv_dw"), "cuda_conv")
OVERLAYS |= cuda_source.OVERLAYS


def asarray(raw):
    """`raw` as it is if it lies on a GPU, else a copy on the current one.

    Raises: RuntimeError for numbers of the host while a step is being recorded.
    """
    if isinstance(raw, cupy.ndarray):
        return raw
    refuse("numbers of the host went to the GPU")
    return cupy.asarray(raw)


def to_host(raw):
    """A NumPy copy; waits for the GPU."""
    refuse("numbers were read from the GPU")
    return cupy.asnumpy(raw)


def uniform(shape, key, counter):
    """Uniform float32 numbers in [0, 1): the draw (key, counter) of the CPU, made on the GPU.

    key may be an array on the GPU, as a step that is recorded draws by; see cuda_random.
    """
    from . import cuda_random

    return cuda_random.uniform(cupy, shape, key, counter)


# --- which GPU ------------------------------------------------------------------------------------


def device_count():
    """The number of GPUs."""
    return cupy.cuda.runtime.getDeviceCount()


if device_count() > 1:
    SEVERAL.append("cuda")


def current_device():
    """The number of the GPU that CuPy computes on."""
    return cupy.cuda.runtime.getDevice()


def index_of(raw):
    """The number of the GPU where an array lies."""
    return raw.device.id


def on(index):
    """A context in which CuPy computes on the GPU `index`.

    Raises: RuntimeError if there is none of that number.
    """
    count = device_count()
    if not 0 <= index < count:
        raise RuntimeError(
            f"no device 'cuda:{index}'; this machine has {count} GPU{'s' if count != 1 else ''}, "
            "counted from cuda:0"
        )
    return cupy.cuda.Device(index)


class Placed:
    """The functions of `space`, a module, run on the GPU `index`."""

    def __init__(self, space, index):
        self._space = space
        self._on = on(index)

    def __getattr__(self, name):
        found = getattr(self._space, name)
        if isinstance(found, type) or not callable(found):
            return found

        @functools.wraps(found, updated=())
        def call(*args, **named):
            with self._on:
                return found(*args, **named)

        return call


class Place(Placed):
    """This backend on one GPU, as "cuda:1" names it."""

    xp = property(lambda self: Placed(cupy, self._on.id))

    def asarray(self, raw):
        """`raw` on this GPU: itself if it lies there, else a copy."""
        if isinstance(raw, cupy.ndarray) and raw.device.id == self._on.id:
            return raw
        if not isinstance(raw, cupy.ndarray):
            refuse("numbers of the host went to the GPU")
        with self._on:
            return cupy.array(raw)


def at(index):
    """This backend on the GPU `index`."""
    return Place(sys.modules[__name__], index)


def arrays_in(xs):
    """The arrays among xs and in lists among them."""
    for x in xs:
        if isinstance(x, cupy.ndarray):
            yield x
        elif isinstance(x, (list, tuple)):
            yield from arrays_in(x)


def at_home(name, kernel):
    """`kernel`, run on the GPU where its arrays lie; itself where there is one GPU.

    The result raises RuntimeError for arrays on two GPUs.
    """
    if not SEVERAL:
        return kernel

    @functools.wraps(kernel)
    def call(*args, **settings):
        arrays = [*arrays_in(args)]
        places = {x.device.id for x in arrays}
        if len(places) > 1:
            where = " and ".join(f"cuda:{x.device.id} {tuple(x.shape)}" for x in arrays)
            raise RuntimeError(
                f"{name}: all tensors must be on one device, got {where}; move them with "
                ".to(device)"
            )
        if places <= {current_device()}:
            return kernel(*args, **settings)
        with cupy.cuda.Device(*places):
            return kernel(*args, **settings)

    return call


def synchronize(index=None):
    """Wait for all that was asked of a GPU, by default of the current one."""
    on(current_device() if index is None else index).synchronize()


# --- settings -------------------------------------------------------------------------------------


def set_matmul_tf32(allowed):
    """Let CuPy multiply matrices of float32 as TF32, or forbid it."""
    from cupy._core import _routines_linalg as linalg

    kind = linalg.COMPUTE_TYPE_TF32 if allowed else linalg.COMPUTE_TYPE_DEFAULT
    linalg.set_compute_type(cupy.float32, kind)


set_matmul_tf32(CUDA.matmul.allow_tf32)


# --- memory ---------------------------------------------------------------------------------------


class Memory(cupy.cuda.MemoryHook):
    """What arrays hold on each GPU, counted where CuPy hands memory out and takes it back.

    CuPy tells a hook of the thread that entered it alone. So what other threads did is corrected
    whenever somebody asks, by what the pools say.
    """

    name = "tinygrad_cnn"

    def __init__(self):
        self.pools = weakref.WeakSet()  # those of recorded steps
        self.counts = collections.Counter()
        self.peaks = collections.Counter()

    def malloc_postprocess(self, **what):
        """CuPy has handed memory out."""
        index = what["device_id"]
        self.counts[index] += what["mem_size"]
        self.peaks[index] = max(self.peaks[index], self.counts[index])

    def free_postprocess(self, **what):
        """CuPy has taken memory back."""
        self.counts[what["device_id"]] -= what["mem_size"]

    def asked(self, index, question):
        """The sum over all pools of what they answer of one GPU."""
        with on(index):
            pools = [cupy.get_default_memory_pool(), *self.pools]
            return sum(getattr(pool, question)() for pool in pools)

    def used(self, index):
        """The bytes that arrays hold."""
        self.counts[index] = self.asked(index, "used_bytes")
        return self.counts[index]

    def peak(self, index):
        """The most that they held since the last reset."""
        self.peaks[index] = max(self.peaks[index], self.used(index))
        return self.peaks[index]

    def reset(self, index):
        """Forget the peak."""
        self.peaks[index] = self.used(index)

    def reserved(self, index):
        """The bytes that are taken from the GPU."""
        return self.asked(index, "total_bytes")

    def free(self):
        """Give back what no array holds, pinned memory too; recorded steps keep theirs."""
        for index in range(device_count()):
            with on(index):
                cupy.get_default_memory_pool().free_all_blocks()
        cupy.get_default_pinned_memory_pool().free_all_blocks()


MEMORY = Memory()
MEMORY.__enter__()  # for good


class Pool(cupy.cuda.MemoryPool):
    """A pool of memory for one recorded step, counted with the others.

    What its graphs write into while nobody holds it must never be handed to anybody else.
    """

    def __init__(self):
        super().__init__()
        MEMORY.pools.add(self)


# --- from the host, beside other work -------------------------------------------------------------


def is_pinned(host):
    """Whether a NumPy array lies in page-locked memory, which a GPU reads by itself."""
    while isinstance(host, np.ndarray):
        host = host.base
    return isinstance(getattr(host, "obj", host), cupy.cuda.PinnedMemoryPointer)


def pinned(host):
    """`host` in page-locked memory; itself if it lies there in one piece."""
    if is_pinned(host) and host.flags.c_contiguous:
        return host
    memory = cupy.cuda.alloc_pinned_memory(max(host.nbytes, 1))
    copied = np.frombuffer(memory, host.dtype, host.size).reshape(host.shape)
    copied[...] = host
    return copied


class Upload:
    """Copies from the host to one GPU that run beside its other work, on a stream of their own."""

    def __init__(self, index=None):
        self.index = current_device() if index is None else index
        self.flying = collections.deque()  # (event, sources): they stay until they were read
        with on(self.index):
            self.stream = cupy.cuda.Stream(non_blocking=True)

    def start(self, hosts):
        """Arrays that will hold the numbers of `hosts`, and the event that says so.

        The copy waits for the work asked for so far: their memory may be that of arrays it reads.
        """
        refuse("numbers of the host went to the GPU")
        with on(self.index):
            self.stream.wait_event(cupy.cuda.get_current_stream().record())
            sources = [pinned(host) for host in hosts]
            with self.stream:
                raws = [cupy.empty(source.shape, source.dtype) for source in sources]
                for raw, source in zip(raws, sources, strict=True):
                    raw.set(source, self.stream)
                event = self.stream.record()
        self.flying.append((event, sources))
        if len(self.flying) > 2:
            self.flying.popleft()[0].synchronize()
        return raws, event

    def finish(self, event):
        """Let the work that is asked for from now on wait for a copy."""
        with on(self.index):
            cupy.cuda.get_current_stream().wait_event(event)
