"""Modules in pictures: frames, folding, equal ones in a row; runs that ended with an error."""

import gc
import re
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn, viz
from tinygrad_cnn.graph import WATCHERS, ancestors
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.viz.card import LOOKS
from tinygrad_cnn.viz.flows import flow
from tinygrad_cnn.viz.keep import KEPT
from tinygrad_cnn.viz.reader import FAILED, NO_GRADIENT, NO_MODULES, NO_NUMBERS, read


class Block(nn.Module):
    """A residual block of one convolution."""

    def __init__(self, channels):
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.conv(x)) + x


def net(blocks=3, channels=2):
    """A convolution, blocks, and a linear layer, for images of 4x4."""
    tg.manual_seed(0)
    inner = [Block(channels) for _ in range(blocks)]
    first = nn.Conv2d(1, channels, 3, padding=1)
    return nn.Sequential(first, *inner, nn.Flatten(), nn.Linear(16 * channels, 3))


def recorded(model):
    """The loss of a model, recorded with it."""
    with viz.keep(model):
        return F.cross_entropy(model(tg.randn(1, 1, 4, 4)), tg.tensor([1]))


def cards(x, **how):
    """What is drawn: titles and signs of the boxes that are no constants."""
    return [(b.title, b.symbol) for b in read(x, **how).boxes if b.kind not in ("constant", "cut")]


def plain(label):
    """The words of an HTML-like label."""
    return " ".join(re.sub(r"<[^>]*>", " ", label).split())


# --- frames and folding ---------------------------------------------------------------------------


def test_every_gate_lies_in_the_frames_of_the_modules_it_ran_in():
    model = net(1)
    loss = recorded(model)
    groups = {b.symbol: [g.title for g in b.group.around()] for b in read(loss).boxes if b.group}
    assert groups["relu"] == ["", "1", "1.relu"]
    assert groups["+"] == ["", "1"]  # of the block
    assert groups["linear"] == ["", "3"]
    assert read(loss).root.group is None
    weight = next(b for b in read(loss).boxes if b.title == "1.conv.weight")
    assert weight.role == "parameter"
    assert weight.group.title == "1.conv"
    source = viz.draw(loss).source
    assert source.count("subgraph cluster_") == 7
    assert "conv Conv2d" in plain(source)


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_depth_folds_modules(depth):
    seen = cards(recorded(net(1)), depth=depth)
    whole = [("", "Sequential"), ("", "cross entropy")]
    one = [("0", "Conv2d"), ("1", "Block"), ("2", "Flatten"), ("3", "Linear"), whole[1]]
    two = [one[0], ("1.conv", "Conv2d"), ("1.relu", "ReLU"), ("", "+"), *one[2:]]
    assert seen == [whole, one, two][depth]


@pytest.mark.parametrize("depth", [None, 0, 1, 2, 9])
@given(st.integers(1, 300))
def test_cards_are_wired_in_order_however_few_are_drawn(depth, most):
    scene = read(recorded(net(2)), max_nodes=most, depth=depth)
    seen = set()
    for box in scene.boxes:
        assert all(wire.source in seen for wire in box.wires)
        seen.add(box)
    keys = [box.key for box in scene.boxes]
    assert len(set(keys)) == len(keys)
    assert len([b for b in scene.boxes if b.kind not in ("cut", "constant")]) <= most
    assert scene.root.role == "output"


def test_a_card_of_a_module_has_its_output_and_counts_its_parameters():
    model = net(1)
    loss = recorded(model)
    loss.backward()
    box = next(b for b in read(loss, depth=1).boxes if b.title == "1")
    (wire,) = box.uses
    last = next(b for b in read(loss).boxes if b.node is box.node)
    np.testing.assert_array_equal(box.value, last.value)
    np.testing.assert_array_equal(box.grad, last.grad)
    assert box.weights == sum(p.numel() for p in model[1].parameters())
    assert wire.target.symbol == "Flatten"
    assert "38 parameters" in plain(viz.draw(loss, depth=1).source)
    inner = [w.source.title for b in read(loss, depth=1).boxes for w in b.wires]
    assert "1" in inner
    assert "x" in inner  # the image, which is on no graph


