"""First values: their spread, their repeatability, where they are written."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    x = fill(tg.zeros(*SHAPE), **settings).raw
    assert low <= x.min() <= x.max() <= high
    assert x.std() == pytest.approx(std, rel=0.02)
    assert x.mean() == pytest.approx(0, abs=0.02 * std)
    if math.isfinite(high):
        assert x.max() == pytest.approx(high, rel=1e-3)


@pytest.mark.parametrize("fill", RANDOM)
def test_the_seed_decides(fill):
    def drawn(**settings):
        return fill(tg.zeros(4, 3, dtype="float64"), **settings).raw

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
    assert (init.constant_(tg.zeros(2, 3), val).raw == val).all()
    assert init.ones_(tg.zeros(())).item() == 1
    assert init.zeros_(tg.ones(2)).tolist() == [0, 0]


def test_the_dtype_only_rounds():
    single, double = (
        init.normal_(tg.zeros(9, dtype=d), generator=tg.Generator(1)).raw
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
