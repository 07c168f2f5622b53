"""Layers of vectors: PyTorch's numbers, texts and keys; errors."""

import numpy as np
import pytest
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import nn

MAKERS = {
    "Linear": (lambda m: m.Linear(4, 3), [(2, 4)]),
    "no bias": (lambda m: m.Linear(4, 3, False), [(2, 2, 4)]),
    "Bilinear": (lambda m: m.Bilinear(4, 2, 3), [(5, 4), (5, 2)]),
}


@pytest.mark.parametrize("name", MAKERS)
def test_values_gradients_and_texts_are_torchs(torch, name):
    make, shapes = MAKERS[name]
    ours, theirs = make(nn).double(), make(torch.nn).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    rng = np.random.default_rng(0)
    xs = [rng.standard_normal(shape) for shape in shapes]
    z, twin = ours(*map(tg.tensor, xs)), theirs(*map(torch.tensor, xs))
    agree("PyTorch", z.raw, twin.detach().numpy(), 1e-12)
    (z * z).sum().backward()
    (twin * twin).sum().backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        agree("PyTorch", p.grad.raw, q.grad.numpy(), 1e-12)


def test_a_layer_without_inputs_gives_its_bias():
    layer = nn.Linear(0, 2)
    assert layer(tg.zeros(3, 0)).tolist() == [[0, 0]] * 3


def test_a_bilinear_layer_has_inputs(torch):
    for m in (nn, torch.nn):
        with pytest.raises(ValueError, match="in1_features"):
            m.Bilinear(0, 3, 4)


# --- embedding ------------------------------------------------------------------------------------


def test_an_embedding_is_torchs(torch):
    ours, theirs = nn.Embedding(5, 3, -2).double(), torch.nn.Embedding(5, 3, -2).double()
    assert repr(ours) == repr(theirs) == "Embedding(5, 3, padding_idx=3)"
    assert not host(ours.weight)[3].any()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    places = np.array([[0, 3, 0], [4, 1, 3]])
    z, twin = ours(tg.tensor(places)), theirs(torch.tensor(places))
    agree("PyTorch", z.raw, twin.detach().numpy(), 0.0)
    (z * z).sum().backward()
    (twin * twin).sum().backward()
    agree("PyTorch", ours.weight.grad.raw, theirs.weight.grad.numpy(), 1e-12)
    assert repr(nn.Embedding(5, 3)) == "Embedding(5, 3)"


def test_vectors_begin_normal():
    tg.manual_seed(0)
    values = host(nn.Embedding(100, 50).weight)
    assert abs(values.mean()) < 0.05
    assert values.std() == pytest.approx(1, abs=0.05)


def test_given_vectors_are_kept_and_not_trained():
    vectors = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    layer = nn.Embedding.from_pretrained(vectors)
    assert layer(tg.tensor([1, 0])).tolist() == [[3, 4], [1, 2]]
    assert repr(layer) == "Embedding(2, 2)"
    assert not layer.weight.requires_grad
    assert nn.Embedding.from_pretrained(vectors, freeze=False, padding_idx=-1).padding_idx == 1
    with pytest.raises(AssertionError, match=r"embeddings \(V, D\), got shape \(4,\)"):
        nn.Embedding.from_pretrained(tg.zeros(4))


def test_the_padding_is_a_row(torch):
    for m in (nn, torch.nn):
        with pytest.raises(AssertionError):
            m.Embedding(4, 3, 4)
    with pytest.raises(AssertionError, match=r"Embedding: padding_idx is one of 4 rows.*, got -5"):
        nn.Embedding(4, 3, -5)
