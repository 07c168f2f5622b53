"""Norms: against PyTorch, by what they promise, to second order by differences; sizes, errors."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import gradcheck, gradgradcheck
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-12
SEEDS = st.integers(0, 2**32)
EPS = st.sampled_from([1e-5, 1e-3, 0.5])
SPACES = st.lists(st.integers(1, 4), max_size=3)
BOOLS = st.booleans()


def reals(seed, *shapes):
    """Normal arrays; for a shape of None there is none."""
    rng = np.random.default_rng(seed)
    return [None if s is None else rng.standard_normal(s) for s in shapes]


def leaves(*arrays):
    """float64 Tensors that require grad."""
    return [None if a is None else tg.tensor(a, requires_grad=True) for a in arrays]


def agree_with_torch(torch, name, arrays, buffers=(), **settings):
    """Compare values, gradients and buffers with those of PyTorch's function of that name.

    arrays, buffers: by the names of arguments; the input comes first.
    """
    ours = dict(zip(arrays, leaves(*arrays.values()), strict=True))
    theirs = {
        n: None if a is None else torch.tensor(a, requires_grad=True) for n, a in arrays.items()
    }
    kept = {n: tg.tensor(a) for n, a in dict(buffers).items()}
    twins = {n: torch.tensor(a) for n, a in dict(buffers).items()}
    z = getattr(F, name)(**ours, **kept, **settings)
    twin = getattr(torch.nn.functional, name)(**theirs, **twins, **settings)
    agree("PyTorch", z.raw, twin.detach().numpy(), ROUNDING)
    g = np.random.default_rng(0).standard_normal(z.shape)
    (z * tg.tensor(g)).sum().backward()
    (twin * torch.tensor(g)).sum().backward()
    for n, t in ours.items():
        if t is not None:
            agree("PyTorch", t.grad.raw, theirs[n].grad.numpy(), ROUNDING)
    for n, t in kept.items():
        agree("PyTorch", t.raw, twins[n].numpy(), ROUNDING)


def second_order(function, *tensors):
    """Assert that gradients, and their gradients, are differences."""
    assert gradcheck(function, tensors)
    assert gradgradcheck(function, tensors)


@st.composite
def channelled(draw, least=0):
    """An input (N, C, *space), scale and shift per channel or None, and running statistics."""
    space = draw(st.lists(st.integers(1, 4), min_size=least, max_size=3))
    samples, channels = draw(st.integers(2, 4)), draw(st.integers(1, 4))
    size = (channels,)
    x, weight, bias, mean, var = reals(
        draw(SEEDS),
        (samples, channels, *space),
        size if draw(BOOLS) else None,
        size if draw(BOOLS) else None,
        size,
        size,
    )
    arrays = {"input": x * 2 + 3, "weight": weight, "bias": bias}
    return arrays, {"running_mean": mean, "running_var": var**2 + 0.1}


# --- batch norm -----------------------------------------------------------------------------------


@given(channelled(), BOOLS, BOOLS, st.sampled_from([0.0, 0.1, 1.0]), EPS)
def test_batch_norm_is_torchs(torch, case, training, tracked, momentum, eps):
    arrays, buffers = case
    if training and not tracked:
        arrays, buffers = arrays | {"running_mean": None, "running_var": None}, {}
    agree_with_torch(
        torch, "batch_norm", arrays, buffers, training=training, momentum=momentum, eps=eps
    )


@pytest.mark.parametrize("shape", [(4, 2), (2, 3, 2), (2, 1, 2, 3), (2, 2, 1, 2, 2)])
@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_to_second_order(shape, training):
    x, weight, bias, mean = reals(0, shape, *[shape[1:2]] * 3)
    running = tg.tensor(mean), tg.tensor(mean**2 + 0.5)

    def norm(x, weight, bias):
        return F.batch_norm(x, *running, weight, bias, training, 0.0, 1e-2)

    second_order(norm, *leaves(x, weight, bias))


def test_the_batchs_statistics_are_no_constants():
    (x,) = leaves(reals(1, (5, 2))[0])
    z = F.batch_norm(x, None, None, training=True)
    (first,) = tg.autograd.grad((z * z * z).sum(), [x], create_graph=True)
    assert np.abs(host(first.sum(0))).max() < ROUNDING  # the mean of x does not matter
    (second,) = tg.autograd.grad((first * first).sum(), [x])
    assert np.abs(host(second.sum(0))).max() < ROUNDING  # to any order
    assert np.abs(host(second)).max() > 0.1


@given(channelled())
def test_a_batch_comes_out_at_mean_zero_and_variance_one(case):
    x = case[0]["input"]
    z = F.batch_norm(tg.tensor(x), None, None, training=True, eps=0.0)
    axes = (0, *range(2, x.ndim))
    agree("equal formulas", host(z).mean(axes), np.zeros(x.shape[1]), 1e-11)
    agree("equal formulas", host(z).var(axes), np.ones(x.shape[1]), 1e-11)


@given(SEEDS, st.floats(-3, 3), st.floats(0.5, 4))
def test_a_shifted_and_scaled_batch_comes_out_the_same(seed, shift, scale):
    (x,) = reals(seed, (6, 2, 3))
    plain, moved = (
        F.batch_norm(tg.tensor(a), None, None, training=True, eps=0.0)
        for a in (x, scale * x + shift)
    )
    agree("equal formulas", moved.raw, plain.raw, 1e-11)


def test_running_statistics_learn_the_unbiased_variance():
    x = tg.tensor([[1.0], [3.0]], dtype="float64", requires_grad=True)
    mean, var = tg.zeros(1, dtype="float64"), tg.ones(1, dtype="float64")
    z = F.batch_norm(x, mean, var, training=True, momentum=0.5, eps=0.0)
    assert z.tolist() == [[-1.0], [1.0]]  # by the biased variance, 1
    assert mean.tolist() == [1.0]
    assert var.tolist() == [1.5]  # towards the unbiased one, 2
    assert not mean.requires_grad
    assert not var.requires_grad
    F.batch_norm(x, mean, var)
    assert var.tolist() == [1.5]  # evaluation teaches nothing


def test_one_statistic_alone_is_kept():
    x = tg.tensor([[1.0], [3.0]])
    mean, var = tg.zeros(1), tg.ones(1)
    F.batch_norm(x, mean, None, training=True, momentum=1.0)
    F.batch_norm(x, None, var, training=True, momentum=1.0)
    assert (mean.tolist(), var.tolist()) == ([2.0], [2.0])


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
def test_a_batch_of_nothing_moves_nothing(name):
    x, weight = leaves(np.zeros((0, 3, 4)), np.ones(3))
    mean, var = tg.zeros(3), tg.ones(3)
    train = {"training" if name == "batch_norm" else "use_input_stats": True}
    z = getattr(F, name)(x, mean, var, weight, **train)
    assert z.shape == (0, 3, 4)
    assert mean.tolist() == [0.0] * 3
    assert var.tolist() == [1.0] * 3
    z.sum().backward()
    assert weight.grad.tolist() == [0.0] * 3


# --- instance norm --------------------------------------------------------------------------------


@given(channelled(1), BOOLS, BOOLS, st.sampled_from([0.0, 0.1, 1.0]), EPS)
def test_instance_norm_is_torchs(torch, case, use_input_stats, tracked, momentum, eps):
    arrays, buffers = case
    if math.prod(arrays["input"].shape[2:]) == 1:
        use_input_stats = False
    if use_input_stats and not tracked:
        buffers = {}
    settings = {"use_input_stats": use_input_stats, "momentum": momentum, "eps": eps}
    agree_with_torch(torch, "instance_norm", arrays, buffers, **settings)


@given(channelled(1))
def test_instances_are_batches_of_one(case):
    arrays, _ = case
    x, weight, bias = (None if a is None else tg.tensor(a) for a in arrays.values())
    if math.prod(x.shape[2:]) == 1:
        return
    z = F.instance_norm(x, weight=weight, bias=bias)
    for i in range(len(x)):
        one = F.batch_norm(x[i : i + 1], None, None, weight, bias, training=True)
        agree("equal formulas", host(z)[i : i + 1], one.raw, ROUNDING)


@pytest.mark.parametrize("use_input_stats", [True, False])
def test_instance_norm_to_second_order(use_input_stats):
    x, weight, bias = leaves(*reals(2, (2, 2, 3), (2,), (2,)))
    running = tg.tensor(np.array([0.3, -0.2])), tg.tensor(np.array([0.5, 2.0]))

    def norm(x, weight, bias):
        return F.instance_norm(x, *running, weight, bias, use_input_stats, 0.0, 1e-2)

    second_order(norm, x, weight, bias)


# --- layer, group and RMS norm --------------------------------------------------------------------


@st.composite
def layered(draw):
    """An input, its last sizes, scale and shift of those or None."""
    lead = draw(st.lists(st.integers(1, 3), max_size=2))
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    given_ = [shape if draw(BOOLS) else None for _ in range(2)]
    x, weight, bias = reals(draw(SEEDS), (*lead, *shape), *given_)
    return {"input": x * 2 + 3, "weight": weight, "bias": bias}, shape


@given(layered(), EPS)
def test_layer_norm_is_torchs(torch, case, eps):
    arrays, shape = case
    agree_with_torch(torch, "layer_norm", arrays, normalized_shape=shape, eps=eps)


@given(layered(), st.sampled_from([None, 1e-5, 0.5]))
def test_rms_norm_is_torchs(torch, case, eps):
    arrays, shape = case
    del arrays["bias"]
    agree_with_torch(torch, "rms_norm", arrays, normalized_shape=shape, eps=eps)


@given(channelled(), st.data(), EPS)
def test_group_norm_is_torchs(torch, case, data, eps):
    arrays, _ = case
    if arrays["weight"] is None:
        arrays["bias"] = None  # PyTorch's backward fails at a bias without weight, here only
    channels = arrays["input"].shape[1]
    groups = data.draw(st.sampled_from([g for g in range(1, channels + 1) if not channels % g]))
    agree_with_torch(torch, "group_norm", arrays, num_groups=groups, eps=eps)


@given(channelled(1))
def test_groups_are_layers_or_instances_at_their_ends(case):
    x = tg.tensor(case[0]["input"])
    channels = x.shape[1]
    layers = F.layer_norm(x, x.shape[1:])
    agree("equal formulas", F.group_norm(x, 1).raw, layers.raw, ROUNDING)
    if math.prod(x.shape[2:]) > 1:
        instances = F.instance_norm(x)
        agree("equal formulas", F.group_norm(x, channels).raw, instances.raw, ROUNDING)


def test_layer_group_and_rms_norm_to_second_order():
    x, weight, bias = leaves(*reals(3, (2, 4, 3), (4, 3), (4, 3)))
    second_order(lambda *a: F.layer_norm(a[0], (4, 3), *a[1:], 1e-2), x, weight, bias)
    second_order(lambda *a: F.rms_norm(a[0], (4, 3), a[1], 1e-2), x, weight)
    second_order(lambda *a: F.rms_norm(a[0], 3), x)
    weight, bias = leaves(*reals(4, (4,), (4,)))
    second_order(lambda *a: F.group_norm(a[0], 2, *a[1:], 1e-2), x, weight, bias)


def test_nothing_is_normalised_to_nothing():
    for shape in ((0, 4), (3, 0, 4)):
        x = tg.zeros(*shape, requires_grad=True)
        for z in (F.layer_norm(x, 4), F.rms_norm(x, (4,)), F.normalize(x)):
            assert z.shape == shape
    assert F.layer_norm(tg.zeros(2, 0), 0).shape == (2, 0)
    assert F.group_norm(tg.zeros(0, 4, 2), 2).shape == (0, 4, 2)
    assert F.local_response_norm(tg.zeros(0, 4, 2), 2).shape == (0, 4, 2)


# --- local response norm --------------------------------------------------------------------------


@given(
    channelled(1), st.integers(1, 6), st.sampled_from([1e-4, 2.0]), st.sampled_from([0.5, 0.75, 1])
)
def test_local_response_norm_is_torchs(torch, case, size, alpha, beta):
    arrays = {"input": case[0]["input"]}
    settings = {"size": size, "alpha": alpha, "beta": beta, "k": 1.5}
    agree_with_torch(torch, "local_response_norm", arrays, **settings)


@given(SEEDS, st.integers(1, 7))
@example(0, 96)
def test_local_response_norm_of_the_paper(seed, channels):
    (a,) = reals(seed, (2, channels, 3, 3))
    k, n, alpha, beta = 2, 5, 1e-4, 0.75
    want = np.zeros(a.shape)
    for i in range(channels):
        near = a[:, max(0, i - n // 2) : min(channels - 1, i + n // 2) + 1]
        want[:, i] = a[:, i] / (k + alpha * (near**2).sum(1)) ** beta
    z = F.local_response_norm(tg.tensor(a), n, n * alpha, beta, k)
    agree("loops", z.raw, want, ROUNDING)


def test_local_response_norm_to_second_order():
    (x,) = leaves(*reals(5, (2, 5, 2)))
    second_order(lambda x: F.local_response_norm(x, 3, 2.0), x)
    second_order(lambda x: F.local_response_norm(x, 4, 2.0, 0.5, 2.0), x)


# --- normalize ------------------------------------------------------------------------------------


@given(SEEDS, st.sampled_from([1.0, 2.0, 3.0, math.inf]), st.sampled_from([0, 1, -1, (0, 2)]))
def test_normalize_is_torchs(torch, seed, p, dim):
    (x,) = reals(seed, (3, 4, 2))
    agree_with_torch(torch, "normalize", {"input": x}, p=p, dim=dim)
    norms = tg.norm(F.normalize(tg.tensor(x), p, dim), p, dim)
    agree("equal formulas", norms.raw, np.ones(norms.shape), ROUNDING)


def test_a_vector_of_zeros_stays(torch):
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert F.normalize(tg.tensor(x)).tolist() == [[0.0, 0.0], [0.6, 0.8]]
    agree_with_torch(torch, "normalize", {"input": x}, eps=0.5)


def test_normalize_to_second_order():
    (x,) = leaves(*reals(6, (3, 4)))
    second_order(F.normalize, x)
    second_order(lambda x: F.normalize(x, 3.0, 0, 0.1), x)


# --- dtypes, devices, errors ----------------------------------------------------------------------

ALL = {
    "batch_norm in training": lambda x: F.batch_norm(x, None, None, training=True),
    "batch_norm": lambda x: F.batch_norm(x, x[0, :, 0].detach(), tg.ones_like(x[0, :, 0].detach())),
    "instance_norm": F.instance_norm,
    "layer_norm": lambda x: F.layer_norm(x, 4),
    "group_norm": lambda x: F.group_norm(x, 3),
    "rms_norm": lambda x: F.rms_norm(x, (3, 4)),
    "local_response_norm": lambda x: F.local_response_norm(x, 3),
    "normalize": F.normalize,
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_stay(name, dtype):
    (array,) = reals(7, (2, 3, 4))
    x = tg.tensor(array, dtype=dtype, requires_grad=True)
    z = ALL[name](x)
    z.sum().backward()
    assert z.dtype == x.grad.dtype == dtype
    bound = {"float16": 1e-2, "float32": 1e-6, "float64": 1e-15}[dtype]
    agree("float64", z.raw, ALL[name](tg.tensor(array)).raw, bound)


@pytest.mark.parametrize("name", ALL)
def test_shapes_are_known_before_numbers(name):
    z = ALL[name](tg.ones(2, 3, 4).to("meta"))
    assert z.shape == (2, 3, 4)


@pytest.mark.parametrize("name", ALL)
def test_inputs_are_left_alone(name):
    (array,) = reals(8, (2, 3, 4))
    x = tg.tensor(array.copy(), requires_grad=True)
    ALL[name](x).sum().backward()
    assert np.array_equal(host(x), array)


X = tg.zeros(2, 3, 4)
ONE = tg.zeros(1, 3, 1)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: F.batch_norm([1.0], None, None), TypeError, "batch_norm takes a Tensor, got list"),
        (lambda: F.layer_norm(tg.ones(2, dtype="int64"), 2), TypeError, "floating .* got int64"),
        (lambda: F.batch_norm(tg.zeros(3), None, None), RuntimeError, r"\(N, C, \*\), got \(3,\)"),
        (
            lambda: F.batch_norm(X, None, None),
            RuntimeError,
            "None for running_mean and running_var",
        ),
        (lambda: F.batch_norm(ONE, None, None, training=True), ValueError, r"more than 1 value"),
        (
            lambda: F.batch_norm(X, tg.zeros(4), tg.ones(3)),
            RuntimeError,
            r"running_mean should have the shape \(3,\) .* got \(4,\)",
        ),
        (
            lambda: F.batch_norm(X, None, None, tg.ones(2), training=True),
            RuntimeError,
            r"weight should have the shape \(3,\) .* got \(2,\)",
        ),
        (lambda: F.instance_norm(ONE), ValueError, r"element of space, got .*\(1, 3, 1\)"),
        (
            lambda: F.instance_norm(X, use_input_stats=False),
            RuntimeError,
            "or use_input_stats=True",
        ),
        (lambda: F.layer_norm(X, 3), RuntimeError, r"last sizes.*\(2, 3, 4\), got \(3,\)"),
        (lambda: F.layer_norm(X, ()), RuntimeError, r"one at least.* got \(\)"),
        (lambda: F.layer_norm(X, (1, 2, 3, 4)), RuntimeError, r"expected .*\(\*, 1, 2, 3, 4\)"),
        (lambda: F.layer_norm(X, 4, bias=tg.ones(3)), RuntimeError, r"bias should have .*\(4,\)"),
        (lambda: F.rms_norm(X, (3, 4), tg.ones(4)), RuntimeError, r"weight should .*\(3, 4\)"),
        (lambda: F.group_norm(X, 2), RuntimeError, "divide the 3 channels .* got 2"),
        (lambda: F.group_norm(X, 0), RuntimeError, "divide the 3 channels .* got 0"),
        (lambda: F.group_norm(ONE, 3), ValueError, "more than 1 value per group, got 3 groups"),
        (lambda: F.local_response_norm(X[0], 3), ValueError, r"\(N, C, \*space\), got \(3, 4\)"),
        (lambda: F.local_response_norm(X, 0), RuntimeError, "size has to be at least 1, got 0"),
        (lambda: F.normalize(X, dim=3), IndexError, "3"),
    ],
)
def test_errors_say_what_was_given(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "norm", ["batch_norm in training", "instance_norm", "layer_norm", "group_norm"]
)
def test_infinities_are_nan_without_a_word_of_numpys(norm):
    (array,) = reals(9, (2, 3, 4))
    array[0, 0, 0] = math.inf
    x = tg.tensor(array, requires_grad=True)
    z = ALL[norm](x)
    z.sum().backward()
    assert np.isnan(host(z)[0, 0, 0])
    assert np.isfinite(host(z)[1, 1]).all()
