"""AlexNet in its four forms: the paper's numbers, order and first values, torchvision's answers."""

from collections import OrderedDict

import numpy as np
import pytest
from model_twins import STATES, compared, count, filled, made, multiply_adds, outputs, stirred
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.models.alexnet import CONVOLUTIONS, LINEAR, SPLIT, convolutions, follower

PAPERS = ("alexnet", "alexnet_2gpu", "caffenet")
THIN = {name: (2 * i, *row[1:]) for i, (name, row) in enumerate(CONVOLUTIONS.items(), 2)}

# --- sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*CONVOLUTIONS, *LINEAR])
def test_the_courses_table(name):
    net = made("alexnet")
    part = "features" if name in CONVOLUTIONS else "classifier"
    layer = getattr(getattr(net, part), name)
    z = outputs(net, 2, 3, 227, 227)[f"{part}.{name}"]
    if name in CONVOLUTIONS:
        kernels, _, _, _, _, side, parameters = CONVOLUTIONS[name]
        assert z == (2, kernels, side, side)
    else:
        units, parameters = LINEAR[name]
        assert z == (2, units)
    assert count(layer) == parameters


@pytest.mark.parametrize(
    ("name", "size", "parameters", "products"),
    [
        ("alexnet", 227, 62_378_344, 1_135_256_096),
        ("alexnet_2gpu", 227, 60_965_224, 724_406_816),
        ("caffenet", 227, 60_965_224, 724_406_816),
        ("alexnet_torchvision", 224, 61_100_840, 714_188_480),
    ],
)
def test_totals(name, size, parameters, products):
    net = made(name)
    assert count(net) == parameters
    assert multiply_adds(net, 3, size, size) == products


@pytest.mark.parametrize("name", [*PAPERS, "alexnet_torchvision"])
def test_settings(name):
    net, other = made(name), made(name, num_classes=10, in_channels=1, dropout=0.25)
    first = next(net.parameters())
    assert count(net) - count(other) == 990 * 4097 + first.numel() * 2 // 3
    assert {m.p for m in other.modules() if isinstance(m, nn.Dropout)} == {0.25}
    least = 63 if name == "alexnet_torchvision" else 39
    z = other(tg.zeros(2, 1, least, least, device="meta"))
    assert z.shape == (2, 10)
    z.sum().backward()
    assert all(p.grad.shape == p.shape for p in other.parameters())


def test_units_and_sizes_between_the_layers():
    shapes = outputs(made("alexnet"), 1, 3, 227, 227)
    units = [z for path, z in shapes.items() if path.rpartition(".")[-1] in CONVOLUTIONS | LINEAR]
    assert sum(np.prod(z) for z in units) == 659_272
    assert [shapes[f"features.pool{i}"][-1] for i in (1, 2, 5)] == [27, 13, 6]
    assert shapes["avgpool"] == shapes["features.pool5"] == (1, 256, 6, 6)


def test_the_course_counts_conv3_as_eleven_without_padding():
    z = nn.Conv2d(256, 384, 3, device="meta")(tg.zeros(1, 256, 13, 13, device="meta"))
    assert z.shape[-1] == 11


# --- order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAPERS)
def test_order(name):
    norm_first = "relu{0} norm{0} pool{0}"
    pool_first = "relu{0} pool{0} norm{0}"
    end = pool_first if name == "caffenet" else norm_first
    text = f"conv1 {end.format(1)} conv2 {end.format(2)} conv3 relu3 conv4 relu4 conv5 relu5 pool5"
    net = made(name)
    assert [path for path, _ in net.features.named_children()] == text.split()
    after = "fc6 relu6 drop6 fc7 relu7 drop7 fc8"
    assert [path for path, _ in net.classifier.named_children()] == after.split()


