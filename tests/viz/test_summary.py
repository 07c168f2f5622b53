"""Tables of networks: the published counts, what a graph really keeps, and leaving no trace."""

import inspect
import json
import subprocess
import sys

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn, viz
from tinygrad_cnn.graph import ancestors, owner
from tinygrad_cnn.models import lenet, lenet5
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.viz.summary import STATES

# LeCun et al. 1998, section II.B: output, trainable parameters, connections.
LENET5 = {
    "c1": ((6, 28, 28), 156, 122_304),
    "s2": ((6, 14, 14), 12, 5_880),
    "c3": ((16, 10, 10), 1_516, 151_600),
    "s4": ((16, 5, 5), 32, 2_000),
    "c5": ((120, 1, 1), 48_120, 48_120),
    "f6": ((84,), 10_164, 10_164),
}

# Krizhevsky et al. 2012, section 3.5, in one piece.
ALEXNET = {
    "features.conv1": ((96, 55, 55), 34_944),
    "features.pool1": ((96, 27, 27), 0),
    "features.conv2": ((256, 27, 27), 614_656),
    "features.pool2": ((256, 13, 13), 0),
    "features.conv3": ((384, 13, 13), 885_120),
    "features.conv4": ((384, 13, 13), 1_327_488),
    "features.conv5": ((256, 13, 13), 884_992),
    "features.pool5": ((256, 6, 6), 0),
    "classifier.fc6": ((4096,), 37_752_832),
    "classifier.fc7": ((4096,), 16_781_312),
    "classifier.fc8": ((1000,), 4_097_000),
}

# Parameters with those of auxiliary heads, these alone, multiply-adds; None where nobody says.
TOTALS = {
    "lenet": (61_706, 0, None),
    "sign_language_cnn": (404_099, 0, None),
    "alexnet": (62_378_344, 0, 1_135_256_096),
    "alexnet_2gpu": (60_965_224, 0, 724_406_816),
    "caffenet": (60_965_224, 0, 724_406_816),
    "alexnet_torchvision": (61_100_840, 0, 714_188_480),
    "zfnet": (62_357_608, 0, None),
    "nin": (7_595_176, 0, None),
    "vgg16": (138_357_544, 0, 15_470_264_320),
    "vgg19": (143_667_240, 0, 19_632_062_464),
    "googlenet": (13_378_280, 13_378_280 - 6_998_552, None),
    "googlenet_torchvision": (13_004_888, 13_004_888 - 6_624_904, 1_498_376_192),
    "inception_v3": (27_161_264, 27_161_264 - 23_834_568, 5_713_216_096),
    "resnet18": (11_689_512, 0, 1_814_073_344),
    "resnet34": (21_797_672, 0, 3_663_761_408),
    "resnet50": (25_557_032, 0, 4_089_184_256),
    "resnet101": (44_549_160, 0, 7_801_405_440),
    "resnet152": (60_192_808, 0, 11_513_626_624),
    "densenet121": (7_978_856, 0, 2_834_161_664),
    "densenet161": (28_681_000, 0, 7_727_907_072),
    "densenet169": (14_149_480, 0, 3_359_843_328),
    "densenet201": (20_013_928, 0, 4_291_365_888),
    "plain20": (269_722, 0, None),
    "resnet20": (269_722, 0, None),
    "resnet56": (853_018, 0, None),
    "resnet110": (1_727_962, 0, None),
}


def without_numbers(name, **settings):
    """A model of tg.models on the device "meta"."""
    with tg.device("meta"):
        return getattr(models, name)(**settings)


# --- published counts -----------------------------------------------------------------------------


def test_lenet5_has_the_published_counts():
    table = viz.summary(lenet5(output="rbf"), (1, 32, 32))
    rows = {row.name: (row.shape, row.parameters, row.connections) for row in table.rows}
    assert {name: rows[name] for name in LENET5} == LENET5
    assert rows["output"] == ((10,), 0, 840)
    assert (table.parameters, table.connections) == (60_000, 340_908)


def test_alexnet_has_the_published_counts():
    table = viz.summary(without_numbers("alexnet"), (3, 227, 227))
    rows = {row.name: (row.shape, row.parameters) for row in table.rows}
    assert {name: rows[name] for name in ALEXNET} == ALEXNET


