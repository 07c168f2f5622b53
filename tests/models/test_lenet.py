"""LeNet: the papers' sizes, parameters and connections; both heads; what it can learn."""

import copy
import math

import numpy as np
import pytest
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn
from tinygrad_cnn.autograd import gradcheck
from tinygrad_cnn.models.lenet import DIGITS, LAYERS, codes
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.optim import Adam


def count(module):
    return sum(p.numel() for p in module.parameters())


def outputs(net, x):
    """What every child of net makes of x, by its name."""
    seen = {}
    for name, child in net.named_children():
        child.register_forward_hook(lambda module, args, z, name=name: seen.update({name: z}))
    net(x)
    return seen


# --- lenet5 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_the_papers_numbers(name):
    maps, _, size, parameters, _ = LAYERS[name]
    net = models.lenet5()
    layer = getattr(net, name.lower())
    z = outputs(net, tg.zeros(2, 1, 32, 32))[name.lower()]
    assert z.shape == ((2, maps) if name == "F6" else (2, maps, size, size))
    assert count(layer) == parameters


def test_the_papers_totals():
    table = tg.viz.summary(models.lenet5(output="rbf"), (1, 32, 32))
    connections = {row.name: row.connections for row in table.rows if row.connections}
    assert [connections[name.lower()] for name in LAYERS] == [row[-1] for row in LAYERS.values()]
    assert sum(connections.values()) - connections["output"] == 340_068
    assert (table.parameters, table.connections) == (60_000, 340_908)


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        ({}, 60_850),
        ({"output": "rbf"}, 60_000),
        ({"num_classes": 26}, 60_000 + 85 * 26),
        ({"in_channels": 3}, 60_850 + 6 * 2 * 25),
    ],
)
def test_parameters_of_both_heads(settings, parameters):
    assert count(models.lenet5(**settings)) == parameters


def test_keys():
    layers = ["c1", "s2", "c3", "s4", "c5", "f6", "output"]
    trained = [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]
    assert list(models.lenet5().state_dict()) == trained
    assert list(models.lenet5(output="rbf").state_dict()) == [*trained[:-2], "output.codes"]


def test_first_values_are_within_the_papers_bounds():
    net = models.lenet5()
    fan_in = {"c1": 25, "s2": 4, "s4": 4, "c5": 400, "f6": 120, "output": 84}
    for name, inputs in fan_in.items():
        for p in getattr(net, name).parameters():
            assert np.abs(host(p)).max() <= 2.4 / inputs
        weights = getattr(net, name).weight
        assert weights.numel() < 20 or np.abs(host(weights)).max() > 0.9 * 2.4 / inputs


def test_squashed_everywhere_but_at_the_end():
    """The same network from its layers, with the paper's squashing function behind each."""
    net = models.lenet5().double()
    x = z = tg.randn(2, 1, 32, 32, dtype="float64")
    for name in LAYERS:
        z = z.flatten(1) if name == "F6" else z
        z = 1.7159 * np.tanh(2 / 3 * host(getattr(net, name.lower())(z)))
        z = tg.tensor(z)
    agree("equal formulas", net(x).raw, net.output(z).raw, 1e-12)


@pytest.mark.parametrize("output", ["softmax", "rbf"])
def test_gradients_are_differences(output):
    net = models.lenet5(output=output).double()
    x = tg.randn(1, 1, 32, 32, dtype="float64")
    target = tg.tensor([3])
    few = [net.s2.weight, net.s4.bias, net.c1.bias, net.c3.bias]
    assert gradcheck(lambda *parameters: F.cross_entropy(net(x), target), few, atol=1e-6)
    assert all(p.requires_grad for p in net.parameters())


def test_images_have_to_be_of_the_papers_size():
    with pytest.raises(ValueError, match=r"32 x 32 .*\(5, 1, 28, 28\); F.pad\(x, \(2, 2, 2, 2\)\)"):
        models.lenet5()(tg.zeros(5, 1, 28, 28))
    assert models.lenet5()(F.pad(tg.zeros(5, 1, 28, 28), (2, 2, 2, 2))).shape == (5, 10)
    assert models.lenet5()(tg.zeros(1, 32, 32)).shape == (10,)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"output": "sigmoid"}, "'softmax' or 'rbf', got 'sigmoid'"),
        ({"output": "rbf", "num_classes": 26}, "10 digits, got num_classes=26"),
    ],
)
def test_settings_are_checked(settings, words):
    with pytest.raises(ValueError, match=words):
        models.lenet5(**settings)


# --- the pictures of the digits -------------------------------------------------------------------


