"""Transposed convolutions: against PyTorch, as adjoints of convolutions; errors."""

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


CONVS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


@st.composite
def transposed(draw):
    """Arrays x, w, b and the settings of a transposed convolution."""
    rank = draw(st.integers(1, 3))

    def axes(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    groups = draw(st.integers(1, 2))
    space, window, stride, dilation = axes(1, 3), axes(1, 3), axes(1, 3), axes(1, 3)
    extra = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)]
    settings = zip(space, window, stride, dilation, extra, strict=True)
    whole = [(n - 1) * s + d * (r - 1) + e + 1 for n, r, s, d, e in settings]
    padding = [draw(st.integers(0, min((n - 1) // 2, 2))) for n in whole]
    channels, maps = groups * draw(st.integers(1, 2)), draw(st.integers(1, 2))
    x, w, b = reals(
        draw(SEEDS),
        (draw(st.integers(1, 2)), channels, *space),
        (channels, maps, *window),
        (groups * maps,),
    )
    b = b if draw(st.booleans()) else None
    return x, w, b, (stride, tuple(padding), tuple(extra), groups, dilation)


@pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-12), ("float32", 1e-5)])
@given(transposed())
def test_values_and_gradients_are_torchs(torch, dtype, bound, case):
    *arrays, settings = case
    arrays = [None if a is None else a.astype(dtype) for a in arrays]
    rank = arrays[0].ndim - 2
    ours = tensors(*arrays)
    theirs = [None if a is None else torch.tensor(a, requires_grad=True) for a in arrays]
    z = TRANSPOSED[rank](*ours, *settings)
    twin = getattr(torch.nn.functional, f"conv_transpose{rank}d")(*theirs, *settings)
    agree("PyTorch", z.raw, twin.detach().numpy(), bound)
    (z * z).sum().backward()
    (twin * twin).sum().backward()
    for t, u in zip(ours, theirs, strict=True):
        if t is not None:
            agree("PyTorch", t.grad.raw, u.grad.numpy(), bound)


@given(transposed())
def test_it_is_the_adjoint_of_convolution(case):
    """<conv(x), u> = <x, conv_transpose(u)>, for the size that output_padding asks for."""
    u, w, _, (stride, padding, extra, groups, dilation) = case
    rank = u.ndim - 2
    extra = tuple(e % s for e, s in zip(extra, stride, strict=True))
    back = TRANSPOSED[rank](
        tg.tensor(u), tg.tensor(w), None, stride, padding, extra, groups, dilation
    )
    (x,) = reals(0, back.shape)
    if 0 in x.shape:
        return
    there = CONVS[rank](tg.tensor(x), tg.tensor(w), None, stride, padding, dilation, groups)
    assert (host(there) * u).sum() == pytest.approx((x * host(back)).sum(), rel=1e-12, abs=1e-11)


@given(transposed())
def test_one_sample_needs_no_batch_axis(case):
    x, w, b, settings = case
    call = TRANSPOSED[x.ndim - 2]
    single = call(*tensors(x[0], w, b), *settings)
    agree("equal formulas", single.raw, host(call(*tensors(x[:1], w, b), *settings))[0], ROUNDING)


def test_every_input_adds_a_kernel():
    x = tg.tensor([[[1.0, 2.0, 0.0]]])
    w = tg.tensor([[[1.0, 10.0]]])
    assert F.conv_transpose1d(x, w).tolist() == [[[1, 12, 20, 0]]]
    assert F.conv_transpose1d(x, w, stride=2).tolist() == [[[1, 10, 2, 20, 0, 0]]]
    assert F.conv_transpose1d(x, w, stride=2, padding=1).tolist() == [[[10, 2, 20, 0]]]
    more = F.conv_transpose1d(x, w, tg.tensor([0.5]), stride=2, output_padding=1)
    assert more.tolist() == [[[1.5, 10.5, 2.5, 20.5, 0.5, 0.5, 0.5]]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(dtype):
    x, w, b = (tg.zeros(*s, dtype=dtype) for s in ((1, 2, 4, 4), (2, 3, 2, 2), (3,)))
    assert F.conv_transpose2d(x, w, b, stride=2).dtype == dtype


X, W = (2, 4, 8, 8), (4, 6, 3, 3)


@pytest.mark.parametrize(
    ("shapes", "settings", "error", "words"),
    [
        (((2, 4), W), {}, RuntimeError, r"\(N, C, H, W\) or \(C, H, W\), got \(2, 4\)"),
        ((X, (4, 6, 3)), {}, RuntimeError, r"\(C, K/groups, \*window\), got shape \(4, 6, 3\)"),
        ((X, (5, 6, 3, 3)), {}, RuntimeError, r"takes 5 channels, got 4.*\(2, 4, 8, 8\)"),
        ((X, W), {"groups": 3}, RuntimeError, "divide the 4 input channels.* got 3"),
        ((X, W), {"groups": 0}, RuntimeError, "groups takes .* got 0"),
        ((X, W, (5,)), {}, RuntimeError, r"bias of shape \(6,\), got \(5,\)"),
        ((X, W), {"stride": 0}, RuntimeError, "stride takes .* got 0"),
        ((X, W), {"padding": -1}, RuntimeError, "padding takes .* got -1"),
        ((X, W), {"padding": "same"}, TypeError, "padding takes .* got 'same'"),
        ((X, W), {"padding": 6}, RuntimeError, r"give an output of size \(-2, -2\)"),
        ((X, W), {"output_padding": 1}, RuntimeError, r"smaller than stride .*\(1, 1\)"),
        ((X, W), {"output_padding": -1, "stride": 2}, RuntimeError, "output_padding .* got -1"),
        ((X, W), {"dilation": 0}, RuntimeError, "dilation takes .* got 0"),
    ],
)
def test_errors_are_torchs_and_say_what_was_given(torch, shapes, settings, error, words):
    with pytest.raises(error, match=words):
        F.conv_transpose2d(*[tg.zeros(*s) for s in shapes], **settings)
    with pytest.raises(error):
        torch.nn.functional.conv_transpose2d(*[torch.zeros(s) for s in shapes], **settings)
