"""ZFNet: the numbers of figure 3, the order of its layers, first values."""

import pytest
from model_twins import count, made, outputs
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.models.alexnet import follower
from tinygrad_cnn.models.zfnet import CONVOLUTIONS


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_the_papers_figure(name):
    net = made("zfnet")
    kernels, _, _, _, _, side, parameters = CONVOLUTIONS[name]
    shapes = outputs(net, 2, 3, 224, 224)
    assert shapes[f"features.{name}"] == (2, kernels, side, side)
    assert count(getattr(net.features, name)) == parameters
    assert [shapes[f"features.pool{i}"][-1] for i in (1, 2, 5)] == [55, 13, 6]


def test_total():
    assert count(made("zfnet")) == 62_357_608
    assert count(made("zfnet", num_classes=10, in_channels=1)) == 62_357_608 - 990 * 4097 - 9_408


def test_differs_from_alexnet_in_two_layers():
    ours, theirs = made("zfnet").state_dict(), made("alexnet").state_dict()
    assert [key for key in theirs if ours[key].shape != theirs[key].shape] == [
        "features.conv1.weight"
    ]
    assert list(ours) == list(theirs)
    net = made("zfnet").features
    assert (net.conv1.stride, net.conv2.stride) == ((2, 2), (2, 2))
    names = [name for name, _ in net.named_children()]
    assert names[:8] == ["conv1", "relu1", "pool1", "norm1", "conv2", "relu2", "pool2", "norm2"]


def test_runs_forward_and_backward():
    net = made("zfnet", num_classes=7)
    z = net(tg.zeros(2, 3, 47, 47, device="meta"))
    assert z.shape == (2, 7)
    z.sum().backward()
    assert all(p.grad.shape == p.shape for p in net.parameters())


def test_narrow_and_with_numbers():
    thin = {name: (4, *row[1:]) for name, row in CONVOLUTIONS.items()}
    net = models.AlexNet(thin, num_classes=3, ones=())
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert not host(layer.bias).any()
    net(tg.randn(2, 3, 64, 64)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_a_window_that_is_partly_there_counts():
    """From 110 a pool gives 55, not the 54 of whole windows."""
    x = tg.arange(110.0).reshape(1, 1, 1, 110).expand(1, 1, 3, 110)
    assert follower("pool", ceil_mode=True)(x).tolist()[0][0][0][-2:] == [108.0, 109.0]
