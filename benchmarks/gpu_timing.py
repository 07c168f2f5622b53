"""How `gpu_day` times work on a GPU: ours and PyTorch's by the same means, at the same precision.

Not yet run on a GPU.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

PEER = "cuda"  # where PyTorch computes; without a GPU, tests have it compute on the CPU
KINDS = ("TF32", "bfloat16", "float32")  # of precision


def missing(*names: str) -> str | None:
    """Why there is nothing to compare with: which of these packages is not installed, or None."""
    import importlib

    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            return f"{name} is not installed"
    return None


def milliseconds(
    library: Any, work: Callable[[], object], rounds: int = 5, warm_up: int = 3
) -> float:
    """The median time that the GPU takes for work of a library, tinygrad_cnn or torch."""
    times = []
    for _ in range(warm_up + rounds):
        start, end = (library.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times[warm_up:])


def wait() -> None:
    """Wait for the work of both libraries."""
    import torch

    import tinygrad_cnn as tg

    tg.cuda.synchronize()
    torch.cuda.synchronize()


def timed(step: Callable[[], object], count: int) -> Callable[[], float]:
    """A function that takes `count` steps and returns the seconds of one."""

    def run() -> float:
        wait()
        start = time.perf_counter()
        for _ in range(count):
            step()
        wait()
        return (time.perf_counter() - start) / count

    return run


def enqueued(step: Callable[[], object]) -> float:
    """The milliseconds that the host takes to ask for a step, while the GPU has nothing to do."""
    times = []
    for _ in range(5):
        wait()
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    wait()
    return statistics.median(times)


def kernels_in(step: Callable[[], object]) -> list[tuple[str, float]]:
    """The kernels that run in a step, of whichever library, and the milliseconds of each.

    PyTorch's profiler sees all that this process has a GPU do; copies are left out.
    """
    from torch.autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile

    wait()
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        step()
        wait()
    copies = ("Memcpy", "Memset")
    ran = [e for e in seen.events() if e.device_type == DeviceType.CUDA]
    return [(e.name, 1e-3 * e.device_time) for e in ran if not e.name.startswith(copies)]


def clear() -> None:
    """Give back the memory of both libraries."""
    import gc

    import torch

    import tinygrad_cnn as tg

    gc.collect()
    tg.cuda.empty_cache()
    torch.cuda.empty_cache()


@contextlib.contextmanager
def precision(kind: str) -> Iterator[None]:
    """A context in which both libraries compute float32 in TF32, or not."""
    import torch

    import tinygrad_cnn as tg

    places = [b for lib in (torch, tg) for b in (lib.backends.cudnn, lib.backends.cuda.matmul)]
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = kind == "TF32"
    try:
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.allow_tf32 = value


@contextlib.contextmanager
def by_trial() -> Iterator[None]:
    """A context in which both libraries time plans of cuDNN for each convolution they meet."""
    import torch

    import tinygrad_cnn as tg

    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        with tg.backends.cudnn.flags(benchmark=True):
            yield
    finally:
        torch.backends.cudnn.benchmark = before


def cast(library: Any, kind: str) -> Any:
    """The autocast of a library for a precision."""
    if kind != "bfloat16":
        return contextlib.nullcontext()
    place = PEER if library.__name__ == "torch" else "cuda"
    return library.autocast(place, dtype=library.bfloat16)
