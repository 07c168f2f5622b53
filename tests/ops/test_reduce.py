"""Reductions and contractions: what they return, and what they say of wrong arguments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import grad, gradcheck

ARRAYS = hnp.arrays(
    "float64",
    hnp.array_shapes(min_dims=1, max_dims=3, max_side=4),
    elements=st.floats(-9, 9, width=32),
)


@given(ARRAYS, st.data(), st.booleans())
def test_reductions_are_numpys(a, data, keepdim):
    x = tg.tensor(a)
    dim = data.draw(st.one_of(st.none(), st.integers(-a.ndim, a.ndim - 1)))
    for name in ("sum", "mean", "prod"):
        want = getattr(a, name)(dim, keepdims=keepdim)
        made = getattr(x, name)(dim=dim, keepdim=keepdim)
        assert np.allclose(made.raw, want, rtol=1e-12, atol=1e-12), name
        assert made.shape == want.shape
    if a.size:
        assert np.allclose(x.var(dim=dim, correction=0).raw, a.var(dim), atol=1e-12)
        assert np.array_equal(x.amax(dim=dim, keepdim=keepdim).raw, a.max(dim, keepdims=keepdim))
        assert np.array_equal(x.argmin(dim=dim).raw, a.argmin(dim))


def test_max_gives_a_tie_to_all_or_with_dim_to_the_first():
    x = tg.tensor([[3.0, 1.0, 3.0]], dtype="float64", requires_grad=True)
    assert grad(x.max(), x)[0].tolist() == [[0.5, 0.0, 0.5]]
    values, indices = x.max(1)
    assert (values.tolist(), indices.tolist()) == ([3.0], [0])
    assert grad(values.sum(), x)[0].tolist() == [[1.0, 0.0, 0.0]]
    values, indices = x.min(1, keepdim=True)
    assert (values.shape, indices.tolist()) == ((1, 1), [[1]])


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_the_gradient_of_a_product_with_zeros(zeros):
    numbers = np.array([2.0, 3.0, 5.0])
    numbers[:zeros] = 0.0
    x = tg.tensor(numbers, requires_grad=True)
    (g,) = grad(x.prod(), x)
    assert g.tolist() == [np.prod(np.delete(numbers, i)) for i in range(3)]
    assert gradcheck(lambda x: x.prod(), [x])


def test_the_norm_of_nothing_has_no_slope():
    x = tg.zeros(3, dtype="float64", requires_grad=True)
    x.norm().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, float("inf"), -float("inf"), "fro"])
def test_norms(p):
    a = np.random.default_rng(0).standard_normal((3, 4))
    x = tg.tensor(a, requires_grad=True)
    for dim in (None, 0, -1):
        number = 2 if p == "fro" else p
        want = np.linalg.vector_norm(a, ord=number, axis=dim)
        assert np.allclose(tg.norm(x, p, dim).raw, want)
    assert gradcheck(lambda x: x.norm(p, 1), [x])
    if p not in (1, float("inf"), -float("inf")):
        zero = tg.zeros(3, dtype="float64", requires_grad=True)
        assert grad(zero.norm(p), zero)[0].tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="positive number"):
        x.norm(-1)


def test_logsumexp_neither_overflows_nor_underflows():
    x = tg.tensor([[1e4, 1e4], [-1e4, -1e4]], dtype="float64")
    assert np.allclose(x.logsumexp(1).raw, [1e4 + np.log(2), -1e4 + np.log(2)])


EQUATIONS = ["ij,jk->ik", "ij,jk", "ii->", "ii->i", "ij->ji", "ij,ij->", "...j,jk->...k", "i,j->ij"]


@pytest.mark.parametrize("equation", EQUATIONS)
def test_einsum_is_numpys_with_gradients(equation):
    sides = {"i": 3, "j": 3, "k": 2}
    rng = np.random.default_rng(0)
    terms = equation.split("->")[0].split(",")
    shapes = [[sides[c] for c in t.replace("...", "ik")] for t in terms]
    arrays = [rng.standard_normal(shape) for shape in shapes]
    xs = [tg.tensor(a, requires_grad=True) for a in arrays]
    assert np.allclose(tg.einsum(equation, *xs).raw, np.einsum(equation, *arrays))
    assert gradcheck(lambda *xs: tg.einsum(equation, *xs), xs)


@given(st.data())
def test_matmul_is_numpys_for_vectors_matrices_and_batches(data):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(signature="(m?,n),(n,p?)->(m?,p?)"))
    a, b = (np.random.default_rng(0).standard_normal(s) for s in shapes.input_shapes)
    x, y = (tg.tensor(m, requires_grad=True) for m in (a, b))
    z = x @ y
    assert z.shape == np.matmul(a, b).shape
    assert np.allclose(z.raw, np.matmul(a, b))
    z.sum().backward()
    assert (x.grad.shape, y.grad.shape) == (a.shape, b.shape)


@pytest.mark.parametrize(
    "call, error, sentence",
    [
        (lambda x: x.sum(2), IndexError, "dim 2 is out of range for a tensor of 2 axes"),
        (lambda x: x.sum((0, 0)), RuntimeError, "names an axis twice"),
        (lambda x: x @ x, RuntimeError, r"inner sizes differ: \(2, 3\) has 3, \(2, 3\) has 2"),
        (lambda x: x @ tg.tensor(1.0), RuntimeError, "needs at least 1 axis each"),
        (lambda x: tg.einsum("ij,jk", x), ValueError, "names 2 operands, got 1"),
        (lambda x: tg.einsum("ijk->i", x), ValueError, "does not fit 2 axes"),
        (lambda x: tg.einsum("ij->k", x), ValueError, "must name letters of the operands"),
        (lambda x: tg.einsum("i1->i", x), ValueError, "holds '1', which is no letter"),
    ],
)
def test_wrong_arguments(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call(tg.ones(2, 3))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64"])
def test_whole_numbers_are_counted_as_int64(dtype):
    x = tg.tensor([1, 1, 1], dtype=dtype)
    for made in (x.sum(), x.cumsum(0), x[0].cumsum(0), x.sum(dim=0)):
        assert made.dtype == np.int64
