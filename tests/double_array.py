"""The array of the device double: an np.ndarray inside, cupy.ndarray's manners outside.

`double.py` says what the double is for and adds the array module; tests import that one.
Its methods are made from cupy.ndarray's names and signatures and NumPy's computations.
"""

import functools
import types

import numpy as np
from double_rules import (
    ARRAY_PARAMETERS,
    NUMBERS,
    Signature,
    Undefined,
    check_cast,
    check_distinct,
    check_writable,
    cupy,
    note,
    waits,
)

# ------------------------------------------------------------------- host inside, device outside

# What double_streams.py adds, which a test asks for: who is told of each operation (the graph that
# is being captured) and of fresh memory (the pool it is taken from), and several devices.
TAPES = []
POOLS = []
PLACE = types.SimpleNamespace(current=0, several=False)


def wrap(host, base=None):
    """A DArray around a host array; `base` is the DArray whose memory it shows."""
    made = object.__new__(DArray)
    made._host = np.asarray(host)
    if not made._host.flags.writeable:
        made._host.flags.writeable = True  # CuPy has no such flag; see check_writable
    made.base = base
    made._index = PLACE.current if base is None else base._index
    if POOLS and base is None:
        POOLS[-1].took(made)
    return made


def check_place(found):
    """Nothing, where all arrays are on the current device. Raises: ValueError otherwise."""
    for array in found:
        if array._index != PLACE.current:
            raise ValueError(
                "Array device must be same as the current device: array device = "
                f"{array._index} while current = {PLACE.current}"
            )


def to_host(value, found):
    """`value` with the host array in place of every DArray, which are appended to `found`.

    Raises: TypeError for a NumPy array.
    """
    kind = type(value)
    if kind is DArray:
        found.append(value)
        return value._host
    if kind in (list, tuple):
        return kind([to_host(v, found) for v in value])
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {kind}: a host array met a device array")
    return value


def to_device(result, sources):
    """`result` with DArrays for arrays; an array that shows a source's memory says so.

    NumPy's views name the array that owns the memory as their base, CuPy's do too.
    """
    if isinstance(result, np.generic):
        return wrap(result)
    if isinstance(result, np.ndarray):
        for source in sources:
            if result is source._host:
                return source
            if result.base is not None and shares(result.base, source._host):
                return wrap(result, source._root)
        return wrap(result)
    if isinstance(result, tuple | list):
        return type(result)([to_device(r, sources) for r in result])
    return result


def shares(owner, host):
    """Whether `owner` is the array that `host` shows, or `host` itself."""
    return owner is host or owner is host.base


@np.errstate(all="ignore")  # CuPy never warns
def compute(function, args, kwargs):
    """`function` run on the host arrays inside its arguments, its result on the device."""
    found = []
    args = to_host(tuple(args), found)
    kwargs = {name: to_host(value, found) for name, value in kwargs.items()}
    if PLACE.several:
        check_place(found)
    if TAPES:
        TAPES[-1].touch(found)
    if kwargs.get("out") is not None:
        for written in kwargs["out"] if type(kwargs["out"]) is tuple else (kwargs["out"],):
            check_writable(written)
    try:
        result = function(*args, **kwargs)
    except IndexError as error:
        if type(error) is IndexError and "out of bounds" in str(error):
            raise Undefined(f"CuPy would wrap around: {error}") from error
        raise
    made = to_device(result, found)
    if TAPES:
        TAPES[-1].add(function, args, kwargs, made)
    return made


def poisoned(array):
    """`array` with contents that show up in any result: nan, or the largest integer."""
    kind = array.dtype.kind  # V is that of bfloat16
    array._host[...] = np.nan if kind in "fcV" else kind == "b" or np.iinfo(array.dtype).max
    return array


# --------------------------------------------------------------------- calling as CuPy is called


def as_cupy_takes(parameter, value):
    """`value` as CuPy's parameter of that name takes it: indices are uploaded, unasked.

    Raises: TypeError for a list where CuPy wants an array, and for anything but arrays to join.
    """
    if not isinstance(value, list | tuple | np.ndarray):
        return value
    if parameter == "tup" and not all(type(v) is DArray for v in value):
        raise TypeError("Only cupy arrays can be concatenated")
    if parameter == "indices":
        note("host index copied to the device")
        return wrap(np.asarray(value))
    if parameter in ARRAY_PARAMETERS and not isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)} for {parameter}: CuPy takes arrays there")
    return value


