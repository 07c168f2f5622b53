"""Autograd for students, teachers and engineers: one graph core, two modes, networks on top.

`Value` traces numbers one by one, `Tensor` works on arrays; both are computed by the same gates,
which carry their local gradients. Names are PyTorch's. Not related to the project called tinygrad.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

from . import amp, autograd, backends, cuda, io, kernels, nn, ops, optim, random
from .amp import GradScaler, autocast
from .autograd import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .capture import graph_step
from .io import load, save
from .kernels import (
    can_cast,
    get_default_device,
    get_default_dtype,
    promote_types,
    set_default_device,
    set_default_dtype,
)
from .kernels import np as _np
from .kernels.dtypes import bfloat16 as _bfloat16
from .kernels.dtypes import finfo, iinfo
from .kernels.threads import get_num_threads, set_num_threads
from .ops.activation import (
    celu,
    elu,
    gelu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
)
from .ops.comparison import (
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    ceil,
    eq,
    fix,
    floor,
    floor_divide,
    ge,
    greater,
    greater_equal,
    gt,
    isfinite,
    isinf,
    isnan,
    le,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    ne,
    not_equal,
    sign,
    trunc,
)
from .ops.contract import (
    addmm,
    addmv,
    baddbmm,
    bmm,
    cross,
    dot,
    einsum,
    inner,
    kron,
    matmul,
    mm,
    mv,
    outer,
    tensordot,
)
from .ops.convert import is_floating_point, is_tensor, numel, result_type
from .ops.create import (
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    linspace,
    logspace,
    ones,
    ones_like,
    tensor,
    zeros,
    zeros_like,
)
from .ops.diagonal import diag, diag_embed, diagonal, trace, tril, triu
from .ops.dropout import dropout
from .ops.elementwise import (
    add,
    allclose,
    div,
    divide,
    equal,
    isclose,
    masked_fill,
    positive,
    round,
    sub,
    subtract,
    true_divide,
    where,
)
from .ops.erf import erf, erfc
from .ops.gathering import (
    argwhere,
    gather,
    index_add,
    index_select,
    masked_select,
    nonzero,
    scatter,
    scatter_add,
    take_along_dim,
)
from .ops.joining import (
    cat,
    chunk,
    concat,
    concatenate,
    hstack,
    narrow,
    select,
    split,
    stack,
    tensor_split,
    unbind,
    vstack,
)
from .ops.pointwise import (
    abs,
    absolute,
    addcdiv,
    addcmul,
    clamp,
    clamp_max,
    clamp_min,
    clip,
    exp,
    exp2,
    expm1,
    fmod,
    frac,
    hypot,
    lerp,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    maximum,
    minimum,
    mul,
    multiply,
    nan_to_num,
    neg,
    negative,
    pow,
    reciprocal,
    remainder,
    rsqrt,
    sqrt,
    square,
)
from .ops.reduce import (
    all,
    amax,
    amin,
    aminmax,
    any,
    argmax,
    argmin,
    count_nonzero,
    cumprod,
    cumsum,
    logsumexp,
    max,
    mean,
    min,
    nansum,
    norm,
    prod,
    std,
    std_mean,
    sum,
    var,
    var_mean,
)
from .ops.sample import (
    bernoulli,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
)
from .ops.shape import (
    broadcast_tensors,
    broadcast_to,
    clone,
    flatten,
    flip,
    moveaxis,
    movedim,
    permute,
    ravel,
    reshape,
    squeeze,
    swapaxes,
    swapdims,
    t,
    transpose,
    unflatten,
    unsqueeze,
)
from .ops.sort import (
    argsort,
    bincount,
    diff,
    kthvalue,
    median,
    quantile,
    sort,
    topk,
    unique,
)
from .ops.tiling import meshgrid, repeat_interleave, roll, tile
from .ops.trigonometry import (
    acos,
    acosh,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cos,
    cosh,
    sin,
    sinh,
    tan,
)
from .random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .tensor import Device as device
from .tensor import Tensor
from .value import Value

half = float16 = _np.dtype("float16")
float = float32 = _np.dtype("float32")
double = float64 = _np.dtype("float64")
int8 = _np.dtype("int8")
short = int16 = _np.dtype("int16")
int = int32 = _np.dtype("int32")
long = int64 = _np.dtype("int64")
uint8 = _np.dtype("uint8")
bool = _np.dtype("bool")

__version__ = "0.1.0"


# Parts that are imported when they are first used: together they take longer than all the rest.
_LATER = {"data", "models", "onnx", "train", "utils", "viz"}

if _TYPE_CHECKING:
    from . import data, models, onnx, train, utils, viz


def __getattr__(name: str) -> object:
    """A part that is imported at its first use, or bfloat16, which belongs to ml_dtypes."""
    if name in _LATER:
        return _importlib.import_module(f".{name}", __name__)
    if name == "bfloat16":
        return _bfloat16()
    raise AttributeError(f"module 'tinygrad_cnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, those included that are not imported yet."""
    return sorted({*globals(), *_LATER, "bfloat16"})
