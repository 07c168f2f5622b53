"""Convolution with the batch innermost, against the bodies.

Every order of summation of n products is within n eps/2 Σ|products| of the exact sum (Higham 2002,
section 3.1). Kernel and body therefore lie within n eps Σ|products| of each other, which is the
bound here; Σ|products| is the body's result on absolute values.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.ops.conv import conv, conv_dw, conv_dx

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_columns, layout, simd

WAYS = ["planes", "rows", "columns", "strided", "backwards", "read-only"]
SETTINGS = {"stride": (1, 1), "padding": (2, 2), "dilation": (1, 1), "groups": 1}


@pytest.fixture(params=[1, 2], ids=["1 thread", "2 threads"], autouse=True)
def threads(request):
    before = tg.get_num_threads()
    tg.set_num_threads(request.param)
    yield request.param
    tg.set_num_threads(before)


def stored(x, way):
    """x in another place or order of memory."""
    if way in ("rows", "columns"):
        z = layout.empty_in(layout.orders(x.ndim)[way == "columns"], x.shape, x.dtype)
        z[...] = x
        return z
    if way == "strided":
        room = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
        room[..., ::2] = x
        return room[..., ::2]
    if way == "backwards":
        return x[:, :, ::-1].copy()[:, :, ::-1]
    x = x.copy()
    x.flags.writeable = way != "read-only"
    return x


@st.composite
def cases(draw):
    """Images, weights, a bias or None, a gradient of the maps, and settings."""
    n = draw(st.sampled_from([0, 1, 3, simd.LANES, simd.WIDTH, simd.WIDTH + 1, 5 * simd.LANES]))
    c, k = draw(st.integers(1, 5)), draw(st.sampled_from([1, 2, 6, 7, simd.ROWS + 1]))
    axes = []
    for _ in range(2):
        r, d, p = draw(st.integers(1, 4)), draw(st.integers(1, 2)), draw(st.integers(0, 3))
        least = max(d * (r - 1) + 1 - 2 * p, 1)
        axes.append((draw(st.integers(least, least + 6)), r, draw(st.integers(1, 3)), p, d))
    space, window, stride, padding, dilation = zip(*axes, strict=True)
    out = [(size + 2 * p - d * (r - 1) - 1) // t + 1 for size, r, t, p, d in axes]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def numbers(*shape):
        x = rng.standard_normal(shape, np.float32)
        return stored(x, draw(st.sampled_from(WAYS))) if x.ndim == 4 else x

    b = numbers(k) if draw(st.booleans()) else None
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": 1}
    return numbers(n, c, *space), numbers(k, c, *window), b, numbers(n, k, *out), settings


def check(gate, inputs, settings, terms):
    """The kernel computed the case, equals the body within the bound, and touched nothing."""
    before = [x if x is None else x.copy() for x in inputs]
    z = getattr(cpu_columns, gate.__name__)(*inputs, **settings)
    expected = gate.gate.body(*inputs, **settings)
    largest = gate.gate.body(*[x if x is None else np.abs(x) for x in inputs], **settings)
    assert type(z) is np.ndarray
    assert (z.shape, z.dtype) == (expected.shape, expected.dtype)
    assert z.flags.writeable
    assert z.base is None
    if gate is not conv_dw:
        assert layout.in_columns(z)
    assert np.all(np.abs(z - expected) <= terms * np.finfo(z.dtype).eps * largest)
    for x, old in zip(inputs, before, strict=True):
        assert x is None or np.array_equal(x, old)
        assert x is None or not np.shares_memory(x, z)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("samples", [simd.LANES, simd.LANES + 1, 3 * simd.LANES - 2])
@pytest.mark.parametrize("width", [simd.LANES, simd.LANES + 3, 2 * simd.LANES + 1])
def test_a_frame_has_the_images_in_columns_within_zeros(way, samples, width):
    x = np.random.default_rng(0).standard_normal((samples, 2, 3, width), dtype=np.float32)
    z = cpu_columns.framed(stored(x, way), (1, 2))
    images = np.pad(x, ((0, 0), (0, 0), (1, 1), (2, 2))).transpose(1, 2, 3, 0)
    assert np.array_equal(z[..., :samples], images)
    assert not z[..., samples:].any()


@given(cases())
def test_conv_is_the_body(case):
    x, w, b, _, settings = case
    check(conv, (x, w, b), settings, w[:1].size + (b is not None))


@given(cases())
def test_conv_dx_is_the_body(case):
    x, w, _, u, settings = case
    check(conv_dx, (u, w), {"space": x.shape[2:], **settings}, w[:, :1].size)


@given(cases())
def test_conv_dw_is_the_body(case):
    x, w, _, u, settings = case
    check(conv_dw, (u, x), {"window": w.shape[2:], **settings}, u[:, :1].size)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("samples", [3, simd.WIDTH, 5 * simd.LANES - 1])
def test_windows_as_large_as_images_are_linear_layers(samples, way):
    rng = np.random.default_rng(0)
    x, u = (
        stored(rng.standard_normal((samples, *shape), np.float32), way)
        for shape in ((3, 4, 5), (7, 1, 1))
    )
    w, b = rng.standard_normal((7, 3, 4, 5), np.float32), rng.standard_normal(7, np.float32)
    settings = {**SETTINGS, "padding": (0, 0)}
    check(conv, (x, w, b), settings, w[:1].size + 1)
    check(conv_dx, (u, w), {"space": (4, 5), **settings}, 7)
    check(conv_dw, (u, x), {"window": (4, 5), **settings}, samples)


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
        z = getattr(cpu_columns, gate.__name__)(*inputs, **more, **SETTINGS)
        with np.errstate(invalid="ignore"):
            expected = gate.gate.body(*inputs, **more, **SETTINGS)
        assert np.array_equal(np.isnan(z), np.isnan(expected))
        assert np.array_equal(np.isposinf(z), np.isposinf(expected))
        assert np.array_equal(np.isneginf(z), np.isneginf(expected))


def test_a_net_in_columns_converts_its_input_and_nothing_else(threads):
    """A step of LeNet: each result, and each gradient, lies as the next kernel reads it."""
    n = simd.WIDTH
    net = tg.models.lenet()
    x, target = tg.randn(n, 1, 28, 28), tg.arange(n) % 10

    def step():
        tg.nn.functional.cross_entropy(net(x), target).backward()

    step()
    before = tg.kernels.report().conversions
    step()
    assert tg.kernels.report().conversions == before + 2  # forward, and for the first weights


@pytest.mark.parametrize("gate", [conv, conv_dx, conv_dw])
def test_equal_threads_give_equal_bits(gate):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 3, 12, 12), np.float32)
    w = rng.standard_normal((6, 3, 5, 5), np.float32)
    u = rng.standard_normal((40, 6, 12, 12), np.float32)
    inputs = {"conv": (x, w, None), "conv_dx": (u, w), "conv_dw": (u, x)}[gate.__name__]
    more = {"conv_dx": {"space": (12, 12)}, "conv_dw": {"window": (5, 5)}}.get(gate.__name__, {})
    kernel = getattr(cpu_columns, gate.__name__)
    first = kernel(*inputs, **more, **SETTINGS)
    for _ in range(5):
        assert np.array_equal(kernel(*inputs, **more, **SETTINGS), first)
