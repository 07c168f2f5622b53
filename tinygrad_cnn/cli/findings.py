"""What `doctor` makes of the facts: what is well, what is missing, what that costs, what mends it.

Each function takes facts as `kernels.facts` gives them and returns findings; none of them looks at
the machine, but for the optional packages.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OK, SLOW, MISSING, UNUSED = "ok", "slow", "missing", "unused"
WIDE = {"SkylakeX", "Cooperlake", "SapphireRapids"}  # OpenBLAS's names of cores with AVX-512

# So many times as long training takes where nothing is compiled: of the benchmarks, rounded.
WITHOUT_NUMBA = {"lenet": 5, "resnet18": 3, "resnet20": 3}

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    state: "ok"; "slow" or "missing" where something costs time or cannot be done, `cost` says how
    much or what, and `mend` what to type; "unused" where nothing is lost without it.
    """

    name: str
    state: str
    detail: str
    cost: str = ""
    mend: str = ""


def of_python(machine: Facts, version: str) -> Finding:
    """The processor."""
    cores = f"{machine['cores']} core{'s' if machine['cores'] != 1 else ''}"
    parts = [machine["processor"], cores]
    if machine["memory"] is not None:
        parts.append(f"{machine['memory']} GiB of memory")
    return Finding("machine", OK, f"{', '.join(parts)}; Python {version}, {machine['system']}")


def of_numpy(numpy: Facts, vectors: str) -> Finding:
    """NumPy and its matrix products. vectors: those that the processor has."""
    blas = numpy["blas"]
    if blas is None:
        return Finding("NumPy", OK, f"{numpy['version']}; its BLAS does not tell its name")
    detail = f"{numpy['version']} with {blas['library']} {blas['version']}"
    if blas["core"] is not None:
        detail += f", which takes this processor for {blas['core']}"
    if blas["library"] == "openblas" and vectors == "AVX512" and blas["core"] not in WIDE:
        return Finding(
            "NumPy",
            SLOW,
            detail,
            "the processor has AVX-512, but NumPy's matrix products (linear layers; convolutions "
            "where nothing is compiled) leave it alone and take up to twice as long",
            "OPENBLAS_CORETYPE=SkylakeX in the environment before Python starts",
        )
    return Finding("NumPy", OK, detail)


def of_numba(numba: Facts) -> Finding:
    """Numba, which compiles the kernels."""
    factors = ", ".join(f"{factor} times ({network})" for network, factor in WITHOUT_NUMBA.items())
    if numba["why"] is None:
        lanes = f"{numba['vectors']}, {numba['lanes']} float32 numbers in a vector"
        vectors = lanes if numba["vectors"] != "DEFAULT" else lanes.partition(", ")[2]
        return Finding(
            "Numba", OK, f"{numba['version']}, compiles for {numba['processor']}: {vectors}"
        )
    return Finding(
        "Numba",
        MISSING,
        " ".join(part for part in (numba["version"], numba["why"]) if part),
        f"nothing is compiled, NumPy computes everything: training takes {factors} as long",
        "pip install --upgrade numba",
    )


def of_kernels(overlays: Facts, numba: Facts, environment: Mapping[str, str]) -> Finding | None:
    """Which gates run compiled; None where Numba is missing, which says it all."""
    if numba["why"] is not None:
        return None
    served = [gate for row in overlays.values() if row["why"] is None for gate in row["gates"]]
    broken = {home: row["why"] for home, row in overlays.items() if row["why"] is not None}
    if environment.get("TINYGRAD_CNN_KERNELS") == "reference":
        return Finding(
            "kernels",
            SLOW,
            "none is used: TINYGRAD_CNN_KERNELS=reference",
            "bodies compute all gates, as without Numba",
            "unset TINYGRAD_CNN_KERNELS",
        )
    detail = f"{len(served)} gates and steps run compiled: {', '.join(served)}"
    if not broken:
        return Finding("kernels", OK, detail)
    reasons = "; ".join(f"{home} ({why})" for home, why in broken.items())
    return Finding(
        "kernels",
        SLOW,
        f"{detail}; not usable: {reasons}",
        f"the gates of {', '.join(broken)} are computed by NumPy",
        "pip install --upgrade numba numpy",
    )


