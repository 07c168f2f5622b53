"""What CuPy refuses, what makes it wait, and what it leaves undefined: the rules of the double.

The only file that imports CuPy. Names and signatures are read from the installed package, which
needs no GPU for that; what its docstrings do not say was read in its sources (version 14.2).
"""

import contextlib
import functools
import inspect
import re

import numpy as np
import pytest

cupy = pytest.importorskip(
    "cupy",
    reason="the device double takes its names from CuPy, which needs no GPU to be imported: "
    "install the extra cuda12 or cuda13",
)

SYNCS = []  # what made host and device wait for each other, oldest first
LISTENERS = [SYNCS]
NUMBERS = (bool, int, float, complex, np.generic)


class Undefined(Exception):
    """CuPy would go on here, with a result that its documentation leaves open."""


def words(text):
    """The set of the words of a text."""
    return frozenset(text.split())


def note(what):
    """Record that host and device had to meet."""
    for listener in LISTENERS:
        listener.append(what)


@contextlib.contextmanager
def counting_syncs():
    """The list that receives every synchronisation inside the `with` block."""
    seen = []
    LISTENERS.append(seen)
    try:
        yield seen
    finally:
        LISTENERS[:] = [listener for listener in LISTENERS if listener is not seen]


def described(member):
    """The signature in the first line of a compiled function's docstring."""
    line = (member.__doc__ or "").strip().split("\n")[0]
    parameters = re.fullmatch(r"[\w.]+\((.*?)\)(?: -> .*)?", line).group(1)
    parameters = re.sub(r"\b(?:int|Py_ssize_t|_ndarray_base) (?=\w)", "", parameters)
    parameters = re.sub(r"^self(?:, )?", "", parameters)
    return inspect.signature(eval(f"lambda {parameters}: None", {"numpy": np}))


class Signature:
    """CuPy's signature of one function or method: refuses the calls that CuPy refuses."""

    def __init__(self, member, name):
        self.name = name
        try:
            self.signature = inspect.signature(member)
        except (TypeError, ValueError):
            self.signature = described(member)
        self.known = {}  # (number of positional arguments, keywords) -> names of the positional

    def names(self, args, kwargs):
        """The names of the positional arguments.

        Raises: TypeError where CuPy's signature does not take this call.
        """
        form = (len(args), *kwargs)
        if form not in self.known:
            try:
                bound = self.signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"cupy's {self.name}{self.signature}: {error}") from None
            self.known[form] = tuple(bound.arguments)[: len(args)]
        return self.known[form]


# Where NumPy would turn a list into an array, and CuPy takes arrays and numbers only.
ARRAY_PARAMETERS = words("a a1 a2 a_max a_min arr b condition m v x x1 x2 y")

# They wait for the device too, but their docstrings do not say so.
WAITING = words(
    "argwhere choose intersect1d percentile quantile setdiff1d setxor1d trim_zeros union1d "
    "unique_all unique_counts unique_inverse unique_values"
)


def waits(name, args, kwargs):
    """Whether CuPy's function or method `name` reads device data on the host."""
    if name == "where":
        return len(args) + len(kwargs) == 1
    if name == "average":
        return len(args) > 2 or "weights" in kwargs
    if name == "repeat":
        return not isinstance(args[1] if len(args) > 1 else kwargs["repeats"], int)
    return name in WAITING or documented_to_wait(name)


@functools.cache
def documented_to_wait(name):
    """Whether CuPy's docstring for `name` says that it may synchronize."""
    members = [getattr(owner, name, None) for owner in (cupy, cupy.ndarray)]
    return any("synchronize" in (getattr(member, "__doc__", "") or "") for member in members)


def check_writable(host):
    """Nothing, for memory in which every element has a place of its own.

    Raises: Undefined otherwise: threads would write to one place in no given order.
    """
    if not host.size:
        return
    reach = host.itemsize
    steps = sorted((abs(step), n) for step, n in zip(host.strides, host.shape, strict=True))
    for step, n in steps:
        if n > 1 and step < reach:
            raise Undefined(f"elements of {host.shape} with strides {host.strides} overlap")
        reach += step * (n - 1)


@np.errstate(all="ignore")
def check_cast(host, dtype):
    """Nothing, where every number of `host` has a value in `dtype`.

    Raises: Undefined for a float outside the range of an integer type, nan and inf included.
    """
    if host.dtype.kind != "f" or dtype.kind not in "iu":
        return
    bounds = np.iinfo(dtype)
    whole = np.trunc(host)
    if not np.all((whole >= float(bounds.min)) & (whole < bounds.max + 1.0)):
        raise Undefined(f"a value of the {host.dtype} array has no place in {dtype}")


def check_distinct(host, parts):
    """Nothing, where `host[parts]` names no element twice. Raises: Undefined otherwise."""
    places = np.arange(host.size).reshape(host.shape)[parts]
    if np.unique(places).size < places.size:
        raise Undefined("an assignment to duplicate indices: any of the values may stay")
