"""e^x, log(1 + x) and what they make up within compiled loops: in float32 as arithmetic, so that
many are computed at once.

Loops hand their constants to the functions as numbers that the compiler does not know. Those that
it knows it would read from memory for each vector, which takes up to a quarter more time.

Only overlays import this: it needs Numba.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import series
from .parallel import contracted

F = np.float32
# log 2 = high - low; products of the first with whole numbers are exact. Numbers as large as 1.5
# 2^23 have no digits behind the point.
KNOWN = {
    "log2 e": 1.4426950408889634,
    "log 2, high": 0.693359375,
    "log 2, low": 2.1219444005469058e-4,
    "1.5 2^23": 12582912.0,
    "1": 1.0,
    "1/2": 1 / 2,
    "1/3!": 1 / 6,
    "1/4!": 1 / 24,
    "1/5!": 1 / 120,
    "1/6!": 1 / 720,
    "1/7!": 1 / 5040,
    "least": -87.0,
    "most": 88.0,
}
LOG2_E, LN2_HIGH, LN2_LOW, ROUND, ONE, HALF, SIXTH, C4, C5, C6, C7, LEAST, MOST = range(len(KNOWN))
SCALED = len(KNOWN)  # where those of the error function begin
# For loops, which take them as an argument.
CONSTANTS = np.array([*KNOWN.values(), *series.SCALED], F)
HALF_ROOT = np.int32(0x3F3504F3)  # the bits of √½
MANTISSA = np.int32(0x007FFFFF)
MANTISSA_BITS = np.int32(23)
HALF_BITS = np.int32(126 << 23)  # of 2^-1


@contracted
def held(table, i):
    """The constants, which lie in an array from i on."""
    return (
        table[i], table[i + 1], table[i + 2], table[i + 3], table[i + 4], table[i + 5],
        table[i + 6], table[i + 7], table[i + 8], table[i + 9], table[i + 10], table[i + 11],
        table[i + 12], table[i + 13], table[i + 14], table[i + 15], table[i + 16], table[i + 17],
        table[i + 18], table[i + 19], table[i + 20], table[i + 21], table[i + 22], table[i + 23],
    )  # fmt: skip


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
def exp_near(r, k):
    """e^r for |r| <= log(2) / 2."""
    p = k[C5] + r * (k[C6] + r * k[C7])
    p = k[HALF] + r * (k[SIXTH] + r * (k[C4] + r * p))
    return k[ONE] + r * (k[ONE] + r * p)


@contracted
def exp_single(x, k):
    """e^x in float32: 2^n e^r with |r| <= log(2) / 2, the second by its series. Results below
    1e-38 are 0 or 1e-38."""
    x = min(max(x, k[LEAST]), F(89.0))
    t = x * k[LOG2_E] + k[ROUND]  # its last bits are those of the whole number n
    n = t - k[ROUND]
    r = (x - n * k[LN2_HIGH]) + n * k[LN2_LOW]
    p = exp_near(r, k)
    half = with_bits((bits_of(t) << MANTISSA_BITS) + HALF_BITS)  # 2^(n - 1)
    return (p + p) * half


@contracted
def sigmoid_single(x, k):
    """1 / (1 + e^-x) in float32, as exp_single, in two thirds of the time: here e^-x does not
    overflow. Results below 1e-38 are 0."""
    y = min(max(-x, k[LEAST]), k[MOST])
    t = y * k[LOG2_E] + k[ROUND]
    n = t - k[ROUND]
    r = (y - n * k[LN2_HIGH]) + n * k[LN2_LOW]
    p = exp_near(r, k)
    scale = bits_of(t) << MANTISSA_BITS  # n in the place of the exponent
    z = k[ONE] / (k[ONE] + with_bits(bits_of(p) + scale))
    return z if x >= -k[MOST] else (F(0.0) if x < -k[MOST] else x)  # which is nan


@contracted
def expm1_single(x, k):
    """e^x - 1 in float32, exact also near 0: 2^n (e^r - 1) + (2^n - 1), as exp_single."""
    x = min(max(x, k[LEAST]), F(89.0))
    t = x * k[LOG2_E] + k[ROUND]
    n = t - k[ROUND]
    r = (x - n * k[LN2_HIGH]) + n * k[LN2_LOW]
    p = k[C5] + r * (k[C6] + r * k[C7])
    p = k[HALF] + r * (k[SIXTH] + r * (k[C4] + r * p))
    p = r * (k[ONE] + r * p)
    half = with_bits((bits_of(t) << MANTISSA_BITS) + HALF_BITS)
    z = half * p + (half - k[HALF])
    return z + z


@contracted
def tanh_single(x, k):
    """tanh x in float32: (e^2|x| - 1) / (e^2|x| + 1) with the sign of x."""
    e = expm1_single(F(2.0) * min(abs(x), F(20.0)), k)
    z = np.copysign(e / (e + F(2.0)), x)
    return z if x == x else x


@contracted
def log1p_single(x, k):
    """log(1 + x) in float32: of u = 1 + x as n log 2 + log m with √½ <= m < √2, the second by the
    series of artanh; what u was rounded by counts at the slope of the logarithm."""
    u = F(1.0) + x
    bits = bits_of(u) - HALF_ROOT
    n = bits >> MANTISSA_BITS
    m = with_bits((bits & MANTISSA) + HALF_ROOT)
    s = (m - F(1.0)) / (m + F(1.0))
    q = s * s
    p = F(2 / 3) + q * (F(2 / 5) + q * (F(2 / 7) + q * (F(2 / 9) + q * F(2 / 11))))
    lost = (x - (u - F(1.0))) / u
    z = F(n) * k[LN2_HIGH] - (F(n) * k[LN2_LOW] - ((s * q) * p + (s + s)) - lost)
    z = x if abs(x) < F(1e-4) * F(1e-4) else z
    z = z if u > F(0.0) else (F(-np.inf) if u == F(0.0) else F(np.nan))
    return z if x < F(np.inf) else x
