"""Gates of the user's own."""

import gc

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import Function, grad, gradcheck, gradgradcheck
from tinygrad_cnn.autograd.function import once_differentiable


def leaf(*shape, low=None):
    """A float64 leaf, uniform above `low` where that is given."""
    raw = np.random.default_rng(0).standard_normal(shape)
    raw = raw if low is None else np.abs(raw) + low
    return tg.tensor(raw, requires_grad=True)


class Polar(Function):
    """Two outputs: r cos t, r sin t."""

    @staticmethod
    def forward(ctx, r, t):
        x, y = r * t.cos(), r * t.sin()
        ctx.save_for_backward(r, x, y)
        return x, y

    @staticmethod
    def backward(ctx, gx, gy):
        r, x, y = ctx.saved_tensors
        gr = (gx * x + gy * y) / r if ctx.needs_input_grad[0] else None
        return gr, gy * x - gx * y


def test_several_outputs_to_second_order():
    r, t = leaf(3, low=1.0), leaf(3)
    for f in (
        lambda *a: Polar.apply(*a)[0] * Polar.apply(*a)[1],
        lambda *a: Polar.apply(*a)[0].exp() + Polar.apply(*a)[1],
        lambda *a: Polar.apply(*a)[1],
        Polar.apply,
    ):
        assert gradcheck(f, [r, t])
        assert gradgradcheck(f, [r, t])


def test_needs_input_grad_says_what_is_wanted():
    seen = []

    class Product(Function):
        @staticmethod
        def forward(ctx, x, y, scale):
            ctx.save_for_backward(x, y)
            ctx.scale = scale
            return x * y * scale

        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.needs_input_grad)
            x, y = ctx.saved_tensors
            return g * y * ctx.scale, g * x * ctx.scale, None

    x, y = leaf(3), leaf(3)
    z = Product.apply(x, y, 2.0).sum()
    (gx,) = grad(z, x)
    assert seen == [(True, False, False)]
    assert np.array_equal(host(gx), 2.0 * host(y))
    assert not Product.apply(x.detach(), y.detach(), 1.0).requires_grad


def test_outputs_can_be_hooked_and_retained():
    r, t = leaf(3, low=1.0), leaf(3)
    x, y = Polar.apply(r, t)
    x.retain_grad()
    y.register_hook(lambda g: g * 0.0)
    (x * 3.0 + y).sum().backward()
    assert np.array_equal(host(x.grad), np.full(3, 3.0))
    assert np.allclose(host(r.grad), 3.0 * np.cos(host(t)))


def test_a_freed_function_says_its_name():
    r, t = leaf(3, low=1.0), leaf(3)
    z = Polar.apply(r, t)[0].sum()
    z.backward()
    with pytest.raises(RuntimeError, match="Polar: trying to backward"):
        z.backward()


def test_a_write_to_what_it_saved_raises():
    r, t = leaf(3, low=1.0), leaf(3)
    z = Polar.apply(r, t)[0].sum()
    with tg.no_grad():
        r.mul_(2.0)
    with pytest.raises(RuntimeError, match="Polar: a tensor needed for its gradient"):
        z.backward()


def test_wrong_returns_are_said_in_a_sentence():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1.0

        @staticmethod
        def backward(ctx, g):
            return g, g

    class NotATensor(Function):
        @staticmethod
        def forward(ctx, x):
            return 3.0

    class Number(Wrong):
        @staticmethod
        def backward(ctx, g):
            return 2.0

    with pytest.raises(TypeError, match=r"Number.backward must return .* got float for input 0"):
        Number.apply(leaf(2)).sum().backward()
    with pytest.raises(RuntimeError, match=r"Wrong.backward returned 2 gradients for 1 input"):
        Wrong.apply(leaf(2)).sum().backward()
    with pytest.raises(TypeError, match=r"NotATensor.forward must return Tensors, got float"):
        NotATensor.apply(leaf(2))


class Sorted(Function):
    """Sorted numbers, a constant copy of the input, and the order they came in."""

    @staticmethod
    def forward(ctx, x):
        order = tg.tensor(np.argsort(host(x)))
        z, copy = x[order], x * 1.0
        ctx.mark_non_differentiable(copy, order)
        ctx.save_for_backward(order, copy, x)
        return z, copy, order

    @staticmethod
    def backward(ctx, g, gcopy, gorder):
        order, copy, _ = ctx.saved_tensors
        assert (gcopy.shape, gorder.dtype) == (g.shape, order.dtype)
        assert not copy.requires_grad
        return g[tg.tensor(np.argsort(host(order)))]