def call_as_cupy(name, function, names, args, kwargs):
    """NumPy's `function` in place of CuPy's `name`, whose positional parameters are `names`."""
    if waits(name, args, kwargs):
        note(name)
    named = [as_cupy_takes(*pair) for pair in zip(names, args, strict=False)]
    args = [*named, *args[len(names) :]]
    kwargs = {parameter: as_cupy_takes(parameter, value) for parameter, value in kwargs.items()}
    if name == "astype":
        check_cast(args[0]._host, np.dtype(kwargs["dtype"] if len(args) == 1 else args[1]))
    result = compute(function, args, kwargs)
    return poisoned(result) if name in ("empty", "empty_like") else result


# -------------------------------------------------------------------------------- the array


class DArray:
    """What the double has for cupy.ndarray: `DArray(shape, dtype)` is fresh, poisoned memory."""

    __slots__ = ("__weakref__", "_host", "_index", "base")
    __hash__ = None
    __array_priority__ = 100
    _xp = None  # the array module, set by double.py

    def __init__(self, shape, dtype=float, memptr=None, strides=None, order="C"):
        if memptr is not None or strides is not None:
            raise NotImplementedError("the double has no device pointers; use as_strided")
        self._host = np.empty(shape, dtype, order)
        self.base = None
        self._index = PLACE.current
        poisoned(self)

    @property
    def _root(self):
        """The array that owns the memory."""
        return self if self.base is None else self.base

    # What the host may ask without waiting.
    device = property(lambda self: types.SimpleNamespace(id=self._index))
    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    strides = property(lambda self: self._host.strides)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    T = property(lambda self: wrap(self._host.T, self._root))
    mT = property(lambda self: wrap(self._host.mT, self._root))
    real = property(lambda self: to_device(self._host.real, [self]))
    imag = property(lambda self: to_device(self._host.imag, [self]))

    @shape.setter
    def shape(self, shape):
        self._host = self._host.reshape(shape, copy=False)

    @property
    def flags(self):
        """CuPy's own flags: contiguity and ownership, nothing about writing."""
        held = self._host.flags
        return cupy._core.flags.Flags(held.c_contiguous, held.f_contiguous, self.base is None)

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __reduce__(self):
        return wrap, (self.get(),)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    # What NumPy does when it meets the array.

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed; asnumpy() is explicit"
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        mine = getattr(self._xp, ufunc.__name__, None)
        if mine is None or not all(isinstance(i, (*NUMBERS, np.ndarray, DArray)) for i in inputs):
            return NotImplemented
        if "out" in kwargs:
            kwargs["out"] = kwargs["out"][0]
        return (mine if method == "__call__" else getattr(mine, method))(*inputs, **kwargs)

    def __array_function__(self, function, kinds, args, kwargs):
        path = function.__module__.split(".")[1:]
        try:
            mine = getattr(functools.reduce(getattr, path, self._xp), function.__name__)
        except AttributeError:
            return NotImplemented
        return mine(*args, **kwargs)

    # Reads: the host waits.

    def _read(self, why):
        """The host array, noting why it is wanted."""
        note(why)
        return self._host

    def get(self, stream=None, order="C", out=None, blocking=True):
        """A copy in host memory."""
        if out is None:
            return np.array(self._read("get"), order=order)
        out[...] = self._read("get")
        return out

    def set(self, arr, stream=None):
        """Copy a host array of the same shape and dtype into this one."""
        if (arr.shape, arr.dtype) != (self.shape, self.dtype):
            raise ValueError(f"Shape mismatch. Old {self.shape}, new {arr.shape}")
        if TAPES:
            note("host values copied to the device")
        self._host[...] = arr

    def item(self):
        """The only element, as a Python number."""
        return self._read("item").item()

    def tolist(self):
        """The elements in nested lists."""
        return self._read("tolist").tolist()

    def tobytes(self, order="C"):
        """The elements as bytes."""
        return self._read("tobytes").tobytes(order)

    def __bool__(self):
        return bool(self._read("bool"))

    def __int__(self):
        return int(self._read("int"))

    def __float__(self):
        return float(self._read("float"))

    def __complex__(self):
        return complex(self._read("complex"))

    def __format__(self, form):
        return format(self._read("format"), form)

    def __repr__(self):
        return f"DArray({self._read('repr')!r})"

    # Indexing.

    def __getitem__(self, index):
        parts, advanced = host_index(index)
        if not advanced:
            return wrap(self._host[parts], self._root)
        return compute(lambda: self._host[parts].copy(), (), {})

    def __setitem__(self, index, value):
        check_writable(self._host)
        parts, advanced = host_index(index)
        if PLACE.several:
            check_place([self])
        if TAPES:
            TAPES[-1].touch([self])
        if isinstance(value, list | tuple | np.ndarray):
            value = np.asarray(value, self.dtype)
            if value.ndim and not advanced:
                raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
            if value.ndim:
                note("host values copied to the device")
        elif isinstance(value, DArray):
            value = value._host

        if not advanced:
            self._host[parts] = value
            if TAPES:
                TAPES[-1].add(self._host.__setitem__, (parts, value), {}, None)
            return

        def assign():
            self._host.copy()[parts] = value  # shapes that do not fit are told first
            if np.size(value) > 1:
                check_distinct(self._host, parts)
            self._host[parts] = value

        compute(assign, (), {})


