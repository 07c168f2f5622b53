"""Convolution without Numba: the kernels of NumPy against the gates' bodies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_cnn.kernels import cpu_gather, cpu_gemm, layout, portions, threads
from tinygrad_cnn.kernels.shapes import out_size
from tinygrad_cnn.kernels.windows import forward
from tinygrad_cnn.ops.conv import conv, conv_dw, conv_dx

SQUARE = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}


@st.composite
def cases(draw):
    """Images, weights, bias, a gradient, and settings; windows may lie wholly in the padding."""
    rank = draw(st.integers(1, 3))
    numbers = [draw(st.tuples(*[st.integers(*ends)] * rank)) for ends in ((1, 7), (1, 3))]
    space, window = numbers
    stride, padding, dilation = (
        draw(st.tuples(*[st.integers(*ends)] * rank)) for ends in ((1, 3), (0, 3), (1, 2))
    )
    settings = (stride, padding, dilation)
    axes = list(zip(space, window, *settings, strict=True))
    out = tuple(out_size(*axis) for axis in axes)
    if min(out) < 1:
        padding = tuple(r * d for r, d in zip(window, dilation, strict=True))
        out = tuple(
            out_size(n, r, s, p, d) for (n, r, s, _, d), p in zip(axes, padding, strict=True)
        )
    n, c, k = (draw(st.integers(1, 3)) for _ in range(3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(["f4", "f8"]))
    shapes = (n, c, *space), (k, c, *window), (k,), (n, k, *out)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    if draw(st.booleans()):  # channels innermost
        arrays[0] = np.moveaxis(np.ascontiguousarray(np.moveaxis(arrays[0], 1, -1)), -1, 1)
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": 1}
    return arrays, settings, draw(st.sampled_from([5, 60, 10**6]))


@given(cases())
def test_it_is_the_body(case):
    (x, w, b, u), settings, limit = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cpu_gather, "LIMIT", limit)
        results = {
            conv: ((x, w, b), {}),
            conv_dx: ((u, w), {"space": x.shape[2:]}),
            conv_dw: ((u, x), {"window": w.shape[2:]}),
        }
        for gate, (inputs, more) in results.items():
            found = getattr(cpu_gemm, gate.__name__)(*inputs, **more, **settings)
            want = gate.gate.body(*[a.astype("f8") for a in inputs], **more, **settings)
            assert found.dtype == x.dtype
            assert found.shape == want.shape
            np.testing.assert_allclose(found, want, rtol=0, atol=3e3 * np.finfo(x.dtype).eps)


def test_without_a_bias():
    x, w = np.ones((2, 3, 5, 5)), np.ones((4, 3, 3, 3))
    assert cpu_gemm.conv(x, w, None, **SQUARE)[0, 0, 2, 2] == 27


def test_nan_and_infinity_go_where_the_body_sends_them():
    x, w = np.ones((1, 2, 6, 6), "f4"), np.ones((2, 2, 3, 3), "f4")
    x[0, 0, 0, 0], x[0, 1, 5, 5], w[1, 0, 2, 2] = np.nan, np.inf, -np.inf
    with np.errstate(all="ignore"):
        want = conv.gate.body(x, w, None, **SQUARE)
    np.testing.assert_array_equal(cpu_gemm.conv(x, w, None, **SQUARE), want)


@pytest.mark.parametrize(
    "change",
    [
        {"w": np.ones((4, 3, 3, 3))},  # of another dtype
        {"w": np.ones((4, 2, 3, 3), "f4")},  # of other channels
        {"x": np.ones((2, 3, 5, 5), int), "w": np.ones((4, 3, 3, 3), int)},
        {"x": np.ones((0, 3, 5, 5), "f4")},
        {"groups": 3},
    ],
)
def test_other_cases_are_left_to_the_body(change):
    inputs = {"x": np.ones((2, 3, 5, 5), "f4"), "w": np.ones((4, 3, 3, 3), "f4")}
    assert cpu_gemm.conv(**{**inputs, "b": None, **SQUARE, **change}) is NotImplemented


def test_windows_are_few_at_a_time_and_in_one_buffer(monkeypatch):
    monkeypatch.setattr(threads, "THREADS", [1])
    x, w = np.ones((4, 8, 64, 64)), np.ones((8, 8, 3, 3))
    cpu_gather.ROOM.buffers.clear()
    cpu_gemm.conv(x, w, None, **SQUARE)
    room = cpu_gather.ROOM.buffers["windows"]
    assert room.nbytes < 2 * 8 * cpu_gather.LIMIT < 8 * x.size * 9
    cpu_gemm.conv(x, w, None, **SQUARE)
    assert cpu_gather.ROOM.buffers["windows"] is room


def test_results_lie_in_rows_and_own_their_memory():
    x, w = np.ones((2, 3, 5, 5), "f4"), np.ones((4, 3, 3, 3), "f4")
    for z in (
        cpu_gemm.conv(x, w, None, **SQUARE),
        cpu_gemm.conv_dx(np.ones((2, 4, 5, 5), "f4"), w, space=(5, 5), **SQUARE),
    ):
        assert layout.in_rows(z)
        assert z.base is None


@given(st.integers(1, 40), st.integers(1, 30), st.integers(1, 40), st.integers(1, 9))
def test_pieces_are_all_results_once(images, lines, channels, crew):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "THREADS", [crew])
        patch.setattr(cpu_gather, "LIMIT", 500)
        patch.setattr(portions, "LEAST", 100)
        axes = (forward(lines, 1, 1, 0, 1), forward(3, 1, 1, 0, 1))
        found = np.zeros((images, lines), int)
        for piece in cpu_gather.pieces(np.empty((images, lines, 3, channels)), axes):
            assert found[piece].size
            found[piece] += 1
        assert np.all(found == 1)


@pytest.mark.parametrize("crew", [1, 2])
def test_threads_that_share_the_work_find_the_same_each_time(crew, monkeypatch):
    monkeypatch.setattr(threads, "THREADS", [crew])
    rng = np.random.default_rng(0)
    x, u = (rng.standard_normal((4, 16, 30, 30)).astype("f4") for _ in "xu")
    w = rng.standard_normal((16, 16, 3, 3)).astype("f4")
    first, second = (
        (
            cpu_gemm.conv(x, w, None, **SQUARE),
            cpu_gemm.conv_dx(u, w, space=(30, 30), **SQUARE),
            cpu_gemm.conv_dw(u, x, window=(3, 3), **SQUARE),
        )
        for _ in range(2)
    )
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
