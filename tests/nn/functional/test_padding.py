"""Borders: against PyTorch and NumPy; gradients; errors."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import gradcheck, gradgradcheck
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-12
NUMPY = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def reals(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def agree_with_torch(torch, x, widths, **settings):
    """Compare border and gradient with PyTorch's, or the class of its error."""
    ours, theirs = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    try:
        twin = torch.nn.functional.pad(theirs, widths, **settings)
    except Exception as error:
        with pytest.raises(type(error)):
            F.pad(ours, widths, **settings)
        return
    z = F.pad(ours, widths, **settings)
    assert np.array_equal(host(z), twin.detach().numpy())
    (z * z).sum().backward()
    (twin * twin).sum().backward()
    agree("PyTorch", ours.grad.raw, theirs.grad.numpy(), ROUNDING)


@given(st.lists(st.tuples(*[st.integers(-2, 3)] * 2), max_size=3), st.sampled_from([None, 1.5]))
def test_constant_borders_are_torchs(torch, ends, value):
    (x,) = reals(0, (4, 5, 4))
    agree_with_torch(torch, x, list(itertools.chain(*ends)), value=value)


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=5),
    st.lists(st.integers(-2, 5), min_size=1, max_size=8),
    st.sampled_from(list(NUMPY)),
)
def test_borders_that_repeat_are_torchs(torch, shape, widths, mode):
    (x,) = reals(0, tuple(shape))
    agree_with_torch(torch, x, widths, mode=mode)


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
@pytest.mark.parametrize("widths", [(-5, 3), (3, -5), (-4, 4), (-6, 2), (-1, 4), (-3, -1)])
def test_what_is_cut_off_may_still_be_repeated(torch, mode, widths):
    (x,) = reals(0, (1, 5))
    agree_with_torch(torch, x, widths, mode=mode)


@given(
    st.integers(1, 3).flatmap(
        lambda rank: st.lists(st.tuples(*[st.integers(0, 3)] * 2), min_size=rank, max_size=rank)
    ),
    st.sampled_from(list(NUMPY)),
)
def test_borders_that_repeat_are_numpys(ends, mode):
    (x,) = reals(0, (2, *[4] * len(ends)))
    z = F.pad(tg.tensor(x), list(itertools.chain(*ends[::-1])), mode)
    assert np.array_equal(host(z), np.pad(x, [(0, 0), *ends], NUMPY[mode]))


@pytest.mark.parametrize("mode", ["constant", *NUMPY])
def test_gradients_of_two_orders_are_differences(mode):
    x = tg.tensor(*reals(0, (2, 3, 4)), requires_grad=True)
    assert gradcheck(lambda x: F.pad(x, (2, -1, 1, 2), mode), [x])
    assert gradgradcheck(lambda x: F.pad(x, (2, -1, 1, 2), mode) ** 3, [x])


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 2), max_size=3))
def test_cutting_undoes_padding(ends):
    (x,) = reals(0, (2, 1, 3))
    widths = list(itertools.chain(*ends))
    there = F.pad(tg.tensor(x), widths)
    assert np.array_equal(host(F.pad(there, [-n for n in widths])), x)
    pads = [(0, 0)] * (3 - len(ends)) + ends[::-1]
    assert np.array_equal(host(there), np.pad(x, pads))


@pytest.mark.parametrize("dtype", ["float16", "float32", "int64", "bool"])
@pytest.mark.parametrize("mode", NUMPY)
def test_the_dtype_stays(mode, dtype):
    x = tg.ones(2, 3, dtype=dtype)
    z = F.pad(x, (1, 2), mode)
    assert (z.dtype, z.shape, bool(host(z).all())) == (dtype, (2, 6), True)


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("widths", [(1,), (1, 1, 1), (0, 0) * 3, (-2, -2), (0, 0, 0, -3)])
def test_widths_that_do_not_fit_the_axes(torch, widths):
    with pytest.raises(RuntimeError, match=r"last axes of shape \(2, 3\).*got "):
        F.pad(tg.zeros(2, 3), widths)
    with pytest.raises(RuntimeError):
        torch.nn.functional.pad(torch.zeros(2, 3), widths)


@pytest.mark.parametrize(
    ("widths", "settings", "error", "words"),
    [
        ((3, 0), {"mode": "reflect"}, RuntimeError, r"at most 2 .* size 3, got widths \(3, 0\)"),
        ((4, 0), {"mode": "circular"}, RuntimeError, r"at most 3 .* size 3, got widths \(4, 0\)"),
        ((-2, -1), {"mode": "replicate"}, RuntimeError, r"size 3, got widths \(-2, -1\)"),
        ((1, 1), {"mode": "around"}, NotImplementedError, "got 'around'"),
        ((1, 1), {"mode": "reflect", "value": 1.0}, RuntimeError, r"takes no value, got 1\.0"),
        ((1, 1) * 2, {"mode": "reflect"}, NotImplementedError, r"2 pairs .* shape \(2, 3\)"),
        ((0.5, 1), {}, TypeError, r"got \(0\.5, 1\)"),
    ],
)
def test_errors_are_torchs(torch, widths, settings, error, words):
    with pytest.raises(error, match=words):
        F.pad(tg.zeros(2, 3), widths, **settings)
    with pytest.raises(error):
        torch.nn.functional.pad(torch.zeros(2, 3), widths, **settings)
