"""DenseNet: the paper's table, torchvision's keys, values and gradients, memory for time."""

import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_twins import STATES, compared, count, made, multiply_adds, stirred
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.models.densenet import LAYERS, SIZES, current_keys
from tinygrad_cnn.nn import functional as F

COUNTS = {121: 7_978_856, 161: 28_681_000, 169: 14_149_480, 201: 20_013_928}
every = pytest.mark.parametrize("depth", COUNTS)


def small(**settings):
    """A network of the same parts, for tests of what the parts do."""
    config = {"num_init_features": 8, "bn_size": 2, "num_classes": 3}
    return models.DenseNet(4, (2, 3), **{**config, **settings})


# --- sizes ----------------------------------------------------------------------------------------


@every
def test_parameters(depth):
    net = made(f"densenet{depth}")
    assert count(net) == COUNTS[depth]
    other = made(f"densenet{depth}", num_classes=10, in_channels=1)
    width, first = net.classifier.in_features, net.features[0].out_channels
    assert count(other) == COUNTS[depth] - 990 * (width + 1) - 2 * first * 49


@every
def test_keys_and_shapes_are_torchvisions(depth):
    state = made(f"densenet{depth}").state_dict()
    ours = [[key, list(t.shape)] for key, t in state.items()]
    assert ours == STATES[f"densenet{depth}"]["state_dict"]