@pytest.mark.parametrize("name", TOTALS)
def test_totals(name):
    parameters, idle, multiply_adds = TOTALS[name]
    table = viz.summary(without_numbers(name), models.INPUT_SIZES[name])
    assert table.parameters == parameters
    assert parameters - sum(row.parameters for row in table.rows) == idle
    assert multiply_adds in (None, table.multiply_adds)
    assert table.rows[0].receptive_field is not None


def test_the_first_inception_module():
    table = viz.summary(without_numbers("googlenet"), (3, 224, 224))
    at = [row.name for row in table.rows].index("inception3a")
    module, *rest = table.rows[at:]
    inside = [row for row in rest if row.name.startswith("inception3a.")]
    assert module.shape == (256, 28, 28)
    shapes = [shape for row in inside for shape in row.weights]
    assert sum(np.prod(shape) for shape in shapes if len(shape) == 4) == 163_328
    assert sum(row.multiply_adds for row in inside) == 128_049_152


def test_every_builder_has_an_input_size():
    builders = {
        name
        for name, f in vars(models).items()
        if inspect.isfunction(f) and [*inspect.signature(f).parameters][:1] == ["num_classes"]
    }
    assert set(models.INPUT_SIZES) == builders


@pytest.mark.parametrize("name", sorted(models.INPUT_SIZES.keys() - TOTALS.keys()))
def test_the_other_models(name):
    size = models.INPUT_SIZES[name]
    (row,) = viz.summary(without_numbers(name), size, batch_size=2, depth=0).rows
    assert row.receptive_field is not None
    assert row.backward > row.multiply_adds > 0
    assert row.activation_bytes > 0


# --- memory ---------------------------------------------------------------------------------------


def kept_bytes(model, shape):
    """The bytes of the arrays that the graph of a real training step keeps for the way back."""
    output = model.train()(tg.rand(*shape))
    own = [id(owner(t.raw)) for t in (*model.parameters(), *model.buffers())]
    found = {}
    for node in ancestors([output.node]):
        waiting = list(node.saved)
        while waiting:
            thing = waiting.pop()
            if isinstance(thing, tuple):
                waiting.extend(thing)
            elif isinstance(thing, np.ndarray) and id(owner(thing)) not in own:
                found[id(owner(thing))] = owner(thing).nbytes
    return sum(found.values())


