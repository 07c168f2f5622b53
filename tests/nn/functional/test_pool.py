"""Pools: against windows taken one by one, PyTorch, the course's numbers; sizes and errors."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import gradcheck, gradgradcheck
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-13
AVERAGES = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
LARGEST = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


@st.composite
def pools(draw, dilations=1):
    """An array, with ties, and the settings of a pool that fits: rank, x, settings."""
    rank = draw(st.integers(1, 3))
    window = [draw(st.integers(1, 4)) for _ in range(rank)]
    stride = [draw(st.integers(1, 4)) for _ in range(rank)]
    dilation = [draw(st.integers(1, dilations)) for _ in range(rank)]
    spans = [d * (r - 1) + 1 for d, r in zip(dilation, window, strict=True)]
    padding = [
        draw(st.integers(0, min(r, span) // 2)) for r, span in zip(window, spans, strict=True)
    ]
    least = [max(span - 2 * p, 1) for span, p in zip(spans, padding, strict=True)]
    space = [draw(st.integers(n, n + 4)) for n in least]
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.integers(-3, 4, (draw(st.integers(1, 2)), 2, *space)).astype("float64")
    settings = {"kernel_size": window, "stride": stride, "padding": padding}
    if dilations > 1:
        settings["dilation"] = dilation
    return x, settings | {"ceil_mode": draw(st.booleans())}


def starts(size, span, stride, padding, ceil_mode):
    """Where windows begin, found by walking.

    In ceil mode one more is taken if the one before it leaves something over.
    """
    end = size + padding
    found = []
    start = -padding
    while start + span <= end or (ceil_mode and start - stride + span < end and start < size):
        found.append(start)
        start += stride
    return found


def average(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    """Average pooling, window by window."""
    space = x.shape[2:]
    of_axes = zip(space, kernel_size, stride, padding, strict=True)
    begins = [starts(*of_axis, ceil_mode) for of_axis in of_axes]
    z = np.zeros((*x.shape[:2], *map(len, begins)))
    for place in np.ndindex(*z.shape[2:]):
        inside, count = [], 1
        for axis, i in enumerate(place):
            a = begins[axis][i]
            b = a + kernel_size[axis]
            inside.append(slice(max(a, 0), min(b, space[axis])))
            border = padding[axis] if count_include_pad else 0
            count *= min(b, space[axis] + border) - max(a, -border)
        z[(..., *place)] = x[(..., *inside)].sum(tuple(range(2, x.ndim))) / count
    return z


@given(pools(), st.booleans())
def test_averages_are_those_of_the_windows(case, count_include_pad):
    x, settings = case
    settings["count_include_pad"] = count_include_pad
    z = AVERAGES[x.ndim - 2](tg.tensor(x), **settings)
    agree("loops", z.raw, average(x, **settings), ROUNDING)


def listed(result):
    """What a pool returns, as a list."""
    return list(result) if isinstance(result, tuple) else [result]


def agree_with_torch(torch, name, x, settings):
    """Compare results and gradients with those of PyTorch's function of that name."""
    ours, theirs = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    results = listed(getattr(F, name)(ours, **settings))
    twins = listed(getattr(torch.nn.functional, name)(theirs, **settings))
    for z, twin in zip(results, twins, strict=True):
        agree("PyTorch", z.raw, twin.detach().numpy(), ROUNDING)
    weights = np.random.default_rng(0).standard_normal(results[0].shape)
    (results[0] * tg.tensor(weights)).sum().backward()
    (twins[0] * torch.tensor(weights)).sum().backward()
    agree("PyTorch", ours.grad.raw, theirs.grad.numpy(), ROUNDING)


@given(pools(), st.booleans(), st.sampled_from([None, 1, -3]))
def test_averages_are_torchs(torch, case, count_include_pad, divisor):
    x, settings = case
    settings["count_include_pad"] = count_include_pad
    rank = x.ndim - 2
    if rank == 3:  # PyTorch wants room for a window before padding, here only
        assume(all(n >= r for n, r in zip(x.shape[2:], settings["kernel_size"], strict=True)))
    if rank > 1:
        settings["divisor_override"] = divisor
    agree_with_torch(torch, f"avg_pool{rank}d", x, settings)


