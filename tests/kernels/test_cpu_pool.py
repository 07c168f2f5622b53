"""The pooling kernels against the bodies.

Maxima, places and sums of one number are the body's exactly. A sum of n numbers may be taken in
another order, so kernel and body lie within n eps Σ|numbers| of each other.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn.kernels import report
from tinygrad_cnn.ops.pool import max_pool, unpool, window_sum, window_sum_dx

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_pool, layout


def stored(x, storage):
    """x in another place or order of memory."""
    if storage in ("rows", "columns"):
        z = layout.empty_in(layout.orders(x.ndim)[storage == "columns"], x.shape, x.dtype)
        z[...] = x
        return z
    if storage == "reversed":
        return np.asfortranarray(x)
    if storage == "strided":
        return np.repeat(x, 2, axis=-1)[..., ::2]
    x = x.copy()
    x.flags.writeable = storage != "read-only"
    return x


@st.composite
def cases(draw):
    """Maps with ties, infinities and nans, and settings; the last windows may reach beyond."""
    size, step, _ = draw(st.sampled_from(list(cpu_pool.WINDOWS)))
    padding = draw(st.tuples(*[st.integers(0, size[0] // 2)] * 2))
    space = draw(st.tuples(*[st.integers(size[0], 9)] * 2))
    out = []
    for n, r, s, p in zip(space, size, step, padding, strict=True):
        fit = (n + 2 * p - r) // s + 1
        beyond = (fit * s) < n + p  # ceil mode: one more window, which begins inside
        out.append(fit + (beyond and draw(st.booleans())))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 3, 19])), *space)
    numbers = rng.standard_normal(shape)
    if draw(st.booleans()):
        numbers = rng.choice([-np.inf, -1.0, 0.0, 1.0, np.inf, np.nan], shape)
    dtype = draw(st.sampled_from(["float32", "float64"]))
    x = stored(numbers.astype(dtype), draw(st.sampled_from(STORAGES)))
    settings = {"window": size, "stride": step, "padding": padding, "dilation": (1, 1)}
    return x, tuple(out), settings


STORAGES = ["plain", "rows", "columns", "reversed", "strided", "read-only"]


def lies_as(z, x):
    """Whether z lies in rows or in columns where x does, else in planes."""
    axes = layout.order(x)
    return (z.transpose(axes) if axes else z).flags.c_contiguous


@given(cases())
def test_max_pool_is_the_body(case):
    x, out, settings = case
    before = x.copy()
    if layout.order(x) and x.dtype == np.float64:
        assert cpu_pool.max_pool(x, out=out, **settings) is NotImplemented
        return
    z, indices = cpu_pool.max_pool(x, out=out, **settings)
    expected, places = max_pool.gate.body(x, out=out, **settings)
    assert z.dtype == x.dtype and indices.dtype == places.dtype
    assert np.array_equal(z, expected, equal_nan=True)
    assert np.array_equal(indices, places)
    assert lies_as(z, x) and lies_as(indices, x)
    assert np.array_equal(x, before, equal_nan=True)


@given(cases())
def test_window_sum_is_the_body(case):
    x, out, settings = case
    bounded(cpu_pool.window_sum, window_sum.gate.body, x, {"out": out, **settings})


@given(cases())
def test_window_sum_dx_is_the_body(case):
    x, out, settings = case
    rng = np.random.default_rng(0)
    u = rng.standard_normal((*x.shape[:2], *out)).astype(x.dtype)
    axes = layout.order(x)
    u = stored(u, ["rows", "columns"][layout.orders(4).index(axes)]) if axes else u
    settings = {"space": x.shape[2:], **settings}
    bounded(cpu_pool.window_sum_dx, window_sum_dx.gate.body, u, settings)


def bounded(fast, body, x, settings):
    """The kernel lies within the bound of sums of the body; nan and infinity are the body's."""
    before = x.copy()
    if layout.order(x) and x.dtype == np.float64:
        assert fast(x, **settings) is NotImplemented
        return
    with np.errstate(invalid="ignore"):
        z, expected = fast(x, **settings), body(x, **settings)
        sums = body(np.abs(x), **settings)
        error = np.abs(z - expected)
    terms = settings["window"][0] ** 2
    finite = np.isfinite(expected)
    assert (z.shape, z.dtype) == (expected.shape, expected.dtype)
    assert lies_as(z, x)
    assert np.array_equal(z[~finite], expected[~finite], equal_nan=True)
    assert np.all(error[finite] <= terms * np.finfo(x.dtype).eps * sums[finite])
    assert np.array_equal(x, before, equal_nan=True)


