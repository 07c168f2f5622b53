"""Network in network: the released net's numbers, its block, PyTorch's values and gradients."""

from collections import OrderedDict

import numpy as np
import pytest
from model_twins import compared, count, filled, made, outputs, stirred
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.models.nin import BLOCKS

# --- sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BLOCKS)
def test_the_released_nets_numbers(name):
    channels, *_, side, parameters = BLOCKS[name]
    net = made("nin")
    shapes = outputs(net, 2, 3, 224, 224)
    block = getattr(net, name)
    parts = [block.conv, block.mlp1, block.mlp2]
    assert [layer.out_channels for layer in parts] == list(channels)
    for part in ("conv", "mlp1", "mlp2"):
        assert shapes[f"{name}.{part}"][2:] == (side, side)
    assert count(block) == parameters


def test_totals():
    assert count(made("nin")) == 7_595_176
    other = made("nin", num_classes=10, in_channels=1)
    assert count(other) == 7_595_176 - 990 * 1025 - 2 * 96 * 121


@pytest.mark.parametrize("size", [224, 39])
def test_shapes(size):
    net = made("nin", num_classes=7)
    z = net(tg.zeros(2, 3, size, size, device="meta"))
    assert z.shape == (2, 7)
    z.sum().backward()
    assert all(p.grad.shape == p.shape for p in net.parameters())


def test_the_textbooks_last_block():
    """With as many channels as classes throughout: what Dive into Deep Learning has."""
    before = sum(parameters for *_, parameters in list(BLOCKS.values())[:3])
    with tg.device("meta"):
        last = models.NiNBlock(384, (1000, 1000, 1000), 3, padding=1)
    assert before + count(last) == 7_439_608


# --- values ---------------------------------------------------------------------------------------


def test_a_block_runs_one_small_network_at_every_place():
    tg.manual_seed(0)
    block = models.NiNBlock(2, (5, 4, 3), 3, stride=2, padding=1).double()
    x = np.random.default_rng(0).standard_normal((1, 2, 5, 5))
    z = host(block(tg.tensor(x)))
    padded = np.pad(x[0], ((0, 0), (1, 1), (1, 1)))
    assert z.shape == (1, 3, 3, 3)
    for i, j in np.ndindex(3, 3):
        h = padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].ravel()
        for layer in (block.conv, block.mlp1, block.mlp2):
            w = host(layer.weight).reshape(layer.out_channels, -1)
            h = np.maximum(w @ h + host(layer.bias), 0)
        agree("equal formulas", z[0, :, i, j], h, 1e-12)


def torchs(torch, classes):
    """The net in PyTorch, under our names."""
    parts, blocks, channels = torch.nn, OrderedDict(), 3
    for name, ((first, second, third), window, stride, padding, *_) in BLOCKS.items():
        third = classes if name == "mlpconv4" else third
        layers = OrderedDict(
            conv=parts.Conv2d(channels, first, window, stride, padding),
            relu=parts.ReLU(),
            mlp1=parts.Conv2d(first, second, 1),
            relu1=parts.ReLU(),
            mlp2=parts.Conv2d(second, third, 1),
            relu2=parts.ReLU(),
        )
        blocks[name] = parts.Sequential(layers)
        blocks[f"after_{name}"] = parts.MaxPool2d(3, 2, ceil_mode=True)
        channels = third
    blocks["after_mlpconv4"] = parts.AdaptiveAvgPool2d((1, 1))
    blocks["flatten"] = parts.Flatten()
    return parts.Sequential(blocks)


def test_values_and_gradients(torch, monkeypatch):
    """Of a net that is narrower and otherwise as it is."""
    for name, (channels, *rest) in BLOCKS.items():
        monkeypatch.setitem(BLOCKS, name, (tuple(c // 16 for c in channels), *rest))
    ours = filled(made("nin", num_classes=5, dropout=0.0))
    with torch.device("meta"):
        theirs = torchs(torch, 5)
    compared(torch, ours, stirred(torch, theirs), 2, 3, 97, 118)


def test_first_values():
    tg.manual_seed(0)
    net = models.nin(num_classes=10)
    stds = {name: host(m.weight).std() for name, m in net.named_modules() if hasattr(m, "weight")}
    small = {name for name, std in stds.items() if abs(std - 0.01) < 0.001}
    assert small == {"mlpconv1.conv", "mlpconv3.conv", "mlpconv4.mlp2"}
    assert all(abs(std - 0.05) < 0.005 for name, std in stds.items() if name not in small)
    assert not any(host(m.bias).any() for m in net.modules() if isinstance(m, nn.Conv2d))


def test_dropout_is_of_training_alone():
    net = models.nin(num_classes=3)
    x = tg.randn(1, 3, 70, 70)
    assert net(x).tolist() != net(x).tolist()
    assert net.eval()(x).tolist() == net(x).tolist()
