"""The kernels of batch norm against the bodies in double precision, however arrays lie in memory.

The bound is that of sums in float32: a multiple of eps times the numbers that are added.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.ops.norm import affine, affine_dx, batch_norm, batch_norm_dx

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_norm, layout
from tinygrad_cnn.kernels import threads as threads_of

STORAGES = ["planes", "rows", "columns", "reversed", "strided", "read-only", "broadcast"]
EPS = 1e-5


def stored(x, storage):
    """x in another place or order of memory; "broadcast" repeats its first row of pixels."""
    if storage == "rows":
        return layout.outermost(np.ascontiguousarray(layout.innermost(x)))
    if storage == "columns":
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 0, -1)), -1, 0)
    if storage == "reversed":
        return np.asfortranarray(x)
    if storage == "strided":
        return np.repeat(x, 2, axis=-1)[..., ::2]
    if storage == "broadcast":
        return np.broadcast_to(x[..., :1], x.shape)
    x = x.copy()
    x.flags.writeable = storage != "read-only"
    return x


@st.composite
def cases(draw):
    """x, weight, bias, a residual or None, a gradient; and relu."""
    n, c = draw(st.integers(1, 5)), draw(st.sampled_from([1, 2, 3, 16, 40, 130]))
    space = draw(st.lists(st.integers(1, 7), max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (n, c, *space)

    def numbers(*shape, storages=STORAGES):
        x = rng.standard_normal(shape).astype("float32")
        return stored(x, draw(st.sampled_from(storages))) if len(shape) > 1 else x

    x = numbers(*shape, storages=STORAGES[:-1]) + draw(st.sampled_from([0, 3]))
    residual = numbers(*shape) if draw(st.booleans()) else None
    return x, numbers(c), numbers(c), residual, numbers(*shape), draw(st.booleans())


def exactly(*arrays):
    """The arrays in double precision."""
    return [None if a is None else np.array(a, np.float64) for a in arrays]


def close(fast, exact, size, dtype):
    """fast lies as near to exact as numbers of this size allow."""
    assert fast.dtype == dtype and fast.shape == exact.shape
    assert np.all(np.abs(fast - exact) <= 64 * np.finfo(dtype).eps * size)


@given(cases())
@settings(max_examples=150)
def test_batch_norm_is_the_body(case):
    x, weight, bias, residual, _, relu = case
    z, aux = cpu_norm.batch_norm(x, weight, bias, residual, eps=EPS, relu=relu)
    inputs = exactly(x, weight, bias, residual)
    exact, exact_aux = batch_norm.gate.body(*inputs, eps=EPS, relu=relu)
    size = np.abs(inputs[0]).max()
    close(aux[0], exact_aux[0], size, x.dtype)
    close(aux[1], exact_aux[1], size**2, x.dtype)
    rstd = (exact_aux[1] + EPS) ** -0.5
    largest = np.abs(weight).max() * size * rstd.max() * (1 + (size * rstd.max()) ** 2)
    close(z, exact, largest + 10, x.dtype)
    assert layout.in_rows(z) == layout.in_rows(x) or z.flags.c_contiguous


@given(cases(), st.booleans(), st.booleans())
@settings(max_examples=150)
def test_batch_norm_dx_is_the_body(case, skip, given_moments):
    x, weight, bias, residual, g, relu = case
    _, aux = batch_norm.gate.body(*exactly(x, weight, bias, residual), eps=EPS, relu=relu)
    z = stored(np.random.default_rng(0).standard_normal(x.shape).astype(x.dtype), "rows")
    kept = tuple(a.astype(x.dtype) for a in aux) if given_moments else None
    how = {"eps": 0.1, "relu": relu, "skip": skip}
    before = g.copy()
    exact = batch_norm_dx.gate.body(*exactly(g, z, x, weight), aux=None, **how)
    fast = cpu_norm.batch_norm_dx(g, z, x, weight, aux=kept, **how)
    assert np.array_equal(g, before)
    size = np.abs(x).max() * (1 + np.abs(x).max()) ** 2
    sums = 10 * np.abs(g).max() * x.size / x.shape[1]
    sizes = (10 * np.abs(weight).max() * np.abs(g).max() * size, sums * size, sums, 0)
    for a, b, bound in zip(fast, exact, sizes, strict=True):
        if a is not None:
            close(a, b, bound, x.dtype)
    assert (fast[3] is None) == (not skip)
    assert not skip or not relu or not np.shares_memory(fast[3], fast[0])


@given(cases(), st.booleans())
def test_a_spare_gradient_is_written_over(case, skip):
    x, weight, bias, residual, g, relu = case
    z, aux = cpu_norm.batch_norm(x, weight, bias, residual, eps=EPS, relu=relu)
    how = {"aux": aux, "eps": EPS, "relu": relu, "skip": skip}
    apart = cpu_norm.batch_norm_dx(g, z, x, weight, **how)
    g = g.copy(order="K")
    same = cpu_norm.batch_norm_dx(g, z, x, weight, **how, spare=True)
    for a, b in zip(apart, same, strict=True):
        assert (a is None) == (b is None) and np.array_equal(a, b)
    assert not skip or not np.shares_memory(same[0], same[3])
    as_x = layout.ordered(g, cpu_norm.axes_in_memory(x))
    assert (same[0] is g) == (np.shares_memory(as_x, g) and relu >= skip)


@given(cases())
def test_the_bits_of_forward_are_those_of_its_output(case):
    x, weight, bias, residual, g, _ = case
    x = np.where(np.arange(x.size).reshape(x.shape) % 7 == 3, np.float32(np.nan), x)
    z, aux = cpu_norm.batch_norm(x, weight, bias, residual, eps=EPS, relu=True)
    how = {"eps": EPS, "relu": True, "skip": True}
    kept = cpu_norm.batch_norm_dx(g, z, x, weight, aux=aux, **how)
    found = cpu_norm.batch_norm_dx(g, z, x, weight, aux=(*aux,), **how)
    for a, b in zip(kept, found, strict=True):
        assert np.array_equal(a, b, equal_nan=True)


@pytest.mark.parametrize("storage", ["planes", "rows"])
@pytest.mark.parametrize("shift", [0.0, 1e4])
def test_a_large_mean_costs_no_digits_of_the_variance(storage, shift):
    rng = np.random.default_rng(0)
    x = stored((rng.standard_normal((16, 8, 32, 32)) + shift).astype("float32"), storage)
    ones = np.ones(8, "float32")
    _, (mean, variance) = cpu_norm.batch_norm(x, ones, ones, None, eps=EPS, relu=False)
    exact = x.astype(np.float64).var((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(variance, exact, rtol=1e-5)
    exact = x.astype(np.float64).mean((0, 2, 3), keepdims=True)
    np.testing.assert_allclose(mean, exact, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("storage", ["planes", "rows"])
def test_the_number_of_threads_changes_no_bit(monkeypatch, storage):
    rng = np.random.default_rng(0)
    x, g = (stored(rng.standard_normal((32, 8, 31, 33)).astype("f4"), storage) for _ in "xg")
    weight, bias = rng.standard_normal((2, 8)).astype("f4")
    results = []
    for threads in (1, 2):
        monkeypatch.setattr(threads_of, "THREADS", [threads])
        z, aux = cpu_norm.batch_norm(x, weight, bias, g, eps=EPS, relu=True)
        how = {"aux": aux, "eps": EPS, "relu": True, "skip": True}
        results.append([z, *aux, *cpu_norm.batch_norm_dx(g, z, x, weight, **how)])
    for a, b in zip(*results, strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_no_number_spreads_in_its_channel_alone(number):
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype("f4")
    x[1, 1, 2, 2] = number
    ones = np.ones(3, "f4")
    for storage in ("planes", "rows"):
        z, _ = cpu_norm.batch_norm(stored(x, storage), ones, ones, None, eps=EPS, relu=True)
        assert np.isnan(z[:, 1]).all()
        assert np.isfinite(z[:, ::2]).all()


@pytest.mark.parametrize("storage", ["planes", "rows"])
def test_a_network_keeps_its_layout(storage):
    x = tg.tensor(stored(np.ones((2, 3, 4, 4), "f4"), storage), requires_grad=True)
    strides = x.raw.strides
    leaf = x * 1.0
    norm = tg.nn.BatchNorm2d(3)
    z = norm(leaf)
    assert z.raw.strides == strides
    assert tg.autograd.grad(z.sum(), [leaf])[0].raw.strides == strides


@given(cases())
def test_affine_is_the_body(case):
    x, weight, bias, _, g, _ = case
    for given_ in ((x, weight, bias), (x, weight, None), (x, None, bias)):
        exact = affine.gate.body(*exactly(*given_))
        close(cpu_norm.affine(*given_), exact, np.abs(exact).max(), x.dtype)
    inputs = exactly(g, x, weight)
    found = cpu_norm.affine_dx(g, x, weight, biased=True)
    terms = [1, inputs[0] * inputs[1], inputs[0]]
    for fast, exact, summed in zip(
        found, affine_dx.gate.body(*inputs, biased=True), terms, strict=True
    ):
        close(fast, exact, np.abs(summed).sum() + np.abs(exact).max(), x.dtype)


def test_where_not_both_parameters_want_gradients_the_body_computes():
    g, x, weight = np.ones((2, 3, 4), "f4"), np.ones((2, 3, 4), "f4"), np.ones(3, "f4")
    assert cpu_norm.affine_dx(g, x, weight, biased=False) is NotImplemented
    assert cpu_norm.affine_dx(g, x, None, biased=True) is NotImplemented


@pytest.mark.parametrize(
    ("x", "weight"),
    [
        (np.ones((2, 3, 4), "f2"), np.ones(3, "f2")),
        (np.ones((2, 3, 4), "f8"), np.ones(3, "f8")),
        (np.ones((2, 3, 4), "i8"), np.ones(3, "i8")),
        (np.ones((2, 3, 4), "f4"), np.ones(3, "f8")),
        (np.ones((0, 3, 4), "f4"), np.ones(3, "f4")),
        (np.ones((2, 3, 4), "f4"), np.ones(2, "f4")),
        (np.ones(3, "f4"), np.ones(1, "f4")),
    ],
    ids=["float16", "float64", "integers", "two dtypes", "no samples", "channels", "one axis"],
)
def test_what_is_not_covered_is_left_to_the_body(x, weight):
    how = {"eps": EPS, "relu": False}
    assert cpu_norm.batch_norm(x, weight, weight, None, **how) is NotImplemented
    assert cpu_norm.batch_norm_dx(x, x, x, weight, aux=None, skip=True, **how) is NotImplemented
    assert cpu_norm.affine(x, weight, weight) is NotImplemented
    assert cpu_norm.affine_dx(x, x, weight, biased=True) is NotImplemented
