"""Every gate, and the table that attaches gates to Value and Tensor as operators and methods."""

import functools
import inspect

from ..graph import STATE
from ..tensor import Tensor, TensorNode
from ..value import Value
from . import activation, conv, create, loss, norm, pointwise, pool, reduce, shape  # noqa: F401  all gates
from .pointwise import (
    add,
    div,
    equal,
    floor_divide,
    greater,
    greater_equal,
    less,
    less_equal,
    mul,
    neg,
    not_equal,
    pow,
    remainder,
    sub,
)
from .reduce import matmul
from .shape import cast, getitem, permute, raw_key, sum_to, transpose, varied

ARITHMETIC = {
    "add": add,
    "sub": sub,
    "mul": mul,
    "truediv": div,
    "floordiv": floor_divide,
    "mod": remainder,
    "pow": pow,
}
ORDER = {"lt": less, "le": less_equal, "gt": greater, "ge": greater_equal}
IN_PLACE = {"add": add, "sub": sub, "mul": mul, "truediv": div}

# Methods by the names of the functions they are.
POINTWISE = (
    *("abs", "square", "reciprocal", "sign", "floor", "ceil", "trunc", "round", "clamp"),
    *("exp", "expm1", "log", "log2", "log1p", "sqrt", "rsqrt", "maximum", "minimum"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh"),
    *("isnan", "isinf", "isfinite"),
)
ACTIVATION = ("tanh", "sigmoid", "relu", "leaky_relu", "elu")
REDUCE = (
    *("sum", "mean", "var", "std", "norm", "prod", "cumsum", "logsumexp", "any", "all"),
    *("max", "min", "amax", "amin", "argmax", "argmin", "matmul", "mm", "dot", "outer"),
)
SHAPE = (
    *("transpose", "movedim", "unsqueeze", "squeeze", "flatten", "unflatten", "view"),
    *("split", "chunk", "unbind", "gather", "clone"),
)


def reflected(operator):
    """The operator with its operands exchanged."""
    return lambda x, y: operator(y, x)


def augmented(name: str, call):
    """`x op= y`: writes outside the graph and into leaves, makes a new tensor on the graph."""

    def assign(x, y):
        interior = x.node is not None and x.node.gate is not None
        joins = x.node is None and STATE.recording and getattr(y, "node", None) is not None
        return call.operator(x, y) if interior or joins else x.write(name, call, y)

    return assign


def in_place(name: str, call):
    """The in-place method `name`."""

    def method(x, *args, **settings):
        return x.write(name, functools.partial(call, **settings), *args)

    method.__name__ = name
    method.__doc__ = f"x, with {name[:-1]}(x, ...) written into it."
    method.__signature__ = inspect.signature(call)
    return method


def where_method(x, condition, y):
    """x where the condition holds, else y."""
    return pointwise.where(condition, x, y)


def of_shape(gate):
    """A gate of one shape as a method that also takes the sizes one by one."""

    def method(x, *sizes):
        return gate(x, varied(sizes))

    method.__name__ = gate.__name__
    method.__doc__ = gate.__doc__
    return method


def in_dtype(name: str):
    """The method that casts to a dtype."""

    def method(x):
        return create.to(x, dtype=name)

    method.__doc__ = f"x as {name}."
    return method


def on_device(name: str):
    """The method that moves to a device."""

    def method(x):
        return create.to(x, device=name)

    method.__doc__ = f"x on the device {name!r}; x itself if it is there."
    return method


def fit(g, node: TensorNode):
    """A gradient, raw or a Tensor, in the shape and dtype of the node it goes to."""
    if g.shape != node.shape:
        g = sum_to(g, node.shape)
    return g if g.dtype == node.dtype else cast(g, node.dtype)


def form(cls: type, call):
    """The form of a gate for the class: a Value need not be asked whether it is a Tensor."""
    return getattr(call, "on_values", call) if cls is Value else call


def attach_operators(cls: type) -> None:
    """Give `cls` Python's operators."""
    for name, call in ARITHMETIC.items():
        operator = form(cls, call.operator)
        setattr(cls, f"__{name}__", operator)
        setattr(cls, f"__r{name}__", reflected(operator))
    for name, call in ORDER.items():
        setattr(cls, f"__{name}__", form(cls, call.operator))
    cls.__neg__ = form(cls, neg)
    cls.__pos__ = lambda x: x
    cls.__abs__ = form(cls, pointwise.abs)


def attach() -> None:
    """Give Value and Tensor their operators and methods."""
    for cls in (Value, Tensor):
        attach_operators(cls)
        for name in POINTWISE:
            setattr(cls, name, getattr(pointwise, name))
        for name in ACTIVATION:
            setattr(cls, name, getattr(activation, name))
    for cls, names, space in ((Tensor, REDUCE, reduce), (Tensor, SHAPE, shape)):
        for name in names:
            setattr(cls, name, getattr(space, name))
    Tensor.__matmul__ = matmul.operator
    Tensor.__rmatmul__ = reflected(matmul.operator)
    Tensor.__eq__ = equal.operator  # a Value keeps identity: nodes live in sets
    Tensor.__ne__ = not_equal.operator
    Tensor.__getitem__ = getitem
    Tensor.__setitem__ = lambda x, key, value: x.put(raw_key(x, key), value)
    for name, call in IN_PLACE.items():
        short = name.removeprefix("true") + "_"
        setattr(Tensor, f"__i{name}__", augmented(short, call))
        setattr(Tensor, short, in_place(short, call))
    Tensor.clamp_ = in_place("clamp_", pointwise.clamp)
    Tensor.copy_ = in_place("copy_", lambda x, y: y)
    Tensor.fill_ = in_place("fill_", lambda x, value: value)
    Tensor.zero_ = in_place("zero_", lambda x: 0)
    for gate in (shape.reshape, shape.permute, shape.expand, shape.flip):
        setattr(Tensor, gate.__name__, of_shape(gate))
    Tensor.softmax = loss.softmax
    Tensor.log_softmax = loss.log_softmax
    Tensor.where = where_method
    Tensor.to = create.to
    Tensor.cpu = on_device("cpu")
    Tensor.cuda = on_device("cuda")
    Tensor.half = in_dtype("float16")
    Tensor.float = in_dtype("float32")
    Tensor.double = in_dtype("float64")
    Tensor.long = in_dtype("int64")
    Tensor.int = in_dtype("int32")
    Tensor.bool = in_dtype("bool")
    Tensor.T = property(lambda x: permute(x, tuple(range(x.ndim))[::-1]), doc="x transposed.")
    Tensor.mT = property(lambda x: transpose(x, -1, -2), doc="x with its last axes exchanged.")
    TensorNode.fit = staticmethod(fit)


attach()
