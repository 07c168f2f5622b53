"""e^x within compiled loops: in float32 as arithmetic, so that many are computed at once.

Only overlays import this: it needs Numba.
"""

import numpy as np

from .parallel import contracted

F = np.float32
LOG2_E = F(1.4426950408889634)
LN2_HIGH = F(0.693359375)  # log 2 = high - low; products of the first with whole numbers are exact
LN2_LOW = F(2.1219444005469058e-4)
ROUND = F(12582912.0)  # 1.5 2^23: numbers as large have no digits behind the point
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


@contracted
def sigmoid_single(x):
    """1 / (1 + e^-x) in float32, as exp_single, in two thirds of the time: here e^-x does not
    overflow. Results below 1e-38 are 0."""
    y = min(max(-x, F(-87.0)), F(88.0))
    t = y * LOG2_E + ROUND  # its last bits are those of the whole number k
    k = t - ROUND
    r = (y - k * LN2_HIGH) + k * LN2_LOW
    p = C5 + r * (C6 + r * C7)
    p = F(0.5) + r * (SIXTH + r * (C4 + r * p))
    p = F(1.0) + r * (F(1.0) + r * p)
    scale = np.int32(F(t).view(np.int32) << np.int32(23))  # k in the place of the exponent
    z = F(1.0) / (F(1.0) + np.int32(F(p).view(np.int32) + scale).view(np.float32))
    return z if x >= F(-88.0) else (F(0.0) if x < F(-88.0) else x)  # which is nan
