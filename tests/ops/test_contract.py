"""Contractions: they agree with PyTorch, and say what is wrong with operands that do not fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn.autograd import grad, gradcheck, gradgradcheck

ROUNDING = 1e-12


def drawn(*shape):
    """Numbers for a shape."""
    return np.random.default_rng(len(shape)).standard_normal(shape)


def compare(torch, call, *arrays):
    """Assert that call(library, *tensors) has PyTorch's value, dtype and gradients."""
    mine = [tg.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    theirs = [torch.tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    z, want = call(tg, *mine), call(torch, *theirs)
    assert str(z.dtype) == str(want.dtype).removeprefix("torch.")
    agree("PyTorch", z.raw, want.detach().numpy(), ROUNDING)
    if want.requires_grad and want.numel():
        weights = np.random.default_rng(0).standard_normal(want.shape)
        (z * tg.tensor(weights)).sum().backward()
        (want * torch.tensor(weights)).sum().backward()
        for x, y in zip(mine, theirs, strict=True):
            if y.grad is not None:
                agree("PyTorch", x.grad.raw, y.grad.numpy(), ROUNDING)


# --- matrices and vectors -------------------------------------------------------------------------

PRODUCTS = {
    "mm": (lambda t, x, y: t.mm(x, y), (2, 3), (3, 4)),
    "mm of nothing": (lambda t, x, y: x.mm(y), (2, 0), (0, 4)),
    "bmm": (lambda t, x, y: t.bmm(x, y), (2, 3, 4), (2, 4, 1)),
    "mv": (lambda t, x, y: t.mv(x, y), (2, 3), (3,)),
    "dot": (lambda t, x, y: t.dot(x, y), (3,), (3,)),
    "dot of nothing": (lambda t, x, y: x.dot(y), (0,), (0,)),
    "outer": (lambda t, x, y: t.outer(x, y), (2,), (3,)),
    "inner": (lambda t, x, y: t.inner(x, y), (2, 3, 4), (5, 4)),
    "inner of vectors": (lambda t, x, y: x.inner(y), (3,), (3,)),
    "inner of numbers": (lambda t, x, y: t.inner(x, y), (), (2, 3)),
    "batches": (lambda t, x, y: x @ y, (4, 1, 2, 3), (5, 3, 2)),
    "a vector before batches": (lambda t, x, y: x @ y, (3,), (4, 5, 3, 2)),
    "a vector behind batches": (lambda t, x, y: x @ y, (4, 5, 2, 3), (3,)),
    "tensordot": (lambda t, x, y: t.tensordot(x, y), (2, 3, 4), (3, 4, 5)),
    "tensordot of none": (lambda t, x, y: t.tensordot(x, y, 0), (2, 3), (4,)),
    "tensordot of pairs": (
        lambda t, x, y: t.tensordot(x, y, dims=([0, -1], [1, 0])),
        (2, 3, 4),
        (4, 2, 5),
    ),
    "kron": (lambda t, x, y: t.kron(x, y), (2, 3), (4,)),
    "kron of a number": (lambda t, x, y: t.kron(x, y), (), (2, 3)),
    "cross": (lambda t, x, y: t.cross(x, y, dim=1), (2, 3, 4), (2, 3, 1)),
    "cross by default": (lambda t, x, y: t.cross(x, y, dim=-1), (2, 3), (2, 3)),
    "addmm": (
        lambda t, x, y: t.addmm(t.ones(4, dtype=t.float64), x, y, beta=0.5, alpha=-2),
        (2, 3),
        (3, 4),
    ),
    "addmm without x": (
        lambda t, x, y: t.addmm(t.full((4,), float("nan"), dtype=t.float64), x, y, beta=0),
        (2, 3),
        (3, 4),
    ),
    "addmv": (
        lambda t, x, y: t.addmv(t.ones(2, dtype=t.float64), x, y, beta=2, alpha=3),
        (2, 3),
        (3,),
    ),
    "baddbmm": (
        lambda t, x, y: t.baddbmm(t.ones(1, 3, 1, dtype=t.float64), x, y),
        (2, 3, 4),
        (2, 4, 5),
    ),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_pytorchs(name, torch):
    call, a, b = PRODUCTS[name]
    compare(torch, call, drawn(*a), drawn(*b))


WHOLE = sorted(n for n in PRODUCTS if not n.startswith(("addm", "badd")))


@pytest.mark.parametrize("name", WHOLE)
def test_products_of_whole_numbers_stay_whole(name, torch):
    call, a, b = PRODUCTS[name]
    numbers = [np.random.default_rng(0).integers(-9, 9, shape) for shape in (a, b)]
    compare(torch, call, *numbers)
    single = call(tg, *[tg.tensor(n, dtype="float32") for n in numbers])
    assert single.dtype == tg.float32


@pytest.mark.parametrize(
    "a, b", [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((4, 2, 3), (3,)), ((3,), (4, 3, 2))]
)
def test_gradients_of_vectors_to_second_order(a, b):
    x, y = (tg.tensor(drawn(*shape), requires_grad=True) for shape in (a, b))
    assert gradcheck(tg.matmul, [x, y])
    assert gradgradcheck(tg.matmul, [x, y])


@given(st.data())
def test_matmul_is_numpys_for_vectors_matrices_and_batches(data):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(signature="(m?,n),(n,p?)->(m?,p?)"))
    a, b = (np.random.default_rng(0).standard_normal(s) for s in shapes.input_shapes)
    x, y = (tg.tensor(m, requires_grad=True) for m in (a, b))
    z = x @ y
    assert z.shape == np.matmul(a, b).shape
    agree("NumPy", z.raw, np.asarray(np.matmul(a, b)), ROUNDING)
    z.sum().backward()
    assert (x.grad.shape, y.grad.shape) == (a.shape, b.shape)


def test_strides_do_not_matter(torch):
    compare(torch, lambda t, x, y: x.T @ y[::2, 1:], drawn(3, 2), drawn(5, 4))


def test_products_of_infinities_do_not_warn(recwarn):
    x = tg.tensor([[float("inf"), 1.0]])
    assert np.isnan((x @ tg.zeros(2, 1)).item())
    assert not recwarn.list


# --- einsum ---------------------------------------------------------------------------------------

EINSUMS = {
    "ij,jk->ik": [(2, 3), (3, 4)],
    "ij,jk": [(2, 3), (3, 4)],
    "ba": [(2, 3)],
    "Aa,ab": [(2, 3), (3, 4)],
    "ii": [(3, 3)],
    "ii->i": [(3, 3)],
    "iji->j": [(3, 2, 3)],
    "i->": [(3,)],
    ",i->i": [(), (3,)],
    "": [()],
    ",->": [(), ()],
    " i j -> j i ": [(2, 3)],
    "...j,jk->...k": [(2, 5, 3), (3, 4)],
    "...,...->...": [(2, 3), (3,)],
    "i...,i...": [(2, 3), (2, 3)],
    "i...j->ij": [(2, 4, 3)],
    "i...j->...": [(2, 4, 3)],
    "ij->i...": [(2, 3)],
    "...ii->...i": [(3, 2, 2)],
    "a...,...b->...": [(2, 3), (3, 2)],
    "ij,jk->...ik": [(2, 3), (3, 4)],
    "ij,ij,ij->i": [(2, 3), (2, 3), (2, 3)],
    "ij,jk->ik of size 1": [(2, 3), (1, 4)],
    "ij,j->i of size 1": [(2, 1), (3,)],
    "ij,jk->ik of nothing": [(2, 0), (0, 4)],
    "bhqd,bhkd->bhqk": [(2, 2, 3, 4), (2, 2, 5, 4)],
}


@pytest.mark.parametrize("name", EINSUMS)
def test_einsum_is_pytorchs_with_gradients(name, torch):
    equation = name.partition(" of ")[0]
    shapes = EINSUMS[name]
    compare(torch, lambda t, *xs: t.einsum(equation, *xs), *[drawn(*s) for s in shapes])
    compare(torch, lambda t, *xs: t.einsum(equation, list(xs)), *[drawn(*s) for s in shapes])
    xs = [tg.tensor(drawn(*s), requires_grad=True) for s in shapes]
    if all(x.numel() for x in xs):
        assert gradgradcheck(lambda *xs: tg.einsum(equation, *xs), xs)


@given(st.data())
def test_einsum_sums_every_product_of_letters_that_agree(data):
    """Any terms, any output, against NumPy's own einsum."""
    sizes = dict(zip("abcd", data.draw(st.tuples(*[st.integers(1, 3)] * 4)), strict=True))
    term = st.text("abcd", max_size=3)
    terms = data.draw(st.lists(term, min_size=1, max_size=3))
    letters = sorted(set("".join(terms)))
    out = "".join(data.draw(st.permutations(letters))[: data.draw(st.integers(0, len(letters)))])
    equation = f"{','.join(terms)}->{out}"
    arrays = [drawn(*[sizes[c] for c in term]) for term in terms]
    want = np.asarray(np.einsum(equation, *arrays))
    agree("NumPy", tg.einsum(equation, *map(tg.tensor, arrays)).raw, want, ROUNDING)


# --- what does not fit ----------------------------------------------------------------------------

BAD = [
    (lambda t, x, v, b: t.mm(x, x), r"inner sizes differ: \(2, 3\) has 3, \(2, 3\) has 2"),
    (lambda t, x, v, b: t.mm(v, v), r"mm: takes tensors of 2 and 2 axes, got shapes \(3,\)"),
    (lambda t, x, v, b: t.mm(b, b), r"mm: takes tensors of 2 and 2 axes"),
    (lambda t, x, v, b: t.bmm(x, x), r"bmm: takes tensors of 3 and 3 axes"),
    (lambda t, x, v, b: t.bmm(b, b), r"inner sizes differ"),
    (lambda t, x, v, b: t.bmm(b, t.ones(1, 3, 2)), r"holds 2 matrices, \(1, 3, 2\) holds 1"),
    (lambda t, x, v, b: t.mv(x, t.ones(2)), r"inner sizes differ"),
    (lambda t, x, v, b: t.mv(v, v), r"mv: takes tensors of 2 and 1 axes"),
    (lambda t, x, v, b: t.dot(v, t.ones(2)), r"inner sizes differ"),
    (lambda t, x, v, b: t.dot(x, x), r"dot: takes tensors of 1 and 1 axes"),
    (lambda t, x, v, b: t.outer(x, v), r"outer: takes tensors of 1 and 1 axes"),
    (lambda t, x, v, b: t.inner(x, t.ones(2)), r"inner: the last sizes differ"),
    (lambda t, x, v, b: x @ x, r"inner sizes differ"),
    (lambda t, x, v, b: x @ t.tensor(1.0), r"needs at least 1 axis each"),
    (
        lambda t, x, v, b: b @ t.ones(3, 3, 2),
        r"stacks of matrices .* do not broadcast: 2 against 3",
    ),
    (lambda t, x, v, b: t.tensordot(x, x, 3), r"tensordot: dims is at least 0 .* got 3"),
    (lambda t, x, v, b: t.tensordot(x, x, -1), r"tensordot: dims is at least 0 .* got -1"),
    (lambda t, x, v, b: t.tensordot(x, x, ([0], [1])), r"tensordot: sizes differ"),
    (lambda t, x, v, b: t.tensordot(x, x, ([0, 1], [0])), r"pairs axes, got 2 and 1"),
    (lambda t, x, v, b: t.tensordot(x, x, ([0, 0], [0, 0])), r"names an axis twice"),
    (lambda t, x, v, b: t.tensordot(x, x, ([5], [0])), r"dim 5 is out of range"),
    (lambda t, x, v, b: t.addmm(v, x, x.T), r"addmm: what is added has shape \(3,\)"),
    (lambda t, x, v, b: t.addmm(t.ones(1, 2, 2), x, x.T), r"does not broadcast"),
    (lambda t, x, v, b: t.addmv(v, x, v), r"addmv: what is added"),
    (lambda t, x, v, b: t.baddbmm(v, b, b.mT), r"baddbmm: what is added"),
    (lambda t, x, v, b: t.cross(t.ones(2), t.ones(2)), r"cross: takes vectors of three numbers"),
    (lambda t, x, v, b: t.cross(x, x, dim=0), r"three numbers along dim 0"),
    (lambda t, x, v, b: t.cross(x, v), r"cross: takes tensors of as many axes"),
    (lambda t, x, v, b: t.einsum("ij,jk", x), "names 2 operands, got 1"),
    (lambda t, x, v, b: t.einsum("ij", x, x), "names 1 operands, got 2"),
    (lambda t, x, v, b: t.einsum("ijk->i", x), "does not fit 2 axes"),
    (lambda t, x, v, b: t.einsum("i->i", x), "does not fit 2 axes"),
    (lambda t, x, v, b: t.einsum("ij->k", x), "must name letters of the operands once"),
    (lambda t, x, v, b: t.einsum("ij->ii", x), "must name letters of the operands once"),
    (lambda t, x, v, b: t.einsum("i1->i", x), "holds '1'; a term is made of letters"),
    (lambda t, x, v, b: t.einsum("i.j->ij", x), "holds '.'; a term is made of letters"),
    (lambda t, x, v, b: t.einsum("......", x), "holds '.'; a term is made of letters"),
    (lambda t, x, v, b: t.einsum("ij->->i", x), "holds '-'; a term is made of letters"),
    (lambda t, x, v, b: t.einsum("ii", x), "have sizes 2 and 3; a diagonal needs equal ones"),
    (lambda t, x, v, b: t.einsum("ij,jk->ik", x, x), r"'j' in .* has sizes 3 and 2 in operands"),
    (lambda t, x, v, b: t.einsum("ij"), "needs operands, got none"),
    (lambda t, x, v, b: t.einsum(5, x), "takes the equation first"),
]


@pytest.mark.parametrize("call, sentence", BAD)
def test_wrong_arguments_raise_what_pytorch_raises(call, sentence, torch):
    with pytest.raises(Exception) as expected:
        call(torch, torch.ones(2, 3), torch.ones(3), torch.ones(2, 2, 3))
    with pytest.raises(expected.type, match=sentence):
        call(tg, tg.ones(2, 3), tg.ones(3), tg.ones(2, 2, 3))


def test_the_gradient_of_one_operand_alone():
    x, y = tg.tensor(drawn(2, 3), requires_grad=True), tg.tensor(drawn(3, 4))
    (g,) = grad((x @ y).sum(), x)
    agree("by hand", g.raw, np.tile(host(y).sum(1), (2, 1)), ROUNDING)
