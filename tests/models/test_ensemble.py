"""Ensembles and crops: their answer is the mean of the answers."""

import numpy as np
import pytest
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.nn import functional as F


def nets(count):
    return [nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).double() for _ in range(count)]


def test_the_mean_of_probabilities():
    members = nets(3)
    x = tg.randn(5, 3, 2, 2, dtype="float64")
    together = models.Ensemble(*members)
    expected = np.mean([host(m(x).softmax(1).detach()) for m in members], 0)
    agree("by hand", together(x).softmax(1).detach().raw, expected, 1e-12)
    agree("by hand", together(x).exp().detach().raw, expected, 1e-12)  # log of a probability
    labels = tg.tensor([0, 1, 2, 3, 0])
    nll = -np.log(expected[np.arange(5), host(labels)]).mean()
    assert F.cross_entropy(together(x), labels).item() == pytest.approx(nll)


def test_the_mean_of_logits():
    members = nets(2)
    x = tg.randn(5, 3, 2, 2, dtype="float64")
    out = models.Ensemble(*members, average="logits")(x)
    agree("by hand", out.detach().raw, np.mean([host(m(x).detach()) for m in members], 0), 1e-12)


def test_an_ensemble_of_one_and_sure_networks():
    [net] = nets(1)
    x = tg.randn(5, 3, 2, 2, dtype="float64")
    agree(
        "by hand",
        models.Ensemble(net)(x).softmax(1).detach().raw,
        net(x).softmax(1).detach().raw,
        1e-12,
    )
    sure = models.Ensemble(nn.Identity(), nn.Identity())(tg.tensor([[-1e4, 1e4]]))
    assert sure.tolist() == [[-2e4, 0.0]]


def test_it_is_a_module():
    together = models.Ensemble(*nets(2))
    assert list(together.state_dict()) == [
        f"models.{i}.1.{name}" for i in range(2) for name in ("weight", "bias")
    ]
    assert not any(m.training for m in together.eval().modules())
    together(tg.randn(1, 3, 2, 2, dtype="float64")).sum().backward()
    assert all(p.grad is not None for p in together.parameters())
    assert "average='probabilities'" in repr(together)


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_crops(average):
    [net] = nets(1)
    images = np.random.default_rng(0).random((4, 3, 5, 5))
    crops = t.TenCrop(2)(images)
    out = models.MeanOverCrops(net, average)(tg.tensor(crops))
    each = [net(tg.tensor(crops[:, k].copy())) for k in range(10)]
    if average == "probabilities":
        expected = np.log(np.mean([host(z.softmax(1).detach()) for z in each], 0))
    else:
        expected = np.mean([host(z.detach()) for z in each], 0)
    agree("by hand", out.detach().raw, expected, 1e-12)


def test_what_is_refused():
    with pytest.raises(ValueError, match="at least one network"):
        models.Ensemble()
    with pytest.raises(ValueError, match=r"Ensemble: average is .* got 'votes'"):
        models.Ensemble(*nets(1), average="votes")
    with pytest.raises(ValueError, match=r"\(N, K, C, H, W\), got shape \(1, 3, 2, 2\)"):
        models.MeanOverCrops(*nets(1))(tg.zeros(1, 3, 2, 2))
