"""GoogLeNet: the papers' sizes and counts, torchvision's keys, values and gradients, the heads."""

import math

import numpy as np
import pytest
from model_twins import STATES, count, made, multiply_adds, stirred
from oracles import host
from torch_twins import compared, images, twin

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.models.googlenet import IMAGENET_MEAN, IMAGENET_STD, MODULES, halved
from tinygrad_cnn.nn import functional as F

FORMS = {  # parameters without and with both heads
    "googlenet": (6_998_552, 13_378_280),
    "googlenet_torchvision": (6_624_904, 13_004_888),
}
both = pytest.mark.parametrize("name", FORMS)


# --- modules --------------------------------------------------------------------------------------


def inception_3a():
    """The module of the course, without numbers."""
    with tg.device("meta"):
        return models.Inception(192, *MODULES["3a"][2])


def weights(module):
    """How many of them convolutions have, without biases."""
    return sum(p.numel() for p in module.parameters() if p.ndim == 4)


def test_inception_3a():
    module = inception_3a()
    assert weights(module) == 163_328
    assert count(module) == 163_696
    assert module(tg.zeros(1, 192, 28, 28, device="meta")).shape == (1, 256, 28, 28)
    assert multiply_adds(module, 192, 28, 28) == 128_049_152


def test_what_reduction_saves():
    """The 5x5 of module 3a, over all channels and behind its 1x1."""
    naive = made("NaiveInception", in_channels=192, ch1x1=64, ch3x3=128, ch5x5=32)
    x = tg.zeros(1, 192, 28, 28, device="meta")
    assert naive(x).shape == (1, 64 + 128 + 32 + 192, 28, 28)
    assert weights(naive) == 192 * (64 + 9 * 128 + 25 * 32)
    assert multiply_adds(naive.branch3, 192, 28, 28) == 120_422_400
    assert multiply_adds(inception_3a().branch3, 192, 28, 28) == 12_443_648


def test_parallel_joins_channels():
    x = tg.randn(2, 3, 4, 5)
    branches = nn.Conv2d(3, 2, 1), nn.MaxPool2d(3, 1, 1), nn.Identity()
    z = host(models.Parallel(*branches)(x))
    assert np.array_equal(z, np.concatenate([host(branch(x)) for branch in branches], 1))
    assert z.shape == (2, 8, 4, 5)


@pytest.mark.parametrize("block", [models.ConvReLU, models.BasicConv2d])
def test_blocks(block):
    module = block(3, 4, kernel_size=3, stride=2, padding=1)
    z = module(tg.randn(2, 3, 6, 6))
    assert z.shape == (2, 4, 3, 3)
    assert host(z).min() == 0
    assert (module.conv.bias is None) == (block is models.BasicConv2d)


# --- sizes ----------------------------------------------------------------------------------------


@both
def test_parameters(name):
    without, with_heads = FORMS[name]
    assert count(made(name)) == with_heads
    assert count(made(name, aux_logits=False)) == without
    small = made(name, num_classes=10, in_channels=1, aux_logits=False)
    assert count(small) == without - 990 * 1025 - 2 * 64 * 49


@both
def test_sizes_of_the_table(name):
    net = made(name, num_classes=7)
    sizes = {}
    for row in MODULES:
        module = getattr(net, f"inception{row}")
        module.register_forward_hook(lambda m, args, z, row=row: sizes.update({row: z.shape}))
    outputs = net(tg.zeros(2, 3, 224, 224, device="meta"))
    assert sizes == {row: (2, width, side, side) for row, (side, width, _) in MODULES.items()}
    assert [z.shape for z in outputs] == [(2, 7)] * 3
    models.cross_entropy_with_heads(outputs, tg.zeros(2, dtype="int64", device="meta")).backward()
    assert all(p.grad.shape == p.shape for p in net.parameters())


def test_multiply_adds():
    net = made("googlenet_torchvision", aux_logits=False)
    assert multiply_adds(net, 3, 224, 224) == 1_498_376_192


def test_keys_and_shapes_are_torchvisions():
    state = made("googlenet_torchvision").state_dict()
    ours = [[key, list(t.shape)] for key, t in state.items()]
    assert ours == STATES["googlenet"]["state_dict"]


# --- values and gradients -------------------------------------------------------------------------


def test_values_and_gradients_are_torchvisions(torch, torchvision):
    settings = {"num_classes": 5, "transform_input": True, "dropout": 0.0, "dropout_aux": 0.0}
    with torch.device("meta"):
        theirs = torchvision.models.GoogLeNet(init_weights=False, **settings)
    ours = models.googlenet_torchvision(**settings).double()
    compared(torch, ours, stirred(torch, theirs), images(2, 3, 80, 70), [1, 4])


def test_the_papers_values_and_gradients(torch):
    """The same of PyTorch's layers; a head apart, for it wants large images."""
    ours = models.googlenet(num_classes=5, aux_logits=False, dropout=0.0).double()
    theirs = stirred(torch, twin(torch, ours))
    compared(torch, ours, theirs, images(2, 3, 64, 64), [1, 4])
    head = models.googlenet(num_classes=5, dropout_aux=0.0).aux1.double()
    theirs = stirred(torch, twin(torch, head))
    compared(torch, head, theirs, images(2, 512, 14, 16), [1, 4])


def test_response_norms_are_krizhevskys():
    norm = made("googlenet").norm1
    assert (norm.size, norm.alpha / norm.size, norm.beta, norm.k) == (5, 1e-4, 0.75, 2.0)


