"""Inception v2, v3 and v4: their papers' tables, torchvision's keys, values and gradients."""

import numpy as np
import pytest
from model_twins import STATES, count, filled, made, multiply_adds, stirred
from oracles import host
from torch_twins import compared, images, twin

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.models.googlenet import halved
from tinygrad_cnn.models.inception_v2 import MODULES, STEM, stem
from tinygrad_cnn.models.inception_v3 import SIZES, same
from tinygrad_cnn.models.inception_v4 import STAGES
from tinygrad_cnn.nn import functional as F

COUNTS = {"inception_v2": 25_493_448, "inception_v3": 23_834_568, "inception_v4": 42_679_816}
HEADS = {"inception_v2": 28_819_376, "inception_v3": 27_161_264}
every = pytest.mark.parametrize("name", COUNTS)
headed = pytest.mark.parametrize("name", HEADS)


def bare(name, **settings):
    """A model without numbers and without a head."""
    return made(name, **({"aux_logits": False} if name in HEADS else {}), **settings)


def sides(net, paths, side):
    """The (side, channels) of what the modules at these paths make of an image."""
    found = {}
    for path in paths:
        net.get_submodule(path).register_forward_hook(
            lambda m, args, z, path=path: found.update({path: (z.shape[-1], z.shape[1])})
        )
    net(tg.zeros(1, 3, side, side, device="meta"))
    return found


# --- sizes ----------------------------------------------------------------------------------------


@every
def test_parameters(name):
    net = bare(name)
    assert count(net) == COUNTS[name]
    small = bare(name, num_classes=10, in_channels=1)
    assert count(small) == COUNTS[name] - 990 * (net.fc.in_features + 1) - 2 * 32 * 9


@headed
def test_parameters_with_head(name):
    assert count(made(name)) == HEADS[name]


def test_the_norm_of_the_head_is_all_that_differs():
    """Inception v3's head has one more norm than v2's, and one bias less."""
    v2 = count(made("inception_v2").aux)
    v3 = count(made("inception_v3").AuxLogits)
    assert v3 - v2 == 2 * 768 - 768


def test_sizes_of_inception_v2s_table():
    net = bare("inception_v2")
    rows = [(side, channels) for _, side, channels, *_ in STEM]
    found = sides(net, [f"stem.{i}" for i in range(len(rows))], 299)
    assert [(299, 3), *found.values()][:-1] == rows
    (three, *at35), (five, *at17), (two, *at8) = MODULES.values()
    assert found["stem.6"] == tuple(at35)
    assert (len(net.figure5), len(net.figure6), len(net.figure7)) == (three, five, two)
    stages = ["figure5", "reduction5", "figure6", "reduction6", "figure7"]
    assert list(sides(net, stages, 299).values()) == [
        tuple(at35),
        tuple(at17),
        tuple(at17),
        tuple(at8),
        (8, 2048),
    ]


def test_sizes_of_inception_v3s_table():
    net = bare("inception_v3")
    assert sides(net, SIZES, 299) == SIZES


def test_sizes_of_inception_v4s_figure():
    net = bare("inception_v4")
    paths = ["stem", "inception_a", "reduction_a", "inception_b", "reduction_b", "inception_c"]
    table = STAGES.values()
    assert list(sides(net, paths, 299).values()) == [(side, width) for _, side, width in table]
    lengths = [len(net.inception_a), len(net.inception_b), len(net.inception_c)]
    assert lengths == [4, 7, 3]
    layers = [f"stem.{name}" for name, _ in net.stem.named_children()]
    assert list(sides(net, layers, 299).values()) == [  # figure 3
        (149, 32),
        (147, 32),
        (147, 64),
        (73, 160),
        (71, 192),
        (35, 384),
    ]


def test_multiply_adds():
    assert multiply_adds(bare("inception_v3"), 3, 299, 299) == 5_713_216_096


@every
def test_training_at_the_papers_size(name):
    net = made(name, num_classes=7)
    outputs = net(tg.zeros(2, 3, 299, 299, device="meta"))
    assert isinstance(outputs, tuple) == (name in HEADS)
    scores = outputs if name in HEADS else (outputs,)
    assert [z.shape for z in scores] == [(2, 7)] * len(scores)
    models.cross_entropy_with_heads(outputs, tg.zeros(2, dtype="int64", device="meta")).backward()
    assert all(p.grad.shape == p.shape for p in net.parameters())


def test_keys_and_shapes_are_torchvisions():
    state = made("inception_v3").state_dict()
    ours = [[key, list(t.shape)] for key, t in state.items()]
    assert ours == STATES["inception_v3"]["state_dict"]


# --- factorisation --------------------------------------------------------------------------------


def test_two_3x3_cost_less_than_one_5x5():
    """28 % less, for the same window on the input and the same channels."""
    stacked = nn.Sequential(same(4, 4, 3, 3), same(4, 4, 3, 3))
    whole = same(4, 4, 5, 5)
    pair, one = (sum(p.numel() for p in m.parameters() if p.ndim == 4) for m in (stacked, whole))
    assert pair / one == 18 / 25


@pytest.mark.parametrize("n", [3, 7])
def test_narrow_windows_see_what_the_square_sees(n):
    """A gradient of 1 x n behind n x 1 reaches n x n pixels, at 2 / n of the weights."""
    x = tg.zeros(1, 1, 9, 9, requires_grad=True)
    narrow = nn.Conv2d(1, 1, (1, n), padding="same"), nn.Conv2d(1, 1, (n, 1), padding="same")
    z = narrow[1](narrow[0](x))
    z[0, 0, 4, 4].backward()
    assert (host(x.grad) != 0).sum() == n * n
    assert sum(layer.weight.numel() for layer in narrow) / n**2 == 2 / n


