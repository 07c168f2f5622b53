"""Pictures of graphs, read from the Scene they are written from, and from what is written."""

import gc
import math
import re
import subprocess
import sys
from pathlib import Path

import graphviz
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import viz
from tinygrad_cnn.graph import WATCHERS
from tinygrad_cnn.ops.conv import conv
from tinygrad_cnn.viz.keep import KEPT
from tinygrad_cnn.viz.number import added, inline, short
from tinygrad_cnn.viz.reader import NO_GRADIENT, NO_NUMBERS, read

ROOT = Path(__file__).parents[2]
needs_dot = pytest.mark.skipif(
    bool(viz.missing_dot()), reason="images need the program `dot` of Graphviz"
)
SMALL = st.floats(-2, 2).map(lambda x: round(x, 3))


def product():
    """f = (x + y) z at -2, 5, -4; not yet walked."""
    x, y, z = tg.Value(-2, "x"), tg.Value(5, "y"), tg.Value(-4, "z")
    q = x + y
    q.label = "q"
    f = q * z
    f.label = "f"
    return f


@pytest.fixture
def no_dot(monkeypatch):
    """A machine without Graphviz."""
    monkeypatch.setenv("PATH", "")
    assert viz.missing_dot()


def boxes(x, **how):
    """The boxes of x's picture by their names."""
    scene = read(x, how.get("names"), how.get("max_nodes", 300))
    return {box.title or box.key: box for box in scene.boxes}


def plain(label):
    """The words of an HTML-like label."""
    return " ".join(re.sub(r"<[^>]*>", " ", label).split())


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (-12.0, "−12"),
        (0.1 + 0.2, "0.3"),
        (60000, "60000"),
        (12345.678, "12346"),
        (9999.6, "10000"),
        (-0.00012344, "−0.0001234"),
        (1e-5, "1e−5"),
        (-2.5e17, "−2.5e17"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "nan"),
    ],
)
def test_short(x, text):
    assert short(x) == text


@given(st.floats(-1e300, 1e300))
def test_short_is_right_to_four_digits(x):
    text = short(x)
    assert "-" not in text
    assert text != "−0"
    back = float(text.replace("−", "-"))
    assert math.isclose(back, x, rel_tol=0.5e-3)


def test_sums_and_arrays_in_one_line():
    assert added(["1", "−3", "2"]) == "1 − 3 + 2"
    assert inline(np.array([[19.0, 25.0], [37.0, -0.0]])) == "[19 25; 37 0]"
    assert inline(np.array([True, False])) == "[True False]"
    assert inline(np.arange(101)) == "min 0, mean 50, max 100"
    assert inline(np.zeros((0, 3))) == "[empty]"


# --- scalar graphs --------------------------------------------------------------------------------


def test_the_hand_example():
    f = product()
    f.backward()
    seen = boxes(f)
    assert [(b.value, b.grad) for b in seen.values()] == [
        (-2, -4),
        (5, -4),
        (-4, 3),
        (3, -4),
        (-12, 1),
    ]
    wires = [(w.source.title, w.local, w.sent) for b in seen.values() for w in b.wires]
    assert wires == [("x", 1, -4), ("y", 1, -4), ("q", -4, -4), ("z", 3, 3)]
    assert seen["q"].symbol == "+"
    assert seen["f"].symbol == "×"
    picture = viz.draw(f)
    assert isinstance(picture, graphviz.Digraph)
    assert "f = q × z     −12      1" in picture.text
    assert "x              −2     −4   = −4 × 1 via q" in picture.text
    assert "× (−4) ← −4" in plain(picture.source)
    assert "value −12 grad 1" in plain(picture.source)


@st.composite
def graphs(draw):
    """A random scalar graph, with many values used more than once."""
    values = [tg.Value(draw(SMALL), f"x{i}") for i in range(3)]
    for _ in range(draw(st.integers(1, 12))):
        x, y = draw(st.sampled_from(values)), draw(st.sampled_from(values))
        gate = draw(st.sampled_from([tg.add, tg.sub, tg.mul, tg.maximum, tg.minimum, None]))
        values.append(gate(x, y) if gate else tg.tanh(x))
    return values[-1]


