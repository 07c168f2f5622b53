"""Unpooling: it undoes max pooling, as far as PyTorch's does; repeated indices; errors."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import gradcheck, gradgradcheck
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-13


@st.composite
def cases(draw):
    """Different numbers, and the settings of windows that do not overlap: x, settings."""
    rank = draw(st.integers(1, 3))
    window = draw(st.lists(st.integers(1, 3), min_size=rank, max_size=rank))
    stride = [r + draw(st.integers(0, 1)) for r in window]
    padding = [draw(st.integers(0, r // 2)) for r in window]
    space = [
        max(r - 2 * p, 1) + draw(st.integers(0, 4)) for r, p in zip(window, padding, strict=True)
    ]
    shape = (draw(st.integers(1, 2)), 2, *space)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = (rng.permutation(np.prod(shape)) + 1.0).reshape(shape)
    return x, {"kernel_size": window, "stride": stride, "padding": padding}


@given(cases())
def test_maxima_go_back_to_their_places(case):
    x, settings = case
    rank = x.ndim - 2
    pool, unpool = getattr(F, f"max_pool{rank}d"), getattr(F, f"max_unpool{rank}d")
    z, indices = pool(tg.tensor(x), **settings, return_indices=True)
    back = unpool(z, indices, **settings, output_size=x.shape)
    assert np.array_equal(host(back), np.where(np.isin(x, host(z)), x, 0.0))
    alone = unpool(z[0], indices[0], **settings, output_size=x.shape[2:])
    assert np.array_equal(host(alone), host(back)[0])


@given(cases(), st.booleans())
def test_results_and_gradients_are_torchs(torch, case, sized):
    x, settings = case
    rank = x.ndim - 2
    pool = getattr(torch.nn.functional, f"max_pool{rank}d")
    z, indices = pool(torch.tensor(x), **settings, return_indices=True)
    axes = zip(z.shape[2:], *settings.values(), strict=True)
    least = [(n - 1) * s - 2 * p + r for n, r, s, p in axes]
    assume(sized or indices.max() < np.prod(least))
    more = settings | {"output_size": x.shape[2:] if sized else None}
    ours, theirs = tg.tensor(z.numpy(), requires_grad=True), z.clone().requires_grad_()
    name = f"max_unpool{rank}d"
    twin = getattr(torch.nn.functional, name)(theirs, indices, **more)
    back = getattr(F, name)(ours, tg.tensor(indices.numpy()), **more)
    agree("PyTorch", back.raw, twin.detach().numpy(), ROUNDING)
    (back * back).sum().backward()
    (twin * twin).sum().backward()
    agree("PyTorch", ours.grad.raw, theirs.grad.numpy(), ROUNDING)


def test_what_overlapping_windows_share_is_placed_once(torch):
    x = np.random.default_rng(0).standard_normal((2, 3, 7, 7))
    z, indices = F.max_pool2d(tg.tensor(x), 3, 1, return_indices=True)
    twin = torch.nn.functional.max_unpool2d(
        torch.tensor(host(z)), torch.tensor(host(indices)), 3, 1
    )
    agree("PyTorch", F.max_unpool2d(z, indices, 3, 1).raw, twin.numpy(), ROUNDING)


def test_numbers_with_one_index_are_averaged():
    u = tg.tensor([[[1.0, 4.0, 5.0]]], dtype="float64", requires_grad=True)
    indices = tg.tensor([[[2, 0, 2]]])
    z = F.max_unpool1d(u, indices, 1)
    assert z.tolist() == [[[4.0, 0.0, 3.0]]]
    assert gradcheck(lambda u: F.max_unpool1d(u, indices, 1), [u])
    assert gradgradcheck(lambda u: F.max_unpool1d(u, indices, 1) ** 3, [u])


def test_the_dtype_stays():
    z, indices = F.max_pool2d(tg.ones(1, 4, 4), 2, return_indices=True)
    assert F.max_unpool2d(z, indices, 2).dtype == "float32"


@pytest.mark.parametrize(
    ("change", "settings", "error", "words"),
    [
        (lambda i: i[:1], {}, RuntimeError, r"each element of shape \(2, 2, 2\), got \(1, 2, 2\)"),
        (lambda i: i.int(), {}, RuntimeError, "int64, got int32"),
        (lambda i: i + 50, {}, RuntimeError, "from 0 to 15, got some from 5"),
        (lambda i: i - 50, {}, RuntimeError, "from 0 to 15, got some from -"),
        (lambda i: i, {"output_size": (4, 9)}, ValueError, r"\(4, 4\) on each axis, got \(4, 9\)"),
        (lambda i: i, {"output_size": (4,)}, ValueError, r"got \(4,\)"),
        (lambda i: i, {"padding": 3}, ValueError, r"come from no input of size \(-2, -2\)"),
    ],
)
def test_errors_are_torchs(torch, change, settings, error, words):
    x = np.arange(32.0).reshape(2, 4, 4)
    z, indices = F.max_pool2d(tg.tensor(x), 2, return_indices=True)
    with pytest.raises(error, match=words):
        F.max_unpool2d(z, change(indices), 2, **settings)
    twin, twins = torch.nn.functional.max_pool2d(torch.tensor(x), 2, return_indices=True)
    with pytest.raises(error):
        torch.nn.functional.max_unpool2d(twin, change(twins), 2, **settings)
