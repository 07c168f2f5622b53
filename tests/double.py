"""A strict stand-in for CuPy that computes on the CPU: the device double.

Kernels and rules that were only ever run on NumPy collect habits that CuPy refuses. The double
holds NumPy arrays inside, and lets through what CuPy lets through:

- Names and signatures come from the installed `cupy` package (which imports without a GPU): an
  array method or function that CuPy lacks is an AttributeError, an argument that it lacks a
  TypeError. What CuPy has and the double cannot imitate is a NotImplementedError.
- Host and device do not mix: an np.ndarray or a list beside a DArray is a TypeError.
- Reductions and integer indices give 0-d arrays, never NumPy scalars.
- Every read of device data by the host is written to `SYNCS`, and so is every silent copy in the
  other direction (lists and NumPy arrays used as indices). `counting_syncs` collects them.
- What CuPy leaves open raises `Undefined`: duplicate indices in an assignment, indices out of
  bounds, writing to memory that overlaps itself, casting to an integer type a number that it does
  not hold, a strided view that leaves its memory. Fresh memory from `empty` is poisoned.

Stricter than CuPy on purpose: einsum refuses host arrays, which CuPy uploads unasked; keywords are
taken only where NumPy and CuPy give the parameter one name.

It says nothing about speed, about races, or about CUDA code. It is no GPU test.
"""

import types

import numpy as np
from double_array import TAPES, DArray, call_as_cupy, compute, to_host, wrap
from double_rules import (
    NUMBERS,
    SYNCS,
    Signature,
    Undefined,
    check_cast,
    counting_syncs,
    cupy,
    note,
    words,
)

__all__ = [
    "BACKEND",
    "SYNCS",
    "DArray",
    "Undefined",
    "asarray",
    "asnumpy",
    "counting_syncs",
    "cupy",
    "xp",
]

# Functions whose first parameter is called a, x or arr and may still be a number.
TAKES_NUMBERS = words(
    "allclose around average cross diff iscomplex iscomplexobj isclose isneginf isposinf isreal "
    "isrealobj kron nan_to_num ndim percentile round shape"
)

# NumPy answers with a Python number, CuPy with a 0-d array: nobody has waited for the value yet.
ANSWERS_ON_DEVICE = words("allclose array_equal array_equiv count_nonzero")


class UFunc:
    """An elementwise function: arrays and numbers in, with CuPy's few arguments and methods."""

    def __init__(self, genuine, host):
        self.genuine = genuine
        self.host = host
        self.__name__ = host.__name__
        self.nin = genuine.nin
        self.nout = genuine.nout

    def __call__(self, *args, **kwargs):
        unknown = kwargs.keys() - {"out", "dtype", "casting"}
        if unknown:
            raise TypeError(f"cupy.{self.__name__} takes no {sorted(unknown)}")
        if not self.nin <= len(args) <= self.nin + self.nout:
            raise TypeError(f"cupy.{self.__name__} takes {self.nin} inputs, not {len(args)}")
        for arg in args[: self.nin]:
            if not isinstance(arg, (DArray, *NUMBERS)):
                raise TypeError(f"Unsupported type {type(arg)} for cupy.{self.__name__}")
        if len(args) > self.nin:
            kwargs["out"] = args[self.nin :]
        return compute(self.host, args[: self.nin], kwargs)

    def at(self, a, indices, b=None):
        """`a[indices] = self(a[indices], b)` in place, repeated indices taken one by one."""
        if self.genuine._scatter_op is None:
            raise NotImplementedError(f"cupy.{self.__name__}.at is not supported")
        if isinstance(indices, list | np.ndarray):
            note("host index copied to the device")
            indices = wrap(np.asarray(indices))
        compute(self.host.at, (a, indices, b), {})

    def reduce(self, array, axis=0, dtype=None, out=None, keepdims=False):
        """The reduction over `axis`, for the two functions for which CuPy has it."""
        return self.folded("reduce", array, axis, dtype, out, keepdims)

    def accumulate(self, array, axis=0, dtype=None, out=None):
        """The running reduction, for the two functions for which CuPy has it."""
        return self.folded("accumulate", array, axis, dtype, out)

    def folded(self, form, *args):
        """The ufunc's method `form`. Raises: NotImplementedError except for add and multiply."""
        if self.genuine.name not in ("cupy_add", "cupy_multiply"):
            raise NotImplementedError(f"cupy.{self.__name__}.{form} is not supported")
        return compute(getattr(self.host, form), args, {})


def function(genuine, host, name):
    """CuPy's function `name`: its signature, NumPy's computation."""
    signature = Signature(genuine, name)
    first = next(iter(signature.signature.parameters), None)
    wants_array = first in ("a", "x", "arr") and name not in TAKES_NUMBERS

    def call(*args, **kwargs):
        names = signature.names(args, kwargs)
        if wants_array and args and isinstance(args[0], NUMBERS):
            raise TypeError(f"cupy.{name} takes an array, not {args[0]!r}")
        result = call_as_cupy(name, host, names, args, kwargs)
        return wrap(result) if name in ANSWERS_ON_DEVICE else result

    call.__name__ = name
    return call


