"""Autograd for students, teachers and engineers: one graph core, two modes, networks on top.

`Value` traces numbers one by one, `Tensor` works on arrays; both are computed by the same gates,
which carry their local gradients. Names are PyTorch's. Not related to the project called tinygrad.
"""

from . import autograd, cuda, data, io, kernels, models, nn, ops, optim, random, train, utils, viz
from .autograd import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .io import load, save
from .kernels import np as _np
from .ops.activation import (
    elu,
    leaky_relu,
    relu,
    sigmoid,
    tanh,
)
from .ops.create import (
    arange,
    as_tensor,
    eye,
    from_numpy,
    full,
    linspace,
    ones,
    rand,
    randint,
    randn,
    randperm,
    tensor,
    zeros,
)
from .ops.dropout import dropout
from .ops.loss import log_softmax, softmax
from .ops.pointwise import (
    abs,
    acos,
    add,
    asin,
    atan,
    ceil,
    clamp,
    cos,
    cosh,
    div,
    exp,
    expm1,
    floor,
    floor_divide,
    isfinite,
    isinf,
    isnan,
    log,
    log1p,
    log2,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    mul,
    neg,
    pow,
    reciprocal,
    remainder,
    round,
    rsqrt,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    sub,
    tan,
    trunc,
    where,
)
from .ops.reduce import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    cumsum,
    dot,
    einsum,
    logsumexp,
    matmul,
    max,
    mean,
    min,
    mm,
    norm,
    outer,
    prod,
    std,
    sum,
    var,
)
from .ops.shape import (
    cat,
    chunk,
    clone,
    flatten,
    flip,
    gather,
    movedim,
    ones_like,
    permute,
    reshape,
    split,
    squeeze,
    stack,
    transpose,
    unbind,
    unflatten,
    unsqueeze,
    zeros_like,
)
from .random import Generator, default_generator, manual_seed
from .tensor import Device as device
from .tensor import Tensor
from .value import Value

float16 = _np.dtype("float16")
float32 = _np.dtype("float32")
float64 = _np.dtype("float64")
int8 = _np.dtype("int8")
int16 = _np.dtype("int16")
int32 = _np.dtype("int32")
int64 = _np.dtype("int64")
uint8 = _np.dtype("uint8")
bool = _np.dtype("bool")

__version__ = "0.1.0"
