"""The error function and its complement: NumPy has neither.

Near 0 a power series, further out a polynomial for what is left of erfc without its e^(-x²).
"""

from ..gate import gate
from ..kernels import xp
from ..kernels.series import SERIES, SLOPE, TAIL
from .pointwise import exp


def polynomial(coefficients, x):
    """Σ coefficients[n] x^n, by Horner's rule."""
    z = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        z = z * x + c
    return z


def tail(x):
    """erfc x for x >= 1.

    x² is cut into h² + (x-h)(x+h) with a short h, whose square is exact: the rounding of x² itself
    would be multiplied by x² in e^(-x²).
    """
    x = xp(x).minimum(x, 30.0)  # from 27.3 on erfc is 0
    h = xp(x).floor(x * 16.0) * 0.0625
    decay = xp(x).exp(-h * h) * xp(x).exp((h - x) * (h + x))
    return decay * polynomial(TAIL, 1.0 - 8.0 / (x + 3.0)) / x


def wide(x):
    """x in float32 if it is narrower: a polynomial adds up too many roundings of float16."""
    return x.astype("float32") if x.dtype.itemsize < 4 else x


@gate(formula=True, floats=True, x=lambda g, x: g * (exp(-(x * x)) * SLOPE))
def erf(x):
    """2/√π · ∫₀ˣ e^(-t²) dt.

    Rule: dz/dx = 2/√π e^(-x²).

    Source: the series is Abramowitz & Stegun 1964, 7.1.5; the variable of the polynomial is that
    of Shepherd & Laframboise 1981, section 2.
    """
    v = wide(x)
    size = xp(v).absolute(v)
    far = xp(v).copysign(1.0 - tail(size), v)
    return xp(v).where(size < 1.0, v * polynomial(SERIES, v * v), far).astype(x.dtype)


@gate(formula=True, floats=True, x=lambda g, x: g * (exp(-(x * x)) * -SLOPE))
def erfc(x):
    """1 - erf(x), exact also where erf is near 1.

    Rule: dz/dx = -2/√π e^(-x²).

    Source: as for `erf`.
    """
    v = wide(x)
    far = tail(xp(v).absolute(v))
    far = xp(v).where(v < 0.0, 2.0 - far, far)
    near = 1.0 - v * polynomial(SERIES, v * v)
    return xp(v).where(xp(v).absolute(v) < 1.0, near, far).astype(x.dtype)
