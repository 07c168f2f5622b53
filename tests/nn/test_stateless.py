"""Layers without weights: each is its function, with its settings in its text."""

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autograd import gradcheck
from tinygrad_cnn.nn import functional as F

X2 = (2, 3, 7, 8)

# layer, its function of x, the shape of x, its text
LAYERS = [
    (nn.ReLU(), F.relu, X2, "ReLU()"),
    (nn.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2), X2, "LeakyReLU(negative_slope=0.2)"),
    (nn.ELU(2.0), lambda x: F.elu(x, 2.0), X2, "ELU(alpha=2.0)"),
    (nn.Sigmoid(), F.sigmoid, X2, "Sigmoid()"),
    (nn.Tanh(), F.tanh, X2, "Tanh()"),
    (nn.ScaledTanh(), F.scaled_tanh, X2, "ScaledTanh()"),
    (nn.Softmax(1), lambda x: F.softmax(x, 1), X2, "Softmax(dim=1)"),
    (nn.LogSoftmax(dim=-1), lambda x: F.log_softmax(x, -1), X2, "LogSoftmax(dim=-1)"),
    (nn.Identity(54, unused=1), lambda x: x, X2, "Identity()"),
    (nn.Flatten(), lambda x: x.reshape(2, -1), X2, "Flatten(start_dim=1, end_dim=-1)"),
    (nn.Flatten(0, 2), lambda x: x.reshape(-1, 8), X2, "Flatten(start_dim=0, end_dim=2)"),
    (
        nn.MaxPool1d(3, 2, 1),
        lambda x: F.max_pool1d(x, 3, 2, 1),
        (3, 7),
        "MaxPool1d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)",
    ),
    (
        nn.MaxPool2d(2, ceil_mode=True),
        lambda x: F.max_pool2d(x, 2, ceil_mode=True),
        X2,
        "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=True)",
    ),
    (
        nn.MaxPool3d((1, 2, 2), 1, dilation=2),
        lambda x: F.max_pool3d(x, (1, 2, 2), 1, dilation=2),
        X2,
        "MaxPool3d(kernel_size=(1, 2, 2), stride=1, padding=0, dilation=2, ceil_mode=False)",
    ),
    (
        nn.AvgPool1d(3, 2, 1, count_include_pad=False),
        lambda x: F.avg_pool1d(x, 3, 2, 1, count_include_pad=False),
        (3, 7),
        "AvgPool1d(kernel_size=3, stride=2, padding=1)",
    ),
    (
        nn.AvgPool2d(2, 3, ceil_mode=True, divisor_override=3),
        lambda x: F.avg_pool2d(x, 2, 3, ceil_mode=True, divisor_override=3),
        X2,
        "AvgPool2d(kernel_size=2, stride=3, padding=0)",
    ),
    (
        nn.AvgPool3d((1, 2, 2)),
        lambda x: F.avg_pool3d(x, (1, 2, 2)),
        X2,
        "AvgPool3d(kernel_size=(1, 2, 2), stride=(1, 2, 2), padding=0)",
    ),
]


def named(layer):
    return type(layer).__name__ if isinstance(layer, nn.Module) else ""


@pytest.mark.parametrize(("layer", "function", "shape", "text"), LAYERS, ids=named)
def test_a_layer_is_its_function(layer, function, shape, text):
    tg.manual_seed(0)
    x = tg.randn(*shape, dtype="float64")
    assert layer(x).tolist() == function(x).tolist()
    assert layer(x.float()).dtype == "float32"
    assert list(layer.parameters()) == [] == list(layer.state_dict())
    assert repr(layer) == text


@pytest.mark.parametrize(("layer", "function", "shape", "text"), LAYERS, ids=named)
def test_gradients_are_differences(layer, function, shape, text):
    tg.manual_seed(0)
    x = tg.randn(*[min(n, 3) for n in shape], dtype="float64", requires_grad=True)
    assert gradcheck(layer, [x], atol=1e-7, rtol=1e-6)


def test_indices_come_with_the_maxima():
    z, indices = nn.MaxPool2d(2, return_indices=True)(tg.tensor([[[1.0, 4.0], [3.0, 2.0]]]))
    assert (z.item(), indices.item()) == (4, 1)


def test_texts_of_activations_in_place():
    assert repr(nn.ReLU(inplace=True)) == "ReLU(inplace=True)"
    assert repr(nn.ELU(inplace=True)) == "ELU(alpha=1.0, inplace=True)"
    assert repr(nn.LeakyReLU(inplace=True)) == "LeakyReLU(negative_slope=0.01, inplace=True)"


def test_dropout_works_in_training_alone():
    layer = nn.Dropout(0.5)
    x = tg.ones(1000)
    assert set(layer(x).tolist()) == {0.0, 2.0}
    assert layer.eval()(x) is x
    assert repr(layer) == "Dropout(p=0.5, inplace=False)"
    with pytest.raises(ValueError, match=r"within \[0, 1\], got 1\.1"):
        nn.Dropout(1.1)


# --- losses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss"])
def test_classification_losses_are_their_functions(name, reduction):
    function = {"CrossEntropyLoss": F.cross_entropy, "NLLLoss": F.nll_loss}[name]
    x, target = tg.randn(4, 3), tg.tensor([0, 2, 1, 1])
    weight = tg.tensor([1.0, 2.0, 0.5])
    layer = getattr(nn, name)(weight, ignore_index=1, reduction=reduction)
    want = function(x, target, weight, ignore_index=1, reduction=reduction)
    assert layer(x, target).tolist() == want.tolist()
    assert list(layer.state_dict()) == ["weight"]
    assert repr(layer) == f"{name}()"


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", ["MSELoss", "L1Loss"])
def test_differences_are_their_functions(name, reduction):
    function = {"MSELoss": F.mse_loss, "L1Loss": F.l1_loss}[name]
    x, y = tg.randn(4, 3), tg.randn(4, 3)
    layer = getattr(nn, name)(reduction=reduction)
    assert layer(x, y).tolist() == function(x, y, reduction=reduction).tolist()
    assert repr(layer) == f"{name}()"
