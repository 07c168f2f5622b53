"""Dropout layers: each is its function in training, and nothing outside it."""

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn import functional as F

# layer, its function, the shape of an input, its text
LAYERS = [
    (nn.Dropout, F.dropout, (30, 4), "p={}, inplace=False"),
    (nn.Dropout1d, F.dropout1d, (30, 4, 2), "p={}, inplace=False"),
    (nn.Dropout2d, F.dropout2d, (30, 4, 2, 2), "p={}, inplace=False"),
    (nn.Dropout3d, F.dropout3d, (30, 4, 2, 2, 2), "p={}, inplace=False"),
    (nn.AlphaDropout, F.alpha_dropout, (30, 4), "p={}, inplace=False"),
    (nn.FeatureAlphaDropout, F.feature_alpha_dropout, (30, 4, 2), "p={}, inplace=False"),
    (nn.DropPath, F.drop_path, (30, 4), "drop_prob={:.3f}"),
]
each = pytest.mark.parametrize(
    ("layer", "function", "shape", "text"), LAYERS, ids=[row[0].__name__ for row in LAYERS]
)


@each
def test_a_layer_is_its_function_in_training(layer, function, shape, text):
    x = tg.randn(*shape)
    made = layer(0.3)
    tg.manual_seed(1)
    z = made(x)
    tg.manual_seed(1)
    assert z.tolist() == function(x, 0.3, True).tolist() != x.tolist()
    assert made.eval()(x) is x
    assert made.train()(x) is not x
    assert list(made.state_dict()) == []


@each
def test_texts_are_pytorchs(layer, function, shape, text, torch):
    assert repr(layer(0.25)) == f"{layer.__name__}({text.format(0.25)})"
    if layer is not nn.DropPath:  # which PyTorch has not
        other = getattr(torch.nn, layer.__name__)
        assert repr(layer()) == repr(other())
        assert repr(layer(0.1, inplace=True)) == repr(other(0.1, inplace=True))


@each
def test_a_probability_is_one(layer, function, shape, text):
    with pytest.raises(ValueError, match=rf"{layer.__name__}: .* within \[0, 1\], got 1\.1"):
        layer(1.1)


def test_surviving_samples_may_stay_unscaled():
    x = tg.ones(200, 2)
    assert set(nn.DropPath(0.5, scale_by_keep=False)(x).unique().tolist()) == {0.0, 1.0}
    assert nn.DropPath()(x) is x