@pytest.mark.parametrize("blocks", [2, 6])
def test_equal_modules_in_a_row_are_drawn_once(blocks):
    loss = recorded(net(blocks))
    seen = cards(loss, depth=1)
    assert seen[1] == (f"1–{blocks}", f"Block ×{blocks}")
    assert len(seen) == 5
    assert f"×{blocks}" in plain(viz.draw(loss, depth=1).source)
    opened = read(loss, depth=2)
    assert {b.group.type for b in opened.boxes if b.symbol == "+"} == {f"Block ×{blocks}"}
    assert all(b.value is None for b in opened.boxes if b.group and "×" in b.group.type)
    assert len(read(loss).boxes) > len(opened.boxes)  # without depth all of them are drawn


def test_modules_that_differ_are_drawn_each():
    class Other(nn.Linear):
        pass

    model = nn.Sequential(
        nn.Linear(3, 3), nn.Linear(3, 3, bias=False), nn.Linear(3, 3), Other(3, 3)
    )
    with viz.keep(model):
        y = model(tg.randn(2, 3))
    assert [title for title, _ in cards(y, depth=1)] == ["0", "1", "2", "3"]


def test_dropout_draws_anew_in_each_of_equal_modules():
    class Noisy(nn.Module):
        def __init__(self):
            self.linear = nn.Linear(3, 3)
            self.drop = nn.Dropout(0.5)

        def forward(self, x):
            return self.drop(self.linear(x))

    model = nn.Sequential(Noisy(), Noisy(), Noisy())
    with viz.keep(model):
        y = model(tg.randn(2, 3))
    assert cards(y, depth=1) == [("0–2", "Noisy ×3")]
    assert read(y, depth=1).root.role == "output"


def test_modules_beside_each_other_are_no_row():
    class Fork(nn.Module):
        def __init__(self):
            self.a = nn.Linear(3, 3)
            self.b = nn.Linear(3, 3)

        def forward(self, x):
            return self.a(x) + self.b(x)

    model = Fork()
    with viz.keep(model):
        y = model(tg.randn(2, 3, requires_grad=True))
    assert [title for title, _ in cards(y, depth=1)] == ["", "a", "b", ""]


def test_a_module_that_runs_several_times():
    layer = nn.Linear(3, 3)
    model = nn.Sequential(layer, layer, layer)
    with viz.keep(model):
        y = model(tg.randn(2, 3))
    scene = read(y, depth=1)
    assert [b.symbol for b in scene.boxes if b.kind == "module"] == ["Linear"] * 3
    assert {b.title for b in scene.boxes if b.role == "parameter"} == {"0.weight", "0.bias"}


def test_a_resnet50_fits_on_a_page():
    with tg.device("meta"):
        model = models.resnet50()
        with viz.keep(model):
            y = model(tg.zeros(1, 3, 224, 224))
    signs = [sign for _, sign in cards(y, depth=2)]
    assert [sign for sign in signs if "×" in sign] == [
        "Bottleneck ×2",
        "Bottleneck ×3",
        "Bottleneck ×5",
        "Bottleneck ×2",
    ]
    assert len(signs) == 15
    text = viz.draw(y, depth=2).text
    assert "(1, 2048, 7, 7) float32" in text
    assert NO_NUMBERS not in text
    assert NO_GRADIENT not in text
    assert sum(b.weights for b in read(y, depth=0).boxes) == 25_557_032
    began = time.process_time()
    picture = viz.draw(y, depth=2)
    if not viz.missing_dot():
        picture.pipe(format="svg")
    assert time.process_time() - began < 2  # of this process; `dot` takes 0.1 s


FUSED = ("conv_relu", "conv_norm", "running_norm")  # gates that compute what follows as well


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize(
    "name", ["resnet18", "vgg11_bn", "vgg11", "preact_resnet20", "densenet121"]
)
def test_pictures_show_every_step_of_networks_that_run_fused(name, training):
    """Nobody looks for a ReLU in a convolution: where somebody looks, each gate is its own."""
    with tg.device("meta"):
        model = getattr(models, name)().train(training)
        with viz.keep(model) as kept:
            out = model(tg.zeros(2, *models.INPUT_SIZES[name]))
    nodes = kept.alive()
    assert out.node in nodes
    names = [node.gate.name for node in nodes]
    assert "relu" in names
    assert not set(names) & {*FUSED}
    for node in nodes:
        assert not KEPT[node].settings.get("relu")
    relus = [m for m in model.modules() if isinstance(m, nn.ReLU)]
    assert names.count("relu") >= len(relus)


