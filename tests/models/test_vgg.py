"""VGG: the paper's columns and the course's sums; torchvision's keys, text, values, gradients."""

import numpy as np
import pytest
from model_twins import STATES, compared, count, filled, made, multiply_adds, outputs, stirred
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.models import vgg
from tinygrad_cnn.models.vgg import CHANNELS, COLUMNS, initialise

COLUMN_OF = {11: "A", 13: "B", 16: "D", 19: "E"}
NAMES = [f"vgg{depth}{end}" for depth in COLUMN_OF for end in ("", "_bn")]
every = pytest.mark.parametrize("name", NAMES)

# --- sizes ----------------------------------------------------------------------------------------


@every
def test_keys_shapes_and_parameters_are_torchvisions(name):
    net = made(name)
    state = [[key, list(t.shape)] for key, t in net.state_dict().items()]
    assert state == STATES[name]["state_dict"]
    assert count(net) == STATES[name]["parameters"]


@pytest.mark.parametrize(
    ("name", "parameters", "products"),
    [("vgg16", 138_357_544, 15_470_264_320), ("vgg19", 143_667_240, 19_632_062_464)],
)
def test_totals(name, parameters, products):
    net = made(name)
    assert count(net) == parameters
    assert multiply_adds(net, 3, 224, 224) == products


def test_the_courses_parts():
    net = made("vgg16")
    assert count(net.features) == 14_714_688
    assert count(net.classifier) == 123_642_856
    assert net.classifier[0].weight.numel() == 102_760_448


@pytest.mark.parametrize("depth", COLUMN_OF)
def test_depth_is_the_number_of_layers(depth):
    layers = [m for m in made(f"vgg{depth}").modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == depth == sum(COLUMNS[COLUMN_OF[depth]]) + 3


@every
def test_sizes(name):
    net = made(name, num_classes=7, in_channels=1, dropout=0.25)
    shapes = outputs(net, 2, 1, 224, 224)
    pools = [p for p, m in net.named_modules() if isinstance(m, nn.MaxPool2d)]
    sides = (112, 56, 28, 14, 7)
    assert [shapes[p] for p in pools] == [
        (2, c, s, s) for c, s in zip(CHANNELS, sides, strict=True)
    ]
    assert shapes["avgpool"] == shapes[pools[-1]]
    assert {m.p for m in net.modules() if isinstance(m, nn.Dropout)} == {0.25}
    z = net(tg.zeros(2, 1, 32, 32, device="meta"))
    assert z.shape == (2, 7)
    z.sum().backward()
    assert all(p.grad.shape == p.shape for p in net.parameters())


# --- blocks ---------------------------------------------------------------------------------------


def test_two_small_windows_see_what_a_large_one_does():
    """With one channel: 20 parameters in the place of 26, and the same 5 x 5 pixels."""
    layers = models.vgg_block(1, 1, 2)
    assert count(layers) == 20
    assert count(nn.Conv2d(1, 1, 5)) == 26
    x = tg.zeros(1, 1, 9, 9, requires_grad=True)
    layers[2](layers[0](x))[0, 0, 4, 4].backward()
    rows, columns = np.nonzero(host(x.grad)[0, 0])
    assert set(rows) == set(columns) == {2, 3, 4, 5, 6}


@pytest.mark.parametrize(("convolutions", "batch_norm"), [(1, False), (3, True)])
def test_block(convolutions, batch_norm):
    block = models.vgg_block(3, 5, convolutions, batch_norm)
    once = ["Conv2d", "BatchNorm2d", "ReLU"] if batch_norm else ["Conv2d", "ReLU"]
    assert [type(m).__name__ for m in block] == once * convolutions + ["MaxPool2d"]
    assert block(tg.randn(2, 3, 9, 8)).shape == (2, 5, 4, 4)


# --- first values ---------------------------------------------------------------------------------


def test_first_values():
    tg.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(16, 64, 3), nn.Linear(200, 100), nn.BatchNorm2d(3))
    initialise(net)
    for layer, std in ((net[0], (2 / (64 * 9)) ** 0.5), (net[1], 0.01)):
        assert abs(host(layer.weight).std() / std - 1) < 4 / layer.weight.numel() ** 0.5
        assert not host(layer.bias).any()
    assert net[2].weight.tolist() == [1.0] * 3


# --- torchvision ----------------------------------------------------------------------------------


@every
def test_text_is_torchvisions(torch, torchvision, name):
    with torch.device("meta"):
        theirs = repr(getattr(torchvision.models, name)())
    assert repr(made(name)) == theirs.replace("affine=True, bias=True", "affine=True")


@every
def test_answers_are_torchvisions(torch, torchvision, monkeypatch, name):
    """Of nets that are narrower and otherwise as they are."""
    widths = (4, 6, 8, 10, 12)
    monkeypatch.setattr(vgg, "CHANNELS", widths)
    ours = made(name, dropout=0.0)
    column = COLUMNS[COLUMN_OF[int(name[3:5])]]
    plan = [part for c, n in zip(widths, column, strict=True) for part in [c] * n + ["M"]]
    theirs = torchvision.models.vgg
    with torch.device("meta"):
        theirs = theirs.VGG(theirs.make_layers(plan, "bn" in name), dropout=0.0)
        for i, sizes in ((0, (12 * 49, 16)), (3, (16, 16)), (6, (16, 5))):
            theirs.classifier[i] = torch.nn.Linear(*sizes)
            with tg.device("meta"):
                ours.classifier[i] = nn.Linear(*sizes)
    compared(torch, filled(ours), stirred(torch, theirs), 2, 3, 70, 101)
