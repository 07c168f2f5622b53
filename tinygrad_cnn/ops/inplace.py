"""Writing into tensors: operators such as `+=`, methods that end in `_`, item assignment.

A tensor outside every graph is written into, and so is a leaf under no_grad; aliases see it. A leaf
that is being recorded refuses. An interior tensor never changes: `x += y` makes a new one, methods
and item assignment raise and say what to write instead.
"""

import functools
import inspect
import operator

from ..graph import STATE, stamp
from ..kernels import can_cast, is_float, np, on
from ..kernels.capture import noted
from ..tensor import Tensor, wrap
from . import (
    activation,
    comparison,
    diagonal,
    elementwise,
    erf,
    gathering,
    pointwise,
    trigonometry,
)

AUGMENTED = {
    "add": pointwise.add,
    "sub": pointwise.sub,
    "mul": pointwise.mul,
    "truediv": pointwise.div,
    "floordiv": comparison.floor_divide,
    "mod": pointwise.remainder,
    "pow": pointwise.pow,
    "and": comparison.bitwise_and,
    "or": comparison.bitwise_or,
    "xor": comparison.bitwise_xor,
}
METHODS = {
    elementwise: ("add", "sub", "div", "round", "masked_fill"),
    pointwise: (
        *("mul", "pow", "remainder", "fmod", "abs", "neg", "square", "reciprocal", "frac"),
        *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt"),
        *("clamp", "clamp_min", "clamp_max", "nan_to_num", "lerp", "addcmul", "addcdiv"),
    ),
    trigonometry: (
        *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh"),
    ),
    erf: ("erf", "erfc"),
    comparison: (
        *("sign", "floor", "ceil", "trunc", "floor_divide"),
        *("logical_not", "bitwise_not", "bitwise_and", "bitwise_or", "bitwise_xor"),
    ),
    activation: ("relu", "leaky_relu", "elu", "sigmoid", "tanh"),
    gathering: ("scatter", "scatter_add", "index_add"),
    diagonal: ("tril", "triu"),
}


# --- who may be written ---------------------------------------------------------------------------


def check_write(x: Tensor, name: str, args: tuple) -> None:
    """Raise RuntimeError where writing into x would change a graph behind its back, or its own
    elements twice."""
    node = x.node
    if node is not None and node.gate is not None:
        raise RuntimeError(
            f"{name} would overwrite a tensor that is on the graph; use the form that makes a "
            "new tensor, as in x = x + y"
        )
    if STATE.recording and node is not None:
        raise RuntimeError(
            f"{name}: a leaf Variable that requires grad is being used in an in-place "
            "operation; write under no_grad()"
        )
    if STATE.recording and any(isinstance(a, Tensor) and a.node is not None for a in args):
        raise RuntimeError(f"{name} would lose a gradient; write x = x + y and the like")
    if not writeable(x.raw):
        raise RuntimeError(
            f"{name}: elements of this tensor share memory with each other, as expand() makes "
            "them, or belong to a read-only array; clone() it before writing"
        )


def writeable(raw) -> bool:
    """Whether an array may be written, and each of its elements has a place of its own."""
    told = getattr(raw.flags, "writeable", None)
    if told is not None:
        return told
    steps = zip(raw.shape, getattr(raw, "strides", ()), strict=False)  # shapes alone have none
    return not raw.size or not any(n > 1 and step == 0 for n, step in steps)


def constant(value):
    """A Tensor outside the graph; a number as it is."""
    return wrap(value.raw, None) if isinstance(value, Tensor) else value


def write(x: Tensor, name: str, gate, *args) -> Tensor:
    """x, with gate(x, *args) written into its array: the in-place method `name`.

    Raises: RuntimeError where a graph would be changed behind its back, where the result has
    another shape, or a dtype that PyTorch does not cast to x's.
    """
    check_write(x, name, args)
    z = gate(wrap(x.raw, None), *map(constant, args))
    if not can_cast(z.dtype, x.dtype):
        raise RuntimeError(f"{name}: result type {z.dtype} can't be cast to {x.dtype}")
    if z.shape != x.shape:
        raise RuntimeError(f"{name}: a result of shape {z.shape} for a tensor of {x.shape}")
    with on(x.raw):
        noted(operator.setitem, x.raw, ..., z.raw)
    stamp(x.raw)
    return x


