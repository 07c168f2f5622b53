"""Layers without weights: each is its function, with its settings in its text."""

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autograd import gradcheck

X2 = (2, 3, 7, 8)

# layer, its function of x, the shape of x, its text
LAYERS = [
    (nn.Identity(54, unused=1), lambda x: x, X2, "Identity()"),
    (nn.Flatten(), lambda x: x.reshape(2, -1), X2, "Flatten(start_dim=1, end_dim=-1)"),
    (nn.Flatten(0, 2), lambda x: x.reshape(-1, 8), X2, "Flatten(start_dim=0, end_dim=2)"),
    (
        nn.Unflatten(1, (3, -1)),
        lambda x: x.reshape(2, 3, -1),
        (2, 3),
        "Unflatten(dim=1, unflattened_size=(3, -1))",
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


@pytest.mark.parametrize(
    ("use", "error", "words"),
    [
        (lambda: nn.Unflatten(1, 5), TypeError, "a tuple of ints, got 5"),
        (lambda: nn.Unflatten(1, (2, 5.0)), TypeError, r"a tuple of ints, got \(2, 5.0\)"),
        (lambda: nn.Unflatten("a", (2, 5)), TypeError, "dim is an int, got 'a'"),
        (lambda: nn.Unflatten(1, (2, 5))(tg.zeros(2, 9)), RuntimeError, "9"),
    ],
)
def test_sizes_that_do_not_fit(use, error, words):
    with pytest.raises(error, match=words):
        use()
