"""The matrices of Winograd's convolution: many results of a window from few multiplications.

F(m, 3) computes m neighbouring results y of a window g of three elements over d, m + 2 elements,
with m + 2 multiplications instead of 3 m:

    y = A^T ((G g) * (B^T d))

Such a product of polynomials is taken at m + 1 points and at infinity, and interpolated. In two
dimensions each matrix is applied from both sides: F(4x4, 3x3) takes 36 multiplications for 16
results instead of 144. The gradient for g is the transposed map: G^T ((A u) * (B^T d)).

Source: Lavin and Gray, 2016, section 4; the points: Alam et al., 2022, who take reciprocal pairs.
"""

import functools
import math

import numpy as np

TAPS = 3  # elements of the window along an axis

# Pairs of opposite points besides 0 and infinity, by m. In float32 the usual points 1 and 2 for
# m = 4 make twice the root mean square error of these, and four times the largest.
POINTS = {2: (1.0,), 4: (math.sqrt(0.5), math.sqrt(2))}


def points(m: int) -> np.ndarray:
    """The finite points of F(m, 3): 0, and each pair with the positive one first."""
    return np.array([0.0, *(sign * p for p in POINTS[m] for sign in (1, -1))])


@functools.cache
def matrices(m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A (m + 2, m), B^T (m + 2, m + 2) and G (m + 2, 3) of F(m, 3), in float64.

    A row belongs to a point: A and G have its powers, G divided by the differences to the other
    points, and B^T the coefficients of the polynomial whose roots are the other points.
    """
    finite = points(m)
    a, bt, g = (np.zeros((m + 2, columns)) for columns in (m, m + 2, TAPS))
    for row, point in enumerate(finite):
        others = np.delete(finite, row)
        a[row] = point ** np.arange(m)
        bt[row, :-1] = np.poly(others)[::-1]
        g[row] = point ** np.arange(TAPS) / np.prod(point - others)
    a[-1, -1] = g[-1, -1] = 1
    bt[-1] = np.poly(finite)[::-1]
    return a, bt, g


def matrix(m: int, what: str) -> np.ndarray:
    """The matrix that a transform applies from both sides.

    what: "image", "weights" or "result"; for the gradient for the weights "gradient", which comes
    from the result, and "sums", which become it.
    """
    a, bt, g = matrices(m)
    found = {"image": bt, "weights": g, "result": a.T, "gradient": a, "sums": g.T}
    return np.round(found[what], 12)  # what rounding left of zeros is 0 again