def test_outputs_that_are_marked_are_constants():
    x = leaf(4)
    z, copy, order = Sorted.apply(x)
    assert (z.requires_grad, copy.requires_grad, order.requires_grad) == (True, False, False)
    assert gradcheck(lambda x: Sorted.apply(x)[0].exp(), [x])
    assert gradgradcheck(lambda x: Sorted.apply(x)[0].exp(), [x])


def test_only_outputs_can_be_marked():
    class Wrong(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_non_differentiable(x)
            return x * 1.0

    with pytest.raises(ValueError, match=r"Wrong.forward: mark_non_differentiable takes outputs"):
        Wrong.apply(leaf(2))


@pytest.mark.parametrize("materialize", [True, False])
def test_a_gradient_that_did_not_arrive_is_zeros_or_none(materialize):
    seen = []

    class Both(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(materialize)
            return x * 2.0, x * 3.0

        @staticmethod
        def backward(ctx, g, h):
            seen.append(h)
            return g * 2.0 if h is None else g * 2.0 + h * 3.0

    x = leaf(2)
    Both.apply(x)[0].sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
    assert seen[0].tolist() == [0.0, 0.0] if materialize else seen[0] is None


def test_none_is_no_gradient():
    class Stop(Function):
        @staticmethod
        def forward(ctx, x, y):
            assert ctx.needs_input_grad == (True, True)
            return x * y

        @staticmethod
        def backward(ctx, g):
            return None, g, None, None

    x, y = leaf(2), leaf(2)
    Stop.apply(x, y).sum().backward()
    assert x.grad is None
    assert y.grad.tolist() == [1.0, 1.0]
    assert grad(Stop.apply(x, y).sum(), x) == [None]


def test_an_input_that_forward_returns_is_an_output():
    class Reversed(Function):
        """The input as it is, its gradient with the sign turned."""

        @staticmethod
        def forward(ctx, x, fixed):
            if fixed:
                ctx.mark_non_differentiable(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return -g, None

    x = leaf(3)
    z = Reversed.apply(x, False)
    assert z is not x
    assert z.raw is x.raw
    assert z.grad_fn is not None
    z.sum().backward()
    assert x.grad.tolist() == [-1.0] * 3
    assert x.is_leaf
    assert not Reversed.apply(x, True).requires_grad


def test_apply_takes_no_keywords():
    with pytest.raises(TypeError, match="unexpected keyword argument 'r'"):
        Polar.apply(r=leaf(2), t=leaf(2))


def test_functions_make_no_cycles():
    r, t = leaf(3, low=1.0), leaf(3)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(50):
            Polar.apply(r, t)[0].sum().backward()
            Polar.apply(r, t)
        assert len(gc.get_objects()) - before < 50
    finally:
        gc.enable()


class Scaled(Function):
    """x times a number, in the style of a forward without ctx."""

    @staticmethod
    def forward(x, factor):
        return x * factor, x.exp()

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, ctx.factor = inputs
        _, e = output
        ctx.save_for_backward(e)

    @staticmethod
    def backward(ctx, g, h):
        (e,) = ctx.saved_tensors
        return g * ctx.factor + h * e, None


def test_a_context_set_up_after_the_forward():
    x = leaf(4)
    assert gradcheck(lambda x: Scaled.apply(x, 3.0), [x])
    assert gradgradcheck(lambda x: Scaled.apply(x, 3.0), [x])


class CubedOnce(Function):
    """x³, whose backward is computed by the host."""

    @staticmethod
    def forward(ctx, x, unused):
        ctx.save_for_backward(x)
        return x**3.0

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return tg.tensor(3.0 * host(x) ** 2 * host(g)), None


def test_once_differentiable_is_never_silently_wrong():
    x = leaf(4)
    assert gradcheck(lambda x: CubedOnce.apply(x, None), [x])
    (g,) = grad(CubedOnce.apply(x, None).sum(), [x], create_graph=True)
    assert np.allclose(host(g), 3 * host(x) ** 2)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        g.sum().backward()


def test_inputs_cannot_be_marked_as_written():
    class Dirty(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x

    with pytest.raises(RuntimeError, match="return new tensors instead"):
        Dirty.apply(leaf(2))
