"""Frozen parts stay as they are, bit by bit; others learn at rates of their own."""

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.optim import SGD
from tinygrad_cnn.train import Trainer, freeze, param_groups, train_unfrozen


class Net(nn.Module):
    def __init__(self):
        self.body = nn.Sequential(
            nn.Linear(4, 6), nn.BatchNorm1d(6, affine=False), nn.Dropout(0.5), nn.Linear(6, 6)
        )
        self.body2 = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6))
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        return self.fc(self.body2(self.body(x).relu()).relu())


@pytest.fixture
def net():
    tg.manual_seed(0)
    return Net()


def copies(model):
    return {path: host(t).copy() for path, t in model.state_dict().items()}


def test_what_is_frozen(net):
    assert freeze(net, ["body", "fc.bias"]) == [
        "body.0.weight",
        "body.0.bias",
        "body.3.weight",
        "body.3.bias",
        "fc.bias",
    ]
    free = [path for path, p in net.named_parameters() if p.requires_grad]
    assert free == [
        *(f"body2.{p}" for p in ("0.weight", "0.bias", "1.weight", "1.bias")),
        "fc.weight",
    ]


def test_unknown_parts_are_listed_and_nothing_is_frozen(net):
    with pytest.raises(ValueError, match=r"no parameters in 'bod', 'body\.1', 'layer9'; its parts"):
        freeze(net, ["body", "bod", "body.1", "layer9"])
    assert all(p.requires_grad for p in net.parameters())


def test_what_rests(net):
    freeze(net, ["body"])
    train_unfrozen(net.eval())
    assert {path for path, m in net.named_modules() if not m.training} == {
        "body",
        "body.0",
        "body.1",
        "body.2",
        "body.3",
    }
    net.requires_grad_(True)
    assert all(m.training for m in train_unfrozen(net).modules())
    freeze(net, ["fc.weight"])
    assert train_unfrozen(net).fc.training


def test_a_trainer_leaves_the_frozen_part_alone(net):
    freeze(net, ["body"])
    before = copies(net)
    rng = np.random.default_rng(0)
    data = TensorDataset(rng.random((12, 4), "float32"), np.arange(12) % 3)
    groups = param_groups(net, 0.1, {"fc": 2.0})
    trainer = Trainer(net, SGD(groups, momentum=0.9, weight_decay=0.1), DataLoader(data, 6))
    trainer.fit(2)
    for path, t in net.state_dict().items():
        assert np.array_equal(host(t), before[path]) == path.startswith("body."), path


def test_rates(net):
    groups = param_groups(net, 0.1, {"fc": 10, "body.0": 0.1, "body": 0.5, "body.0.bias": 2})
    names = {id(p): path for path, p in net.named_parameters()}
    found = {names[id(p)]: group["lr"] for group in groups for p in group["params"]}
    assert found == pytest.approx(
        {
            "body.0.weight": 0.01,
            "body.0.bias": 0.2,
            "body.3.weight": 0.05,
            "body.3.bias": 0.05,
            **{f"body2.{p}": 0.1 for p in ("0.weight", "0.bias", "1.weight", "1.bias")},
            "fc.weight": 1.0,
            "fc.bias": 1.0,
        }
    )
    [group] = param_groups(net, 0.1)
    assert group["params"] == list(net.parameters())


def test_rates_pass_over_what_is_frozen(net):
    freeze(net, ["body", "body2"])
    [group] = param_groups(net, 0.1, {"fc": 2, "body": 3})
    assert group["params"] == list(net.fc.parameters())
    assert group["lr"] == pytest.approx(0.2)
    with pytest.raises(ValueError, match="no parameters in 'head'"):
        param_groups(net, 0.1, {"head": 2})
    freeze(net, ["fc"])
    with pytest.raises(ValueError, match="every parameter of Net is frozen"):
        param_groups(net, 0.1)