NETS = {
    "lenet5": (lenet5, (1, 32, 32)),
    "lenet": (lenet, (1, 28, 28)),
    "resnet20": (models.resnet20, (3, 32, 32)),
    "densenet": (lambda: models.DenseNet(4, (2, 2), 8), (3, 32, 32)),
    "alexnet in small": (
        lambda: nn.Sequential(
            *(nn.Conv2d(3, 8, 5, padding=2), nn.ReLU(), nn.LocalResponseNorm(5)),
            *(nn.MaxPool2d(3, 2), nn.Flatten(), nn.Dropout(), nn.Linear(8 * 49, 5)),
        ),
        (3, 15, 15),
    ),
    "tokens": (
        lambda: nn.Sequential(
            nn.Flatten(2), nn.LayerNorm(25), nn.GELU(), nn.PReLU(), nn.Linear(25, 4)
        ),
        (3, 5, 5),
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_activations_are_what_a_real_graph_keeps(name):
    make, size = NETS[name]
    model = make()
    table = viz.summary(model, size, batch_size=2)
    assert table.activation_bytes == kept_bytes(model, (2, *size))
    assert table.activation_bytes == sum(row.activation_bytes for row in table.rows)


def test_a_training_step_holds_parameters_gradients_state_and_activations():
    model = nn.Sequential(nn.Linear(10, 20), nn.BatchNorm1d(20), nn.Linear(20, 5)).double()
    model[0].requires_grad_(False)
    table = viz.summary(model, (10,), batch_size=4)
    frozen, trained, buffers = 220, 145, 41
    assert table.state_bytes == 8 * (frozen + trained + buffers)
    assert table.gradient_bytes == 8 * trained
    for optimizer, numbers in STATES.items():
        expected = table.state_bytes + (1 + numbers) * 8 * trained + table.activation_bytes
        assert table.training_bytes(optimizer) == expected
    with pytest.raises(ValueError, match="one of SGD, SGD with momentum, Adam, got 'LION'"):
        table.training_bytes("LION")


def test_a_batch_that_cannot_be_trained():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    table = viz.summary(model, (4,))
    assert (table.activation_bytes, table.backward, table.training_bytes("SGD")) == (None,) * 3
    assert table.multiply_adds == 12
    assert "There is no training step of this batch: layer 1, BatchNorm1d" in str(table)
    assert viz.summary(model, (4,), batch_size=2).untrained is None


SCRIPT = """
import resource, time
import tinygrad_cnn as tg
tg.viz.summary, tg.models.resnet152
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.process_time()
with tg.device("meta"):
    model = tg.models.resnet152()
table = tg.viz.summary(model, (3, 224, 224), batch_size=256)
assert table.parameters == 60_192_808
print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_resnet152_takes_no_time_and_no_memory():
    pytest.importorskip("resource", reason="only Unix tells how much memory a process had")
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)
    seconds, memory = map(float, done.stdout.split())
    assert seconds < 1.0
    unit = 1 if sys.platform == "darwin" else 1024
    assert memory * unit < 150 * 2**20


# --- which rows there are -------------------------------------------------------------------------


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
    table = viz.summary(Twice(), (3,))
    counts = [(row.name, row.level, row.parameters, row.connections) for row in table.rows]
    assert counts == [
        ("Twice", 0, 1, 3),
        ("shared", 1, 12, 12),
        ("shared", 1, 0, 12),
        ("drop", 1, 0, 0),
    ]
    assert (table.parameters, table.connections) == (43, 27)
    assert "30 parameters are in layers that run in training alone, or never." in str(table)


def test_depth_gathers_what_is_inside():
    model = without_numbers("resnet18")
    full = viz.summary(model, (3, 64, 64))
    for depth, count in ((0, 1), (1, 11), (2, 19)):
        table = viz.summary(model, (3, 64, 64), depth=depth)
        assert len(table.rows) == count
        assert max(row.level for row in table.rows) == depth
        assert {row.name for row in table.rows} <= {row.name for row in full.rows}
        for name in ("parameters", "connections", "multiply_adds", "backward", "activation_bytes"):
            total = sum(getattr(row, name) for row in full.rows)
            assert sum(getattr(row, name) for row in table.rows) == total
    assert viz.summary(model, (3, 64, 64), depth=9) == full


def test_outputs_that_are_no_tensor():
    class Split(nn.Module):
        def __init__(self):
            self.linear = nn.Linear(4, 4)

        def forward(self, x):
            return {"halves": self.linear(x).chunk(2, 1)[0], "sum": x.sum()}

    top, linear = viz.summary(Split(), (4,)).rows
    assert (top.shape, linear.shape) == ((2,), (4,))


# --- leaving no trace -----------------------------------------------------------------------------


def test_counting_leaves_no_trace():
    model = nn.Sequential(Twice(), nn.BatchNorm1d(3), nn.Dropout())
    model[1].eval()
    model[0].shared.bias.requires_grad_(False)
    calls = []
    model[0].register_forward_hook(lambda *_: calls.append("behind"))
    tg.manual_seed(3)
    draws = tg.default_generator.get_state()
    modes = [module.training for module in model.modules()]
    arrays = [(t.raw, t.raw.copy(), t.requires_grad) for t in model.state_tensors().values()]
    with tg.no_grad():
        first = viz.summary(model, (3,), batch_size=2)
    assert tg.default_generator.get_state() == draws
    assert [module.training for module in model.modules()] == modes
    tensors = model.state_tensors().values()
    for t, (raw, before, wanted) in zip(tensors, arrays, strict=True):
        assert t.raw is raw
        assert (raw == before).all()
        assert t.requires_grad == wanted
        assert t.grad is None
    assert calls == []
    assert viz.summary(model, (3,), batch_size=2) == first
    model(tg.ones(2, 3))
    assert calls == ["behind"]


def test_weights_that_are_computed_before_forward():
    model = nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 3)))
    model(tg.ones(1, 4))
    weight = model[0].weight
    table = viz.summary(model, (4,))
    assert (table.parameters, table.connections) == (3 + 12 + 3, 15)
    assert model[0].weight is weight


def test_lazy_layers_stay_lazy():
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(2))
    table = viz.summary(model, (3, 5, 5))
    assert [row.type for row in table.rows[1:]] == ["Conv2d", "Flatten", "Linear"]
    assert table.parameters == 4 * 28 + 2 * 37
    assert isinstance(model[0], nn.LazyConv2d)


def test_bytes_are_those_of_the_dtype():
    model = nn.Linear(3, 2)
    single = viz.summary(model, (3,)).activation_bytes
    assert viz.summary(model.double(), (3,)).activation_bytes == 2 * single == 24


# --- errors ---------------------------------------------------------------------------------------


def test_errors_name_the_layer():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Linear(3, 2))
    with pytest.raises(RuntimeError, match=r"layer 2, Linear, does not take \(1, 2\): "):
        viz.summary(model, (2, 2))
    assert len(viz.summary(model[:2], (2, 2)).rows) == 3
    with pytest.raises(RuntimeError, match="the model does not take this input: lenet5: expected"):
        viz.summary(lenet5(), (1, 28, 28))


@pytest.mark.parametrize(
    ("args", "kind", "message"),
    [
        ((3, (1,)), TypeError, "summary takes a Module, got int"),
        ((nn.ReLU(), 224), TypeError, r"such as \(3, 224, 224\), got 224"),
        ((nn.ReLU(), ()), TypeError, r"such as \(3, 224, 224\), got \(\)"),
        ((nn.ReLU(), (3, 0)), ValueError, r"at least 1, got \(3, 0\)"),
        ((nn.ReLU(), (3,), 0), ValueError, "batch_size is at least 1, got 0"),
    ],
)
def test_what_is_no_model_or_no_size(args, kind, message):
    with pytest.raises(kind, match=message):
        viz.summary(*args)


# --- texts ----------------------------------------------------------------------------------------


def test_the_table_shows_the_counts_below_their_modules():
    text = str(viz.summary(without_numbers("alexnet"), (3, 227, 227)))
    (line,) = [line for line in text.splitlines() if line.startswith("    conv1 ")]
    cells = [cell.strip() for cell in line.split("  ") if cell.strip()]
    assert cells == [
        *("conv1", "Conv2d", "(96, 55, 55)", "11×11/4", "34,944", "105,705,600", "105,415,200"),
        *("105,415,200", "603.9 KiB", "11", "4"),
    ]
    (total,) = [line for line in text.splitlines() if line.startswith("total")]
    assert total.split()[1:4] == ["62,378,344", "1,135,915,368", "1,135,256,096"]
    assert "AlexNet on inputs of 3×227×227; bytes for a batch of 1." in text
    assert "with SGD with momentum" in text


def test_markdown():
    lines = viz.summary(lenet5(output="rbf"), (1, 32, 32)).markdown().splitlines()
    assert lines[0].startswith("| layer | type | output | kernel | parameters | connections |")
    assert "| c3 | PartialConv2d | (16, 10, 10) | 5×5 | 1,516 | 151,600 |" in lines[5]
    assert "| **total** |  |  |  | **60,000** | **340,908** |" in lines[10]
    assert {line.count("|") for line in lines[:11]} == {12}


def test_json():
    table = viz.summary(lenet5(output="rbf"), (1, 32, 32))
    read = json.loads(json.dumps(table.to_dict()))
    assert (read["parameters"], read["connections"]) == (60_000, 340_908)
    assert [row["name"] for row in read["rows"]] == ["LeNet5", *LENET5, "output"]
    c1 = read["rows"][1]
    assert (c1["kernel"], c1["receptive_field"], c1["jump"]) == ("5×5", [5, 5], [1.0, 1.0])
    assert c1["windows"][0]["size"] == [5, 5]
    assert c1["formulas"]["parameters"] == "6 · (5·5·1 + 1) = 156"
    assert set(read["training_bytes"]) == {"SGD", "SGD with momentum", "Adam"}


def test_the_functional_names_of_windows():
    class Pools(nn.Module):
        def forward(self, x):
            return F.avg_pool2d(F.max_pool2d(x, (2, 3)), 2, (2, 1))

    assert viz.summary(Pools(), (1, 12, 12)).rows[0].kernel == "2×3/2×3, 2×2/2×1"
