"""Activations: against PyTorch and formulas, at kinks and extremes; what they keep and refuse."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import grad
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-12
ARRAYS = hnp.arrays("float64", hnp.array_shapes(min_dims=0, min_side=0), elements=st.floats(-9, 9))

# Functions of single numbers, with settings.
POINTWISE = [
    ("sigmoid", {}),
    ("tanh", {}),
    ("logsigmoid", {}),
    ("hardsigmoid", {}),
    ("softsign", {}),
    ("relu", {}),
    ("relu6", {}),
    ("hardtanh", {}),
    ("hardtanh", {"min_val": -2.0, "max_val": 0.5}),
    ("threshold", {"threshold": 0.5, "value": -3.0}),
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.2}),
    ("elu", {}),
    ("elu", {"alpha": 0.5}),
    ("selu", {}),
    ("celu", {}),
    ("celu", {"alpha": 0.5}),
    ("softplus", {}),
    ("softplus", {"beta": 2.0, "threshold": 2.5}),
    ("silu", {}),
    ("hardswish", {}),
    ("mish", {}),
    ("gelu", {}),
    ("gelu", {"approximate": "tanh"}),
    ("hardshrink", {}),
    ("hardshrink", {"lambd": 1.0}),
    ("softshrink", {}),
    ("softshrink", {"lambd": 1.0}),
    ("tanhshrink", {}),
]
ALONG = [
    ("softmax", {"dim": 1}),
    ("log_softmax", {"dim": -1}),
    ("softmin", {"dim": 0}),
    ("glu", {"dim": 1}),
    ("glu", {}),
]
OURS = [("scaled_tanh", {})]  # which PyTorch has not
FORMULAS = {
    F.relu: lambda x: np.maximum(x, 0),
    F.leaky_relu: lambda x: np.where(x > 0, x, 0.01 * x),
    F.elu: lambda x: np.where(x > 0, x, np.exp(x) - 1),
    F.sigmoid: lambda x: 1 / (1 + np.exp(-x)),
    F.tanh: np.tanh,
    F.scaled_tanh: lambda x: 1.7159 * np.tanh(2 * x / 3),
}
# Every kink of these functions, and numbers between and beyond them.
PLACES = np.array([-7.0, -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 1.5, 3.0, 6.0, 9.0])
EXTREME = [-1e4, -750.0, -100.0, -20.0, 20.0, 100.0, 750.0, 1e4]


def spelled(call):
    name, settings = call
    return "-".join([name, *map(str, settings.values())])


def weights(shape, dtype):
    """Unequal numbers."""
    return np.linspace(0.5, 1.5, math.prod(shape), dtype=dtype).reshape(shape)


def mine(call, x):
    """Values of a function, and gradients of two orders, weighted by unequal numbers."""
    name, settings = call
    leaf = tg.tensor(x, requires_grad=True)
    z = getattr(F, name)(leaf, **settings)
    (first,) = grad((z * tg.tensor(weights(z.shape, x.dtype))).sum(), [leaf], create_graph=True)
    (second,) = grad((first * first).sum() + (leaf * 0.0).sum(), [leaf])
    return [host(z), host(first), host(second)]


def theirs(torch, call, x):
    """The same in PyTorch, in whose own hardsigmoid 1/6 is a float32."""
    name, settings = call
    leaf = torch.tensor(x, requires_grad=True)
    if name == "hardsigmoid":
        z = torch.nn.functional.relu6(leaf + 3.0) / 6.0
    else:
        z = getattr(torch.nn.functional, name)(leaf, **settings)
    total = (z * torch.tensor(weights(z.shape, x.dtype))).sum()
    (first,) = torch.autograd.grad(total, leaf, create_graph=True)
    (second,) = torch.autograd.grad((first * first).sum() + (leaf * 0.0).sum(), leaf)
    return [host(z.detach()), host(first.detach()), host(second)]


# --- against PyTorch and formulas -----------------------------------------------------------------


@pytest.mark.parametrize("call", POINTWISE, ids=spelled)
def test_pytorch_has_the_same_values_and_derivatives_also_at_kinks(call, torch):
    for got, want in zip(mine(call, PLACES), theirs(torch, call, PLACES), strict=True):
        agree("PyTorch", got, want, ROUNDING)


@pytest.mark.parametrize("call", ALONG, ids=spelled)
@given(x=hnp.arrays("float64", (3, 4), elements=st.floats(-9, 9)))
def test_pytorch_has_the_same_along_an_axis(call, torch, x):
    for got, want in zip(mine(call, x), theirs(torch, call, x), strict=True):
        agree("PyTorch", got, want, ROUNDING)


@pytest.mark.parametrize("call", POINTWISE, ids=spelled)
def test_pytorch_has_the_same_of_infinite_numbers_and_nan(call, torch):
    x = np.array([math.nan, math.inf, -math.inf, 1e4, -1e4])
    name, settings = call
    got = getattr(F, name)(tg.tensor(x), **settings)
    want = getattr(torch.nn.functional, name)(torch.tensor(x), **settings)
    agree("PyTorch", got.raw, want.numpy(), ROUNDING)


@pytest.mark.parametrize("f", FORMULAS, ids=lambda f: f.__name__)
@given(x=ARRAYS)
def test_is_its_formula(f, x):
    agree("equal formulas", f(tg.tensor(x)).raw, FORMULAS[f](x), ROUNDING)


@given(st.floats(0, 2))
def test_slopes_can_be_chosen(slope):
    x = tg.tensor([-2.0, 3.0], dtype="float64")
    assert F.leaky_relu(x, slope).tolist() == [-2 * slope, 3]
    assert F.elu(x, slope).tolist() == pytest.approx([slope * (np.exp(-2) - 1), 3])


def test_scaled_tanh_takes_one_to_one_and_bends_most_there():
    x = tg.linspace(0.5, 1.5, 101, dtype="float64").requires_grad_()
    y = F.scaled_tanh(x)
    assert host(y)[50] == pytest.approx(1, abs=1e-4)
    (slope,) = grad(y.sum(), [x], create_graph=True)
    (bend,) = grad(slope.sum(), [x])
    assert host(x)[np.abs(host(bend)).argmax()] == pytest.approx(1, abs=0.02)


def test_selu_keeps_mean_and_variance():
    tg.manual_seed(0)
    z = F.selu(tg.randn(200_000, dtype="float64"))
    assert z.mean().item() == pytest.approx(0, abs=0.01)
    assert z.var().item() == pytest.approx(1, abs=0.02)


# --- at the edges ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("call", POINTWISE + OURS, ids=spelled)
def test_large_numbers_have_values_and_two_derivatives(call, dtype):
    for t in mine(call, np.array(EXTREME, dtype)):
        assert np.isfinite(t).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_softmax_of_large_numbers_has_values_and_two_derivatives(name, dtype):
    x = np.array([EXTREME, EXTREME[::-1], [1e4] * 8, [-1e4] * 8], dtype)
    for t in mine((name, {"dim": 1}), x):
        assert np.isfinite(t).all()


def test_relu_has_slope_zero_at_zero_and_lets_nan_through():
    x = tg.tensor([-1.0, 0.0, -0.0, 2.0, math.nan], requires_grad=True)
    F.relu(x).sum().backward()
    assert x.grad.tolist() == [0, 0, 0, 1, 1]
    v = tg.Value(math.nan)
    v.relu().backward()
    assert v.grad == 1


def test_hardtanh_and_clamp_part_at_the_bounds():
    x = tg.tensor([-1.0, 1.0], requires_grad=True)
    F.hardtanh(x).sum().backward()
    assert x.grad.tolist() == [0, 0]
    x.grad = None
    tg.clamp(x, -1.0, 1.0).sum().backward()
    assert x.grad.tolist() == [1, 1]


# --- number by number -----------------------------------------------------------------------------


@pytest.mark.parametrize("call", POINTWISE + OURS, ids=spelled)
def test_values_are_computed_by_the_same_gates(call):
    name, settings = call
    f = getattr(F, name)
    leaf = tg.tensor(PLACES, requires_grad=True)
    z = f(leaf, **settings)
    z.sum().backward()
    for x, want, slope in zip(PLACES.tolist(), z.tolist(), leaf.grad.tolist(), strict=True):
        v = tg.Value(x)
        found = f(v, **settings)
        found.backward()
        assert found.data == pytest.approx(want, rel=1e-14, abs=1e-15)
        assert v.grad == pytest.approx(slope, rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("call", POINTWISE, ids=spelled)
def test_functions_of_numbers_are_methods_too(call):
    name, settings = call
    if name != "relu6":
        for x in (tg.Value(-0.75), tg.tensor(-0.75)):
            found = [getattr(x, name)(**settings), getattr(tg, name)(x, **settings)]
            assert len({getattr(z, "data", z) if x is tg.Value else z.item() for z in found}) == 1


def test_prelu_of_values():
    x, weight = tg.Value(-2.0), tg.Value(0.25)
    z = F.prelu(x, weight)
    z.backward()
    assert (z.data, x.grad, weight.grad) == (-0.5, 0.25, -2.0)


# --- dtypes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", POINTWISE + ALONG + OURS, ids=spelled)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(call, dtype):
    assert all(t.dtype == dtype for t in mine(call, np.ones((2, 2), dtype)))


WHOLE = ("relu6", "hardtanh", "threshold")  # in PyTorch their numbers and bounds stay whole


@pytest.mark.parametrize("call", [*POINTWISE, *ALONG, ("prelu", {})], ids=spelled)
def test_whole_numbers_are_refused_where_pytorch_refuses_them(call, torch):
    name, settings = call
    if name in WHOLE:
        assert getattr(F, name)(tg.tensor([1, 2, 7]), **settings).dtype == "float32"
        return
    arrays = [np.array([[1, 2], [3, 4]])] + [np.ones(1, "float32")] * (name == "prelu")
    try:
        want = getattr(torch.nn.functional, name)(*map(torch.tensor, arrays), **settings)
    except RuntimeError:
        with pytest.raises(
            RuntimeError, match=rf"{name}: takes floating .*int64; cast .*float\(\)"
        ):
            getattr(F, name)(*map(tg.tensor, arrays), **settings)
    else:
        got = getattr(F, name)(*map(tg.tensor, arrays), **settings)
        agree("PyTorch", got.raw, want.numpy(), 1e-6)
        assert got.dtype == want.numpy().dtype


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["relu", "relu6", "hardtanh", "leaky_relu", "elu", "selu", "celu", "silu", "mish"]
    + ["hardswish", "hardsigmoid"],
)
def test_nothing_happens_in_place(name):
    x = tg.tensor([-1.0, 7.0])
    z = getattr(F, name)(x, inplace=True)
    assert z.tolist() == getattr(F, name)(x).tolist()
    assert F.threshold(x, 0.0, 1.0, inplace=True).tolist() == [1, 7]
    assert x.tolist() == [-1, 7]


@pytest.mark.parametrize(
    ("shape", "weight"),
    [((), ()), ((), (1,)), ((3,), (1,)), ((2, 3), (3,)), ((2, 3), (1,)), ((2, 3, 2, 2), (3,))],
)
def test_prelu_has_a_weight_for_each_channel(shape, weight, torch):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape), rng.normal(size=weight)]
    x, w = (tg.tensor(a, requires_grad=True) for a in arrays)
    z = F.prelu(x, w)
    ours = [z, *grad((z * z).sum(), [x, w])]
    x, w = (torch.tensor(a, requires_grad=True) for a in arrays)
    z = torch.nn.functional.prelu(x, w)
    for a, b in zip(ours, [z, *torch.autograd.grad((z * z).sum(), [x, w])], strict=True):
        agree("PyTorch", a.raw, b.detach().numpy(), ROUNDING)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: F.prelu(x, tg.ones(3)), RuntimeError, r"or \(2,\) .* \(4, 2\), got \(3,\)"),
        (lambda x: F.prelu(x, tg.ones(1, 2)), RuntimeError, r"got \(1, 2\)"),
        (lambda x: F.glu(x[:3], 0), RuntimeError, r"along dim 0 has to be even, got .* \(3, 2\)"),
        (lambda x: F.glu(x[0, 0]), RuntimeError, "0-d"),
        (lambda x: F.glu(x, 2), IndexError, "dim 2 is out of range"),
        (lambda x: F.gelu(x, "erf"), RuntimeError, "'none' or 'tanh', got 'erf'"),
        (lambda x: F.celu(x, 0), RuntimeError, "alpha"),
        (lambda x: F.softshrink(x, -0.5), RuntimeError, "at least 0, got -0.5"),
        (lambda x: F.softmax(x, 2), IndexError, "dim 2 is out of range"),
    ],
)
def test_settings_are_refused_as_in_pytorch(call, error, message):
    with pytest.raises(error, match=message):
        call(tg.ones(4, 2))


def test_hardtanh_needs_an_interval():
    with pytest.raises(ValueError, match=r"got min_val=1\.0 and max_val=0\.5"):
        F.hardtanh(tg.ones(2), 1.0, 0.5)


# --- along an axis --------------------------------------------------------------------------------


@given(hnp.arrays("float64", (2, 3, 4), elements=st.floats(-50, 50)), st.integers(-3, 2))
def test_softmax_sums_to_one(x, dim):
    z = F.softmax(tg.tensor(x), dim)
    agree("equal formulas", z.sum(dim).raw, np.ones(z.sum(dim).shape), ROUNDING)
    agree("equal formulas", F.log_softmax(tg.tensor(x), dim).exp().raw, z.raw, ROUNDING)
    agree("equal formulas", F.softmin(tg.tensor(-x), dim).raw, z.raw, 0.0)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize("ndim", range(5))
def test_an_axis_is_chosen_as_in_pytorch_where_none_is_given(name, ndim, torch):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)[:ndim])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = getattr(F, name)(tg.tensor(x))
    with pytest.warns(UserWarning, match="Implicit dimension"):
        want = getattr(torch.nn.functional, name)(torch.tensor(x))
    agree("PyTorch", got.raw, want.numpy(), ROUNDING)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
def test_softmax_can_compute_in_another_dtype(name):
    f = getattr(F, name)
    x = tg.ones(2, 3, dtype="float16")
    assert f(x, 1).dtype == "float16"
    assert f(x, 1, "float64").dtype == f(tg.ones(2, 3, dtype=int), 1, dtype=tg.float64).dtype
    if name != "softmin":
        assert getattr(tg, name)(x, 1, "float64").dtype == "float64"
        assert getattr(x, name)(-1, dtype=tg.float32).dtype == "float32"
