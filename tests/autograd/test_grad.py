"""grad, the recording switches, backward's arguments."""

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import graph, kernels
from tinygrad_cnn.autograd import GradcheckError, grad, gradcheck, gradgradcheck
from tinygrad_cnn.gate import gate
from tinygrad_cnn.ops.conv import conv, conv_dw, conv_dx


def leaf(*shape):
    """A float64 leaf."""
    return tg.randn(*shape, dtype="float64", requires_grad=True)


def test_several_roots_and_inputs_inside_the_graph():
    x = leaf(3)
    y = x * 2.0
    a, b = (y * y).sum(), (y * 3.0).sum()
    gy, gx = grad([a, b], [y, x])
    assert np.allclose(host(gy), 2.0 * host(y) + 3.0)
    assert np.allclose(host(gx), 2.0 * host(gy))
    assert x.grad is None
    s, t = tg.Value(2.0), tg.Value(3.0)
    u = s * t
    assert grad([u * u, u], [u, t]) == [13.0, 26.0]
    assert (s.grad, t.grad) == (0.0, 0.0)


def test_an_unused_input_gives_none_or_an_error():
    x, y = leaf(3), leaf(3)
    assert grad((x * x).sum(), y) == [None]
    with pytest.raises(RuntimeError, match="input 1 was not used"):
        grad((x * x).sum(), [x, y], allow_unused=False)


def test_only_wanted_gradients_are_computed(monkeypatch):
    calls = []
    for record in (conv_dx.gate, conv_dw.gate):

        def counted(*args, record=record, **settings):
            calls.append(record.name)
            return record.body(*args, **settings)

        monkeypatch.setattr(record, "kernels", {type(tg.zeros(1).raw): counted})
    x, w = leaf(1, 2, 5), leaf(3, 2, 3)
    z = conv(x, w, None, (1,), (0,), (1,), 1).sum()
    grad(z, w, retain_graph=True)
    assert calls == ["conv_dw"]
    grad(z, x)
    assert calls == ["conv_dw", "conv_dx"]


@pytest.mark.parametrize("create_graph", [False, True])
def test_leaves_that_are_not_asked_for_get_nothing_from_a_joint_rule(create_graph):
    norm, images = tg.nn.BatchNorm2d(2), tg.randn(3, 2, 4, 4, requires_grad=True)
    xs = [leaf(2), leaf(3)]
    a, b = leaf(2, 3), leaf(3, 4)
    layer = tg.nn.Conv2d(2, 2, 3)
    cases = [
        (norm(images), images, [*norm.parameters()]),
        (tg.cat(xs), xs[0], xs[1:]),
        (tg.einsum("ij,jk->ik", a, b), a, [b]),
        (tg.nn.Sequential(layer, tg.nn.ReLU())(images), images, [*layer.parameters()]),
    ]
    for z, wanted, others in cases:
        (g,) = grad((z * z).sum(), [wanted], create_graph=create_graph)
        assert g.shape == wanted.shape
        assert wanted.grad is None
        assert [x.grad for x in others] == [None] * len(others)


def test_only_what_a_wanted_rule_needs_is_kept():
    x, c = leaf(3), tg.ones(3, dtype="float64")
    assert (x * c).node.saved[1] is None
    assert (c * x).node.saved[2] is None
    assert (x * 2.0).node.saved[1] is None


def test_zero_d_second_derivative():
    x = tg.tensor(3.0, dtype="float64", requires_grad=True)
    y = x * x
    z = y * y
    (g,) = grad(z, x, create_graph=True)
    (h,) = grad(g, x)
    assert h.item() == 108.0


def test_create_graph_into_backward_accumulates_tensors_on_the_graph():
    x = leaf(3)
    (x * x * x).sum().backward(create_graph=True)
    assert np.allclose(host(x.grad), 3.0 * host(x) ** 2)
    (h,) = grad(x.grad.sum(), x)
    assert np.allclose(host(h), 6.0 * host(x))


