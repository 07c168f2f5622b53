"""What kernels ask of CuPy beside arrays: addresses, streams, memory without type, time.

Not yet confirmed on a GPU.
"""

import math


def cupy():
    """The package, imported at the first call."""
    import cupy

    return cupy


def on_gpu(x) -> bool:
    """Whether x is one of CuPy's arrays."""
    return type(x).__module__.partition(".")[0] == "cupy"


def address(x) -> int:
    """Where the first number of x lies in the GPU's memory."""
    return x.data.ptr


def current() -> int:
    """The number of the GPU that this thread works on."""
    return cupy().cuda.runtime.getDevice()


def model() -> str:
    """The name of the current GPU's model."""
    return cupy().cuda.runtime.getDeviceProperties(current())["name"].decode()


def stream() -> int:
    """The stream that this thread's work is sent to."""
    return cupy().cuda.get_current_stream().ptr


def memory(size: int):
    """So many bytes of the current GPU's memory."""
    return cupy().empty(size, "uint8")


def milliseconds(work) -> float:
    """How long the GPU takes for the work that `work` sends: the shortest of three times."""
    cuda = cupy().cuda
    best = math.inf
    for _ in range(3):
        begin, end = cuda.Event(), cuda.Event()
        begin.record()
        work()
        end.record()
        end.synchronize()
        best = min(best, cuda.get_elapsed_time(begin, end))
    return best


def cublas():
    """The library of matrix products and this thread's handle for it."""
    from cupy.cuda import device
    from cupy_backends.cuda.libs import cublas

    return cublas, device.get_cublas_handle()
