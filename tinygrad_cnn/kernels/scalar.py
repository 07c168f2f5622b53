"""Python floats under the gates' names: scalar mode.

They follow IEEE 754 double precision as NumPy does: infinities and nan, never an exception for 1/0
or exp(1000), never a complex number. Where NumPy and the C standard part ways (pow(-inf, 0.5)) the
standard holds.
"""

import math
import operator
import sys

xp = None
asarray = float
device = "cpu"


def guarded(f, outside):
    """`f`, and `outside(*args)` where Python raises instead of computing."""

    def kernel(*args):
        try:
            return f(*args)
        except (ZeroDivisionError, OverflowError, ValueError):
            return outside(*args)

    return kernel


def undefined(*args):
    """What a function has no value for."""
    return math.nan


def infinite(x):
    """What grows beyond every float."""
    return math.inf


def div_by_zero(x, y):
    """x / y for y = ±0."""
    if x == 0 or math.isnan(x):
        return math.nan
    return math.copysign(math.inf, x) * math.copysign(1.0, y)


def pow_outside(x, y):
    """x ** y where math.pow raises: overflow, a pole at zero, or a negative base."""
    whole = y == math.floor(y)
    if x < 0 and not whole:
        return math.nan
    odd = whole and y % 2 == 1
    return math.copysign(math.inf, x) if odd else math.inf


def pole(at):
    """The logarithm family outside its domain: -inf at the pole, else nan."""
    return lambda x: -math.inf if x == at else math.nan


def atanh_outside(x):
    """atanh from -1 and 1 outwards."""
    return math.copysign(math.inf, x) if math.fabs(x) == 1.0 else math.nan


def to_integer(f):
    """`f`, which makes an integer of a float, as a float; infinities, nan and signs stay."""

    def kernel(x):
        return math.copysign(float(f(x)), x) if math.isfinite(x) else x

    return kernel


add = operator.add
sub = operator.sub
mul = operator.mul
neg = operator.neg
div = guarded(operator.truediv, div_by_zero)
pow = guarded(math.pow, pow_outside)
floor_divide = guarded(operator.floordiv, div_by_zero)
remainder = guarded(operator.mod, undefined)
fmod = guarded(math.fmod, undefined)
abs = math.fabs
floor = to_integer(math.floor)
ceil = to_integer(math.ceil)
trunc = to_integer(math.trunc)
rint = to_integer(round)

exp = guarded(math.exp, infinite)
expm1 = guarded(math.expm1, infinite)
log = guarded(math.log, pole(0.0))
log2 = guarded(math.log2, pole(0.0))
log1p = guarded(math.log1p, pole(-1.0))
exp2 = guarded(lambda x: math.pow(2.0, x), infinite)
log10 = guarded(math.log10, pole(0.0))
hypot = math.hypot
erf = math.erf
erfc = math.erfc
sqrt = guarded(math.sqrt, undefined)
sin = guarded(math.sin, undefined)
cos = guarded(math.cos, undefined)
tan = guarded(math.tan, undefined)
asin = guarded(math.asin, undefined)
acos = guarded(math.acos, undefined)
atan = math.atan
atan2 = math.atan2
asinh = math.asinh
acosh = guarded(math.acosh, undefined)
atanh = guarded(math.atanh, atanh_outside)
sinh = guarded(math.sinh, lambda x: math.copysign(math.inf, x))
cosh = guarded(math.cosh, infinite)
tanh = math.tanh
sigmoid = guarded(lambda x: 1.0 / (math.exp(-x) + 1.0), lambda x: 0.0)


def sign(x):
    """-1, 0 or 1; 0 for nan."""
    return float((x > 0) - (x < 0))


def logaddexp(x, y):
    """log(e^x + e^y)."""
    if x == y:
        return x + math.log(2.0)
    distance = math.fabs(x - y)
    return maximum(x, y) + (distance if math.isnan(distance) else math.log1p(math.exp(-distance)))


def tanh_dx(g, z):
    """The incoming gradient times 1 - z²."""
    return g * (1.0 - z * z)


def sigmoid_dx(g, z):
    """The incoming gradient times z (1 - z)."""
    return g * (z * (1.0 - z))


def relu(x):
    """The larger of x and 0; nan stays."""
    return 0.0 if x <= 0 else x


def relu_dx(g, z):
    """0 where the output is not positive, else the incoming gradient."""
    return 0.0 if z <= 0 else g


def maximum(x, y):
    """The larger one; nan wins."""
    return x if x >= y or math.isnan(x) else y


def minimum(x, y):
    """The smaller one; nan wins."""
    return x if x <= y or math.isnan(x) else y


def where(condition, x, y):
    """A choice."""
    return x if condition else y


def nan_to_num(x, *, nan, posinf, neginf):
    """x with numbers in the place of nan and the infinities; None stands for the widest float."""
    if math.isnan(x):
        return float(nan)
    if x == math.inf:
        return sys.float_info.max if posinf is None else float(posinf)
    if x == -math.inf:
        return -sys.float_info.max if neginf is None else float(neginf)
    return x


clamp_min = maximum
clamp_max = minimum
eq = operator.eq
ne = operator.ne
gt = operator.gt
ge = operator.ge
lt = operator.lt
le = operator.le
logical_not = operator.not_


def logical_and(x, y):
    """Whether both are true."""
    return bool(x and y)


def logical_or(x, y):
    """Whether one of them is true."""
    return bool(x or y)


def logical_xor(x, y):
    """Whether one of them is true and the other is not."""
    return bool(x) != bool(y)


isnan = math.isnan
isinf = math.isinf
isfinite = math.isfinite
