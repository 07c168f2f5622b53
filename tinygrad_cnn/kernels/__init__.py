"""Backends: raw numbers in, raw numbers out, under the gates' names. Alone in knowing devices.

A backend is a namespace. `xp` is its array module (None for Python floats), `asarray` makes its own
raw type, `uniform` draws random numbers; every other function is a kernel and has the name of the
gate it computes. A gate without a kernel is computed by its body, the readable reference. `scalar`
serves Python floats: scalar mode is one more backend. `meta` serves shapes without numbers. `cuda`
is loaded at the first CuPy array.
"""

import contextlib
import functools
import importlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import ModuleType, SimpleNamespace

import numpy as np

from . import bfloat, cpu, meta, scalar
from .device import KINDS, Device, is_device  # noqa: F401  for the layers above
from .dtypes import (  # noqa: F401
    FLOATS,
    accepted,
    can_cast,
    dtype_of,
    is_float,
    promote_types,
)

DEFAULT = np.dtype("float32")  # what Python floats become; see set_default_dtype
GATES = []  # the record of every gate, by order of definition: for `use`, tests and pictures

# np.generic stands before float, since np.float64 is a subclass of float.
BACKENDS = {
    np.ndarray: cpu,
    np.generic: cpu,
    float: scalar,
    int: scalar,
    bool: scalar,
    meta.Meta: meta,
}


def add_backend(kind: type, backend: ModuleType | SimpleNamespace) -> None:
    """From now on raw numbers of type `kind` are computed by `backend`."""
    BACKENDS[kind] = backend
    KINDS.add(backend.device)
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
    """The backend that keeps its arrays on `device`: "cpu", "cuda" or "meta".

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
    raise ValueError(f"no device {device!r}; there are 'cpu', 'cuda' and 'meta'")


def xp(*xs: object) -> ModuleType:
    """The array module of the first array among xs: how a body speaks NumPy and CuPy alike."""
    return next(space.xp for space in map(backend, map(type, xs)) if space.xp is not None)


def find(kind: type, name: str, body: Callable) -> Callable:
    """What computes the gate `name` on raw numbers of type `kind`: a kernel, else the body."""
    space = backend(kind)
    if REFERENCE[-1] and space not in (scalar, meta):  # theirs are not for speed
        return body
    plain = getattr(space, name, body)
    home = getattr(space, "OVERLAYS", {}).get(name)
    if home is None:
        return plain
    fast = overlaid(name, home, quiet(kind, plain) if plain is body else plain)
    least = getattr(space, "LEAST", {}).get(name)
    return fast if least is None else by_size(least, plain, fast)


def by_size(least: int, plain: Callable, fast: Callable) -> Callable:
    """`plain` on arrays of fewer numbers than `least`, `fast` on others."""
    return lambda x, y: (plain if x.size < least else fast)(x, y)


def quiet(kind: type, body: Callable) -> Callable:
    """A body without the floating-point warnings that its backend would give."""
    silence = getattr(backend(kind), "quiet", None)
    return body if silence is None else silence(body)


def rounding(kind: type, kernel: Callable) -> Callable:
    """A kernel that takes bfloat16 as well, once bfloat16 has been asked for."""
    return kernel if backend(kind) is not cpu or bfloat.WAITING else bfloat.rounded(kernel)


@dataclass
class Served:
    """How often an overlay's kernel computed its gate, and how often what it overlays did."""

    kernel: str
    calls: int = 0
    fallbacks: int = 0


class Report(dict[str, Served]):
    """By gate what its overlaid kernel did; printed as a table.

    conversions: how many arrays convolutions copied because their channels did not lie innermost.
    """

    conversions = 0

    def __str__(self) -> str:
        if not self:
            return "No gate was computed by a kernel of an overlay."
        lines = [f"{'gate':<16}{'kernel':<26}{'calls':>10}{'fallbacks':>11}"]
        for name, s in sorted(self.items()):
            lines.append(f"{name:<16}{s.kernel:<26}{s.calls:>10}{s.fallbacks:>11}")
        if self.conversions:
            lines.append(f"{self.conversions} arrays were copied to bring their channels innermost")
        for home, reason in sorted(UNUSABLE.items()):
            lines.append(f"{home} cannot be used: {reason}")
        return "\n".join(lines)


SERVED: dict[str, Served] = {}
UNUSABLE: dict[str, str] = {}  # overlays that could not be imported, and why
CONVERTED = [0]  # how many arrays were brought into another layout
COUNTING = threading.Lock()


def report() -> Report:
    """Which kernels of overlays served which gates so far in this process, and how often.

    A fallback is a call that the kernel did not cover: the gate's body computed it. Gates without
    an overlay are not counted.
    """
    with COUNTING:
        found = Report({name: replace(served) for name, served in SERVED.items()})
        found.conversions = CONVERTED[0]
        return found


def converted() -> None:
    """Count one more array that was brought into another layout."""
    with COUNTING:
        CONVERTED[0] += 1


def overlaid(name: str, home: str, plain: Callable) -> Callable:
    """The function `name` of the module `home`, which is imported at the first call; and `plain`
    where the module cannot be imported or the function returns NotImplemented."""
    served = SERVED.setdefault(name, Served(f"{home}.{name}"))

    def kernel(*inputs, **settings):
        fast = getattr(overlay(home), name, None)
        z = NotImplemented if fast is None else fast(*inputs, **settings)
        with COUNTING:
            if z is NotImplemented:
                served.fallbacks += 1
            else:
                served.calls += 1
        return plain(*inputs, **settings) if z is NotImplemented else z

    return kernel


@functools.cache
def overlay(home: str) -> ModuleType | None:
    """The module of an overlay; None if it cannot be imported, as where Numba does not work with
    this NumPy: the library then is slower, not broken."""
    try:
        return importlib.import_module(f".{home}", __name__)
    except ImportError as error:
        UNUSABLE[home] = str(error)
        return None


def is_reference(choice: str) -> bool:
    """Whether `choice` is "reference" and not "fast".

    Raises: ValueError if it is neither.
    """
    if choice not in ("reference", "fast"):
        raise ValueError(f"kernels are 'reference' or 'fast', got {choice!r}")
    return choice == "reference"


# Whether bodies alone compute: from the start, then by nesting of `use`.
REFERENCE = [is_reference(os.environ.get("TINYGRAD_CNN_KERNELS") or "fast")]


@contextlib.contextmanager
def use(choice: str) -> Iterator[None]:
    """Within: "reference" computes gates by their bodies alone, "fast" by kernels where there are.

    The switch is the process's, not the thread's. The environment variable
    TINYGRAD_CNN_KERNELS=reference sets it from the start.
    """
    REFERENCE.append(is_reference(choice))
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


bfloat.WAITING.append(forget)


def transfer(raw: object, device: str) -> object:
    """A copy of an array on another device."""
    return named(device).asarray(backend(type(raw)).to_host(raw))


def get_default_dtype() -> np.dtype:
    """The dtype of tensors that are made without one, and what Python floats become."""
    return DEFAULT


def set_default_dtype(d: np.dtype | str) -> None:
    """Make another float dtype the default, in all threads.

    Raises: TypeError for dtypes that are no floats.
    """
    global DEFAULT
    dtype = dtype_of(d)
    if not is_float(dtype):
        raise TypeError(f"the default dtype is a float, got {dtype}")
    DEFAULT = dtype
