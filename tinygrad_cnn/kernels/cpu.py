"""NumPy functions under the gates' names, and the overlay of faster kernels where Numba is present.

Kernels that can raise NumPy's floating-point warnings silence them; the walk silences them once for
all its rules.
"""

import contextvars
import ctypes
import importlib.util
import math
import os
import sys
import threading

import numpy as np

from .dtypes import check_numbers, negative_power
from .shapes import check_matmul, planes

xp = np
asarray = np.asarray
device = "cpu"

CONVOLUTION = ("conv", "conv_dx", "conv_dw", "conv_dx_onto", "conv_relu", "conv_norm")
LINEAR = ("linear", "linear_dx", "linear_dw")
PRODUCTS = (*CONVOLUTION, *LINEAR, "matmul", "contract")
WINDOWS = ("window_sum", "window_sum_dx", "window_mean", "window_mean_dx")
POOLING = ("max_pool", "unpool", *WINDOWS)
NORMS = ("batch_norm", "batch_norm_dx", "running_norm")
AFFINE = ("affine", "affine_dx")
LAYER_NORM = ("layer_norm", "layer_norm_dx")
LOSSES = ("cross_entropy", "class_cross_entropy_dx")
# On fewer numbers calling the compiled kernel costs more than it saves.
LARGE = 4096
SOFTMAX = ("softmax", "softmax_dx", "log_softmax", "log_softmax_dx")
REDUCTIONS = ("sum", "mean", "sum_to")  # whose bodies call no gate
SUMS = (*REDUCTIONS, "bias_dx")
LEAST = dict.fromkeys(SOFTMAX, LARGE) | dict.fromkeys(SUMS, 32768) | {"bias_dx": 512}
LEAST |= dict.fromkeys(AFFINE, 65536)  # on fewer it is not worth waiting for the compiler
# Of float16: computed in float32 and rounded.
WIDENED = (*PRODUCTS, *SUMS, *WINDOWS, *LAYER_NORM, *SOFTMAX)
WIDENED += ("cumsum", "euclidean_norm", "logsumexp")
JOINING = ("join", "gradient_sum")
LINES = ("pad_constant", "put_onto")

STEPS = ("sgd_step", "adam_step")  # of optimisers: not gates, but found and counted as theirs are
NUMBA = importlib.util.find_spec("numba") is not None  # looked for, not imported
# Gate -> the module of this package with a faster kernel, of NumPy alone.
WITHOUT_NUMBA = dict.fromkeys(CONVOLUTION[:3], "cpu_gemm") | dict.fromkeys(NORMS, "cpu_array_norm")
WITHOUT_NUMBA |= dict.fromkeys(POOLING[:2], "cpu_array_pool") | {"bias_dx": "cpu_array_norm"}
OVERLAYS = dict(WITHOUT_NUMBA)
# Instead of modules that cannot be imported.
INSTEAD = {"cpu_conv": "cpu_gemm", "cpu_pool": "cpu_array_pool"}
INSTEAD |= {"cpu_norm": "cpu_array_norm", "cpu_sum": "cpu_array_norm"}
if NUMBA:
    OVERLAYS = dict.fromkeys(CONVOLUTION, "cpu_conv") | dict.fromkeys(POOLING, "cpu_pool")
    OVERLAYS |= dict.fromkeys((*NORMS, *AFFINE), "cpu_norm") | dict.fromkeys(STEPS, "cpu_optim")
    OVERLAYS |= dict.fromkeys(LAYER_NORM, "cpu_layer_norm")
    OVERLAYS |= dict.fromkeys(LOSSES, "cpu_loss") | dict.fromkeys(SOFTMAX, "cpu_softmax")
    OVERLAYS |= dict.fromkeys(LINEAR, "cpu_linear") | dict.fromkeys(SUMS, "cpu_sum")
    OVERLAYS |= dict.fromkeys(JOINING, "cpu_join") | dict.fromkeys(LINES, "cpu_lines")


def is_worth_joining(xs, *, dim):
    """Whether these may be images in rows, and so many numbers that the compiled kernel is faster.

    A pile of samples is not to wait for the compiler.
    """
    x = xs[0]
    return dim == 1 and x.ndim > 2 and not x.flags.c_contiguous and len(xs) * x.size >= 65536


def is_worth_lines(x, *others, **settings):
    """Whether x may be images in rows, and so many numbers that the compiled kernel is faster."""
    return x.ndim == 4 and x.size >= 16384 and x.strides[1] == x.itemsize


