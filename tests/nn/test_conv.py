"""Layers with weights: first values, counts, gradients, PyTorch's numbers, errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autograd import gradcheck, gradgradcheck
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.nn.conv import C3_TABLE

DOUBLE = {"dtype": tg.float64}
TABLE = ("X.X", "XX.")  # two maps to three, four links


def layers(**made):
    """One layer of each kind, with the shape of an input."""
    return {
        "Conv1d": (nn.Conv1d(2, 4, 3, 2, 1, groups=2, **made), (2, 2, 6)),
        "Conv2d": (nn.Conv2d(2, 3, (2, 3), padding="same", bias=False, **made), (2, 2, 3, 4)),
        "Conv3d": (nn.Conv3d(1, 2, 2, dilation=(1, 1, 2), **made), (1, 1, 2, 3, 4)),
        "PartialConv2d": (nn.PartialConv2d(2, 3, 2, padding=1, table=TABLE, **made), (2, 2, 3, 3)),
        "Subsampling2d": (nn.Subsampling2d(3, **made), (2, 3, 4, 5)),
        "Linear": (nn.Linear(4, 3, **made), (2, 2, 4)),
    }


NAMES = sorted(layers())


def reals(*shape):
    return np.random.default_rng(0).standard_normal(shape)


# --- all layers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_differences(name):
    layer, shape = layers(**DOUBLE)[name]
    x = tg.tensor(reals(*shape), requires_grad=True)
    inputs = [x, *layer.parameters()]
    assert gradcheck(lambda x, *parameters: layer(x), inputs, atol=1e-7, rtol=1e-6)
    assert gradgradcheck(lambda x, *parameters: layer(x), inputs, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_holds(name, dtype):
    layer, shape = layers(dtype=dtype)[name]
    x = tg.tensor(reals(*shape), dtype=dtype, requires_grad=True)
    z = layer(x)
    z.sum().backward()
    assert {t.dtype.name for t in (z, x.grad, *layer.parameters())} == {dtype}
    assert {p.grad.dtype.name for p in layer.parameters()} == {dtype}


@pytest.mark.parametrize("name", NAMES)
def test_a_device_holds(name, double):
    layer, shape = layers(device="double")[name]
    x = tg.tensor(reals(*shape), dtype="float32", device="double")
    z = layer(x)
    z.sum().backward()
    assert {str(t.device) for t in (z, *layer.parameters())} == {"double"}
    there = [z.tolist(), *(p.grad.tolist() for p in layer.parameters())]
    layer.zero_grad()
    z = layer.cpu()(x.cpu())
    z.sum().backward()
    here = [z.tolist(), *(p.grad.tolist() for p in layer.parameters())]
    for a, b in zip(there, here, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_the_first_values(name):
    def drawn(seed):
        tg.manual_seed(seed)
        return [p.raw for p in layers()[name][0].parameters()]

    for one, same, other in zip(drawn(1), drawn(1), drawn(2), strict=True):
        assert np.array_equal(one, same)
        assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_first_values_fill_their_bounds(name):
    layer, _ = layers()[name]
    layer.reset_parameters(lambda fan_in: 0.5)
    for p in layer.parameters():
        assert 0 < np.abs(p.raw).max() <= 0.5
    layer.reset_parameters(lambda fan_in: 0.0)
    assert not any(p.raw.any() for p in layer.parameters())


@pytest.mark.parametrize("name", NAMES)
def test_connections_are_multiply_adds_and_biases(name):
    layer, shape = layers()[name]
    out = layer(tg.zeros(*shape)).shape
    biases = 0 if layer.bias is None else math.prod(out)
    assert layer.connections(out) == layer.multiply_adds(out) + biases
    assert layer.multiply_adds((7, *out)) == 7 * layer.multiply_adds(out)


@pytest.mark.parametrize("name", sorted({*NAMES} - {"Linear"}))
def test_multiply_adds_are_the_weights_that_are_used(name):
    """With ones in weights and inputs, and no border, each output is the number of its inputs."""
    layer, shape = layers(**DOUBLE)[name]
    if name != "Subsampling2d":
        layer.padding = (0,) * (len(shape) - 2)
    with tg.no_grad():
        for p in layer.parameters():
            p.fill_(1.0)
        if layer.bias is not None:
            layer.bias.zero_()
    z = layer(tg.ones(*shape, **DOUBLE))
    assert z.sum().item() == layer.multiply_adds(z.shape)


# --- convolutions and linear ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "fan_in"),
    [
        (lambda library: library.Conv2d(4, 60, 3), 36),
        (lambda library: library.Conv1d(4, 60, 3, groups=2), 6),
        (lambda library: library.Linear(50, 60), 50),
    ],
)
def test_first_values_are_spread_as_torchs(torch, make, fan_in):
    bound = 1 / math.sqrt(fan_in)
    for library in (nn, torch.nn):
        for p in make(library).parameters():
            values = p.detach().numpy()
            assert np.abs(values).max() <= bound
            assert np.abs(values).max() > 0.9 * bound
            assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.25)


def test_values_are_torchs(torch):
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2),
        torch.nn.Conv2d(4, 3, (2, 1), dilation=2, bias=False),
        torch.nn.Flatten(),
        torch.nn.Linear(24, 5),
    ).double()
    ours = nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2),
        nn.Conv2d(4, 3, (2, 1), dilation=2, bias=False),
        nn.Flatten(),
        nn.Linear(24, 5),
    ).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = reals(3, 2, 8, 7)
    z, twin = ours(tg.tensor(x)), theirs(torch.tensor(x))
    agree("PyTorch", z.raw, twin.detach().numpy(), 1e-12)
    (z * z).sum().backward()
    (twin * twin).sum().backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        agree("PyTorch", p.grad.raw, q.grad.numpy(), 1e-12)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "groups has to divide .* got 2 for 3 and 4"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), "groups has to divide .* got 2 for 4 and 3"),
        (lambda: nn.Conv2d(4, 4, 3, groups=0), "got 0 for 4 and 4"),
        (lambda: nn.Linear(3, -2), r"at least 0, got a parameter of shape \(-2, 3\)"),
        (lambda: nn.Conv1d(1, 1, (3, 3)), r"Conv1d: kernel_size .* got \(3, 3\)"),
        (lambda: nn.Conv3d(1, 1, 3, stride=0), "Conv3d: stride takes .* got 0"),
        (lambda: nn.Conv2d(1, 1, 3, padding=-1), "Conv2d: padding takes .* got -1"),
        (lambda: nn.Conv2d(1, 1, 3, dilation=1.5), r"Conv2d: dilation takes .* got 1\.5"),
        (lambda: nn.Subsampling2d(1, (2, 0)), r"Subsampling2d: kernel_size .* got \(2, 0\)"),
    ],
)
def test_settings_are_checked_at_once(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_layer_without_inputs_gives_its_bias():
    layer = nn.Linear(0, 2)
    assert layer(tg.zeros(3, 0)).tolist() == [[0, 0]] * 3


# --- the course's counts --------------------------------------------------------------------------


def count(layer):
    return sum(p.numel() for p in layer.parameters())


@pytest.mark.parametrize(
    ("layer", "parameters"),
    [
        (nn.Conv2d(1, 6, 5), 156),
        (nn.Conv2d(1, 1, 3), 10),
        (nn.Conv2d(1, 1, 5), 26),
        (nn.Conv2d(3, 96, 11, stride=4), 34_944),
        (nn.Conv2d(96, 256, 5, padding=2), 614_656),
        (nn.Conv2d(3, 100, 3, padding=1), 2_800),
        (nn.Linear(4096, 1000), 4_097_000),
    ],
)
def test_parameters_of_the_course(layer, parameters):
    assert count(layer) == parameters


@pytest.mark.parametrize(
    ("layers", "out", "multiply_adds"),
    [
        ((nn.Conv2d(192, 32, 5, padding=2),), (28, 28), 120_422_400),
        ((nn.Conv2d(192, 16, 1), nn.Conv2d(16, 32, 5, padding=2)), (28, 28), 12_443_648),
    ],
)
def test_a_bottleneck_saves_nine_tenths(layers, out, multiply_adds):
    assert sum(m.multiply_adds((m.out_channels, *out)) for m in layers) == multiply_adds


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
    assert layer.connections((16, 10, 10)) == 151_600
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
        weights = np.abs(layer.weight.raw[start : start + seen])
        assert 0.9 * limit < weights.max() <= limit * (1 + 1e-6)
        assert abs(layer.bias.raw[k]) <= limit * (1 + 1e-6)
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
    assert nn.Subsampling2d(6).connections((6, 14, 14)) == 5_880


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
    agree("equal formulas", z.raw, -((x.raw[:, None] - codes) ** 2).sum(-1), 1e-12)
    assert layer(tg.tensor(codes)).argmax(1).tolist() == list(range(10))
    assert gradcheck(layer, [x], atol=1e-6)
    assert list(layer.parameters()) == []
    assert layer.codes.numel() == layer.connections((10,)) == 840
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
