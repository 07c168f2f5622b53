"""Residual networks for ImageNet: the papers' numbers, torchvision's keys, values and gradients."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_twins import multiply_adds
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.models.resnet import DEPTHS, STAGES, conv1x1
from tinygrad_cnn.nn import functional as F

STATES = json.loads((Path(__file__).parent / "torchvision_state_dicts.json").read_text())
COUNTS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "wide_resnet50_2": 68_883_240,
    "resnext50_32x4d": 25_028_904,
    "plain18": 11_689_512 - 173_824,  # without the projections, 1x1 and norm, of three stages
    "plain34": 21_797_672 - 173_824,
}
every = pytest.mark.parametrize("name", COUNTS)


def made(name, **settings):
    """A model without numbers."""
    with tg.device("meta"):
        return getattr(models, name)(**settings)


def count(module):
    return sum(p.numel() for p in module.parameters())


# --- sizes ----------------------------------------------------------------------------------------


@every
def test_parameters(name):
    assert count(made(name)) == COUNTS[name]
    with_others = made(name, num_classes=10, in_channels=1)
    outputs = with_others.fc.in_features
    assert count(with_others) == COUNTS[name] - 990 * (outputs + 1) - 2 * 64 * 49


@every
def test_keys_and_shapes_are_torchvisions(name):
    state = [[key, list(t.shape)] for key, t in made(name).state_dict().items()]
    if name.startswith("plain"):
        theirs = STATES[name.replace("plain", "resnet")]["state_dict"]
        assert state == [entry for entry in theirs if "downsample" not in entry[0]]
    elif name in STATES:
        assert state == STATES[name]["state_dict"]


def test_text_is_torchvisions(torch, torchvision):
    for name in COUNTS:
        if not name.startswith("plain"):
            with torch.device("meta"):
                theirs = repr(getattr(torchvision.models, name)())
            assert repr(made(name)) == theirs.replace("affine=True, bias=True", "affine=True")


@every
def test_sizes_of_the_table(name):
    net = made(name, num_classes=7)
    sides = {}
    for stage, layer in zip(STAGES, (net.layer1, net.layer2, net.layer3, net.layer4), strict=True):
        layer.register_forward_hook(lambda m, args, z, stage=stage: sides.update({stage: z.shape}))
    z = net(tg.zeros(2, 3, 224, 224, device="meta"))
    expansion = net.layer1[0].expansion
    table = {stage: (2, width * expansion, side, side) for stage, (width, side) in STAGES.items()}
    assert sides == table
    assert z.shape == (2, 7)
    z.sum().backward()
    assert all(p.grad.shape == p.shape for p in net.parameters())


@pytest.mark.parametrize("depth", DEPTHS)
def test_depth_is_the_number_of_layers(depth):
    modules = made(f"resnet{depth}").named_modules()
    layers = [n for n, m in modules if isinstance(m, nn.Conv2d | nn.Linear) and "down" not in n]
    assert len(layers) == depth


@pytest.mark.parametrize(
    ("depth", "paper"), [(18, 1.8e9), (34, 3.6e9), (50, 3.8e9), (101, 7.6e9), (152, 11.3e9)]
)
def test_flops_of_the_papers_own_nets(depth, paper):
    """Table 1 of the paper: option A up to 34 layers, then B; bottlenecks with an early stride."""
    basic = {"shortcut": models.ZeroPadShortcut}
    net = made(f"resnet{depth}", **(basic if depth < 50 else {"stride_in_1x1": True}))
    assert abs(multiply_adds(net, 3, 224, 224) - paper) < 0.06e9


def test_stride_in_1x1_changes_strides_alone():
    net, paper = made("resnet50"), made("resnet50", stride_in_1x1=True)
    assert count(net) == count(paper)
    assert round(multiply_adds(net, 3, 224, 224) / 1e9, 3) == 4.089
    for model, first, second in ((net, 1, 2), (paper, 2, 1)):
        block = model.layer2[0]
        assert (block.conv1.stride, block.conv2.stride) == ((first, first), (second, second))
        assert block.downsample[0].stride == (2, 2)
        assert model.layer2[1].conv1.stride == model.layer2[1].conv2.stride == (1, 1)


def test_groups_and_widths():
    grouped = made("resnext50_32x4d").layer1[0].conv2
    assert (grouped.groups, grouped.weight.shape) == (32, (128, 4, 3, 3))
    wide, usual = made("wide_resnet50_2"), made("resnet50")
    assert wide.layer3[0].conv2.out_channels == 2 * usual.layer3[0].conv2.out_channels
    assert wide.layer3[0].conv3.out_channels == usual.layer3[0].conv3.out_channels


# --- values and gradients -------------------------------------------------------------------------


def stirred(torch, net, seed):
    """torch's net in double precision, its norms away from their first values."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, t in [*net.named_parameters(), *net.named_buffers()]:
            if "running_mean" in name or (t.ndim == 1 and "bias" in name):
                t.normal_(0, 0.1)
            elif "running_var" in name or t.ndim == 1:
                t.uniform_(0.5, 1.5)
    return net.double()