@given(graphs())
def test_wires_explain_every_gradient(root):
    root.backward()
    scene = read(root, None, 300)
    assert scene.root.grad == 1
    for box in scene.boxes:
        sent = [wire.sent for wire in box.uses]
        assert all(wire.sent == wire.target.grad * wire.local for wire in box.uses)
        assert box is scene.root or math.isclose(box.grad, math.fsum(sent), abs_tol=1e-9)
        assert box.elsewhere() is None


@given(graphs())
def test_the_same_graph_gives_the_same_text(root):
    root.backward()
    again = viz.draw(root)
    assert viz.draw(root).source == again.source
    assert again.text == viz.draw_text(root)


def test_the_text_of_a_picture_hangs_on_no_ids_or_ages():
    sources = [viz.draw(product()).source for _ in range(2)]
    assert sources[0] == sources[1]
    code = (
        "import tinygrad_cnn as tg\nfrom tinygrad_cnn import viz\n"
        "for _ in range(7): tg.Value(1) * 2\n"
        "x, y, z = tg.Value(-2, 'x'), tg.Value(5, 'y'), tg.Value(-4, 'z')\n"
        "q = x + y; q.label = 'q'; f = q * z; f.label = 'f'\n"
        "print(viz.draw(f).source, end='')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT)
    assert run.stdout.decode() == sources[0]


def test_before_backward_no_gradients_are_shown():
    f = product()
    picture = viz.draw(f)
    assert NO_GRADIENT in picture.text
    assert NO_GRADIENT in plain(picture.source)
    assert "grad" not in plain(picture.source).replace("gradient", "").replace("graph", "")
    assert "× (−4)" in plain(picture.source)  # the local derivatives are known without it
    assert all(box.grad is None for box in boxes(f).values())


def test_before_backward_old_gradients_of_leaves_are_not_shown():
    x = tg.Value(3.0, "x")
    (x * x).backward()
    assert NO_GRADIENT in viz.draw_text(x * 5.0)
    assert boxes(x * 5.0)["x"].grad is None


def test_a_value_used_twice_shows_the_sum():
    x, y, z = tg.Value(2.0, "x"), tg.Value(-3.0, "y"), tg.Value(1.0, "z")
    p, m = x * y, tg.maximum(x, z)
    p.label, m.label = "p", "m"
    f = p + m
    f.backward()
    assert "= 1 × 1 via m + 1 × (−3) via p" in viz.draw_text(f)
    assert "grad −2 = 1 − 3" in plain(viz.draw(f).source)
    assert "style=dotted" in viz.draw(f).source  # max sends nothing to the smaller input


def test_a_second_backward_is_told_apart():
    f = product()
    f.backward()
    f.backward()
    assert boxes(f)["x"].elsewhere() == -4
    assert boxes(f)["q"].elsewhere() is None
    text = viz.draw_text(f)
    assert "−8   = −4 × 1 via q − 4 from elsewhere" in text
    assert "Elsewhere: " in text


def test_many_uses_are_counted():
    x = tg.Value(2.0, "x")
    total = x
    for _ in range(9):
        total = total + x
    total.backward()
    assert "+ 6 more" in viz.draw_text(total)
    assert "= 1 + 1 + 1 + 1 + 6 more" in plain(viz.draw(total).source)


def test_constants_have_no_gradient():
    x = tg.Value(-3.0, "x")
    f = x ** tg.Value(2.0, "")
    f.backward()
    constant = boxes(f)["c0"] if "c0" in boxes(f) else boxes(f)["c1"]
    assert (constant.kind, constant.value, constant.grad) == ("constant", 2, None)
    assert [wire.sent for wire in boxes(f)["n2"].wires] == [-6, None]  # no logarithm of -3
    assert "#2 = x ^ 2" in viz.draw_text(f)


def test_plain_numbers_are_constants():
    assert "#2 = x × 2" in viz.draw_text(tg.Value(3.0, "x") * 2)


def test_settings_of_a_gate():
    f = tg.leaky_relu(tg.Value(-1.0, "x"), negative_slope=0.2)
    assert "#2 = leaky relu(x, negative slope 0.2)" in viz.draw_text(f)
    assert "leaky relu negative slope 0.2 value −0.2" in plain(viz.draw(f).source)


def test_gradients_that_are_values_themselves():
    x = tg.Value(3.0, "x")
    f = x * x
    f.backward(create_graph=True)
    assert boxes(f)["x"].grad == 6
    assert boxes(x.grad)["x"].value == 3


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_numbers_that_are_not_finite(bad):
    x, y = tg.Value(bad, "x"), tg.Value(0.0, "y")
    f = x * y + x
    f.backward()
    viz.draw(f)
    assert short(bad) in viz.draw_text(f)


# --- large graphs ---------------------------------------------------------------------------------


def chain(length):
    """A Value at the end of so many tanh."""
    x = tg.Value(0.5, "x")
    for _ in range(length):
        x = x.tanh()
    return x


def test_a_deep_graph_is_cut_off_with_a_note():
    x = chain(50_000)
    x.backward()
    picture = viz.draw(x, max_nodes=20)
    assert (
        "The 20 nodes nearest to the result, of 50001: max_nodes=50001 shows all." in picture.text
    )
    assert picture.source.count("tanh") == 20
    assert "#1 = tanh(…)" in picture.text


@given(graphs(), st.integers(1, 6))
def test_a_cut_picture_is_part_of_the_whole(root, most):
    root.backward()
    whole = {(b.symbol, b.title, b.value, b.grad) for b in read(root, None, 300).boxes}
    scene = read(root, None, most)
    shown = [b for b in scene.boxes if b.kind != "cut"]
    assert len(shown) <= most
    assert {(b.symbol, b.title, b.value, b.grad) for b in shown} <= whole
    keys = [box.key for box in scene.boxes]
    assert len(set(keys)) == len(keys)
    assert viz.draw(root, max_nodes=most).source.count("…") == len(keys) - len(shown)


def test_a_deep_graph_drawn_whole():
    picture = viz.draw(chain(3000), max_nodes=5000)
    assert picture.source.count("tanh") == 3000


# --- what cannot be drawn -------------------------------------------------------------------------


def test_errors():
    with pytest.raises(TypeError, match="a picture needs a Value or a Tensor, got float"):
        viz.draw(3.0)
    with pytest.raises(TypeError, match="a picture needs a Value or a Tensor, got NoneType"):
        viz.draw(product().backward())
    with pytest.raises(ValueError, match=r"tensor of shape \(2,\) is on no graph"):
        viz.draw(tg.tensor([1.0, 2.0]))
    with pytest.raises(ValueError, match='direction is "LR" or "TB", got \'XY\''):
        viz.draw(product(), direction="XY")
    with pytest.raises(ValueError, match="max_nodes must be at least 1, got 0"):
        viz.draw_text(product(), max_nodes=0)


# --- tensor graphs --------------------------------------------------------------------------------


def network():
    """A weight, an image and a loss, recorded as they come."""
    w = tg.tensor([[0.5, -1.0], [2.0, 0.25]], requires_grad=True)
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    hidden = (x @ w).tanh()
    return w, hidden, (hidden * hidden).sum() * 0.5


def test_without_keep_there_are_shapes_and_the_way_to_numbers():
    w, _, loss = network()
    for _ in range(2):
        picture = viz.draw(loss, names={"w": w})
        assert NO_NUMBERS in picture.text
        assert plain(picture.source).count("(2, 2) float32") == 4
        assert "value" not in plain(picture.source)
        assert all(box.value is None and box.grad is None for box in boxes(loss).values())
        loss.backward(retain_graph=True)


def test_keep_shows_values_and_gradients_of_the_recording():
    with viz.keep():
        w, hidden, loss = network()
    assert NO_GRADIENT in viz.draw_text(loss)
    (want,) = tg.autograd.grad(loss, [hidden], retain_graph=True)
    loss.backward()
    start = w.raw.copy()
    with tg.no_grad():
        w.mul_(0.0)  # the optimiser moves on; the picture is of the step
    seen = boxes(loss, names={"w": w, "hidden": hidden, "loss": loss})
    np.testing.assert_array_equal(seen["w"].value, start)
    np.testing.assert_array_equal(seen["w"].grad, w.grad.raw)
    np.testing.assert_array_equal(seen["hidden"].value, hidden.raw)
    np.testing.assert_allclose(seen["hidden"].grad, want.raw)
    assert seen["loss"].grad == 1
    assert [(w.source.kind, w.source.title) for w in seen["loss"].wires][1] == ("constant", "y")
    assert not viz.draw_text(loss).count("Shapes only")


def test_large_tensors_show_their_range():
    with viz.keep():
        x = tg.arange(100.0).requires_grad_()
        loss = x.sum()
    loss.backward()
    assert "min 0, mean 49.5, max 99" in viz.draw_text(loss)
    assert "value min 0 mean 49.5 max 99 grad min 1 mean 1 max 1" in plain(viz.draw(loss).source)


def test_keep_ends_and_holds_nothing():
    gc.collect()
    before = len(KEPT)
    with pytest.raises(KeyError), viz.keep(), viz.keep():
        _, _, loss = network()
        raise KeyError
    assert not WATCHERS
    assert len(KEPT) > before
    del loss, _
    gc.collect()
    assert len(KEPT) == before


def test_a_graph_kept_in_part():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    early = w * 3.0
    with viz.keep():
        loss = early.sum()
    loss.backward()
    seen = boxes(loss, names={"early": early})
    np.testing.assert_array_equal(seen["early"].value, [3.0, 6.0])
    assert seen["early"].grad is None
    assert "n1" in seen
    assert seen["n1"].value is None


def test_missing_inputs_and_several_inputs():
    x = tg.zeros(1, 1, 3, 3)
    w = tg.ones(1, 1, 2, 2, requires_grad=True)
    with viz.keep():
        z = conv(x, w, None, (2, 2), (1, 1), (1, 1), 1)
        both = tg.cat([z, tg.zeros(1, 1, 2, 2), z], 2)
    gate = boxes(z)["n2"]
    assert [wire.source.title for wire in gate.wires] == ["x", ""]
    assert gate.settings == "stride 2, padding 1"
    assert [wire.source.kind for wire in boxes(both)["n3"].wires] == ["gate", "constant", "gate"]


def test_gates_of_the_user():
    class Double(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    with viz.keep():
        z = Double.apply(tg.ones(2, requires_grad=True)).sum()
    z.backward()
    text = viz.draw_text(z)
    assert "Double(#1)" in text
    assert "outside viz.keep()" not in text
    assert "#3 = pick(#2)" in text
    assert "[1 1]" in text
    assert "[2 2]" in text


# --- names and images -----------------------------------------------------------------------------


def test_names_come_before_labels():
    f = product()
    assert "total = q × z" in viz.draw_text(f, names={"total": f})


@needs_dot
@settings(max_examples=5)
@given(st.text(max_size=6))
def test_any_label_can_be_drawn(label):
    x = tg.Value(1.0, label or "x")
    assert viz.draw(-x).pipe(format="svg").startswith(b"<?xml")


@needs_dot
@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_images(tmp_path, direction):
    f = product()
    f.backward()
    picture = viz.draw(f, direction=direction)
    starts = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    for suffix, start in starts.items():
        path = picture.write(tmp_path / "new" / f"f.{suffix}")
        assert path.read_bytes().startswith(start)
    svg = (tmp_path / "new" / "f.svg").read_text(encoding="utf-8")
    assert "−12" in svg
    bundle = picture._repr_mimebundle_()
    assert list(bundle) == ["image/svg+xml"]
    assert picture._repr_svg_().startswith("<?xml")
    assert b"<svg" in viz.draw(f, format="svg").pipe()


def test_source_and_text_need_no_dot(no_dot, tmp_path):
    picture = viz.draw(product())
    assert picture.write(tmp_path / "f.dot").read_text(encoding="utf-8") == picture.source
    assert picture.write(tmp_path / "f.txt").read_text(encoding="utf-8") == picture.text + "\n"
    with pytest.raises(RuntimeError, match=r"install Graphviz .* write .*f\.dot"):
        picture.write(tmp_path / "f.svg")
    with pytest.raises(ValueError, match="has no suffix"):
        picture.write(tmp_path / "f")


def test_notebooks_need_no_dot(no_dot):
    picture = viz.draw(product())
    (text,) = picture._repr_mimebundle_().values()
    assert picture.text in text
    assert "install Graphviz" in text
    assert picture._repr_svg_() is None
