"""Depthwise convolution against the bodies, within the bound of summation in any order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.ops.conv import conv, conv_dw, conv_dx

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_depthwise, cpu_tile

EPS = np.finfo(np.float32).eps


@st.composite
def cases(draw):
    """Images, weights, a bias or None, a gradient of the maps, and settings."""
    n, c = draw(st.integers(0, 3)), draw(st.sampled_from([2, 3, 16, 37]))
    axes = []
    for _ in range(draw(st.integers(1, 3))):
        r, d, p = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(0, 2))
        least = max(d * (r - 1) + 1 - 2 * p, 1)
        axes.append((draw(st.integers(least, least + 5)), r, draw(st.integers(1, 3)), p, d))
    space, window, stride, padding, dilation = zip(*axes, strict=True)
    out = [(size + 2 * p - d * (r - 1) - 1) // t + 1 for size, r, t, p, d in axes]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    in_rows = draw(st.booleans())

    def numbers(*shape):
        z = cpu_tile.empty(shape) if in_rows and len(shape) > 2 else np.empty(shape, np.float32)
        z[...] = rng.standard_normal(shape)
        return z

    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": c}
    b = numbers(c) if draw(st.booleans()) else None
    return numbers(n, c, *space), numbers(c, 1, *window), b, numbers(n, c, *out), settings


def check(gate, inputs, settings, terms):
    """The kernel's result owns its memory and equals the body's within the bound."""
    z = getattr(cpu_depthwise, gate.__name__)(*inputs, **settings)
    expected = gate.gate.body(*inputs, **settings)
    sizes = gate.gate.body(*[x if x is None else np.abs(x) for x in inputs], **settings)
    assert (z.shape, z.dtype) == (expected.shape, expected.dtype)
    assert z.flags.owndata
    assert np.all(np.abs(z - expected) <= terms * EPS * sizes)


@pytest.mark.parametrize("threads", [1, 2])
@given(case=cases())
def test_the_family_is_the_bodies(threads, case):
    x, w, b, u, settings = case
    before = tg.get_num_threads()
    tg.set_num_threads(threads)
    check(conv, (x, w, b), settings, w[:1].size + 1)
    check(conv_dx, (u, w), {"space": x.shape[2:], **settings}, w[:1].size)
    check(conv_dw, (u, x), {"window": w.shape[2:], **settings}, u[:, :1].size)
    tg.set_num_threads(before)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "n, c, size, window, stride",
    [
        (2, 40, 40, 3, 1),  # several blocks of lines
        (2, 33, 61, 5, 2),  # more elements of a window than are summed at once
        (1, 16, 28, 7, 1),
    ],
)
def test_shapes_of_networks(n, c, size, window, stride, threads):
    rng = np.random.default_rng(0)
    out = (size - 1) // stride + 1
    x, u = (rng.standard_normal((n, c, s, s), dtype=np.float32) for s in (size, out))
    w = rng.standard_normal((c, 1, window, window), dtype=np.float32)
    axes = {"stride": (stride,) * 2, "padding": (window // 2,) * 2, "dilation": (1, 1)}
    settings = {**axes, "groups": c}
    before = tg.get_num_threads()
    tg.set_num_threads(threads)
    check(conv, (x, w, None), settings, w[:1].size + 1)
    check(conv_dx, (u, w), {"space": (size, size), **settings}, w[:1].size)
    check(conv_dw, (u, x), {"window": (window, window), **settings}, u[:, :1].size)
    bits = [cpu_depthwise.conv_dw(u, x, window=w.shape[2:], **settings).tobytes() for _ in "ab"]
    assert bits[0] == bits[1]
    tg.set_num_threads(before)


def test_infinity_and_nan_stay_in_their_channel():
    x = np.ones((1, 19, 5, 5), np.float32)
    x[0, 17, 2, 2], x[0, 3, 0, 0] = np.inf, np.nan
    w = np.ones((19, 1, 3, 3), np.float32)
    w[5, 0, 0, 0] = np.inf  # which meets the zeros around the image
    settings = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 19}
    z = cpu_depthwise.conv(x, w, None, **settings)
    with np.errstate(invalid="ignore"):
        expected = conv.gate.body(x, w, None, **settings)
    assert np.array_equal(np.isnan(z), np.isnan(expected))
    assert np.array_equal(np.isinf(z), np.isinf(expected))
    assert np.isfinite(z[0, [0, 16, 18]]).all()
