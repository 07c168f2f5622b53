"""Elementwise gates: arithmetic, powers, exponentials, trigonometry, choices.

All of them work in both modes. Broadcasting is NumPy's; the walk undoes it, so no rule does.
"""

import math

from ..gate import composite, flat, gate, same
from ..kernels import xp

# --- arithmetic -----------------------------------------------------------------------------------


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
    """
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
    """
    return -x


@flat
def floor_divide(x, y):
    """The largest whole number not above x / y."""
    return x // y


@gate(x=same, y=lambda g, x, y: -g * floor_divide(x, y))
def remainder(x, y):
    """x - y * floor(x / y): the remainder that has y's sign.

    Rule: dz/dx = 1, dz/dy = -floor(x/y), where x/y is not whole.
    """
    return x % y


@gate(
    x=lambda g, x, y: where(equal(y, 0.0), 0.0, g * (y * pow(x, y - 1.0))),
    y=lambda g, z, x, y: where(logical_and(equal(x, 0.0), y >= 0), 0.0, g * (z * log(x))),
)
def pow(x, y):
    """x ** y.

    Rule: dz/dx = y x^(y-1) (0 for y = 0), dz/dy = z log x (0 for x = 0 and y >= 0).
    """
    return xp(x, y).power(x, y)


@composite
def square(x):
    """x²."""
    return x * x


@composite
def reciprocal(x):
    """1 / x."""
    return div(1.0, x)


@gate(x=lambda g, x: g * sign(x))
def abs(x):
    """|x|.

    Rule: dz/dx = sign x, which is 0 at 0.
    """
    return xp(x).absolute(x)


# --- locally constant -----------------------------------------------------------------------------


@flat
def sign(x):
    """-1, 0 or 1; nan stays."""
    return xp(x).sign(x)


@flat
def floor(x):
    """The largest whole number not above x."""
    return xp(x).floor(x)


@flat
def ceil(x):
    """The smallest whole number not below x."""
    return xp(x).ceil(x)


@flat
def trunc(x):
    """x without its fraction."""
    return xp(x).trunc(x)


@flat
def round(x):
    """The nearest whole number; halves go to the even one."""
    return xp(x).rint(x)


@flat
def equal(x, y):
    """x == y, elementwise."""
    return x == y


@flat
def not_equal(x, y):
    """x != y, elementwise."""
    return x != y


@flat
def greater(x, y):
    """x > y, elementwise."""
    return x > y


@flat
def greater_equal(x, y):
    """x >= y, elementwise."""
    return x >= y


@flat
def less(x, y):
    """x < y, elementwise."""
    return x < y


@flat
def less_equal(x, y):
    """x <= y, elementwise."""
    return x <= y


@flat
def isnan(x):
    """Where x is not a number."""
    return xp(x).isnan(x)


@flat
def isinf(x):
    """Where x is infinite."""
    return xp(x).isinf(x)


@flat
def isfinite(x):
    """Where x is neither infinite nor nan."""
    return xp(x).isfinite(x)


@flat
def logical_not(x):
    """Where x is zero or False."""
    return xp(x).logical_not(x)


@flat
def logical_and(x, y):
    """Where both are true."""
    return xp(x, y).logical_and(x, y)


@flat
def logical_or(x, y):
    """Where one of them is true."""
    return xp(x, y).logical_or(x, y)


# --- powers of e and their inverses ---------------------------------------------------------------


@gate(floats=True, x=lambda g, z: g * z)
def exp(x):
    """e^x.

    Rule: dz/dx = z.
    """
    return xp(x).exp(x)


@gate(floats=True, x=lambda g, z: g * (z + 1.0))
def expm1(x):
    """e^x - 1, exact near 0.

    Rule: dz/dx = z + 1.
    """
    return xp(x).expm1(x)


@gate(floats=True, x=lambda g, x: div(g, x))
def log(x):
    """The natural logarithm.

    Rule: dz/dx = 1/x.
    """
    return xp(x).log(x)


@gate(floats=True, x=lambda g, x: div(g, x * math.log(2.0)))
def log2(x):
    """The logarithm to base 2.

    Rule: dz/dx = 1 / (x log 2).
    """
    return xp(x).log2(x)


@gate(floats=True, x=lambda g, x: div(g, x + 1.0))
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
    """1 / √x."""
    return pow(x, -0.5)


# --- trigonometry ---------------------------------------------------------------------------------


@gate(floats=True, x=lambda g, x: g * cos(x))
def sin(x):
    """The sine of x in radians.

    Rule: dz/dx = cos x.
    """
    return xp(x).sin(x)


@gate(floats=True, x=lambda g, x: -g * sin(x))
def cos(x):
    """The cosine of x in radians.

    Rule: dz/dx = -sin x.
    """
    return xp(x).cos(x)


@gate(floats=True, x=lambda g, z: g * (z * z + 1.0))
def tan(x):
    """The tangent of x in radians.

    Rule: dz/dx = 1 + z².
    """
    return xp(x).tan(x)


@gate(floats=True, x=lambda g, x: div(g, sqrt(1.0 - x * x)))
def asin(x):
    """The angle in [-π/2, π/2] whose sine is x.

    Rule: dz/dx = 1 / √(1 - x²).
    """
    return xp(x).arcsin(x)


@gate(floats=True, x=lambda g, x: -div(g, sqrt(1.0 - x * x)))
def acos(x):
    """The angle in [0, π] whose cosine is x.

    Rule: dz/dx = -1 / √(1 - x²).
    """
    return xp(x).arccos(x)


@gate(floats=True, x=lambda g, x: div(g, x * x + 1.0))
def atan(x):
    """The angle in (-π/2, π/2) whose tangent is x.

    Rule: dz/dx = 1 / (1 + x²).
    """
    return xp(x).arctan(x)


@gate(floats=True, x=lambda g, x: g * cosh(x))
def sinh(x):
    """The hyperbolic sine.

    Rule: dz/dx = cosh x.
    """
    return xp(x).sinh(x)


@gate(floats=True, x=lambda g, x: g * sinh(x))
def cosh(x):
    """The hyperbolic cosine.

    Rule: dz/dx = sinh x.
    """
    return xp(x).cosh(x)


# --- choices --------------------------------------------------------------------------------------


@gate(
    x=lambda g, x, y: where(x > y, g, where(equal(x, y), g * 0.5, 0.0)),
    y=lambda g, x, y: where(y > x, g, where(equal(x, y), g * 0.5, 0.0)),
)
def maximum(x, y):
    """The larger of x and y; nan wins.

    Rule: the larger one gets the gradient; at a tie each gets half.
    """
    return xp(x, y).maximum(x, y)


@gate(
    x=lambda g, x, y: where(x < y, g, where(equal(x, y), g * 0.5, 0.0)),
    y=lambda g, x, y: where(y < x, g, where(equal(x, y), g * 0.5, 0.0)),
)
def minimum(x, y):
    """The smaller of x and y; nan wins.

    Rule: the smaller one gets the gradient; at a tie each gets half.
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


@gate(x=lambda g, x, min, max: where(within(x, min=min, max=max), g, 0.0))
def clamp(x, *, min=None, max=None):
    """x, but not below min and not above max; a bound of None is open.

    Rule: dz/dx = 1 for min <= x <= max, else 0.
    """
    return xp(x).clip(x, min, max)


@flat
def within(x, *, min, max):
    """Where min <= x <= max."""
    above = True if min is None else x >= min
    return above & (True if max is None else x <= max)
