"""Convolution by tiles of registers, against the bodies.

The bound is the one of summation in any order: n products are summed within n eps Σ|products| of
what another order gives (Higham 2002, section 3.1), and never more than 1e-5 of the largest result.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.ops.conv import conv, conv_dw, conv_dx

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_tile

EPS = np.finfo(np.float32).eps
WAYS = ["planes", "rows", "strided", "read-only"]


@pytest.fixture(params=[1, 2], ids=["1 thread", "2 threads"], autouse=True)
def threads(request):
    before = tg.get_num_threads()
    tg.set_num_threads(request.param)
    yield request.param
    tg.set_num_threads(before)


def stored(x, way):
    """x in another place or order of memory."""
    if way == "rows" and x.ndim > 2:
        z = cpu_tile.empty(x.shape)
        z[...] = x
        return z
    if way == "strided":
        room = np.full((*x.shape[:-1], 2 * x.shape[-1]), np.nan, x.dtype)
        room[..., ::2] = x
        return room[..., ::2]
    x = x.copy()
    x.flags.writeable = way != "read-only"
    return x


@st.composite
def cases(draw):
    """Images, weights, a bias or None, a gradient of the maps, and settings."""
    rank = draw(st.integers(1, 3))
    n = draw(st.integers(0, 4))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    c, k = (groups * draw(st.sampled_from([1, 2, 5, 16, 33])) for _ in range(2))
    axes = []
    for _ in range(rank):
        r, d, p = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(0, 2))
        least = max(d * (r - 1) + 1 - 2 * p, 1)
        most = 20 if rank == 1 else 9 if rank == 2 else 4
        axes.append((draw(st.integers(least, least + most)), r, draw(st.integers(1, 3)), p, d))
    space, window, stride, padding, dilation = zip(*axes, strict=True)
    out = [(size + 2 * p - d * (r - 1) - 1) // t + 1 for size, r, t, p, d in axes]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def numbers(*shape):
        way = draw(st.sampled_from(WAYS))
        return stored(rng.standard_normal(shape, dtype=np.float32), way)

    b = numbers(k) if draw(st.booleans()) else None
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x, w = numbers(n, c, *space), numbers(k, c // groups, *window)
    return x, w, b, numbers(n, k, *out), settings


def check(gate, inputs, settings, terms):
    """The kernel computed the case, equals the body within the bound, and touched nothing."""
    before = [x if x is None else x.copy() for x in inputs]
    z = getattr(cpu_tile, gate.__name__)(*inputs, **settings)
    expected = gate.gate.body(*inputs, **settings)
    sizes = gate.gate.body(*[x if x is None else np.abs(x) for x in inputs], **settings)
    assert type(z) is np.ndarray
    assert (z.shape, z.dtype) == (expected.shape, expected.dtype)
    assert z.flags.owndata
    assert z.flags.writeable
    gap = np.abs(z - expected)
    assert np.all(gap <= terms * EPS * sizes)
    assert np.all(gap <= 1e-5 * sizes)
    for x, old in zip(inputs, before, strict=True):
        assert x is None or np.array_equal(x, old)
        assert x is None or not np.shares_memory(x, z)
    return z


def check_all(case):
    """All three of the family; what they return lies in rows, and weights in planes."""
    x, w, b, u, settings = case
    z = check(conv, (x, w, b), settings, w[:1].size + 1)
    dx = check(conv_dx, (u, w), {"space": x.shape[2:], **settings}, w[:, :1].size)
    dw = check(conv_dw, (u, x), {"window": w.shape[2:], **settings}, u[:, :1].size)
    rows = (0, *range(2, x.ndim), 1)
    assert z.transpose(rows).flags.c_contiguous
    assert dx.transpose(rows).flags.c_contiguous
    assert dw.flags.c_contiguous


@given(case=cases())
def test_the_family_is_the_bodies(case):
    check_all(case)


@given(case=cases(), how=st.tuples(*[st.booleans()] * 3), way=st.sampled_from(WAYS))
def test_what_follows_the_sums_is_what_would_follow_them(case, how, way):
    """Weights times a scale, a residual, the activation; each of them or not."""
    x, w, b, u, settings = case
    scaled, skipped, relu = how
    scale = np.float32(0.25) * (1 + np.arange(len(w), dtype=np.float32)) if scaled else None
    residual = stored(u, way) if skipped else None
    z = cpu_tile.conv(x, w, b, scale, residual, relu=relu, **settings)
    folded = cpu_tile.scaled(w, scale)
    expected = conv.gate.body(x, folded, b, **settings)
    sizes = conv.gate.body(abs(x), abs(folded), None if b is None else abs(b), **settings)
    if skipped:
        expected, sizes = expected + u, sizes + abs(u)
    expected = np.maximum(expected, 0) if relu else expected
    assert z.shape == expected.shape
    assert z.flags.owndata
    assert np.all(abs(z - expected) <= 1e-5 * sizes)


def test_nan_and_infinity_pass_the_activation():
    x = np.zeros((1, 16, 9, 9), np.float32)
    x[0, 0, 0] = np.nan
    x[0, 0, 4] = np.inf
    w = np.ones((16, 16, 1, 1), np.float32)
    settings = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    for residual in (None, np.zeros_like(x)):
        z = cpu_tile.conv(x, w, None, None, residual, relu=True, **settings)
        assert np.isnan(z[0, :, 0]).all()
        assert (z[0, :, 4] == np.inf).all()
        z = cpu_tile.conv(-x, w, None, None, residual, relu=True, **settings)
        assert (z[0, :, 4] == 0).all()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "n, c, size, k, window, stride, padding",
    [
        (3, 20, 31, 40, 3, 1, 1),  # several blocks of lines, a panel that is not full
        (2, 3, 40, 32, 7, 2, 3),  # as the first layer of a residual network
        (5, 70, 2, 33, 3, 1, 1),  # lines too narrow for a tile
        (3, 24, 9, 56, 1, 1, 0),  # a matrix product
        (3, 24, 9, 56, 1, 2, 0),  # and one of every other place
        (2, 130, 7, 130, 3, 1, 1),  # a gradient of weights that threads share
        (9, 17, 4, 17, 2, 3, 0),  # places that no window reaches
        (3, 17, 1, 17, 1, 2, 2),  # lines of one element, in which distances mean nothing
    ],
)
def test_shapes_of_networks(n, c, size, k, window, stride, padding, way):
    rng = np.random.default_rng(0)
    out = (size + 2 * padding - window) // stride + 1
    shapes = [(n, c, size, size), (k, c, window, window), (k,), (n, k, out, out)]
    raws = [stored(rng.standard_normal(s, dtype=np.float32), way) for s in shapes]
    axes = {"stride": (stride,) * 2, "padding": (padding,) * 2, "dilation": (1, 1)}
    check_all((*raws, {**axes, "groups": 1}))


def test_nan_goes_where_it_goes_in_the_body():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 17, 6, 6), dtype=np.float32)
    w = rng.standard_normal((17, 17, 3, 3), dtype=np.float32)
    x[0, 0, 1, 1], x[1, 16, 5, 5], w[3, 1, 0, 2] = np.inf, np.nan, -np.inf
    u = rng.standard_normal((2, 17, 8, 8), dtype=np.float32)
    u[1, 16, 7, 7], u[0, 4, 0, 0] = np.nan, np.inf
    settings = {"stride": (1, 1), "padding": (2, 2), "dilation": (1, 1), "groups": 1}
    cases = [
        (conv, (x, w, None), {}),
        (conv_dx, (u, w), {"space": (6, 6)}),
        (conv_dw, (u, x), {"window": (3, 3)}),
    ]
    for gate, inputs, more in cases:
        z = getattr(cpu_tile, gate.__name__)(*inputs, **more, **settings)
        with np.errstate(invalid="ignore"):
            expected = gate.gate.body(*inputs, **more, **settings)
        assert np.array_equal(np.isfinite(z), np.isfinite(expected))


def test_results_are_the_same_bits_each_time():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 24, 13, 13), dtype=np.float32)
    w = rng.standard_normal((24, 24, 3, 3), dtype=np.float32)
    settings = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    runs = [
        (
            cpu_tile.conv(x, w, None, **settings).tobytes(),
            cpu_tile.conv_dx(x, w, space=(13, 13), **settings).tobytes(),
            cpu_tile.conv_dw(x, x, window=(3, 3), **settings).tobytes(),
        )
        for _ in range(3)
    ]
    assert runs[0] == runs[1] == runs[2]
