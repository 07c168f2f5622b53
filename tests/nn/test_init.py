"""First values: their spread, their repeatability, where they are written."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn import init

SHAPE = (40, 30, 5, 4)  # fan in 600, fan out 800
RANDOM = [
    init.uniform_,
    init.normal_,
    init.xavier_uniform_,
    init.xavier_normal_,
    init.kaiming_uniform_,
    init.kaiming_normal_,
    init.trunc_normal_,
    init.orthogonal_,
]


def uniform(bound):
    return -bound, bound, bound / math.sqrt(3)


def normal(std):
    return -math.inf, math.inf, std


@pytest.mark.parametrize(
    ("fill", "settings", "spread"),
    [
        (init.uniform_, {"a": -2.0, "b": 2.0}, uniform(2)),
        (init.normal_, {"std": 3.0}, normal(3)),
        (init.xavier_uniform_, {}, uniform(math.sqrt(6 / 1400))),
        (init.xavier_uniform_, {"gain": 2.0}, uniform(2 * math.sqrt(6 / 1400))),
        (init.xavier_normal_, {}, normal(math.sqrt(2 / 1400))),
        (init.kaiming_uniform_, {}, uniform(math.sqrt(6 / 600))),
        (init.kaiming_uniform_, {"a": math.sqrt(5)}, uniform(1 / math.sqrt(600))),
        (init.kaiming_uniform_, {"mode": "fan_out"}, uniform(math.sqrt(6 / 800))),
        (init.kaiming_normal_, {"nonlinearity": "relu"}, normal(math.sqrt(2 / 600))),
        (init.kaiming_normal_, {"nonlinearity": "tanh"}, normal(5 / 3 / math.sqrt(600))),
    ],
)
def test_spreads_are_the_papers(fill, settings, spread):
    tg.manual_seed(0)
    low, high, std = spread
    x = host(fill(tg.zeros(*SHAPE), **settings))
    assert low <= x.min() <= x.max() <= high
    assert x.std() == pytest.approx(std, rel=0.02)
    assert x.mean() == pytest.approx(0, abs=0.02 * std)
    if math.isfinite(high):
        assert x.max() == pytest.approx(high, rel=1e-3)


@pytest.mark.parametrize("fill", RANDOM)
def test_the_seed_decides(fill):
    def drawn(**settings):
        return host(fill(tg.zeros(4, 3, dtype="float64"), **settings))

    tg.manual_seed(3)
    first, second = drawn(), drawn()
    assert not np.array_equal(first, second)
    tg.manual_seed(3)
    assert np.array_equal(first, drawn())
    assert np.array_equal(first, drawn(generator=tg.Generator(3)))
    assert np.array_equal(second, drawn())
    generator = tg.Generator(3)
    assert np.array_equal(first, drawn(generator=generator))
    assert np.array_equal(second, drawn(generator=generator))


@pytest.mark.parametrize("fill", [*RANDOM, init.zeros_, init.ones_])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_writes_into_the_array(fill, dtype):
    p = nn.Parameter(tg.full((3, 2), 7.0, dtype=dtype))
    raw = p.raw
    assert fill(p) is p
    assert p.raw is raw and raw.dtype == dtype
    assert p.is_leaf and p.requires_grad
    assert (raw != 7).all()


@given(st.floats(-5, 5, width=32))
def test_constants(val):
    assert (host(init.constant_(tg.zeros(2, 3), val)) == val).all()
    assert init.ones_(tg.zeros(())).item() == 1
    assert init.zeros_(tg.ones(2)).tolist() == [0, 0]


def test_the_dtype_only_rounds():
    single, double = (
        host(init.normal_(tg.zeros(9, dtype=d), generator=tg.Generator(1)))
        for d in ("float32", "float64")
    )
    assert np.array_equal(single, double.astype("float32"))


@pytest.mark.parametrize("fill", RANDOM)
def test_on_another_device(fill, double):
    here, there = (
        fill(tg.zeros(2, 3, device=d), generator=tg.Generator(0)).tolist()
        for d in ("cpu", "double")
    )
    assert here == there


def test_gains_are_torchs(torch):
    for name in [*init.GAINS, "leaky_relu"]:
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: init.xavier_uniform_(tg.zeros(3)), r"got shape \(3,\)"),
        (lambda: init.kaiming_normal_(tg.zeros(())), r"got shape \(\)"),
        (lambda: init.kaiming_uniform_(tg.zeros(2, 2), mode="fan"), "'fan_out', got 'fan'"),
        (lambda: init.calculate_gain("swish"), "leaky_relu, got 'swish'"),
    ],
)
def test_errors_say_what_was_given(use, words):
    with pytest.raises(ValueError, match=words):
        use()


# --- truncated, sparse, exact ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [
        (0.0, 1.0, -2.0, 2.0),
        (1.0, 2.0, -1.0, 1.5),
        (0.0, 1.0, -math.inf, math.inf),
        (0.0, 0.02, -2.0, 2.0),
        (0.0, 1.0, 5.0, math.inf),
        (0.0, 1.0, -31.0, -30.0),
    ],
)
def test_truncated_normal_numbers_have_its_distribution(mean, std, a, b):
    tg.manual_seed(0)
    x = np.sort(host(init.trunc_normal_(tg.zeros(20_000, dtype="float64"), mean, std, a, b)))
    assert a <= x[0] and x[-1] <= b
    # distribution function of the tail that does not cancel, by mirroring upper tails
    sign = -1 if (a - mean) / std > 0 else 1
    low, high = sorted((sign * (a - mean) / std, sign * (b - mean) / std))
    z = np.sort(sign * (x - mean) / std)
    below = [math.erfc(-v / math.sqrt(2)) for v in (low, high, *z)]
    want = (np.array(below[2:]) - below[0]) / (below[1] - below[0])
    assert np.abs(want - np.linspace(0, 1, len(z))).max() < 1.7 / math.sqrt(len(z))


@given(st.integers(1, 20), st.integers(1, 5), st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_columns_are_as_sparse_as_asked(rows, columns, sparsity):
    x = host(init.sparse_(tg.ones(rows, columns), sparsity, std=2.0))
    assert ((x == 0).sum(0) == math.ceil(sparsity * rows)).all()


def test_what_is_not_sparse_is_normal():
    x = host(init.sparse_(tg.ones(400, 50), 0.25, 0.01, tg.Generator(0)))
    assert x[x != 0].std() == pytest.approx(0.01, rel=0.02)


@given(st.integers(0, 4), st.integers(0, 4))
def test_identity_matrices(rows, columns):
    assert np.array_equal(host(init.eye_(tg.ones(rows, columns))), np.eye(rows, columns))


@given(
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 4),
)
def test_dirac_weights_are_torchs(torch, rank, groups, share, inputs, size):
    shape = (groups * share, inputs, *[size] * rank)
    want = torch.nn.init.dirac_(torch.ones(shape), groups).numpy()
    assert np.array_equal(host(init.dirac_(tg.ones(*shape), groups)), want)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_dirac_convolutions_pass_on(rank):
    conv = getattr(nn, f"Conv{rank}d")(4, 4, 3, padding=1, bias=False, groups=2)
    init.dirac_(conv.weight, groups=2)
    x = tg.randn(2, 4, *[5] * rank)
    assert conv(x).tolist() == x.tolist()


@given(st.integers(1, 8), st.sampled_from([(1,), (5,), (8,), (3, 2), (2, 3, 3)]))
def test_orthogonal_matrices(rows, rest):
    x = host(init.orthogonal_(tg.zeros(rows, *rest, dtype="float64"), gain=2.0)).reshape(rows, -1)
    product = x @ x.T if rows <= x.shape[1] else x.T @ x
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-13)


def test_large_orthogonal_matrices_stay_orthogonal():
    x = host(init.orthogonal_(tg.zeros(200, 200, dtype="float64")))
    assert np.abs(x @ x.T - np.eye(200)).max() < 1e-13


def test_all_orthogonal_matrices_are_equally_likely():
    tg.manual_seed(0)
    draws = np.array([host(init.orthogonal_(tg.zeros(2, 2))) for _ in range(2000)])
    assert np.abs(draws.mean(0)).max() < 0.05
    assert np.linalg.det(draws).mean() == pytest.approx(0, abs=0.06)
    assert (draws[:, 0, 0] ** 2).mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("shape", "want"), [((4, 3), (3, 4)), ((4, 3, 5), (15, 20)), ((4, 3, 5, 2), (30, 40))]
)
def test_fans(shape, want):
    assert init._calculate_fan_in_and_fan_out(tg.zeros(*shape)) == want


@pytest.mark.parametrize(
    ("use", "error", "words"),
    [
        (lambda: init.eye_(tg.zeros(3)), ValueError, r"matrices, got shape \(3,\)"),
        (lambda: init.sparse_(tg.zeros(3), 0.1), ValueError, r"matrices, got shape \(3,\)"),
        (lambda: init.dirac_(tg.zeros(3, 3)), ValueError, r"got shape \(3, 3\)"),
        (lambda: init.dirac_(tg.zeros(3, 3, 3), 2), ValueError, "2 groups do not divide 3"),
        (lambda: init.orthogonal_(tg.zeros(3)), ValueError, r"got shape \(3,\)"),
        (lambda: init.uniform_(tg.zeros(3), 3, 1), RuntimeError, "got 3 and 1"),
        (lambda: init.normal_(tg.zeros(3), 0, -1), RuntimeError, "not negative, got -1"),
        (lambda: init.trunc_normal_(tg.zeros(3), a=2, b=1), RuntimeError, "got 2, 1 and 1.0"),
        (lambda: init.calculate_gain("leaky_relu", "a"), ValueError, "a number, got 'a'"),
    ],
)
def test_settings_that_make_no_sense(use, error, words):
    with pytest.raises(error, match=words):
        use()