def test_depth_needs_a_model():
    x = tg.tensor([1.0], requires_grad=True)
    with viz.keep():
        y = x * 2.0
    assert NO_MODULES in viz.draw_text(y, depth=1)
    assert NO_MODULES in viz.draw_text(tg.Value(2.0) * 3.0, depth=1)
    with pytest.raises(ValueError, match="depth is at least 0, or None for all gates, got -1"):
        viz.draw(y, depth=-1)


def test_the_model_names_parameters_of_graphs_that_were_not_kept():
    model = nn.Linear(2, 1)
    y = model(tg.ones(1, 2)).sum()
    roles = {b.title: b.role for b in read(y, model=model).boxes}
    assert roles["weight"] == roles["bias"] == "parameter"
    assert read(y, names=dict(model.named_parameters())).boxes[0].role == "parameter"


def test_whatever_has_parameters_is_a_model():
    class Neuron:
        def __init__(self):
            self.w = tg.Value(0.5, "w")

        def parameters(self):
            return [self.w]

    neuron = Neuron()
    y = (neuron.w * tg.Value(2.0, "x")).tanh()
    assert {b.title: b.role for b in read(y, model=neuron).boxes}["w"] == "parameter"
    assert {b.title: b.role for b in read(y, model=neuron).boxes}["x"] == "input"


def test_what_is_no_model():
    with pytest.raises(TypeError, match="keep: the model is a Module, got int"):
        viz.keep(3)
    with pytest.raises(TypeError, match=r"the model needs a method parameters\(\), got int"):
        viz.draw(tg.Value(2.0) * 3.0, model=3)


def test_keep_leaves_the_model_as_it_was():
    model = net(1)
    loss = recorded(model)
    assert not WATCHERS
    assert all(not m._hooks.before and not m._hooks.behind for m in model.modules())
    nodes = len(ancestors([loss.node]))
    again = F.cross_entropy(model(tg.randn(1, 1, 4, 4)), tg.tensor([1]))
    assert len(ancestors([again.node])) == nodes


# --- roles ----------------------------------------------------------------------------------------


def luminance(color):
    """How light a colour is in print: 0 to 1."""
    r, g, b = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_roles_can_be_told_apart_without_colours():
    assert len({(look.style, look.border, look.fill) for look in LOOKS.values()}) == len(LOOKS)
    for name, look in LOOKS.items():
        others = [o for n, o in LOOKS.items() if n != name]
        same = [o for o in others if (o.style, o.border) == (look.style, look.border)]
        assert all(abs(luminance(o.fill) - luminance(look.fill)) > 0.02 for o in same)
        assert luminance(look.fill) > 0.75  # black type stays readable


def test_a_legend_names_the_roles_there_are():
    x = tg.Value(2.0, "x")
    words = plain(viz.draw(x * 3.0).source)
    assert "input constant gate output" not in words  # the only gate is the output
    assert "input constant output" in words
    assert "parameter" not in words


# --- gradients of gradients -----------------------------------------------------------------------


def test_the_graph_of_a_gradient():
    w = tg.tensor([0.5, 1.0], requires_grad=True)
    with viz.keep():
        y = (w.tanh() * w).sum()
        (g,) = tg.autograd.grad(y, w, create_graph=True)
        penalty = (g * g).sum()
    penalty.backward()
    scene = read(penalty, names={"w": w, "g": g})
    inside = [b for b in scene.boxes if b.group and b.group.type == "backward pass"]
    assert "g" in [b.title for b in inside]
    assert "w" not in [b.title for b in inside]
    np.testing.assert_array_equal(next(b for b in inside if b.title == "g").grad, 2 * g.raw)


