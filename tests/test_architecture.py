"""The house keeps its rules: who imports whom, what stands where, what names say of themselves."""

import ast
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_cnn as tg

ROOT = Path(tg.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# Who may import whom, by the first name below tinygrad_cnn; docs/architecture.md has this table.
MAY_IMPORT = {
    "kernels": {"kernels"},
    "graph": set(),
    "random": {"kernels"},
    "tensor_text": {"kernels"},
    "tensor_array": {"tensor_text", "kernels"},
    "tensor_node": {"tensor_array", "graph", "kernels"},
    "value": {"graph"},
    "tensor": {"tensor_array", "tensor_node", "graph", "kernels"},
    "recorder": {"graph", "value", "tensor", "kernels", "gate"},  # gate for type checkers only
    "gate": {"graph", "value", "tensor", "kernels", "recorder"},
    "ops": {"ops", "gate", "recorder", "kernels", "random", "tensor", "graph", "value"},
    "autograd": {"autograd", "ops", "gate", "tensor", "graph", "value", "kernels", "random"},
    "amp": {"autograd", "recorder", "tensor", "graph", "kernels"},
    "utils": {"utils", "autograd", "data"},
    "backends": {"kernels"},
    "capture": {"capture", "graph", "kernels", "random", "tensor"},
    "cuda": {"cuda", "capture", "kernels", "random", "tensor"},
    "io": {"io", "tensor"},
    "data": {"data", "tensor", "random", "io", "kernels"},
    "nn": {"nn", "ops", "tensor", "autograd", "amp", "random", "graph"},
    "models": {"models", "nn", "ops", "tensor", "autograd", "io", "data"},
    "onnx": {"onnx", "ops", "nn", "tensor", "kernels"},
    "optim": {"optim", "ops", "tensor", "autograd", "graph", "kernels"},
    "viz": {
        *("viz", "graph", "value", "tensor", "recorder", "gate", "nn", "kernels", "autograd"),
        "random",
    },
}
EVERYTHING = {"__init__", "__main__", "cli", "train"}
NUMPY_AT_THE_EDGES = {"data", "io", "tensor", "random", "viz", "kernels", "autograd", "onnx"}


def part(path):
    """The first name of a file below the package."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path):
    """The absolute names a file imports, wherever in the file it does."""
    package = ["tinygrad_cnn", *path.relative_to(ROOT).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module.split(".") if node.module else [])]
            if module == ["tinygrad_cnn"]:
                yield from (f"tinygrad_cnn.{alias.name}" for alias in node.names)
            else:
                yield ".".join(module)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_keep_to_the_table(path):
    if part(path) in EVERYTHING:
        return
    inside = {name.split(".")[1] for name in imported(path) if name.startswith("tinygrad_cnn.")}
    assert inside <= MAY_IMPORT[part(path)], f"{part(path)} may not import {inside}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_devices_are_known_in_kernels_alone(path):
    outside = {name.split(".")[0] for name in imported(path)}
    if part(path) != "kernels":
        assert not outside & {"cupy", "numba", "cupyx"}
    if "numpy" in outside and part(path) not in EVERYTHING:
        assert part(path) in NUMPY_AT_THE_EDGES


def public(module):
    """The public functions and classes a module defines, and the methods of those classes."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(thing):
            yield name, thing
            for method, f in vars(thing).items():
                if not method.startswith("_") and inspect.isfunction(f):
                    yield f"{name}.{method}", f
        elif inspect.isfunction(thing) and "<locals>" not in thing.__qualname__:
            yield name, thing


def modules():
    """All modules of the package that import without extras."""
    for info in pkgutil.walk_packages([str(ROOT)], "tinygrad_cnn."):
        if info.name.rsplit(".")[-1] in ("cuda", "__main__"):
            continue
        try:
            yield importlib.import_module(info.name)
        except ModuleNotFoundError as error:  # of an extra that is not installed
            if error.name.startswith("tinygrad_cnn"):
                raise


def test_everything_public_says_what_it_is():
    silent = [f"{m.__name__}.{n}" for m in modules() for n, f in public(m) if not f.__doc__]
    assert not silent


def test_modules_begin_with_the_paragraph_a_reader_needs():
    assert not [m.__name__ for m in modules() if not m.__doc__]


FORBIDDEN = ("import *", "exec(", "getrecursionlimit", "get_array_module", "# type: ignore")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_forbidden_word(path):
    text = path.read_text()
    assert not [word for word in FORBIDDEN if word in text]


def test_names_of_files():
    assert not {p.stem for p in FILES} & {"helpers", "common", "misc"}


# --- importing the package ------------------------------------------------------------------------


def python(code, **environment):
    """What a fresh Python prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT.parent), **environment},
        check=True,
    )
    return done.stdout + done.stderr


def test_importing_is_silent_and_loads_no_heavy_package():
    code = "import sys, tinygrad_cnn; print(*sys.modules)"
    loaded = set(python(code).split())
    assert not loaded & {"cupy", "numba", "graphviz", "rich", "matplotlib", "torch", "PIL", "onnx"}
    assert python("import tinygrad_cnn") == ""


def test_importing_is_quick(tmp_path):
    """Under 0.25 s with NumPy importable, in time of this process: other work does not count.

    From the second time on, that is: Python keeps what it has compiled, unless told not to.
    """
    code = (
        "import numpy, time; t = time.process_time(); import tinygrad_cnn;"
        "print(time.process_time() - t)"
    )
    keeping = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}
    assert min(float(python(code, **keeping)) for _ in range(5)) < 0.25


def test_importing_needs_no_dot_program():
    assert python("import tinygrad_cnn", PATH="") == ""
