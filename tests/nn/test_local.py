"""Layers whose kernels change from place to place: their shapes, biases, counts; errors."""

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn import functional as F


def count(layer):
    return sum(p.numel() for p in layer.parameters())


@pytest.mark.parametrize(
    ("bias", "shape"),
    [("position", (4, 5, 2)), ("unit", (4, 5, 2)), ("channel", (4,)), (True, (4, 5, 2))],
)
def test_biases_of_a_locally_connected_layer(bias, shape):
    layer = nn.LocallyConnected2d(3, 4, (5, 6), 3, (1, 2), (1, 0), bias=bias)
    assert layer.weight.shape == (4, 5, 2, 3, 3, 3)
    assert layer.bias.shape == shape
    assert layer(tg.randn(2, 3, 5, 6)).shape == (2, 4, 5, 2)


@pytest.mark.parametrize(
    ("bias", "shape"),
    [("tile", (4, 2, 3)), ("unit", (4, 5, 4)), ("position", (4, 5, 4)), ("channel", (4,))],
)
def test_biases_of_a_tiled_layer(bias, shape):
    layer = nn.TiledConv2d(3, 4, 3, (2, 3), padding=(1, 0), bias=bias, input_size=(5, 6))
    assert layer.weight.shape == (4, 2, 3, 3, 3, 3)
    assert layer.bias.shape == shape
    x = tg.randn(2, 3, 5, 6)
    same = F.tiled_conv2d(x, layer.weight, layer.bias, padding=(1, 0))
    assert np.array_equal(host(layer(x)), host(same))


def test_layers_without_bias():
    for layer in (
        nn.LocallyConnected1d(1, 2, 4, 2, bias=False),
        nn.TiledConv2d(1, 2, 2, 2, bias=False),
    ):
        assert layer.bias is None
        assert list(layer.state_dict()) == ["weight"]
        assert "bias=False" in repr(layer)


def test_what_sharing_saves():
    """The course's example: a 2x2 kernel at stride 2 on 4x4 inputs has 16 weights, or 4 shared."""
    assert count(nn.LocallyConnected2d(1, 1, 4, 2, 2, bias=False)) == 16
    assert (
        count(nn.TiledConv2d(1, 1, 2, 1, 2, bias=False))
        == count(nn.Conv2d(1, 1, 2, 2, bias=False))
        == 4
    )


def test_texts():
    local = nn.LocallyConnected1d(1, 2, 8, 3, padding="same")
    assert repr(local) == (
        "LocallyConnected1d(1, 2, kernel_size=(3,), stride=(1,), padding=same, dilation=(1,), "
        "input_size=(8,))"
    )
    tiled = nn.TiledConv2d(1, 2, 3, 2)
    assert repr(tiled) == (
        "TiledConv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(0, 0), dilation=(1, 1), "
        "tiles=(2, 2))"
    )


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (
            lambda: nn.LocallyConnected2d(1, 1, 4, 2, bias="tile"),
            ValueError,
            "one of .* got 'tile'",
        ),
        (lambda: nn.LocallyConnected2d(1, 1, 4, 5), RuntimeError, r"\(5, 5\) does not fit"),
        (lambda: nn.LocallyConnected1d(1, 1, 0, 1), RuntimeError, "input_size takes .* got 0"),
        (
            lambda: nn.LocallyConnected1d(1, 1, 4, 1, padding="x"),
            RuntimeError,
            "or 'full', got 'x'",
        ),
        (lambda: nn.TiledConv2d(1, 1, 2, 0), RuntimeError, "tiles takes .* got 0"),
        (lambda: nn.TiledConv2d(1, 1, 2, 2, bias="unit"), ValueError, "needs to know input_size"),
        (lambda: nn.TiledConv2d(1, 1, 2, 2, bias="row"), ValueError, "one of .* got 'row'"),
    ],
)
def test_settings_are_checked_at_once(make, error, words):
    with pytest.raises(error, match=words):
        make()