@given(cases())
def test_unpool_is_the_body(case):
    x, out, settings = case
    indices = max_pool.gate.body(x, out=out, **settings)[1]
    g = np.random.default_rng(0).standard_normal(indices.shape).astype(x.dtype)
    turned = indices[..., ::-1]
    ways = [np.asfortranarray(g), stored(g, "rows"), stored(g, "columns")]
    for u, at in [(g, indices), *((u, turned) for u in ways)]:
        fast = cpu_pool.unpool(u, at, space=x.shape[2:])
        expected = unpool.gate.body(u, at, space=x.shape[2:])
        assert fast.dtype == expected.dtype and lies_as(fast, u)
        assert np.array_equal(fast, expected)  # both add in the order of the indices


def test_an_index_outside_is_the_body_s_error():
    u = np.ones((1, 2, 2, 2), "f4")
    for index in (16, 10**12):
        at = np.full(u.shape, index)
        for storage in ("plain", "rows", "columns"):
            assert cpu_pool.unpool(stored(u, storage), at, space=(4, 4)) is NotImplemented
        with pytest.raises(IndexError):
            unpool(u, at, space=(4, 4))


@pytest.mark.parametrize(
    "x, changed",
    [
        (np.ones((1, 2, 6, 6), "i8"), {}),
        (np.ones((0, 2, 6, 6), "f4"), {}),
        (np.ones((1, 2, 6, 6), "f4"), {"window": (2, 3)}),
        (np.ones((1, 2, 6, 6), "f4"), {"stride": (4, 4)}),
        (np.ones((1, 2, 6, 6), "f4"), {"dilation": (2, 2)}),
    ],
    ids=["integers", "no samples", "oblong", "far apart", "dilation"],
)
def test_what_is_not_covered_is_computed_by_the_body(x, changed):
    settings = {"window": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1)}
    settings.update(changed)
    before = report()
    for gate in (max_pool, window_sum):
        fast = getattr(cpu_pool, gate.__name__)
        assert fast(x, out=(2, 2), **settings) is NotImplemented
        z = gate(x, out=(2, 2), **settings)
        expected = gate.gate.body(x, out=(2, 2), **settings)
        assert np.array_equal(z, expected[0] if gate is max_pool else expected)
        served = report()[gate.__name__]
        old = before.get(gate.__name__)
        assert served.fallbacks == 1 + (old.fallbacks if old else 0)
        assert served.calls == (old.calls if old else 0)


@given(cases(), st.sampled_from(["rows", "columns"]), st.integers(1, 2), st.integers(0, 1))
def test_in_rows_and_columns_windows_are_of_any_kind(case, storage, dilation, padding):
    x = stored(case[0].astype(np.float32), storage)
    settings = {"window": (2, 1), "stride": (3, 4), "padding": (padding, 0)}
    settings["dilation"] = (dilation, 3)
    n = (x.shape[2] + 2 * padding - dilation - 1) // 3 + 1
    out = (n, (x.shape[3] - 1) // 4 + 1)
    if not layout.order(x) or n < 1:
        return
    z, indices = cpu_pool.max_pool(x, out=out, **settings)
    expected, places = max_pool.gate.body(x, out=out, **settings)
    assert np.array_equal(z, expected, equal_nan=True)
    assert np.array_equal(indices, places)
    sums = cpu_pool.window_sum(x, out=out, **settings)
    with np.errstate(invalid="ignore"):
        assert np.array_equal(sums, window_sum.gate.body(x, out=out, **settings), equal_nan=True)
    u = stored(np.random.default_rng(0).standard_normal(z.shape).astype(z.dtype), storage)
    bounded(cpu_pool.window_sum_dx, window_sum_dx.gate.body, u, {"space": x.shape[2:], **settings})


def test_other_ranks_are_left_to_the_body():
    line = {"window": (2,), "stride": (2,), "padding": (0,), "dilation": (1,)}
    x = np.arange(8.0).reshape(1, 1, 8)
    assert cpu_pool.max_pool(x, out=(4,), **line) is NotImplemented
    assert cpu_pool.window_sum(x, out=(4,), **line) is NotImplemented
    assert cpu_pool.window_sum_dx(x, space=(16,), **line) is NotImplemented
    assert cpu_pool.unpool(x, np.zeros((1, 1, 8), int), space=(16,)) is NotImplemented
