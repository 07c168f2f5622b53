"""e^x, log(1 + x) and what they make up within compiled loops: in float32 as arithmetic, so that
many are computed at once.

Only overlays import this: it needs Numba.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .parallel import contracted

F = np.float32
LOG2_E = F(1.4426950408889634)
LN2_HIGH = F(0.693359375)  # log 2 = high - low; products of the first with whole numbers are exact
LN2_LOW = F(2.1219444005469058e-4)
ROUND = F(12582912.0)  # 1.5 2^23: numbers as large have no digits behind the point
HALF_ROOT = np.int32(0x3F3504F3)  # the bits of √½
MANTISSA = np.int32(0x007FFFFF)
SIXTH, C4, C5, C6, C7 = F(1 / 6), F(1 / 24), F(1 / 120), F(1 / 720), F(1 / 5040)


@intrinsic
def bits_of(typing, x):
    """The bits of a float32 number, as a whole number."""
    kind = ir.IntType(32)
    return types.int32(types.float32), lambda context, b, signature, given: b.bitcast(*given, kind)


@intrinsic
def with_bits(typing, bits):
    """The float32 number of these bits."""
    kind = ir.FloatType()
    return types.float32(types.int32), lambda context, b, signature, given: b.bitcast(*given, kind)


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
    half = with_bits((k + np.int32(126)) << np.int32(23))  # 2^(k - 1)
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
    scale = bits_of(t) << np.int32(23)  # k in the place of the exponent
    z = F(1.0) / (F(1.0) + with_bits(bits_of(p) + scale))
    return z if x >= F(-88.0) else (F(0.0) if x < F(-88.0) else x)  # which is nan


@contracted
def expm1_single(x):
    """e^x - 1 in float32, exact also near 0: 2^k (e^r - 1) + (2^k - 1), as exp_single."""
    x = min(max(x, F(-87.0)), F(89.0))
    k = np.int32(x * LOG2_E + F(200.5)) - np.int32(200)
    r = (x - F(k) * LN2_HIGH) + F(k) * LN2_LOW
    p = C5 + r * (C6 + r * C7)
    p = F(0.5) + r * (SIXTH + r * (C4 + r * p))
    p = r * (F(1.0) + r * p)
    half = with_bits((k + np.int32(126)) << np.int32(23))
    z = half * p + (half - F(0.5))
    return z + z


@contracted
def tanh_single(x):
    """tanh x in float32: (e^2|x| - 1) / (e^2|x| + 1) with the sign of x."""
    e = expm1_single(F(2.0) * min(abs(x), F(20.0)))
    z = np.copysign(e / (e + F(2.0)), x)
    return z if x == x else x


@contracted
def log1p_single(x):
    """log(1 + x) in float32: of u = 1 + x as k log 2 + log m with √½ <= m < √2, the second by the
    series of artanh; what u was rounded by counts at the slope of the logarithm."""
    u = F(1.0) + x
    bits = bits_of(u) - HALF_ROOT
    k = bits >> np.int32(23)
    m = with_bits((bits & MANTISSA) + HALF_ROOT)
    s = (m - F(1.0)) / (m + F(1.0))
    q = s * s
    p = F(2 / 3) + q * (F(2 / 5) + q * (F(2 / 7) + q * (F(2 / 9) + q * F(2 / 11))))
    lost = (x - (u - F(1.0))) / u
    z = F(k) * LN2_HIGH - (F(k) * LN2_LOW - ((s * q) * p + (s + s)) - lost)
    z = x if abs(x) < F(1e-4) * F(1e-4) else z
    z = z if u > F(0.0) else (F(-np.inf) if u == F(0.0) else F(np.nan))
    return z if x < F(np.inf) else x