@given(pools(dilations=3), st.booleans())
def test_maxima_and_their_places_are_torchs(torch, case, return_indices):
    x, settings = case
    assume(np.isfinite(host(LARGEST[x.ndim - 2](tg.tensor(x), **settings))).all())
    agree_with_torch(
        torch, f"max_pool{x.ndim - 2}d", x, settings | {"return_indices": return_indices}
    )


@given(pools(dilations=3))
def test_indices_say_where_the_maxima_are(case):
    x, settings = case
    z, indices = LARGEST[x.ndim - 2](tg.tensor(x), **settings, return_indices=True)
    assume(np.isfinite(host(z)).all())  # a wide window may see nothing but the border
    flat = x.reshape(*x.shape[:2], -1)
    found = np.take_along_axis(flat, host(indices).reshape(*x.shape[:2], -1), 2)
    assert indices.dtype == "int64"
    assert np.array_equal(found.reshape(z.shape), host(z))


@given(pools())
def test_one_sample_needs_no_batch_axis(case):
    x, settings = case
    for family in (AVERAGES, LARGEST):
        pool = family[x.ndim - 2]
        whole = pool(tg.tensor(x), **settings)
        assert np.array_equal(host(pool(tg.tensor(x[0]), **settings)), host(whole)[0])


@given(*[st.integers(1, 12)] * 3, st.data(), st.booleans())
def test_windows_are_counted_by_walking(size, window, stride, data, ceil_mode):
    padding = data.draw(st.integers(0, window // 2))
    begins = starts(size, window, stride, padding, ceil_mode)
    x = tg.zeros(1, 1, size)
    if not begins:
        with pytest.raises(RuntimeError, match="does not fit"):
            F.max_pool1d(x, window, stride, padding, ceil_mode=ceil_mode)
        return
    z = F.max_pool1d(x, window, stride, padding, ceil_mode=ceil_mode)
    assert z.shape == (1, 1, len(begins))


def test_infinities_and_nan():
    x = tg.tensor([[[-math.inf, -math.inf, 1.0, math.nan, 3.0, 2.0]]])
    z = F.max_pool1d(x, 2)
    assert np.array_equal(host(z), [[[-math.inf, math.nan, 3.0]]], equal_nan=True)


# --- norms ----------------------------------------------------------------------------------------


@given(pools(), st.sampled_from([1.0, 2, 3.0, math.inf, -math.inf]))
def test_norms_are_torchs(torch, case, norm_type):
    x, settings = case
    del settings["padding"]
    rank = x.ndim - 2
    assume(all(n >= r for n, r in zip(x.shape[2:], settings["kernel_size"], strict=True)))
    if rank == 1:  # PyTorch multiplies by the window's size as it is given
        settings["kernel_size"] = settings["kernel_size"][0]
    agree_with_torch(torch, f"lp_pool{rank}d", abs(x), settings | {"norm_type": norm_type})


def test_norms_of_nothing_but_zeros_have_no_gradient():
    x = tg.zeros(1, 1, 4, dtype="float64", requires_grad=True)
    z = F.lp_pool1d(x, 2, 2)
    (dx,) = tg.autograd.grad(z.sum(), [x], create_graph=True)
    (d2x,) = tg.autograd.grad(dx.sum() + (x * x).sum(), [x])
    assert z.tolist() == [[[0, 0]]]
    assert (dx.tolist(), d2x.tolist()) == ([[[0] * 4]], [[[0] * 4]])


def test_norm_one_is_the_sum_and_two_the_length():
    x = tg.tensor([[[3.0, 4.0, 5.0, 12.0]]], dtype="float64", requires_grad=True)
    assert F.lp_pool1d(x, 1, 2).tolist() == [[[7, 17]]]
    assert F.lp_pool1d(x, 2, 2).tolist() == [[[5, 13]]]
    assert gradcheck(lambda x: F.lp_pool1d(x, 3, 2), [x])
    assert gradgradcheck(lambda x: F.lp_pool1d(x, 3, 2), [x])


def test_an_exponent_of_zero_is_no_norm():
    with pytest.raises(ZeroDivisionError, match="other than 0, got 0"):
        F.lp_pool2d(tg.ones(1, 4, 4), 0, 2)


# --- drawn elements -------------------------------------------------------------------------------


def test_elements_are_drawn_in_proportion():
    """Zeiler & Fergus 2013, figure 1: 1.6 and 2.4 are drawn with 0.4 and 0.6, a 0 never."""
    tg.manual_seed(0)
    window = [1.6, 0.0, 0.0, 2.4]
    x = tg.tensor(window, dtype="float64").reshape(2, 2).expand(20000, 1, 2, 2)
    z = host(F.stochastic_pool2d(x, 2)).ravel()
    assert set(z) == {1.6, 2.4}
    assert abs((z == 2.4).mean() - 0.6) < 4 * math.sqrt(0.6 * 0.4 / 20000)
    assert F.stochastic_pool2d(x[:1], 2, training=False).item() == pytest.approx(
        0.4 * 1.6 + 0.6 * 2.4
    )


@given(pools())
def test_a_draw_has_a_name_and_comes_from_its_window(case):
    x, settings = case
    assume(x.ndim == 4)
    x = np.random.default_rng(0).permutation(x.size).reshape(x.shape) + 1.0
    tg.manual_seed(3)
    ours = tg.tensor(x, requires_grad=True)
    z = F.stochastic_pool2d(ours, **settings)
    tg.manual_seed(3)
    assert np.array_equal(host(F.stochastic_pool2d(tg.tensor(x), **settings)), host(z))
    z.sum().backward()
    drawn, times = np.unique(host(z), return_counts=True)
    want = np.zeros(x.shape)
    for number, count in zip(drawn, times, strict=True):
        want[x == number] = count
    assert np.array_equal(host(ours.grad), want)
    largest = F.max_pool2d(tg.tensor(x), **settings)
    assert (host(z) <= host(largest)).all()
    average = F.stochastic_pool2d(tg.tensor(x), **settings, training=False)
    assert (host(average) <= host(largest) * (1 + ROUNDING)).all()
    assert (host(average) >= -host(F.max_pool2d(tg.tensor(-x), **settings)) * (1 - ROUNDING)).all()


def test_draws_of_nothing_are_zero():
    x = -tg.ones(3, 4, 4)
    for training in (True, False):
        z = F.stochastic_pool2d(x, 2, training=training)
        assert not host(z).any()
        assert (z.shape, z.dtype) == ((3, 2, 2), "float32")


def test_weighted_averages_have_gradients_of_two_orders():
    x = tg.rand(1, 2, 4, 4, dtype="float64") + 0.5
    pool = lambda x: F.stochastic_pool2d(x, 2, training=False)
    assert gradcheck(pool, [x.requires_grad_()])
    assert gradgradcheck(pool, [x])


# --- maxout ---------------------------------------------------------------------------------------


@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2))
def test_maxout_is_the_largest_of_its_group(groups, pieces, axes):
    x = np.random.default_rng(0).standard_normal((2, groups * pieces, *[3] * axes))
    z = F.maxout(tg.tensor(x), pieces)
    for k in range(groups):
        group = x[:, k * pieces : (k + 1) * pieces]
        assert np.array_equal(host(z)[:, k], group.max(1))
    last = F.maxout(tg.tensor(np.moveaxis(x, 1, -1)), pieces, -1)
    assert np.array_equal(host(last), np.moveaxis(host(z), 1, -1))


