"""Residual networks for CIFAR, plain ones, and those with pre-activation."""

import numpy as np
import pytest
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.optim import SGD

COUNTS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}
NAMES = {
    **{f"resnet{depth}": n for depth, n in COUNTS.items()},
    **{f"plain{depth}": n for depth, n in COUNTS.items()},
    **{f"preact_resnet{depth}": COUNTS[depth] for depth in (20, 56, 110)},
    "preact_resnet164": 1_703_258,
    "preact_resnet1001": 10_327_706,
}
every = pytest.mark.parametrize("name", NAMES)


def made(name, **settings):
    """A model without numbers."""
    with tg.device("meta"):
        return getattr(models, name)(**settings)


def count(module):
    return sum(p.numel() for p in module.parameters())


# --- sizes ----------------------------------------------------------------------------------------


@every
def test_parameters(name):
    net = made(name)
    assert count(net) == NAMES[name]
    more = made(name, num_classes=100, in_channels=1)
    assert count(more) == NAMES[name] + 90 * (net.fc.in_features + 1) - 2 * 16 * 9


def test_parameters_without_norms():
    """1.7 and 10.2 million, as in table 4 of the paper."""
    for name, millions in (("preact_resnet164", 1.7), ("preact_resnet1001", 10.2)):
        weights = [p.numel() for p in made(name).parameters() if p.ndim > 1]
        assert abs(sum(weights) / 1e6 - millions) < 0.05


@every
def test_depth_is_the_number_of_layers(name):
    modules = made(name).named_modules()
    layers = [n for n, m in modules if isinstance(m, nn.Conv2d | nn.Linear) and "down" not in n]
    assert name == f"{name.rstrip('0123456789')}{len(layers)}"


@every
def test_sizes_of_the_table(name):
    net = made(name)
    shapes = []
    for layer in (net.layer1, net.layer2, net.layer3):
        layer.register_forward_hook(lambda m, args, z: shapes.append(z.shape))
    z = net(tg.zeros(2, 3, 32, 32, device="meta"))
    wide = net.layer1[0].expansion
    assert shapes == [(2, 16 * wide, 32, 32), (2, 32 * wide, 16, 16), (2, 64 * wide, 8, 8)]
    assert z.shape == (2, 10)
    z.sum().backward()
    assert all(p.grad.shape == p.shape for p in net.parameters())


@pytest.mark.parametrize("depth", COUNTS)
def test_plain_and_residual_nets_have_the_same_parameters(depth):
    states = [made(f"{kind}{depth}").state_dict() for kind in ("plain", "resnet")]
    plain, residual = ([(key, t.shape) for key, t in state.items()] for state in states)
    assert plain == residual


def test_projections_are_a_setting():
    net = made("resnet20", shortcut=models.projection)
    assert count(net) == COUNTS[20] + (16 * 32 + 2 * 32) + (32 * 64 + 2 * 64)


@pytest.mark.parametrize(("depth", "nearest"), [(21, 20), (8 + 5, 8), (2, 8), (1, 8)])
def test_other_depths_are_refused(depth, nearest):
    with pytest.raises(ValueError, match=rf"depth of 6 n \+ 2, got {depth}; .* is {nearest}"):
        models.CifarResNet(models.BasicBlock, depth)


# --- values and gradients: the same networks once more, in plain PyTorch --------------------------


