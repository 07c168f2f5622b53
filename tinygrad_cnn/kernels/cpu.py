"""NumPy functions under the gates' names, and the overlay of faster kernels where Numba is present.

Only kernels that can raise NumPy's floating-point warnings silence them (1.2 us a call); the walk
silences them once for all its rules.
"""

import ctypes
import importlib.util
import operator
import os
import sys

import numpy as np

xp = np
asarray = np.asarray
device = "cpu"

CONVOLUTION = ("conv", "conv_dx", "conv_dw")
POOLING = ("max_pool", "unpool", "window_sum", "window_sum_dx")
OVERLAYS = {}  # gate -> the module of this package with a faster kernel
if importlib.util.find_spec("numba") is not None:  # looks for Numba, without importing it
    OVERLAYS = dict.fromkeys(CONVOLUTION, "cpu_conv") | dict.fromkeys(POOLING, "cpu_fused")


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


def quiet(f):
    """`f` without NumPy's floating-point warnings: 1 / 0 is inf, as IEEE 754 says."""

    def kernel(*inputs, **settings):
        with np.errstate(all="ignore"):
            return f(*inputs, **settings)

    return kernel


add = operator.add
sub = operator.sub
mul = operator.mul
neg = operator.neg
div = quiet(np.true_divide)
pow = quiet(np.power)
floor_divide = quiet(np.floor_divide)
remainder = quiet(np.remainder)
abs = np.absolute
sign = np.sign
floor = np.floor
ceil = np.ceil
trunc = np.trunc
round = np.rint
exp = quiet(np.exp)
expm1 = quiet(np.expm1)
log = quiet(np.log)
log2 = quiet(np.log2)
log1p = quiet(np.log1p)
sqrt = quiet(np.sqrt)
sin = quiet(np.sin)
cos = quiet(np.cos)
tan = quiet(np.tan)
asin = quiet(np.arcsin)
acos = quiet(np.arccos)
atan = np.arctan
sinh = quiet(np.sinh)
cosh = quiet(np.cosh)
tanh = np.tanh
maximum = np.maximum
minimum = np.minimum
where = np.where
mm = quiet(np.matmul)
equal = np.equal
not_equal = np.not_equal
greater = np.greater
greater_equal = np.greater_equal
less = np.less
less_equal = np.less_equal
isnan = np.isnan
isinf = np.isinf
isfinite = np.isfinite


def relu(x):
    """max(x, 0)."""
    return np.maximum(x, 0)


def relu_dx(g, z):
    """g where z > 0, else 0."""
    return np.where(z > 0, g, 0)


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
