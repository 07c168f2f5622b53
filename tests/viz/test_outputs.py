"""Pictures of models on another device, or in another dtype, are those on the processor."""

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, viz
from tinygrad_cnn.nn import functional as F

pytest.importorskip("matplotlib", reason="plots are drawn by matplotlib: install matplotlib")


def net(device):
    tg.manual_seed(0)
    layers = [nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 2)]
    return nn.Sequential(*layers).to(device)


def batch(device):
    rng = np.random.default_rng(0)
    images = tg.from_numpy(rng.standard_normal((6, 1, 8, 8)).astype("float32"))
    return images.to(device), (tg.arange(6) % 2).to(device)


def recorded(device):
    model, (x, y) = net(device), batch(device)
    with viz.LayerRecord(model) as record:
        F.cross_entropy(model(x), y).backward()
    return viz.layers_over_time(record)


PICTURES = {
    "filters": lambda d: viz.filters(net(d)),
    "feature maps": lambda d: viz.feature_maps(net(d), batch(d)[0][0]),
    "receptive field": lambda d: viz.receptive_field(net(d), batch("cpu")[0][0]),
    "dead ReLUs": lambda d: viz.dead_relus(net(d), [batch("cpu")]),
    "confusion": lambda d: viz.confusion_matrix(net(d)(batch(d)[0]), batch(d)[1]),
    "misclassified": lambda d: viz.misclassified(*viz.predictions(net(d), [batch("cpu")])),
    "record": recorded,
}


def drawn(plot):
    """All numbers in a picture."""
    found = []
    for place in plot.axes:
        found += [np.asarray(image.get_array(), float) for image in place.images]
        found += [np.asarray(line.get_data(), float) for line in place.get_lines()]
        found += [np.asarray([bar.get_width(), bar.get_height()]) for bar in place.patches]
    return found


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_on_another_device(name, double):
    here, there = (drawn(PICTURES[name](device)) for device in ("cpu", "double"))
    assert len(here) == len(there) > 0
    for one, two in zip(here, there, strict=True):
        assert np.allclose(one, two, rtol=1e-4, atol=1e-5, equal_nan=True)


def test_images_take_the_dtype_of_the_model():
    model = net("cpu").double()
    images = batch("cpu")[0].numpy()
    wanted = model(tg.from_numpy(images).double()).detach().numpy()
    found = viz.predictions(model, [(images, [0] * 6)])
    assert np.array_equal(found.outputs.numpy(), wanted)
    assert found.labels.tolist() == [0] * 6
