"""Losses: against formulas and PyTorch, with weights and ignored targets; errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree

import tinygrad_cnn as tg
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-12
REDUCTIONS = ("mean", "sum", "none")
IGNORED = 2


@st.composite
def classifications(draw):
    """Logits, targets, weights of the classes or None: of one sample, or of several."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    classes = draw(st.integers(1, 5))
    samples = draw(st.sampled_from([(), (1,), (4,), (3, 2), (2, 1, 3)]))
    shape = (classes,) if samples == () else (samples[0], classes, *samples[1:])
    target = np.asarray(rng.integers(0, classes, samples))
    weight = rng.uniform(0.5, 2.0, classes) if draw(st.booleans()) else None
    return rng.standard_normal(shape) * 3, target, weight


def summed_up(losses, shares, reduction):
    """The reduction of losses with these shares."""
    if reduction == "none":
        return losses * shares
    total = np.sum(losses * shares)
    return np.asarray(total if reduction == "sum" else total / np.sum(shares))


@given(classifications(), st.sampled_from(REDUCTIONS))
def test_cross_entropy_is_its_formula(case, reduction):
    x, target, weight = case
    moved = np.moveaxis(x, 0 if x.ndim == 1 else 1, -1)
    probabilities = np.exp(moved) / np.exp(moved).sum(-1, keepdims=True)
    losses = -np.log(np.take_along_axis(probabilities, target[..., None], -1))[..., 0]
    shares = np.ones(target.shape) if weight is None else weight[target]
    w = None if weight is None else tg.tensor(weight)
    z = F.cross_entropy(tg.tensor(x), tg.tensor(target), w, reduction=reduction)
    agree("equal formulas", z.raw, summed_up(losses, shares, reduction), ROUNDING)


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@given(case=classifications(), reduction=st.sampled_from(REDUCTIONS), ignore=st.booleans())
def test_classification_losses_are_torchs(torch, name, case, reduction, ignore):
    x, target, weight = case
    settings = {"reduction": reduction, "ignore_index": IGNORED if ignore else -100}
    if ignore and np.all(target == IGNORED):
        return  # nan, which another test asks for; torch's gradient of it is as good as any
    ours, theirs = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    weights = (None, None) if weight is None else (tg.tensor(weight), torch.tensor(weight))
    z = getattr(F, name)(ours, tg.tensor(target), weights[0], **settings)
    twin = getattr(torch.nn.functional, name)(theirs, torch.tensor(target), weights[1], **settings)
    agree("PyTorch", z.raw, twin.detach().numpy(), ROUNDING)
    (z * z).sum().backward()
    (twin * twin).sum().backward()
    agree("PyTorch", ours.grad.raw, theirs.grad.numpy(), ROUNDING)


@given(classifications())
def test_cross_entropy_is_nll_of_log_softmax(case):
    x, target, weight = case
    x, target = tg.tensor(x), tg.tensor(target)
    weight = None if weight is None else tg.tensor(weight)
    log_probabilities = F.log_softmax(x, 0 if x.ndim == 1 else 1)
    one = F.cross_entropy(x, target, weight)
    agree("equal formulas", one.raw, F.nll_loss(log_probabilities, target, weight).raw, ROUNDING)


@given(classifications(), st.sampled_from(REDUCTIONS))
def test_ignored_samples_might_as_well_not_be_there(case, reduction):
    x, target, weight = case
    if x.ndim == 1:
        x, target = x[None], target[None]
    x, target = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1]), target.ravel()
    ignored = np.arange(len(target)) % 2 == 1
    marked = np.where(ignored, -100, target)
    x[ignored, 0] = math.nan  # whatever stands there
    weight = None if weight is None else tg.tensor(weight)
    left = tg.tensor(x[~ignored])
    want = F.cross_entropy(left, tg.tensor(target[~ignored]), weight, reduction=reduction).raw
    got = F.cross_entropy(tg.tensor(x), tg.tensor(marked), weight, reduction=reduction).raw
    if reduction == "none":
        assert not got[ignored].any()
        got = got[~ignored]
    agree("equal formulas", got, want, ROUNDING)