def host_index(index):
    """`index` for the host array, as a tuple, and whether arrays in it make the result a copy.

    The tuple of a basic index ends in an ellipsis: NumPy then gives 0-d views, as CuPy does.
    """
    parts = []
    advanced = False
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, DArray):
            advanced = True
            if part.dtype == bool:
                note("boolean mask")
            part = part._host
        elif isinstance(part, list | tuple | np.ndarray | bool | np.bool_):
            advanced = True
            note("host index copied to the device")
        parts.append(part)
    if not advanced and Ellipsis not in parts:
        parts.append(Ellipsis)
    return tuple(parts), advanced


def operand(other):
    """The host number or array of an operator's other side; NotImplemented to let it answer.

    Raises: TypeError for host arrays, lists and whatever else CuPy has no kernel for.
    """
    if type(other) is DArray:
        if PLACE.several:
            check_place([other])
        return other._host
    if isinstance(other, NUMBERS):
        return other
    if getattr(type(other), "__array_ufunc__", type) is None:
        return NotImplemented
    raise TypeError(f"Unsupported type {type(other)} beside a device array")


def unary(name, function):
    """The method `name` of an operator on one array."""

    def method(self):
        return compute(function, (self,), {})

    method.__name__ = name
    return method


def binary(name, function, reflected=False):
    """The method `name` of an operator on two numbers or arrays."""

    def method(self, other):
        other = operand(other)
        if other is NotImplemented:
            return NotImplemented
        pair = (other, self._host) if reflected else (self._host, other)
        if PLACE.several:
            check_place([self])
        with np.errstate(all="ignore"):
            made = to_device(function(*pair), ())
        if TAPES:
            TAPES[-1].add(function, pair, {}, made)
        return made

    method.__name__ = name
    return method


def in_place(name, function):
    """The method `name` of an operator that writes its result into its left side."""

    def method(self, other):
        other = operand(other)
        if other is NotImplemented:
            return NotImplemented
        check_writable(self._host)
        if PLACE.several:
            check_place([self])
        if TAPES:
            TAPES[-1].touch([self])
            TAPES[-1].add(function, (self._host, other), {"out": self._host}, None)
        with np.errstate(all="ignore"):
            function(self._host, other, out=self._host)
        return self

    method.__name__ = name
    return method


def method(name):
    """The array method `name`: CuPy's signature, NumPy's computation."""
    signature = Signature(getattr(cupy.ndarray, name), name)
    function = getattr(np.ndarray, name, None)

    def call(self, *args, **kwargs):
        names = signature.names(args, kwargs)
        if function is None:
            raise NotImplementedError(f"the double has no cupy.ndarray.{name}")
        return call_as_cupy(name, function, ("self", *names), (self, *args), kwargs)

    call.__name__ = name
    return call


def missing(name):
    """The attribute `name` of cupy.ndarray, which the double cannot imitate."""

    def refuse(self):
        raise NotImplementedError(f"the double has no cupy.ndarray.{name}")

    return property(refuse)


BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.true_divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "divmod": np.divmod,
    "pow": np.power,
    "matmul": np.matmul,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
}
COMPARISON = {
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}
UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}


def complete():
    """Give DArray the operators and methods that the installed cupy.ndarray has."""
    for word, function in (BINARY | COMPARISON).items():
        forms = {
            f"__{word}__": binary(f"__{word}__", function),
            f"__r{word}__": binary(f"__r{word}__", function, reflected=True),
            f"__i{word}__": in_place(f"__i{word}__", function),
        }
        for name, form in forms.items():
            if hasattr(cupy.ndarray, name):
                setattr(DArray, name, form)
    for word, function in UNARY.items():
        setattr(DArray, f"__{word}__", unary(f"__{word}__", function))
    for name in dir(cupy.ndarray):
        if name.startswith("_") or hasattr(DArray, name):
            continue
        genuine = getattr(cupy.ndarray, name)
        setattr(DArray, name, method(name) if callable(genuine) else missing(name))


complete()
