"""The section of `gpu_day` that says what was measured on: the GPU, its software, its ceilings.

Not yet run on a GPU.
"""

import contextlib
import io
import json
import platform
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

from . import gpu_timing
from .gpu_timing import milliseconds, missing, precision

PACKAGES = (
    *("numpy", "ml_dtypes", "torch", "torchvision"),
    *("nvidia-cudnn-frontend", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13"),
)
QUERY = "name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit,compute_mode"


def text_of(command: list[str], timeout: float = 20.0) -> str | None:
    """What a program prints; None if there is none, or it fails."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=True)
    except (subprocess.SubprocessError, OSError):
        return None
    return done.stdout.strip()


def identity(report: Any) -> None:
    """The GPU, its software, our flags, and the ceilings of the day."""
    import tinygrad_cnn as tg
    from tinygrad_cnn.kernels import facts

    for index in range(tg.cuda.device_count()):
        report.add(f"cuda:{index}", str(tg.cuda.get_device_properties(index)))
    query = text_of(["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"])
    report.add("nvidia-smi", query or "not found")
    report.add("Python", f"{platform.python_version()}, {platform.platform(terse=True)}")
    report.add("cupy", facts.version(*facts.CUPY))
    for name in PACKAGES:
        report.add(name, facts.version(name) or "not installed")
    report.add("cuDNN", tg.backends.cudnn.version() or "not found")
    report.add("flags", f"{tg.backends.cudnn}, {tg.backends.cuda.matmul}")
    configuration(report)
    describe(report)
    size = 2**20 if report.quick else 2**28
    x = tg.ones(size, device="cuda")
    y = tg.empty(size, device="cuda")
    report.add("copy, GB/s", 8 * size / milliseconds(tg, lambda: y.copy_(x)) / 1e6)
    products(report)


def configuration(report: Any, show: Callable[[], None] | None = None) -> None:
    """What CuPy says of itself, on file. show: what prints it, for a test of this function."""
    if show is None:
        from cupy import show_config as show
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        show()
    path = report.folder / "cupy_config.txt"
    path.write_text(text.getvalue(), encoding="utf-8")
    report.add("configuration of CuPy", path.name)


def describe(report: Any) -> None:
    """The description of the device that cuDNN plans with, on file."""
    try:
        import cudnn

        text = cudnn.create_device_properties(0).serialize()
    except Exception as error:  # whatever is missing
        report.skip("device description", f"{type(error).__name__}: {error}")
        return
    path = report.folder / "device.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    report.add("device description", path.name)


def products(report: Any) -> None:
    """Products of large matrices at each precision, ours and PyTorch's."""
    import tinygrad_cnn as tg

    n = 64 if report.quick else 8192
    reason = missing("torch")
    if reason is not None:
        a = tg.randn(n, n, device="cuda")
        speed = 2 * n**3 / milliseconds(tg, lambda: a @ a) / 1e9
        report.add("GEMM float32, ours, Tflop/s", speed)
        report.skip("GEMM of PyTorch", reason)
        return
    import torch

    for kind in ("float32", "TF32", "bfloat16"):
        with precision(kind):
            for name, library, place in (("ours", tg, "cuda"), ("PyTorch", torch, gpu_timing.PEER)):
                dtype = library.bfloat16 if kind == "bfloat16" else library.float32
                a = library.randn(n, n, device=place).to(dtype)
                speed = 2 * n**3 / milliseconds(library, lambda a=a: a @ a) / 1e9
                report.add(f"GEMM {kind}, {name}, Tflop/s", speed)
