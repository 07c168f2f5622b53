"""Where and when a measurement was made: what has to stand beside every figure."""

import datetime
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIBRARIES = ("numpy", "numba", "torch", "torchvision", "micrograd", "autograd", "tinygrad")


def described() -> dict[str, object]:
    """The processor, its cores and memory, and the versions of all libraries that take part."""
    from tinygrad_cnn.kernels import facts

    versions = {name: facts.version(name) for name in LIBRARIES}
    blas = facts.numpy()["blas"] or {}
    return {
        **facts.machine(),
        "blas": f"{blas.get('library')} {blas.get('version')} ({blas.get('core')})",
        "python": platform.python_version(),
        "versions": {name: version for name, version in versions.items() if version is not None},
    }


def commit() -> str | None:
    """The commit that is measured, with + where files differ from it; None outside of git."""
    try:
        name = git("rev-parse", "--short=12", "HEAD")
        return f"{name}+" if git("status", "--porcelain", "--untracked-files=no") else name
    except (OSError, subprocess.CalledProcessError):
        return None


def git(*words: str) -> str:
    """What git prints."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def today() -> str:
    """The date."""
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()


def load() -> float | None:
    """How many programs wanted to run in the last minute, on average."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
