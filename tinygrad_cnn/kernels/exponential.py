"""e^x within compiled loops: in float32 as arithmetic, so that many are computed at once.

Only overlays import this: it needs Numba.
"""

import math

import numpy as np
from numba import types
from numba.extending import overload

from .parallel import contracted

F = np.float32
LOG2_E = F(1.4426950408889634)
LN2_HIGH = F(0.693359375)  # log 2 = high - low; products of the first with whole numbers are exact
LN2_LOW = F(2.1219444005469058e-4)
SIXTH, C4, C5, C6, C7 = F(1 / 6), F(1 / 24), F(1 / 120), F(1 / 720), F(1 / 5040)


@contracted
def exp_single(x):
    """e^x in float32: 2^k e^r with |r| <= log(2) / 2, the second by its series. Results below
    1e-38 are 0 or 1e-38."""
    x = min(max(x, F(-87.0)), F(89.0))
    k = np.int32(x * LOG2_E + F(200.5)) - np.int32(200)  # of a positive number the whole part
    r = (x - F(k) * LN2_HIGH) + F(k) * LN2_LOW
    p = C5 + r * (C6 + r * C7)
    p = F(0.5) + r * (SIXTH + r * (C4 + r * p))
    p = F(1.0) + r * (F(1.0) + r * p)
    half = np.int32((k + np.int32(126)) << np.int32(23)).view(np.float32)  # 2^(k - 1)
    return (p + p) * half


def exp(x: float) -> float:
    """e^x; within compiled functions exp_single for float32."""
    return math.exp(x)


@overload(exp)
def exp_of(x):
    """What exp is for numbers of x's type."""
    return (lambda x: exp_single(x)) if x == types.float32 else (lambda x: math.exp(x))