@pytest.mark.parametrize("name", PAPERS)
def test_halves(name):
    """A half of the maps hears of the other half in conv1 and conv3 alone, where there are two."""
    for path, layer in convolutions(THIN, 6, 1 if name == "alexnet" else 2).named_children():
        if not isinstance(layer, nn.Conv2d):
            continue
        assert layer.groups == getattr(made(name).features, path).groups
        x = tg.ones(1, layer.in_channels, 11, 11, requires_grad=True)
        layer(x)[:, : layer.out_channels // 2].sum().backward()
        heard = host(x.grad)[:, layer.in_channels // 2 :].any()
        assert heard == (name == "alexnet" or path not in SPLIT)


def test_normalised_as_the_paper_says():
    x = 100 * np.random.default_rng(0).standard_normal((2, 7, 2, 3))
    b = np.empty_like(x)
    for i in range(7):
        neighbours = x[:, max(0, i - 2) : i + 3]
        b[:, i] = x[:, i] / (2 + 1e-4 * (neighbours**2).sum(1)) ** 0.75
    agree("equal formulas", follower("norm", True)(tg.tensor(x)).raw, b, 1e-12)


# --- first values ---------------------------------------------------------------------------------


def test_first_values():
    tg.manual_seed(0)
    net = models.AlexNet(THIN, num_classes=100)
    for path, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            w = host(layer.weight)
            assert abs(w.std() / 0.01 - 1) < 4 / w.size**0.5
            assert abs(w.mean()) < 0.04 / w.size**0.5
            one = path.rpartition(".")[-1] in ("conv2", "conv4", "conv5", "fc6", "fc7")
            assert (host(layer.bias) == (1.0 if one else 0.0)).all()


def test_dropout_is_of_training_alone():
    net = models.AlexNet(THIN, num_classes=3)
    x = tg.randn(1, 3, 67, 67)
    assert net(x).tolist() != net(x).tolist()
    assert net.eval()(x).tolist() == net(x).tolist()


# --- PyTorch --------------------------------------------------------------------------------------


def torchs(torch, table, groups, follow):
    """A narrow net of the paper in PyTorch."""
    parts, layers, channels = torch.nn, OrderedDict(), 3
    for i, (name, (kernels, window, stride, padding, *_)) in enumerate(table.items(), 1):
        split = groups if i in (2, 4, 5) else 1
        layers[name] = parts.Conv2d(channels, kernels, window, stride, padding, groups=split)
        layers[f"relu{i}"] = parts.ReLU()
        for kind in follow if i < 3 else ["pool"] * (i == 5):
            norm = parts.LocalResponseNorm(5, 5e-4, 0.75, 2.0)
            layers[f"{kind}{i}"] = norm if kind == "norm" else parts.MaxPool2d(3, 2)
        channels = kernels
    head = OrderedDict(
        fc6=parts.Linear(channels * 36, 9),
        relu6=parts.ReLU(),
        fc7=parts.Linear(9, 8),
        relu7=parts.ReLU(),
        fc8=parts.Linear(8, 5),
    )
    return parts.Sequential(
        OrderedDict(
            features=parts.Sequential(layers),
            flatten=parts.Flatten(),
            classifier=parts.Sequential(head),
        )
    )


@pytest.mark.parametrize("name", PAPERS)
def test_values_and_gradients(torch, name):
    groups, follow = (1 if name == "alexnet" else 2), ["norm", "pool"]
    table = THIN
    if name == "caffenet":
        follow = follow[::-1]
        table = {k: (*row[:4], row[4].replace("norm pool", "pool norm")) for k, row in THIN.items()}
    with tg.device("meta"):
        ours = models.AlexNet(table, groups=groups, dropout=0.0)
        for layer, sizes in (("fc6", (12 * 36, 9)), ("fc7", (9, 8)), ("fc8", (8, 5))):
            setattr(ours.classifier, layer, nn.Linear(*sizes))
    theirs = stirred(torch, torchs(torch, table, groups, follow))
    compared(torch, filled(ours), theirs, 2, 3, 227, 227)


def test_keys_and_shapes_are_torchvisions():
    state = made("alexnet_torchvision").state_dict()
    assert [[key, list(t.shape)] for key, t in state.items()] == STATES["alexnet"]["state_dict"]


def test_answers_are_torchvisions(torch, torchvision):
    ours = made("alexnet_torchvision", dropout=0.0)
    with torch.device("meta"):
        theirs = torchvision.models.alexnet(dropout=0.0)
        assert repr(ours).split("\n")[1:] == repr(theirs).split("\n")[1:]
        for i, sizes in ((1, (9216, 16)), (4, (16, 16)), (6, (16, 5))):
            theirs.classifier[i] = torch.nn.Linear(*sizes)
            with tg.device("meta"):
                ours.classifier[i] = nn.Linear(*sizes)
    compared(torch, filled(ours), stirred(torch, theirs), 2, 3, 131, 99)
