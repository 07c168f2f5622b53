"""What goes through the layers while a model is trained."""

import math

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim, viz
from tinygrad_cnn.data import DataLoader, TensorDataset
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.train import Trainer

pytest.importorskip("matplotlib", reason="plots are drawn by matplotlib: install matplotlib")


def deep(activation, depth=6, width=16, norm=False):
    tg.manual_seed(0)
    layers = []
    for _ in range(depth):
        layers.append(nn.Linear(width, width))
        if norm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(activation())
    return nn.Sequential(*layers, nn.Linear(width, 2))


def recorded(model, steps=3, **settings):
    x, y = tg.randn(8, 16), tg.arange(8) % 2
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with viz.LayerRecord(model, **settings) as record:
        for _ in range(steps):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    return record


def test_the_numbers_are_those_of_the_layers():
    model = deep(nn.Tanh, depth=1)
    x, y = tg.randn(8, 16), tg.arange(8) % 2
    with viz.LayerRecord(model) as record:
        out = model(x)
        F.cross_entropy(out, y).backward()
    assert record.steps == [1]
    assert list(record.layers) == ["0", "2"]
    hidden = model[0](x).detach().numpy()
    assert record.activations["0"] == [pytest.approx(hidden.std(), rel=1e-6)]
    assert record.activations["2"] == [pytest.approx(out.detach().numpy().std(), rel=1e-6)]
    for name in ("0", "2"):
        norm = np.linalg.norm(model[int(name)].weight.grad.numpy())
        assert record.gradients[name] == [pytest.approx(norm, rel=1e-6)]


def test_training_is_the_same_with_a_record():
    def weights(watched):
        model = deep(nn.ReLU, norm=True)
        x, y = tg.randn(8, 16), tg.arange(8) % 2
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        record = viz.LayerRecord(model, every=2)
        if watched:
            record.__enter__()
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        record.__exit__(None, None, None)
        return [p.detach().numpy() for p in model.parameters()]

    for one, two in zip(weights(True), weights(False), strict=True):
        assert np.allclose(one, two, rtol=1e-5, atol=1e-7)


def test_only_every_so_many_steps_in_training():
    model = deep(nn.ReLU)
    record = recorded(model, steps=7, every=3)
    assert record.steps == [1, 4, 7]
    assert all(len(line) == 3 for line in record.gradients.values())
    with record:
        model.eval()(tg.randn(2, 16))
    assert record.steps == [1, 4, 7]
    assert not any(module.is_hooked() for module in model.modules())
    with record:  # and on
        model.train()(tg.randn(2, 16))
    model(tg.randn(2, 16))
    assert record.count == 8
    for line in record.gradients.values():
        assert not any(math.isnan(x) for x in line)


def test_a_step_without_backward_has_no_gradients():
    model = deep(nn.ReLU, depth=1)
    with viz.LayerRecord(model) as record:
        model(tg.randn(2, 16))
    assert math.isnan(record.gradients["0"][0])
    assert record.activations["0"][0] > 0


def test_a_record_is_a_callback_of_a_trainer():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    loader = DataLoader(TensorDataset(tg.randn(6, 1, 2, 2), tg.arange(6) % 2), 2)
    record = viz.LayerRecord(model)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    Trainer(model, optimizer, loader, loader, callbacks=[record]).fit(2)
    assert record.steps == [1, 2, 3, 4, 5, 6]  # the test is none
    assert not model[1].is_hooked()


def test_gradients_vanish_behind_sigmoids_and_not_behind_batch_norm():
    """What the pictures are for."""
    records = {
        "sigmoid": recorded(deep(nn.Sigmoid)),
        "batch norm": recorded(deep(nn.ReLU, norm=True)),
    }
    first = {name: [line[0] for line in r.gradients.values()] for name, r in records.items()}
    assert first["sigmoid"][0] < 1e-3 * first["sigmoid"][-1]
    assert first["batch norm"][0] > 0.1 * first["batch norm"][-1]
    place = viz.gradients_by_layer(records).axes[0]
    drawn = {line.get_label(): list(line.get_ydata()) for line in place.get_lines()}
    assert drawn == first
    assert list(place.get_lines()[0].get_xdata()) == list(range(1, 8))
    assert place.get_yscale() == "log"
    last = viz.gradients_by_layer(records, at=-1).axes[0]
    assert last.get_title(loc="left") == "Gradients of the weights in step 3"
    assert last.get_lines()[0].get_ydata()[0] == records["sigmoid"].gradients["0"][-1]


def test_the_picture_over_time(tmp_path):
    records = {"tanh": recorded(deep(nn.Tanh)), "ReLU": recorded(deep(nn.ReLU, depth=9), steps=1)}
    plot = viz.layers_over_time(records, path=tmp_path / "time.png")
    left, right, _, many = plot.axes
    record = records["tanh"]
    for place, numbers in ((left, record.activations), (right, record.gradients)):
        drawn = {line.get_label(): list(line.get_ydata()) for line in place.get_lines()}
        assert drawn == numbers
        assert [list(line.get_xdata()) for line in place.get_lines()] == [[1, 2, 3]] * 7
    assert left.get_title(loc="left") == "tanh: activations (standard deviation)"
    names = [text.get_text() for text in many.get_legend().get_texts()]
    assert names == ["0", "10", "18"]
    assert (tmp_path / "time.png").exists()


def test_zeros_leave_gaps():
    model = deep(nn.ReLU, depth=1)
    nn.init.zeros_(model[2].weight)
    record = recorded(model, steps=1)
    assert record.gradients["0"] == [0]
    line = viz.layers_over_time(record).axes[1].get_lines()[0]
    assert math.isnan(line.get_ydata()[0])


def test_what_cannot_be_recorded():
    with pytest.raises(TypeError, match="the model is a Module, got 3"):
        viz.LayerRecord(3)
    with pytest.raises(ValueError, match="every is at least 1, got 0"):
        viz.LayerRecord(deep(nn.ReLU), every=0)
    with pytest.raises(ValueError, match="the layer '1', ReLU, has no weight"):
        viz.LayerRecord(deep(nn.ReLU), layers=["1"])
    with pytest.raises(ValueError, match="no layer 'conv'"):
        viz.LayerRecord(deep(nn.ReLU), layers=["conv"])
    with pytest.raises(ValueError, match="ReLU has no layers with weights"):
        viz.LayerRecord(nn.ReLU())
    assert list(viz.LayerRecord(deep(nn.ReLU), layers=["2"]).layers) == ["2"]


def test_what_cannot_be_drawn():
    record = viz.LayerRecord(deep(nn.ReLU))
    with pytest.raises(ValueError, match="no step was recorded; train within"):
        viz.layers_over_time(record)
    with pytest.raises(TypeError, match="takes a LayerRecord"):
        viz.gradients_by_layer([1, 2])
    with pytest.raises(ValueError, match="at least one LayerRecord"):
        viz.layers_over_time({})
    with pytest.raises(IndexError, match="1 steps were recorded, got at=1"):
        viz.gradients_by_layer(recorded(deep(nn.ReLU), steps=1), at=1)
