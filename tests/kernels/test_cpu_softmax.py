"""Softmax's kernels against the bodies: every row, whatever it holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba", reason="the kernels need Numba")

from tinygrad_cnn.kernels import cpu_softmax
from tinygrad_cnn.ops import loss

NAMES = ("softmax", "log_softmax")
INF, NAN = float("inf"), float("nan")


def both(name, *arrays, dim=-1):
    """What the kernel makes of an axis, and the body."""
    kernel, gate = getattr(cpu_softmax, name), getattr(loss, name).gate
    with np.errstate(all="ignore"):
        return kernel(*arrays, dim=dim), gate.body(*arrays, dim=dim)


@pytest.mark.parametrize("name", NAMES)
@given(
    shape=st.lists(st.integers(1, 5), max_size=2),
    size=st.integers(1, 70),
    scale=st.sampled_from([1e-3, 1.0, 30.0, 1e4]),
    seed=st.integers(0, 99),
)
def test_rows_and_their_gradients(name, shape, size, scale, seed):
    rng = np.random.default_rng(seed)
    x = (scale * rng.standard_normal((*shape, size))).astype(np.float32)
    z, expected = both(name, x)
    np.testing.assert_allclose(z, expected, rtol=2e-6, atol=1e-7)
    g = rng.standard_normal(x.shape).astype(np.float32)
    dx, slope = both(f"{name}_dx", g, expected)
    np.testing.assert_allclose(dx, slope, rtol=2e-5, atol=2e-6 * size)


@pytest.mark.parametrize("name", NAMES)
@given(
    blocks=st.integers(1, 4),
    count=st.integers(1, 30),
    inner=st.sampled_from([2, 15, 16, 49, cpu_softmax.PIECE, cpu_softmax.PIECE + 3]),
    scale=st.sampled_from([1e-3, 1.0, 30.0, 1e4]),
    seed=st.integers(0, 99),
)
def test_columns_and_their_gradients(name, blocks, count, inner, scale, seed):
    rng = np.random.default_rng(seed)
    x = (scale * rng.standard_normal((blocks, count, inner))).astype(np.float32)
    z, expected = both(name, x, dim=1)
    # Near 0 a logarithm is off by what its argument, near 1, was rounded by.
    np.testing.assert_allclose(z, expected, rtol=2e-6, atol=3e-7)
    g = rng.standard_normal(x.shape).astype(np.float32)
    dx, slope = both(f"{name}_dx", g, expected, dim=-2)
    np.testing.assert_allclose(dx, slope, rtol=2e-5, atol=2e-6 * count)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "row",
    [
        [1.0, NAN, 2.0],
        [1.0, -NAN, 2.0],
        [INF, 0.0, -1.0],
        [INF, INF],
        [-INF, -INF],
        [INF, -INF],
        [-INF, 0.0, 3.0],
        [-INF],
        [3e38, -3e38],
        [-0.0, 0.0],
        [0.0, -86.9, -87.1, -200.0],
    ],
)
def test_what_is_no_number_and_what_is_far_away(name, row):
    x = np.array([row, [0.5] * len(row)], np.float32)
    for dim, rows in ((-1, np.tile(x, (1, 8))), (0, np.tile(x.T, (8, 1)))):
        z, expected = both(name, rows, dim=dim)
        np.testing.assert_allclose(z, expected, rtol=1e-6, atol=2e-38)


def test_a_masked_class_has_no_share_at_all():
    x = np.array([[0.0, -INF, 1.0, -1e9]], np.float32)
    assert cpu_softmax.softmax(x, dim=1)[0, [1, 3]].tolist() == [0.0, 0.0]
    dx = cpu_softmax.log_softmax_dx(np.ones_like(x), cpu_softmax.log_softmax(x, dim=-1), dim=-1)
    assert dx[0, 1] == 1.0


@pytest.mark.parametrize(
    ("x", "dim"),
    [
        (np.zeros((3, 4)), -1),
        (np.zeros((3, 0), np.float32), -1),
    ],
)
def test_other_cases_are_the_bodies(x, dim):
    assert cpu_softmax.softmax(x, dim=dim) is NotImplemented


def test_rows_that_do_not_lie_in_order():
    x = np.random.default_rng(0).standard_normal((40, 30)).astype(np.float32).T
    for dim in (0, 1):
        z, expected = both("softmax", x, dim=dim)
        np.testing.assert_allclose(z, expected, rtol=2e-6)
