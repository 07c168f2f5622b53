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
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace

import numpy as np

from . import bfloat, cpu, meta, scalar, taping
from .device import (  # noqa: F401  for the layers above
    KINDS,
    SEVERAL,
    Device,
    is_device,
    set_default_device,
)
from .dtypes import (  # noqa: F401
    FLOATS,
    accepted,
    can_cast,
    dtype_of,
    is_float,
    promote_types,
)
from .served import UNUSABLE, by_shape, converted, counted, report  # noqa: F401

DEFAULT = np.dtype("float32")  # what Python floats become; see set_default_dtype
GATES = []  # the record of every gate, by order of definition: for `use`, tests and pictures

FORMULAS = {}  # by name what a sweep over memory can compute at once: gates, and rules of gates
PLANS = {}  # what kernels have made of them, by formula and settings
RULES = {}  # what computes large arrays by the rules among them, by name

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
    """The backend that keeps its arrays on `device`: "cpu", "cuda", "cuda:1" or "meta".

    Raises: RuntimeError if the device cannot be used here, ValueError if there is no such device.
    """
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return cpu
    if kind == "cuda":
        space = importlib.import_module(".cuda", __name__)
        return space.at(int(index)) if index else space
    for space in BACKENDS.values():
        if getattr(space, "device", None) == device:
            return space
    raise ValueError(f"no device {device!r}; there are 'cpu', 'cuda' and 'meta'")


def xp(*xs: object) -> ModuleType:
    """The array module of the first array among xs: how a body speaks NumPy and CuPy alike."""
    return next(space.xp for space in map(backend, map(type, xs)) if space.xp is not None)


def find(kind: type, name: str, body: Callable) -> Callable:
    """What computes the gate `name` on raw numbers of type `kind`: a kernel, else the body."""
    at_home = getattr(backend(kind), "at_home", None)
    found = chosen(kind, name, body)
    return found if at_home is None else at_home(name, found)


def chosen(kind: type, name: str, body: Callable) -> Callable:
    """As `find`, wherever the arrays lie."""
    space = backend(kind)
    if REFERENCE[-1] and space not in (scalar, meta):  # theirs are not for speed
        return body
    plain = getattr(space, name, body)
    home = getattr(space, "OVERLAYS", {}).get(name)
    if home is None:
        return plain
    plain = quiet(kind, plain) if plain is body else plain
    fast = overlaid(name, home, plain)
    worth = getattr(space, "WORTH", {}).get(name)
    if worth is not None:
        return lambda *inputs, **how: (fast if worth(*inputs, **how) else plain)(*inputs, **how)
    least = getattr(space, "LEAST", {}).get(name)
    return fast if least is None else by_size(least, plain, fast)


def add_formula(name: str, function: Callable) -> None:
    """From now on the gate `name`, a formula of single numbers, may be computed in one sweep.

    function: what says the formula where it is called with Terms, see `formula`.
    """
    FORMULAS[name] = function
    if cpu.NUMBA:
        cpu.OVERLAYS[name] = "cpu_pointwise"
        cpu.LEAST.setdefault(name, cpu.LARGE)


def at_once(name: str, rule: Callable) -> Callable:
    """A rule that is a formula of single numbers, in one sweep over memory if arrays are large."""
    add_formula(name, rule)

    def call(g, *others):
        if type(g) is not np.ndarray or g.size < cpu.LARGE:
            return rule(g, *others)
        fast = RULES.get(name)
        if fast is None:
            fast = RULES[name] = find(np.ndarray, name, rule)
        return fast(g, *others)

    return call


def by_size(least: int, plain: Callable, fast: Callable) -> Callable:
    """`plain` on arrays of fewer numbers than `least`, `fast` on others."""
    count = getattr(plain, "nin", None)
    code = getattr(plain, "__code__", None)
    if code is not None and not code.co_kwonlyargcount:
        count = code.co_argcount
    if count == 1:
        return lambda x: (plain if x.size < least else fast)(x)
    if count == 2:
        kind = np.ndarray  # the first of two may be a Python number
        return lambda x, y: (fast if x.__class__ is kind and x.size >= least else plain)(x, y)
    return lambda x, *others, **how: (plain if x.size < least else fast)(x, *others, **how)


