"""The matrices of Winograd's convolution, in float64."""

import numpy as np
import pytest

from tinygrad_cnn.kernels.winograd import TAPS, matrices, matrix, points

SIZES = [2, 4]


@pytest.mark.parametrize("m", SIZES)
def test_few_products_make_a_convolution_and_its_gradient(m):
    rng = np.random.default_rng(0)
    a, bt, g = matrices(m)
    d, w, u = (rng.standard_normal(size) for size in (m + 2, TAPS, m))
    windows = np.lib.stride_tricks.sliding_window_view(d, TAPS)
    assert np.allclose(a.T @ ((g @ w) * (bt @ d)), windows @ w, rtol=0, atol=1e-13)
    assert np.allclose(g.T @ ((a @ u) * (bt @ d)), windows.T @ u, rtol=0, atol=1e-13)


@pytest.mark.parametrize("m", SIZES)
def test_points_are_distinct_and_come_in_opposite_pairs(m):
    finite = points(m)
    assert len(set(finite)) == m + 1
    assert np.array_equal(finite[1::2], -finite[2::2])
    for what in ("image", "weights", "gradient"):
        rows = matrix(m, what)
        signs = (-1) ** np.arange(rows.shape[1])
        assert np.array_equal(rows[1:-1:2] * signs, rows[2:-1:2])


def test_matrices_have_the_zeros_that_spare_work():
    assert [np.count_nonzero(matrix(4, what)) for what in ("image", "result")] == [22, 18]
