"""Products with Jacobians and Hessians, held against differences and against PyTorch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import functional, grad, gradcheck

# How many inputs a function takes, and the function, in methods that both libraries have.
FIELDS = {
    "square": (1, lambda x: x * x),
    "vectors": (1, lambda x: (x.exp() * x).sum(1)),
    "two outputs": (1, lambda x: (x.tanh(), (x * x).sum())),
    "two inputs": (2, lambda x, y: (x * y.exp()).sum(0)),
    "both": (2, lambda x, y: (x * y, x.sin() @ y.transpose(0, 1))),
    "identity": (1, lambda x: x),
    "unused": (2, lambda x, y: (x * x, y.sum())),
    "constant": (1, lambda x: x.detach() * 2.0),
    "a tuple of one": (1, lambda x: (x * x,)),
}
NUMBERS = {
    "cube": (1, lambda x: (x * x * x).sum()),
    "mixed": (2, lambda x, y: (x.exp() * y * y + y.sin()).sum()),
    "linear": (1, lambda x: (x * 3.0).sum()),
    "unused": (2, lambda x, y: (x * x).sum()),
    "quotient": (2, lambda x, y: (x / (1.0 + y * y)).mean()),
}


def drawn(count, shape=(2, 3), seed=0):
    """`count` arrays of float64."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for _ in range(count)]


def tensors(make, raws, alone=True):
    """The arrays as tensors of a library: one, or a tuple."""
    made = tuple(make(raw) for raw in raws)
    return made[0] if alone and len(made) == 1 else made


def flattened(x):
    """Nested tuples of tensors as one list of arrays."""
    if isinstance(x, tuple):
        return [raw for part in x for raw in flattened(part)]
    return [host(x.detach())]


def alike(got, want):
    """Assert that two nests of tensors have one structure, the same shapes and the same numbers."""
    assert isinstance(got, tuple) == isinstance(want, tuple)
    if isinstance(got, tuple):
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            alike(g, w)
        return
    assert tuple(got.shape) == tuple(want.shape)
    np.testing.assert_allclose(host(got.detach()), host(want.detach()), rtol=1e-12, atol=1e-13)


@pytest.fixture
def torch():
    """PyTorch, where it is installed."""
    return pytest.importorskip("torch")


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("field", FIELDS)
def test_first_order_is_pytorchs(torch, field, create_graph):
    count, f = FIELDS[field]
    raws = drawn(count)
    x, t = tensors(tg.tensor, raws), tensors(torch.tensor, raws)
    there = torch.autograd.functional
    alike(functional.jacobian(f, x, create_graph), there.jacobian(f, t, create_graph))
    y = f(*raws_as(tg, raws))
    shapes = [o.shape for o in (y if isinstance(y, tuple) else (y,))]
    u = [raw for i, s in enumerate(shapes) for raw in drawn(1, s, seed=i + 1)]
    alone = not isinstance(y, tuple)
    alike(
        functional.vjp(f, x, tensors(tg.tensor, u, alone), create_graph),
        there.vjp(f, t, tensors(torch.tensor, u, alone), create_graph),
    )
    v = drawn(count, seed=9)
    alike(
        functional.jvp(f, x, tensors(tg.tensor, v), create_graph),
        there.jvp(f, t, tensors(torch.tensor, v), create_graph),
    )


def raws_as(library, raws):
    """The arrays as a list of tensors that require grad."""
    return [library.tensor(raw).requires_grad_() for raw in raws]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("number", NUMBERS)
def test_second_order_is_pytorchs(torch, number, create_graph):
    count, f = NUMBERS[number]
    raws, v = drawn(count), drawn(count, seed=9)
    x, t = tensors(tg.tensor, raws), tensors(torch.tensor, raws)
    there = torch.autograd.functional
    alike(functional.hessian(f, x, create_graph), there.hessian(f, t, create_graph))
    for name in ("hvp", "vhp"):
        alike(
            getattr(functional, name)(f, x, tensors(tg.tensor, v), create_graph),
            getattr(there, name)(f, t, tensors(torch.tensor, v), create_graph),
        )


@pytest.mark.parametrize(
    ("name", "f"),
    [
        ("vjp", lambda x: x.detach() * 2.0),
        ("jvp", lambda x: x.detach() * 2.0),
        ("jacobian", lambda x: (x * x, x.detach())),
        ("hessian", lambda x: (x * 3.0).sum()),
        ("hvp", lambda x: (x * 3.0).sum()),
        ("vhp", lambda x: (x * 3.0).sum()),
    ],
)
def test_strict_refuses_what_pytorch_refuses(torch, name, f):
    x, t = tg.tensor([[2.0]]), torch.tensor([[2.0]])
    with pytest.raises(RuntimeError):
        getattr(torch.autograd.functional, name)(f, t, strict=True)
    with pytest.raises(RuntimeError, match=r"strict: .*strict=False"):
        getattr(functional, name)(f, x, strict=True)
    getattr(functional, name)(lambda x: (x * x * x).sum(), x, strict=True)


def test_strict_with_create_graph_wants_a_derivative_that_depends_on_the_inputs():
    x = tg.tensor([2.0], requires_grad=True)
    for name in ("vjp", "jvp", "jacobian"):
        with pytest.raises(RuntimeError, match="strict: the derivative does not depend"):
            getattr(functional, name)(lambda x: x * 3.0, x, create_graph=True, strict=True)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=2), st.integers(0, 2**31))
