"""Functions of single numbers on the CPU that NumPy lacks, or takes many sweeps for.

Arrays are swept over as they lie in memory, and results lie alike. Exponentials and the error
function are for float32; in float64 the bodies compute.
"""

import numba
import numpy as np

from .compiled import FLOATS
from .exponential import exp_single
from .layout import as_planes, as_rows, empty, in_rows
from .parallel import contracted, threaded
from .series import SERIES, TAIL

F = np.float32
BLOCK = 16384  # numbers in a block
NEAR = tuple(F(c) for c in SERIES[10::-1])  # terms behind these are below 1e-8
FAR = tuple(F(c) for c in TAIL[15:7:-1])  # in two halves: longer loops are not unrolled
LAST = tuple(F(c) for c in TAIL[7::-1])


@contracted
def erfc_far(x):
    """erfc x for x >= 1; as the body, in ops.erf."""
    x = min(x, F(10.0))
    h = F(np.int32(x * F(16.0))) * F(0.0625)
    t = F(1.0) - F(8.0) / (x + F(3.0))
    p = F(0.0)
    for c in FAR:
        p = p * t + c
    for c in LAST:
        p = p * t + c
    return exp_single(-h * h) * exp_single((h - x) * (h + x)) * p / x


@contracted
def erf_near(x):
    """erf x for |x| <= 1."""
    p = F(0.0)
    for c in NEAR:
        p = p * (x * x) + c
    return x * p


@threaded
def erf_sweep(x, z):
    """z = erf x."""
    for b in numba.prange(-(-x.size // BLOCK)):
        u, v = x[b * BLOCK : (b + 1) * BLOCK], z[b * BLOCK : (b + 1) * BLOCK]
        for i in range(u.size):
            size = abs(u[i])
            far = np.copysign(F(1.0) - erfc_far(max(size, F(1.0))), u[i])
            y = far if size > 1 else erf_near(u[i])
            v[i] = u[i] if u[i] != u[i] else y


@threaded
def erfc_sweep(x, z):
    """z = erfc x."""
    for b in numba.prange(-(-x.size // BLOCK)):
        u, v = x[b * BLOCK : (b + 1) * BLOCK], z[b * BLOCK : (b + 1) * BLOCK]
        for i in range(u.size):
            size = abs(u[i])
            far = erfc_far(max(size, F(1.0)))
            far = F(2.0) - far if u[i] < 0 else far
            y = far if size > 1 else F(1.0) - erf_near(u[i])
            v[i] = u[i] if u[i] != u[i] else y


@threaded
def sigmoid_sweep(x, z):
    """z = 1 / (1 + e^-x)."""
    for b in numba.prange(-(-x.size // BLOCK)):
        u, v = x[b * BLOCK : (b + 1) * BLOCK], z[b * BLOCK : (b + 1) * BLOCK]
        for i in range(u.size):
            v[i] = F(1.0) / (F(1.0) + exp_single(-u[i]))


@threaded
def relu_dx_sweep(z, g, dx):
    """dx = 0 where z <= 0, else g."""
    for b in numba.prange(-(-g.size // BLOCK)):
        u, v = g[b * BLOCK : (b + 1) * BLOCK], z[b * BLOCK : (b + 1) * BLOCK]
        w = dx[b * BLOCK : (b + 1) * BLOCK]
        for i in range(u.size):
            y = u[i]
            w[i] = g.dtype.type(0) if v[i] <= 0 else y


# --- the gates ------------------------------------------------------------------------------------


def swept(kernel, *xs):
    """The result of a sweep over arrays of one shape and dtype, which lies as the first does."""
    x = xs[0]
    rows = x.ndim > 1 and in_rows(x)
    z = empty(x.shape, x.dtype, rows)
    kernel(x.size, *[(as_rows if rows else as_planes)(a).reshape(-1) for a in (*xs, z)])
    return z


def single(x) -> bool:
    """Whether x is an array of float32."""
    return type(x) is np.ndarray and x.dtype == np.float32


def erf(x):
    """The kernel of erf for float32."""
    return swept(erf_sweep, x) if single(x) else NotImplemented


def erfc(x):
    """The kernel of erfc for float32."""
    return swept(erfc_sweep, x) if single(x) else NotImplemented


def sigmoid(x):
    """The kernel of sigmoid for float32."""
    return swept(sigmoid_sweep, x) if single(x) else NotImplemented


def relu_dx(g, z):
    """The kernel of relu_dx for arrays of one shape."""
    if type(g) is not np.ndarray or type(z) is not np.ndarray:
        return NotImplemented
    if g.dtype != z.dtype or g.dtype not in FLOATS or g.shape != z.shape:
        return NotImplemented
    return swept(relu_dx_sweep, z, g)
