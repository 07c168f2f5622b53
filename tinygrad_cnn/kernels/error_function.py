"""The error function within compiled loops: in float32, so that many are computed at once.

Only overlays import this: it needs Numba.
"""

import numpy as np

from .exponential import exp_single
from .parallel import contracted
from .series import SERIES, TAIL

F = np.float32
NEAR = tuple(F(c) for c in SERIES[10::-1])  # terms behind these are below 1e-8
FAR = tuple(F(c) for c in TAIL[15:7:-1])  # in two halves: longer loops are not unrolled
LAST = tuple(F(c) for c in TAIL[7::-1])


@contracted
def erfc_far(x, k):
    """erfc x for x >= 1; as the body, in ops.erf."""
    x = min(x, F(10.0))
    h = F(np.int32(x * F(16.0))) * F(0.0625)
    t = F(1.0) - F(8.0) / (x + F(3.0))
    p = F(0.0)
    for c in FAR:
        p = p * t + c
    for c in LAST:
        p = p * t + c
    return exp_single(-h * h, k) * exp_single((h - x) * (h + x), k) * p / x


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
    far = np.copysign(F(1.0) - erfc_far(max(size, F(1.0)), k), x)
    z = far if size > F(1.0) else erf_near(x)
    return x if x != x else z


@contracted
def erfc_single(x, k):
    """1 - erf x in float32, exact also where that is small."""
    size = abs(x)
    far = erfc_far(max(size, F(1.0)), k)
    far = F(2.0) - far if x < F(0.0) else far
    z = far if size > F(1.0) else F(1.0) - erf_near(x)
    return x if x != x else z
