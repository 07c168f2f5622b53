"""Regions that are computed twice instead of kept."""

import gc

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import grad, gradcheck, gradgradcheck
from tinygrad_cnn.autograd.checkpoint import Recompute
from tinygrad_cnn.utils.checkpoint import checkpoint, checkpoint_sequential


def leaf(*shape):
    """A float64 leaf."""
    return tg.randn(*shape, dtype="float64", requires_grad=True)


def block(x, w):
    """Something with dropout in it."""
    return tg.dropout((x * w).tanh() * w, 0.5) * x


@pytest.mark.parametrize("nested", [False, True])
def test_the_same_random_mask_both_times(nested):
    x, w = leaf(100), leaf(100)
    inner = (lambda a, b: checkpoint(block, a, b) * b) if nested else block
    plain = (lambda a, b: block(a, b) * b) if nested else block
    tg.manual_seed(7)
    want = grad(plain(x, w).sum(), [x, w])
    tg.manual_seed(7)
    z = checkpoint(inner, x, w)
    after = tg.default_generator.get_state()
    assert after["counter"] == 1
    for g, h in zip(grad(z.sum(), [x, w]), want, strict=True):
        assert np.array_equal(host(g), host(h))
    assert tg.default_generator.get_state() == after


def test_gradients_of_gradients_through_a_checkpoint():
    x, w = leaf(5), leaf(5)

    def f(x, w):
        return (checkpoint(lambda a: (a * w).tanh() * a, x) * x).tanh()

    assert gradcheck(f, [x, w])
    assert gradgradcheck(f, [x, w])


def test_nothing_is_kept_and_nothing_leaks():
    x = leaf(5)
    z = checkpoint(lambda a: a.exp().exp(), x)
    assert type(z.node.saved) is Recompute
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(50):
            z = checkpoint(lambda a: a.exp().exp(), x)
        assert len(gc.get_objects()) - before < 60
    finally:
        gc.enable()


def test_a_function_that_changes_its_mind_is_found_out():
    x = leaf(5)
    mood = ["exp", "tanh"]
    z = checkpoint(lambda a: getattr(a, mood.pop(0))(), x)
    with pytest.raises(RuntimeError, match=r"did not do the same thing twice.*exp.*tanh"):
        z.sum().backward()


def test_keyword_arguments_reach_the_function():
    x = leaf(5)
    z = checkpoint(lambda a, power: a**power, x, power=2.0, use_reentrant=False)
    (g,) = grad(z.sum(), [x])
    assert np.allclose(host(g), 2 * host(x))


@pytest.mark.parametrize("preserve", [True, False])
def test_random_numbers_are_the_same_or_need_not_be(preserve):
    x = tg.ones(100, requires_grad=True)
    z = checkpoint(lambda a: a * tg.rand(100), x, preserve_rng_state=preserve)
    (g,) = grad(z.sum(), [x])
    assert np.array_equal(host(g), host(z)) == preserve


@pytest.mark.parametrize("segments", [1, 2, 3, 5, 9])
def test_a_chain_in_segments(segments):
    layers = [tg.nn.Linear(4, 4).double() for _ in range(5)]
    x = leaf(3, 4)
    z = checkpoint_sequential(layers, segments, x, use_reentrant=False)
    plain = x
    for layer in layers:
        plain = layer(plain)
    assert np.array_equal(host(z), host(plain))
    (g,), (h,) = grad(z.sum(), [x]), grad(plain.sum(), [x])
    assert np.array_equal(host(g), host(h))
    assert type(checkpoint_sequential(layers, segments, x).node.saved) is tuple


def test_no_segments():
    with pytest.raises(ValueError, match="at least 1 segment, got 0"):
        checkpoint_sequential([tg.exp], 0, leaf(3))