@functools.cache
def quiet(kind: type, body: Callable) -> Callable:
    """A body without the floating-point warnings that its backend would give."""
    silence = getattr(backend(kind), "quiet", None)
    return body if silence is None else silence(body)


def rounding(kind: type, name: str, kernel: Callable) -> Callable:
    """A kernel that takes float16, and bfloat16 once it has been asked for, where that matters."""
    if backend(kind) is not cpu:
        return kernel
    if name in cpu.WIDENED:
        kernel = bfloat.widened(kernel)
    return kernel if bfloat.WAITING else bfloat.rounded(kernel)


def written_down(kind: type, kernel: Callable) -> Callable:
    """A kernel whose calls a recorded step repeats, while one is being recorded on the CPU."""
    return taping.taped(kernel) if taping.TAPED and backend(kind) is cpu else kernel


@functools.cache
def overlaid(name: str, home: str, plain: Callable) -> Callable:
    """The function `name` of the module `home`, which is imported at the first call; and `plain`
    where the module cannot be imported or the function returns NotImplemented."""
    find = functools.cache(lambda: getattr(overlay(home), name, None))
    return counted(name, f"{home}.{name}", find, plain, give_up)


@functools.cache
def overlay(home: str) -> ModuleType | None:
    """The module of an overlay; another or None if it cannot be imported, as where Numba does not
    work with this NumPy, or is not what it was: the library then is slower, not broken."""
    if home not in UNUSABLE:
        try:
            return importlib.import_module(f".{home}", __name__)
        except Exception as error:
            UNUSABLE[home] = str(error)
    instead = cpu.INSTEAD.get(home)
    return None if instead is None else overlay(instead)


def give_up(home: str, why: str) -> None:
    """From now on do without an overlay whose kernels cannot be compiled."""
    UNUSABLE[home] = why
    overlay.cache_clear()


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
    RULES.clear()
    PLANS.clear()


bfloat.WAITING.append(forget)


def transfer(raw: object, device: str) -> object:
    """A copy of an array on another device; between GPUs it does not come by the host."""
    home, target = backend(type(raw)), named(device)
    if home.device == target.device:
        return target.asarray(raw)
    return target.asarray(home.to_host(raw))


def pinned(raw: object) -> object:
    """A NumPy array in page-locked memory where a GPU can read it, anything else as it is."""
    if not isinstance(raw, np.ndarray):
        return raw
    try:
        return named("cuda").pinned(raw)
    except RuntimeError:
        return raw


def device_of(raw: object) -> Device:
    """Where an array lies; of several GPUs, on which."""
    space = backend(type(raw))
    index_of = getattr(space, "index_of", None)
    return Device(space.device) if index_of is None else Device(space.device, index_of(raw))


def exact(device: Device) -> Device:
    """`device` as tensors there tell it: a GPU that says no number is the current one."""
    if device.type != "cuda":
        return Device(device.type)
    return device if device.index is not None else Device("cuda", named("cuda").current_device())


def is_here(raw: object) -> bool:
    """Whether operators on arrays run where `raw`, or a Tensor's array, lies."""
    raw = getattr(raw, "raw", raw)
    space = backend(type(raw))
    return not hasattr(space, "index_of") or space.index_of(raw) == space.current_device()


HERE = contextlib.nullcontext()


def on(raw: object) -> contextlib.AbstractContextManager:
    """A context in which operators on arrays run where `raw`, or a Tensor's array, lies."""
    raw = getattr(raw, "raw", raw)
    space = backend(type(raw))
    return space.on(space.index_of(raw)) if hasattr(space, "index_of") else HERE


def get_default_device() -> Device:
    """Where this thread makes tensors if nothing is said; see `set_default_device`.

    Raises: RuntimeError where that is a GPU and there is none.
    """
    return exact(Device.default())


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
