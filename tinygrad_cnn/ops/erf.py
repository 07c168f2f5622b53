"""The error function and its complement: NumPy has neither.

Near 0 a power series, further out a polynomial for what is left of erfc without its e^(-x²).
"""

import math

from ..gate import gate
from ..kernels import xp
from .pointwise import exp

SLOPE = 2.0 / math.sqrt(math.pi)  # at 0

# erf x = x · Σ SERIES[n] x^(2n). With 18 terms the rest is below 1e-16 for |x| < 1.
SERIES = [SLOPE * (-1) ** n / (math.factorial(n) * (2 * n + 1)) for n in range(18)]

# x e^(x²) erfc x = Σ TAIL[n] t^n for x >= 1, with t = 1 - 8 / (x + 3): -1 at x = 1, 1 at infinity.
# These are the first 21 terms of its Chebyshev series in t, computed with 50 digits and put in
# order of powers; together with rounding they leave a relative error near 1e-15.
TAIL = [
    *(0.5535231886653431, 0.03232551127149663, -0.03995258281752432, 0.029186202095378207),
    *(-0.0157859017494537, 0.006499181794369525, -0.001927563120467446, 0.00032022234806724283),
    *(2.5338909315468118e-05, -2.9682532650813774e-05, 4.724578474804401e-06),
    *(1.6380054610361082e-06, -6.960840672949299e-07, -7.117772238299963e-08),
    *(7.96469967780934e-08, 1.846877610142533e-09, -9.105585848099488e-09),
    *(5.1141035525936317e-11, 1.0051446343849567e-09, -6.443449857739332e-12),
    -7.639457678391374e-11,
]


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


@gate(floats=True, x=lambda g, x: g * (exp(-(x * x)) * SLOPE))
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


@gate(floats=True, x=lambda g, x: g * (exp(-(x * x)) * -SLOPE))
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
