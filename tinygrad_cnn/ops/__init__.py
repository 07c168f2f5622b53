"""Every gate, and the table that attaches gates to Value and Tensor as operators and methods."""

from ..tensor import Tensor, TensorNode
from ..value import Value
from . import (  # noqa: F401  all gates
    activation,
    comparison,
    contract,
    conv,
    convert,
    create,
    diagonal,
    dropout,
    elementwise,
    erf,
    gathering,
    indexing,
    inplace,
    joining,
    loss,
    norm,
    pointwise,
    pool,
    reduce,
    resample,
    sample,
    shape,
    sort,
    tiling,
    trigonometry,
)
from .contract import matmul
from .indexing import getitem, setitem
from .pointwise import add, div, mul, neg, pow, remainder, sub
from .shape import cast, permute, sum_to, transpose, varied

ARITHMETIC = {
    "add": add,
    "sub": sub,
    "mul": mul,
    "truediv": div,
    "floordiv": comparison.floor_divide,
    "mod": remainder,
    "pow": pow,
}
ORDER = ("lt", "le", "gt", "ge")
BITS = ("and", "or", "xor")


# Methods by the names of the functions they are.
POINTWISE = (
    *("abs", "absolute", "neg", "negative", "square", "reciprocal", "mul", "multiply", "pow"),
    *("remainder", "fmod", "frac", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p"),
    *("logaddexp", "sqrt", "rsqrt", "hypot", "maximum", "minimum", "clamp", "clamp_min"),
    *("clamp_max", "clip", "nan_to_num", "lerp", "addcmul", "addcdiv"),
)
TRIGONOMETRY = (
    *("sin", "cos", "tan", "sinh", "cosh", "asin", "acos", "atan", "atan2", "asinh", "acosh"),
    *("atanh", "arcsin", "arccos", "arctan", "arctan2", "arcsinh", "arccosh", "arctanh"),
)
COMPARISON = (
    *("sign", "floor", "ceil", "trunc", "fix", "floor_divide", "eq", "ne", "gt", "ge", "lt", "le"),
    *("not_equal", "greater", "greater_equal", "less", "less_equal", "isnan", "isinf", "isfinite"),
    *("logical_not", "logical_and", "logical_or", "logical_xor"),
)
BITWISE = ("bitwise_not", "bitwise_and", "bitwise_or", "bitwise_xor")  # on Tensors alone
ELEMENTWISE = (
    *("add", "sub", "subtract", "div", "divide", "true_divide", "round", "positive"),
    *("isclose", "allclose"),
)
ACTIVATION = (
    *("tanh", "sigmoid", "logsigmoid", "hardsigmoid", "softsign", "relu", "leaky_relu", "prelu"),
    *("hardtanh", "threshold", "elu", "selu", "celu", "softplus", "silu", "hardswish", "mish"),
    *("gelu", "hardshrink", "softshrink", "tanhshrink"),
)
REDUCE = (
    *("sum", "nansum", "mean", "var", "std", "norm", "prod", "cumsum", "cumprod", "logsumexp"),
    *("any", "all", "count_nonzero", "max", "min", "amax", "amin", "aminmax", "argmax", "argmin"),
)
CONTRACT = (
    *("matmul", "mm", "bmm", "mv", "dot", "outer", "inner", "addmm", "addmv", "baddbmm"),
    *("kron", "cross"),
)
SORT = ("sort", "argsort", "topk", "kthvalue", "median", "quantile", "unique", "bincount", "diff")
SHAPE = (
    *("transpose", "swapaxes", "swapdims", "t", "movedim", "moveaxis", "unsqueeze", "squeeze"),
    *("flatten", "ravel", "unflatten", "view", "view_as", "reshape_as", "expand_as"),
    *("broadcast_to", "clone"),
)
JOINING = ("split", "chunk", "tensor_split", "unbind", "narrow", "select")
TILING = ("repeat", "tile", "repeat_interleave", "roll", "unfold")
DIAGONAL = ("tril", "triu", "diag", "diagonal", "diag_embed", "trace")
GATHERING = (
    *("gather", "scatter", "scatter_add", "take_along_dim", "index_select", "index_add"),
    *("masked_select", "nonzero", "argwhere"),
)


def reflected(operator):
    """The operator with its operands exchanged."""
    return lambda x, y: operator(y, x)


def where_method(x, condition, y):
    """x where the condition holds, else y."""
    return pointwise.where(condition, x, y)


def of_shape(gate):
    """A gate of one shape as a method that also takes the sizes one by one."""

    def method(x, *sizes, **named):
        return gate(x, **named) if named else gate(x, varied(sizes))

    method.__name__ = gate.__name__
    method.__doc__ = gate.__doc__
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
    for name in ORDER:
        setattr(cls, f"__{name}__", form(cls, getattr(comparison, name).operator))
    cls.__neg__ = form(cls, neg)
    cls.__pos__ = elementwise.positive
    cls.__abs__ = form(cls, pointwise.abs)


def attach() -> None:
    """Give Value and Tensor their operators and methods."""
    for cls in (Value, Tensor):
        attach_operators(cls)
        cls.erf = erf.erf
        cls.erfc = erf.erfc
        for names, space in (
            (POINTWISE, pointwise),
            (TRIGONOMETRY, trigonometry),
            (COMPARISON, comparison),
            (ELEMENTWISE, elementwise),
            (ACTIVATION, activation),
        ):
            for name in names:
                setattr(cls, name, getattr(space, name))
    for names, space in (
        (BITWISE, comparison),
        (REDUCE, reduce),
        (CONTRACT, contract),
        (SORT, sort),
        (SHAPE, shape),
        (JOINING, joining),
        (TILING, tiling),
        (DIAGONAL, diagonal),
        (GATHERING, gathering),
    ):
        for name in names:
            setattr(Tensor, name, getattr(space, name))
    Tensor.__matmul__ = matmul.operator
    Tensor.__rmatmul__ = reflected(matmul.operator)
    for name in BITS:
        operator = getattr(comparison, f"bitwise_{name}").operator
        setattr(Tensor, f"__{name}__", operator)
        setattr(Tensor, f"__r{name}__", reflected(operator))
    Tensor.__invert__ = comparison.bitwise_not
    Tensor.__eq__ = comparison.eq.operator  # a Value keeps identity: nodes live in sets
    Tensor.__ne__ = comparison.ne.operator
    Tensor.equal = elementwise.equal
    Tensor.masked_fill = elementwise.masked_fill
    Tensor.__getitem__ = getitem
    Tensor.__setitem__ = setitem
    for gate in (shape.reshape, shape.permute, shape.expand, shape.flip):
        setattr(Tensor, gate.__name__, of_shape(gate))
    Tensor.softmax = activation.softmax
    Tensor.log_softmax = activation.log_softmax
    Tensor.where = where_method
    Tensor.T = property(lambda x: permute(x, tuple(range(x.ndim))[::-1]), doc="x transposed.")
    Tensor.mT = property(lambda x: transpose(x, -1, -2), doc="x with its last axes exchanged.")
    for space in (inplace, convert, create, sample):
        space.attach(Tensor)
    TensorNode.fit = staticmethod(fit)
    TensorNode.total = staticmethod(pointwise.gradient_sum)


attach()
