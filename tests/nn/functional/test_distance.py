"""Distances and their losses: against PyTorch with every option, and their errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from losses import REDUCTIONS, agree_with_torch
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn.nn import functional as F

BOOLS = st.booleans()
POWERS = st.sampled_from([1.0, 1.5, 2.0, 3.0, np.inf])
BATCHES = st.sampled_from([(), (1,), (4,)])


@st.composite
def vectors(draw, count, batches=BATCHES):
    """So many arrays (N, D) or (D,)."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (*draw(batches), draw(st.integers(1, 4)))
    return [rng.standard_normal(shape) for _ in range(count)]


@given(vectors(2, st.sampled_from([(), (2,), (3, 2)])), st.integers(-3, 2), BOOLS)
def test_cosine_similarity(torch, case, dim, broadcast):
    x, y = case
    if not -x.ndim <= dim < x.ndim:
        dim = -1
    if broadcast:
        y = y[:1]
    agree_with_torch(torch, "cosine_similarity", [x, y], {"dim": dim, "eps": 1e-8})


def test_cosines_of_nothing_are_zero():
    x = tg.zeros(2, 3, requires_grad=True)
    z = F.cosine_similarity(x, tg.ones(2, 3))
    z.sum().backward()
    assert z.tolist() == [0, 0]
    assert np.isfinite(host(x.grad)).all()


@given(vectors(2), POWERS, st.sampled_from([1e-6, 0.1]), BOOLS)
def test_pairwise_distance(torch, case, p, eps, keepdim):
    agree_with_torch(torch, "pairwise_distance", case, {"p": p, "eps": eps, "keepdim": keepdim})


@given(vectors(3), st.sampled_from([0.5, 1.0]), POWERS, BOOLS, REDUCTIONS)
def test_triplet_margin_loss(torch, case, margin, p, swap, reduction):
    settings = {"margin": margin, "p": p, "swap": swap, "eps": 1e-6, "reduction": reduction}
    agree_with_torch(torch, "triplet_margin_loss", case, settings)


@given(vectors(2), st.sampled_from([-0.5, 0.0, 0.5]), REDUCTIONS)
def test_cosine_embedding_loss(torch, case, margin, reduction):
    target = np.random.default_rng(0).choice([1.0, -1.0], case[0].shape[:-1])
    settings = {"margin": margin, "reduction": reduction}
    agree_with_torch(torch, "cosine_embedding_loss", [*case, np.asarray(target)], settings, (2,))


@given(vectors(2), st.sampled_from([0.0, 0.5]), REDUCTIONS)
def test_margin_ranking_loss(torch, case, margin, reduction):
    target = np.random.default_rng(0).choice([1.0, -1.0], case[0].shape)
    settings = {"margin": margin, "reduction": reduction}
    agree_with_torch(torch, "margin_ranking_loss", [*case, target], settings)


# function, shapes of its inputs, settings
WRONG = [
    ("cosine_similarity", [(2, 3), (2, 4)], {}, r"x1 \(2, 3\) and x2 \(2, 4\)"),
    ("cosine_similarity", [(2, 3), (2, 3)], {"dim": 3}, "3"),
    ("pairwise_distance", [(2, 3), (2, 4)], {}, "do not broadcast"),
    ("triplet_margin_loss", [(2, 3)] * 3, {"margin": -1.0}, "margin is positive, got -1"),
    ("triplet_margin_loss", [(2, 3), (2, 3), (3,)], {}, "as many axes in each"),
    ("triplet_margin_loss", [(2, 3), (2, 3), (2, 4)], {}, r"negative \(2, 4\)"),
    ("triplet_margin_loss", [(2, 3)] * 3, {"reduction": "x"}, "got 'x'"),
    ("margin_ranking_loss", [(2, 3), (3,), (3,)], {}, "as many axes in each"),
    ("margin_ranking_loss", [(2,), (3,), (2,)], {}, "do not broadcast"),
    ("cosine_embedding_loss", [(2, 3), (2, 3), (2, 3)], {}, r"a target \(N,\)"),
    ("cosine_embedding_loss", [(3,), (3,), (2,)], {}, r"shapes \(3,\), \(3,\) and \(2,\)"),
    ("cosine_embedding_loss", [(2, 3), (2, 3), (3,)], {}, r"cosines \(2,\) and target \(3,\)"),
    ("cosine_embedding_loss", [(2, 3), (2, 4), (2,)], {}, "do not broadcast"),
    ("cosine_embedding_loss", [(2, 3, 3), (2, 3, 3), (2,)], {}, r"shapes \(2, 3, 3\)"),
]


@pytest.mark.parametrize(("name", "shapes", "settings", "words"), WRONG)
def test_errors_are_of_the_classes_of_torchs(torch, name, shapes, settings, words):
    with pytest.raises(Exception) as expected:
        getattr(torch.nn.functional, name)(*map(torch.zeros, shapes), **settings)
    with pytest.raises(Exception, match=words) as raised:
        getattr(F, name)(*map(tg.zeros, shapes), **settings)
    assert type(raised.value) is type(expected.value)
