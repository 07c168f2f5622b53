"""What units deep in a network see of an image."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn, viz

pytest.importorskip("matplotlib", reason="plots are drawn by matplotlib: install matplotlib")


def boxes(place):
    """Rows and columns, from and to, of the boxes that are drawn."""
    found = []
    for box in place.patches:
        top, left = box.get_y() + 0.5, box.get_x() + 0.5
        found.append((top, top + box.get_height(), left, left + box.get_width()))
    return found


def net():
    tg.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(3, 4, 3), nn.Flatten()
    ).double()


def test_boxes_gradients_and_words(tmp_path):
    model, image = net(), tg.randn(1, 12, 12)
    plot = viz.receptive_field(
        model, image, layers=["0", "3"], pixel=(5, 6), path=tmp_path / "f.png"
    )
    first, *maps = plot.axes
    assert boxes(first) == [(4, 7, 5, 8), (1, 9, 3, 11)]
    assert [text.get_text() for text in first.texts] == ["0", "3"]
    assert np.allclose(first.get_lines()[0].get_data(), [[6], [5]])
    x = image.double()[None].requires_grad_()
    model[:4](x)[0, :, 1, 2].sum().backward()
    slope = x.grad.abs().numpy()[0, 0]
    assert np.allclose(maps[1].images[0].get_array(), np.sqrt(slope / slope.max()))
    rows, columns = np.nonzero(slope)
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == boxes(maps[1])[0]
    seen = np.sqrt((slope > 0.0455 * slope.max()).sum())
    assert maps[1].get_xlabel() == f"box 8×8, effective {seen:.3g}×{seen:.3g}"
    assert [place.get_title(loc="left") for place in maps] == ["0", "3"]
    assert (tmp_path / "f.png").exists()


def test_boxes_are_cut_off_at_the_border_and_the_model_is_left_alone():
    model = net()
    plot = viz.receptive_field(model, tg.zeros(1, 12, 12), layers=["0"], pixel=(0, 11))
    assert all(p.grad is None for p in model.parameters())
    assert boxes(plot.axes[0]) == [(0, 2, 10, 12)]
    assert plot.axes[1].get_xlabel().startswith("box 3×3")
    assert all(module.training for module in model.modules())


def test_layers_nobody_has_chosen():
    plot = viz.receptive_field(models.lenet5(), tg.zeros(1, 32, 32))
    titles = [place.get_title(loc="left") for place in plot.axes]
    assert titles == ["what they could see", "c1", "s2", "s4", "c5"]
    words = [place.get_xlabel().split(",")[0] for place in plot.axes[1:]]
    assert words == ["box 5×5", "box 6×6", "box 16×16", "box 32×32"]


def test_frozen_networks_and_images_of_whole_numbers():
    model = nn.Conv2d(3, 2, 3).requires_grad_(False)
    plot = viz.receptive_field(nn.Sequential(model), np.zeros((3, 8, 8), np.uint8))
    assert len(plot.axes) == 2


def test_what_sees_nothing():
    model = net()
    with pytest.raises(IndexError, match=r"12 rows and 12 columns, got the pixel \(12, 0\)"):
        viz.receptive_field(model, tg.zeros(1, 12, 12), pixel=(12, 0))
    with pytest.raises(ValueError, match="'4' does not give maps"):
        viz.receptive_field(model, tg.zeros(1, 12, 12), layers=["4"])
    with pytest.raises(ValueError, match="no layer 'x'"):
        viz.receptive_field(model, tg.zeros(1, 12, 12), layers=["x"])
    with pytest.raises(ValueError, match="no layers with maps"):
        viz.receptive_field(nn.Sequential(nn.Flatten()), tg.zeros(1, 12, 12))
    with pytest.raises(RuntimeError, match="layer 0, Conv2d"):
        viz.receptive_field(model, tg.zeros(2, 12, 12))
