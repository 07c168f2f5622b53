"""Batch norm folded into the layer before it computes what both computed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.nn import utils

BOOLS = st.booleans()


def evaluated(bn):
    """A batch norm in float64 with statistics and weights of its own, in evaluation."""
    rng = np.random.default_rng(0)
    for t in bn.double().state_dict().values():
        if t.shape:
            t.copy_(tg.tensor(rng.uniform(0.5, 2.0, t.shape)))
    return bn.eval()


@given(st.integers(1, 3), BOOLS, BOOLS, BOOLS)
def test_convolutions(rank, bias, affine, transpose):
    kind = "ConvTranspose" if transpose else "Conv"
    conv = getattr(nn, f"{kind}{rank}d")(2, 3, 2, bias=bias).double().eval()
    bn = evaluated(getattr(nn, f"BatchNorm{rank}d")(3, affine=affine))
    before = [host(p).copy() for p in conv.parameters()]
    fused = utils.fuse_conv_bn_eval(conv, bn, transpose)
    x = tg.randn(2, 2, *[3] * rank, dtype="float64")
    agree("both layers", fused(x).detach().raw, bn(conv(x)).detach().raw, 1e-12)
    assert type(fused) is type(conv)
    assert list(fused.state_dict()) == ["weight", "bias"]
    assert fused.weight.requires_grad
    for p, b in zip(conv.parameters(), before, strict=True):
        assert np.array_equal(host(p), b)


@given(BOOLS, BOOLS)
def test_linear_layers(bias, affine):
    linear = nn.Linear(2, 3, bias=bias).double().eval()
    bn = evaluated(nn.BatchNorm1d(3, affine=affine))
    x = tg.randn(4, 2, dtype="float64")
    fused = utils.fuse_linear_bn_eval(linear, bn)
    agree("both layers", fused(x).detach().raw, bn(linear(x)).detach().raw, 1e-12)


def test_float32_stays():
    conv, bn = nn.Conv2d(1, 2, 3).eval(), nn.BatchNorm2d(2).eval()
    assert {p.dtype.name for p in utils.fuse_conv_bn_eval(conv, bn).parameters()} == {"float32"}


@pytest.mark.parametrize(
    ("layer", "bn", "words"),
    [
        (nn.Linear(2, 3), nn.BatchNorm1d(3).eval(), "for evaluation alone"),
        (nn.Linear(2, 3).eval(), nn.BatchNorm1d(3), "for evaluation alone"),
        (nn.Linear(2, 3).eval(), nn.BatchNorm1d(2).eval(), "of 3 outputs .* of 2 features"),
        (
            nn.Linear(2, 3).eval(),
            nn.BatchNorm1d(3, track_running_stats=False).eval(),
            "running statistics",
        ),
    ],
)
def test_what_cannot_be_fused(layer, bn, words):
    with pytest.raises(AssertionError, match=words):
        utils.fuse_linear_bn_eval(layer, bn)


# --- a whole network ---


def lively(model, seed=0):
    """`model` with statistics of its norms as after training, not 0 and 1."""
    rng = np.random.default_rng(seed)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) and module.running_mean is not None:
            module.running_mean.copy_(tg.tensor(rng.uniform(-0.5, 0.5, module.num_features)))
            module.running_var.copy_(tg.tensor(rng.uniform(0.5, 2.0, module.num_features)))
    return model


def norms(model):
    """How many batch norms there are."""
    return sum(isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)) for m in model.modules())


def same_answers(model, x, left):
    """Assert that folding leaves so many norms and the answers as they are; return the copy."""
    model = lively(model.double())
    fused = utils.fuse_model(model, x[:1])
    assert norms(fused) == left
    assert not fused.training
    expected = host(model.eval()(x).detach())
    agree("unfused", fused(x).detach().raw, expected, 1e-9)
    return fused


def test_a_sequence():
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 6, 2, groups=1),
        nn.BatchNorm2d(6, affine=False),
        nn.Flatten(),
        nn.Linear(96 + 54, 5, bias=False),
        nn.BatchNorm1d(5),
    )
    keys = list(model.state_dict())
    fused = same_answers(model, tg.randn(2, 3, 6, 6, dtype="float64"), 0)
    assert list(model.state_dict()) == keys
    assert [type(m).__name__ for m in fused] == [
        "Conv2d",
        "Identity",
        "ReLU",
        "ConvTranspose2d",
        "Identity",
        "Flatten",
        "Linear",
        "Identity",
    ]


class Parted(nn.Module):
    """Its convolution is used by the norm and, if `twice`, past it."""

    def __init__(self, twice):
        self.conv = nn.Conv2d(2, 2, 1)
        self.bn = nn.BatchNorm2d(2)
        self.twice = twice

    def forward(self, x):
        x = self.conv(x)
        z = self.bn(x)
        return z.relu() + x if self.twice else z.relu()


@pytest.mark.parametrize("twice", [False, True])
def test_what_is_used_elsewhere_is_left(twice):
    same_answers(Parted(twice), tg.randn(2, 2, 3, 3, dtype="float64"), int(twice))


def test_an_output_that_is_the_convolution_is_left():
    class Both(Parted):
        def forward(self, x):
            x = self.conv(x)
            return self.bn(x), x

    model = Both(False).eval()
    assert norms(utils.fuse_model(model, tg.zeros(1, 2, 3, 3))) == 1


def test_what_is_called_twice_or_has_no_statistics_is_left():
    conv = nn.Conv2d(2, 2, 1)
    x = tg.randn(2, 2, 3, 3, dtype="float64")
    same_answers(nn.Sequential(conv, nn.BatchNorm2d(2), conv, nn.BatchNorm2d(2)), x, 2)
    bn = nn.BatchNorm2d(2)
    same_answers(nn.Sequential(nn.Conv2d(2, 2, 1), bn, nn.Conv2d(2, 2, 1), bn), x, 1)
    model = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2, track_running_stats=False))
    same_answers(model, x, 1)
    same_answers(nn.Sequential(nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1)), x, 1)
    same_answers(nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU(), nn.BatchNorm2d(2)), x, 1)


def test_frozen_networks_and_hooks():
    model = Parted(False).requires_grad_(False)
    seen = []
    model.conv.register_forward_hook(lambda *call: seen.append(1))
    with tg.no_grad():
        fused = utils.fuse_model(model, tg.zeros(1, 2, 3, 3))
    assert norms(fused) == 0
    assert not any(p.requires_grad for p in fused.parameters())
    assert norms(model) == 1
    model(tg.zeros(2, 2, 3, 3))
    assert len(seen) == 2  # once by the copy, which has the hook too, and once now


# --- the networks of papers ---

# One of each family at a small size, and how many norms have no convolution before them, or are in
# auxiliary heads, which evaluation does not call.
FAMILIES = {
    "vgg11_bn": (32, 0),
    "plain18": (32, 0),
    "resnet18": (32, 0),
    "resnet50": (32, 0),
    "resnext50_32x4d": (32, 0),
    "resnet20": (32, 0),
    "preact_resnet20": (32, 9),
    "preact_resnet164": (32, 54),
    "densenet121": (32, 62),
    "googlenet_torchvision": (32, 2),
    "inception_v2": (75, 1),
    "inception_v3": (75, 2),
    "inception_v4": (75, 0),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_published_networks(name, monkeypatch):
    monkeypatch.setattr(models.vgg, "HIDDEN", 16)
    side, left = FAMILIES[name]
    model = lively(getattr(models, name)(num_classes=5)).eval().double()
    x = tg.randn(2, 3, side, side, dtype="float64")
    fused = utils.fuse_model(model, x[:1])
    assert norms(fused) == left
    with tg.no_grad():
        ours, expected = host(fused(x)), host(model(x))
    np.testing.assert_allclose(ours, expected, atol=1e-10 * np.abs(expected).max())
