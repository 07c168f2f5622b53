"""Scalar mode."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import grad, gradcheck

NUMBERS = st.floats(-3, 3).filter(lambda x: abs(x) > 1e-3)


def test_the_first_example():
    x, y, z = tg.Value(-2, label="x"), tg.Value(5), tg.Value(-4)
    q = x + y
    f = q * z
    f.backward()
    assert (q.data, f.data) == (3.0, -12.0)
    assert (f.grad, q.grad, z.grad, x.grad, y.grad) == (1.0, -4.0, 3.0, -4.0, -4.0)


def test_labels_and_repr():
    x = tg.Value(3.0, label="x")
    y = x * 2
    assert repr(x) == "Value(3.0, label='x')"
    assert (y.label, repr(y), f"{y:.2f}") == (None, "Value(6.0)", "6.00")
    y.label = "y"
    assert y.label == "y"
    with pytest.raises(AttributeError, match="lable"):
        _ = y.lable


@given(NUMBERS, NUMBERS)
def test_operators_with_python_and_numpy_numbers_on_either_side(a, b):
    x = tg.Value(a)
    for number in (b, np.float64(b), np.float32(b)):
        n = float(number)
        pairs = [
            (x + number, a + n),
            (number + x, n + a),
            (x - number, a - n),
            (number - x, n - a),
            (x * number, a * n),
            (number * x, n * a),
            (x / number, a / n),
            (number / x, n / a),
        ]
        for made, want in pairs:
            assert type(made) is tg.Value
            assert made.data == want


@given(NUMBERS, NUMBERS)
def test_comparisons_are_pythons(a, b):
    x, y = tg.Value(a), tg.Value(b)
    assert (x < y, x <= y, x > y, x >= y) == (a < b, a <= b, a > b, a >= b)
    assert (x < b, b < x) == (a < b, b < a)


def test_equality_is_identity_so_that_values_live_in_sets():
    x, y = tg.Value(1.0), tg.Value(1.0)
    assert x != y
    assert len({x, y, x}) == 2


def test_methods_and_functions_are_the_same_gates():
    x = tg.Value(0.7)
    for name in ("exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "relu"):
        assert getattr(tg.Value, name) is getattr(tg, name) is getattr(tg.Tensor, name)
        assert getattr(x, name)().data == getattr(tg, name)(0.7)


def neuron(a, b, c):
    """Something with most of the gates in it."""
    z = (a * b + c).tanh() / c + tg.maximum(a, b) * (c - a).relu() + c**a
    return z + tg.where(True, a, b) - abs(b) + a.clamp(-1, 1) + (b * b + 1.0).log().leaky_relu(0.1)


def test_gradients_are_central_differences():
    assert gradcheck(neuron, [tg.Value(0.7), tg.Value(-1.3), tg.Value(2.1)])


def test_create_graph_gives_the_same_gradients_and_their_gradients():
    xs = [tg.Value(0.7), tg.Value(-1.3), tg.Value(2.1)]
    plain = grad(neuron(*xs), xs)
    taped = grad(neuron(*xs), xs, create_graph=True)
    assert plain == pytest.approx([g.data for g in taped], rel=1e-15)
    for i in range(3):
        assert gradcheck(lambda *v, i=i: grad(neuron(*v), v, create_graph=True)[i], xs)


def test_third_derivative():
    x = tg.Value(2.0)
    y = x**5
    for want in (80.0, 160.0, 240.0):
        (y,) = grad(y, x, create_graph=True)
        assert y.data == pytest.approx(want)


def test_arithmetic_never_raises():
    one, zero = tg.Value(1.0), tg.Value(0.0)
    assert (one / zero).data == math.inf
    assert tg.exp(tg.Value(1000.0)).data == math.inf
    assert tg.log(zero).data == -math.inf
    assert math.isnan(tg.sqrt(tg.Value(-1.0)).data)
    assert math.isnan((tg.Value(-2.0) ** 0.5).data)
    for z in (one / zero, tg.log(zero), tg.sqrt(zero), zero**-1.0, tg.exp(tg.Value(1e3))):
        z.backward()
        z.backward(create_graph=True)


def test_no_grad_records_nothing():
    x = tg.Value(2.0)
    with tg.no_grad():
        y = x * x
        z = y.exp()
    assert y.parents == z.parents == ()
    z.backward()
    assert x.grad == 0.0


def test_an_error_in_a_rule_gives_the_leaves_their_gradients_back(monkeypatch):
    x = tg.Value(2.0)
    y = x.exp() + x
    x.grad = 5.0
    monkeypatch.setattr(tg.exp.gate, "spread", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        y.backward()
    assert x.grad == 5.0


def test_foreign_operands_are_refused():
    x = tg.Value(1.0)
    with pytest.raises(TypeError):
        x + "a"
    with pytest.raises(TypeError, match="add: takes"):
        tg.add(x, "a")
    with pytest.raises(TypeError):
        x * tg.tensor([1.0])
    with pytest.raises(TypeError, match="sum: has no scalar mode"):
        tg.sum(x)
