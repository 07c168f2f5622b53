"""Reductions: PyTorch's values, shapes, dtypes and gradients, and what is refused as there."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import grad, gradcheck, gradgradcheck

ROUNDING = 1e-12
INF = float("inf")
NAN = float("nan")
ARRAYS = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    elements=st.integers(-9, 9).map(lambda n: n / 4),
)
TUPLES = ("sum", "nansum", "mean", "var", "std", "amax", "amin", "norm", "any", "all")
TUPLES += ("count_nonzero", "logsumexp", "var_mean", "std_mean")
SINGLE = ("prod", "max", "min", "argmax", "argmin", "aminmax", "cumsum", "cumprod")


def outcome(call):
    """What a call returns, as arrays, or the exception that it raises."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            made = call()
        except Exception as error:
            return error
    made = made if isinstance(made, tuple) else (made,)
    return [host(z) for z in made]


def compare(torch, call, array, bound=ROUNDING):
    """Assert that call(library, tensor) does here what it does in PyTorch."""
    mine = outcome(lambda: call(tg, tg.tensor(array)))
    theirs = outcome(lambda: call(torch, torch.tensor(array)))
    if isinstance(theirs, Exception) or isinstance(mine, Exception):
        assert type(mine) is type(theirs), f"{mine!r}, PyTorch {theirs!r}"
        return
    assert [z.shape for z in mine] == [z.shape for z in theirs]
    assert [z.dtype for z in mine] == [z.dtype for z in theirs]
    for a, b in zip(mine, theirs, strict=True):
        agree("PyTorch", a, b, 1e-6 if b.dtype == np.float32 else bound)


def named(name, **settings):
    """The call of a reduction."""
    return lambda t, x: getattr(t, name)(x, **settings)


# --- against PyTorch ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TUPLES)
@given(a=ARRAYS, data=st.data(), keepdim=st.booleans())
def test_reductions_over_any_axes_are_pytorchs(torch, name, a, data, keepdim):
    """Any shape, 0-d and empty ones too; axes that are there, that are not, and none."""
    near = st.integers(-a.ndim - 1, a.ndim)
    room = max(a.ndim, 1)
    there = st.integers(-room, room - 1)
    # PyTorch's logsumexp runs into an inner error for a dim of no axes
    least = int(name == "logsumexp")
    several = st.lists(there, min_size=least, unique_by=lambda d: d % room).map(tuple)
    settings = {"dim": data.draw(st.one_of(near, several))}
    if name != "count_nonzero":
        settings["keepdim"] = keepdim
    if name == "norm":
        settings["p"] = 2  # PyTorch's "fro" takes two axes at most
    a = np.floor(a).astype(np.int64) if data.draw(st.booleans()) else a
    compare(torch, named(name, **settings), a)


@pytest.mark.parametrize("name", SINGLE)
@given(a=ARRAYS, data=st.data(), keepdim=st.booleans())
def test_reductions_over_one_axis_are_pytorchs(torch, name, a, data, keepdim):
    settings = {"dim": data.draw(st.integers(-a.ndim - 1, a.ndim))}
    if not name.startswith("cum"):
        settings["keepdim"] = keepdim
    a = np.floor(a).astype(np.uint8) if data.draw(st.booleans()) else a
    compare(torch, named(name, **settings), a)


WHOLE = [n for n in (*TUPLES, *SINGLE) if n not in ("logsumexp", "cumsum", "cumprod")]


@pytest.mark.parametrize("name", WHOLE)
@given(a=ARRAYS, dtype=st.sampled_from(["bool", "uint8", "int32", "float32", "float64"]))
def test_reductions_over_everything_are_pytorchs(torch, name, a, dtype):
    if name in ("any", "all") and dtype == "uint8":
        dtype = "int8"  # for uint8 PyTorch answers in uint8
    compare(torch, named(name), np.abs(a).astype(dtype))


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "nansum", "cumsum", "cumprod", "norm"])
@pytest.mark.parametrize("into", ["int64", "float32", "float64"])
@pytest.mark.parametrize("start", ["uint8", "int64", "float32"])
def test_the_dtype_that_is_asked_for(torch, name, into, start):
    a = np.array([[200, 3, 0], [250, 1, 7]]).astype(start)
    compare(torch, lambda t, x: getattr(t, name)(x, dim=1, dtype=getattr(t, into)), a)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "nansum", "cumsum", "cumprod", "norm"])
