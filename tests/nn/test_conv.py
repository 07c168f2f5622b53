"""Layers of convolution: PyTorch's numbers, texts and keys; the course's counts; errors."""

import math

import numpy as np
import pytest
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import nn


def reals(*shape):
    return np.random.default_rng(0).standard_normal(shape)


@pytest.mark.parametrize(
    ("make", "fan_in"),
    [
        (lambda library: library.Conv2d(4, 60, 3), 36),
        (lambda library: library.Conv1d(4, 60, 3, groups=2), 6),
        (lambda library: library.ConvTranspose2d(4, 60, 3), 540),
        (lambda library: library.ConvTranspose1d(64, 64, 3, groups=32), 6),
        (lambda library: library.Linear(50, 60), 50),
        (lambda library: library.Bilinear(50, 6, 100), 50),
    ],
)
def test_first_values_are_spread_as_torchs(torch, make, fan_in):
    tg.manual_seed(0)
    torch.manual_seed(0)
    bound = 1 / math.sqrt(fan_in)
    for library in (nn, torch.nn):
        for p in make(library).parameters():
            values = host(p.detach())
            assert np.abs(values).max() <= bound
            assert np.abs(values).max() > 0.9 * bound
            assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.25)


def same_as_torch(torch, ours, theirs, shape):
    """Values, gradients and keys of two layers agree, and so do their texts."""
    theirs = theirs.double()
    ours.double().load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs)
    x = reals(*shape)
    z, twin = ours(tg.tensor(x)), theirs(torch.tensor(x))
    agree("PyTorch", z.raw, twin.detach().numpy(), 1e-12)
    (z * z).sum().backward()
    (twin * twin).sum().backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        agree("PyTorch", p.grad.raw, q.grad.numpy(), 1e-12)


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch says that it is slow
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("padding", [1, "same", "valid"])
def test_a_convolution_is_torchs(torch, mode, rank, padding):
    settings = {"padding": padding, "dilation": 2, "groups": 2, "padding_mode": mode}
    if padding == 1:
        settings["stride"] = 2
    ours, theirs = (getattr(m, f"Conv{rank}d")(2, 4, 3, **settings) for m in (nn, torch.nn))
    same_as_torch(torch, ours, theirs, (2, 2, 6, 5, 7)[: rank + 2])


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("settings", [(2, 1, 1, 2, False), (1, 0, 1, 1, True, 2), (3, 1)])
def test_a_transposed_convolution_is_torchs(torch, rank, settings):
    ours, theirs = (getattr(m, f"ConvTranspose{rank}d")(4, 2, 3, *settings) for m in (nn, torch.nn))
    same_as_torch(torch, ours, theirs, (2, 4, 3, 2, 3)[: rank + 2])


@pytest.mark.parametrize("size", [(9, 7), (10, 8), (2, 3, 9, 8)])
def test_the_output_size_is_chosen_as_in_torch(torch, size):
    theirs = torch.nn.ConvTranspose2d(2, 3, 3, 2, 1).double()
    ours = nn.ConvTranspose2d(2, 3, 3, 2, 1).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x = reals(2, 2, 5, 4)
    z = ours(tg.tensor(x), output_size=size)
    twin = theirs(torch.tensor(x), output_size=size)
    agree("PyTorch", z.raw, twin.detach().numpy(), 1e-12)


@pytest.mark.parametrize(
    ("size", "words"),
    [((30, 30), r"from \[17, 17\] to \[18, 18\], got output_size"), ((18,), "2 or 4 entries")],
)
def test_an_output_has_one_of_some_sizes(torch, size, words):
    x = (1, 2, 8, 8)
    with pytest.raises(ValueError, match=words):
        nn.ConvTranspose2d(2, 1, 3, 2)(tg.zeros(*x), output_size=size)
    with pytest.raises(ValueError):
        torch.nn.ConvTranspose2d(2, 1, 3, 2)(torch.zeros(x), output_size=size)


