"""Activation layers: each is its function, with its settings in its text."""

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autograd import gradcheck
from tinygrad_cnn.nn import functional as F

SHAPE = (2, 4, 3, 2)

# layer, its function of x; its text is PyTorch's
LAYERS = [
    (nn.Sigmoid(), F.sigmoid),
    (nn.Tanh(), F.tanh),
    (nn.LogSigmoid(), F.logsigmoid),
    (nn.Softsign(), F.softsign),
    (nn.Tanhshrink(), F.tanhshrink),
    (nn.ReLU(), F.relu),
    (nn.ReLU6(), F.relu6),
    (nn.SELU(), F.selu),
    (nn.SiLU(), F.silu),
    (nn.Mish(), F.mish),
    (nn.Hardswish(), F.hardswish),
    (nn.Hardsigmoid(), F.hardsigmoid),
    (nn.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2)),
    (nn.PReLU(), lambda x: F.prelu(x, tg.tensor([0.25], dtype=x.dtype))),
    (nn.PReLU(4, 0.5), lambda x: F.prelu(x, tg.full((4,), 0.5, dtype=x.dtype))),
    (nn.Hardtanh(-0.5, 0.25), lambda x: F.hardtanh(x, -0.5, 0.25)),
    (nn.Threshold(0.5, 2.0), lambda x: F.threshold(x, 0.5, 2.0)),
    (nn.ELU(2.0), lambda x: F.elu(x, 2.0)),
    (nn.CELU(2.0), lambda x: F.celu(x, 2.0)),
    (nn.Softplus(), F.softplus),
    (nn.Softplus(2.0, 1.0), lambda x: F.softplus(x, 2.0, 1.0)),
    (nn.GELU(), F.gelu),
    (nn.GELU("tanh"), lambda x: F.gelu(x, "tanh")),
    (nn.Hardshrink(0.25), lambda x: F.hardshrink(x, 0.25)),
    (nn.Softshrink(0.25), lambda x: F.softshrink(x, 0.25)),
    (nn.Softmax(), F.softmax),
    (nn.Softmax(1), lambda x: F.softmax(x, 1)),
    (nn.LogSoftmax(dim=-1), lambda x: F.log_softmax(x, -1)),
    (nn.Softmin(2), lambda x: F.softmin(x, 2)),
    (nn.Softmax2d(), lambda x: F.softmax(x, 1)),
    (nn.GLU(), F.glu),
    (nn.GLU(1), lambda x: F.glu(x, 1)),
]
each = pytest.mark.parametrize(
    ("layer", "function"), LAYERS, ids=[repr(layer) for layer, _ in LAYERS]
)
IN_PLACE = [
    *(nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Hardsigmoid),
    *(nn.LeakyReLU, nn.Hardtanh, nn.ELU, nn.CELU),
]


@each
def test_a_layer_is_its_function(layer, function):
    tg.manual_seed(0)
    x = tg.randn(*SHAPE)
    assert layer(x).tolist() == function(x).tolist()
    assert layer(x).dtype == "float32"
    assert list(layer.state_dict()) == ["weight"] * isinstance(layer, nn.PReLU)


@each
def test_texts_are_pytorchs(layer, function, torch):
    settings = {n: s for n, s in vars(layer).items() if n not in ("training", "weight")}
    other = getattr(torch.nn, type(layer).__name__)(**settings)
    assert repr(layer) == repr(other)
    defaults = type(layer) is not nn.Threshold
    if defaults:
        assert repr(type(layer)()) == repr(type(other)())


@each
def test_gradients_are_differences(layer, function):
    tg.manual_seed(0)
    x = tg.randn(*SHAPE, dtype="float64", requires_grad=True)
    assert gradcheck(layer, [x], atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize("layer", IN_PLACE, ids=lambda layer: layer.__name__)
def test_in_place_is_taken_and_told(layer, torch):
    assert repr(layer(inplace=True)) == repr(getattr(torch.nn, layer.__name__)(inplace=True))
    x = tg.tensor([-4.0, 7.0])
    assert layer(inplace=True)(x).tolist() == layer()(x).tolist()
    assert x.tolist() == [-4, 7]


def test_scaled_tanh():
    x = tg.randn(5)
    assert nn.ScaledTanh()(x).tolist() == F.scaled_tanh(x).tolist()
    assert repr(nn.ScaledTanh()) == "ScaledTanh()"


def test_prelu_learns_one_weight_for_each_channel():
    layer = nn.PReLU(4, dtype="float64")
    assert layer.weight.tolist() == [0.25] * 4
    layer(-tg.ones(2, 4, 3, dtype="float64")).sum().backward()
    assert layer.weight.grad.tolist() == [-6.0] * 4
    layer.load_state_dict({"weight": tg.zeros(4)})
    assert layer(-tg.ones(2, 4)).tolist() == [[0.0] * 4] * 2
    layer.reset_parameters()
    assert layer.weight.tolist() == [0.25] * 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.Softmax2d()(tg.ones(2, 3)), r"\(N, C, H, W\) or \(C, H, W\), got \(2, 3\)"),
        (lambda: nn.Hardtanh(1.0, 1.0), r"got min_val=1\.0 and max_val=1\.0"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_softmax2d_is_over_the_channels_of_one_image_too():
    z = nn.Softmax2d()(tg.randn(3, 2, 2)).sum(0)
    assert z.flatten().tolist() == pytest.approx([1] * 4)
