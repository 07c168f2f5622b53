"""From rules to recording functions."""

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import graph, kernels
from tinygrad_cnn.autograd import grad
from tinygrad_cnn.gate import composite, flat, gate
from tinygrad_cnn.ops.activation import relu_dx
from tinygrad_cnn.ops.norm import batch_norm


@pytest.fixture(autouse=True)
def no_new_gates():
    """Gates that a test defines are forgotten after it."""
    known = len(kernels.GATES)
    yield
    del kernels.GATES[known:]


def leaf(*shape):
    """A float64 leaf."""
    return tg.randn(*shape, dtype="float64", requires_grad=True)


def test_a_gate_is_a_plain_function():
    assert tg.mul.__name__ == "mul"
    assert "switches" in tg.mul.__doc__
    assert tg.mul(3.0, 4.0) == 12.0
    assert np.array_equal(tg.exp(np.zeros(2)), np.ones(2))
    assert tg.Tensor.__mul__ is tg.mul.operator
    assert tg.Tensor.exp is tg.exp
    assert str(tg.sum.__signature__) == "(x, dim=None, keepdim=False, dtype=None)"


def test_settings_by_name_or_position():
    x = tg.ones(2, 3)
    assert tg.sum(x, 1, True).shape == tg.sum(x, dim=1, keepdim=True).shape == (2, 1)
    with pytest.raises(TypeError, match=r"sum\(\) got an unexpected keyword argument 'axes'"):
        tg.sum(x, axes=1)
    with pytest.raises(TypeError, match=r"sum\(\) missing 1 required positional argument: 'x'"):
        tg.sum()


def test_an_unknown_word_in_a_rule_is_an_error_that_names_the_gate():
    with pytest.raises(TypeError, match=r"gate bad: no rule can name \['yy'\]; there are g, needs"):

        @gate(x=lambda g, yy: g)
        def bad(x):
            return x

    with pytest.raises(TypeError, match=r"gate worse: no rule can name \['y'\]"):

        @gate(y=lambda g: g)
        def worse(x):
            return x


def test_names_in_rules_decide_what_a_node_keeps():
    x, y = leaf(3), leaf(3)
    z, a, b = (x + y).node.saved
    assert (z, a, b) == (None, None, None)
    z, a, b = (x * y).node.saved
    assert z is None and a is x.raw and b is y.raw
    t = x.tanh()
    assert t.node.saved == (t.raw, None)
    assert x.reshape(3, 1).node.saved == (None, None, (3, 1), (3,), None)


def test_composites_are_one_kernel_off_the_graph_and_traced_on_it():
    g, z = tg.ones(3, dtype="float64"), leaf(3)
    assert relu_dx(g, z.detach()).node is None
    assert relu_dx(g.requires_grad_(), z).node.gate.name == "where"
    kernels_seen = []

    @composite
    def double(x):
        return x + x

    double.gate.kernels[type(g.raw)] = lambda x: kernels_seen.append("kernel") or x * 2
    assert double(tg.ones(2)).tolist() == [2.0, 2.0]
    assert kernels_seen == ["kernel"]
    assert double(leaf(2)).node.gate.name == "add"
    assert double(tg.Value(2.0)).data == 4.0


def test_flat_functions_are_never_recorded():
    x = leaf(3)
    assert (x > 0).node is None
    assert (tg.Value(1.0) > 0) is True

    @flat
    def half_up(x):
        return x + 0.5

    assert half_up(x).node is None


def test_aux_is_a_second_result():
    x, w, b = leaf(4, 2, 3), leaf(2), leaf(2)
    z, (mean, _) = batch_norm.full(x, w, b, None, 1e-5, False)
    assert np.allclose(host(mean), host(x).mean((0, 2), keepdims=True))
    assert type(batch_norm(x, w, b, None, 1e-5, False)) is tg.Tensor
    assert np.array_equal(host(batch_norm(x, w, b, None, 1e-5, False)), host(z))


def test_operands_are_cast_and_what_was_cast_is_kept():
    x = leaf(3)
    y = tg.ones(3, requires_grad=True)
    node = (x * y).node
    assert node.saved[2].dtype == np.float64
    assert [p.dtype for p in node.parents] == [np.float64, np.float32]


def test_watchers_are_told_of_every_new_node():
    seen = []
    x = leaf(3)
    graph.WATCHERS.append(lambda node, tensor, inputs: seen.append((node, tensor, inputs)))
    try:
        y = x * 2.0
        z = y.sum()
    finally:
        graph.WATCHERS.pop()
    assert [node for node, _, _ in seen] == [y.node, z.node]
    assert seen[0][2] == (x, 2.0)


def test_a_joint_rule_sees_what_is_needed():
    asked = []

    def rule(g, x, y, needs):
        asked.append([n is not None for n in needs])
        return g * y, g * x

    @gate(all=rule)
    def product(x, y):
        return x * y

    x, y = leaf(3), leaf(3)
    (g,) = grad(product(x, y).sum(), y)
    assert asked == [[False, True]]
    assert np.array_equal(host(g), host(x))


def test_batch_norm_fused_with_skip_and_relu_is_the_composition_to_second_order():
    x, w, b, r = leaf(4, 2, 3), leaf(2), leaf(2), leaf(4, 2, 3)

    def composed(x, w, b, r):
        centred = x - x.mean((0, 2), True)
        rstd = ((centred * centred).mean((0, 2), True) + 1e-5) ** -0.5
        return (centred * rstd * w.reshape(1, 2, 1) + b.reshape(1, 2, 1) + r).relu()

    found = []
    for f in (lambda *a: batch_norm(*a, 1e-5, True), composed):
        z = f(x, w, b, r)
        first = grad((z * z).sum(), [x, w, b, r], create_graph=True)
        total = sum((g * g).sum() for g in first)
        found.append([z, *first, *grad(total, [x, w, b, r])])
    for fused, plain in zip(*found, strict=True):
        assert np.allclose(host(fused), host(plain), rtol=1e-9, atol=1e-9)
