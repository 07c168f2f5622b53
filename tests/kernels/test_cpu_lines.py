"""Images in rows within a border of channels, and added to parts of others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn.kernels import cpu, layout

pytest.importorskip("numba", reason="Numba has no wheel here: there are no kernels to compare")
from tinygrad_cnn.kernels import cpu_lines


def in_rows(rng, *shape):
    """Numbers whose channels lie innermost."""
    x = layout.empty_in(layout.orders(4)[0], shape, np.float32)
    x[...] = rng.standard_normal(shape)
    return x


@st.composite
def parts(draw):
    """Images, and slices of every axis."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels = draw(st.sampled_from([2, 16, 31, 48]))
    shape = (draw(st.integers(1, 3)), channels, *(draw(st.integers(2, 6)) for _ in range(2)))
    key = [slice(draw(st.integers(0, 1)), None, draw(st.integers(1, 2))) for _ in shape]
    key[1] = slice(draw(st.integers(0, 1)), None)
    if draw(st.booleans()):
        key[:2] = [...]
    return in_rows(rng, *shape), tuple(key), rng


@given(case=parts(), before=st.integers(0, 20), behind=st.integers(0, 20))
def test_pad_constant_is_numpy_s(case, before, behind):
    whole, key, _ = case
    x, pads = whole[key], ((0, 0), (before, behind), (0, 0), (0, 0))
    z = cpu_lines.pad_constant(x, pads=pads, value=0)
    if x.shape[1] == 1 and z is NotImplemented:
        return  # a single channel may lie anyhow
    assert np.array_equal(z, np.pad(x, pads))
    assert layout.innermost(z).flags.c_contiguous and z.base is None


@given(case=parts(), spare=st.booleans(), laid=st.booleans())
def test_put_onto_is_the_plain_kernel(case, spare, laid):
    onto, key, rng = case
    shape = onto[key].shape
    x = in_rows(rng, *shape) if laid else in_rows(rng, *onto.shape)[key]
    before = onto.copy(order="K")
    expected = cpu.put_onto(x, onto, key=key)
    z = cpu_lines.put_onto(x, onto, key=key, spare=spare)
    if shape[1] == 1 and z is NotImplemented:
        return
    assert np.array_equal(z, expected)
    assert (z is onto) == spare
    assert spare or np.array_equal(onto, before)


def test_the_rest_is_left_to_others():
    rng = np.random.default_rng(0)
    x = in_rows(rng, 2, 16, 4, 4)
    pads, none = ((0, 0), (1, 2), (0, 0), (0, 0)), (slice(None),) * 4
    around = ((0, 0), (0, 0), (1, 1), (0, 0))
    planes = np.ascontiguousarray(x)
    left = [
        cpu_lines.pad_constant(planes, pads=pads, value=0),
        cpu_lines.pad_constant(x.astype("f8"), pads=pads, value=0),
        cpu_lines.pad_constant(x, pads=pads, value=1.0),
        cpu_lines.pad_constant(x, pads=around, value=0),
        cpu_lines.put_onto(planes, x, key=none),
        cpu_lines.put_onto(x, planes, key=none, spare=True),
        cpu_lines.put_onto(x[0], x, key=(0,)),
    ]
    assert all(z is NotImplemented for z in left)
    assert np.array_equal(x, planes)