def of_cache(cache: Facts, numba: Facts) -> Finding | None:
    """Where compiled kernels are kept; None where there are none."""
    if numba["why"] is not None:
        return None
    if cache["folder"] is None or not cache["writable"]:
        return Finding(
            "kernel cache",
            SLOW,
            f"no folder that can be written ({cache['folder'] or 'none found'})",
            "each process compiles its kernels again, which takes seconds",
            "NUMBA_CACHE_DIR=FOLDER in the environment, a folder that can be written",
        )
    if not cache["files"]:
        return Finding(
            "kernel cache",
            UNUSED,
            f"{cache['folder']}, still empty",
            "the first step of each network compiles for some seconds",
            "tinygrad-cnn warmup fills it" if has_warmup() else "",
        )
    size = f"{cache['files']} files, {cache['megabytes']} MB"
    return Finding("kernel cache", OK, f"{cache['folder']}, {size}")


def has_warmup() -> bool:
    """Whether there is a command that fills the cache."""
    return importlib.util.find_spec(".warmup", __package__) is not None


def of_threads(threads: Facts, machine: Facts) -> Finding:
    """How many threads kernels run on, and what the environment says to that."""
    count, cores, quota = threads["kernels"], machine["cores"], machine["quota"]
    said = ", ".join(f"{name}={value}" for name, value in threads["environment"].items())
    detail = f"kernels run on {count} of {cores} cores" + (f"; {said}" if said else "")
    if quota is not None and quota < count:
        return Finding(
            "threads",
            SLOW,
            f"{detail}; this container is granted the time of {quota:g}",
            "threads wait for each other while one is held back",
            f"OMP_NUM_THREADS={max(1, int(quota))} in the environment",
        )
    if count < cores:
        return Finding(
            "threads",
            SLOW,
            detail,
            f"{cores - count} of the cores stand idle",
            f"tg.set_num_threads({cores}), or OMP_NUM_THREADS={cores} in the environment",
        )
    return Finding("threads", OK, detail)


def of_allocator(environment: Mapping[str, str]) -> Finding | None:
    """Whether large arrays keep their memory; None where they do, or where nothing can be done."""
    if environment.get("TINYGRAD_CNN_MALLOC") != "system":
        return None
    return Finding(
        "memory",
        SLOW,
        "TINYGRAD_CNN_MALLOC=system: large arrays are given back to the system at once",
        "each large result is made of fresh pages; adding two arrays of 64 MB took twice as long",
        "unset TINYGRAD_CNN_MALLOC",
    )


def of_gpu(gpu: Facts) -> list[Finding]:
    """The GPU, its driver and CuPy; where they can be used cuDNN and the flags too."""
    devices = ", ".join(f"{d['name']} ({d['memory']} GiB)" for d in gpu["devices"])
    if gpu["driver"] is None or not devices:
        detail = gpu["why"] + (f"; CuPy {gpu['cupy']} is installed" if gpu["cupy"] else "")
        return [Finding("GPU", UNUSED, detail)]
    found = f"{devices}, driver for {gpu['driver']}"
    if gpu["why"] is not None:
        newer = float(gpu["driver"].removeprefix("CUDA ")) >= 13
        extra = "cuda13" if newer else "cuda12"
        mend = "" if gpu["cupy"] else f"pip install 'tinygrad_cnn[{extra}]'"
        cost = "tensors cannot be moved to the GPU"
        return [Finding("GPU", MISSING, f"{found}; {gpu['why']}", cost, mend)]
    return [Finding("GPU", OK, f"{found}, CuPy {gpu['cupy']}"), of_cudnn(gpu), of_flags(gpu)]


