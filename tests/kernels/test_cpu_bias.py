"""The gradient of a bias per channel against NumPy's sums in double precision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_bias, layout


@st.composite
def gradients(draw):
    """Gradients of up to three axes of space, in every layout; some long, some of one place."""
    rank = draw(st.integers(0, 3))
    n, c = draw(st.sampled_from([1, 2, 5, 300])), draw(st.sampled_from([1, 3, 16, 33]))
    space = draw(st.tuples(*[st.integers(1, 12)] * rank))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    g = rng.standard_normal((n, c, *space)).astype(draw(st.sampled_from(["float32", "float64"])))
    way = draw(st.sampled_from(["planes", "rows", "columns", "backwards"]))
    if way in ("rows", "columns"):
        z = layout.empty_in(layout.orders(g.ndim)[way == "columns"], g.shape, g.dtype)
        z[...] = g
        return z
    return g[:, ::-1] if way == "backwards" else g


@given(gradients())
def test_the_sums_are_numpy_s(g):
    z = cpu_bias.bias_dx(g)
    axes = (0, *range(2, g.ndim))
    largest = np.abs(g.astype(float)).sum(axes)
    assert (z.dtype, z.shape) == (g.dtype, g.shape[1:2])
    bound = g.size * np.finfo(g.dtype).eps * largest
    assert np.all(np.abs(z - g.astype(float).sum(axes)) <= bound)


@pytest.mark.parametrize(
    "axes", [(0, 1, 2, 3), *layout.orders(4)], ids=["planes", "rows", "columns"]
)
def test_every_number_of_threads_gives_equal_bits(axes):
    g = layout.empty_in(axes, (32, 6, 20, 20), np.float32)
    g[...] = np.random.default_rng(0).standard_normal(g.shape)
    before = tg.get_num_threads()
    found = []
    for threads in (1, 2, 2):
        tg.set_num_threads(threads)
        found.append(cpu_bias.bias_dx(g))
    tg.set_num_threads(before)
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[1], found[2])


def test_nan_and_infinity_stay_in_their_channel():
    g = np.ones((2, 3, 4, 5), "f4")
    g[0, 0, 1, 2], g[1, 2, 3, 4] = np.nan, -np.inf
    z = cpu_bias.bias_dx(g)
    assert np.isnan(z[0]) and z[1] == 40 and z[2] == -np.inf


@pytest.mark.parametrize("g", [np.ones(3), np.ones((0, 3, 4)), np.ones((2, 3, 4), "f2"), 1.0])
def test_what_is_not_covered_is_left_to_the_body(g):
    assert cpu_bias.bias_dx(g) is NotImplemented