def test_a_transposed_convolution_takes_back_the_sizes_of_a_strided_one():
    down, up = nn.Conv2d(1, 2, 3, 2, 1), nn.ConvTranspose2d(2, 1, 3, 2, 1)
    for size in [(7, 8), (8, 7), (9, 9)]:
        x = tg.zeros(1, 1, *size)
        assert up(down(x), output_size=size).shape == x.shape


def test_a_flipped_layer_turns_its_kernel():
    layer = nn.Conv1d(1, 1, 2, bias=False, flip=True)
    layer.load_state_dict({"weight": [[[1.0, 10.0]]]})
    assert layer(tg.tensor([[1.0, 2.0, 3.0]])).tolist() == [[12.0, 23.0]]
    assert repr(layer) == "Conv1d(1, 1, kernel_size=(2,), stride=(1,), bias=False, flip=True)"


def test_a_border_needs_an_image():
    with pytest.raises(RuntimeError, match=r"Conv2d: expected an input .*, got \(4, 4\)"):
        nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect")(tg.zeros(4, 4))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "divide .* got 2 for 3 and 4"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), ValueError, "divide .* got 2 for 4 and 3"),
        (lambda: nn.Conv2d(4, 4, 3, groups=0), ValueError, "got 0 for 4 and 4"),
        (lambda: nn.Conv2d(1, 1, 3, padding="some"), ValueError, "'same' or 'full', got 'some'"),
        (lambda: nn.Conv2d(1, 1, 3, padding_mode="x"), ValueError, "padding_mode is .* got 'x'"),
        (lambda: nn.Linear(3, -2), ValueError, r"got a parameter of shape \(-2, 3\)"),
        (lambda: nn.Conv1d(1, 1, (3, 3)), RuntimeError, r"Conv1d: kernel_size .* got \(3, 3\)"),
        (lambda: nn.Conv3d(1, 1, 3, stride=0), RuntimeError, "Conv3d: stride takes .* got 0"),
        (lambda: nn.Conv2d(1, 1, 3, padding=-1), RuntimeError, "Conv2d: padding takes .* got -1"),
        (lambda: nn.Conv2d(1, 1, 3, dilation=1.5), TypeError, r"dilation takes .* got 1\.5"),
        (lambda: nn.Subsampling2d(1, (2, 0)), RuntimeError, r"kernel_size .* got \(2, 0\)"),
        (
            lambda: nn.ConvTranspose2d(1, 1, 3, padding_mode="reflect"),
            ValueError,
            "has to be 'zeros', got 'reflect'",
        ),
        (
            lambda: nn.ConvTranspose1d(1, 1, 3, padding="same"),
            TypeError,
            "ConvTranspose1d: padding takes .* got 'same'",
        ),
    ],
)
def test_settings_are_checked_at_once(make, error, words):
    with pytest.raises(error, match=words):
        make()


# --- the course's counts --------------------------------------------------------------------------


def count(layer):
    return sum(p.numel() for p in layer.parameters())


@pytest.mark.parametrize(
    ("layer", "parameters"),
    [
        (nn.Conv2d(1, 6, 5), 156),
        (nn.Conv2d(1, 1, 3), 10),
        (nn.Conv2d(1, 1, 5), 26),
        (nn.Conv2d(3, 96, 11, stride=4), 34_944),
        (nn.Conv2d(96, 256, 5, padding=2), 614_656),
        (nn.Conv2d(3, 100, 3, padding=1), 2_800),
        (nn.Linear(4096, 1000), 4_097_000),
    ],
)
def test_parameters_of_the_course(layer, parameters):
    assert count(layer) == parameters


@pytest.mark.parametrize(
    ("layers", "out", "multiply_adds"),
    [
        ((nn.Conv2d(192, 32, 5, padding=2),), (28, 28), 120_422_400),
        ((nn.Conv2d(192, 16, 1), nn.Conv2d(16, 32, 5, padding=2)), (28, 28), 12_443_648),
    ],
)
def test_a_bottleneck_saves_nine_tenths(layers, out, multiply_adds):
    table = tg.viz.summary(nn.Sequential(*layers), (192, *out))
    assert table.multiply_adds == multiply_adds
