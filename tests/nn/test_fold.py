"""Layers of columns: their functions, and PyTorch's texts."""

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn import functional as F


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m.Unfold(3),
        lambda m: m.Unfold((2, 3), 1, (1, 0), 2),
        lambda m: m.Fold((4, 5), 3),
        lambda m: m.Fold(4, 2, padding=1),
    ],
)
def test_texts_are_torchs(torch, make):
    assert repr(make(nn)) == repr(make(torch.nn))


def test_layers_are_their_functions():
    settings = {"dilation": 2, "padding": 1, "stride": 2}
    x = tg.randn(2, 3, 6, 5)
    columns = nn.Unfold(2, **settings)(x)
    assert np.array_equal(host(columns), host(F.unfold(x, 2, **settings)))
    back = nn.Fold((6, 5), 2, **settings)(columns)
    assert np.array_equal(host(back), host(F.fold(columns, (6, 5), 2, **settings)))
