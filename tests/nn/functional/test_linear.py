"""Linear and bilinear maps and embeddings: against PyTorch; errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree

import tinygrad_cnn as tg
from tinygrad_cnn.nn import functional as F

ROUNDING = 1e-12
SEEDS = st.integers(0, 2**32)


def reals(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def tensors(*arrays):
    return [None if a is None else tg.tensor(a, requires_grad=True) for a in arrays]


def compare(torch, ours, theirs, name, *rest):
    """Values and gradients of a function of ours and of PyTorch's."""
    z, twin = getattr(F, name)(*ours, *rest), getattr(torch.nn.functional, name)(*theirs, *rest)
    agree("PyTorch", z.raw, twin.detach().numpy(), ROUNDING)
    (z * z).sum().backward()
    (twin * twin).sum().backward()
    for t, u in zip(ours, theirs, strict=True):
        if t is not None and t.requires_grad:
            agree("PyTorch", t.grad.raw, u.grad.numpy(), ROUNDING)


def theirs_of(torch, *arrays):
    return [None if a is None else torch.tensor(a, requires_grad=True) for a in arrays]


# --- linear ---------------------------------------------------------------------------------------


@given(SEEDS, st.lists(st.integers(0, 3), max_size=3), st.integers(0, 3), st.integers(0, 3))
def test_linear_is_torchs(torch, seed, lead, inputs, outputs):
    arrays = reals(seed, (*lead, inputs), (outputs, inputs), (outputs,))
    ours, theirs = tensors(*arrays), [torch.tensor(a, requires_grad=True) for a in arrays]
    z, twin = F.linear(*ours), torch.nn.functional.linear(*theirs)
    agree("PyTorch", z.raw, twin.detach().numpy(), ROUNDING)
    (z * z).sum().backward()
    (twin * twin).sum().backward()
    for t, u in zip(ours, theirs, strict=True):
        agree("PyTorch", t.grad.raw, u.grad.numpy(), ROUNDING)


@pytest.mark.parametrize(
    "shapes", [((2, 3), (3,)), ((3,), (3,)), ((3,), (3,), ()), ((2, 1, 3), (3,))]
)
def test_a_weight_without_outputs_is_one_output(torch, shapes):
    arrays = [np.asarray(a) for a in reals(0, *shapes)]
    ours = [tg.tensor(a, requires_grad=True) for a in arrays]
    compare(torch, ours, theirs_of(torch, *arrays), "linear")


@pytest.mark.parametrize("shapes", [((2, 5), (3, 4)), ((), (3, 4)), ((2, 4), (3,))])
def test_linear_says_what_was_given(shapes):
    first, second = (str(s).replace("(", r"\(").replace(")", r"\)") for s in shapes)
    with pytest.raises(RuntimeError, match=f"got shapes {first} and {second}"):
        F.linear(*[tg.zeros(s) for s in shapes])
    with pytest.raises(RuntimeError, match=r"bias of shape \(3,\), got \(1,\)"):
        F.linear(tg.zeros(2, 4), tg.zeros(3, 4), tg.zeros(1))


def test_a_linear_map_keeps_the_dtype():
    for dtype in ("float16", "float32", "float64"):
        x, w, b = (tg.zeros(*s, dtype=dtype) for s in ((2, 4), (3, 4), (3,)))
        assert F.linear(x, w, b).dtype == dtype
        assert F.bilinear(x, x, tg.zeros(3, 4, 4, dtype=dtype), b).dtype == dtype


# --- bilinear -------------------------------------------------------------------------------------


@given(SEEDS, st.lists(st.integers(0, 2), max_size=2), st.integers(1, 3), st.booleans())
def test_bilinear_is_torchs(torch, seed, lead, inputs, biased):
    shapes = [(*lead, inputs), (*lead, 2), (3, inputs, 2), (3,)]
    arrays = reals(seed, *shapes)
    arrays[3] = arrays[3] if biased else None
    compare(torch, tensors(*arrays), theirs_of(torch, *arrays), "bilinear")


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (((2, 3), (3, 4), (5, 3, 4)), r"shapes \(2, 3\), \(3, 4\) and \(5, 3, 4\)"),
        (((2, 3), (2, 4), (5, 3, 3)), r"got shapes .* and \(5, 3, 3\)"),
        (((2, 3), (2, 4), (5, 3, 4), (4,)), r"bias of shape \(5,\), got \(4,\)"),
    ],
)
def test_bilinear_says_what_was_given(torch, shapes, words):
    with pytest.raises(RuntimeError, match=words):
        F.bilinear(*[tg.zeros(*s) for s in shapes])
    with pytest.raises(RuntimeError):
        torch.nn.functional.bilinear(*[torch.zeros(s) for s in shapes])


# --- embedding ------------------------------------------------------------------------------------


@given(SEEDS, st.lists(st.integers(0, 3), max_size=2), st.sampled_from([None, 0, 2, -1]))
def test_embedding_is_torchs(torch, seed, shape, padding_idx):
    (w,) = reals(seed, (4, 3))
    places = np.random.default_rng(seed).integers(0, 4, shape)
    ours, theirs = [tg.tensor(places), *tensors(w)], [torch.tensor(places), *theirs_of(torch, w)]
    compare(torch, ours, theirs, "embedding", padding_idx)


def test_embedding_is_a_product_with_ones_and_zeros():
    places = tg.tensor([[1, 0], [1, 3]])
    (w,) = tensors(reals(0, (4, 3))[0])
    z = F.embedding(places, w)
    agree("equal formulas", z.raw, (F.one_hot(places, 4).double() @ w).raw, ROUNDING)


@pytest.mark.parametrize(
    ("places", "shape", "settings", "error", "words"),
    [
        ([5], (4, 3), {}, IndexError, "from 0 to 3, got some from 5 to 5"),
        ([0, -1], (4, 3), {}, IndexError, "from 0 to 3, got some from -1 to 0"),
        ([0.5], (4, 3), {}, RuntimeError, "whole numbers of rows, got float32"),
        ([True], (4, 3), {}, RuntimeError, "whole numbers of rows, got bool"),
        ([1], (4,), {}, RuntimeError, r"a weight \(V, D\), got shape \(4,\)"),
        ([1], (4, 3), {"padding_idx": 4}, AssertionError, "one of 4 rows, from -4 to 3, got 4"),
    ],
)
def test_embedding_says_what_was_given(torch, places, shape, settings, error, words):
    with pytest.raises(error, match=words):
        F.embedding(tg.tensor(places), tg.zeros(*shape), **settings)
    with pytest.raises(error):
        torch.nn.functional.embedding(torch.tensor(places), torch.zeros(shape), **settings)
