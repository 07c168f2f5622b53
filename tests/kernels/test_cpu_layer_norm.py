"""Layer norm's kernels against the bodies in double precision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.ops.norm import layer_norm, layer_norm_dx

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_layer_norm

EPS = 1e-5


@st.composite
def cases(draw):
    """x, weight or None, bias or None, a gradient; some rows long, some far from 0."""
    rows = draw(st.sampled_from([1, 2, 15, 16, 17, 300]))
    size = draw(st.sampled_from([1, 2, 16, 28, 100]))
    if rows < 3:
        size = draw(st.sampled_from([size, 1023, 1024, 1025, 5000]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal((rows, size)) * draw(st.sampled_from([1, 1e-3]))
    x = (x + draw(st.sampled_from([0, 1e3]))).astype("f4")
    if draw(st.booleans()):
        x = x.T.copy().T
    vectors = [
        rng.standard_normal(size).astype("f4") if draw(st.booleans()) else None for _ in "wb"
    ]
    return x, *vectors, rng.standard_normal(x.shape).astype("f4")


def exactly(*arrays):
    """The arrays in double precision."""
    return [None if a is None else a.astype(np.float64) for a in arrays]


@given(cases())
def test_layer_norm_is_the_body(case):
    x, weight, bias, _ = case
    before = x.copy()
    z = cpu_layer_norm.layer_norm(x, weight, bias, eps=EPS)
    exact = layer_norm.gate.body(*exactly(x, weight, bias), eps=EPS)
    assert (z.dtype, z.shape) == (x.dtype, x.shape) and np.array_equal(x, before)
    np.testing.assert_allclose(z, exact, rtol=1e-4, atol=1e-4)


@given(cases(), st.booleans())
def test_layer_norm_dx_is_the_body(case, biased):
    x, weight, _, g = case
    how = {"eps": EPS, "biased": biased}
    fast = cpu_layer_norm.layer_norm_dx(g, x, weight, **how)
    exact = layer_norm_dx.gate.body(*exactly(g, x, weight), **how)
    rstd = 1 / np.sqrt(x.astype(float).var(1).min() + EPS)
    for z, want, size in zip(fast, exact, (10 * rstd, len(x), len(x)), strict=True):
        assert (z is None) == (want is None)
        if z is not None:
            assert z.shape == want.shape and z.dtype == x.dtype and z.base is None
            np.testing.assert_allclose(z, want, rtol=1e-3, atol=1e-4 * size)
    assert (fast[1] is None) == (weight is None) and (fast[2] is None) == (not biased)


def test_every_number_of_threads_gives_equal_bits():
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, 600, 64)).astype("f4")
    w = rng.standard_normal(64).astype("f4")
    before = tg.get_num_threads()
    found = []
    for threads in (1, 2, 3):
        tg.set_num_threads(threads)
        z = cpu_layer_norm.layer_norm(x, w, w, eps=EPS)
        found.append([z, *cpu_layer_norm.layer_norm_dx(g, x, w, eps=EPS, biased=True)])
    tg.set_num_threads(before)
    for others in found[1:]:
        assert all(map(np.array_equal, found[0], others))


def test_nan_stays_in_its_row():
    x = np.random.default_rng(0).standard_normal((3, 20)).astype("f4")
    x[1, 3] = np.nan
    z = cpu_layer_norm.layer_norm(x, None, None, eps=EPS)
    assert np.isnan(z[1]).all() and np.isfinite(z[[0, 2]]).all()


@pytest.mark.parametrize(
    "x",
    [np.ones((2, 3)), np.ones((2, 3), "f2"), np.ones((0, 3), "f4"), np.ones((1, 2, 3), "f4")],
    ids=["float64", "float16", "no rows", "three axes"],
)
def test_what_is_not_covered_is_left_to_the_body(x):
    assert cpu_layer_norm.layer_norm(x, None, None, eps=EPS) is NotImplemented
    assert cpu_layer_norm.layer_norm_dx(x, x, None, eps=EPS, biased=True) is NotImplemented