def compared(torch, ours, theirs, x, target):
    """Both nets agree: logits, gradients of a loss, and what the norms have learnt of it."""
    z = ours(tg.tensor(x))
    twin = theirs(torch.tensor(x))
    agree("PyTorch", z.raw, twin.detach().numpy(), 1e-9)
    ours.zero_grad()
    theirs.zero_grad()
    F.cross_entropy(z, tg.tensor(target)).backward()
    torch.nn.functional.cross_entropy(twin, torch.tensor(target)).backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        scale = max(q.grad.abs().max().item(), 1e-3)
        agree("PyTorch", host(p.grad) / scale, q.grad.numpy() / scale, 1e-9)
    for b, c in zip(ours.buffers(), theirs.buffers(), strict=True):
        agree("PyTorch", b.raw, c.numpy(), 1e-9)


VARIANTS = {
    "basic": ("BasicBlock", (2, 1, 1, 1), {}),
    "bottleneck": ("Bottleneck", (2, 1, 1, 1), {}),
    "grouped": ("Bottleneck", (1, 1, 1, 1), {"groups": 32, "width_per_group": 4}),
    "wide": ("Bottleneck", (1, 1, 1, 1), {"width_per_group": 128}),
}


@pytest.mark.parametrize(("block", "layers", "settings"), VARIANTS.values(), ids=VARIANTS)
def test_values_and_gradients_are_torchvisions(torch, torchvision, block, layers, settings):
    resnet = torchvision.models.resnet
    theirs = resnet.ResNet(getattr(resnet, block), list(layers), num_classes=5, **settings)
    theirs = stirred(torch, theirs, 0)
    ours = models.ResNet(getattr(models, block), layers, num_classes=5, **settings).double()
    ours.load_state_dict({key: t.numpy() for key, t in theirs.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((2, 3, 64, 64))
    for mode in (True, False):
        compared(torch, ours.train(mode), theirs.train(mode), x, [1, 4])


def test_resnet18_is_torchvisions(torch, torchvision):
    """The whole net, at a small size of images."""
    theirs = stirred(torch, torchvision.models.resnet18(num_classes=5), 1)
    ours = models.resnet18(num_classes=5).double()
    ours.load_state_dict({key: t.numpy() for key, t in theirs.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((2, 3, 40, 50))
    for mode in (True, False):
        compared(torch, ours.train(mode), theirs.train(mode), x, [1, 4])


# --- blocks ---------------------------------------------------------------------------------------


@given(
    st.integers(1, 3), st.integers(0, 3), st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)
)
def test_zero_pad_shortcut(channels, more, stride, height, width):
    x = np.random.default_rng(0).standard_normal((2, channels, height, width))
    z = host(models.ZeroPadShortcut(channels, channels + more, stride)(tg.tensor(x)))
    assert z.shape == (2, channels + more, math.ceil(height / stride), math.ceil(width / stride))
    for n, c, i, j in np.ndindex(z.shape):
        assert z[n, c, i, j] == (x[n, c, i * stride, j * stride] if c < channels else 0)
    assert repr(models.ZeroPadShortcut(1, 2, 3)) == "ZeroPadShortcut(1, 2, stride=3)"


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("shortcut", [models.projection, models.ZeroPadShortcut])
def test_shapes_of_shortcuts_are_those_of_blocks(shortcut, stride):
    x = tg.randn(2, 4, 7, 6)
    for block, channels in ((models.BasicBlock, 4), (models.BasicBlock, 6), (models.Bottleneck, 4)):
        net = block(4, channels, stride, shortcut)
        z = net(x)
        assert z.shape == (2, channels * block.expansion, -(-7 // stride), -(-6 // stride))
        same = stride == 1 and z.shape[1] == 4
        assert (net.downsample is None) == same


def test_a_plain_block_is_a_basic_block_without_its_shortcut():
    block, plain = models.BasicBlock(3, 3), models.PlainBlock(3, 3)
    plain.load_state_dict(block.state_dict())
    x = tg.randn(2, 3, 5, 5)
    before = plain.bn2(plain.conv2(plain.relu(plain.bn1(plain.conv1(x)))))
    assert np.array_equal(host(plain(x)), np.maximum(host(before), 0))
    assert np.array_equal(host(block(x)), np.maximum(host(before) + host(x), 0))


# --- first values ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_zero_init_residual_makes_blocks_shortcuts(name):
    net = getattr(models, name)(num_classes=2, zero_init_residual=True).eval()
    x = tg.randn(2, 64, 4, 4)
    for stage in (net.layer1, net.layer2):
        for block in stage:
            shortcut = x if block.downsample is None else block.downsample(x)
            assert np.array_equal(host(block(x)), np.maximum(host(shortcut), 0))
            x = block(x)


def test_first_values_of_convolutions():
    tg.manual_seed(0)
    for module in models.resnet18(num_classes=2).modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.weight[0, 0].numel()
            assert abs(host(module.weight).std() / math.sqrt(2 / fan_out) - 1) < 0.05
            assert abs(host(module.weight).mean()) < 0.05 * math.sqrt(2 / fan_out)
            assert module.bias is None
        if isinstance(module, nn.BatchNorm2d):
            assert (host(module.weight) == 1).all()
            assert not host(module.bias).any()


def test_settings_are_checked():
    with pytest.raises(ValueError, match=r"blocks of each of 4 stages, got \(1, 2, 3\)"):
        models.ResNet(models.BasicBlock, (1, 2, 3))
    assert conv1x1(3, 4).bias is None


def test_state_from_a_file(tmp_path):
    net = models.resnet18(num_classes=3)
    path = tmp_path / "net.safetensors"
    tg.save(net.state_dict(), path)
    again = models.resnet18(num_classes=3, weights=path).eval()
    x = tg.randn(1, 3, 32, 32)
    assert again(x).tolist() == net.eval()(x).tolist()
