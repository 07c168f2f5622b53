"""All layers with weights: first values, counts, gradients, dtypes, devices."""

import numpy as np
import pytest
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autograd import gradcheck, gradgradcheck

DOUBLE = {"dtype": tg.float64}
TABLE = ("X.X", "XX.")  # two maps to three, four links


def layers(**made):
    """One layer of each kind, with the shape of an input."""
    mirror = {"padding": 1, "padding_mode": "reflect"}
    return {
        "Conv1d": (nn.Conv1d(2, 4, 3, 2, 1, groups=2, **made), (2, 2, 6)),
        "Conv2d": (nn.Conv2d(2, 3, (2, 3), padding="same", bias=False, **made), (2, 2, 3, 4)),
        "Conv3d": (nn.Conv3d(1, 2, 2, dilation=(1, 1, 2), **made), (1, 1, 2, 3, 4)),
        "Conv2d, reflect": (nn.Conv2d(2, 3, 2, **mirror, flip=True, **made), (2, 2, 3, 4)),
        "ConvTranspose1d": (nn.ConvTranspose1d(2, 4, 3, 2, 1, 1, 2, **made), (2, 2, 3)),
        "ConvTranspose2d": (nn.ConvTranspose2d(2, 3, 2, dilation=2, **made), (1, 2, 2, 3)),
        "ConvTranspose3d": (nn.ConvTranspose3d(2, 1, (1, 2, 2), 2, **made), (1, 2, 1, 2, 2)),
        "LocallyConnected1d": (nn.LocallyConnected1d(2, 3, 5, 2, 2, **made), (2, 2, 5)),
        "LocallyConnected2d": (nn.LocallyConnected2d(2, 2, (3, 4), 2, **made), (2, 2, 3, 4)),
        "TiledConv2d": (nn.TiledConv2d(2, 3, 2, (2, 1), padding="same", **made), (2, 2, 3, 4)),
        "PartialConv2d": (nn.PartialConv2d(2, 3, 2, padding=1, table=TABLE, **made), (2, 2, 3, 3)),
        "Subsampling2d": (nn.Subsampling2d(3, **made), (2, 3, 4, 5)),
        "Linear": (nn.Linear(4, 3, **made), (2, 2, 4)),
    }


NAMES = sorted(layers())
SUMS = sorted({*NAMES} - {"Linear"})  # those whose outputs near a border may see less


def reals(*shape):
    return np.random.default_rng(0).standard_normal(shape)


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
        agree("device double", np.array(a), np.array(b), 1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_the_first_values(name):
    def drawn(seed):
        tg.manual_seed(seed)
        return [host(p) for p in layers()[name][0].parameters()]

    for one, same, other in zip(drawn(1), drawn(1), drawn(2), strict=True):
        assert np.array_equal(one, same)
        assert not np.array_equal(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_first_values_fill_their_bounds(name):
    layer, _ = layers()[name]
    layer.reset_parameters(lambda fan_in: 0.5)
    for p in layer.parameters():
        assert 0 < np.abs(host(p)).max() <= 0.5
    layer.reset_parameters(lambda fan_in: 0.0)
    assert not any(host(p).any() for p in layer.parameters())