def put(x: Tensor, key, value) -> Tensor:
    """x, with `value` broadcast and cast into x.raw[key].

    Raises: RuntimeError where a graph would be changed behind its back, and for a number that x's
    dtype cannot hold; ValueError for a value that does not broadcast.
    """
    check_write(x, "item assignment", (value,))
    value = value.raw if isinstance(value, Tensor) else value
    while getattr(value, "ndim", 0) and value.shape[0] == 1:
        value = value[0]  # NumPy takes leading axes of size 1 for more than one element
    try:
        with np.errstate(all="ignore"), on(x.raw):
            noted(operator.setitem, x.raw, key, rounded(x, value))
    except OverflowError as error:
        raise RuntimeError(f"{x.dtype} cannot hold {value}") from error
    stamp(x.raw)
    return x


def rounded(x: Tensor, value):
    """A Python number as x's dtype takes it: a whole one where x's numbers are whole.

    Raises: RuntimeError for infinities and nan among whole numbers.
    """
    if not isinstance(value, float) or is_float(x.dtype):
        return value
    if not np.isfinite(value):
        raise RuntimeError(f"{x.dtype} cannot hold {value}")
    return bool(value) if x.dtype.kind == "b" else int(value)


# --- methods --------------------------------------------------------------------------------------


def copy_(x, src, non_blocking: bool = False):
    """x, with src broadcast and cast into it; from any device.

    Raises: TypeError for what is neither a Tensor nor a number, RuntimeError for a shape that does
    not broadcast.
    """
    if not isinstance(src, (Tensor, float, int, np.generic)):
        raise TypeError(f"copy_ takes a Tensor or a number, got {type(src).__name__}")
    check_write(x, "copy_", (src,))
    if isinstance(src, Tensor) and src.device != x.device:
        src = src.detach().to(x.device)
    try:
        return put(x, ..., src)
    except ValueError as error:
        raise RuntimeError(f"copy_: shape {src.shape} does not broadcast to {x.shape}") from error


def fill_(x, value):
    """x, with every element made `value`, a number or a tensor of no axes.

    Raises: TypeError for anything else, RuntimeError for a tensor of several axes.
    """
    if not isinstance(value, (Tensor, float, int, np.generic)):
        raise TypeError(f"fill_ takes a number, got {type(value).__name__}")
    if getattr(value, "ndim", 0):
        raise RuntimeError(f"fill_ takes a number or a tensor of no axes, got {value.shape}")
    check_write(x, "fill_", (value,))
    return put(x, ..., value)


def zero_(x):
    """x, with every element made 0."""
    check_write(x, "zero_", ())
    return put(x, ..., 0)


# --- attaching ------------------------------------------------------------------------------------


def augmented(name: str, call):
    """`x op= y`: writes outside the graph and into leaves, makes a new tensor on the graph."""

    def assign(x, y):
        interior = x.node is not None and x.node.gate is not None
        joins = x.node is None and STATE.recording and getattr(y, "node", None) is not None
        if interior or joins or not isinstance(y, (Tensor, float, int, np.generic)):
            if isinstance(y, np.ndarray):
                return assign(x, Tensor(y))
            return call.operator(x, y)  # NotImplemented for what is foreign
        return write(x, name, call, y)

    return assign


def in_place(name: str, call):
    """The in-place method `name`."""

    def method(x, *args, **settings):
        check_write(x, name, tuple(settings.values()))
        settings = {word: constant(value) for word, value in settings.items()}
        return write(x, name, functools.partial(call, **settings), *args)

    method.__name__ = name
    method.__doc__ = f"x, with {name[:-1]}(x, ...) written into it."
    method.__signature__ = inspect.signature(call)
    return method


def attach(cls: type) -> None:
    """Give Tensor what writes into it."""
    for name, call in AUGMENTED.items():
        setattr(cls, f"__i{name}__", augmented(f"{name.removeprefix('true')}_", call))
    for space, names in METHODS.items():
        for name in names:
            setattr(cls, f"{name}_", in_place(f"{name}_", getattr(space, name)))
    for method in (check_write, put, copy_, fill_, zero_):
        setattr(cls, method.__name__, method)
