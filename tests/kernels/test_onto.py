"""Gradients that are added to what is there already, in the same place."""

import numpy as np
import pytest

from tinygrad_cnn import kernels
from tinygrad_cnn.ops.conv import conv_dx, conv_dx_onto
from tinygrad_cnn.ops.indexing import put_onto

pytest.importorskip("numba", reason="Numba has no wheel here: no kernel adds in the same place")

# samples, channels in and out, side, window, stride, padding, groups
CASES = {
    "winograd, large tiles": (4, 16, 16, 32, 3, 1, 1, 1),
    "winograd, small tiles": (2, 64, 64, 7, 3, 1, 1, 1),
    "lines": (2, 48, 64, 13, 5, 1, 2, 1),
    "channels that fill no vector": (2, 40, 24, 13, 3, 1, 1, 1),
    "stride": (2, 64, 32, 14, 3, 2, 1, 1),
    "places without a window": (2, 64, 128, 15, 1, 2, 0, 1),
    "windows of one element": (2, 40, 24, 13, 1, 1, 0, 1),
    "narrow maps": (2, 64, 64, 5, 5, 1, 2, 1),
    "groups": (2, 32, 32, 9, 3, 1, 1, 2),
    "depthwise": (2, 32, 32, 6, 3, 1, 1, 32),
    "columns": (2, 6, 16, 12, 5, 1, 0, 1),
}


def in_rows(x):
    """x with its channels innermost, in memory of its own."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1).copy(order="K")


@pytest.mark.parametrize("layout", [in_rows, np.ascontiguousarray], ids=["rows", "planes"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_gradient_of_a_convolution(case, layout):
    n, c, k, side, window, stride, padding, groups = case
    rng = np.random.default_rng(0)
    out = (side + 2 * padding - window) // stride + 1
    u = in_rows(rng.standard_normal((n, k, out, out), np.float32))
    w = rng.standard_normal((k, c // groups, window, window), np.float32)
    onto = layout(rng.standard_normal((n, c, side, side), np.float32))
    settings = {"stride": (stride,) * 2, "padding": (padding,) * 2, "dilation": (1, 1)}
    settings |= {"space": (side, side), "groups": groups}
    exact = onto + conv_dx.gate.body(u.astype(np.float64), w.astype(np.float64), **settings)
    before = onto.copy()
    apart = conv_dx_onto(u, w, onto, **settings)
    assert np.array_equal(onto, before)
    np.testing.assert_allclose(apart, exact, rtol=0, atol=1e-5 * np.abs(exact).max())
    same = conv_dx_onto(u, w, onto, **settings, spare=True)
    assert same is onto
    assert np.array_equal(same, apart)


def test_timing_kernels_adds_once():
    rng = np.random.default_rng(0)
    u = in_rows(rng.standard_normal((2, 16, 8, 8), np.float32))
    w = rng.standard_normal((16, 16, 3, 3), np.float32)
    settings = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    onto = in_rows(np.ones((2, 16, 8, 8), np.float32))
    exact = onto + conv_dx(u, w, space=(8, 8), **settings)
    with kernels.choice.SETTINGS.flags(benchmark=True):
        conv_dx_onto(u, w, onto, space=(8, 8), **settings, spare=True)
    np.testing.assert_allclose(onto, exact, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        ((slice(None), slice(1, None, 2)), (3, 2)),
        ((1, ...), (4,)),
        (np.array([0, 0, 2]), (3, 4)),
        ((np.array([[True] * 4, [False] * 4, [True] * 4]),), (8,)),
    ],
    ids=["slices", "a row", "places twice", "a mask"],
)
def test_what_was_indexed(key, shape):
    onto = np.zeros((3, 4), np.float32)
    exact = onto.copy()
    np.add.at(exact, key, np.ones(shape, np.float32))
    assert np.array_equal(put_onto(np.ones(shape, np.float32), onto, key=key), exact)
    assert not onto.any()
    assert put_onto(np.ones(shape, np.float32), onto, key=key, spare=True) is onto
    assert np.array_equal(onto, exact)
