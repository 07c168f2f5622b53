"""Lazy layers: what they become, and what they cannot do before."""

import copy
import re

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim

LAYERS = {
    "Conv1d": ((3, 2), {"groups": 3, "stride": 2}, (2, 3, 7)),
    "Conv2d": ((4, 3), {"padding": 1, "padding_mode": "reflect"}, (2, 3, 5, 5)),
    "Conv3d": ((2, 2, 2, 1), {"bias": False}, (1, 2, 3, 3, 3)),
    "ConvTranspose1d": ((2, 3), {"stride": 2}, (1, 4, 3)),
    "ConvTranspose2d": ((4, 3), {"groups": 2}, (1, 4, 3, 3)),
    "ConvTranspose3d": ((2, 2), {}, (1, 3, 2, 2, 2)),
    "Linear": ((4,), {"bias": False}, (2, 5, 3)),
    "BatchNorm1d": ((1e-3,), {}, (4, 3)),
    "BatchNorm2d": ((), {"affine": False}, (4, 3, 2, 2)),
    "BatchNorm3d": ((), {"track_running_stats": False}, (4, 3, 2, 2, 2)),
}


def pair(name):
    """A lazy layer, its twin that knows what it takes, and an input."""
    args, settings, shape = LAYERS[name]
    features = shape[-1] if name == "Linear" else shape[1]
    tg.manual_seed(1)
    twin = getattr(nn, name)(features, *args, **settings)
    tg.manual_seed(1)
    return getattr(nn, f"Lazy{name}")(*args, **settings), twin, tg.randn(*shape)


@pytest.mark.parametrize("name", LAYERS)
def test_the_first_input_makes_an_ordinary_layer(name):
    lazy, twin, x = pair(name)
    tg.manual_seed(1)  # of the first values, which are drawn only now
    z = lazy(x)
    assert type(lazy) is type(twin)
    assert repr(lazy) == repr(twin)
    assert vars(lazy).keys() == vars(twin).keys()
    assert np.array_equal(host(z), host(twin(x)))
    for (key, a), (same, b) in zip(
        lazy.state_dict().items(), twin.state_dict().items(), strict=True
    ):
        assert key == same
        assert np.array_equal(host(a), host(b))
    assert np.array_equal(host(lazy(x)), host(twin(x)))


@pytest.mark.parametrize("name", LAYERS)
def test_texts_are_torchs(torch, name):
    args, settings, _ = LAYERS[name]
    theirs = getattr(torch.nn, f"Lazy{name}")(*args, **settings)
    text = re.sub(", bias=(True|False), track", ", track", repr(theirs))  # our norms leave it out
    assert repr(pair(name)[0]) == text


@pytest.mark.parametrize("name", sorted({*LAYERS} - {"BatchNorm3d"}))
def test_a_state_makes_an_ordinary_layer(name):
    lazy, twin, x = pair(name)
    lazy.load_state_dict(twin.state_dict())
    assert type(lazy) is type(twin)
    assert np.array_equal(host(lazy(x)), host(twin(x)))


@pytest.mark.parametrize(
    "use",
    [
        lambda net: net.state_dict(),
        lambda net: list(net.parameters()),
        lambda net: list(net.buffers()),
        lambda net: sum(p.numel() for p in net.parameters()),
        lambda net: optim.SGD(net.parameters(), lr=0.1),
        lambda net: net.to(dtype="float64"),
        lambda net: net.zero_grad(),
    ],
)
def test_before_there_are_no_parameters(use):
    net = nn.Sequential(nn.Linear(2, 3), nn.LazyLinear(4), nn.LazyBatchNorm1d())
    with pytest.raises(RuntimeError, match="LazyLinear has no parameters before its first forward"):
        use(net)
    net(tg.randn(5, 2))
    use(net)


def test_a_network_in_a_notebook():
    net = nn.Sequential(nn.LazyConv2d(6, 5), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))
    twin = copy.deepcopy(net)
    assert "LazyConv2d(0, 6" in repr(net)
    assert net.train(False)(tg.zeros(2, 3, 8, 8)).shape == (2, 10)
    assert not net[0].training
    assert net[0].in_channels == 3
    assert net[3].in_features == 96
    assert isinstance(twin[0], nn.LazyConv2d)
    net(tg.randn(2, 3, 8, 8)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_hooks_stay():
    layer, shapes = nn.LazyLinear(4), []
    layer.register_forward_hook(lambda module, args, output: shapes.append(output.shape))
    layer(tg.zeros(2, 3))
    layer(tg.zeros(5, 3))
    assert shapes == [(2, 4), (5, 4)]


def test_parameters_follow_the_first_input():
    layer = nn.LazyConv1d(2, 3)
    assert layer(tg.zeros(1, 4, 5, dtype="float64")).dtype == "float64"
    assert {p.dtype.name for p in layer.parameters()} == {"float64"}
    chosen = nn.LazyLinear(2, dtype="float32")
    chosen(tg.zeros(1, 4, dtype="float64"))
    assert chosen.weight.dtype == "float32"
    whole = nn.LazyLinear(2)
    whole(tg.zeros(1, 4, dtype="int64"))
    assert whole.weight.dtype == "float32"


def test_nothing_is_drawn_before():
    tg.manual_seed(0)
    wanted = tg.randn(3).tolist()
    tg.manual_seed(0)
    nn.LazyConv2d(4, 3)
    assert tg.randn(3).tolist() == wanted


@pytest.mark.parametrize(
    ("make", "shape", "error", "words"),
    [
        (lambda: nn.LazyConv2d(4, 3), (2, 3), RuntimeError, r"LazyConv2d: .*, got \(2, 3\)"),
        (lambda: nn.LazyLinear(4), (), RuntimeError, r"LazyLinear: .*got shape \(\)"),
        (lambda: nn.LazyBatchNorm2d(), (2, 3), ValueError, r"LazyBatchNorm2d: .*got \(2, 3\)"),
        (lambda: nn.LazyConv2d(4, 0), (), RuntimeError, "kernel_size takes .* got 0"),
    ],
)
def test_errors_say_what_was_given(make, shape, error, words):
    with pytest.raises(error, match=words):
        make()(tg.zeros(shape))


def test_a_state_reaches_lazy_layers_inside_a_network():
    whole = nn.Sequential(nn.Conv2d(2, 3, 1), nn.ReLU(), nn.Flatten(), nn.Linear(12, 5))
    lazy = nn.Sequential(nn.LazyConv2d(3, 1), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))
    lazy.load_state_dict(whole.state_dict())
    x = tg.randn(4, 2, 2, 2)
    assert np.array_equal(host(lazy(x)), host(whole(x)))


def test_a_state_without_weights_does_not_tell():
    with pytest.raises(RuntimeError, match=r"LazyLinear reads from 'weight' .* only \['bias'\]"):
        nn.LazyLinear(2).load_state_dict({"bias": tg.zeros(2)})