def test_the_mean_of_nothing_is_nan():
    x = tg.zeros(2, 3)
    assert math.isnan(F.cross_entropy(x, tg.tensor([-100, -100])).item())
    assert F.cross_entropy(x, tg.tensor([-100, -100]), reduction="sum").item() == 0
    empty = F.cross_entropy(tg.zeros(0, 3), tg.zeros(0, dtype="int64"))
    assert math.isnan(empty.item())


def test_large_logits_do_not_overflow():
    x = tg.tensor([[1e4, -1e4]], requires_grad=True)
    loss = F.cross_entropy(x, tg.tensor([1]))
    loss.backward()
    assert loss.item() == 2e4
    assert x.grad.tolist() == [[1, -1]]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_any_whole_numbers_are_classes(dtype):
    x, target = tg.tensor([[0.0, 1.0, 2.0]] * 2), tg.tensor([0, 2], dtype=dtype)
    assert F.cross_entropy(x, target).item() == pytest.approx(1.4076059)
    assert F.nll_loss(x, target).item() == pytest.approx(-1)


# --- differences ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "formula"), [("mse_loss", np.square), ("l1_loss", np.abs)])
@given(seed=st.integers(0, 2**32), shape=st.sampled_from([(), (3,), (2, 3)]))
def test_differences(name, formula, seed, shape):
    x, y = np.random.default_rng(seed).standard_normal((2, *shape))
    losses = formula(np.asarray(x - y))
    for reduction, want in (("mean", losses.mean()), ("sum", losses.sum()), ("none", losses)):
        z = getattr(F, name)(tg.tensor(x), tg.tensor(y), reduction=reduction)
        agree("equal formulas", z.raw, np.asarray(want), ROUNDING)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss"])
def test_differences_want_one_shape(name):
    with pytest.raises(ValueError, match=r"one shape, got \(3, 1\) and \(3,\)"):
        getattr(F, name)(tg.zeros(3, 1), tg.zeros(3))


# --- one_hot --------------------------------------------------------------------------------------


@given(st.sampled_from([(), (3,), (2, 0), (2, 2)]), st.integers(1, 5), st.booleans())
def test_one_hot(shape, classes, given_classes):
    target = np.random.default_rng(0).integers(0, classes, shape)
    if not given_classes:
        classes = int(target.max(initial=-1)) + 1
    z = F.one_hot(tg.tensor(target), classes if given_classes else -1)
    assert z.dtype == "int64"
    assert np.array_equal(z.raw, np.eye(classes, dtype=int)[target])


@pytest.mark.parametrize(
    ("target", "classes", "error", "words"),
    [
        ([0, 3], 3, ValueError, "from 0 to 2, got some from 0 to 3"),
        ([-1, 0], -1, ValueError, "got some from -1 to 0"),
        ([0.0], -1, TypeError, "whole numbers, got float32"),
    ],
)
def test_one_hot_says_what_was_given(target, classes, error, words):
    with pytest.raises(error, match=words):
        F.one_hot(tg.tensor(target), classes)


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize(
    ("shape", "target", "error", "words"),
    [
        ((2, 3), [0, 1, 2], ValueError, r"\(N, C, \*\).*got shapes \(2, 3\) and \(3,\)"),
        ((2, 3), [[0], [1]], ValueError, r"got shapes \(2, 3\) and \(2, 1\)"),
        ((3,), [0], ValueError, r"got shapes \(3,\) and \(1,\)"),
        ((), 0, ValueError, r"got shapes \(\) and \(\)"),
        ((2, 3), [0, 3], IndexError, "from 0 to 2 .*got some from 0 to 3"),
        ((2, 3), [-1, 2], IndexError, "ignore_index=-100.* got some from -1 to 2"),
        ((2, 3), [0.0, 1.0], TypeError, "whole numbers, got float32"),
    ],
)
def test_targets_have_to_be_classes(name, shape, target, error, words):
    with pytest.raises(error, match=f"{name}: .*{words}"):
        getattr(F, name)(tg.zeros(*shape), tg.tensor(target))


def test_errors_of_settings():
    x, target = tg.zeros(2, 3), tg.tensor([0, 1])
    with pytest.raises(ValueError, match="'mean', 'sum' or 'none', got 'average'"):
        F.cross_entropy(x, target, reduction="average")
    with pytest.raises(RuntimeError, match=r"each of 3 classes, got shape \(2,\)"):
        F.cross_entropy(x, target, tg.ones(2))