def test_the_first_of_equal_channels_gets_the_gradient():
    x = tg.tensor([[2.0, 2.0, 1.0, 3.0]], requires_grad=True)
    F.maxout(x, 2).sum().backward()
    assert x.grad.tolist() == [[1, 0, 0, 1]]


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ((3,), RuntimeError, r"axis 1 of shape \(2, 4\) cannot be divided into groups of 3"),
        ((0,), RuntimeError, "pieces .* at least 1, got 0"),
        ((1.5,), TypeError, "pieces .* got 1.5"),
        ((2, 2), IndexError, "2"),
    ],
)
def test_maxout_says_what_was_given(settings, error, words):
    with pytest.raises(error, match=words):
        F.maxout(tg.zeros(2, 4), *settings)


# --- the course -----------------------------------------------------------------------------------

FOUR = [[1, 4, 2, 1], [5, 8, 3, 4], [7, 6, 4, 5], [1, 3, 1, 2]]


def grid(rows):
    return tg.tensor(rows, dtype="float64").reshape(1, 1, len(rows), -1)


def test_pooling_by_hand():
    x = grid(FOUR)
    assert F.max_pool2d(x, 2).tolist() == [[[[8, 4], [7, 5]]]]
    assert F.max_pool2d(x, 2, 1).tolist() == [[[[8, 8, 4], [8, 8, 5], [7, 6, 5]]]]
    assert F.avg_pool2d(x, 2).tolist() == [[[[4.5, 2.5], [4.25, 3]]]]


