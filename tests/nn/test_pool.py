"""Pools as layers: each is its function, with PyTorch's text; what is drawn and what is not."""

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autograd import gradcheck
from tinygrad_cnn.nn import functional as F

L, HW, DHW = (2, 3, 7), (2, 3, 7, 8), (1, 2, 5, 4, 6)

# layer of PyTorch, its arguments, the shape of x, and its function of x
LAYERS = [
    ("MaxPool1d", ((3, 2, 1), {}), L, lambda x: F.max_pool1d(x, 3, 2, 1)),
    ("MaxPool2d", ((2,), {"ceil_mode": True}), HW, lambda x: F.max_pool2d(x, 2, ceil_mode=True)),
    (
        "MaxPool3d",
        (((1, 2, 2), 1), {"dilation": 2}),
        DHW,
        lambda x: F.max_pool3d(x, (1, 2, 2), 1, dilation=2),
    ),
    (
        "AvgPool1d",
        ((3, 2, 1), {"count_include_pad": False}),
        L,
        lambda x: F.avg_pool1d(x, 3, 2, 1, count_include_pad=False),
    ),
    (
        "AvgPool2d",
        ((2, 3), {"ceil_mode": True, "divisor_override": 3}),
        HW,
        lambda x: F.avg_pool2d(x, 2, 3, ceil_mode=True, divisor_override=3),
    ),
    ("AvgPool3d", (((1, 2, 2),), {}), DHW, lambda x: F.avg_pool3d(x, (1, 2, 2))),
    ("LPPool1d", ((1, 3), {}), L, lambda x: F.lp_pool1d(x, 1, 3)),
    (
        "LPPool2d",
        ((1.0, (3, 2), 1), {"ceil_mode": True}),
        HW,
        lambda x: F.lp_pool2d(x, 1.0, (3, 2), 1, ceil_mode=True),
    ),
    ("LPPool3d", ((1, 2), {}), DHW, lambda x: F.lp_pool3d(x, 1, 2)),
    ("AdaptiveAvgPool1d", ((3,), {}), L, lambda x: F.adaptive_avg_pool1d(x, 3)),
    ("AdaptiveAvgPool2d", (((None, 3),), {}), HW, lambda x: F.adaptive_avg_pool2d(x, (None, 3))),
    ("AdaptiveAvgPool3d", ((1,), {}), DHW, lambda x: F.adaptive_avg_pool3d(x, 1)),
    ("AdaptiveMaxPool1d", ((3,), {}), L, lambda x: F.adaptive_max_pool1d(x, 3)),
    ("AdaptiveMaxPool2d", (((None, 3),), {}), HW, lambda x: F.adaptive_max_pool2d(x, (None, 3))),
    ("AdaptiveMaxPool3d", ((1,), {}), DHW, lambda x: F.adaptive_max_pool3d(x, 1)),
]

# layers that PyTorch has not, with their texts
MORE = [
    (
        nn.StochasticPool2d(3, 2, 1).eval(),
        HW,
        lambda x: F.stochastic_pool2d(x, 3, 2, 1, training=False),
        "StochasticPool2d(kernel_size=3, stride=2, padding=1, ceil_mode=False)",
    ),
    (nn.Maxout(3), HW, lambda x: F.maxout(x, 3), "Maxout(pieces=3, dim=1)"),
    (
        nn.SpatialPyramidPool([3, 1], "avg"),
        HW,
        lambda x: F.spatial_pyramid_pool(x, (3, 1), "avg"),
        "SpatialPyramidPool(levels=(3, 1), mode='avg')",
    ),
]


def check(layer, function, shape):
    """The layer is its function, in any dtype, has no weights, and gradients."""
    tg.manual_seed(0)
    x = tg.randn(*shape, dtype="float64", requires_grad=True)
    assert layer(x).tolist() == function(x).tolist()
    assert layer(x.float()).dtype == "float32"
    assert list(layer.parameters()) == [] == list(layer.state_dict())
    assert gradcheck(layer, [x], atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize(("name", "arguments", "shape", "function"), LAYERS)
def test_a_layer_is_its_function(name, arguments, shape, function):
    args, settings = arguments
    check(getattr(nn, name)(*args, **settings), function, shape)


@pytest.mark.parametrize(("layer", "shape", "function", "text"), MORE)
def test_our_own_layers_are_their_functions(layer, shape, function, text):
    check(layer, function, shape)
    assert repr(layer) == text


@pytest.mark.parametrize(("name", "arguments", "shape", "function"), LAYERS)
def test_texts_are_torchs(torch, name, arguments, shape, function):
    args, settings = arguments
    assert repr(getattr(nn, name)(*args, **settings)) == repr(
        getattr(torch.nn, name)(*args, **settings)
    )


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_unpooling_undoes_pooling(torch, rank):
    x = tg.arange(1, 1 + 4**rank, dtype="float32").reshape(1, 1, *[4] * rank)
    pool = getattr(nn, f"MaxPool{rank}d")(2, return_indices=True)
    unpool = getattr(nn, f"MaxUnpool{rank}d")(2)
    z, indices = pool(x)
    back = unpool(z, indices)
    assert back.shape == x.shape
    assert pool(back)[0].tolist() == z.tolist()
    assert unpool(z, indices, output_size=[5] * rank).shape == (1, 1, *[5] * rank)
    assert repr(unpool) == repr(getattr(torch.nn, f"MaxUnpool{rank}d")(2))


@pytest.mark.parametrize("name", ["MaxPool2d", "AdaptiveMaxPool2d"])
def test_indices_come_with_the_maxima(name):
    layer = getattr(nn, name)(2 if name == "MaxPool2d" else 1, return_indices=True)
    z, indices = layer(tg.tensor([[[1.0, 4.0], [3.0, 2.0]]]))
    assert (z.item(), indices.item()) == (4, 1)


def test_elements_are_drawn_in_training_alone():
    layer = nn.StochasticPool2d(2)
    x = tg.rand(1, 1, 20, 20)
    tg.manual_seed(0)
    first, second = layer(x), layer(x)
    assert not np.array_equal(host(first), host(second))
    tg.manual_seed(0)
    assert np.array_equal(host(layer(x)), host(first))
    layer.eval()
    assert np.array_equal(host(layer(x)), host(layer(x)))


def test_maxout_units_after_a_linear_layer():
    """Goodfellow et al. 2013, figure 1: |x| is the larger of two planes."""
    net = nn.Sequential(nn.Linear(1, 2, bias=False), nn.Maxout(2))
    with tg.no_grad():
        net[0].weight.copy_(tg.tensor([[1.0], [-1.0]]))
    assert net(tg.tensor([[-2.0], [3.0]])).tolist() == [[2.0], [3.0]]
