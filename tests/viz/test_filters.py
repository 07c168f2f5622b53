"""Pictures of filters and of the maps they give."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, viz
from tinygrad_cnn.nn import functional as F

pytest.importorskip("matplotlib", reason="plots are drawn by matplotlib: install matplotlib")


def tiles(place):
    return [np.asarray(image.get_array()) for image in place.images]


def test_grey_filters_have_one_symmetric_scale():
    weight = tg.tensor(np.linspace(-2.0, 1.0, 54).reshape(6, 1, 3, 3))
    place = viz.filters(weight).axes[0]
    assert np.array_equal(tiles(place), weight.numpy()[:, 0])
    assert {image.get_clim() for image in place.images} == {(-2.0, 2.0)}
    assert {image.get_cmap().name for image in place.images} == {"gray"}
    assert place.get_title(loc="left") == "6 filters of 3×3"


def test_filters_of_three_channels_are_in_colour():
    weight = tg.randn(4, 3, 5, 5)
    drawn = tiles(viz.filters(weight).axes[0])
    most = weight.abs().max().item()
    for tile, kernel in zip(drawn, weight.numpy(), strict=True):
        assert np.allclose((tile - 0.5) * 2 * most, np.moveaxis(kernel, 0, 2), atol=1e-6)
    assert np.max(drawn) in (1, pytest.approx(1)) or np.min(drawn) == pytest.approx(0)


def test_filters_of_other_depths_stand_in_rows():
    layer = nn.Conv2d(2, 3, 3)
    place = viz.filters(layer).axes[0]
    lefts = [image.get_extent()[0] for image in place.images]
    tops = [image.get_extent()[3] for image in place.images]
    assert lefts == [lefts[0], lefts[1]] * 3
    assert tops[0] == tops[1] < tops[2] == tops[3] < tops[4]
    assert np.array_equal(tiles(place), layer.weight.detach().numpy().reshape(6, 3, 3))


def test_a_model_shows_its_first_convolution(tmp_path):
    model = nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 5, 3), nn.Conv2d(5, 7, 3))
    plot = viz.filters(model, path=tmp_path / "deep" / "filters.png")
    assert len(plot.axes[0].images) == 5
    assert (tmp_path / "deep" / "filters.png").exists()


@pytest.mark.parametrize(
    ("weights", "error", "words"),
    [
        (tg.randn(3, 3), ValueError, r"shape \(K, C, R, S\), got \(3, 3\)"),
        (nn.Linear(3, 2), ValueError, "Linear has no weights"),
        ("conv1", TypeError, "weights has to be a Tensor"),
        ([[1], [2, 3]], TypeError, "weights has to be a Tensor"),
    ],
)
def test_what_are_no_filters(weights, error, words):
    with pytest.raises(error, match=words):
        viz.filters(weights)
    with pytest.raises(ValueError, match="columns is at least 1, got 0"):
        viz.filters(tg.randn(2, 1, 3, 3), columns=0)


def net():
    tg.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 20, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(20 * 4 * 4, 2),
    )


def test_maps_are_what_the_layers_give():
    model, image = net(), tg.randn(1, 14, 14)
    plot = viz.feature_maps(model, image, most=6)
    first, *rows = plot.axes
    assert first.get_title(loc="left") == "image  1×14×14"
    titles = [place.get_title(loc="left") for place in rows]
    assert titles == ["1  4×12×12", "2  4×6×6", "4  20×4×4, the first 6"]
    with tg.no_grad():
        z = image[None]
        for layer, name in zip(model, "0123456", strict=True):
            z = layer(z)
            for place, title in zip(rows, titles, strict=True):
                if title.startswith(f"{name} "):
                    assert np.array_equal(tiles(place), z.numpy()[0, :6])
    assert rows[0].images[0].get_cmap().name == "RdBu_r"
    low, high = rows[0].images[0].get_clim()
    assert low == -high
    assert rows[2].images[0].get_cmap().name == "Greys"
    assert rows[2].images[0].get_clim()[0] == 0


def test_maps_of_chosen_layers_leave_the_model_as_it_was():
    model = net()
    model[3].eval()
    image = np.random.default_rng(0).random((1, 14, 14))
    plot = viz.feature_maps(model, image, layers=["3", "0"])
    assert [p.get_title(loc="left")[:2] for p in plot.axes] == ["im", "0 ", "3 "]
    assert [module.training for module in model] == [True] * 3 + [False] + [True] * 3
    assert all(p.grad is None for p in model.parameters())
    assert not any(module.is_hooked() for module in model.modules())


def test_maps_of_a_function_inside():
    class Net(nn.Module):
        def __init__(self):
            self.conv = nn.Conv2d(3, 2, 3)
            self.idle = nn.Conv2d(3, 2, 3)

        def forward(self, x):
            return F.relu(self.conv(x)), x

    plot = viz.feature_maps(Net(), tg.randn(3, 5, 5))
    assert [p.get_title(loc="left") for p in plot.axes] == ["image  3×5×5", "conv  2×3×3"]
    with pytest.raises(ValueError, match="'idle' did not run"):
        viz.feature_maps(Net(), tg.randn(3, 5, 5), layers=["idle"])


def test_what_has_no_maps():
    model = net()
    with pytest.raises(ValueError, match=r"'6' gives no maps \(1, C, H, W\), but \(1, 2\)"):
        viz.feature_maps(model, tg.randn(1, 14, 14), layers=["6"])
    with pytest.raises(ValueError, match="no layer 'conv9'; it has '0', '1'"):
        viz.feature_maps(model, tg.randn(1, 14, 14), layers=["conv9"])
    with pytest.raises(TypeError, match=r"write \['0'\]"):
        viz.feature_maps(model, tg.randn(1, 14, 14), layers="0")
    with pytest.raises(ValueError, match=r"one image \(C, H, W\), got a shape of \(2, 1, 14, 14\)"):
        viz.feature_maps(model, tg.randn(2, 1, 14, 14))
    with pytest.raises(TypeError, match="the model is a Module, got 3"):
        viz.feature_maps(3, tg.randn(1, 14, 14))
