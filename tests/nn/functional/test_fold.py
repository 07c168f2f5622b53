"""Windows as columns: against PyTorch, and one against the other; errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-12
SEEDS = st.integers(0, 2**32)


def reals(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def tensors(*arrays):
    return [None if a is None else tg.tensor(a, requires_grad=True) for a in arrays]


@st.composite
def windows(draw):
    """The size of an image, and the settings of windows that fit into it."""

    def axes(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(2))

    window, dilation, padding, stride = axes(1, 3), axes(1, 2), axes(0, 2), axes(1, 3)
    spans = [d * (r - 1) + 1 for d, r in zip(dilation, window, strict=True)]
    least = [max(span - 2 * p, 1) for span, p in zip(spans, padding, strict=True)]
    size = tuple(draw(st.integers(n, n + 3)) for n in least)
    return size, (window, dilation, padding, stride)


@given(SEEDS, st.integers(0, 2), windows())
def test_unfold_and_fold_are_torchs(torch, seed, samples, case):
    size, settings = case
    (x,) = reals(seed, (samples, 2, *size))
    ours, theirs = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    columns = F.unfold(ours, *settings)
    twin = torch.nn.functional.unfold(theirs, *settings)
    agree("PyTorch", columns.raw, twin.detach().numpy(), 0.0)
    back = F.fold(columns, size, *settings)
    same = torch.nn.functional.fold(twin, size, *settings)
    agree("PyTorch", back.raw, same.detach().numpy(), ROUNDING)
    (columns * columns).sum().backward()
    (twin * twin).sum().backward()
    agree("PyTorch", ours.grad.raw, theirs.grad.numpy(), ROUNDING)


@given(SEEDS, windows())
def test_fold_is_the_adjoint_of_unfold(seed, case):
    size, settings = case
    (x,) = reals(seed, (2, 2, *size))
    columns = F.unfold(tg.tensor(x), *settings)
    (u,) = reals(seed + 1, columns.shape)
    left = (host(columns) * u).sum()
    right = (x * host(F.fold(tg.tensor(u), size, *settings))).sum()
    assert left == pytest.approx(right, rel=ROUNDING, abs=ROUNDING)


@given(SEEDS, windows())
def test_a_convolution_is_a_product_with_the_columns(seed, case):
    size, (window, dilation, padding, stride) = case
    x, w = tensors(*reals(seed, (2, 3, *size), (4, 3, *window)))
    z = F.conv2d(x, w, None, stride, padding, dilation)
    columns = F.unfold(x, window, dilation, padding, stride)
    agree("equal formulas", (w.reshape(4, -1) @ columns).raw, z.reshape(2, 4, -1).raw, ROUNDING)


def test_one_sample_needs_no_batch_axis():
    (x,) = tensors(*reals(0, (2, 5, 4)))
    columns = F.unfold(x, 2)
    assert np.array_equal(host(columns), host(F.unfold(x[None], 2))[0])
    assert np.array_equal(
        host(F.fold(columns, (5, 4), 2)), host(F.fold(columns[None], (5, 4), 2))[0]
    )
    ones = tg.ones(1, 3, 3)
    assert F.fold(F.unfold(ones, 2), 3, 2).tolist() == [[[1, 2, 1], [2, 4, 2], [1, 2, 1]]]


X = (2, 4, 8, 8)


@pytest.mark.parametrize(
    ("shape", "settings", "words"),
    [
        (X, {"kernel_size": 9}, r"over \(9, 9\) does not fit .*\(8, 8\)"),
        (X, {"kernel_size": 0}, "kernel_size takes .* at least 1.* got 0"),
        (X, {"kernel_size": (2, 2, 2)}, r"2 of them, got \(2, 2, 2\)"),
        (X, {"kernel_size": 2, "stride": 0}, "stride takes .* got 0"),
        (X, {"kernel_size": 2, "padding": -1}, "padding takes .* got -1"),
        (X, {"kernel_size": 2, "dilation": 0}, "dilation takes .* got 0"),
    ],
)
def test_unfold_says_what_was_given(torch, shape, settings, words):
    with pytest.raises(RuntimeError, match=words):
        F.unfold(tg.zeros(*shape), **settings)
    with pytest.raises(RuntimeError):
        torch.nn.functional.unfold(torch.zeros(shape), **settings)


@pytest.mark.parametrize(
    ("shape", "size", "words"),
    [
        ((2, 8, 8), (4, 4), r"\(N, C \* 4, 9\) or .*, got shape \(2, 8, 8\)"),
        ((2, 7, 9), (4, 4), r"got shape \(2, 7, 9\)"),
        ((2, 8, 9, 1), (4, 4), r"got shape \(2, 8, 9, 1\)"),
        ((8, 9), (1, 1), r"\(2, 2\) does not fit .*\(1, 1\)"),
    ],
)
def test_fold_says_what_was_given(torch, shape, size, words):
    with pytest.raises(RuntimeError, match=words):
        F.fold(tg.zeros(*shape), size, 2)
    with pytest.raises(RuntimeError):
        torch.nn.functional.fold(torch.zeros(shape), size, 2)


def test_columns_have_no_padding_by_words():
    for call in (
        lambda **s: F.unfold(tg.zeros(*X), 2, **s),
        lambda **s: F.fold(tg.zeros(4, 1), 2, 2, **s),
    ):
        with pytest.raises(TypeError, match=r"padding takes .* got 'same'"):
            call(padding="same")