def test_wires_of_small_tensors_explain_the_gradients():
    w = tg.tensor([0.5, -1.0], requires_grad=True)
    with viz.keep():
        loss = (w.tanh() * w + w.exp()).sum()
    loss.backward()
    assert "= the sum of 3 that arrive" in plain(viz.draw(loss).source)
    box = next(b for b in flow(read(loss)).boxes if b.kind == "leaf")
    assert len(box.uses) == 3
    np.testing.assert_allclose(sum(wire.sent for wire in box.uses), w.grad.raw, rtol=1e-6)
    np.testing.assert_allclose(box.uses[0].local, 1 - np.tanh(w.detach().raw) ** 2, rtol=1e-6)


# --- runs that ended with an error ----------------------------------------------------------------


def failed(model, x):
    """What was kept of a run that raises RuntimeError."""
    with pytest.raises(RuntimeError) as caught, viz.keep(model) as kept:
        model(x)
    return kept, str(caught.value)


@pytest.mark.parametrize("depth", [None, 1])
def test_a_shape_error_leaves_a_drawing(depth):
    kept, message = failed(net(2), tg.randn(1, 1, 6, 6))
    gc.collect()
    scene = read(kept, depth=depth)
    assert scene.root.kind == "failed"
    assert scene.root.title == message
    assert "linear" in scene.root.symbol
    sources = [wire.source for wire in scene.root.wires]
    assert sources[0].shape == (1, 72)
    assert [(s.title, s.role) for s in sources[1:]] == [
        ("4.weight", "parameter"),
        ("4.bias", "parameter"),
    ]
    assert FAILED in viz.draw_text(kept, depth=depth)
    assert "✗ linear" in plain(viz.draw(kept, depth=depth).source)
    ran = [b.symbol for b in scene.boxes]
    assert "Flatten" in ran if depth else "reshape" in ran


def test_a_failing_gate_is_called_by_its_name():
    a = tg.ones(2, 3, requires_grad=True)
    with pytest.raises(RuntimeError), viz.keep() as kept:
        (a * 2.0) + tg.ones(4)
    scene = read(kept)
    assert scene.root.symbol == "✗ add"
    assert [(w.source.symbol, w.source.title) for w in scene.root.wires] == [("×", ""), ("", "y")]


def test_a_failing_gate_of_many_inputs():
    a = tg.ones(2, 3, requires_grad=True)
    with pytest.raises((RuntimeError, IndexError)), viz.keep() as kept:
        tg.cat([a * 2.0, tg.ones(2, 4)], 0)
    assert [wire.source.shape for wire in read(kept).root.wires] == [(2, 3), (2, 4)]


def test_a_run_that_fails_at_its_first_gate():
    kept, _ = failed(nn.Sequential(nn.Conv2d(3, 2, 3)), tg.randn(1, 1, 5, 5))
    scene = read(kept)
    assert [b.kind for b in scene.boxes if b.kind != "leaf"] == ["constant", "failed"]
    assert {b.group.title for b in scene.boxes if b.kind != "constant"} == {"0"}


def test_an_error_that_is_no_gates_marks_the_module():
    class Wrong(nn.Module):
        def forward(self, x):
            raise ZeroDivisionError("by hand")

    model = nn.Sequential(nn.Linear(2, 2), Wrong())
    with pytest.raises(ZeroDivisionError), viz.keep(model) as kept:
        model(tg.ones(1, 2))
    root = read(kept).root
    assert (root.symbol, root.title, root.wires) == ("✗ Wrong", "by hand", [])


def test_an_error_lies_where_the_next_run_does_not_see_it():
    model = net(1)
    with viz.keep(model):
        with pytest.raises(RuntimeError):
            model(tg.randn(1, 1, 6, 6))
        y = model(tg.randn(1, 1, 4, 4))
    assert [title for title, _ in cards(y, depth=1)] == ["0", "1", "2", "3"]


def test_what_was_kept_is_drawn_without_an_error_too():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    with viz.keep() as kept:
        a, b = w * 2.0, w.exp()
    roles = [box.role for box in read(kept).boxes if box.kind == "gate"]
    assert roles == ["output", "output"]
    del a, b
    gc.collect()
    with pytest.raises(ValueError, match="nothing that was kept is alive"):
        viz.draw(kept)
