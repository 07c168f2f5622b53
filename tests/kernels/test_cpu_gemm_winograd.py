"""Winograd's convolution by NumPy alone, against the gates' bodies in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.kernels import cpu_gather, cpu_gemm, cpu_gemm_winograd, portions, threads
from tinygrad_cnn.kernels.windows import forward
from tinygrad_cnn.ops.conv import conv, conv_dw, conv_dx

SQUARE = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
ROUNDING = 20 * np.finfo(np.float32).eps  # of sums of numbers of this size


@st.composite
def cases(draw):
    """Images, weights, a gradient and the padding; tiles may reach beyond the results."""
    n, c, k = (draw(st.integers(1, 4)) for _ in range(3))
    space = draw(st.tuples(*[st.integers(3, 13)] * 2))
    padding = draw(st.tuples(*[st.integers(0, 2)] * 2))
    out = tuple(size + 2 * p - 2 for size, p in zip(space, padding, strict=True))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shapes = (n, c, *space), (k, c, 3, 3), (n, k, *out)
    return [rng.standard_normal(shape).astype("f4") for shape in shapes], padding


@given(cases(), st.sampled_from([1, 500, 10**6]), st.sampled_from([1, 3]))
def test_it_is_the_body(case, limit, crew):
    (x, w, u), padding = case
    settings = SQUARE | {"padding": padding}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "THREADS", [crew])
        patch.setattr(portions, "LEAST", 1)
        patch.setattr(cpu_gather, "LIMIT", limit)
        patch.setattr(cpu_gemm_winograd, "WORTH", 0)
        patch.setattr(cpu_gemm, "gathered", None)  # nothing else serves
        patch.setattr(cpu_gemm, "gathered_as_weights", None)
        results = {
            conv: ((x, w, None), {}),
            conv_dx: ((u, w), {"space": x.shape[2:]}),
            conv_dw: ((u, x), {"window": (3, 3)}),
        }
        for gate, (inputs, more) in results.items():
            found = getattr(cpu_gemm, gate.__name__)(*inputs, **more, **settings)
            exact = [None if a is None else a.astype("f8") for a in inputs]
            want = gate.gate.body(*exact, **more, **settings)
            sizes = [None if a is None else np.abs(a) for a in exact]
            size = gate.gate.body(*sizes, **more, **settings).max()
            assert found.dtype == x.dtype
            np.testing.assert_allclose(found, want, rtol=0, atol=ROUNDING * size)


def is_worth(shape, out=64, dtype="f4", window=3, stride=1, dilation=1):
    """What the rule says of images (N, H, W, C)."""
    axes = tuple(forward(size, window, stride, 1, dilation) for size in shape[1:3])
    return cpu_gemm_winograd.is_worth(np.empty(shape, dtype), axes, out)


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "f8"},
        {"window": 5},
        {"stride": 2},
        {"dilation": 2},
        {"shape": (8, 56, 56, 4), "out": 4},  # transforms would cost more
        {"shape": (1, 4, 4, 512), "out": 512},  # those of the weights
    ],
)
def test_what_it_is_worth_for(change):
    assert is_worth((8, 56, 56, 64))
    assert not is_worth(**{"shape": (8, 56, 56, 64), **change})


def test_precise_forbids_it():
    with tg.backends.cpu.flags(precise=True):
        assert not is_worth((8, 56, 56, 64))
