"""Heads: which layer it is, in every model, and what another one in its place changes."""

import inspect

import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.models import head

BUILDERS = {
    name: thing
    for name, thing in vars(models).items()
    if inspect.isfunction(thing) and "num_classes" in inspect.signature(thing).parameters
    if name != "replace_head"
}


@pytest.mark.parametrize("name", BUILDERS)
def test_the_head_of_every_model_is_where_its_classes_are(name):
    """Another number of classes changes the shapes of the heads alone."""
    with tg.device("meta"):
        model, other = BUILDERS[name](num_classes=7), BUILDERS[name](num_classes=9)
        found = tuple(head.heads(model))
        changed = {
            path.rpartition(".")[0]
            for (path, a), (_, b) in zip(
                model.state_dict().items(), other.state_dict().items(), strict=True
            )
            if a.shape != b.shape
        }
        assert set(found) == changed
        assert models.replace_head(model, 9) is model
    shapes = {path: t.shape for path, t in model.state_dict().items()}
    assert shapes == {path: t.shape for path, t in other.state_dict().items()}


def test_a_new_head_is_drawn_and_the_rest_stays():
    tg.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 5, bias=False)).double().eval()
    before = [host(t).copy() for t in net.state_dict().values()]
    models.replace_head(net, 5)
    assert isinstance(net[2], nn.Linear)
    assert net[2].bias is None
    assert net[2].weight.dtype == "float64"
    assert not net[2].training
    assert (host(net[0].weight) == before[0]).all()
    assert not (host(net[2].weight) == before[2]).any()
    assert net(tg.zeros(2, 4, dtype="float64")).shape == (2, 5)


def test_a_convolution_keeps_its_settings():
    net = nn.Sequential(nn.Conv2d(4, 6, 3, 2, padding=1, dilation=2), nn.AdaptiveAvgPool2d(1))
    models.replace_head(net, 2)
    assert repr(net[0]) == repr(nn.Conv2d(4, 2, 3, 2, padding=1, dilation=2))


def test_by_path():
    net = nn.Sequential(nn.Sequential(nn.Linear(4, 3)), nn.Linear(4, 5))
    models.replace_head(net, 7, "0.0", "1")
    assert [m.out_features for m in (net[0][0], net[1])] == [7, 7]


def test_what_is_refused():
    with pytest.raises(ValueError, match="num_classes is at least 1, got 0"):
        models.replace_head(nn.Sequential(nn.Linear(2, 2)), 0)
    with pytest.raises(ValueError, match="the last layer is 1, a BatchNorm1d, and a head is"):
        models.replace_head(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), 3)
    with pytest.raises(ValueError, match="is the model itself, a Linear"):
        models.replace_head(nn.Linear(2, 2), 3)
    with pytest.raises(ValueError, match="is output, a EuclideanRBF"):
        models.replace_head(models.lenet5(output="rbf"), 3)
    with pytest.raises(AttributeError, match="has no module 'fc'"):
        models.replace_head(nn.Sequential(nn.Linear(2, 2)), 3, "fc")
