"""Functions of single numbers on a GPU whose bodies would sweep over memory several times.

Arrays that lie alike in one piece of memory are taken as they lie, whatever their axes.

Not yet confirmed on a GPU.
"""

from . import xp
from .cuda_source import TAKEN, Family, Struct, covered, per_thread, reach
from .served import refused

ALIKE = f"{TAKEN}, that lie alike in one piece"

LOGISTIC = r"""
// No exponential of a positive number, which could overflow.
__device__ inline A logistic(A x)
{
    A e = exp(x < 0 ? x : -x);
    return (x < 0 ? e : (A)1) / (1 + e);
}
"""

OF_ONE = r"""
extern "C" __global__ void NAME(const T *a, T *to, Numbers s)
{
    for (EACH(i, s.count)) {
        A x = wide(a[i]);
        to[i] = narrow(FORMULA);
    }
}
"""

OF_TWO = r"""
extern "C" __global__ void NAME(const T *a, const T *b, T *to, Numbers s)
{
    for (EACH(i, s.count)) {
        A g = wide(a[i]), z = wide(b[i]);
        to[i] = narrow(FORMULA);
    }
}
"""

FORMULAS = {
    "sigmoid": (OF_ONE, "logistic(x)"),
    "error_function": (OF_ONE, "erf(x)"),
    "error_complement": (OF_ONE, "erfc(x)"),
    "sigmoid_dx": (OF_TWO, "g * (z * (1 - z))"),
    "tanh_dx": (OF_TWO, "g * (1 - z * z)"),
    "relu_dx": (OF_TWO, "z <= 0 ? (A)0 : g"),
}
SOURCE = LOGISTIC + "".join(
    frame.replace("NAME", name).replace("FORMULA", formula)
    for name, (frame, formula) in FORMULAS.items()
)
NUMBERS = Struct("Numbers", count=1)
POINTWISE = Family("pointwise", SOURCE, **dict.fromkeys(FORMULAS, NUMBERS))


def each(name, *xs):
    """The kernel `name` on every number of arrays."""
    first = xs[0]
    alike = all(x.shape == first.shape and x.strides == first.strides for x in xs)
    if not alike or not covered(*xs) or reach(first) != first.size or spread(first):
        return refused(ALIKE)
    z = xp(first).empty_like(first)
    if z.strides != first.strides:
        return refused(ALIKE)
    blocks = per_thread(first.size)
    POINTWISE.launch(xp(first), name, first.dtype, blocks, (*xs, z), (first.size,))
    return z


def spread(x) -> bool:
    """Whether some axis of x runs backwards, or on the spot."""
    return any(step <= 0 for n, step in zip(x.shape, x.strides, strict=True) if n > 1)


def sigmoid(x):
    """The kernel of sigmoid."""
    return each("sigmoid", x)


def erf(x):
    """The kernel of erf."""
    return each("error_function", x)


def erfc(x):
    """The kernel of erfc."""
    return each("error_complement", x)


def sigmoid_dx(g, z):
    """The kernel of sigmoid_dx."""
    return each("sigmoid_dx", g, z)


def tanh_dx(g, z):
    """The kernel of tanh_dx."""
    return each("tanh_dx", g, z)


def relu_dx(g, z):
    """The kernel of relu_dx."""
    return each("relu_dx", g, z)
