"""What this machine and this installation offer to the kernels: facts, without judgement.

Each function returns plain data and never fails: what cannot be told is None, and the reason stands
beside it. Nothing is imported before it is asked for.
"""

import ctypes
import functools
import importlib.util
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import threadpoolctl

from . import cpu, flags
from .threads import cores, get_num_threads

VECTORS = {16: "AVX512", 8: "AVX2"}  # by float32 numbers in a vector
VARIABLES = (  # what threads of numerical libraries listen to
    *("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE"),
    *("MKL_NUM_THREADS", "TINYGRAD_CNN_KERNELS", "TINYGRAD_CNN_MALLOC", "NUMBA_CACHE_DIR"),
)
CUPY = ("cupy-cuda13x", "cupy-cuda12x", "cupy")  # the names under which it is installed


def version(*names: str) -> str | None:
    """The version of the first of these distributions that is installed."""
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def registers() -> object | None:
    """The registers that kernels are compiled for; None where nothing is compiled."""
    try:
        from .simd import target

        return target()
    except ImportError:
        return None


def capability() -> str:
    """The vectors that compiled kernels use: "AVX512", "AVX2", or "DEFAULT"."""
    found = registers()
    return "DEFAULT" if found is None else VECTORS.get(found.lanes, "DEFAULT")


def machine() -> dict[str, object]:
    """The processor, how many cores the process may use, and the memory in GiB."""
    return {
        **processor(),
        "architecture": platform.machine(),
        "cores": cores(),
        "quota": quota(),
        "memory": memory(),
        "system": platform.platform(terse=True),
    }


def processor() -> dict[str, str]:
    """The name that the processor gives itself, and its vectors: "AVX512", "AVX2" or "DEFAULT"."""
    name, vectors = platform.processor() or platform.machine(), capability()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {"processor": name, "vectors": vectors}
    said = {key.strip(): value.strip() for key, _, value in (s.partition(":") for s in lines)}
    flags = said.get("flags", "").split()
    offered = {"avx512f": "AVX512", "avx2": "AVX2"}
    vectors = next((vectors for flag, vectors in offered.items() if flag in flags), vectors)
    return {"processor": said.get("model name", name), "vectors": vectors}


def memory() -> float | None:
    """The machine's memory in GiB."""
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def quota() -> float | None:
    """How many cores' time a container grants the process; None for no limit."""
    try:
        granted, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="utf-8").split()
        return None if granted == "max" else int(granted) / int(period)
    except (OSError, ValueError):
        return None


def threads() -> dict[str, object]:
    """On how many threads kernels run, and what the environment says to that."""
    said = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    return {"kernels": get_num_threads(), "environment": said}


def numpy() -> dict[str, object]:
    """NumPy's version and its BLAS: library, version, the processor it takes this one for."""
    found = {"version": np.__version__, "blas": None}
    for pool in threadpoolctl.threadpool_info():
        if pool["user_api"] == "blas" and "numpy" in pool["filepath"]:
            names = {"library": "internal_api", "version": "version", "core": "architecture"}
            found["blas"] = {name: pool.get(key) for name, key in names.items()}
            found["blas"]["threads"] = pool["num_threads"]
    return found


def numba() -> dict[str, object]:
    """Numba's version and what it compiles for; or, in "why", why it cannot be used."""
    found: dict[str, object] = {"version": version("numba"), "why": None}
    if importlib.util.find_spec("numba") is None:
        return found | {"version": None, "why": "it is not installed"}
    try:
        from numba.core.registry import cpu_target

        target, lanes = cpu_target.target_context.codegen().magic_tuple(), registers().lanes
    except Exception as error:  # whatever a broken installation raises
        return found | {"why": f"its import fails: {error}"}
    return found | {"processor": target[1], "lanes": lanes, "vectors": capability()}


def overlays() -> dict[str, dict[str, object]]:
    """By module of faster kernels the gates it serves, and why it cannot be used, or None."""
    from . import overlay
    from .served import UNUSABLE

    found: dict[str, dict[str, object]] = {}
    for gate, home in cpu.OVERLAYS.items():
        row = found.setdefault(home, {"gates": [], "why": None})
        row["gates"].append(gate)
    for home, row in found.items():
        overlay(home)
        row["why"] = UNUSABLE.get(home)
    return found


def cache() -> dict[str, object]:
    """Where compiled kernels are kept: folder, whether it can be written, files and megabytes."""
    folder = None
    if numba()["why"] is None:
        from .workers import alone

        folder = alone.stats.cache_path
    files = [*Path(folder).glob("*.nb[ic]")] if folder is not None else []
    return {
        "folder": folder,
        "writable": folder is not None and os.access(folder, os.W_OK),
        "files": len(files),
        "megabytes": round(sum(file.stat().st_size for file in files) / 1e6, 1),
    }


# --- GPU ------------------------------------------------------------------------------------------


def gpu() -> dict[str, object]:
    """The NVIDIA driver and its devices, CuPy, cuDNN's front end and the library behind it, the
    flags of tg.backends; in "why", why none is used."""
    found = driver()
    found["flags"] = {**vars(flags.CUDNN), "matmul.allow_tf32": flags.CUDA.matmul.allow_tf32}
    found["library"] = None
    found["cupy"] = version(*CUPY)
    found["cudnn"] = version("nvidia-cudnn-frontend")
    if found["why"] is None:
        try:
            importlib.import_module(".cuda", __package__)
            found["library"] = flags.CUDNN.version()
        except Exception as error:  # whatever a driver, CuPy or cuDNN that do not fit raise
            found["why"] = str(error)
    return found


@functools.cache
def library() -> ctypes.CDLL | None:
    """The driver's own library."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


def driver() -> dict[str, object]:
    """What the driver says, asked without CuPy."""
    found: dict[str, object] = {"driver": None, "devices": [], "why": None}
    cuda = library()
    if cuda is None:
        return found | {"why": "there is no NVIDIA driver"}
    number = ctypes.c_int()
    failed = cuda.cuInit(0)
    cuda.cuDriverGetVersion(ctypes.byref(number))
    found["driver"] = f"CUDA {number.value // 1000}.{number.value % 1000 // 10}"
    if failed:
        return found | {"why": f"the driver finds no device (its error {failed})"}
    cuda.cuDeviceGetCount(ctypes.byref(number))
    found["devices"] = [device(cuda, index) for index in range(number.value)]
    return found if found["devices"] else found | {"why": "the driver finds no device"}


def device(cuda: ctypes.CDLL, index: int) -> dict[str, object]:
    """A GPU's name, and its memory in GiB."""
    handle, name, size = ctypes.c_int(), ctypes.create_string_buffer(256), ctypes.c_size_t()
    cuda.cuDeviceGet(ctypes.byref(handle), index)
    cuda.cuDeviceGetName(name, len(name), handle)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(size), handle)
    return {"name": name.value.decode(errors="replace"), "memory": round(size.value / 2**30, 1)}
