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