def test_global_average_by_hand():
    x = grid([[1, 5, 4, 5], [6, 5, 3, 9], [4, 2, 5, 2], [8, 6, 8, 7]])
    assert x.sum().item() == 80
    assert F.avg_pool2d(x, 4).item() == 5


@pytest.mark.parametrize(("size", "out"), [(55, 27), (27, 13)])
def test_overlapping_pools_of_alexnet(size, out):
    assert F.max_pool2d(tg.zeros(1, 1, size, size), 3, 2).shape == (1, 1, out, out)


def test_downsampling_keeps_a_smaller_last_window():
    x = tg.tensor([[[1, 5, 2, 9, 3, 4]]])
    assert F.max_pool1d(x, 3, 2).tolist() == [[[5, 9]]]
    assert F.max_pool1d(x, 3, 2, ceil_mode=True).tolist() == [[[5, 9, 4]]]


# --- errors and dtypes ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(dtype):
    x = tg.ones(1, 1, 5, 5, dtype=dtype)
    for z in (F.max_pool2d(x, 2), F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)):
        assert z.dtype == dtype
        assert host(z).min() == 1


def test_whole_numbers_have_maxima():
    x = tg.tensor([[[-5, -7, -6]]])
    assert F.max_pool1d(x, 3, padding=1).tolist() == [[[-5]]]


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool"])
def test_whole_numbers_have_no_averages_and_norms(dtype):
    x = tg.ones(1, 1, 4, 4, dtype=dtype)
    for pool in (
        lambda: F.avg_pool1d(x[0], 2),
        lambda: F.avg_pool2d(x, 2, divisor_override=1),
        lambda: F.avg_pool3d(x, 2, padding=1),
        lambda: F.adaptive_avg_pool2d(x, 2),
        lambda: F.lp_pool2d(x, 2, 2),
        lambda: F.lp_pool1d(x[0], math.inf, 2),
    ):
        with pytest.raises(RuntimeError, match=rf"of floats, got {dtype}"):
            pool()


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize(
    ("shape", "settings", "error", "words"),
    [
        ((4, 4), {"kernel_size": 2}, RuntimeError, r"\(N, C, H, W\) or \(C, H, W\), got \(4, 4\)"),
        ((1, 4, 4), {"kernel_size": 0}, RuntimeError, "kernel_size takes .* least 1.* got 0"),
        ((1, 4, 4), {"kernel_size": 2, "stride": 0}, RuntimeError, "stride takes .* got 0"),
        (
            (1, 4, 4),
            {"kernel_size": 3, "padding": 2},
            RuntimeError,
            r"half of .*\(3, 3\), got \(2, 2\)",
        ),
        ((1, 4, 4), {"kernel_size": 1.5}, TypeError, r"kernel_size takes .* got 1\.5"),
        ((1, 4, 4), {"kernel_size": 5}, RuntimeError, r"\(5, 5\) does not fit .*\(1, 1, 4, 4\)"),
        ((1, 4, 4), {"kernel_size": (2, 2, 2)}, RuntimeError, r"2 of them, got \(2, 2, 2\)"),
    ],
)
def test_errors_are_torchs(torch, name, shape, settings, error, words):
    with pytest.raises(error, match=words):
        getattr(F, name)(tg.zeros(*shape), **settings)
    with pytest.raises((error, IndexError)):  # of too few axes PyTorch's avg_pool2d says so
        getattr(torch.nn.functional, name)(torch.zeros(*shape), **settings)


def test_nothing_is_divided_by_zero():
    with pytest.raises(RuntimeError, match="divisor_override=0"):
        F.avg_pool2d(tg.zeros(1, 4, 4), 2, divisor_override=0)
