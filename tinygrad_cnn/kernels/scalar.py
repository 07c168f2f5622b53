"""Python floats under the gates' names: scalar mode.

They follow IEEE 754 double precision as NumPy does: infinities and nan, never an exception for 1/0
or exp(1000), never a complex number. Where NumPy and the C standard part ways (pow(-inf, 0.5)) the
standard holds.
"""

import math
import operator

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
abs = math.fabs
floor = to_integer(math.floor)
ceil = to_integer(math.ceil)
trunc = to_integer(math.trunc)
round = to_integer(round)

exp = guarded(math.exp, infinite)
expm1 = guarded(math.expm1, infinite)
log = guarded(math.log, pole(0.0))
log2 = guarded(math.log2, pole(0.0))
log1p = guarded(math.log1p, pole(-1.0))
sqrt = guarded(math.sqrt, undefined)
sin = guarded(math.sin, undefined)
cos = guarded(math.cos, undefined)
tan = guarded(math.tan, undefined)
asin = guarded(math.asin, undefined)
acos = guarded(math.acos, undefined)
atan = math.atan
sinh = guarded(math.sinh, lambda x: math.copysign(math.inf, x))
cosh = guarded(math.cosh, infinite)
tanh = math.tanh
sigmoid = guarded(lambda x: 1.0 / (math.exp(-x) + 1.0), lambda x: 0.0)


def sign(x):
    """-1, 0 or 1; nan stays."""
    return x if math.isnan(x) else float((x > 0) - (x < 0))


def relu(x):
    """The larger of x and 0; nan stays."""
    return 0.0 if x <= 0 else x


def relu_dx(g, z):
    """The incoming gradient where the output is positive."""
    return g if z > 0 else 0.0


def maximum(x, y):
    """The larger one; nan wins."""
    return x if x >= y or math.isnan(x) else y


def minimum(x, y):
    """The smaller one; nan wins."""
    return x if x <= y or math.isnan(x) else y


def where(condition, x, y):
    """A choice."""
    return x if condition else y


def clamp(x, *, min, max):
    """x within [min, max]; a bound of None is open; nan stays."""
    if min is not None and x < min:
        x = float(min)
    if max is not None and x > max:
        x = float(max)
    return x


equal = operator.eq
not_equal = operator.ne
greater = operator.gt
greater_equal = operator.ge
less = operator.lt
less_equal = operator.le
logical_not = operator.not_


def logical_and(x, y):
    """Whether both are true."""
    return bool(x and y)


def logical_or(x, y):
    """Whether one of them is true."""
    return bool(x or y)


isnan = math.isnan
isinf = math.isinf
isfinite = math.isfinite
