"""Elementwise gates: arithmetic, powers, exponentials, logarithms, choices.

PyTorch's functions of the same names may have options (alpha, rounding_mode): see `elementwise`.
All of them work in both modes. Broadcasting is NumPy's; the walk undoes it, so no rule does.
"""

import math

from ..gate import composite, gate, same
from ..kernels import xp
from ..kernels.dtypes import check_numbers, check_power
from .comparison import eq, floor_divide, isfinite, logical_and, trunc

# --- arithmetic -----------------------------------------------------------------------------------


@composite
def gradient_sum(x, y, *, spare=False):
    """x + y; spare: a kernel may write over x."""
    return x + y


@gate(x=same, y=same)
def add(x, y):
    """x + y.

    Rule: dz/dx = 1, dz/dy = 1; the gate distributes the gradient.
    """
    return x + y


@gate(x=same, y=lambda g: -g)
def sub(x, y):
    """x - y.

    Rule: dz/dx = 1, dz/dy = -1.

    Raises: RuntimeError if both are truth values.
    """
    check_numbers("sub", x, y, error=RuntimeError)
    return x - y


@gate(x=lambda g, y: g * y, y=lambda g, x: g * x)
def mul(x, y):
    """x * y.

    Rule: dz/dx = y, dz/dy = x; the gate switches its inputs.
    """
    return x * y


@gate(floats=True, x=lambda g, y: div(g, y), y=lambda g, z, y: -div(g * z, y))
def div(x, y):
    """x / y; integers become floats.

    Rule: dz/dx = 1/y, dz/dy = -z/y.
    """
    return xp(x, y).true_divide(x, y)


@gate(x=lambda g: -g)
def neg(x):
    """-x.

    Rule: dz/dx = -1.

    Raises: RuntimeError for truth values.
    """
    check_numbers("neg", x, error=RuntimeError)
    return -x


@gate(x=same, y=lambda g, x, y: -g * floor_divide(x, y))
def remainder(x, y):
    """x - y * floor(x / y): the remainder that has y's sign.

    Rule: dz/dx = 1, dz/dy = -floor(x/y), where x/y is not whole.

    Raises: RuntimeError for integers divided by 0 (on the CPU: a GPU is not waited for).
    """
    check_numbers("remainder", x, y)
    return x % y


@gate(x=same, y=lambda g, x, y: -g * trunc(div(x, y)))
def fmod(x, y):
    """x - y * trunc(x / y): the remainder that has x's sign.

    Rule: dz/dx = 1, dz/dy = -trunc(x/y), where x/y is not whole.

    Raises: RuntimeError for integers divided by 0 (on the CPU: a GPU is not waited for).
    """
    check_numbers("fmod", x, y)
    return xp(x, y).fmod(x, y)


@gate(
    autocast="float32",
    x=lambda g, x, y: g * (y * pow(x, where(eq(y, 0.0), 0.0, y - 1.0))),
    y=lambda g, z, x, y: where(logical_and(eq(x, 0.0), y >= 0), 0.0, g * (z * log(x))),
)
def pow(x, y):
    """x ** y.

    Rule: dz/dx = y x^(y-1) (0 for y = 0), dz/dy = z log x (0 for x = 0 and y >= 0).

    Raises: RuntimeError for integers to negative integer powers.

    Differs: PyTorch raises only if the power is a number; tensors of powers give it 0. On a GPU
    it is as in PyTorch.
    """
    check_numbers("pow", x, y)
    check_power(x, y)
    return xp(x, y).power(x, y)


@composite
def square(x):
    """x²; of truth values as int64, as for any other power."""
    return pow(x, 2) if holds_truth(x) else x * x


@composite
def reciprocal(x):
    """1 / x."""
    return div(1.0, x)


@gate(formula=True, x=lambda g, x: where(x > 0, g, where(x < 0, -g, 0.0)))
def abs(x):
    """|x|.

    Rule: dz/dx = sign x, which is 0 at 0.
    """
    return xp(x).absolute(x)


# --- powers of e and their inverses ---------------------------------------------------------------


@gate(autocast="float32", floats=True, x=lambda g, z: g * z)
def exp(x):
    """e^x.

    Rule: dz/dx = z.
    """
    return xp(x).exp(x)


