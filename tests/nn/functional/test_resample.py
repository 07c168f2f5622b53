"""Interpolation and shuffles: against PyTorch; what they leave as it is; errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import gradcheck, gradgradcheck
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-12
LINES = {1: ("linear",), 2: ("bilinear", "bicubic"), 3: ("trilinear",)}


def reals(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@st.composite
def cases(draw):
    """The sizes of an image, and the settings of an interpolation that exists."""
    rank = draw(st.integers(1, 3))
    space = draw(st.lists(st.integers(1, 6), min_size=rank, max_size=rank))
    mode = draw(st.sampled_from(["nearest", "nearest-exact", "area", *LINES[rank]]))
    settings = {"mode": mode}
    if mode in LINES[rank]:
        settings["align_corners"] = draw(st.sampled_from([None, False, True]))
    if draw(st.booleans()):
        size = draw(st.lists(st.integers(1, 9), min_size=rank, max_size=rank))
        return space, settings | {"size": draw(st.sampled_from([size, size[0]]))}
    scales = draw(st.lists(st.floats(1 / min(space), 3), min_size=rank, max_size=rank))
    settings["scale_factor"] = draw(st.sampled_from([scales, scales[0]]))
    settings["recompute_scale_factor"] = draw(st.sampled_from([None, False, True]))
    return space, settings


@given(cases())
def test_results_and_gradients_are_torchs(torch, case):
    space, settings = case
    x = reals(2, 3, *space)
    ours, theirs = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    try:
        twin = torch.nn.functional.interpolate(theirs, **settings)
    except RuntimeError:  # a size of 0
        with pytest.raises(RuntimeError, match="at least 1"):
            F.interpolate(ours, **settings)
        return
    z = F.interpolate(ours, **settings)
    scaled = "scale_factor" in settings and not settings["recompute_scale_factor"]
    same = any(q in (n, 2 * n) for n, q in zip(space, z.shape[2:], strict=True))
    if settings["mode"] == "nearest" and scaled and same and len(space) != 2:
        return  # there PyTorch's gradient is not that of its result
    agree("PyTorch", z.raw, twin.detach().numpy(), ROUNDING)
    weights = np.random.default_rng(1).standard_normal(z.shape)
    (z * tg.tensor(weights)).sum().backward()
    (twin * torch.tensor(weights)).sum().backward()
    agree("PyTorch", ours.grad.raw, theirs.grad.numpy(), ROUNDING)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["nearest", "nearest-exact"]))
def test_the_nearest_place_is_torchs_also_where_two_are_near(torch, size, out, mode):
    x = np.arange(float(size))[None, None, :, None]
    z = F.interpolate(tg.tensor(x), (out, 1), mode=mode)
    twin = torch.nn.functional.interpolate(torch.tensor(x), (out, 1), mode=mode)
    assert np.array_equal(host(z), twin.numpy())


@given(cases())
def test_what_is_everywhere_equal_stays_so(case):
    space, settings = case
    if settings.get("size") is None:
        settings["scale_factor"] = np.ceil(settings["scale_factor"]).tolist()
    z = F.interpolate(tg.ones(1, 1, *space, dtype="float64"), **settings)
    agree("one", z.raw, np.ones(z.shape), ROUNDING)


@given(cases())
def test_the_same_size_is_the_same_image(case):
    space, settings = case
    x = reals(1, 2, *space)
    z = F.interpolate(tg.tensor(x), tuple(space), **{n: settings[n] for n in ("mode",)})
    agree("itself", z.raw, x, ROUNDING)


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "nearest"},
        {"mode": "area"},
        {"mode": "bilinear"},
        {"mode": "bicubic", "align_corners": True},
    ],
)
@pytest.mark.parametrize("size", [(5, 2), (3, 7)])
def test_gradients_of_two_orders_are_differences(settings, size):
    x = tg.tensor(reals(1, 2, 3, 4), requires_grad=True)
    assert gradcheck(lambda x: F.interpolate(x, size, **settings), [x])
    assert gradgradcheck(lambda x: F.interpolate(x, size, **settings) ** 3, [x])


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_dtype_stays(mode, dtype):
    x = tg.ones(1, 2, 3, 4, dtype=dtype, requires_grad=True)
    z = F.interpolate(x, scale_factor=2, mode=mode)
    z.sum().backward()
    assert (z.dtype, x.grad.dtype) == (dtype, dtype)


def test_a_nan_stays_near():
    x = tg.zeros(1, 1, 6)
    x[0, 0, 0] = np.nan
    z = F.interpolate(x, 12, mode="linear")
    assert np.isnan(host(z)).sum() == 3


def test_a_long_signal_needs_no_large_matrix():
    x = tg.ones(1, 1, 48000)
    assert F.interpolate(x, scale_factor=1 / 3, mode="linear").shape == (1, 1, 16000)


X = (2, 8, 4, 6)


@pytest.mark.parametrize(
    ("shape", "settings", "error", "words"),
    [
        (X, {}, ValueError, "either size, or scale_factor"),
        (X, {"size": 3, "scale_factor": 2.0}, ValueError, "size=3, scale_factor=2.0"),
        (X, {"size": 3, "recompute_scale_factor": True}, ValueError, "recompute_scale_factor=True"),
        (X, {"size": (3, 3, 3)}, ValueError, r"size is one number, or 2, got \(3, 3, 3\)"),
        (X, {"scale_factor": (2.0,)}, ValueError, r"scale_factor is one number, or 2, got \(2"),
        (X, {"size": 2.5}, TypeError, "size is whole, got 2.5"),
        (X, {"size": 0}, RuntimeError, r"at least 1, got \(4, 6\) before and \(0, 0\) after"),
        (X, {"scale_factor": 0.1}, RuntimeError, r"and \(0, 0\) after"),
        (X, {"size": 3, "mode": "linear"}, NotImplementedError, "got 'linear' for 2"),
        (X, {"size": 3, "mode": "round"}, NotImplementedError, "got 'round' for 2"),
        (X[1:], {"size": 3, "mode": "bicubic"}, NotImplementedError, "got 'bicubic' for 1"),
        (X[2:], {"size": 3}, NotImplementedError, "got 'nearest' for 0"),
        (X, {"size": 3, "align_corners": True}, ValueError, "True with mode 'nearest'"),
    ],
)
def test_errors_are_torchs(torch, shape, settings, error, words):
    with pytest.raises(error, match=words):
        F.interpolate(tg.zeros(*shape), **settings)
    with pytest.raises(error):
        torch.nn.functional.interpolate(torch.zeros(*shape), **settings)


def test_what_is_not_there_says_so():
    with pytest.raises(NotImplementedError, match="antialias=True is not there"):
        F.interpolate(tg.zeros(*X), 3, mode="bilinear", antialias=True)
    with pytest.raises(NotImplementedError, match="takes floats, got int64"):
        F.interpolate(tg.zeros(*X, dtype="int64"), 3, mode="bilinear")


# --- channels and places --------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 2), max_size=2),
    st.integers(1, 3),
    st.tuples(*[st.integers(1, 3)] * 3),
)
def test_shuffles_are_torchs(torch, lead, r, sizes):
    c, h, w = sizes
    x = reals(*lead, c * r * r, h, w)
    z = F.pixel_shuffle(tg.tensor(x), r)
    assert np.array_equal(host(z), torch.nn.functional.pixel_shuffle(torch.tensor(x), r).numpy())
    assert np.array_equal(host(F.pixel_unshuffle(z, r)), x)
    y = reals(2, c * r, h, w)
    twin = torch.nn.functional.channel_shuffle(torch.tensor(y), r)
    z = F.channel_shuffle(tg.tensor(y), r)
    assert np.array_equal(host(z), twin.numpy())
    assert np.array_equal(host(F.channel_shuffle(z, c)), y)


def test_shuffles_have_gradients():
    x = tg.tensor(reals(1, 8, 2, 4), requires_grad=True)
    for shuffle in (F.pixel_shuffle, F.pixel_unshuffle, F.channel_shuffle):
        assert gradcheck(lambda x, shuffle=shuffle: shuffle(x, 2), [x])


@pytest.mark.parametrize(
    ("name", "shape", "factor", "error", "words"),
    [
        ("pixel_shuffle", X, 3, RuntimeError, r"multiple of 9 channels, got \(2, 8, 4, 6\)"),
        ("pixel_shuffle", X, 0, RuntimeError, "at least 1, got 0"),
        ("pixel_shuffle", X, 1.5, TypeError, "whole number, got 1.5"),
        ("pixel_shuffle", X[2:], 2, RuntimeError, r"got \(4, 6\)"),
        ("pixel_unshuffle", X, 3, RuntimeError, r"multiples of 3, got \(2, 8, 4, 6\)"),
        ("pixel_unshuffle", X, -1, RuntimeError, "at least 1, got -1"),
        ("channel_shuffle", X, 3, RuntimeError, "multiple of 3 channels"),
        ("channel_shuffle", X[2:], 2, RuntimeError, r"\(N, C, \*\).*got \(4, 6\)"),
    ],
)
def test_shuffles_say_what_was_given(torch, name, shape, factor, error, words):
    with pytest.raises(error, match=words):
        getattr(F, name)(tg.zeros(*shape), factor)
    with pytest.raises(error):
        getattr(torch.nn.functional, name)(torch.zeros(*shape), factor)