@every
def test_sizes_of_the_table(depth):
    net = made(f"densenet{depth}", num_classes=7)
    growth, config = LAYERS[depth]
    sizes, table, width = {}, {}, 2 * growth
    for i, (layers, side) in enumerate(zip(config, SIZES, strict=True), 1):
        for path, scale in ((f"denseblock{i}", 1), (f"transition{i}", 2)):
            if hasattr(net.features, path):
                net.features.get_submodule(path).register_forward_hook(
                    lambda m, args, z, path=path: sizes.update({path: z.shape})
                )
                width += (layers * growth) if scale == 1 else -(width // 2)
                table[path] = (2, width, side // scale, side // scale)
    z = net(tg.zeros(2, 3, 224, 224, device="meta"))
    assert sizes == table
    z.sum().backward()
    assert all(p.grad.shape == p.shape for p in net.parameters())


@every
def test_depth_is_the_number_of_layers(depth):
    modules = made(f"densenet{depth}").modules()
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in modules) == depth


@pytest.mark.parametrize(
    ("depth", "billions"), [(121, 2.834), (161, 7.728), (169, 3.360), (201, 4.291)]
)
def test_multiply_adds(depth, billions):
    total = multiply_adds(made(f"densenet{depth}"), 3, 224, 224)
    assert round(total / 1e9, 3) == billions


# --- density --------------------------------------------------------------------------------------


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_a_block_passes_its_input_on(layers, channels, growth):
    block = models.DenseBlock(layers, channels, bn_size=2, growth_rate=growth).eval()
    x = tg.randn(2, channels, 3, 3)
    z = block(x)
    assert z.shape == (2, channels + layers * growth, 3, 3)
    assert np.array_equal(host(z)[:, :channels], host(x))
    for i, layer in enumerate(block.values()):
        seen = channels + i * growth
        added = host(layer(z[:, :seen]))
        assert np.array_equal(host(z)[:, seen : seen + growth], added)


def test_a_layer_takes_a_list_or_one_tensor():
    layer = models.DenseLayer(5, 2).eval()
    x = tg.randn(2, 5, 3, 3)
    assert np.array_equal(host(layer([x[:, :2], x[:, 2:]])), host(layer(x)))


def test_a_transition_halves_the_size():
    z = models.Transition(6, 3)(tg.randn(2, 6, 7, 4))
    assert z.shape == (2, 3, 3, 2)


def test_dropout_works_in_training_alone():
    layer = models.DenseLayer(4, 3, drop_rate=1.0)
    x = tg.randn(2, 4, 3, 3)
    assert not host(layer(x)).any()
    assert host(layer.eval()(x)).any()


# --- values and gradients -------------------------------------------------------------------------


def theirs_of(torch, torchvision, *args, **settings):
    """torchvision's net of these settings."""
    with torch.device("meta"):
        net = torchvision.models.DenseNet(*args, **settings)
    return stirred(torch, net)


def test_values_and_gradients_are_torchvisions(torch, torchvision):
    args = 8, (2, 3, 2, 2), 16
    theirs = theirs_of(torch, torchvision, *args, num_classes=5)
    ours = models.DenseNet(*args, num_classes=5).double()
    compared(torch, ours, theirs, 2, 3, 64, 70)


def test_densenet121_is_torchvisions(torch, torchvision):
    """The whole net, at a small size of images."""
    theirs = theirs_of(torch, torchvision, num_classes=5)
    compared(torch, models.densenet121(num_classes=5).double(), theirs, 2, 3, 64, 64)


# --- memory for time ------------------------------------------------------------------------------


def steps(net, x):
    """Two training steps: the losses, the gradients of the second, the buffers afterwards."""
    losses = []
    for _ in range(2):
        net.zero_grad()
        loss = F.cross_entropy(net(x), tg.tensor([0, 2]))
        loss.backward()
        losses.append(loss.item())
    state = [*[host(p.grad) for p in net.parameters()], *[host(b) for b in net.buffers()]]
    return losses, state


@pytest.mark.parametrize("drop_rate", [0.0, 0.4])
def test_memory_efficient_changes_nothing(drop_rate):
    """Running statistics too move once a step."""
    tg.manual_seed(0)
    net = small(drop_rate=drop_rate).double()
    frugal = small(drop_rate=drop_rate, memory_efficient=True).double()
    frugal.load_state_dict(net.state_dict())
    x = tg.tensor(np.random.default_rng(0).standard_normal((2, 3, 32, 32)))
    results = []
    for model in (net, frugal):
        tg.manual_seed(1)
        results.append(steps(model, x))
    (losses, state), (others, others_state) = results
    assert losses == others
    for a, b in zip(state, others_state, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)
    assert all(m.num_batches_tracked == 2 for m in frugal.modules() if hasattr(m, "running_mean"))
    assert all(m.track_running_stats for m in frugal.modules() if hasattr(m, "running_mean"))


def test_memory_efficient_leaves_evaluation_alone():
    tg.manual_seed(0)
    net, frugal = small(), small(memory_efficient=True)
    frugal.load_state_dict(net.state_dict())
    x = tg.randn(2, 3, 32, 32)
    z = frugal.eval()(x)
    assert np.array_equal(host(z), host(net.eval()(x)))
    z.sum().backward()
    with tg.no_grad():  # norms are folded into convolutions where nothing is recorded
        np.testing.assert_allclose(host(frugal(x)), host(z), rtol=1e-5, atol=1e-5)


def kept(block, x):
    """The bytes that a forward pass of the block leaves on the graph."""
    tracemalloc.start()
    z = block(x)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert z.requires_grad
    return size


def test_memory_efficient_keeps_less():
    x = tg.randn(2, 16, 32, 32)
    plain, frugal = (models.DenseBlock(8, 16, 4, 8, memory_efficient=m) for m in (False, True))
    plain(x), frugal(x)
    assert kept(frugal, x) < 0.6 * kept(plain, x)


# --- first values, states -------------------------------------------------------------------------


def test_first_values():
    tg.manual_seed(0)
    net = models.densenet121(num_classes=2)
    conv = net.features.denseblock4.denselayer1.conv2
    assert abs(host(conv.weight).std() / (2 / conv.fan_in) ** 0.5 - 1) < 0.05
    assert not host(net.classifier.bias).any()
    assert host(net.classifier.weight).any()


def test_old_keys_are_known():
    """Files written for the first releases call norm1 of a layer norm.1."""
    net = small()
    state = net.state_dict()
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", k): t for k, t in state.items()
    }
    assert "features.denseblock2.denselayer3.norm.2.running_var" in old
    assert list(current_keys(old)) == list(current_keys(state)) == list(state)
    other = small()
    other.load_state_dict(old)
    for key, t in other.state_dict().items():
        assert np.array_equal(host(t), host(state[key]))
    with pytest.raises(RuntimeError, match=r"Missing key\(s\) in state_dict: 'features.conv0.w"):
        net.load_state_dict({key: t for key, t in old.items() if "conv0" not in key})
    with pytest.raises(TypeError, match="takes a dict, got list"):
        net.load_state_dict([])


def test_published_files_lack_the_counters():
    """They are older than num_batches_tracked; strict=False takes them."""
    net = small()
    old = {key: t for key, t in net.state_dict().items() if "num_batches" not in key}
    missing, unexpected = net.load_state_dict(old, strict=False)
    assert all(key.endswith("num_batches_tracked") for key in missing)
    assert not unexpected
