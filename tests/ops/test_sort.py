"""Sorting, medians, counts: they agree with PyTorch in values, places, gradients and errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import grad, gradcheck, gradgradcheck

NUMBERS = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=4),
    elements=st.sampled_from([-1.0, 0.0, 0.5, 2.0, float("inf"), float("nan")]),
)


def different(*shape):
    """Different numbers in no order."""
    size = int(np.prod(shape))
    return np.random.default_rng(size).permutation(size).astype(float).reshape(shape)


def axes(a):
    return st.integers(-max(a.ndim, 1), max(a.ndim, 1) - 1)


def same(mine, theirs):
    """Assert that two results, or two tuples of them, are one; named ones have the same names."""
    if isinstance(theirs, tuple):
        assert len(mine) == len(theirs)
        for name in ("values", "indices"):
            assert hasattr(mine, name) == hasattr(theirs, name)
        for a, b in zip(mine, theirs, strict=True):
            same(a, b)
        return
    assert str(mine.dtype) == str(theirs.dtype).removeprefix("torch.")
    agree("PyTorch", mine.raw, theirs.numpy(), 0.0)


# --- against PyTorch ------------------------------------------------------------------------------


@given(NUMBERS, st.data(), st.booleans())
def test_sorting_is_pytorchs_with_ties_and_nan(torch, a, data, descending):
    dim = data.draw(axes(a))
    x, y = tg.tensor(a), torch.tensor(a)
    same(
        tg.sort(x, dim, descending, stable=True),
        torch.sort(y, dim=dim, descending=descending, stable=True),
    )
    same(
        tg.argsort(x, dim, descending),
        torch.argsort(y, dim=dim, descending=descending, stable=True),
    )


@given(NUMBERS, st.data(), st.booleans())
def test_the_values_of_the_k_largest_are_pytorchs(torch, a, data, flag):
    """The places of equal elements are open, so these are tested by what stands there."""
    dim = data.draw(axes(a))
    k = data.draw(st.integers(0, a.shape[dim] if a.ndim else 1))
    x, y = tg.tensor(a), torch.tensor(a)
    calls = [lambda t, x: t.topk(x, k, dim, flag), lambda t, x: t.median(x, dim, flag)]
    if k:
        calls.append(lambda t, x: t.kthvalue(x, k, dim, flag))
    for call in calls:
        mine, theirs = call(tg, x), call(torch, y)
        same(mine.values, theirs.values)
        assert mine.indices.dtype == np.int64
        assert mine.indices.shape == tuple(theirs.indices.shape)
        if a.ndim:
            places = host(mine.indices) if mine.indices.ndim == a.ndim else None
            places = np.expand_dims(host(mine.indices), dim) if places is None else places
            found = np.take_along_axis(a, places, dim).reshape(mine.values.shape)
            np.testing.assert_array_equal(found, host(mine.values))
    same(tg.median(x), torch.median(y))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float32", "float64", "bool"])
def test_dtypes_stay(torch, dtype):
    a = np.array([[3, 1, 2], [0, 1, 0]]).astype(dtype)
    x, y = tg.tensor(a), torch.tensor(a)
    for call in (
        lambda t, x: t.sort(x, dim=-1, descending=True, stable=True),
        lambda t, x: t.sort(x, dim=0, stable=True),
        lambda t, x: t.unique(x, return_inverse=True, return_counts=True),
        lambda t, x: t.diff(x),
        lambda t, x: t.diff(x, dim=0, prepend=x[:1], append=x[:1]),
    ):
        same(call(tg, x), call(torch, y))
    if dtype != "bool":
        for call in (lambda t, x: t.median(x[0]), lambda t, x: t.topk(x[0], 2)):
            same(call(tg, x), call(torch, y))
        assert tg.kthvalue(x, 2).values.tolist() == torch.kthvalue(y, 2).values.tolist()


QUANTILES = [
    lambda t, x, q: t.quantile(x, 0.3),
    lambda t, x, q: x.quantile(0.5, 0, True),
    lambda t, x, q: t.quantile(x, 1.0, dim=-1),
    lambda t, x, q: t.quantile(x, 0.0, keepdim=True),
    lambda t, x, q: t.quantile(x, q),
    lambda t, x, q: t.quantile(x, q, dim=1, keepdim=True),
    lambda t, x, q: t.quantile(x, q[0], dim=1),
    lambda t, x, q: t.quantile(x[0, 0], q, 0),
    lambda t, x, q: t.quantile(x[0, 0], 0.5),
    *[
        lambda t, x, q, kind=kind: t.quantile(x, q, 1, interpolation=kind)
        for kind in ("lower", "higher", "nearest", "midpoint", "linear")
    ],
]


@pytest.mark.parametrize("call", QUANTILES)
@pytest.mark.parametrize("hole", [False, True])
def test_quantiles(torch, call, hole):
    a, q = different(3, 5), np.array([0.25, 0.5, 0.625, 1.0])
    a[0, 1] = np.nan if hole else a[0, 1]
    x, y = tg.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    mine, theirs = call(tg, x, tg.tensor(q)), call(torch, y, torch.tensor(q))
    agree("PyTorch", mine.raw, theirs.detach().numpy(), 1e-12)
    if not hole:
        theirs.sum().backward()
        agree("PyTorch", grad(mine.sum(), x)[0].raw, y.grad.numpy(), 1e-12)


INF = float("inf")
INFINITE = [[-INF, 0.0, 1.0], [0.0, INF, 1.0], [INF, INF, -INF]]


@pytest.mark.parametrize("kind", ["lower", "higher", "nearest", "midpoint", "linear"])
@pytest.mark.parametrize("numbers", INFINITE)
def test_quantiles_beside_infinities(torch, kind, numbers):
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = tg.tensor(numbers, requires_grad=True), torch.tensor(numbers, requires_grad=True)
        mine = tg.quantile(x, share, interpolation=kind)
        theirs = torch.quantile(y, share, interpolation=kind)
        agree("PyTorch", mine.raw, theirs.detach().numpy(), 1e-6)
        theirs.backward()
        agree("PyTorch", grad(mine, x)[0].raw, y.grad.numpy(), 1e-6)


UNIQUE = [
    {},
    {"return_inverse": True},
    {"return_counts": True},
    {"sorted": False, "return_inverse": True, "return_counts": True},
    {"dim": 0},
    {"dim": -1, "return_inverse": True, "return_counts": True},
]


@pytest.mark.parametrize("settings", UNIQUE)
def test_different_elements(torch, settings):
    for a in (
        np.array([[2, 1, 2], [2, 1, 2], [0, 1, 0]]),
        np.array([[1.5, np.nan], [np.nan, 1.5]]),
    ):
        if "dim" not in settings or a.dtype.kind == "i":
            x, y = tg.tensor(a), torch.tensor(a)
            same(x.unique(**settings), torch.unique(y, **settings))


COUNTS = [
    lambda t, x, w: t.bincount(x),
    lambda t, x, w: t.bincount(x, minlength=9),
    lambda t, x, w: x.bincount(w),
    lambda t, x, w: t.bincount(x, weights=w.double(), minlength=2),
    lambda t, x, w: t.bincount(x[:0]),
    lambda t, x, w: t.bincount(x[:0], minlength=3),
]


@pytest.mark.parametrize("call", COUNTS)
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_counts(torch, call, dtype):
    a, w = np.array([3, 0, 3, 1]).astype(dtype), np.float32([0.5, 1, 2, 4])
    same(call(tg, tg.tensor(a), tg.tensor(w)), call(torch, torch.tensor(a), torch.tensor(w)))


@given(st.integers(0, 5), st.sampled_from([0, 1, -1]))
def test_differences(torch, n, dim):
    a = different(4, 3)
    same(tg.diff(tg.tensor(a), n, dim), torch.diff(torch.tensor(a), n, dim))


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda x: tg.sort(x, 0, descending=True).values,
        lambda x: x.sort().values,
        lambda x: tg.topk(x, 2, 1).values,
        lambda x: x.kthvalue(2, 0, keepdim=True).values,
        lambda x: x.median(),
        lambda x: tg.median(x, -1).values,
        lambda x: tg.diff(x, 2, 1, prepend=x[:, :1]),
    ],
)
def test_gradients_go_to_where_the_values_came_from(call):
    x = tg.tensor(different(3, 4), requires_grad=True)
    assert gradcheck(call, [x])
    assert gradgradcheck(lambda x: call(x * x), [x])


def test_equal_medians_share_or_the_chosen_one_gets_all():
    x = tg.tensor([1.0, 1.0, 3.0], requires_grad=True)
    assert grad(x.median(), x)[0].tolist() == [0.5, 0.5, 0.0]
    chosen = x.median(0)
    want = [0.0, 0.0, 0.0]
    want[chosen.indices.item()] = 1.0
    assert grad(chosen.values, x)[0].tolist() == want


# --- what does not fit ----------------------------------------------------------------------------

BAD = [
    (lambda t, x, n: t.sort(x, 2), "dim 2 is out of range"),
    (lambda t, x, n: t.argsort(x[0, 0], 1), "dim 1 is out of range"),
    (lambda t, x, n: t.topk(x, 4), r"topk: k is from 0 to the 3 elements"),
    (lambda t, x, n: t.topk(x, -1), r"topk: k is from 0"),
    (lambda t, x, n: t.topk(x, 1.5), "topk: k is a whole number, got 1.5"),
    (lambda t, x, n: t.topk(x, 1, 5), "dim 5 is out of range"),
    (lambda t, x, n: t.topk(x[0, 0], 2), "topk: k is from 0 to the 1 elements"),
    (lambda t, x, n: t.kthvalue(x, 0), "kthvalue: k is from 1 to the 3 elements"),
    (lambda t, x, n: t.kthvalue(x, 4), "kthvalue: k is from 1"),
    (lambda t, x, n: t.median(x[:0], 0), r"median: no elements along dim 0 of shape \(0, 3\)"),
    (lambda t, x, n: t.median(x, 2), "dim 2 is out of range"),
    (lambda t, x, n: t.median(x, (0, 1)), "whole number"),
    (lambda t, x, n: t.median(x > 0), "median: takes numbers, got truth values"),
    (lambda t, x, n: t.quantile(x, 1.5), "quantile: q is from 0 to 1, got 1.5"),
    (lambda t, x, n: t.quantile(x[:0], 0.5), r"takes some floats, got shape \(0, 3\)"),
    (lambda t, x, n: t.quantile(n, 0.5), "takes some floats, .* of int64"),
    (lambda t, x, n: t.quantile(x, 0.5, interpolation="none"), "interpolation is one of"),
    (lambda t, x, n: t.bincount(x), "bincount: counts whole numbers, got float32"),
    (lambda t, x, n: t.bincount(n.reshape(1, 2)), r"one axis of numbers .* shape \(1, 2\)"),
    (lambda t, x, n: t.bincount(n - 5), "from -5 on"),
    (lambda t, x, n: t.bincount(n, minlength=-1), "minlength is at least 0, got -1"),
    (lambda t, x, n: t.bincount(n, x[0]), r"weights of shape \(3,\) do not fit"),
    (lambda t, x, n: t.diff(x, -1), "diff: takes n >= 0"),
    (lambda t, x, n: t.diff(x[0, 0]), "at least 1 axis"),
]


@pytest.mark.parametrize("call, sentence", BAD)
def test_wrong_arguments_raise_what_pytorch_raises(torch, call, sentence):
    with pytest.raises(Exception) as expected:
        call(torch, torch.ones(2, 3), torch.arange(2))
    with pytest.raises(expected.type, match=sentence):
        call(tg, tg.ones(2, 3), tg.arange(2))


def test_medians_of_nothing():
    assert np.isnan(tg.zeros(0).median().item())
    with pytest.raises(RuntimeError, match="none of no whole numbers"):
        tg.zeros(0, dtype="int64").median()


@pytest.mark.parametrize("call", [lambda x: x.unique(), lambda x: x.bincount()])
def test_sizes_that_hang_on_numbers_are_unknown_without_numbers(call):
    with pytest.raises(RuntimeError, match="a meta tensor has no numbers"):
        call(tg.zeros(3, dtype="int64", device="meta"))