def test_halved_is_another_normalisation():
    pixels = tg.tensor(images(2, 3, 4, 5))
    mean, std = (
        tg.tensor(channels, dtype="float64").reshape(3, 1, 1)
        for channels in (IMAGENET_MEAN, IMAGENET_STD)
    )
    z = halved((pixels - mean) / std)
    np.testing.assert_allclose(host(z), (host(pixels) - 0.5) / 0.5, rtol=0, atol=1e-12)
    with pytest.raises(RuntimeError, match=r"\(N, 3, H, W\), got shape \(2, 1, 4, 5\)"):
        halved(pixels[:, :1])


# --- heads ----------------------------------------------------------------------------------------


def test_heads_work_in_training_alone():
    net = models.googlenet_torchvision(num_classes=3)
    x = tg.randn(2, 3, 40, 40)
    outputs = net(x)
    assert outputs._fields == ("logits", "aux_logits2", "aux_logits1")
    z = net.eval()(x)
    assert z.shape == (2, 3)
    assert "aux1.fc2.weight" in net.state_dict()
    for head in (net.aux1, net.aux2):  # what they hold changes nothing
        nn.init.zeros_(head.fc2.weight)
    assert np.array_equal(host(net(x)), host(z))


def test_the_earlier_head_comes_last():
    net = models.googlenet_torchvision(num_classes=3)
    for head, bias in ((net.aux1, 1.0), (net.aux2, 2.0)):
        nn.init.zeros_(head.fc2.weight)
        nn.init.constant_(head.fc2.bias, bias)
    outputs = net(tg.randn(2, 3, 40, 40))
    assert (host(outputs.aux_logits1) == 1).all()
    assert (host(outputs.aux_logits2) == 2).all()


@both
def test_without_heads(name):
    net = getattr(models, name)(num_classes=3, aux_logits=False)
    z = net(tg.randn(2, 3, 40, 40))
    assert z.shape == (2, 3)
    assert net.aux1 is None
    F.cross_entropy(z, tg.tensor([0, 2])).backward()
    assert all(p.grad is not None for p in net.parameters())


@pytest.mark.parametrize("side", [64, 288])
def test_the_papers_heads_want_the_papers_images(side):
    net = made("googlenet")
    maps = side // 16
    with pytest.raises(ValueError, match=rf"256, got maps of shape \(1, 512, {maps}, {maps}\); tr"):
        net(tg.zeros(1, 3, side, side, device="meta"))
    assert net.eval()(tg.zeros(1, 3, side, side, device="meta")).shape == (1, 1000)
    assert len(net.train()(tg.zeros(1, 3, 256, 224, device="meta"))) == 3


def test_loss_weighs_the_heads():
    target = tg.tensor([0, 2])
    outputs = models.GoogLeNetOutputs(*[tg.randn(2, 3) for _ in range(3)])
    loss, *others = (F.cross_entropy(z, target).item() for z in outputs)
    assert models.cross_entropy_with_heads(outputs.logits, target).item() == loss
    total = models.cross_entropy_with_heads(outputs, target).item()
    assert math.isclose(total, loss + 0.3 * sum(others), rel_tol=1e-6)
    total = models.cross_entropy_with_heads(outputs, target, 0.0, label_smoothing=0.1).item()
    assert total == F.cross_entropy(outputs.logits, target, label_smoothing=0.1).item()


# --- first values, weights ------------------------------------------------------------------------


def test_first_values_of_the_papers():
    tg.manual_seed(0)
    for name, module in models.googlenet(num_classes=5).named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            bound = math.sqrt(3 / module.fan_in)
            assert 0.9 * bound < np.abs(host(module.weight)).max() <= bound
            last = name == "fc" or name.endswith("fc2")
            assert (host(module.bias) == np.float32(0.0 if last else 0.2)).all()


def test_first_values_of_torchvisions():
    tg.manual_seed(0)
    for module in models.googlenet_torchvision(num_classes=5).modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert abs(host(module.weight).std() - 0.01) < 0.001
        if isinstance(module, nn.BatchNorm2d):
            assert module.eps == 0.001
            assert (host(module.weight) == 1).all()


def test_weights_bring_their_normalisation(tmp_path):
    """Published weights have heads and want other images than those of most networks."""
    net = models.googlenet_torchvision(num_classes=3)
    file = tmp_path / "net.safetensors"
    tg.save(net.state_dict(), file)
    settings = {"num_classes": 3, "weights": str(file)}
    loaded = models.googlenet_torchvision(**settings)
    assert loaded.transform_input
    assert loaded.aux1 is not None
    x = tg.randn(1, 3, 40, 40)
    bare = models.googlenet_torchvision(**settings, aux_logits=False, transform_input=False)
    assert bare.aux1 is None
    assert bare.aux2 is None
    assert not any(key.startswith("aux") for key in bare.state_dict())
    assert np.array_equal(host(bare.eval()(x)), host(net.eval()(x)))
    assert np.array_equal(host(loaded.eval()(x)), host(net(halved(x))))


@both
def test_states_without_heads_fit_nets_without_heads(name):
    net, bare = (made(name, aux_logits=heads) for heads in (True, False))
    assert bare.load_state_dict(bare.state_dict()) == ([], [])
    assert bare.load_state_dict(net.state_dict()) == ([], [])
    with pytest.raises(RuntimeError, match=r"Missing key\(s\) in state_dict: 'aux1.conv.conv.we"):
        net.load_state_dict(bare.state_dict())
    with pytest.raises(TypeError, match="takes a dict, got list"):
        bare.load_state_dict([])