REDUCING = {
    "v2": (models.GridReduction, (8, (3, 5), (2, 4)), 8 + 5 + 4),
    "v3 B": (models.InceptionB, (8,), 8 + 480),
    "v3 D": (models.InceptionD, (8,), 8 + 512),
    "v4 A": (models.ReductionA, (8, (2, 3, 4), 5), 8 + 5 + 4),
}


@pytest.mark.parametrize(("kind", "args", "channels"), REDUCING.values(), ids=REDUCING)
def test_reductions_lose_nothing(kind, args, channels):
    """Half the size, and all channels of the pool beside those of the convolutions."""
    module = kind(*args)
    x = tg.randn(2, 8, 11, 9)
    z = module(x)
    assert z.shape == (2, channels, 5, 4)
    pool = host(F.max_pool2d(x, 3, 2))
    at = 0 if kind is models.ReductionA else channels - 8
    assert np.array_equal(host(z)[:, at : at + 8], pool)


# --- values and gradients -------------------------------------------------------------------------


def test_inception_v3_is_torchvisions(torch, torchvision):
    settings = {"num_classes": 5, "aux_logits": False, "transform_input": True, "dropout": 0.0}
    with torch.device("meta"):
        theirs = torchvision.models.Inception3(init_weights=False, **settings)
    ours = filled(made("inception_v3", **settings))
    compared(torch, ours, stirred(torch, theirs), images(2, 3, 107, 107), [1, 4])


def test_inception_v3s_head_is_torchvisions(torch, torchvision):
    with torch.device("meta"):
        theirs = torchvision.models.inception.InceptionAux(32, 5)
    ours = models.InceptionAux(32, 5).double()
    compared(torch, ours, stirred(torch, theirs), images(4, 32, 20, 17), [1, 4, 0, 2])


PARTS = {
    "v2 stem": (stem, (3,), 75),
    "v2 figure 5": (models.StackedInception, (16,), 5),
    "v2 figure 10": (models.GridReduction, (16, (4, 5), (6, 7)), 7),
    "v2 head": (models.InceptionAux, (16, 5, models.ConvReLU), 17),
    "v4 stem": (models.InceptionV4Stem, (3,), 75),
    "v4 A": (models.InceptionV4A, (), 5),
    "v4 reduction A": (models.ReductionA, (16, (4, 5, 6), 7), 7),
    "v4 B": (models.InceptionV4B, (), 4),
    "v4 reduction B": (models.ReductionB, (), 7),
    "v4 C": (models.InceptionV4C, (), 3),
}


@pytest.mark.parametrize(("kind", "args", "side"), PARTS.values(), ids=PARTS)
def test_parts_are_those_of_pytorchs_layers(torch, kind, args, side):
    with tg.device("meta"):
        part = kind(*args)
    first = next(layer for layer in part.modules() if isinstance(layer, nn.Conv2d))
    if part.__class__ is not models.InceptionAux:
        part = nn.Sequential(part, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten())
    with torch.device("meta"):
        theirs = twin(torch, part)
    x = images(3, first.in_channels, side, side)
    compared(torch, filled(part), stirred(torch, theirs), x, [1, 4, 0])


def test_inception_v4s_averages_leave_the_border_out():
    pools = [m for m in made("inception_v4").modules() if isinstance(m, nn.AvgPool2d)]
    assert len(pools) == 4 + 7 + 3
    assert (host(pools[0](tg.ones(1, 1, 4, 4))) == 1).all()


@every
def test_forward_and_backward(name):
    settings = {"aux_logits": False} if name in HEADS else {}
    net = getattr(models, name)(num_classes=3, **settings)
    z = net(tg.randn(2, 3, 75, 75))
    F.cross_entropy(z, tg.tensor([0, 2])).backward()
    assert np.isfinite(host(z)).all()
    assert all(np.isfinite(host(p.grad)).all() for p in net.parameters())


# --- heads, first values, weights -----------------------------------------------------------------


@headed
def test_the_head_works_in_training_alone(name):
    net = made(name)
    x = tg.zeros(2, 3, 299, 299, device="meta")
    outputs = net(x)
    assert outputs._fields == ("logits", "aux_logits")
    assert net.eval()(x).shape == (2, 1000)
    assert bare(name)(x).shape == (2, 1000)


@headed
def test_the_head_wants_the_papers_images(name):
    net, x = made(name), tg.zeros(1, 3, 139, 139, device="meta")
    with pytest.raises(ValueError, match=r"299 x 299, got maps of shape \(1, 768, 7, 7\); train"):
        net(x)
    assert net.eval()(x).shape == (1, 1000)


def test_first_values():
    tg.manual_seed(0)
    net = models.inception_v3(num_classes=2)
    assert abs(host(net.Mixed_5b.branch1x1.conv.weight).std() - 0.1) < 0.01
    assert abs(host(net.fc.weight).std() - 0.1) < 0.01
    assert abs(host(net.AuxLogits.conv0.conv.weight).std() - 0.1) < 0.01
    assert abs(host(net.AuxLogits.conv1.conv.weight).std() - 0.01) < 0.001
    assert abs(host(net.AuxLogits.fc.weight).std() - 0.001) < 0.0001


def test_weights_bring_their_normalisation(tmp_path):
    net = models.inception_v3(num_classes=3)
    file = tmp_path / "net.safetensors"
    tg.save(net.state_dict(), file)
    loaded = models.inception_v3(num_classes=3, weights=str(file), aux_logits=False)
    loaded.load_state_dict(loaded.state_dict())
    assert loaded.transform_input
    assert loaded.AuxLogits is None
    x = tg.randn(1, 3, 75, 75)
    assert np.array_equal(host(loaded.eval()(x)), host(net.eval()(halved(x))))
