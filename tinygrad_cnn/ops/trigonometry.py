"""Elementwise gates of angles: trigonometric and hyperbolic functions and their inverses."""

from ..gate import composite, gate
from ..kernels import xp
from .comparison import eq
from .pointwise import div, sqrt, where


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


@gate(autocast="float32", floats=True, x=lambda g, z: g * (z * z + 1.0))
def tan(x):
    """The tangent of x in radians.

    Rule: dz/dx = 1 + z².
    """
    return xp(x).tan(x)


@gate(autocast="float32", floats=True, x=lambda g, x: div(g, sqrt(1.0 - x * x)))
def asin(x):
    """The angle in [-π/2, π/2] whose sine is x.

    Rule: dz/dx = 1 / √(1 - x²).
    """
    return xp(x).arcsin(x)


@gate(autocast="float32", floats=True, x=lambda g, x: -div(g, sqrt(1.0 - x * x)))
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


@gate(autocast="float32", floats=True, x=lambda g, x: g * cosh(x))
def sinh(x):
    """The hyperbolic sine.

    Rule: dz/dx = cosh x.
    """
    return xp(x).sinh(x)


@gate(autocast="float32", floats=True, x=lambda g, x: g * sinh(x))
def cosh(x):
    """The hyperbolic cosine.

    Rule: dz/dx = sinh x.
    """
    return xp(x).cosh(x)


@gate(floats=True, x=lambda g, x: div(g, sqrt(x * x + 1.0)))
def asinh(x):
    """The number whose hyperbolic sine is x.

    Rule: dz/dx = 1 / √(x² + 1).
    """
    return xp(x).arcsinh(x)


@gate(floats=True, x=lambda g, x: div(g, sqrt(x * x - 1.0)))
def acosh(x):
    """The number that is not negative and whose hyperbolic cosine is x.

    Rule: dz/dx = 1 / √(x² - 1).
    """
    return xp(x).arccosh(x)


@gate(floats=True, x=lambda g, x: div(g, 1.0 - x * x))
def atanh(x):
    """The number whose hyperbolic tangent is x.

    Rule: dz/dx = 1 / (1 - x²).
    """
    return xp(x).arctanh(x)


@gate(
    floats=True,
    x=lambda g, x, y: polar(g, y, x * x + y * y),
    y=lambda g, x, y: polar(-g, x, x * x + y * y),
)
def atan2(x, y):
    """The angle in [-π, π] of the point that lies x up and y to the right.

    Rule: dz/dx = y / (x² + y²), dz/dy = -x / (x² + y²), both 0 at the origin.
    """
    return xp(x, y).arctan2(x, y)


@composite
def polar(g, side, square):
    """g times side / square, 0 where the square is: a slope of the angle."""
    return where(eq(square, 0.0), 0.0, div(g * side, square))


# --- other names ----------------------------------------------------------------------------------

arcsin = asin
arccos = acos
arctan = atan
arctan2 = atan2
arcsinh = asinh
arccosh = acosh
arctanh = atanh