def test_gradients_come_back_in_the_dtype_of_what_was_reduced(name):
    x = tg.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    z = getattr(x, name)(dim=1, dtype="float64")
    assert z.dtype == tg.float64
    z.sum().backward()
    assert x.grad.dtype == tg.float32


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, -1, -2.5, INF, -INF, "fro", None])
@pytest.mark.parametrize("dim", [None, 0, (-1, 0), ()])
def test_norms_are_pytorchs_with_gradients(torch, p, dim):
    """Also where elements are 0, and where all of them are."""
    for a in (np.random.default_rng(0).standard_normal((3, 2)), np.eye(2), np.zeros((2, 2))):
        x, y = tg.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
        mine, theirs = tg.norm(x, p, dim), torch.norm(y, 2 if p is None else p, dim)
        agree("PyTorch", mine.raw, theirs.detach().numpy(), ROUNDING)
        if p != 0:  # which has no gradient
            theirs.sum().backward()
            agree("PyTorch", grad(mine.sum(), x)[0].raw, y.grad.numpy(), ROUNDING)


VARIANCES = [
    lambda f, x: f(x),
    lambda f, x: f(x, False),
    lambda f, x: f(x, 0, False),
    lambda f, x: f(x, 1, True, True),
    lambda f, x: f(x, unbiased=False),
    lambda f, x: f(x, (0, 1), unbiased=True),
    lambda f, x: f(x, dim=1, correction=0, keepdim=True),
    lambda f, x: f(x, correction=1.5),
    lambda f, x: f(x, correction=6),
    lambda f, x: f(x, correction=7),
    lambda f, x: f(x[:0]),
    lambda f, x: f(x[:0], 0),
    lambda f, x: f(x[0, 0]),
    lambda f, x: f(x, dim=0, unbiased=True, correction=0),
    lambda f, x: f(x > 0),
]


@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
@pytest.mark.parametrize("call", VARIANCES)
def test_corrections(torch, name, call):
    a = np.random.default_rng(0).standard_normal((2, 3))
    compare(torch, lambda t, x: call(getattr(t, name), x), a)


def test_max_and_min_of_two_tensors(torch):
    a, b = np.array([1.0, 2.0, NAN]), np.array([1.0, 3.0, 0.0])
    x, y = tg.tensor(a), tg.tensor(b)
    for made, name in ((tg.max(x, y), "max"), (x.min(other=y), "min")):
        agree(
            "PyTorch", made.raw, getattr(torch, name)(torch.tensor(a), torch.tensor(b)).numpy(), 0
        )


def test_results_have_names():
    x = tg.tensor([[3.0, 1.0, 3.0]])
    for made in (x.max(1), tg.min(x, 1)):
        assert made.values is made[0]
        assert made.indices is made[1]
    assert x.max(1).indices.tolist() == [0]
    made = tg.aminmax(x)
    assert (made.min.item(), made.max.item()) == (1.0, 3.0)


def test_nan_is_the_largest_and_the_smallest():
    x = tg.tensor([1.0, NAN, NAN])
    for made in (x.max(0), x.min(0)):
        assert math.isnan(made.values.item())
        assert made.indices.item() == 1
    assert x.nansum().item() == 1.0


@pytest.mark.parametrize("name", ["max", "min", "median"])
def test_nan_gets_the_gradient_where_it_wins(torch, name):
    for numbers in ([1.0, NAN], [NAN, 1.0, NAN], [NAN]):
        x, y = tg.tensor(numbers, requires_grad=True), torch.tensor(numbers, requires_grad=True)
        getattr(y, name)().backward()
        assert grad(getattr(x, name)(), x)[0].tolist() == y.grad.tolist()


@pytest.mark.parametrize("a", [[[2], [0]], [[2, 3], [0, 1]], [[], []]])
def test_products_may_be_truth_values(torch, a):
    for settings in ({}, {"dim": 1}):
        compare(torch, lambda t, x, s=settings: x.prod(dtype=t.bool, **s), np.array(a))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64"])
def test_whole_numbers_are_counted_and_multiplied_as_int64(dtype):
    x = tg.tensor([200, 200, 200], dtype=dtype)
    for made in (x.sum(), x.cumsum(0), x[0].cumsum(0), x.sum(dim=0), x.prod(), x.cumprod(0)):
        assert made.dtype == np.int64
    if dtype != "bool":
        assert x.prod().item() == 8_000_000


