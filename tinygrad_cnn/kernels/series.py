"""Coefficients of the error function, which its body and its kernels share."""

import math

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

# e^(x²) erfc x = 2 / (2 + x) · Σ SCALED[n] u^n for x >= 0, with u = (2 - x) / (2 + x): 1 at x = 0,
# -1 at infinity. The polynomial is that through the points of Chebyshev, put in order of powers; it
# leaves a relative error of 1.3e-8, for float32.
SCALED = [
    *(0.510791353, 0.343580313, 0.139735946, 0.0182217491, -0.0107533109, -0.00324373307),
    *(0.00153384704, 0.000431040022, -0.000304719086, -3.67643618e-05, 4.42884146e-05),
]
