"""Gradients that nobody else has are added up, and written over, in place; all others are left."""

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import kernels
from tinygrad_cnn.gate import gate
from tinygrad_cnn.tensor_node import LARGE, added, is_spare

F = tg.nn.functional


class Slot:
    """What holds an array as a node holds its gradient."""

    def __init__(self, grad):
        self.grad = grad

    def is_spare(self):
        """As a walk asks: pytest would hold on to what is asked within an assert."""
        return is_spare(self.grad)


def test_what_is_spare():
    slot = Slot(np.ones(3))
    assert slot.is_spare()
    other = slot.grad
    assert not slot.is_spare()
    del other
    view = slot.grad[:2]
    assert not slot.is_spare()
    slot.grad = view[:1]
    assert not slot.is_spare()
    slot.grad = np.ones(3)
    slot.grad.flags.writeable = False
    assert not slot.is_spare()


@pytest.mark.parametrize("kept", [False, True])
def test_a_sum_takes_the_place_of_what_nobody_else_has(kept):
    numbers = np.arange(float(LARGE))
    slot = Slot(numbers.copy())
    other = slot.grad if kept else None
    where = id(slot.grad)
    slot.grad = added(slot.grad, np.ones(LARGE))
    assert np.array_equal(slot.grad, numbers + 1)
    assert (id(slot.grad) == where) == (not kept)
    assert other is None or np.array_equal(other, numbers)


def forked(x):
    """A result that x reaches over several ways, through norms that may write over gradients."""
    y = x * 1.0
    for _ in range(2):
        z = F.batch_norm(y * 2.0, None, None, training=True, residual=y, relu=True)
        y = z + F.batch_norm(y, None, None, training=True, relu=True) + y
    return y


def test_rules_get_what_the_input_holds_only_where_nobody_else_has_it():
    taken = []

    def rule(g, x_held):
        taken.append(None if x_held is None else id(x_held))
        return g if x_held is None else g + x_held

    @gate(x=rule)
    def passed(x):
        """x + 0."""
        return x + 0

    x = tg.ones(3, requires_grad=True)
    y = x * 1.0
    (passed(y) + y * 2.0).sum().backward()  # y * 2.0 is walked first
    assert taken[0] is not None
    assert x.grad.tolist() == [3, 3, 3]
    x = tg.ones(3, requires_grad=True)
    y = x * 1.0
    (passed(y) * 2.0).sum().backward()
    assert taken[1] is None
    assert x.grad.tolist() == [2, 2, 2]
    y = tg.ones(3, requires_grad=True) * 1.0
    (g,) = tg.autograd.grad((passed(y) + y * 2.0).sum(), [y], create_graph=True)
    assert taken[2] is None
    assert g.tolist() == [3, 3, 3]
    kernels.GATES.remove(passed.gate)


def test_a_gradient_that_only_the_walk_has_is_spare():
    told = []

    @gate(x=lambda g, spare: told.append(spare) or g * 2.0)
    def doubled(x):
        """2 x."""
        return x * 2

    x = tg.ones(3, requires_grad=True)
    doubled(doubled(x)).sum().backward()  # what sum sends is one number, repeated
    doubled(doubled(x)).backward(tg.ones(3))  # and this is the caller's
    y = doubled(x)
    y.retain_grad()
    doubled(doubled(y)).backward(tg.ones(3))
    tg.autograd.grad(doubled(doubled(x)).sum(), [x], create_graph=True)
    assert told == [False, True, False, True, False, True, False, None, None]
    kernels.GATES.remove(doubled.gate)


def test_gradients_that_are_kept_do_not_change_afterwards():
    seen = []
    x = tg.randn(4, 16, 5, 5, requires_grad=True)
    y = x * 1.0
    y.register_hook(lambda g: seen.append((g, host(g).copy())))
    y.retain_grad()
    z = forked(y)
    z.register_hook(lambda g: seen.append((g, host(g).copy())))
    z.retain_grad()
    seed = tg.randn(*z.shape)
    before = host(seed).copy()
    z.backward(seed)
    assert len(seen) == 2
    for g, then in seen:
        assert np.array_equal(host(g), then)
    assert np.array_equal(host(seed), before)
    assert np.array_equal(host(z.grad), before)
    assert np.array_equal(host(y.grad), seen[1][1])
    assert np.array_equal(host(x.grad), seen[1][1])


def test_writing_over_gradients_changes_no_result():
    x = tg.randn(4, 16, 5, 5, requires_grad=True)
    seed = tg.randn(4, 16, 5, 5)
    z = forked(x)
    (first,) = tg.autograd.grad(z, [x], seed, retain_graph=True)
    (second,) = tg.autograd.grad(z, [x], seed, retain_graph=True)
    assert np.array_equal(host(first), host(second))
    (recorded,) = tg.autograd.grad(z, [x], seed, create_graph=True)
    np.testing.assert_allclose(host(first), host(recorded.detach()), rtol=1e-4, atol=1e-4)