def test_jvp_is_the_difference_quotient_and_the_transpose_of_vjp(shape, seed):
    x, v, u = [tg.tensor(raw) for raw in drawn(3, tuple(shape), seed)]

    def f(x):
        return (x * x).sin() * x.exp()

    y, forth = functional.jvp(f, x, v)
    step = 1e-6
    slope = (f(x + step * v) - f(x - step * v)) / (2.0 * step)
    assert y.shape == forth.shape == x.shape
    np.testing.assert_allclose(host(forth), host(slope), rtol=1e-6, atol=1e-6)
    _, back = functional.vjp(f, x, u)
    np.testing.assert_allclose((forth * u).sum().item(), (back * v).sum().item(), rtol=1e-10)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3), st.integers(0, 2**31))
def test_the_hessian_is_symmetric_and_the_difference_of_gradients(n, seed):
    x, v = [tg.tensor(raw) for raw in drawn(2, (n,), seed)]

    def f(x):
        return (x.sin().sum() * x.exp()).sum()

    h = functional.hessian(f, x)
    assert h.shape == (n, n)
    np.testing.assert_allclose(host(h), host(h).T, rtol=1e-10, atol=1e-12)
    y, left = functional.vhp(f, x, v)
    z, right = functional.hvp(f, x, v)
    assert y.item() == z.item() == f(x).item()
    np.testing.assert_allclose(host(left), host(right), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(host(right), host(h) @ host(v), rtol=1e-10, atol=1e-12)
    step = 1e-6
    above, below = [functional.jacobian(f, x + s * step * v) for s in (1, -1)]
    slope = (above - below) / (2.0 * step)
    np.testing.assert_allclose(host(right), host(slope), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["vjp", "jvp", "hvp", "vhp", "jacobian", "hessian"])
def test_with_create_graph_results_can_be_differentiated_by_inputs_and_v(name):
    x, v = [t.requires_grad_() for t in tensors(tg.tensor, drawn(2, (3,)))]
    one = name in ("vjp", "hvp", "vhp", "jvp")

    def f(x):
        return (x * x * x).sum() if name in ("hvp", "vhp", "hessian") else x.exp() * x

    def g(x, v):
        how = (f, x, v, True) if one else (f, x, True)
        found = getattr(functional, name)(*how)
        return found[1] if one else found

    assert gradcheck(g, [x, v] if one else [x, v.detach()])
    out = getattr(functional, name)(*((f, x, v) if one else (f, x)))
    assert not any(t.requires_grad for t in (out if one else (out,)))


def test_derivatives_are_of_arguments_alone_and_leave_no_grad_behind():
    x = tg.tensor([2.0, 3.0], requires_grad=True)
    w = tg.tensor([5.0, 7.0], requires_grad=True)
    with tg.no_grad():
        _, back = functional.vjp(lambda a: (a * x * w).sum(), x)
        j = functional.jacobian(lambda a: a * w, x)
    assert back.tolist() == [10.0, 21.0]
    assert j.tolist() == [[5.0, 0.0], [0.0, 7.0]]
    assert x.grad is None
    assert w.grad is None
    (h,) = grad(functional.vjp(lambda a: (a * x * w).sum(), x, create_graph=True)[1].sum(), w)
    assert h.tolist() == [2.0, 3.0]


def test_third_order_is_the_jacobian_of_a_hessian():
    x = tg.tensor([2.0, 3.0], dtype="float64")
    t = functional.jacobian(
        lambda a: functional.hessian(lambda b: (b**4.0).sum(), a, create_graph=True), x
    )
    want = np.zeros((2, 2, 2))
    want[0, 0, 0], want[1, 1, 1] = 48.0, 72.0
    np.testing.assert_allclose(host(t), want, rtol=1e-12)


def test_float32_stays_float32():
    x = tg.tensor([1.0, 2.0])
    assert functional.jacobian(tg.exp, x).dtype == tg.float32
    assert functional.jvp(tg.exp, x, tg.ones(2, dtype=tg.float64))[1].dtype == tg.float32


def test_wrong_arguments_are_said_in_a_sentence():
    x = tg.tensor([1.0, 2.0])
    with pytest.raises(TypeError, match=r"the inputs must be a Tensor or a tuple .* got list"):
        functional.vjp(tg.exp, [x, x])
    with pytest.raises(TypeError, match=r"what the function returns must be .* got float"):
        functional.jacobian(lambda x: 3.0, x)
    with pytest.raises(RuntimeError, match=r"v can be left out only for a single output.*\(2,\)"):
        functional.vjp(tg.exp, x)
    with pytest.raises(RuntimeError, match=r"v can be left out only for a single input.*\(2,\)"):
        functional.hvp(lambda x: (x * x).sum(), x)
    with pytest.raises(RuntimeError, match=r"v has shapes \[\(3,\)\], expected .* \[\(2,\)\]"):
        functional.jvp(tg.exp, x, tg.ones(3))
    with pytest.raises(RuntimeError, match=r"single output of one element, got shapes \[\(2,\)\]"):
        functional.hessian(tg.exp, x)
    with pytest.raises(RuntimeError, match="only floating tensors"):
        functional.jacobian(tg.exp, tg.tensor([1, 2]))
