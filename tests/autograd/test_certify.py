"""Certificates: right functions get one, each kind of wrong function is told by name."""

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import Function, NotCertified, certify
from tinygrad_cnn.gate import gate


def softclip(x):
    return x * tg.sigmoid(x * 3.0)


@gate(x=lambda g, x, y: g * (y + y), y=lambda g, x: g * (x + x))
def twice_the_product(x, y):
    """2xy."""
    return x * y * 2.0


def test_functions_and_gates_that_are_right():
    found = certify(softclip, truth=lambda x: x / (1 + np.exp(-3 * x)))
    assert str(found).startswith("softclip is certified")
    assert set(found.counts) == {
        *("value", "manners", "first order", "second order", "float32", "layouts", "scalar mode"),
    }
    assert all(count >= 10 for count in found.counts.values())
    assert found.worst["first order"] < 1e-7
    assert not found.kinks
    assert certify(twice_the_product).counts["first order"] >= 30
    assert certify(tg.maximum).kinks == 0


@pytest.mark.parametrize("name", ["exp", "tanh", "sin", "relu", "abs", "mul", "sub", "atan"])
def test_our_own_gates(name):
    certify(getattr(tg, name), cases=7)


def test_examples_give_the_shapes_and_keep_whole_numbers():
    x, w, b = tg.randn(2, 3, 5, 5), tg.randn(4, 3, 3, 3), tg.randn(4)
    found = certify(lambda x, w, b: tg.nn.functional.conv2d(x, w, b, padding=1), x, w, b, cases=3)
    assert found.counts["first order"] == 9
    assert "not asked" in found.notes[0]
    target = tg.tensor([0, 2, 1])
    certify(lambda x, t: tg.nn.functional.cross_entropy(x, t), tg.randn(3, 4), target, cases=3)


def test_several_results_and_views():
    certify(lambda x: (x * x, tg.exp(x)), cases=3)
    with pytest.raises(NotCertified, match="shares memory"):
        certify(lambda x: x.reshape(-1), tg.randn(2, 3))
    certify(lambda x: x.reshape(-1), tg.randn(2, 3), view=True)


def test_kinks_are_left_out_and_counted():
    found = certify(lambda x: tg.abs(x), domain=lambda rng, shape: rng.choice([0.0, 1.0], shape))
    assert found.kinks > 0
    certify(tg.relu, domain=lambda rng, shape: rng.choice([0.0, 1.0], shape))
    with pytest.raises(NotCertified, match="each of 5 points lay at a kink"):
        certify(lambda x: tg.abs(x), domain=lambda rng, shape: np.zeros(shape), cases=5)


# --- each kind of wrong ---------------------------------------------------------------------------


class Wrong(Function):
    """x², with a gradient that is wrong for x > 1."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x * tg.where(x > 1.0, 2.002, 2.0)


class Constant(Function):
    """x³, whose gradient is right, and constant for those who differentiate it."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x * x * 3.0).detach()


def test_a_wrong_gradient_is_told_with_the_smallest_case():
    with pytest.raises(NotCertified) as told:
        certify(lambda x: Wrong.apply(x))
    message = str(told.value)
    assert "first order" in message
    assert "shape ()" in message
    number = float(message.rsplit(": ", 1)[1])
    assert number > 1.0
    assert number == round(number, 1)


def test_a_gradient_that_is_missing_is_told():
    with pytest.raises(NotCertified, match="first order"):
        certify(lambda x: (x * x).detach())


def test_a_gradient_that_is_no_function_is_told():
    certify(lambda x: Constant.apply(x), order=1)
    with pytest.raises(NotCertified, match="second order"):
        certify(lambda x: Constant.apply(x))


def test_a_function_that_writes_is_told():
    def writes(x):
        x.raw[...] = x.raw + 1.0
        return x * 2.0

    with pytest.raises(NotCertified, match="an input was written into"):
        certify(writes)


def test_a_function_that_widens_or_narrows_is_told():
    with pytest.raises(NotCertified, match="float32 comes out as float64"):
        certify(lambda x: x.double() * 2.0)
    with pytest.raises(NotCertified, match="float64 comes out as float32"):
        certify(lambda x: x.float() * 2.0)


def test_a_function_that_loses_figures_is_told():
    with pytest.raises(NotCertified, match="single precision"):
        certify(lambda x: (x + 1e5) - 1e5)


def test_a_function_that_is_not_its_truth_is_told():
    with pytest.raises(NotCertified, match="value: got"):
        certify(tg.sin, truth=np.cos)


def test_a_function_that_rolls_dice_is_told():
    with pytest.raises(NotCertified, match="a second call with the same inputs"):
        certify(lambda x: x * tg.rand(1).double())


def test_scalar_mode_that_says_something_else_is_told():
    def other(x):
        return x * 2.0 if isinstance(x, tg.Value) else x * 3.0

    with pytest.raises(NotCertified, match="scalar mode"):
        certify(other)
    certify(other, scalar=False)
    with pytest.raises(NotCertified, match="Values raise"):
        certify(lambda x: x.sum(), scalar=True)


class AsItLies(Function):
    """2x, computed in the order in which x lies in memory."""

    @staticmethod
    def forward(ctx, x):
        laid = host(x).copy("K").tobytes("A")
        return tg.tensor(np.frombuffer(laid, x.dtype).reshape(x.shape)) * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2.0


def test_memory_order_that_matters_is_told():
    with pytest.raises(NotCertified, match="negative strides"):
        certify(lambda x: AsItLies.apply(x), tg.randn(2, 3))


def test_settings_out_of_range():
    with pytest.raises(ValueError, match="order is 1 or 2"):
        certify(tg.sin, order=3)
    with pytest.raises(ValueError, match="has no parameters"):
        certify(lambda: 1.0)
