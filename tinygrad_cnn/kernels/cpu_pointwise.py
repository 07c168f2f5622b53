"""Functions of single numbers on the CPU that NumPy lacks, or takes many sweeps for.

Arrays are swept over as they lie in memory, and results lie alike. Exponentials and the error
function are for float32; in float64 the bodies compute.
"""

import numpy as np

from .compiled import FLOATS
from .exponential import exp_single, sigmoid_single
from .parallel import arguments, contracted, shared
from .series import SERIES, TAIL
from .served import refused

F = np.float32
BLOCK = 16384  # numbers in a block
SINGLE = "it is compiled for arrays of float32"  # of the gates that are for nothing else
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


@shared
def erf_sweep(task, first, last, part):
    """z = erf x."""
    x, z = arguments(task)
    for b in range(first, last):
        u, v = x[b * BLOCK : (b + 1) * BLOCK], z[b * BLOCK : (b + 1) * BLOCK]
        for i in range(u.size):
            size = abs(u[i])
            far = np.copysign(F(1.0) - erfc_far(max(size, F(1.0))), u[i])
            y = far if size > 1 else erf_near(u[i])
            v[i] = u[i] if u[i] != u[i] else y


@shared
def erfc_sweep(task, first, last, part):
    """z = erfc x."""
    x, z = arguments(task)
    for b in range(first, last):
        u, v = x[b * BLOCK : (b + 1) * BLOCK], z[b * BLOCK : (b + 1) * BLOCK]
        for i in range(u.size):
            size = abs(u[i])
            far = erfc_far(max(size, F(1.0)))
            far = F(2.0) - far if u[i] < 0 else far
            y = far if size > 1 else F(1.0) - erf_near(u[i])
            v[i] = u[i] if u[i] != u[i] else y


@shared
def sigmoid_sweep(task, first, last, part):
    """z = 1 / (1 + e^-x)."""
    x, z = arguments(task)
    for b in range(first, last):
        u, v = x[b * BLOCK : (b + 1) * BLOCK], z[b * BLOCK : (b + 1) * BLOCK]
        for i in range(u.size):
            v[i] = sigmoid_single(u[i])


@shared
def sigmoid_dx_sweep(task, first, last, part):
    """dx = g z (1 - z)."""
    z, g, dx = arguments(task)
    for b in range(first, last):
        u, v = g[b * BLOCK : (b + 1) * BLOCK], z[b * BLOCK : (b + 1) * BLOCK]
        w = dx[b * BLOCK : (b + 1) * BLOCK]
        one = dx.dtype.type(1)
        for i in range(u.size):
            w[i] = u[i] * (v[i] * (one - v[i]))


@shared
def tanh_dx_sweep(task, first, last, part):
    """dx = g (1 - z²)."""
    z, g, dx = arguments(task)
    for b in range(first, last):
        u, v = g[b * BLOCK : (b + 1) * BLOCK], z[b * BLOCK : (b + 1) * BLOCK]
        w = dx[b * BLOCK : (b + 1) * BLOCK]
        one = dx.dtype.type(1)
        for i in range(u.size):
            w[i] = u[i] * (one - v[i] * v[i])


@shared
def relu_dx_sweep(task, first, last, part):
    """dx = 0 where z <= 0, else g."""
    z, g, dx = arguments(task)
    for b in range(first, last):
        u, v = g[b * BLOCK : (b + 1) * BLOCK], z[b * BLOCK : (b + 1) * BLOCK]
        w = dx[b * BLOCK : (b + 1) * BLOCK]
        for i in range(u.size):
            y = u[i]
            w[i] = g.dtype.type(0) if v[i] <= 0 else y


# --- the gates ------------------------------------------------------------------------------------


def flat(x, z):
    """The numbers of x in the order in which z lies, which has no gaps; copied only where x lies
    otherwise."""
    if x.strides == z.strides and x.flags.behaved:
        return x.ravel("K")
    like = np.empty_like(z, x.dtype)
    like[...] = x
    return like.ravel("K")


def swept(kernel, *xs):
    """The result of a sweep over arrays of one shape and dtype, which lies as the first does."""
    x = xs[0]
    z = np.empty_like(x)
    kernel(x.size, -(-x.size // BLOCK), *[flat(a, z) for a in (*xs, z)])
    return z


def single(x) -> bool:
    """Whether x is an array of float32."""
    return type(x) is np.ndarray and x.dtype == np.float32


def erf(x):
    """The kernel of erf for float32."""
    return swept(erf_sweep, x) if single(x) else refused(SINGLE)


def erfc(x):
    """The kernel of erfc for float32."""
    return swept(erfc_sweep, x) if single(x) else refused(SINGLE)


def sigmoid(x):
    """The kernel of sigmoid for float32."""
    return swept(sigmoid_sweep, x) if single(x) else refused(SINGLE)


def backward(kernel, g, z):
    """A sweep over a gradient and a result, both of one shape, which lies as the result does."""
    if type(g) is not np.ndarray or type(z) is not np.ndarray:
        return refused("it is compiled for arrays, not for numbers")
    if g.dtype != z.dtype or g.dtype not in FLOATS or g.shape != z.shape:
        return refused("it is compiled for arrays of one shape, all float32 or all float64")
    return swept(kernel, z, g)


def sigmoid_dx(g, z):
    """The kernel of sigmoid_dx for arrays of one shape."""
    return backward(sigmoid_dx_sweep, g, z)


def tanh_dx(g, z):
    """The kernel of tanh_dx for arrays of one shape."""
    return backward(tanh_dx_sweep, g, z)


def relu_dx(g, z):
    """The kernel of relu_dx for arrays of one shape."""
    return backward(relu_dx_sweep, g, z)
