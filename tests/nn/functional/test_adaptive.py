"""Pooling to a given size: against windows taken one by one and PyTorch; pyramids; errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import gradcheck, gradgradcheck
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-13
AVERAGES = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
LARGEST = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}


@st.composite
def cases(draw):
    """An array, with ties, and a size to pool it to: as PyTorch takes it, and in full."""
    rank = draw(st.integers(1, 3))
    space = draw(st.lists(st.integers(1, 7), min_size=rank, max_size=rank))
    out = draw(st.lists(st.integers(1, 9), min_size=rank, max_size=rank))
    size = [None if rank > 1 and draw(st.booleans()) else q for q in out]
    out = [n if q is None else q for n, q in zip(space, size, strict=True)]
    if draw(st.booleans()):
        size, out = out[0], [out[0]] * rank
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = rng.integers(-3, 4, (draw(st.integers(0, 2)), 2, *space)).astype("float64")
    return x, size, out


def pooled(x, out, function):
    """function of each window."""
    z = np.zeros((*x.shape[:2], *out))
    for place in np.ndindex(*out):
        inside = [
            slice(math.floor(q * n / m), math.ceil((q + 1) * n / m))
            for q, n, m in zip(place, x.shape[2:], out, strict=True)
        ]
        z[(..., *place)] = function(x[(..., *inside)], tuple(range(2, x.ndim)))
    return z


@given(cases())
def test_windows_are_taken_one_by_one(case):
    x, size, out = case
    rank = x.ndim - 2
    agree("loops", AVERAGES[rank](tg.tensor(x), size).raw, pooled(x, out, np.mean), ROUNDING)
    agree("loops", LARGEST[rank](tg.tensor(x), size).raw, pooled(x, out, np.max), ROUNDING)


@given(cases(), st.booleans())
def test_results_and_gradients_are_torchs(torch, case, return_indices):
    x, size, _ = case
    rank = x.ndim - 2
    settings = {"return_indices": True} if return_indices else {}
    for name, more in ((f"adaptive_avg_pool{rank}d", {}), (f"adaptive_max_pool{rank}d", settings)):
        ours, theirs = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        z, twin = getattr(F, name)(ours, size, **more), None
        twin = getattr(torch.nn.functional, name)(theirs, size, **more)
        if more:
            (z, indices), (twin, twins) = z, twin
            assert np.array_equal(host(indices), twins.numpy())
            assert indices.dtype == "int64"
        agree("PyTorch", z.raw, twin.detach().numpy(), ROUNDING)
        weights = np.random.default_rng(0).standard_normal(z.shape)
        (z * tg.tensor(weights)).sum().backward()
        (twin * torch.tensor(weights)).sum().backward()
        agree("PyTorch", ours.grad.raw, theirs.grad.numpy(), ROUNDING)


@given(cases())
def test_one_sample_needs_no_batch_axis(case):
    x, size, _ = case
    x = np.ones((1, *x.shape[1:])) if not len(x) else x
    for family in (AVERAGES, LARGEST):
        pool = family[x.ndim - 2]
        assert np.array_equal(host(pool(tg.tensor(x[0]), size)), host(pool(tg.tensor(x), size))[0])


@pytest.mark.parametrize("pool", [F.adaptive_avg_pool2d, F.adaptive_max_pool2d])
@pytest.mark.parametrize("size", [1, (2, 3), (4, 5), (7, 2)])
def test_gradients_of_two_orders_are_differences(pool, size):
    rng = np.random.default_rng(0)
    x = tg.tensor(rng.permutation(40).reshape(1, 2, 4, 5) / 4, requires_grad=True)
    assert gradcheck(lambda x: pool(x, size), [x])
    assert gradgradcheck(lambda x: pool(x, size) ** 3, [x])


def test_size_one_is_the_mean_and_keeps_the_dtype():
    x = tg.randn(2, 3, 5, 7)
    z = F.adaptive_avg_pool2d(x, 1)
    assert z.dtype == "float32"
    agree("mean", host(z)[..., 0, 0], host(x).mean((2, 3)), 1e-6)
    assert F.adaptive_avg_pool2d(x.half(), (3, 4)).dtype == "float16"


def test_a_nan_stays_in_its_windows():
    x = tg.ones(1, 1, 5)
    x[0, 0, 0] = math.nan
    for pool in (F.adaptive_avg_pool1d, F.adaptive_max_pool1d):
        assert np.isnan(host(pool(x, 3))).tolist() == [[[True, False, False]]]


def test_nothing_asked_nothing_returned():
    assert F.adaptive_avg_pool2d(tg.ones(2, 3, 4, 4), (0, 3)).shape == (2, 3, 0, 3)
    assert F.adaptive_max_pool2d(tg.ones(2, 3, 4, 4), (0, 3)).shape == (2, 3, 0, 3)


# --- pyramids -------------------------------------------------------------------------------------


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(["max", "avg"]))
def test_a_pyramid_has_one_length_for_all_images(height, width, mode):
    x = tg.tensor(np.random.default_rng(0).standard_normal((2, 3, height, width)))
    z = F.spatial_pyramid_pool(x, (3, 2, 1), mode)
    assert z.shape == (2, 3 * (9 + 4 + 1))
    pool = {"max": F.adaptive_max_pool2d, "avg": F.adaptive_avg_pool2d}[mode]
    levels = [host(pool(x, n)).reshape(2, -1) for n in (3, 2, 1)]
    assert np.array_equal(host(z), np.concatenate(levels, 1))
    assert np.array_equal(host(F.spatial_pyramid_pool(x[0], (3, 2, 1), mode)), host(z)[0])


def test_the_pyramid_of_the_paper():
    """50 bins of conv5's 256 maps, 12,800 numbers."""
    assert F.spatial_pyramid_pool(tg.zeros(1, 256, 13, 13), (6, 3, 2, 1)).shape == (1, 12800)


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adaptive_avg_pool2d", "adaptive_max_pool2d"])
@pytest.mark.parametrize(
    ("shape", "size", "error", "words"),
    [
        ((4, 4), 2, RuntimeError, r"\(N, C, H, W\) or \(C, H, W\), got \(4, 4\)"),
        ((1, 1, 4, 4), (1, 2, 3), RuntimeError, r"2 of them, got \(1, 2, 3\)"),
        ((1, 4, 4), (-1, 2), RuntimeError, r"at least 0.* got \[?\(?-1, 2"),
        ((1, 4, 4), 1.5, TypeError, "whole number .* got"),
        ((1, 0, 4), 2, RuntimeError, r"\(1, 1, 0, 4\) has nothing to pool"),
    ],
)
def test_errors_are_torchs(torch, name, shape, size, error, words):
    with pytest.raises(error, match=words):
        getattr(F, name)(tg.zeros(*shape), size)
    with pytest.raises(error):
        getattr(torch.nn.functional, name)(torch.zeros(*shape), size)


@pytest.mark.parametrize(
    ("levels", "mode", "words"), [((), "max", "levels"), ((1,), "sum", "'sum'")]
)
def test_pyramids_say_what_they_take(levels, mode, words):
    with pytest.raises(ValueError, match=words):
        F.spatial_pyramid_pool(tg.zeros(1, 1, 4, 4), levels, mode)
