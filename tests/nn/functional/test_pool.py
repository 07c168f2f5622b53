"""Pools: against windows taken one by one, PyTorch, the course's numbers; sizes and errors."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles import agree

import tinygrad_cnn as tg
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
    assume(np.isfinite(LARGEST[x.ndim - 2](tg.tensor(x), **settings).raw).all())
    agree_with_torch(
        torch, f"max_pool{x.ndim - 2}d", x, settings | {"return_indices": return_indices}
    )


@given(pools(dilations=3))
def test_indices_say_where_the_maxima_are(case):
    x, settings = case
    z, indices = LARGEST[x.ndim - 2](tg.tensor(x), **settings, return_indices=True)
    assume(np.isfinite(z.raw).all())  # a wide window may see nothing but the border
    flat = x.reshape(*x.shape[:2], -1)
    found = np.take_along_axis(flat, indices.raw.reshape(*x.shape[:2], -1), 2)
    assert indices.dtype == "int64"
    assert np.array_equal(found.reshape(z.shape), z.raw)


@given(pools())
def test_one_sample_needs_no_batch_axis(case):
    x, settings = case
    for family in (AVERAGES, LARGEST):
        pool = family[x.ndim - 2]
        whole = pool(tg.tensor(x), **settings)
        assert np.array_equal(pool(tg.tensor(x[0]), **settings).raw, whole.raw[0])


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
    assert np.array_equal(z.raw, [[[-math.inf, math.nan, 3.0]]], equal_nan=True)


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
        assert z.raw.min() == 1


def test_whole_numbers_have_maxima():
    x = tg.tensor([[[-5, -7, -6]]])
    assert F.max_pool1d(x, 3, padding=1).tolist() == [[[-5]]]


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
@pytest.mark.parametrize(
    ("shape", "settings", "error", "words"),
    [
        ((4, 4), {"kernel_size": 2}, RuntimeError, r"\(N, C, H, W\) or \(C, H, W\), got \(4, 4\)"),
        ((1, 4, 4), {"kernel_size": 0}, ValueError, "kernel_size takes .* least 1.* got 0"),
        ((1, 4, 4), {"kernel_size": 2, "stride": 0}, ValueError, "stride takes .* got 0"),
        (
            (1, 4, 4),
            {"kernel_size": 3, "padding": 2},
            RuntimeError,
            r"half of .*\(3, 3\), got \(2, 2\)",
        ),
        ((1, 4, 4), {"kernel_size": 5}, RuntimeError, r"\(5, 5\) does not fit .*\(1, 1, 4, 4\)"),
        ((1, 4, 4), {"kernel_size": (2, 2, 2)}, ValueError, r"2 of them, got \(2, 2, 2\)"),
    ],
)
def test_errors_say_what_was_given(pool, shape, settings, error, words):
    with pytest.raises(error, match=words):
        pool(tg.zeros(*shape), **settings)


def test_nothing_is_divided_by_zero():
    with pytest.raises(RuntimeError, match="divisor_override=0"):
        F.avg_pool2d(tg.zeros(1, 4, 4), 2, divisor_override=0)
