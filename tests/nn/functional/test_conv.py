"""Convolutions: against loops, PyTorch, the course's numbers; errors."""

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-12
CONVS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
SEEDS = st.integers(0, 2**32)


def reals(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


@st.composite
def convolutions(draw):
    """Arrays x, w, b and the settings of a convolution that fits."""
    rank = draw(st.integers(1, 3))

    def axes(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    groups = draw(st.integers(1, 2))
    window, stride, padding, dilation = axes(1, 3), axes(1, 3), axes(0, 2), axes(1, 2)
    spans = [d * (r - 1) + 1 for d, r in zip(dilation, window, strict=True)]
    least = [max(span - 2 * p, 1) for span, p in zip(spans, padding, strict=True)]
    space = [draw(st.integers(n, n + 2)) for n in least]
    maps_in, maps_out = draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    x, w, b = reals(
        draw(SEEDS),
        (draw(st.integers(0, 2)), groups * maps_in, *space),
        (maps_out, maps_in, *window),
        (maps_out,),
    )
    return x, w, b if draw(st.booleans()) else None, (stride, padding, dilation, groups)


def tensors(*arrays):
    return [None if a is None else tg.tensor(a, requires_grad=True) for a in arrays]


@given(convolutions())
def test_is_the_sum_of_products(case):
    *arrays, settings = case
    rank = arrays[0].ndim - 2
    z = CONVS[rank](*tensors(*arrays), *settings)
    agree("loops", z.raw, oracles.conv(*arrays, *settings), ROUNDING)


@pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-12), ("float32", 1e-5)])
@given(convolutions())
def test_values_and_gradients_are_torchs(torch, dtype, bound, case):
    *arrays, settings = case
    arrays = [None if a is None else a.astype(dtype) for a in arrays]
    rank = arrays[0].ndim - 2
    ours = tensors(*arrays)
    theirs = [None if a is None else torch.tensor(a, requires_grad=True) for a in arrays]
    z = CONVS[rank](*ours, *settings)
    twin = getattr(torch.nn.functional, f"conv{rank}d")(*theirs, *settings)
    agree("PyTorch", z.raw, twin.detach().numpy(), bound)
    (z * z).sum().backward()
    (twin * twin).sum().backward()
    for ours_, theirs_ in zip(ours, theirs, strict=True):
        if ours_ is not None:
            agree("PyTorch", ours_.grad.raw, theirs_.grad.numpy(), bound)


@given(convolutions())
def test_one_sample_needs_no_batch_axis(case):
    x, w, b, settings = case
    x = np.zeros((1, *x.shape[1:])) if not len(x) else x
    convolve = CONVS[x.ndim - 2]
    single = convolve(*tensors(x[0], w, b), *settings)
    agree(
        "equal formulas", single.raw, host(convolve(*tensors(x[:1], w, b), *settings))[0], ROUNDING
    )


