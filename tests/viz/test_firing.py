"""ReLUs that have died."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn, viz
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.nn import functional as F

pytest.importorskip("matplotlib", reason="plots are drawn by matplotlib: install matplotlib")


def net():
    """A network whose first ReLU has a unit that never fires, and one that always does."""
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3), nn.ReLU())
    bias = model[0].bias
    with tg.no_grad():
        model[0].weight.mul_(0.01)
        bias.copy_(tg.tensor([-9.0, 9.0, 0.0, 0.0]))
    return model


def test_rates_are_counted_image_by_image():
    model, images = net(), tg.randn(10, 1, 4, 4)
    rates = viz.firing_rates(model, images)
    assert list(rates) == ["1", "4"]
    fires = model[:2](images).detach().numpy() > 0
    assert np.array_equal(rates["1"], fires.any((2, 3)).mean(0))
    assert rates["1"][0] == 0
    assert rates["1"][1] == 1
    assert np.array_equal(rates["4"], (model(images).detach().numpy() > 0).mean(0))


def test_batches_give_the_same_as_all_at_once():
    model, images = net(), tg.randn(10, 1, 4, 4)
    whole = viz.firing_rates(model, images)
    loader = DataLoader(TensorDataset(images, tg.arange(10)), 4)
    for other in (loader, [images[:3], images[3:]], images.numpy()):
        for name, rates in viz.firing_rates(model, other).items():
            assert np.array_equal(rates, whole[name])
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    assert not any(module.is_hooked() for module in model.modules())


def test_functions_and_fused_layers_count_too():
    class Net(nn.Module):
        def __init__(self):
            self.norm = nn.Sequential(nn.BatchNorm1d(3), nn.ReLU())

        def forward(self, x):
            return F.relu(F.relu(self.norm(x)) - 0.5)

    rates = viz.firing_rates(Net().requires_grad_(False), tg.randn(6, 3))
    assert list(rates) == ["norm.1", "relu", "relu 2"]
    names = list(viz.firing_rates(models.resnet20(), tg.randn(1, 3, 32, 32)))
    assert len(names) == 19
    assert names[:3] == ["relu", "layer1.0.relu", "layer1.0.relu 2"]


def test_the_picture_shows_the_rates(tmp_path):
    model, images = net(), tg.randn(10, 1, 4, 4)
    rates = viz.firing_rates(model, images)
    plot = viz.dead_relus(model, images, path=tmp_path / "dead.svg")
    left, right = plot.axes[:2]
    widths = [bar.get_width() for bar in left.patches[len(rates) :]]
    assert widths == [100 * (rate == 0).mean() for rate in rates.values()]
    assert left.texts[0].get_text() == f"{(rates['1'] == 0).sum()} of 4"
    assert [text.get_text() for text in left.get_yticklabels()] == ["1", "4"]
    for image, rate in zip(right.images, rates.values(), strict=True):
        strip = image.get_array()[0]
        assert np.array_equal(np.where(strip < 0, 0, strip), np.sort(rate))
    assert (tmp_path / "dead.svg").exists()


def test_what_has_no_relus():
    with pytest.raises(ValueError, match="Tanh has run no ReLU"):
        viz.dead_relus(nn.Tanh(), tg.randn(2, 3))
    with pytest.raises(ValueError, match="not one image"):
        viz.firing_rates(net(), [])
    with pytest.raises(TypeError, match="takes images, or batches of them, got 3"):
        viz.firing_rates(net(), 3)
    with pytest.raises(TypeError, match="the model is a Module"):
        viz.firing_rates("net", tg.randn(1, 1, 4, 4))