@gate(autocast="float32", floats=True, x=lambda g, z: g * (z + 1.0))
def expm1(x):
    """e^x - 1, exact near 0.

    Rule: dz/dx = z + 1.
    """
    return xp(x).expm1(x)


@gate(autocast="float32", floats=True, x=lambda g, x: div(g, x))
def log(x):
    """The natural logarithm.

    Rule: dz/dx = 1/x.
    """
    return xp(x).log(x)


@gate(autocast="float32", floats=True, x=lambda g, x: div(g, x * math.log(2.0)))
def log2(x):
    """The logarithm to base 2.

    Rule: dz/dx = 1 / (x log 2).
    """
    return xp(x).log2(x)


@gate(autocast="float32", floats=True, x=lambda g, x: div(g, x + 1.0))
def log1p(x):
    """log(1 + x), exact near 0.

    Rule: dz/dx = 1 / (1 + x).
    """
    return xp(x).log1p(x)


@gate(floats=True, x=lambda g, z: div(g * 0.5, z))
def sqrt(x):
    """The square root.

    Rule: dz/dx = 1 / (2z), infinite at 0.
    """
    return xp(x).sqrt(x)


@composite
def rsqrt(x):
    """1 / √x: infinite at 0, with the zero's sign."""
    return pow(sqrt(x), -1.0)  # x^-½ is inf at -0. and 0 at -inf; autocast has a dtype for powers


@gate(autocast="float32", floats=True, x=lambda g, z: g * (z * math.log(2.0)))
def exp2(x):
    """2^x.

    Rule: dz/dx = z log 2.
    """
    return xp(x).exp2(x)


@gate(autocast="float32", floats=True, x=lambda g, x: div(g, x * math.log(10.0)))
def log10(x):
    """The logarithm to base 10.

    Rule: dz/dx = 1 / (x log 10).
    """
    return xp(x).log10(x)


@gate(
    floats=True,
    x=lambda g, x, y: div(g, exp(y - x) + 1.0),
    y=lambda g, x, y: div(g, exp(x - y) + 1.0),
)
def logaddexp(x, y):
    """log(e^x + e^y), without overflow.

    Rule: dz/dx = 1 / (1 + e^(y-x)), dz/dy = 1 / (1 + e^(x-y)).
    """
    return xp(x, y).logaddexp(x, y)


@gate(floats=True, x=lambda g, z, x: div(g * x, z), y=lambda g, z, y: div(g * y, z))
def hypot(x, y):
    """√(x² + y²), without overflow.

    Rule: dz/dx = x/z, dz/dy = y/z.
    """
    return xp(x, y).hypot(x, y)


@composite
def frac(x):
    """x - trunc(x): what follows the point, with x's sign."""
    return x - trunc(x)


# --- choices --------------------------------------------------------------------------------------


@gate(
    formula=True,
    x=lambda g, x, y: where(x < y, 0.0, where(eq(x, y), g * 0.5, g)),
    y=lambda g, x, y: where(y < x, 0.0, where(eq(x, y), g * 0.5, g)),
)
def maximum(x, y):
    """The larger of x and y; nan wins.

    Rule: the larger one gets the gradient; at a tie each gets half, beside nan each gets all.
    """
    return xp(x, y).maximum(x, y)


@gate(
    formula=True,
    x=lambda g, x, y: where(x > y, 0.0, where(eq(x, y), g * 0.5, g)),
    y=lambda g, x, y: where(y > x, 0.0, where(eq(x, y), g * 0.5, g)),
)
def minimum(x, y):
    """The smaller of x and y; nan wins.

    Rule: the smaller one gets the gradient; at a tie each gets half, beside nan each gets all.
    """
    return xp(x, y).minimum(x, y)


@gate(
    x=lambda g, condition: where(condition, g, 0.0),
    y=lambda g, condition: where(condition, 0.0, g),
)
def where(condition, x, y):
    """x where the condition holds, else y.

    Rule: the one that was chosen gets the gradient.
    """
    return xp(condition, x, y).where(condition, x, y)


@gate(
    formula=True,
    x=lambda g, x, min: where(x >= min, g, 0.0),
    min=lambda g, x, min: where(x < min, g, 0.0),
)
def clamp_min(x, min):
    """x, but not below min; nan wins.

    Rule: dz/dx = 1 for x >= min, dz/dmin = 1 for x < min, else 0.
    """
    return xp(x, min).maximum(x, min)


