"""The kernels with the batch innermost against the bodies.

Every order of summation of n products is within n eps/2 Σ|products| of the exact sum (Higham 2002,
section 3.1). Kernel and body therefore lie within n eps Σ|products| of each other, which is the
bound here; Σ|products| is the body's result on absolute values.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn.ops.conv import conv, conv_dw, conv_dx

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_narrow


def storages():
    """Ways in which equal numbers may lie in memory."""
    return st.sampled_from(["plain", "reversed", "strided", "read-only"])


def stored(x, storage):
    """x in another place or order of memory."""
    if storage == "reversed":
        return np.asfortranarray(x)
    if storage == "strided":
        room = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
        room[..., ::2] = x
        return room[..., ::2]
    x = x.copy()
    x.flags.writeable = storage != "read-only"
    return x


@st.composite
def cases(draw):
    """Images, weights, a bias or None, a gradient of the maps, and settings."""
    n, c, k = draw(st.integers(0, 6)), draw(st.integers(1, 6)), draw(st.integers(1, 6))
    axes = []
    for _ in range(2):
        r, d, p = draw(st.integers(1, 4)), draw(st.integers(1, 2)), draw(st.integers(0, 3))
        least = max(d * (r - 1) + 1 - 2 * p, 1)
        axes.append((draw(st.integers(least, least + 9)), r, draw(st.integers(1, 3)), p, d))
    space, window, stride, padding, dilation = zip(*axes, strict=True)
    out = []
    for size, r, t, p, d in axes:
        out.append((size + 2 * p - d * (r - 1) - 1) // t + 1)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(["float32", "float64"]))

    def numbers(*shape):
        return stored(rng.standard_normal(shape).astype(dtype), draw(storages()))

    b = numbers(k) if draw(st.booleans()) else None
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": 1}
    return numbers(n, c, *space), numbers(k, c, *window), b, numbers(n, k, *out), settings


def check(fast, gate, inputs, settings, terms):
    """`fast` computed the case, equals the body within the bound, and touched nothing."""
    before = [x if x is None else x.copy() for x in inputs]
    z = fast(*inputs, **settings)
    expected = gate.gate.body(*inputs, **settings)
    largest = gate.gate.body(*[x if x is None else np.abs(x) for x in inputs], **settings)
    assert z is not NotImplemented
    assert type(z) is np.ndarray
    assert (z.shape, z.dtype) == (expected.shape, expected.dtype)
    assert z.flags.c_contiguous
    assert z.flags.writeable
    assert np.all(np.abs(z - expected) <= terms * np.finfo(z.dtype).eps * largest)
    for x, old in zip(inputs, before, strict=True):
        assert x is None or np.array_equal(x, old)
        assert x is None or not np.shares_memory(x, z)


@given(cases())
def test_conv_is_the_body(case):
    x, w, b, _, settings = case
    terms = w[:1].size + (b is not None)
    check(cpu_narrow.conv, conv, (x, w, b), settings, terms)


@given(cases())
def test_conv_dx_is_the_body(case):
    x, w, _, u, settings = case
    check(cpu_narrow.conv_dx, conv_dx, (u, w), {"space": x.shape[2:], **settings}, w[:, :1].size)


@given(cases())
def test_conv_dw_is_the_body(case):
    x, w, _, u, settings = case
    check(cpu_narrow.conv_dw, conv_dw, (u, x), {"window": w.shape[2:], **settings}, u[:, :1].size)


SETTINGS = {"stride": (1, 1), "padding": (2, 2), "dilation": (1, 1), "groups": 1}


@pytest.mark.parametrize("n", [1, 3, 32])
def test_more_columns_than_one_panel(n):
    rng = np.random.default_rng(n)
    x = rng.standard_normal((n, 5, 20, 31), dtype=np.float32)
    w = rng.standard_normal((7, 5, 5, 5), dtype=np.float32)
    u = rng.standard_normal((n, 7, 20, 31), dtype=np.float32)
    check(cpu_narrow.conv, conv, (x, w, None), SETTINGS, 125)
    check(cpu_narrow.conv_dx, conv_dx, (u, w), {"space": (20, 31), **SETTINGS}, 175)
    check(cpu_narrow.conv_dw, conv_dw, (u, x), {"window": (5, 5), **SETTINGS}, n * 620)


def test_infinity_and_nan_go_where_they_go_in_the_body():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 6, 6), dtype=np.float32)
    w = rng.standard_normal((5, 3, 3, 3), dtype=np.float32)
    x[0, 0, 1, 1], x[1, 2, 4, 4], w[3, 1, 0, 2] = np.inf, np.nan, -np.inf
    u = rng.standard_normal((2, 5, 8, 8), dtype=np.float32)
    u[1, 1, 2, 3], u[0, 4, 0, 0] = np.inf, np.nan
    cases = [
        (conv, (x, w, None), {}),
        (conv_dx, (u, w), {"space": (6, 6)}),
        (conv_dw, (u, x), {"window": (3, 3)}),
    ]
    for gate, inputs, more in cases:
        z = getattr(cpu_narrow, gate.__name__)(*inputs, **more, **SETTINGS)
        with np.errstate(invalid="ignore"):
            expected = gate.gate.body(*inputs, **more, **SETTINGS)
        assert np.array_equal(np.isnan(z), np.isnan(expected))
        assert np.array_equal(np.isposinf(z), np.isposinf(expected))
        assert np.array_equal(np.isneginf(z), np.isneginf(expected))


@pytest.mark.parametrize("storage", ["plain", "reversed", "strided", "read-only", "subclass"])
def test_one_machine_code_serves_every_storage(storage):
    x, w = np.ones((2, 3, 6, 6), "f4"), np.ones((4, 3, 3, 3), "f4")
    cpu_narrow.conv(x, w, None, **SETTINGS)
    compiled = list(cpu_narrow.pack.signatures)
    if storage == "subclass":
        x = x.view(np.recarray)
    z = cpu_narrow.conv(stored(x, storage), stored(w, storage), None, **SETTINGS)
    assert type(z) is np.ndarray
    assert cpu_narrow.pack.signatures == compiled
