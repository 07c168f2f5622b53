"""Regions that are computed twice instead of kept."""

import gc

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import grad, gradcheck, gradgradcheck
from tinygrad_cnn.autograd.checkpoint import Recompute
from tinygrad_cnn.utils import checkpoint


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
        assert np.array_equal(g.raw, h.raw)
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