@gate(
    formula=True,
    x=lambda g, x, max: where(x <= max, g, 0.0),
    max=lambda g, x, max: where(x > max, g, 0.0),
)
def clamp_max(x, max):
    """x, but not above max; nan wins.

    Rule: dz/dx = 1 for x <= max, dz/dmax = 1 for x > max, else 0.
    """
    return xp(x, max).minimum(x, max)


def clamp(x, min=None, max=None):
    """x, but not below min and not above max; a bound of None is open, a Tensor broadcasts.

    Rule: that of `clamp_min`, then that of `clamp_max`: x gets the gradient where it lies within
    the bounds, a bound where it is active.

    Raises: RuntimeError if both bounds are open.
    """
    if min is None and max is None:
        raise RuntimeError("clamp: at least one of min and max must be given")
    above = x if min is None else clamp_min(x, min)
    return above if max is None else clamp_max(above, max)


@gate(x=lambda g, x: where(isfinite(x), g, 0.0))
def nan_to_num(x, *, nan=0.0, posinf=None, neginf=None):
    """x with numbers in the place of nan and the infinities.

    posinf, neginf: None for the largest and the smallest number of x's dtype.

    Rule: dz/dx = 1 where x is finite, else 0.
    """
    if x.dtype.kind != "f":
        return x.copy()
    limits = xp(x).finfo(x.dtype)
    largest = float(limits.max) if posinf is None else posinf
    smallest = float(limits.min) if neginf is None else neginf
    z = where(eq(x, math.inf), largest, where(eq(x, -math.inf), smallest, x))
    return where(eq(x, x), z, nan)


@gate(
    floats=True,
    x=lambda g, weight: g * (1.0 - weight),
    end=lambda g, weight: g * weight,
    weight=lambda g, x, end: g * (end - x),
)
def lerp(x, end, weight):
    """x + weight (end - x): x for a weight of 0, end for a weight of 1, both exactly.

    Rule: dz/dx = 1 - weight, dz/dend = weight, dz/dweight = end - x.
    """
    way = end - x
    return where(abs(weight) < 0.5, x + weight * way, end - way * (1.0 - weight))


@gate(
    x=same,
    tensor1=lambda g, tensor2, value: g * tensor2 * value,
    tensor2=lambda g, tensor1, value: g * tensor1 * value,
)
def addcmul(x, tensor1, tensor2, *, value=1):
    """x + value * tensor1 * tensor2, all of it in the common dtype of the three.

    Rule: dz/dx = 1, dz/dtensor1 = value tensor2, dz/dtensor2 = value tensor1.

    Raises: RuntimeError for whole numbers times a value that is not whole.
    """
    check_factor("addcmul", "a value", value, x, tensor1, tensor2)
    return added(x, mul(tensor1, tensor2), value)


@gate(
    floats=True,
    x=same,
    tensor1=lambda g, tensor2, value: div(g * value, tensor2),
    tensor2=lambda g, tensor1, tensor2, value: -div(g * value * tensor1, tensor2 * tensor2),
)
def addcdiv(x, tensor1, tensor2, *, value=1):
    """x + value * tensor1 / tensor2, all of it in the common dtype of the three.

    Rule: dz/dx = 1, dz/dtensor1 = value / tensor2, dz/dtensor2 = -value tensor1 / tensor2².
    """
    return added(x, div(tensor1, tensor2), value)


def added(x, y, value):
    """x + value y."""
    return add(x, y if value == 1 else mul(y, value))


def holds_truth(x):
    """Whether x holds truth values."""
    return hasattr(x, "dtype") and x.dtype.kind == "b"


def is_whole(x):
    """Whether x holds integers or truth values."""
    return x.dtype.kind in "biu" if hasattr(x, "dtype") else type(x) in (int, bool)


def check_factor(name, word, factor, *xs):
    """Raise RuntimeError if xs hold whole numbers alone and their factor, `word`, is not whole."""
    if type(factor) is float and all(map(is_whole, xs)):
        raise RuntimeError(f"{name}: integers go with {word} that is an integer, got {factor}")


# --- other names ----------------------------------------------------------------------------------

absolute = abs
negative = neg
multiply = mul
clip = clamp