class Module:
    """A module of CuPy: AttributeError exactly where the genuine one has no such name."""

    def __init__(self, genuine, host):
        self._genuine = genuine
        self._host = host

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        made = self._made(name, getattr(self._genuine, name))
        setattr(self, name, made)  # found without this method from now on
        return made

    def _made(self, name, genuine):
        host = getattr(self._host, name, None)
        if isinstance(genuine, types.ModuleType):
            return Module(genuine, host)
        if isinstance(genuine, type) and host is not None:
            return host
        if genuine is None or not callable(genuine) or genuine is host:
            return genuine
        if host is None:
            raise NotImplementedError(f"the double has no {self._genuine.__name__}.{name}")
        if isinstance(genuine, cupy.ufunc):
            return UFunc(genuine, host)
        return function(genuine, host, name)


# ----------------------------------------------------------------- what is not NumPy's function


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    """A new device array with the contents of `obj`, which may live anywhere."""
    if type(obj) is DArray and not copy and dtype in (None, obj.dtype) and obj.ndim >= ndmin:
        return obj
    found = []
    if TAPES and type(obj) is not DArray:
        note("host values copied to the device")
    host = obj if isinstance(obj, np.ndarray) else to_host(obj, found)
    if isinstance(obj, list | tuple) and found and not all(type(o) is DArray for o in obj):
        raise TypeError("device arrays and numbers in one list: a host-to-device conversion")
    made = np.array(host, dtype, order=order, ndmin=ndmin)
    if made.dtype.name == "bfloat16":
        raise NotImplementedError("the double has no bfloat16: NumPy's loops for it are not CuPy's")
    if made.dtype.kind not in "biufc":
        raise ValueError(f"Unsupported dtype {made.dtype}")
    if type(obj) is DArray:
        check_cast(obj._host, made.dtype)
    made = wrap(made)
    if TAPES:
        TAPES[-1].add(np.array, (host, dtype), {"order": order, "ndmin": ndmin}, made)
    return made


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    """`a` as a device array: itself if it is one of that dtype, else a copy on the device."""
    return array(a, dtype, copy=bool(copy), order=order or "K")


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    """A copy of `a` in host memory; the host waits for it."""
    return a.get(stream, order, out, blocking) if type(a) is DArray else np.asarray(a, order=order)


def get_array_module(*args):
    """The double's module where an argument is on the device, else NumPy."""
    return xp if any(isinstance(a, DArray) for a in args) else np


def einsum(*operands, **kwargs):
    """Products of the operands summed over the indices that the result does not have."""
    unknown = kwargs.keys() - {"dtype", "optimize"}
    if unknown:
        raise TypeError(f"cupy.einsum takes no {sorted(unknown)}")
    return compute(np.einsum, operands, kwargs)


def as_strided(x, shape=None, strides=None):
    """A view of x's memory with any shape and strides; its base is None, as CuPy makes it.

    Raises: Undefined where the view would reach outside the memory that x stands in.
    """
    host = np.lib.stride_tricks.as_strided(x._host, shape, strides)
    low, high = np.lib.array_utils.byte_bounds(x._root._host)
    first, last = np.lib.array_utils.byte_bounds(host)
    if host.size and not low <= first <= last <= high:
        raise Undefined(f"strides {strides} with shape {shape} leave the memory of the array")
    return wrap(host)


def sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    """Windows of `window_shape` as trailing axes of a view.

    CuPy uploads `window_shape` and reads it back, one number at a time: use as_strided.
    """
    if writeable:
        raise NotImplementedError("Writeable views are not supported.")
    note("sliding_window_view")
    windows = np.lib.stride_tricks.sliding_window_view
    return wrap(windows(x._host, window_shape, axis, writeable=True))


class Generator:
    """Random numbers with the methods of cupy.random.Generator; other numbers than a GPU's."""

    def __init__(self, seed=None):
        self._host = np.random.default_rng(seed)


def draw(name):
    """The method `name` of Generator: CuPy's signature, NumPy's numbers, on the device."""
    signature = Signature(getattr(cupy.random.Generator, name), name)

    def call(self, *args, **kwargs):
        signature.names(args, kwargs)
        return compute(lambda *a, **k: np.asarray(getattr(self._host, name)(*a, **k)), args, kwargs)

    call.__name__ = name
    return call


for _name in dir(cupy.random.Generator):
    if not _name.startswith("_"):
        setattr(Generator, _name, draw(_name))

xp = Module(cupy, np)
xp.ndarray = DArray
xp.array = array
xp.asarray = xp.asanyarray = asarray
xp.asnumpy = asnumpy
xp.get_array_module = get_array_module
xp.einsum = einsum
xp.astype = lambda x, dtype, /, *, copy=True: x.astype(dtype, copy=copy)
xp.lib.stride_tricks.as_strided = as_strided
xp.lib.stride_tricks.sliding_window_view = sliding_window_view
xp.random = Module(cupy.random, None)
xp.random.Generator = Generator
xp.random.default_rng = Generator
DArray._xp = xp

BACKEND = types.SimpleNamespace(name="double", xp=xp, asarray=asarray)
