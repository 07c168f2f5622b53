"""Sums over axes, and the gradient of a bias per channel, against NumPy's in double precision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_sum, layout

AXES = (0, 1, 2, 3)


@st.composite
def arrays(draw):
    """Arrays of up to four axes in planes, rows or columns, or broadcast; some axes are long."""
    shape = draw(st.lists(st.sampled_from([1, 2, 3, 7, 16, 300]), min_size=1, max_size=4))
    while np.prod(shape) > 200_000:
        shape.remove(max(shape))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal(shape).astype(draw(st.sampled_from(["float32", "float64"])))
    way = draw(st.sampled_from(["planes", "rows", "columns", "broadcast"]))
    if way == "broadcast":
        return np.broadcast_to(x[..., :1], x.shape)
    if way == "planes" or x.ndim < 2:
        return x
    z = layout.empty_in(layout.orders(x.ndim)[way == "columns"], x.shape, x.dtype)
    z[...] = x
    return z


def close(z, x, axes, scale=1.0):
    """Whether z is the sum of x over axes times a scale, within the bound of any order."""
    exact = x.astype(float)
    bound = x.size * np.finfo(x.dtype).eps * np.abs(exact).sum(axes, keepdims=True) * scale
    wanted = exact.sum(axes, keepdims=True) * scale
    return z.dtype == x.dtype and np.all(
        np.abs(z - wanted.reshape(z.shape)) <= bound.reshape(z.shape)
    )


@given(arrays(), st.data())
def test_sums_and_means_over_any_axes(x, data):
    axes = tuple(data.draw(st.sets(st.sampled_from(range(x.ndim)), min_size=1)))
    keepdim = data.draw(st.booleans())
    for kernel, scale in ((cpu_sum.sum, 1.0), (cpu_sum.mean, x.sum(axes).size / x.size)):
        z = kernel(x, dim=axes, keepdim=keepdim, dtype=None)
        assert z.shape == x.sum(axes, keepdims=keepdim).shape and z.base is None
        assert close(z, x, axes, scale)
    whole = cpu_sum.sum(x, dim=None, keepdim=False, dtype=x.dtype)
    assert whole.shape == () and close(whole, x, tuple(range(x.ndim)))


@given(arrays(), st.data())
def test_what_was_broadcast_is_summed_back(x, data):
    ones = data.draw(st.lists(st.booleans(), min_size=x.ndim, max_size=x.ndim))
    lead = data.draw(st.integers(0, x.ndim - 1))
    shape = [1 if one else n for n, one in zip(x.shape, ones, strict=True)][lead:]
    axes = (*range(lead), *[i for i in range(lead, x.ndim) if shape[i - lead] != x.shape[i]])
    z = cpu_sum.sum_to(x, shape=tuple(shape))
    if axes:
        assert z.shape == tuple(shape) and close(z, x, axes)
    else:
        assert z is NotImplemented


def test_long_sums_are_cut_into_pieces():
    """Of a million numbers one item of work sums a few thousand: no sum is longer."""
    x = np.full((3, 1_000_003), 0.1, "f4")
    for z in (
        cpu_sum.sum(x, dim=1, keepdim=False, dtype=None),
        cpu_sum.sum(x.T, dim=0, keepdim=False, dtype=None),
    ):
        np.testing.assert_allclose(z, 1_000_003 * np.float64(np.float32(0.1)), rtol=1e-6)


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
    z = cpu_sum.bias_dx(g)
    axes = (0, *range(2, g.ndim))
    largest = np.abs(g.astype(float)).sum(axes)
    assert (z.dtype, z.shape) == (g.dtype, g.shape[1:2])
    bound = g.size * np.finfo(g.dtype).eps * largest
    assert np.all(np.abs(z - g.astype(float).sum(axes)) <= bound)


@pytest.mark.parametrize("dim", [None, 0, 1, (0, 2, 3), (1, 2)])
@pytest.mark.parametrize("order", [AXES, *layout.orders(4)], ids=["planes", "rows", "columns"])
def test_every_number_of_threads_gives_equal_bits(order, dim):
    x = layout.empty_in(order, (32, 6, 20, 20), np.float32)
    x[...] = np.random.default_rng(0).standard_normal(x.shape)
    before = tg.get_num_threads()
    found = []
    for threads in (1, 2, 2):
        tg.set_num_threads(threads)
        found.append(cpu_sum.sum(x, dim=dim, keepdim=False, dtype=None))
    tg.set_num_threads(before)
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[1], found[2])


def test_nan_and_infinity_stay_in_their_channel():
    g = np.ones((2, 3, 4, 5), "f4")
    g[0, 0, 1, 2], g[1, 2, 3, 4] = np.nan, -np.inf
    z = cpu_sum.bias_dx(g)
    assert np.isnan(z[0]) and z[1] == 40 and z[2] == -np.inf


@pytest.mark.parametrize("g", [np.ones(3), np.ones((0, 3, 4)), np.ones((2, 3, 4), "f2"), 1.0])
def test_what_is_not_covered_is_left_to_the_body(g):
    assert cpu_sum.bias_dx(g) is NotImplemented


@pytest.mark.parametrize(
    "x",
    [
        np.ones((3, 4), "i8"),
        np.ones((3, 4), "f2"),
        np.ones((0, 3)),
        np.ones((9, 4))[::2],
        np.ones((3, 4))[:, ::-1],
    ],
)
def test_other_sums_are_left_to_the_body(x):
    assert cpu_sum.sum(x, dim=0, keepdim=False, dtype=None) is NotImplemented
    assert cpu_sum.sum(np.ones(5, "f4"), dim=0, keepdim=False, dtype="float64") is NotImplemented
