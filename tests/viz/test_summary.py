"""Tables of networks: the published counts of LeNet-5, and that counting changes nothing."""

import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn, viz
from tinygrad_cnn.models import lenet, lenet5

# LeCun et al. 1998, section II.B: output, trainable parameters, connections.
PUBLISHED = {
    "c1": ((6, 28, 28), 156, 122_304),
    "s2": ((6, 14, 14), 12, 5_880),
    "c3": ((16, 10, 10), 1_516, 151_600),
    "s4": ((16, 5, 5), 32, 2_000),
    "c5": ((120, 1, 1), 48_120, 48_120),
    "f6": ((84,), 10_164, 10_164),
}


def test_lenet5_has_the_published_counts():
    table = viz.summary(lenet5(output="rbf"), (1, 32, 32))
    rows = {row.name: (row.shape, row.parameters, row.connections) for row in table.rows}
    assert {name: rows[name] for name in PUBLISHED} == PUBLISHED
    assert (table.parameters, table.connections) == (60_000, 340_908)


def test_the_table_shows_them():
    text = str(viz.summary(lenet5(), (1, 32, 32)))
    lines = [line.split() for line in text.splitlines()]
    for name, (_, parameters, connections) in PUBLISHED.items():
        (line,) = [line for line in lines if line and line[0] == name]
        assert line[-3:-1] == [f"{parameters:,}", f"{connections:,}"]
    assert lines[-1][:2] == ["total", "60,850"]
    assert max(map(len, text.splitlines())) <= 80


def test_layers_without_weights_have_no_counts():
    table = viz.summary(lenet(), (1, 28, 28))
    assert table.parameters == 61_706
    assert [row.type for row in table.rows][:3] == ["Conv2d", "Sigmoid", "AvgPool2d"]
    assert (table.rows[1].connections, table.rows[1].multiply_adds) == (None, None)
    assert table.rows[2].shape == (6, 14, 14)


class Twice(nn.Module):
    """A layer used twice, a weight of its own, and a layer that never runs."""

    def __init__(self):
        self.shared = nn.Linear(3, 3)
        self.scale = nn.Parameter([2.0])
        self.idle = nn.Linear(5, 5)
        self.drop = nn.Dropout(0.5)
        self.drop.eval()

    def forward(self, x):
        return self.drop(self.shared(self.shared(x))) * self.scale


def test_shared_and_idle_parameters():
    model = Twice()
    table = viz.summary(model, (3,))
    counts = [(row.name, row.parameters, row.connections) for row in table.rows]
    assert counts == [
        ("shared", 12, 12),
        ("shared", 0, 12),
        ("drop", 0, None),
        ("Twice", 1, None),
    ]
    assert table.parameters == 43
    assert table.connections == 24


def test_counting_leaves_no_trace():
    model = Twice()
    state = tg.default_generator.get_state()
    modes = [module.training for module in model.modules()]
    before = {name: p.raw.copy() for name, p in model.state_dict().items()}
    viz.summary(model, (3,))
    assert tg.default_generator.get_state() == state
    assert [module.training for module in model.modules()] == modes
    assert all((p.raw == before[name]).all() for name, p in model.state_dict().items())
    seen = viz.summary(model, (3,))
    assert len(seen.rows) == 4  # no hook of the first time counts again
    assert all(p.grad is None for p in model.parameters())


def test_the_model_computes_in_its_own_dtype():
    model = nn.Linear(3, 2).double()
    seen = []
    model.register_forward_hook(lambda module, args, output: seen.append(output.dtype))
    viz.summary(model, (3,))
    assert seen == [tg.float64]


def test_errors_name_the_layer():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Linear(3, 2))
    with pytest.raises(RuntimeError, match=r"layer 2, Linear, does not take \(1, 2\): "):
        viz.summary(model, (2, 2))
    assert len(viz.summary(model[:2], (2, 2)).rows) == 2
    with pytest.raises(RuntimeError, match="the model does not take this input: lenet5: expected"):
        viz.summary(lenet5(), (1, 28, 28))
    with pytest.raises(TypeError, match="summary takes a Module, got int"):
        viz.summary(3, (1,))