@given(SEEDS, st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_stride_takes_every_so_manyth_output(seed, stride, window, dilation):
    x, w = tensors(*reals(seed, (2, 3, 9, 8), (4, 3, window, window)))
    every = F.conv2d(x, w, dilation=dilation)
    some = F.conv2d(x, w, stride=stride, dilation=dilation)
    agree("equal formulas", some.raw, host(every)[..., ::stride, ::stride], ROUNDING)


@pytest.mark.parametrize("name", ["stride", "padding", "dilation"])
def test_one_number_stands_for_every_axis(name):
    for rank, convolve in CONVS.items():
        x, w = tensors(*reals(rank, (1, 2, *[7] * rank), (3, 2, *[2] * rank)))
        one, several = convolve(x, w, **{name: 2}), convolve(x, w, **{name: [2] * rank})
        assert np.array_equal(host(one), host(several))
        assert np.array_equal(host(one), host(convolve(x, w, **{name: np.int64(2)})))


# --- padding by words -----------------------------------------------------------------------------


@given(SEEDS, st.integers(1, 9), st.integers(1, 5), st.sampled_from(["valid", "full"]))
def test_valid_and_full_are_numpys(seed, size, window, padding):
    if size < window:
        size, window = window, size
    x, w = reals(seed, (size,), (window,))
    z = F.conv1d(*tensors(x[None, None], w[None, None]), padding=padding)
    agree("equal formulas", host(z)[0, 0], np.convolve(x, w[::-1], padding), ROUNDING)


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch says that it is slow
@given(SEEDS, *[st.integers(1, 9)] * 2, *[st.integers(1, 4)] * 3)
def test_same_keeps_the_size_as_torch(torch, seed, height, width, rows, columns, dilation):
    x, w = reals(seed, (2, 1, height, width), (3, 1, rows, columns))
    ours, theirs = tensors(x, w), [torch.tensor(a, requires_grad=True) for a in (x, w)]
    z = F.conv2d(*ours, padding="same", dilation=dilation)
    twin = torch.nn.functional.conv2d(*theirs, padding="same", dilation=dilation)
    assert z.shape == (2, 3, height, width)
    agree("PyTorch", z.raw, twin.detach().numpy(), ROUNDING)
    (z * z).sum().backward()
    (twin * twin).sum().backward()
    agree("PyTorch", ours[0].grad.raw, theirs[0].grad.numpy(), ROUNDING)


@given(st.integers(1, 20), st.integers(1, 6), st.integers(1, 3), st.integers(1, 4))
def test_same_divides_the_size_by_the_stride_and_rounds_up(size, window, dilation, stride):
    x, w = tensors(*reals(0, (1, 1, size), (1, 1, window)))
    z = F.conv1d(x, w, padding="same", dilation=dilation, stride=stride)
    assert z.shape == (1, 1, -(-size // stride))


# --- true convolution, full convolution -----------------------------------------------------------


@given(convolutions())
def test_a_flipped_kernel_is_turned_by_180_degrees(case):
    x, w, b, settings = case
    rank = x.ndim - 2
    turned = np.flip(w, tuple(range(2, w.ndim)))
    z = CONVS[rank](*tensors(x, w, b), *settings, flip=True)
    truth = CONVS[rank](*tensors(x, turned.copy(), b), *settings)
    agree("equal formulas", z.raw, truth.raw, ROUNDING)


@given(SEEDS, st.integers(1, 9), st.integers(1, 9), st.sampled_from(["valid", "full"]))
def test_true_convolution_commutes_and_is_numpys(seed, first, second, padding):
    x, w = reals(seed, (max(first, second),), (min(first, second),))
    z = F.conv1d(*tensors(x[None, None], w[None, None]), padding=padding, flip=True)
    agree("equal formulas", host(z)[0, 0], np.convolve(x, w, padding), ROUNDING)


@given(SEEDS, st.integers(1, 3), st.integers(1, 3), st.integers(1, 2), st.integers(0, 3))
def test_the_input_gradient_is_a_full_convolution_with_the_flipped_kernel(
    seed, rows, columns, dilation, more
):
    size = 1 + dilation * (max(rows, columns) - 1) + more
    x, w = tensors(*reals(seed, (2, 3, size, size), (4, 3, rows, columns)))
    z = F.conv2d(x, w, dilation=dilation)
    (g,) = reals(seed + 1, z.shape)
    z.backward(tg.tensor(g))
    swapped = w.detach().transpose(0, 1)
    full = F.conv2d(tg.tensor(g), swapped, padding="full", dilation=dilation, flip=True)
    agree("equal formulas", x.grad.raw, full.raw, ROUNDING)


@given(SEEDS, st.integers(1, 3), st.integers(1, 3))
def test_depthwise_is_one_convolution_per_channel(seed, channels, times):
    x, w = reals(seed, (2, channels, 5, 4), (channels * times, 1, 3, 2))
    z = F.conv2d(*tensors(x, w), groups=channels)
    for k in range(channels * times):
        c = k // times
        alone = F.conv2d(*tensors(x[:, c : c + 1], w[k : k + 1]))
        agree("equal formulas", host(z)[:, k : k + 1], alone.raw, ROUNDING)


# --- the course -----------------------------------------------------------------------------------


def grid(rows):
    return tg.tensor(rows, dtype="float64").reshape(1, 1, len(rows), -1)


def test_the_first_convolution_of_the_textbook():
    x = grid([[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    assert F.conv2d(x, grid([[0, 1], [2, 3]])).tolist() == [[[[19, 25], [37, 43]]]]


def test_a_noisy_position_is_smoothed():
    weights = [0.01, 0.01, 0.02, 0.02, 0.04, 0.4, 0.5]
    x = [1.00, 1.10, 1.20, 1.40, 1.70, 1.80, 1.90, 2.10, 2.20, 2.40, 2.50, 2.70]
    x, w = (tg.tensor(v, dtype="float64").reshape(1, 1, -1) for v in (x, weights))
    smooth = [1.811, 1.967, 2.112, 2.269, 2.413, 2.569]
    assert host(F.conv1d(x, w)).ravel() == pytest.approx(smooth, abs=1e-9)


@pytest.mark.parametrize(
    ("size", "window", "settings", "out"),
    [
        (227, 11, {"stride": 4}, 55),  # the first layer of AlexNet
        (13, 3, {"padding": 1}, 13),
        (13, 3, {}, 11),
        (7, 3, {"padding": 1}, 7),
        (10, 3, {}, 8),
        (6, 3, {}, 4),
        (8, 3, {}, 6),
        (16, 6, {}, 11),
        (11, 6, {}, 6),
        (6, 6, {}, 1),
    ],
)
def test_sizes_of_the_course(size, window, settings, out):
    x, w = tg.zeros(1, 1, size, size), tg.zeros(2, 1, window, window)
    assert F.conv2d(x, w, **settings).shape == (1, 2, out, out)


# --- errors and dtypes ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(dtype):
    x, w, b = (tg.zeros(*s, dtype=dtype) for s in ((1, 2, 4, 4), (3, 2, 2, 2), (3,)))
    assert F.conv2d(x, w, b, padding="same").dtype == dtype


X, W = (2, 4, 8, 8), (6, 4, 3, 3)


@pytest.mark.parametrize(
    ("shapes", "settings", "error", "words"),
    [
        (((2, 4), W), {}, RuntimeError, r"\(N, C, H, W\) or \(C, H, W\), got \(2, 4\)"),
        ((X, (6, 4, 3)), {}, RuntimeError, r"weight of 4 axes.*\(6, 4, 3\)"),
        ((X, (6, 3, 3, 3)), {}, RuntimeError, r"takes 3 channels, got 4.*\(2, 4, 8, 8\)"),
        ((X, W), {"groups": 4}, RuntimeError, r"groups.* 6 output channels.*\(6, 4, 3, 3\), got 4"),
        ((X, W), {"groups": 0}, RuntimeError, "groups takes .* at least 1, got 0"),
        ((X, W), {"groups": 2}, RuntimeError, "groups=2 takes 8 channels, got 4"),
        ((X, W), {"groups": 1.5}, TypeError, "groups takes .* got 1.5"),
        ((X, W, (5,)), {}, RuntimeError, r"bias of shape \(6,\), got \(5,\)"),
        ((X, W, (6, 1)), {}, RuntimeError, r"bias of shape \(6,\), got \(6, 1\)"),
        ((X, W), {"stride": 0}, RuntimeError, "stride takes .* at least 1, or 2 of them, got 0"),
        ((X, W), {"stride": 1.5}, TypeError, "stride .* got 1.5"),
        ((X, W), {"stride": (1, 1, 1)}, RuntimeError, r"or 2 of them, got \(1, 1, 1\)"),
        ((X, W), {"padding": (0, -1)}, RuntimeError, r"padding .* at least 0.* got \(0, -1\)"),
        ((X, W), {"padding": "some"}, RuntimeError, "'valid', 'same' or 'full', got 'some'"),
        ((X, W), {"dilation": 0}, RuntimeError, "dilation .* got 0"),
        ((X, W), {"dilation": 4}, RuntimeError, r"over \(9, 9\) does not fit .*\(8, 8\)"),
    ],
)
def test_errors_are_torchs_and_say_what_was_given(torch, shapes, settings, error, words):
    with pytest.raises(error, match=words):
        F.conv2d(*[tg.zeros(*s) for s in shapes], **settings)
    with pytest.raises(error):
        torch.nn.functional.conv2d(*[torch.zeros(s) for s in shapes], **settings)


@pytest.mark.parametrize(("place", "word"), [(0, "input"), (1, "weight"), (2, "bias")])
def test_only_tensors_are_convolved(place, word):
    inputs = [tg.zeros(*X), tg.zeros(*W), tg.zeros(6)]
    inputs[place] = host(inputs[place])
    with pytest.raises(
        TypeError, match=rf"a Tensor as {word}, got ndarray; tg.tensor\(...\) makes"
    ):
        F.conv2d(*inputs)


def test_a_window_has_a_size():
    with pytest.raises(RuntimeError, match=r"size of at least 1, got \(0, 3\)"):
        F.conv2d(tg.zeros(*X), tg.zeros(6, 4, 0, 3))


# --- partial connections --------------------------------------------------------------------------


@given(SEEDS, st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.integers(0, 1))
def test_a_partial_convolution_is_one_with_zeros(seed, maps_in, maps_out, window, padding):
    rng = np.random.default_rng(seed)
    table = rng.random((maps_out, maps_in)) < 0.6
    table[0, 0] = True  # at least one link
    x, dense, b = reals(seed, (2, maps_in, 5, 4), (maps_out, maps_in, window, window), (maps_out,))
    dense[~table] = 0
    x, whole, w, b = tensors(x, dense, dense[table], b)
    z = F.partial_conv2d(x, w, b, table.T.tolist(), padding=padding)
    truth = F.conv2d(x, whole, b, padding=padding)
    agree("equal formulas", z.raw, truth.raw, ROUNDING)
    (z * z).sum().backward()
    (truth * truth).sum().backward()
    agree("equal formulas", w.grad.raw, host(whole.grad)[table], ROUNDING)


def test_there_is_a_weight_for_every_link():
    table = ("X.", "XX")
    with pytest.raises(RuntimeError, match=r"3 links takes .*\(3, R, S\), got \(4, 2, 2\)"):
        F.partial_conv2d(tg.zeros(1, 2, 4, 4), tg.zeros(4, 2, 2), None, table)