def is_worth_linear(x, *others):
    """Whether the samples of x may lie innermost, of some hundred numbers."""
    return x.size >= 512 and x.flags.fnc


# As LEAST, for what is not a matter of the first array's size.
WORTH = {"join": is_worth_joining} | dict.fromkeys(LINES, is_worth_lines)
WORTH |= dict.fromkeys(LINEAR, is_worth_linear)


def keep_pages():
    """Ask glibc to keep the memory of large arrays instead of giving it back to the system.

    Otherwise each large result is made of fresh pages, and touching them for the first time costs
    more than the arithmetic. TINYGRAD_CNN_MALLOC=system leaves the process's setting alone.
    """
    if sys.platform != "linux" or os.environ.get("TINYGRAD_CNN_MALLOC") == "system":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        trim_threshold, mmap_threshold = -1, -3
        mallopt(mmap_threshold, 1 << 30)
        mallopt(trim_threshold, 1 << 30)


keep_pages()


class Calm(threading.local):
    """This thread's own context in which NumPy gives no floating-point warnings, and how to run in
    it: 0.15 us a call, where np.errstate costs 1.1 us."""

    def __init__(self):
        context = contextvars.Context()
        context.run(np.seterr, all="ignore")
        self.run = context.run


CALM = Calm()


def calm(f):
    """As `quiet`, for a function that calls no gate: a thread cannot enter its context twice.

    For NumPy's functions spelled out by their number of inputs: `*inputs` costs 0.15 us.
    """
    count = getattr(f, "nin", None)
    if count == 1:
        return lambda x: CALM.run(f, x)
    if count == 2:
        return lambda x, y: CALM.run(f, x, y)
    return lambda *inputs, **settings: CALM.run(f, *inputs, **settings)


def quiet(f):
    """`f` without NumPy's floating-point warnings: 1 / 0 is inf, as IEEE 754 says."""
    if f.__name__ in REDUCTIONS:
        return calm(f)

    def kernel(*inputs, **settings):
        with np.errstate(all="ignore"):
            return f(*inputs, **settings)

    return kernel


def divided(name, f):
    """`f`, a division with a remainder, calm. Integers are not divided by 0."""

    def kernel(x, y):
        z = CALM.run(f, x, y)
        if z.dtype.kind != "f":
            check_numbers(name, x, y)
            if z.size and not np.all(y):
                raise RuntimeError(
                    f"{name}: ZeroDivisionError: integers were divided by 0; make them floats for "
                    "an infinite quotient, as in x.float()"
                )
        return z

    return kernel


def sub(x, y):
    """x - y; operands are looked at only where NumPy refuses them."""
    try:
        return CALM.run(np.subtract, x, y)
    except TypeError:
        check_numbers("sub", x, y, error=RuntimeError)
        raise


def neg(x):
    """-x; the operand is looked at only where NumPy refuses it."""
    try:
        return CALM.run(np.negative, x)
    except TypeError:
        check_numbers("neg", x, error=RuntimeError)
        raise


def pow(x, y):
    """x ** y; NumPy's power of floats takes ten times as long as a product or a quotient."""
    if y.__class__ in (int, float) and x.dtype.kind == "f":
        if y == 2:
            return CALM.run(np.multiply, x, x)
        if y == 1:
            return +x
        if y == -1:
            return CALM.run(np.reciprocal, x)
    try:
        z = CALM.run(np.power, x, y)
    except ValueError as error:
        if "negative" not in str(error):
            raise
        raise negative_power() from error
    if z.dtype.kind != "f":
        check_numbers("pow", x, y)
    return z


add = calm(np.add)
mul = calm(np.multiply)
div = calm(np.true_divide)
floor_divide = divided("floor_divide", np.floor_divide)
remainder = divided("remainder", np.remainder)
fmod = divided("fmod", np.fmod)
abs = np.absolute
exp = calm(np.exp)
expm1 = calm(np.expm1)
log = calm(np.log)
log2 = calm(np.log2)
log1p = calm(np.log1p)
exp2 = calm(np.exp2)
log10 = calm(np.log10)
logaddexp = calm(np.logaddexp)
hypot = calm(np.hypot)
sqrt = calm(np.sqrt)
sin = calm(np.sin)
cos = calm(np.cos)
tan = calm(np.tan)
asin = calm(np.arcsin)
acos = calm(np.arccos)
atan = np.arctan
sinh = calm(np.sinh)
cosh = calm(np.cosh)
asinh = calm(np.arcsinh)
acosh = calm(np.arccosh)
atanh = calm(np.arctanh)
atan2 = calm(np.arctan2)
tanh = np.tanh
maximum = np.maximum
minimum = np.minimum
clamp_min = np.maximum
clamp_max = np.minimum
where = np.where
eq = np.equal
ne = np.not_equal
gt = np.greater
ge = np.greater_equal
lt = np.less
le = np.less_equal
isnan = np.isnan
isinf = np.isinf
isfinite = np.isfinite


