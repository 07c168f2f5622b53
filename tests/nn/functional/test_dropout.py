"""Dropout: what is kept, how it is scaled, and that a draw can be repeated."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import grad, gradcheck
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.utils.checkpoint import checkpoint

ALL = {  # functions, and the shape of a large input
    F.dropout: (40, 50),
    F.dropout1d: (40, 50, 2),
    F.dropout2d: (40, 50, 2, 2),
    F.dropout3d: (40, 50, 2, 1, 2),
    F.alpha_dropout: (40, 50),
    F.feature_alpha_dropout: (40, 50, 2),
    F.drop_path: (2000, 3),
}
each = pytest.mark.parametrize("f", ALL, ids=lambda f: f.__name__)
P = st.floats(0.05, 0.95)


def is_near_share(kept, p):
    """Whether a share of 1 - p was kept, up to five standard deviations."""
    assert kept.mean() == pytest.approx(1 - p, abs=5 * (p * (1 - p) / kept.size) ** 0.5)


# --- elements -------------------------------------------------------------------------------------


@given(P)
def test_dropout_zeroes_some_and_scales_the_rest(p):
    tg.manual_seed(0)
    x = tg.ones(20_000, dtype="float64", requires_grad=True)
    z = F.dropout(x, p)
    kept = host(z) != 0
    assert host(z)[kept] == pytest.approx(1 / (1 - p))
    is_near_share(kept, p)
    z.sum().backward()
    assert np.array_equal(host(x.grad), host(z))


def test_neighbours_are_dropped_independently():
    tg.manual_seed(0)
    kept = host(F.dropout(tg.ones(300, 300))) != 0
    for one, other in ((kept[1:], kept[:-1]), (kept[:, 1:], kept[:, :-1])):
        assert (one == other).mean() == pytest.approx(0.5, abs=0.01)


# --- channels and samples -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "shape", "lead"),
    [
        (F.dropout1d, (60, 50, 3), 2),
        (F.dropout1d, (3000, 3), 1),
        (F.dropout2d, (60, 50, 2, 3), 2),
        (F.dropout2d, (60, 50, 3), 2),
        (F.dropout3d, (60, 50, 2, 1, 2), 2),
        (F.dropout3d, (3000, 2, 1, 2), 1),
        (F.drop_path, (3000,), 1),
        (F.drop_path, (3000, 2, 2), 1),
    ],
)
@pytest.mark.parametrize("p", [0.2, 0.5])
def test_channels_and_samples_share_their_fate(f, shape, lead, p):
    tg.manual_seed(0)
    z = host(f(tg.ones(*shape), p, True)).reshape(math.prod(shape[:lead]), -1)
    assert (z == z[:, :1]).all()
    assert sorted(set(z[:, 0].tolist())) == pytest.approx([0, 1 / (1 - p)])
    is_near_share(z[:, 0] != 0, p)


def test_samples_are_left_alone_unscaled():
    tg.manual_seed(0)
    x = tg.randn(500, 3)
    z = host(F.drop_path(x, 0.4, True, scale_by_keep=False))
    kept = (z != 0).all(1)
    assert np.array_equal(z[kept], host(x)[kept])
    assert not z[~kept].any()
    assert 0 < kept.sum() < 500


@pytest.mark.parametrize(
    ("f", "shape", "taken"),
    [
        (F.dropout1d, (4,), r"\(C, L\) or \(N, C, L\), got \(4,\)"),
        (F.dropout2d, (4, 4), r"\(N, C, L\) or \(N, C, H, W\), got \(4, 4\)"),
        (F.dropout3d, (4, 4, 4), r"\(C, D, H, W\) or \(N, C, D, H, W\), got \(4, 4, 4\)"),
        (F.feature_alpha_dropout, (4,), r"\(N, C, \*\), got \(4,\)"),
        (F.drop_path, (), r"\(N, \*\), got \(\)"),
    ],
)
def test_other_shapes_are_refused(f, shape, taken):
    with pytest.raises(RuntimeError, match=taken):
        f(tg.ones(shape), 0.5)


# --- for selu -------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
@pytest.mark.parametrize(("f", "shape"), [(F.alpha_dropout, ()), (F.feature_alpha_dropout, (1,))])
def test_mean_and_variance_stay(f, shape, p):
    tg.manual_seed(0)
    z = f(tg.randn(400, 500, *shape, dtype="float64"), p, True)
    assert z.mean().item() == pytest.approx(0, abs=0.02)
    assert z.var().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_what_is_dropped_takes_the_limit_of_selu(p):
    """z = a (kept x + dropped limit) + b with the a and b of Klambauer et al. 2017, section 3."""
    limit = F.selu(tg.tensor(-1e4, dtype="float64")).item()
    a = ((1 - p) * (1 + p * limit**2)) ** -0.5
    b = -a * p * limit
    tg.manual_seed(0)
    x = tg.randn(1000, dtype="float64")
    z = host(F.alpha_dropout(x, p, True))
    dropped = np.isclose(z, a * limit + b)
    is_near_share(~dropped, p)
    assert z[~dropped] == pytest.approx((a * host(x) + b)[~dropped])
    assert not host(F.alpha_dropout(x, 1.0, True)).any()


# --- all of them ----------------------------------------------------------------------------------


@each
def test_a_seed_names_the_draws(f):
    x = tg.randn(*ALL[f])
    tg.manual_seed(3)
    first, second = host(f(x, 0.5, True)), host(f(x, 0.5, True))
    tg.manual_seed(3)
    assert np.array_equal(host(f(x, 0.5, True)), first)
    assert np.array_equal(host(f(x, 0.5, True)), second)
    assert not np.array_equal(first, second)


@each
def test_a_generator_of_ones_own_does_not_hear_of_others(f):
    x = tg.randn(*ALL[f])
    found = []
    for others in (0, 3):
        generator = tg.Generator(7)
        for _ in range(others):
            tg.rand(2)
        found.append(host(f(x, 0.5, True, generator=generator)))
    assert np.array_equal(*found)
    before = tg.default_generator.get_state()
    f(x, 0.5, True, generator=tg.Generator(0))
    assert tg.default_generator.get_state() == before


@each
def test_a_checkpoint_draws_the_same_again(f):
    x = tg.randn(*ALL[f], dtype="float64", requires_grad=True)

    def region(x):
        return f(x.sin(), 0.5, True) * x.cos()

    found = []
    for run in (region, lambda x: checkpoint(region, x)):
        tg.manual_seed(5)
        z = run(x)
        found.append((host(z), host(grad((z * z).sum(), [x])[0])))
    assert np.array_equal(found[0][0], found[1][0])
    assert np.array_equal(found[0][1], found[1][1])


@each
def test_the_gradient_has_the_mask_of_the_values(f):
    x = tg.randn(*[min(n, 3) for n in ALL[f]], dtype="float64", requires_grad=True)

    def repeated(x):
        return f(x, 0.5, True, generator=tg.Generator(1))

    assert gradcheck(repeated, [x])


@each
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtypes_and_shapes_stay(f, dtype):
    x = tg.ones(*ALL[f], dtype=dtype, requires_grad=True)
    z = f(x, 0.5, True)
    z.sum().backward()
    assert z.dtype == x.grad.dtype == dtype
    assert z.shape == x.shape


@each
def test_nothing_happens_outside_training_nor_in_place(f):
    x = tg.ones(*ALL[f])
    assert f(x, 0.9, False) is x
    assert f(x, 0.0, True) is x
    assert not host(f(x, 1.0, True)).any()
    assert host(x).all()


@each
@pytest.mark.parametrize("p", [-0.1, 1.5, math.nan])
def test_a_probability_is_one(f, p):
    for training in (True, False):
        with pytest.raises(ValueError, match=rf"{f.__name__}: .*within \[0, 1\], got {p}"):
            f(tg.ones(*ALL[f]), p, training)


@each
def test_whole_numbers_cannot_be_scaled(f):
    x = tg.ones(*ALL[f], dtype=int)
    with pytest.raises(RuntimeError, match=rf"{f.__name__}: .*int64; cast them"):
        f(x, 0.5, True)
    assert f(x, 0.5, False) is x


@each
def test_defaults_are_pytorchs(f, torch):
    x = tg.ones(*ALL[f])
    if f is not F.drop_path:  # which PyTorch has not
        z = getattr(torch.nn.functional, f.__name__)(torch.ones(ALL[f]))
        assert (f(x) is x) == bool((z == 1).all())


def test_dropout_of_the_package_is_the_function():
    tg.manual_seed(0)
    x = tg.ones(50)
    z = tg.dropout(x, 0.5, True)
    tg.manual_seed(0)
    assert z.tolist() == F.dropout(x).tolist()
    assert tg.dropout(x, 0.5, False) is x