class Twin:
    """PyTorch's functions on the state of a net of ours, in training."""

    def __init__(self, torch, net):
        self.torch = torch
        self.f = torch.nn.functional
        self.state = {key: torch.tensor(host(t)) for key, t in net.state_dict().items()}
        for key, _ in net.named_parameters():
            self.state[key].requires_grad_()

    def conv(self, x, name, stride=1):
        w = self.state[f"{name}.weight"]
        return self.f.conv2d(x, w, stride=stride, padding=w.shape[-1] // 2)

    def norm(self, x, name):
        kinds = ("running_mean", "running_var", "weight", "bias")
        return self.f.batch_norm(x, *(self.state[f"{name}.{k}"] for k in kinds), training=True)

    def head(self, x):
        return x.mean((2, 3)) @ self.state["fc.weight"].T + self.state["fc.bias"]

    def option_a(self, x, channels):
        """The identity, subsampled where the channels are doubled, and zeros behind it."""
        if x.shape[1] == channels:
            return x
        x = x[:, :, ::2, ::2]
        zeros = self.torch.zeros(x.shape[0], channels - x.shape[1], *x.shape[2:], dtype=x.dtype)
        return self.torch.cat([x, zeros], 1)

    def original(self, x, shortcuts):
        """A net of one block a stage, plain or residual."""
        x = self.norm(self.conv(x, "conv1"), "bn1").relu()
        for stage, channels in (("layer1.0", 16), ("layer2.0", 32), ("layer3.0", 64)):
            stride = 1 if channels == 16 else 2
            z = self.norm(self.conv(x, f"{stage}.conv1", stride), f"{stage}.bn1").relu()
            z = self.norm(self.conv(z, f"{stage}.conv2"), f"{stage}.bn2")
            x = (z + self.option_a(x, channels) if shortcuts else z).relu()
        return self.head(x)

    def preactivated(self, x):
        """A net of two PreActBasicBlocks a stage: of the first both paths are activated."""
        x = self.conv(x, "conv1")
        for stage, channels in (("layer1", 16), ("layer2", 32), ("layer3", 64)):
            for block in (f"{stage}.0", f"{stage}.1"):
                stride = 2 if channels > 16 and block.endswith("0") else 1
                a = self.norm(x, f"{block}.bn1").relu()
                z = self.conv(a, f"{block}.conv1", stride)
                z = self.conv(self.norm(z, f"{block}.bn2").relu(), f"{block}.conv2")
                x = z + self.option_a(a if block.endswith("0") else x, channels)
        return self.head(self.norm(x, "bn").relu())

    def bottlenecks(self, x):
        """A net of two PreActBottlenecks a stage, with projections."""
        x = self.conv(x, "conv1")
        for stage in ("layer1", "layer2", "layer3"):
            for block in (f"{stage}.0", f"{stage}.1"):
                first = block.endswith("0")
                stride = 2 if first and stage != "layer1" else 1
                a = self.norm(x, f"{block}.bn1").relu()
                z = self.conv(a, f"{block}.conv1", stride)
                z = self.conv(self.norm(z, f"{block}.bn2").relu(), f"{block}.conv2")
                z = self.conv(self.norm(z, f"{block}.bn3").relu(), f"{block}.conv3")
                x = z + (self.conv(a, f"{block}.downsample", stride) if first else x)
        return self.head(self.norm(x, "bn").relu())


SMALL = {
    "plain": (
        lambda: models.CifarResNet(models.PlainBlock, 8),
        lambda twin, x: twin.original(x, shortcuts=False),
    ),
    "residual": (
        lambda: models.CifarResNet(models.BasicBlock, 8, shortcut=models.ZeroPadShortcut),
        lambda twin, x: twin.original(x, shortcuts=True),
    ),
    "preactivated": (
        lambda: models.PreActResNet(models.PreActBasicBlock, 2),
        lambda twin, x: twin.preactivated(x),
    ),
    "bottlenecks": (
        lambda: models.PreActResNet(models.PreActBottleneck, 2),
        lambda twin, x: twin.bottlenecks(x),
    ),
}


@pytest.mark.parametrize(("make", "formula"), SMALL.values(), ids=SMALL)
def test_values_and_gradients(torch, make, formula):
    tg.manual_seed(1)
    net = make().double()
    twin = Twin(torch, net)
    x = np.random.default_rng(0).standard_normal((3, 3, 12, 10))
    z, z_twin = net(tg.tensor(x)), formula(twin, torch.tensor(x))
    agree("PyTorch", z.raw, z_twin.detach().numpy(), 1e-12)
    F.cross_entropy(z, tg.tensor([1, 7, 4])).backward()
    torch.nn.functional.cross_entropy(z_twin, torch.tensor([1, 7, 4])).backward()
    for name, p in net.named_parameters():
        agree("PyTorch", p.grad.raw, twin.state[name].grad.numpy(), 1e-11)
    for name, b in net.named_buffers():
        if b.ndim:
            agree("PyTorch", b.raw, twin.state[name].numpy(), 1e-12)


# --- what shortcuts are for -----------------------------------------------------------------------


@pytest.mark.parametrize("block", [models.PreActBasicBlock, models.PreActBottleneck])
def test_pre_activation_never_squashes_the_identity(block):
    net = block(4 * block.expansion, 4)
    last = net.conv2 if block is models.PreActBasicBlock else net.conv3
    nn.init.zeros_(last.weight)
    x = tg.randn(2, 4 * block.expansion, 5, 5)
    assert np.array_equal(host(net(x)), host(x))


def test_only_where_shapes_change_and_at_the_start_the_identity_is_activated():
    net = models.PreActResNet(models.PreActBasicBlock, 3)
    shared = [[block.shared for block in stage] for stage in (net.layer1, net.layer2, net.layer3)]
    assert shared == [[True, False, False]] * 3


def first_gradients(name):
    """How large the gradients of the loss for the first and the last stage's weights are."""
    tg.manual_seed(0)
    net = getattr(models, name)()
    x = tg.randn(8, 3, 8, 8)
    F.cross_entropy(net(x), tg.arange(8)).backward()
    for p in net.parameters():
        assert np.isfinite(host(p.grad)).all()
        assert p.grad.dtype == tg.float32
    ends = (net.layer1[0].conv1.weight, net.layer3[-1].conv1.weight)
    return [np.abs(host(p.grad)).mean() for p in ends]


@pytest.mark.parametrize("name", ["resnet20", "plain20", "preact_resnet20", "resnet56"])
def test_gradients_reach_the_first_layers(name):
    first, last = first_gradients(name)
    assert first > 0.05 * last > 0


@pytest.mark.parametrize(("make", "_"), SMALL.values(), ids=SMALL)
def test_learns_a_few_pictures_by_heart(make, _):
    tg.manual_seed(0)
    net = make()
    x, target = tg.randn(10, 3, 12, 12), tg.arange(10)
    optimizer = SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in range(25):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), target)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    assert net(x).argmax(1).tolist() == target.tolist()


def test_zero_init_residual_makes_blocks_shortcuts():
    net = models.resnet20(zero_init_residual=True).eval()
    x = tg.randn(2, 16, 4, 4).relu()
    for block in net.layer1:
        assert np.array_equal(host(block(x)), host(x))
