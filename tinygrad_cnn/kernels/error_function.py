"""The error function within compiled loops: in float32, so that many are computed at once.

Only overlays import this: it needs Numba.
"""

import numpy as np

from .exponential import C4, HALF, ONE, SCALED, SIXTH, bits_of, exp_single, with_bits
from .parallel import contracted
from .series import SERIES

F = np.float32
NEAR = tuple(F(c) for c in SERIES[10::-1])  # terms behind these are below 1e-8
SHORT = np.int32(-4096)  # the bits that leave a number half of its digits


@contracted
def erfc_far(x, k):
    """erfc x for x >= 0, exact also where it is small.

    x² is cut into h² + d with a short h, whose square is exact, as in the body, in ops.erf; d is so
    small that five terms are e^-d.
    """
    x = min(x, F(10.0))
    h = with_bits(bits_of(x) & SHORT)
    d = (x - h) * (x + h)
    e = exp_single(-h * h, k)
    e -= e * (d - d * d * (k[HALF] - d * (k[SIXTH] - d * k[C4])))
    t = k[ONE] / (F(2.0) + x)
    u = F(4.0) * t - k[ONE]
    p = k[SCALED + 8] + u * (k[SCALED + 9] + u * k[SCALED + 10])
    p = k[SCALED + 5] + u * (k[SCALED + 6] + u * (k[SCALED + 7] + u * p))
    p = k[SCALED + 2] + u * (k[SCALED + 3] + u * (k[SCALED + 4] + u * p))
    p = k[SCALED] + u * (k[SCALED + 1] + u * p)
    return e * (t + t) * p


@contracted
def erf_near(x):
    """erf x for |x| <= 1."""
    p = F(0.0)
    for c in NEAR:
        p = p * (x * x) + c
    return x * p


@contracted
def erf_single(x, k):
    """erf x in float32."""
    size = abs(x)
    far = np.copysign(F(1.0) - erfc_far(size, k), x)
    z = far if size > F(1.0) else erf_near(x)
    return x if x != x else z


@contracted
def erfc_single(x, k):
    """1 - erf x in float32, exact also where that is small."""
    z = erfc_far(abs(x), k)
    z = F(2.0) - z if x < F(0.0) else z
    return x if x != x else z