def test_pictures_are_of_seven_by_twelve():
    lines = DIGITS.strip().split("\n")
    assert len(lines) == 12
    assert {len(line.split()) for line in lines} == {10}
    assert {len(word) for line in lines for word in line.split()} == {7}
    assert set(DIGITS) == set("#. \n")


def test_codes_are_the_pictures():
    rows = np.array(codes())
    assert rows.shape == (10, 84)
    assert rows.size == 840
    assert set(rows.ravel()) == {-1, 1}
    one = rows[1].reshape(12, 7)
    assert ["".join("#" if v > 0 else "." for v in line) for line in one[:3]] == [
        "...##..",
        "..###..",
        ".####..",
    ]
    assert np.array_equal(host(models.lenet5(output="rbf").output.codes), rows)


def test_no_two_digits_look_alike():
    rows = np.array(codes())
    differ = (rows[:, None] != rows[None]).sum(-1)
    assert differ[~np.eye(10, dtype=bool)].min() >= 15


# --- learning -------------------------------------------------------------------------------------


NETS = {
    "lenet5": (models.lenet5, 32),
    "lenet5 rbf": (lambda: models.lenet5(output="rbf"), 32),
    "lenet": (models.lenet, 28),
}


@pytest.mark.parametrize(("make", "size"), NETS.values(), ids=NETS)
def test_learns_a_few_pictures_by_heart(make, size):
    tg.manual_seed(0)
    net = make()
    x, target = tg.randn(10, 1, size, size), tg.arange(10)
    optimizer = Adam(net.parameters(), lr=0.005)
    for _ in range(80):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), target)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    assert net(x).argmax(1).tolist() == target.tolist()


@pytest.mark.parametrize(("make", "size"), NETS.values(), ids=NETS)
def test_runs_on_shapes_alone(make, size):
    net = make().to("meta")
    z = net(tg.zeros(4, 1, size, size, device="meta"))
    assert z.shape == (4, 10)
    z.sum().backward()
    assert all(p.grad.shape == p.shape for p in net.parameters())


# --- states ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "size"), NETS.values(), ids=NETS)
def test_a_saved_state_is_the_network(make, size, tmp_path):
    net, other = make(), make()
    x = tg.randn(2, 1, size, size)
    tg.io.save(net.state_dict(), tmp_path / "net.safetensors")
    other.load_state_dict(tg.io.load(tmp_path / "net.safetensors"))
    assert other(x).tolist() == net(x).tolist()
    assert copy.deepcopy(net)(x).tolist() == net(x).tolist()


# --- lenet ----------------------------------------------------------------------------------------


def torchs_lenet(torch):
    """The textbook's network in PyTorch."""
    parts = torch.nn
    return parts.Sequential(
        parts.Conv2d(1, 6, 5, padding=2),
        parts.Sigmoid(),
        parts.AvgPool2d(2),
        parts.Conv2d(6, 16, 5),
        parts.Sigmoid(),
        parts.AvgPool2d(2),
        parts.Flatten(),
        parts.Linear(400, 120),
        parts.Sigmoid(),
        parts.Linear(120, 84),
        parts.Sigmoid(),
        parts.Linear(84, 10),
    )


def test_the_textbooks_network(torch):
    ours, theirs = models.lenet().double(), torchs_lenet(torch).double()
    assert repr(ours) == repr(theirs)
    theirs.load_state_dict({k: torch.tensor(host(t)) for k, t in ours.state_dict().items()})
    x = np.random.default_rng(0).standard_normal((3, 1, 28, 28))
    z, twin = ours(tg.tensor(x)), theirs(torch.tensor(x))
    agree("PyTorch", z.raw, twin.detach().numpy(), 1e-12)
    target = [1, 7, 4]
    F.cross_entropy(z, tg.tensor(target)).backward()
    torch.nn.functional.cross_entropy(twin, torch.tensor(target)).backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        agree("PyTorch", p.grad.raw, q.grad.numpy(), 1e-12)


def test_the_textbooks_parameters():
    assert count(models.lenet()) == 61_706
    assert count(models.lenet(num_classes=26, in_channels=3)) == 61_706 + 16 * 85 + 6 * 2 * 25
    assert models.lenet()(tg.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_the_textbooks_first_values():
    net = models.lenet()
    for layer in net:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            fan_out = layer.weight.numel() // (layer.fan_in) * layer.weight[0, 0].numel()
            bound = math.sqrt(6 / (layer.fan_in + fan_out))
            assert 0.9 * bound < np.abs(host(layer.weight)).max() <= bound