def test_gradient_arguments():
    x = leaf(3)
    y = x * 2.0
    with pytest.raises(RuntimeError, match=r"only for scalar outputs, got shape \(3,\)"):
        y.backward()
    with pytest.raises(RuntimeError, match=r"gradient has shape \(2,\), the output \(3,\)"):
        y.backward(tg.ones(2))
    y.backward(tg.tensor([1.0, 2.0, 3.0]))
    assert np.array_equal(host(x.grad), [2.0, 4.0, 6.0])
    with pytest.raises(RuntimeError, match="does not require grad"):
        tg.ones(1).backward()
    with pytest.raises(RuntimeError, match="does not require grad"):
        grad(x.sum(), tg.ones(3))


def test_a_nan_output_has_a_gradient():
    x = tg.tensor(-1.0, requires_grad=True)
    (x.sqrt() + x).backward()
    assert np.isnan(x.grad.item())
    y = tg.tensor(float("nan"), requires_grad=True)
    (y + y).backward()
    assert y.grad.item() == 2.0


@pytest.mark.parametrize("quiet", [tg.no_grad, lambda: tg.set_grad_enabled(False)])
def test_switches_nest_and_decorate(quiet):
    x = leaf(3)
    with quiet():
        assert not tg.is_grad_enabled()
        assert not (x * x).requires_grad
        with tg.enable_grad():
            assert (x * x).requires_grad
        assert not (x * x).sum().requires_grad
    assert (x * x).requires_grad

    @quiet()
    def f():
        return x * x

    assert not f().requires_grad
    assert tg.is_grad_enabled()


def test_set_grad_enabled_holds_as_a_plain_call():
    x = leaf(3)
    open_contexts = len(graph.QUIET)
    tg.set_grad_enabled(False)
    try:
        assert not (x * x).requires_grad
    finally:
        tg.set_grad_enabled(True)
        del graph.QUIET[open_contexts:]  # a plain call has no end
    assert (x * x).requires_grad
    switch = tg.set_grad_enabled(False)
    for _ in range(2):
        with switch:
            assert not tg.is_grad_enabled()
        assert tg.is_grad_enabled()


def test_the_switch_survives_an_error():
    with pytest.raises(KeyError), tg.no_grad():
        raise KeyError
    assert tg.is_grad_enabled()


def test_gradcheck_finds_a_wrong_rule():
    @gate(x=lambda g, x: g * x * 2.002)
    def wrong_square(x):
        return x * x

    try:
        with pytest.raises(GradcheckError, match=r"input 0\[.*the gradient is .* the central"):
            gradcheck(wrong_square, [leaf(3)])
        with pytest.raises(GradcheckError):
            gradcheck(lambda v: wrong_square(v), [tg.Value(1.5)])
    finally:
        kernels.GATES.remove(wrong_square.gate)


def test_gradgradcheck_finds_a_constant_that_is_none():
    @gate(x=lambda g, x: g * (x.detach() if isinstance(x, tg.Tensor) else x) * 2.0)
    def half_constant(x):
        return x * x

    try:
        assert gradcheck(half_constant, [leaf(3)])
        with pytest.raises(GradcheckError):
            gradgradcheck(half_constant, [leaf(3)])
    finally:
        kernels.GATES.remove(half_constant.gate)


def test_gradcheck_may_say_no_instead_of_raising():
    kind = leaf(3)
    assert gradcheck(lambda x: x * x, [kind], raise_exception=False)
    assert not gradcheck(lambda x: x * x.detach(), [kind], raise_exception=False)
    assert not gradgradcheck(lambda x: x * x.detach(), [kind], raise_exception=False)


def test_gradcheck_refuses_single_precision():
    with pytest.raises(TypeError, match="needs float64 inputs, got float32"):
        gradcheck(tg.exp, [tg.ones(2, requires_grad=True)])
