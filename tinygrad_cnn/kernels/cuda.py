"""CuPy functions under the gates' names; loaded at the first CuPy array.

Here are only the array module and the ways in and out: every gate runs its reference body on CuPy.
Not yet confirmed on a GPU.
"""

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


def asarray(raw):
    """`raw` on the current GPU."""
    return cupy.asarray(raw)


def to_host(raw):
    """A NumPy copy; waits for the GPU."""
    return cupy.asnumpy(raw)


def uniform(shape, key, counter):
    """Uniform float32 numbers in [0, 1): the same draw as on the CPU, copied over."""
    from . import cpu

    return cupy.asarray(cpu.uniform(shape, key, counter))


def device_count():
    """The number of GPUs."""
    return cupy.cuda.runtime.getDeviceCount()


def synchronize():
    """Wait for the current GPU."""
    cupy.cuda.get_current_stream().synchronize()