@pytest.mark.parametrize("numbers", [[1e4, 1e4], [-1e4, -1e4], [-INF, -INF], [INF, 0], [-INF, 3]])
def test_logsumexp_neither_overflows_nor_underflows(torch, numbers):
    agree(
        "PyTorch",
        tg.tensor([numbers], dtype="float64").logsumexp((0, 1)).raw,
        torch.tensor([numbers], dtype=torch.float64).logsumexp((0, 1)).numpy(),
        ROUNDING,
    )


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("zeros", [0, 1, 2, 3])
@pytest.mark.parametrize("call", [lambda x: x.prod(), lambda x: x.cumprod(0), lambda x: x.prod(0)])
def test_gradients_of_products_with_zeros(zeros, call):
    numbers = np.array([2.0, 3.0, -0.5, 5.0])
    numbers[1 : 1 + zeros] = 0.0
    x = tg.tensor(numbers, requires_grad=True)
    if call(x).ndim == 0:
        assert grad(call(x), x)[0].tolist() == [np.prod(np.delete(numbers, i)) for i in range(4)]
    assert gradcheck(call, [x])
    assert gradgradcheck(call, [x])


def test_max_gives_a_tie_to_all_or_with_dim_to_the_first():
    x = tg.tensor([[3.0, 1.0, 3.0]], dtype="float64", requires_grad=True)
    assert grad(x.max(), x)[0].tolist() == [[0.5, 0.0, 0.5]]
    values, indices = x.max(1)
    assert (values.tolist(), indices.tolist()) == ([3.0], [0])
    assert grad(values.sum(), x)[0].tolist() == [[1.0, 0.0, 0.0]]
    values, indices = x.min(1, keepdim=True)
    assert (values.shape, indices.tolist()) == ((1, 1), [[1]])


@pytest.mark.parametrize("call", [tg.std, tg.norm, lambda x: x.norm(3), lambda x: x.norm(0.5)])
def test_what_has_no_slope_where_nothing_differs(call):
    x = tg.zeros(3, dtype="float64", requires_grad=True)
    call(x).backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


# --- what does not fit ----------------------------------------------------------------------------

BAD = [
    (lambda t, x: x.sum(2), "dim 2 is out of range for a tensor of 2 axes"),
    (lambda t, x: x.sum((0, 0)), "names an axis twice"),
    (lambda t, x: x.mean(1.0), "whole number"),
    (lambda t, x: x.long().mean(), "made of floats, got int64; give dtype"),
    (lambda t, x: x.mean(dtype=t.int64), "made of floats, got int64"),
    (lambda t, x: (x > 0).var(), "made of floats, got bool"),
    (lambda t, x: x.long().norm(), "made of floats, got int64"),
    (lambda t, x: x.norm("abc"), "norm: p is a number, ±inf or 'fro', got 'abc'"),
    (lambda t, x: x[:0].norm(INF), "amax: nothing to choose from"),
    (lambda t, x: x[:0].norm(-1), "norm: nothing to choose from"),
    (lambda t, x: x[:0].amax(), r"amax: nothing to choose from in shape \(0, 3\) over dim None"),
    (lambda t, x: x[:0].amin(0), r"amin: nothing to choose from in shape \(0, 3\) over dim 0"),
    (lambda t, x: x[:0].max(), "amax: nothing to choose from"),
    (lambda t, x: x[:0].max(0), "argmax: nothing to choose from"),
    (lambda t, x: x[:0].argmin(), "argmin: nothing to choose from"),
    (lambda t, x: (x > 0).argmax(), "argmax: takes numbers, got truth values"),
    (lambda t, x: x.argmax((0, 1)), "whole number"),
    (lambda t, x: x.max("a"), "whole number"),
    (lambda t, x: x.cumsum(None), "whole number"),
    (lambda t, x: t.tensor(1.0).cumsum(1), "dim 1 is out of range"),
    (lambda t, x: x.cumprod(5), "dim 5 is out of range"),
]


@pytest.mark.parametrize("call, sentence", BAD)
def test_wrong_arguments_raise_what_pytorch_raises(torch, call, sentence):
    with pytest.raises(Exception) as expected:
        call(torch, torch.ones(2, 3))
    with pytest.raises(expected.type, match=sentence):
        call(tg, tg.ones(2, 3))