def of_cudnn(gpu: Facts) -> Finding:
    """Whether cuDNN computes convolutions on the GPU."""
    instead = "convolutions are computed as matrix products"
    if gpu["cudnn"] is None:
        mend = "pip install --no-deps nvidia-cudnn-frontend"
        return Finding("cuDNN", MISSING, "its front end for Python is not installed", instead, mend)
    if gpu["library"] is None:
        return Finding(
            "cuDNN",
            MISSING,
            f"front end {gpu['cudnn']}, which finds no cuDNN: {gpu['refused']}",
            instead,
            "pip install nvidia-cudnn-cu12, or nvidia-cudnn-cu13, as CuPy's version has it",
        )
    detail = f"cuDNN {gpu['library']}, front end {gpu['cudnn']}"
    if not gpu["flags"]["enabled"]:
        mend = "tg.backends.cudnn.enabled = True"
        return Finding("cuDNN", SLOW, f"{detail}, switched off", instead, mend)
    return Finding("cuDNN", OK, detail)


def of_flags(gpu: Facts) -> Finding:
    """How precisely and by which plans a GPU computes."""
    flags = gpu["flags"]
    said = {
        "TF32 in convolutions (cudnn.allow_tf32)": flags["allow_tf32"],
        "in matrix products (cuda.matmul.allow_tf32)": flags["matmul.allow_tf32"],
        "plans by trial (cudnn.benchmark)": flags["benchmark"],
        "the same bits each time (cudnn.deterministic)": flags["deterministic"],
    }
    words = [f"{what}: {'yes' if on else 'no'}" for what, on in said.items()]
    return Finding("GPU flags", OK, f"of tg.backends: {'; '.join(words)}")


# --- what is optional -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Extra:
    """A package that something needs. name: of the distribution. gives: what comes with it."""

    name: str
    gives: str
    mend: str


EXTRAS = (
    Extra("graphviz", "drawings", "pip install graphviz"),
    Extra("rich", "tables and progress bars", "pip install rich"),
    Extra("safetensors", "checkpoints", "pip install safetensors"),
    Extra("pillow", "photographs and picture files", "pip install 'tinygrad_cnn[images]'"),
    Extra("matplotlib", "plots of the demos", "pip install 'tinygrad_cnn[demos]'"),
    Extra("scikit-learn", "data of some demos", "pip install 'tinygrad_cnn[demos]'"),
    Extra("onnx", "export to ONNX and back", "pip install 'tinygrad_cnn[onnx]'"),
    Extra("ml_dtypes", "bfloat16", "pip install ml_dtypes"),
    Extra("torch", "comparisons in tests and benchmarks", "pip install 'tinygrad_cnn[oracle]'"),
    Extra("torchvision", "benchmarks of whole networks", "pip install torchvision"),
    Extra("onnxruntime", "tests of ONNX files", "pip install 'tinygrad_cnn[oracle]'"),
    Extra("micrograd", "the benchmark of scalar mode", "pip install 'tinygrad_cnn[bench]'"),
)


def of_extras(versions: Mapping[str, str | None]) -> list[Finding]:
    """The optional packages, by their versions."""
    return [
        Finding(extra.name, OK, f"{version}: {extra.gives}")
        if (version := versions[extra.name]) is not None
        else Finding(extra.name, MISSING, "not installed", f"no {extra.gives}", extra.mend)
        for extra in EXTRAS
    ]


def of_dot(path: str | None) -> Finding:
    """The program that lays graphs out."""
    if path is not None:
        return Finding("dot", OK, f"{path}: pictures of graphs")
    return Finding(
        "dot",
        MISSING,
        "the program is not found",
        "no pictures of graphs; drawings are text",
        "install Graphviz: apt install graphviz, brew install graphviz, or graphviz.org/download",
    )
