"""Batch norm, the addition of a skip and ReLU as one gate: the same numbers, and nobody notices."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.graph import WATCHERS, ancestors
from tinygrad_cnn.models import resnet
from tinygrad_cnn.nn.norm import activated

RNG = np.random.default_rng(0)
SHAPES = {2: (5, 3), 3: (4, 3, 6), 4: (4, 3, 5, 2), 5: (2, 3, 2, 3, 2)}
LAYERS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


class Plain(nn.ReLU):
    """A ReLU that is not fused, being of another class."""


def gates(z):
    return {node.gate.name for node in ancestors([z.node]) if node.gate is not None}


def two_orders(z, leaves):
    """The gradients of a function of z, and those of a function of these."""
    first = tg.autograd.grad((z * z * z).sum(), leaves, create_graph=True)
    return first, tg.autograd.grad(sum((g * g).sum() for g in first), leaves)


def same(fused, plain):
    """Equal results: two lists of tensors."""
    for a, b in zip(fused, plain, strict=True):
        np.testing.assert_allclose(host(a), host(b), rtol=1e-9, atol=1e-9)


def state(module):
    return [host(t).copy() for t in module.state_dict().values()]


@pytest.mark.parametrize("rank", SHAPES)
@given(data=st.data())
def test_fused_is_unfused(rank, data):
    """Values, gradients of two orders and running statistics; training and evaluation."""
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    momentum = data.draw(st.sampled_from([0.1, None]))
    norm = LAYERS[rank](3, momentum=momentum, affine=data.draw(st.booleans()), dtype="float64")
    twin = copy.deepcopy(norm)
    skip = data.draw(st.booleans())
    norm.train(data.draw(st.sampled_from([True, True, False])))
    twin.train(norm.training)
    x, y = (tg.tensor(rng.standard_normal(SHAPES[rank]), requires_grad=True) for _ in "xy")
    residual = y if skip else None
    leaves = [x, *([y] if skip else [])]
    z = activated(norm, nn.ReLU(), x, residual)
    unfused = activated(twin, Plain(), x, residual)
    assert ("relu" in gates(z)) == (not norm.training)
    assert "relu" in gates(unfused)
    same([z], [unfused])
    ours = two_orders(z, [*leaves, *norm.parameters()])
    theirs = two_orders(unfused, [*leaves, *twin.parameters()])
    same(ours[0], theirs[0])
    same(ours[1], theirs[1])
    for a, b in zip(state(norm), state(twin), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def chain(activation):
    tg.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), activation(), nn.Conv2d(4, 2, 1)]
    return nn.Sequential(*layers, nn.BatchNorm2d(2), nn.ReLU(inplace=True))


def test_sequential_fuses_what_stands_behind_one_another():
    x = tg.tensor(RNG.standard_normal((2, 3, 5, 5)).astype("f4"))
    fused, plain = chain(nn.ReLU), chain(Plain)
    z = fused(x)
    assert gates(z) == {"conv", "batch_norm"}
    assert "relu" in gates(plain(x))
    np.testing.assert_allclose(host(z), host(chain(Plain)(x)), rtol=1e-5, atol=1e-5)
    assert list(fused.state_dict()) == list(plain.state_dict())
    assert "relu" in gates(fused.eval()(x))


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("kind", ["forward", "forward_pre", "full_backward"])
def test_hooks_see_every_layer(at, kind):
    x = tg.tensor(RNG.standard_normal((2, 3, 5, 5)).astype("f4"))
    net = chain(nn.ReLU)
    seen = []
    handle = getattr(net[at], f"register_{kind}_hook")(lambda *args: seen.append(args[0]))
    z = net(x)
    z.sum().backward()
    assert seen == [net[at]]
    assert "relu" in gates(z)
    handle.remove()
    assert "relu" not in gates(net(x))


def test_a_forward_of_its_own_is_called():
    net = chain(nn.ReLU)
    net[2].forward = lambda x: x * 0.0
    assert "mul" in gates(net(tg.ones(2, 3, 5, 5)))


def test_a_watched_graph_is_not_fused():
    net, seen = chain(nn.ReLU), []

    def watch(node, tensor, inputs):
        seen.append(node.gate.name)

    WATCHERS.append(watch)
    try:
        net(tg.ones(2, 3, 5, 5))
    finally:
        WATCHERS.remove(watch)
    assert seen.count("relu") == 2


@pytest.mark.parametrize("block", [resnet.PlainBlock, resnet.BasicBlock, resnet.Bottleneck])
def test_blocks_fuse_their_skip(block):
    channels = 64 * (block.expansion if block is resnet.Bottleneck else 1)
    tg.manual_seed(0)
    fused = block(channels, 64)
    plain = copy.deepcopy(fused)
    plain.relu = Plain()
    numbers = RNG.standard_normal((2, channels, 4, 4)).astype("f4")
    results = []
    for module in (fused, plain):
        x = tg.tensor(numbers, requires_grad=True)
        z = module(x)
        (z * z).sum().backward()
        results.append((z, x.grad, *(p.grad for p in module.parameters()), *module.buffers()))
    assert not gates(results[0][0]) & {"relu", "add"}
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(host(a), host(b), rtol=2e-3, atol=2e-4 * np.abs(host(b)).max())


def test_a_residual_of_another_shape():
    x = tg.ones(2, 3, 4, 4)
    with pytest.raises(RuntimeError, match=r"residual should have the shape \(2, 3, 4, 4\)"):
        nn.BatchNorm2d(3)(x, residual=x[:1])
