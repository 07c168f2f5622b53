"""Joining images by channels, and adding up gradients of them, in rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn.kernels import cpu, layout
from tinygrad_cnn.ops.joining import join
from tinygrad_cnn.ops.pointwise import gradient_sum

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_join

CHANNELS = st.sampled_from([1, 2, 16, 31, 48])


def in_rows(rng, *shape):
    """Numbers whose channels lie innermost."""
    x = layout.empty_in(layout.orders(len(shape))[0], shape, np.float32)
    x[...] = rng.standard_normal(shape)
    return x


@st.composite
def spaces(draw):
    """Samples, sizes of space, and numbers."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return draw(st.integers(1, 3)), draw(st.lists(st.integers(2, 6), min_size=1, max_size=3)), rng


@given(spaces(), st.lists(CHANNELS, min_size=1, max_size=4))
def test_join_is_the_body(case, channels):
    n, space, rng = case
    xs = [in_rows(rng, n, c, *space) for c in channels]
    if not all(map(layout.in_rows, xs)):
        return
    z = cpu_join.join(xs, dim=1)
    assert np.array_equal(z, np.concatenate(xs, 1))
    assert layout.in_rows(z) and z.base is None


@given(spaces(), CHANNELS, st.booleans(), st.booleans(), st.booleans())
def test_gradient_sum_is_the_body(case, channels, x_cut, y_cut, spare):
    n, space, rng = case
    wide = in_rows(rng, n, channels + 5, *space)
    x = wide[:, 2:-3] if x_cut else in_rows(rng, n, channels, *space)
    y = in_rows(rng, n, channels + 20, *space)[:, 20:] if y_cut else wide[:, 1:-4]
    expected, before = x + y, x.copy()
    z = cpu_join.gradient_sum(x, y, spare=spare)
    assert np.array_equal(z, expected)
    assert (z is x) == spare
    assert spare or np.array_equal(x, before)


def test_nan_and_infinity_are_numpy_s():
    rng = np.random.default_rng(0)
    x, y = in_rows(rng, 2, 5, 3, 3), in_rows(rng, 2, 5, 3, 3)
    x[0, 1], y[0, 1], y[1, 2] = np.inf, -np.inf, np.nan
    with np.errstate(invalid="ignore"):
        assert np.array_equal(cpu_join.gradient_sum(x, y), x + y, equal_nan=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: np.ascontiguousarray(x),
        lambda x: x.astype(np.float64),
        lambda x: x[:, ::2],
        lambda x: x[:, :, ::2],
        lambda x: x[:, :, :, 1:],
        lambda x: x[0],
    ],
    ids=["planes", "float64", "every second channel", "lines", "columns", "one image"],
)
def test_what_is_not_covered_is_left_to_numpy(change):
    x = change(in_rows(np.random.default_rng(0), 2, 6, 4, 4))
    assert cpu_join.gradient_sum(x, x) is NotImplemented
    assert cpu_join.join([x, x], dim=1) is NotImplemented
    for spare in (False, True):
        z = x.copy()
        assert np.array_equal(gradient_sum(z, x, spare=spare), x + x)
        assert np.array_equal(cpu.gradient_sum(x.copy(), x, spare=spare), x + x)


def test_only_many_channels_wait_for_the_compiler():
    x = in_rows(np.random.default_rng(0), 4, 64, 16, 16)
    planes = np.ascontiguousarray(x)
    assert cpu.is_worth_joining([x, x], dim=1)
    assert not cpu.is_worth_joining([x[:1], x[:1]], dim=1)
    assert not cpu.is_worth_joining([planes, planes], dim=1)
    assert not cpu.is_worth_joining([x, x], dim=0)
    for xs in ([x, x], [planes, x]):
        assert np.array_equal(join(xs, 1), np.concatenate(xs, 1))
