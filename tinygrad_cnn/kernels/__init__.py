"""Backends: raw numbers in, raw numbers out, under the gates' names. Alone in knowing devices.

A backend is a namespace. `xp` is its array module (None for Python floats), `asarray` makes its own
raw type, `uniform` draws random numbers; every other function is a kernel and has the name of the
gate it computes. A gate without a kernel is computed by its body, the readable reference. `scalar`
serves Python floats: scalar mode is one more backend. `cuda` is loaded at the first CuPy array.
"""

import contextlib
import importlib
import os
import threading
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace

import numpy as np

from . import cpu, scalar

DEFAULT = np.dtype("float32")  # what Python floats become
GATES = []  # the record of every gate, by order of definition: for `use`, tests and pictures
REFERENCE = [os.environ.get("TINYGRAD_CNN_KERNELS", "") == "reference"]

# np.generic stands before float, since np.float64 is a subclass of float.
BACKENDS = {np.ndarray: cpu, np.generic: cpu, float: scalar, int: scalar, bool: scalar}


def add_backend(kind: type, backend: ModuleType | SimpleNamespace) -> None:
    """From now on raw numbers of type `kind` are computed by `backend`."""
    BACKENDS[kind] = backend
    for gate in GATES:
        gate.kernels.pop(kind, None)


def backend(kind: type) -> ModuleType | SimpleNamespace:
    """The backend that serves raw numbers of type `kind`.

    Raises: TypeError if none does.
    """
    found = BACKENDS.get(kind)
    if found is not None:
        return found
    if kind.__module__.partition(".")[0] == "cupy":
        found = importlib.import_module(".cuda", __name__)
    else:
        served = (space for base, space in BACKENDS.items() if issubclass(kind, base))
        found = next(served, None)
    if found is None:
        raise TypeError(f"no backend computes with {kind.__module__}.{kind.__qualname__}")
    BACKENDS[kind] = found
    return found


def named(device: str) -> ModuleType | SimpleNamespace:
    """The backend that keeps its arrays on `device`: "cpu" or "cuda".

    Raises: RuntimeError if the device cannot be used here, ValueError if there is no such device.
    """
    kind = device.partition(":")[0]
    if kind == "cpu":
        return cpu
    if kind == "cuda":
        return importlib.import_module(".cuda", __name__)
    for space in BACKENDS.values():
        if getattr(space, "device", None) == device:
            return space
    raise ValueError(f"no device {device!r}; there are 'cpu' and 'cuda'")


def xp(*xs: object) -> ModuleType:
    """The array module of the first array among xs: how a body speaks NumPy and CuPy alike."""
    return next(space.xp for space in map(backend, map(type, xs)) if space.xp is not None)


def find(kind: type, name: str, body: Callable) -> Callable:
    """What computes the gate `name` on raw numbers of type `kind`: a kernel, else the body."""
    space = backend(kind)
    if REFERENCE[-1] and space.xp is not None:
        return body
    fast = getattr(space, "FAST", {}).get(name)
    if fast is not None:
        return with_fallback(name, fast, getattr(space, name, body))
    return getattr(space, name, body)


SERVED: dict[tuple[str, str], int] = {}  # (gate, "fast" or "body") -> calls, for report()
COUNTING = threading.Lock()


def with_fallback(name: str, fast: Callable, body: Callable) -> Callable:
    """`fast`, and where it returns NotImplemented (a case it does not cover) the body."""

    def kernel(*args, **settings):
        z = fast(*args, **settings)
        who = "body" if z is NotImplemented else "fast"
        SERVED[name, who] = SERVED.get((name, who), 0) + 1
        return body(*args, **settings) if z is NotImplemented else z

    return kernel


@contextlib.contextmanager
def use(choice: str) -> Iterator[None]:
    """Within: "reference" computes gates by their bodies alone, "fast" by kernels where there are.

    The switch is the process's, not the thread's. The environment variable
    TINYGRAD_CNN_KERNELS=reference sets it from the start.
    """
    if choice not in ("reference", "fast"):
        raise ValueError(f"kernels are 'reference' or 'fast', got {choice!r}")
    REFERENCE.append(choice == "reference")
    forget()
    try:
        yield
    finally:
        REFERENCE.pop()
        forget()


def forget() -> None:
    """Make every gate look its kernels up anew."""
    for gate in GATES:
        gate.kernels.clear()


def promote_types(p: np.dtype, q: np.dtype) -> np.dtype:
    """PyTorch's common dtype of two dtypes: an integer never widens a float."""
    if (p.kind == "f") != (q.kind == "f"):
        return p if p.kind == "f" else q
    return np.promote_types(p, q)


def transfer(raw: object, device: str) -> object:
    """A copy of an array on another device."""
    return named(device).asarray(backend(type(raw)).to_host(raw))
