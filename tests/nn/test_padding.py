"""Borders as layers: each is F.pad in its mode, with PyTorch's text."""

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn import functional as F

MODES = {"Zero": "constant", "Reflection": "reflect", "Replication": "replicate"}
MODES["Circular"] = "circular"


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("kind", MODES)
def test_a_layer_is_its_function(torch, kind, several, rank):
    widths = tuple(i % 3 for i in range(2 * rank)) if several else 2
    layer = getattr(nn, f"{kind}Pad{rank}d")(widths)
    twin = getattr(torch.nn, f"{kind}Pad{rank}d")(widths)
    x = np.random.default_rng(0).standard_normal((2, *[3] * (rank + 1)))
    z = layer(tg.tensor(x))
    full = widths if several else (2,) * 2 * rank
    assert np.array_equal(host(z), host(F.pad(tg.tensor(x), full, MODES[kind])))
    assert np.array_equal(host(z), twin(torch.tensor(x)).numpy())
    assert repr(layer) == repr(twin)
    assert not layer.state_dict()


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_constant_border(torch, rank):
    layer = getattr(nn, f"ConstantPad{rank}d")(1, 3.5)
    twin = getattr(torch.nn, f"ConstantPad{rank}d")(1, 3.5)
    x = np.ones((1, 2, *[2] * rank))
    assert np.array_equal(host(layer(tg.tensor(x))), twin(torch.tensor(x)).numpy())
    assert repr(layer) == repr(twin)


def test_a_border_before_a_convolution_is_that_of_the_convolution():
    net = nn.Sequential(nn.ZeroPad2d(1), nn.Conv2d(2, 3, 3))
    x = tg.randn(1, 2, 5, 5)
    want = F.conv2d(x, net[1].weight, net[1].bias, padding=1)
    assert np.allclose(host(net(x)), host(want), atol=1e-6)
