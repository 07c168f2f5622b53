"""Counts of the gates that run: layers of the library and layers by hand count alike."""

import math

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, viz
from tinygrad_cnn.nn import functional as F


class ByHand(nn.Module):
    """What Conv2d and Linear do, written with functions."""

    def __init__(self):
        self.kernels = nn.Parameter(tg.randn(6, 2, 3, 3))
        self.weights = nn.Parameter(tg.randn(6 * 6 * 6, 5))
        self.biases = nn.Parameter(tg.randn(5))

    def forward(self, x):
        x = F.relu(F.conv2d(x, self.kernels, groups=2))
        return x.flatten(1) @ self.weights + self.biases


def totals(model, size):
    """Connections, multiply-adds forward and backward."""
    table = viz.summary(model, size)
    return table.connections, table.multiply_adds, table.backward


def test_functions_count_like_layers():
    layers = nn.Sequential(
        nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(216, 5)
    )
    conv, linear = 36 * 6 * 2 * 9, 216 * 5
    assert totals(layers, (4, 8, 8)) == (conv + linear + 5, conv + linear, conv + 2 * linear)
    assert totals(ByHand(), (4, 8, 8)) == totals(layers, (4, 8, 8))


@pytest.mark.parametrize(
    ("layer", "size", "connections", "multiply_adds"),
    [
        (nn.Conv1d(2, 3, 3), (2, 10), 8 * 3 * 7, 8 * 3 * 6),
        (nn.Conv3d(1, 2, 2), (1, 3, 3, 3), 8 * 2 * 9, 8 * 2 * 8),
        (nn.Conv2d(2, 2, 3, flip=True), (2, 5, 5), 9 * 2 * 19, 9 * 2 * 18),
        (nn.ConvTranspose2d(2, 3, 2, 2), (2, 4, 4), 16 * 24 + 64 * 3, 16 * 24),
        (nn.Linear(7, 4), (5, 7), 5 * 4 * 8, 5 * 4 * 7),
        (nn.LocallyConnected2d(2, 3, 6, 3), (2, 6, 6), 16 * 3 * 19, 16 * 3 * 18),
        (nn.TiledConv2d(2, 3, 3, 2), (2, 6, 6), 16 * 3 * 19, 16 * 3 * 18),
        (nn.Subsampling2d(6), (6, 28, 28), 5_880, 0),
        (nn.PartialConv2d(6, 16, 5), (6, 14, 14), 151_600, 150_000),
        (nn.BatchNorm2d(3), (3, 4, 4), 2 * 48, 0),
        (nn.PReLU(), (3, 4), 12, 0),
        (nn.MaxPool2d(2), (3, 4, 4), 0, 0),
        (nn.AvgPool2d(2), (3, 4, 4), 0, 0),
        (nn.LocalResponseNorm(5), (6, 4, 4), 0, 0),
        (nn.EuclideanRBF(tg.ones(10, 84)), (84,), 840, 0),
    ],
)
def test_layers(layer, size, connections, multiply_adds):
    assert totals(layer, size)[:2] == (connections, multiply_adds)


def test_numbers_of_the_course():
    direct = nn.Conv2d(192, 32, 5, padding=2, bias=False)
    reduced = nn.Sequential(nn.Conv2d(192, 16, 1), nn.Conv2d(16, 32, 5, padding=2))
    assert totals(direct, (192, 28, 28))[1] == 120_422_400
    assert totals(reduced, (192, 28, 28))[1] == 12_443_648


def test_backward_counts_the_gradients_that_are_wanted():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5), nn.Linear(5, 6))
    assert totals(model, (3,))[2] == 12 + 2 * 20 + 2 * 30
    model[0].requires_grad_(False)
    assert totals(model, (3,)) == (16 + 25 + 36, 62, 20 + 2 * 30)
    model.requires_grad_(False)
    assert totals(model, (3,))[2] == 0


def test_products_without_weights_are_no_connections():
    class Attention(nn.Module):
        def forward(self, x):
            return tg.einsum("nld,nmd->nlm", x, x) @ x

    assert totals(Attention(), (5, 3))[:2] == (0, 2 * 5 * 5 * 3)


def test_a_batch_does_not_count_more_than_once():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 9, 3))
    one, many = (viz.summary(model, (1, 5, 5), batch_size=n) for n in (1, 7))
    for name in ("connections", "multiply_adds", "backward"):
        assert getattr(one, name) == getattr(many, name)
    kept = math.prod((1, 5, 5)) + 2 * 9
    assert (one.activation_bytes, many.activation_bytes) == (4 * kept, 7 * 4 * kept)
