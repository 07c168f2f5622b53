"""Highway networks: the formula, what open and closed gates do, the paper's thin nets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_twins import count, outputs
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.autograd import gradcheck
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.optim import SGD


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 1000))
def test_formula(features, batch, seed):
    tg.manual_seed(seed)
    layer = models.Highway(features).double()
    x = np.random.default_rng(seed).standard_normal((batch, features))
    h = np.maximum(x @ host(layer.state.weight).T + host(layer.state.bias), 0)
    t = sigmoid(x @ host(layer.gate.weight).T + host(layer.gate.bias))
    agree("equal formulas", layer(tg.tensor(x)).raw, h * t + x * (1 - t), 1e-12)


LAYERS = {
    "linear": (lambda **settings: models.Highway(3, **settings), (2, 3)),
    "convolution": (lambda **settings: models.HighwayConv2d(3, **settings), (2, 3, 4, 5)),
    "window of 1": (lambda **s: models.HighwayConv2d(3, kernel_size=1, **s), (2, 3, 4, 5)),
}
every = pytest.mark.parametrize(("make", "shape"), LAYERS.values(), ids=LAYERS)


@every
def test_gates_begin_at_the_bias(make, shape):
    layer = make()
    assert (host(layer.gate.bias) == -1.0).all()
    assert (host(make(transform_bias=-4.0).gate.bias) == -4.0).all()
    assert abs(host(layer.state.bias)).max() < 1.0
    other = models.HighwayBlock(nn.Identity(), nn.Linear(3, 3), -2.0)
    assert other.gate.bias.tolist() == [-2.0] * 3


@every
def test_a_closed_gate_passes_its_input_on(make, shape):
    x = tg.randn(*shape, requires_grad=True)
    z = make(transform_bias=-200.0)(x)
    agree("equal formulas", z.raw, x.raw, 1e-6)
    z.sum().backward()
    agree("equal formulas", x.grad.raw, np.ones_like(host(x)), 1e-6)


@every
def test_an_open_gate_leaves_a_plain_layer(make, shape):
    layer = make(transform_bias=200.0, activation=nn.Tanh())
    x = tg.randn(*shape)
    assert layer(x).shape == shape
    agree("equal formulas", layer(x).raw, np.tanh(host(layer.state(x))), 1e-6)


@every
def test_gradients_are_differences(make, shape):
    layer = make(activation=nn.Tanh()).double()
    x = tg.randn(*shape, dtype="float64", requires_grad=True)
    assert gradcheck(lambda x, *parameters: layer(x), (x, *layer.parameters()))


@pytest.mark.parametrize(("depth", "parameters"), [(1, 39_760), (10, 85_660), (100, 544_660)])
def test_parameters(depth, parameters):
    net = models.highway(depth=depth)
    assert count(net) == parameters == 784 * 50 + 50 + (depth - 1) * 2 * 50 * 51 + 51 * 10
    assert sum(isinstance(m, models.Highway) for m in net) == depth - 1


def test_settings():
    with tg.device("meta"):
        net = models.highway(26, 3, depth=5, features=7, transform_bias=-3.0)
    assert outputs(net, 4, 3, 28, 28)["7"] == (4, 26)
    assert count(net) == (3 * 784 + 1) * 7 + 4 * 2 * 7 * 8 + 8 * 26
    with pytest.raises(ValueError, match="at least 1, got 0"):
        models.highway(depth=0)


def steps(net, x, target, count):
    """The loss after so many steps of plain gradient descent with momentum."""
    optimizer = SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in range(count):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), target)
        loss.backward()
        optimizer.step()
    return loss.item()


def plain(depth):
    """The same net with plain layers: linear, ReLU."""
    hidden = [part for _ in range(depth - 1) for part in (nn.Linear(50, 50), nn.ReLU())]
    first = [nn.Flatten(), nn.Linear(784, 50), nn.ReLU()]
    return nn.Sequential(*first, *hidden, nn.Linear(50, 10))


def test_gradients_reach_the_first_of_fifty_layers():
    """A plain net of the same depth learns nothing of what the highway learns by heart."""
    tg.manual_seed(0)
    x, target = tg.randn(10, 1, 28, 28), tg.arange(10)
    assert steps(plain(50), x, target, 60) > 2.0
    assert steps(models.highway(depth=50, transform_bias=-3.0), x, target, 60) < 0.1


def test_values_and_gradients(torch):
    tg.manual_seed(0)
    net = models.highway(num_classes=4, depth=4, features=6).double()
    x = np.random.default_rng(0).standard_normal((3, 1, 28, 28))
    z = net(tg.tensor(x))
    z.square().sum().backward()
    state = {key: torch.tensor(host(t), requires_grad=True) for key, t in net.state_dict().items()}
    twin = torch.relu(torch.tensor(x).flatten(1) @ state["1.weight"].T + state["1.bias"])
    for i in (3, 4, 5):
        h = torch.relu(twin @ state[f"{i}.state.weight"].T + state[f"{i}.state.bias"])
        t = torch.sigmoid(twin @ state[f"{i}.gate.weight"].T + state[f"{i}.gate.bias"])
        twin = h * t + twin * (1 - t)
    twin = twin @ state["6.weight"].T + state["6.bias"]
    agree("PyTorch", z.raw, twin.detach().numpy(), 1e-12)
    twin.square().sum().backward()
    for key, p in net.named_parameters():
        agree("PyTorch", p.grad.raw, state[key].grad.numpy(), 1e-12)
