"""The special layers of LeNet-5: the paper's numbers, what they see; errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autograd import gradcheck
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn.lenet import C3_TABLE


def reals(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def count(layer):
    return sum(p.numel() for p in layer.parameters())


# --- partial connections --------------------------------------------------------------------------


def test_the_table_of_c3():
    columns = [tuple(i for i in range(6) if C3_TABLE[i][k] == "X") for k in range(16)]
    around = [tuple(sorted((k + i) % 6 for i in range(3))) for k in range(6)]
    assert columns[:6] == around
    assert columns[6:12] == [tuple(sorted((k + i) % 6 for i in range(4))) for k in range(6)]
    split = [(0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)]
    assert columns[12:15] == split
    assert columns[15] == (0, 1, 2, 3, 4, 5)


def test_c3_by_default():
    layer = nn.PartialConv2d(6, 16, 5)
    assert layer.weight.shape == (60, 5, 5)
    assert count(layer) == 6 * 76 + 9 * 101 + 151 == 1_516
    assert tg.viz.summary(layer, (6, 14, 14)).connections == 151_600
    assert repr(layer) == "PartialConv2d(6, 16, kernel_size=(5, 5), stride=(1, 1), links=60)"
    assert list(layer.state_dict()) == ["weight", "bias"]


@given(st.lists(st.lists(st.integers(0, 1), min_size=3, max_size=3), min_size=2, max_size=2))
def test_maps_see_what_the_table_says(table):
    if not np.any(table, 0).all():
        with pytest.raises(ValueError, match=r"nothing to output map \d"):
            nn.PartialConv2d(2, 3, 1, table=table)
        return
    layer = nn.PartialConv2d(2, 3, 1, bias=False, table=table)
    layer.weight.data.fill_(1.0)
    sees = [layer(tg.tensor(np.eye(2)[i].reshape(2, 1, 1))).flatten().tolist() for i in range(2)]
    assert sees == table


def test_every_map_starts_within_its_own_bound():
    layer = nn.PartialConv2d(6, 16, 5)
    layer.reset_parameters(lambda fan_in: 1 / fan_in)
    maps = [3] * 6 + [4] * 9 + [6]
    assert layer.fans_in() == [25 * seen for seen in maps]
    assert layer.fan_in == 150
    start = 0
    for k, seen in enumerate(maps):
        limit = 1 / (25 * seen)
        weights = np.abs(host(layer.weight)[start : start + seen])
        assert 0.9 * limit < weights.max() <= limit * (1 + 1e-6)
        assert abs(host(layer.bias)[k]) <= limit * (1 + 1e-6)
        start += seen


@pytest.mark.parametrize("table", [C3_TABLE[:5], [row[:15] for row in C3_TABLE], ("X", "XX") * 3])
def test_the_table_has_to_fit(table):
    with pytest.raises(ValueError, match=rf"6 to 16 maps .* got {len(table)} rows of \["):
        nn.PartialConv2d(6, 16, 5, table=table)


# --- subsampling ----------------------------------------------------------------------------------


def test_subsampling_by_hand():
    layer = nn.Subsampling2d(2)
    layer.load_state_dict({"weight": [0.5, 2.0], "bias": [1.0, 0.0]})
    x = tg.tensor([[[1.0, 2, 3, 4], [5, 6, 7, 8]], [[1, 0, 0, 0], [0, 0, 0, 1]]])
    assert layer(x).tolist() == [[[8, 12]], [[2, 2]]]
    assert count(nn.Subsampling2d(6)) == 12
    assert tg.viz.summary(nn.Subsampling2d(6), (6, 28, 28)).connections == 5_880


def test_windows_of_subsampling_may_overlap():
    layer = nn.Subsampling2d(1, 3, 1)
    assert layer(tg.zeros(1, 5, 4)).shape == (1, 3, 2)
    assert repr(layer) == "Subsampling2d(1, kernel_size=(3, 3), stride=(1, 1))"


def test_subsampling_knows_its_channels():
    with pytest.raises(RuntimeError, match=r"expected 3 channels, got .* shape \(1, 1, 4, 4\)"):
        nn.Subsampling2d(3)(tg.zeros(1, 1, 4, 4))


# --- radial basis functions -----------------------------------------------------------------------


def test_distances_to_codes():
    codes = np.sign(reals(10, 84))
    layer = nn.EuclideanRBF(codes)
    x = tg.tensor(reals(3, 84), requires_grad=True)
    z = layer(x)
    agree("equal formulas", z.raw, -((host(x)[:, None] - codes) ** 2).sum(-1), 1e-12)
    assert layer(tg.tensor(codes)).argmax(1).tolist() == list(range(10))
    assert gradcheck(layer, [x], atol=1e-6)
    assert list(layer.parameters()) == []
    assert layer.codes.numel() == tg.viz.summary(layer, (84,)).connections == 840
    assert repr(layer) == "EuclideanRBF(in_features=84, out_features=10)"
    assert list(layer.state_dict()) == ["codes"]


def test_probabilities_of_codes_in_noise():
    codes = np.sign(reals(4, 6))
    x = reals(6)
    likelihoods = np.exp(-((x - codes) ** 2).sum(-1))
    z = F.softmax(nn.EuclideanRBF(codes)(tg.tensor(x)), 0)
    agree("equal formulas", z.raw, likelihoods / likelihoods.sum(), 1e-12)


def test_codes_have_a_length():
    with pytest.raises(RuntimeError, match=r"\(\*, 84\), got shape \(3, 83\)"):
        nn.EuclideanRBF(np.ones((10, 84)))(tg.zeros(3, 83))
