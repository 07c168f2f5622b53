"""Kernels that change from place to place: against loops, convolution, each other; errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, host, inside, out_shape

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import gradcheck, gradgradcheck
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-12
SEEDS = st.integers(0, 2**32)
CONVS = {1: F.conv1d, 2: F.conv2d}
LOCAL = {1: F.locally_connected1d, 2: F.locally_connected2d}


def reals(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def tensors(*arrays):
    return [None if a is None else tg.tensor(a, requires_grad=True) for a in arrays]


def truth(x, w, b, stride, padding, dilation):
    """Products added one by one, for kernels w (K, *period, C, *window) and a bias (K, *out)."""
    rank = x.ndim - 2
    period, window = w.shape[1 : rank + 1], w.shape[rank + 2 :]
    geometry = (x.shape[2:], window, stride, padding, dilation)
    out = out_shape(*geometry)
    z = np.zeros((len(x), len(w), *out)) if b is None else np.tile(b, (len(x), *[1] * b.ndim))
    for q, r, at in inside(*geometry, out):
        turn = tuple(i % t for i, t in zip(q, period, strict=True))
        z[(..., *q)] += x[(..., *at)] @ w[(slice(None), *turn, slice(None), *r)].T
    return z


@st.composite
def geometries(draw, ranks=(1, 2)):
    """The shape of an input, a window, and the settings stride, padding and dilation."""
    rank = draw(st.sampled_from(ranks))

    def axes(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    window, stride, padding, dilation = axes(1, 3), axes(1, 2), axes(0, 2), axes(1, 2)
    spans = [d * (r - 1) + 1 for d, r in zip(dilation, window, strict=True)]
    least = [max(span - 2 * p, 1) for span, p in zip(spans, padding, strict=True)]
    space = [draw(st.integers(n, n + 3)) for n in least]
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 2)), *space)
    return shape, window, (stride, padding, dilation)


# --- locally connected ----------------------------------------------------------------------------


@given(SEEDS, geometries(), st.booleans())
def test_every_output_has_its_own_kernel_and_bias(seed, geometry, biased):
    shape, window, settings = geometry
    out = out_shape(shape[2:], window, *settings)
    x, w, b = reals(seed, shape, (3, *out, shape[1], *window), (3, *out))
    b = b if biased else None
    z = LOCAL[len(window)](*tensors(x, w, b), *settings)
    agree("loops", z.raw, truth(x, w, b, *settings), ROUNDING)


@given(SEEDS, geometries())
def test_equal_kernels_make_a_convolution_of_it(seed, geometry):
    """And the gradient of the convolution's kernel is the sum of all kernels' gradients."""
    shape, window, settings = geometry
    rank = len(window)
    out = out_shape(shape[2:], window, *settings)
    x, w, b = reals(seed, shape, (3, shape[1], *window), (3,))
    places = np.broadcast_to(w.reshape(3, *[1] * rank, *w.shape[1:]), (3, *out, *w.shape[1:]))
    ours, one = tensors(x, places.copy(), b), tensors(x, w, b)
    z, same = LOCAL[rank](*ours, *settings), CONVS[rank](*one, *settings)
    agree("equal formulas", z.raw, same.raw, ROUNDING)
    (z * z).sum().backward()
    (same * same).sum().backward()
    kernels = host(ours[1].grad).sum(tuple(range(1, rank + 1)))
    agree("equal formulas", kernels, one[1].grad.raw, ROUNDING)
    for i in (0, 2):
        agree("equal formulas", ours[i].grad.raw, one[i].grad.raw, ROUNDING)


@given(st.sampled_from(["valid", "same", "full"]), st.integers(1, 3), st.integers(1, 3))
def test_padding_by_words_is_that_of_convolutions(padding, window, stride):
    x, w = reals(0, (1, 2, 6, 5), (3, 2, window, window))
    z = F.conv2d(*tensors(x, w), padding=padding, stride=stride)
    places = np.tile(w[:, None, None], (1, *z.shape[2:], 1, 1, 1))
    for call, kernels in ((F.locally_connected2d, places), (F.tiled_conv2d, w[:, None, None])):
        again = call(*tensors(x, kernels), padding=padding, stride=stride)
        agree("equal formulas", again.raw, z.raw, ROUNDING)


# --- tiled ----------------------------------------------------------------------------------------


@given(SEEDS, geometries(ranks=(2,)), st.tuples(*[st.integers(1, 4)] * 2), st.integers(0, 3))
def test_kernels_take_turns(seed, geometry, period, kind):
    shape, window, settings = geometry
    out = out_shape(shape[2:], window, *settings)
    places = [None, (), period, out][kind]
    x, w = reals(seed, shape, (3, *period, shape[1], *window))
    b = None if places is None else reals(seed + 1, (3, *places))[0]
    z = F.tiled_conv2d(*tensors(x, w, b), *settings)
    if b is not None:
        b = b.reshape(3, 1, 1) if b.ndim == 1 else b
        b = np.tile(b, (1, *[-(-q // t) for q, t in zip(out, b.shape[1:], strict=True)]))
        b = b[:, : out[0], : out[1]]
    agree("loops", z.raw, truth(x, w, b, *settings), ROUNDING)


@given(SEEDS, geometries(ranks=(2,)))
def test_a_period_of_one_is_a_convolution(seed, geometry):
    shape, window, settings = geometry
    x, w, b = reals(seed, shape, (3, shape[1], *window), (3,))
    z = F.tiled_conv2d(*tensors(x, w[:, None, None], b), *settings)
    agree("equal formulas", z.raw, F.conv2d(*tensors(x, w, b), *settings).raw, ROUNDING)


@given(SEEDS, geometries(ranks=(2,)))
def test_a_period_as_wide_as_the_output_is_locally_connected(seed, geometry):
    shape, window, settings = geometry
    out = out_shape(shape[2:], window, *settings)
    x, w, b = reals(seed, shape, (3, *out, shape[1], *window), (3, *out))
    z = F.tiled_conv2d(*tensors(x, w, b), *settings)
    same = F.locally_connected2d(*tensors(x, w, b), *settings)
    assert np.array_equal(host(z), host(same))


# --- both -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("period", [(2, 3), (4, 3)])
def test_gradients_of_two_orders_are_differences(period):
    call = F.locally_connected2d if period == (4, 3) else F.tiled_conv2d
    inputs = tensors(*reals(0, (1, 2, 4, 3), (2, *period, 2, 2, 2), (2, *period)))

    def padded(x, w, b):
        return call(x, w, b, padding="same")

    assert gradcheck(padded, inputs, atol=1e-7, rtol=1e-6)
    assert gradgradcheck(padded, inputs, atol=1e-7, rtol=1e-6)


def test_one_sample_needs_no_batch_axis():
    x, w = tensors(*reals(0, (2, 4, 3), (3, 2, 2, 2, 2, 2)))
    assert np.array_equal(host(F.tiled_conv2d(x, w)), host(F.tiled_conv2d(x[None], w))[0])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(dtype):
    x, w, b = (tg.zeros(*s, dtype=dtype) for s in ((1, 2, 4, 4), (3, 2, 2, 2, 2, 2), (3, 2, 2)))
    assert F.tiled_conv2d(x, w, b).dtype == dtype


X, W = (2, 4, 5, 5), (6, 3, 3, 4, 3, 3)


@pytest.mark.parametrize(
    ("shapes", "settings", "words"),
    [
        (((2, 4), W), {}, r"\(N, C, H, W\) or \(C, H, W\), got \(2, 4\)"),
        ((X, (6, 4, 3, 3)), {}, r"of 6 axes, got shape \(6, 4, 3, 3\)"),
        ((X, (6, 0, 3, 4, 3, 3)), {}, r"got shape \(6, 0, 3, 4, 3, 3\)"),
        ((X, (6, 3, 3, 5, 3, 3)), {}, r"takes 5 channels, got 4 .*\(2, 4, 5, 5\)"),
        ((X, W, (5,)), {}, r"\(6,\), .*\(6, 3, 3\).*, got shape \(5,\)"),
        ((X, W), {"stride": 0}, "stride takes .* got 0"),
        ((X, W), {"padding": "some"}, "'valid', 'same' or 'full', got 'some'"),
        ((X, W), {"dilation": 3}, r"\(7, 7\) does not fit .*\(5, 5\)"),
    ],
)
def test_errors_say_what_was_given(shapes, settings, words):
    for call in (F.locally_connected2d, F.tiled_conv2d):
        with pytest.raises(RuntimeError, match=words):
            call(*[tg.zeros(*s) for s in shapes], **settings)


def test_there_is_a_kernel_for_every_output():
    with pytest.raises(
        RuntimeError, match=r"for outputs of \(3, 3\), .*\(2, 4, 5, 6\) gives \(3, 4\)"
    ):
        F.locally_connected2d(tg.zeros(2, 4, 5, 6), tg.zeros(*W))