def matmul(x, y):
    """x @ y; the shapes are looked at only where NumPy refuses them."""
    try:
        return CALM.run(np.matmul, x, y)
    except ValueError:
        check_matmul(x, y)
        raise


# A Python 0 beside an array is made an array at each call, which costs more than four comparisons.
ZEROS = {np.dtype(name): np.zeros((), name) for name in ("float32", "float64")}
ONES = {dtype: np.ones((), dtype) for dtype in ZEROS}


def tanh_dx(g, z):
    """g (1 - z²)."""
    return g * (ONES.get(z.dtype, 1.0) - z * z)


def sigmoid_dx(g, z):
    """g z (1 - z)."""
    return g * (z * (ONES.get(z.dtype, 1.0) - z))


@calm
def linear(x, w, b):
    """x wᵀ + b, which lies in memory as x does."""
    z = np.matmul(w, x.T).T if x.ndim == 2 and x.flags.fnc else np.matmul(x, w.T)
    return z if b is None else z + b


@calm
def linear_dx(g, w):
    """g w, which lies in memory as g does."""
    return np.matmul(w.T, g.T).T if g.ndim == 2 and g.flags.fnc else np.matmul(g, w)


@calm
def linear_dw(g, x):
    """gᵀ x, leading axes made one."""
    count = math.prod(g.shape[:-1])
    return np.matmul(g.reshape(count, g.shape[-1]).T, x.reshape(count, x.shape[-1]))


def relu(x):
    """max(x, 0)."""
    return np.maximum(x, ZEROS.get(x.dtype, 0))


def relu_dx_into(g, z, out):
    """out, with 0 where z <= 0, else g: by bits, which takes a tenth of the time of a mask."""
    keep = np.less_equal(z, 0).view(np.int8) - 1  # all bits, or none
    bits = f"i{g.itemsize}"
    np.bitwise_and(g.view(bits), keep, out=out.view(bits))
    return out


def relu_dx(g, z):
    """0 where z <= 0, else g."""
    zero = ZEROS.get(g.dtype)
    shape = g.shape
    if zero is None or not shape or shape != z.shape:
        return np.where(z <= 0, 0, g)
    if g.size >= LARGE:
        return relu_dx_into(g, z, np.empty_like(g))
    dx = g.copy("K")
    np.putmask(dx, z <= zero, zero)
    return dx


def pad_constant(x, *, pads, value):
    """x within a border, in the order of memory that x has, which np.pad gives up."""
    z = np.empty_like(x, shape=[a + n + b for n, (a, b) in zip(x.shape, pads, strict=True)])
    z[...] = value
    z[tuple([slice(a, a + n) for n, (a, _) in zip(x.shape, pads, strict=True)])] = x
    return z


def gradient_sum(x, y, *, spare=False):
    """x + y, in the place of x where that is spare."""
    if not spare:
        return x + y
    x += y
    return x


def put_onto(x, onto, *, key, spare=False):
    """onto, with x added at `key`, in place where it is spare."""
    z = onto if spare else onto.copy(order="K")
    if any(isinstance(part, np.ndarray) for part in (key if isinstance(key, tuple) else (key,))):
        np.add.at(z, key, x)
    else:
        z[key] += x
    return z


def diagonal(x, *, offset, dim1, dim2):
    """NumPy's view, made as writable as x is."""
    z = x.diagonal(offset, *planes(x.ndim, dim1, dim2))
    z.flags.writeable = x.flags.writeable
    return z


def philox(key, counter, part=0):
    """The random bits of one part of the draw (key, counter): 2^128 numbers, so no two overlap.

    Source: Salmon, Moraes, Dror & Shaw 2011, section 4 (Philox4x64-10).
    """
    return np.random.Philox(key=key, counter=np.array([0, 0, counter, part], np.uint64))


def uniform(shape, key, counter):
    """Uniform float32 numbers in [0, 1): the draw (key, counter)."""
    return np.random.Generator(philox(key, counter)).random(shape, dtype=np.float32)


def to_host(raw):
    """The array itself."""
    return raw
