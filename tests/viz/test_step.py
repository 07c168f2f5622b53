"""The trace of a graph keeps its promises, and the page that holds it is one file."""

import html
import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worked_graphs import fork, product

import tinygrad_cnn as tg
from tinygrad_cnn import kernels, nn, viz
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.viz import trace as trace_module
from tinygrad_cnn.viz.step import PAGE, page
from tinygrad_cnn.viz.trace import NUMBERS, PART, SMALL, WHOLE, trace_of
from tinygrad_cnn.viz.words import WORDS, words_of

SMALL_NUMBERS = st.floats(-2, 2).map(lambda x: round(x, 3))
TWO = [tg.add, tg.sub, tg.mul, tg.maximum, tg.minimum, tg.atan2]
ONE = [tg.tanh, tg.sin, tg.exp, tg.relu, tg.neg, tg.abs]


@st.composite
def graphs(draw, most=12):
    """A random scalar graph with constants and with many values used more than once."""
    values = [tg.Value(draw(SMALL_NUMBERS), f"x{i}") for i in range(3)] + [tg.Value(2, "")]
    for _ in range(draw(st.integers(1, most))):
        x, y = draw(st.sampled_from(values)), draw(st.sampled_from(values))
        gate = draw(st.sampled_from(TWO + ONE))
        values.append(gate(x, y) if gate in TWO else gate(x))
    return values[-1]


def small_net():
    """The loss of a small convolutional network, its model, and nothing walked yet."""
    tg.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    )
    head = nn.Linear(8, 3)
    with viz.keep():
        features = model(tg.randn(2, 1, 6, 6))
        loss = F.cross_entropy(head(features) + features.mean(), tg.tensor([1, 2]))
    return loss, nn.Sequential(model, head)


def by_id(things):
    return {thing["id"]: thing for thing in things}


def phases(trace, phase):
    return [step for step in trace["steps"] if step["phase"] == phase]


def number(x):
    """A number of a trace."""
    return float(x)


def array(trace, x):
    """A number or a small tensor of a trace as an array."""
    if isinstance(x, dict):
        told = trace["tensors"][x["tensor"]]
        return np.array(told["data"], float).reshape(told["shape"])
    return np.array(float(x))


# --- what an exporter must keep true --------------------------------------------------------------


def test_the_hand_example():
    told = trace_of(product(), None, "product")
    assert told["title"] == "f = (x + y) · z"
    seen = {n["name"]: (n["value"], n["grad"]) for n in told["nodes"]}
    assert seen == {"x": (-2, -4), "y": (5, -4), "z": (-4, 3), "q": (3, -4), "f": (-12, 1)}
    check_flows(told)
    shown = {n["name"]: n["grad"] for n in trace_of(fork(), None, "fork")["nodes"]}
    assert [shown[name] for name in "xyz"] == [-2, 2, 0]
    assert [step["phase"] for step in told["steps"]] == [
        "start",
        "forward",
        "forward",
        "seed",
        "backward",
        "backward",
        "end",
    ]


def check_steps(told):
    """Every gate has one forward and one backward step, in the orders of the two passes."""
    nodes = by_id(told["nodes"])
    gates = [n["id"] for n in told["nodes"] if n["kind"] == "gate"]
    forward = [step["gate"] for step in phases(told, "forward")]
    backward = [step["gate"] for step in phases(told, "backward")]
    assert sorted(forward) == sorted(gates)
    assert backward == forward[::-1]
    seen = set()
    for gate in forward:
        inputs = [i for i in nodes[gate]["inputs"] if i and nodes[i]["kind"] == "gate"]
        assert seen.issuperset(inputs)
        seen.add(gate)
    (seed,) = phases(told, "seed")
    assert seed["gate"] == told["output"]
    assert seed["grad"] == nodes[told["output"]]["grad"]


def check_flows(told):
    """What flows is what the edges say, and adds up to what the nodes have."""
    nodes, edges = by_id(told["nodes"]), by_id(told["edges"])
    arrived = {}
    for step in phases(told, "backward"):
        for flow in step["flows"]:
            edge = edges[flow["edge"]]
            source = edge["from"]
            assert edge["to"] == step["gate"]
            assert flow["local"] == edge["local"]
            assert flow["upstream"] == nodes[step["gate"]]["grad"]
            assert flow["before"] == (arrived[source][-1]["after"] if source in arrived else 0)
            arrived.setdefault(source, []).append(flow)
    for name, node in nodes.items():
        if name in arrived:
            assert arrived[name][-1]["after"] == node["grad"]
            sent = sum(array(told, flow["downstream"]) for flow in arrived[name])
            assert np.allclose(sent, array(told, node["grad"]), rtol=1e-6, atol=1e-7)
        elif node["kind"] == "const":
            assert node["grad"] is None


@given(graphs())
def test_a_trace_keeps_its_promises(root):
    told = trace_of(root, None, "any")
    check_steps(told)
    check_flows(told)
    for step in phases(told, "backward"):
        for flow in step["flows"]:
            product = number(flow["upstream"]) * number(flow["local"])
            assert number(flow["downstream"]) == pytest.approx(product, rel=1e-12, abs=1e-12)
    uses = [edge["from"] for edge in told["edges"]]
    flows = [f["edge"].split(".") for step in phases(told, "backward") for f in step["flows"]]
    assert len(set(map(tuple, flows))) == len(flows)
    consts = {n["id"] for n in told["nodes"] if n["kind"] == "const"}
    assert len(flows) == len([i for i in uses if i not in consts])


@given(graphs())
def test_a_trace_is_what_backward_does_and_disturbs_nothing(root):
    order = tg.graph.ancestors([root])[::-1]
    for node in order:
        node.grad = 7.0
    told = trace_of(root, None, "any")
    assert all(node.grad == 7.0 for node in order)
    for node in order:
        node.grad = 0.0
    root.backward()
    assert trace_of(root, None, "any") == told
    shown = [n for n in told["nodes"] if n["kind"] != "const"]
    real = [node for node in order if node.label != ""]
    assert [number(n["grad"]) for n in shown] == [node.grad for node in real]
    assert [number(n["value"]) for n in shown] == [node.data for node in real]


def test_tensor_graphs_keep_the_same_promises():
    loss, model = small_net()
    names = dict(model.named_parameters())
    told = trace_of(loss, names, "net")
    check_steps(told)
    check_flows(told)
    assert all(p.grad is None for p in model.parameters())
    loss.backward()
    again = trace_of(loss, names, "net")
    assert again == told  # although the graph has been freed
    shown = {n["name"]: n for n in told["nodes"]}
    for name, p in names.items():
        assert np.array_equal(array(told, shown[name]["grad"]).astype("float32"), p.grad.numpy())
        assert np.array_equal(
            array(told, shown[name]["value"]).astype("float32"), p.detach().numpy()
        )


def test_a_tensor_that_was_not_computed():
    with pytest.raises(ValueError, match="is a leaf"):
        trace_of(tg.ones(2, requires_grad=True), None, "leaf")


def test_arrays_of_another_device(double):
    def told(device):
        x = tg.tensor([[0.5, -1.0], [2.0, 0.25]], requires_grad=True, device=device)
        with viz.keep():
            y = ((x @ x).tanh() * x + 1.0).mean()
        return trace_of(y, {"x": x}, "t")

    assert told("double") == told("cpu")


WIDE = {
    "cat": lambda x, y: (tg.cat([x, y], 0) ** 2).sum(),
    "where": lambda x, y: tg.where(x > 0, x, y * 0.1).sum(),
    "broadcast": lambda x, y: (x[0] * y + x[:, :1]).mean(),
    "chunk": lambda x, y: (x.chunk(2, 0)[0] * y.chunk(2, 0)[1]).sum(),
    "einsum": lambda x, y: tg.einsum("ij,kj->ik", x, y).sum(),
    "pool": lambda x, y: F.max_pool2d((x * y)[None, None], 2).sum(),
    "dropout": lambda x, y: (F.dropout(x, 0.5) * y).sum(),
    "layer_norm": lambda x, y: (F.layer_norm(x, (4,)) * y).sum(),
    "whole numbers": lambda x, y: (x * tg.arange(4) / 3 + y**2).sum(),
    "vector": lambda x, y: x @ y[0],
    "twice": lambda x, y: (x * x + y).std(),
}


@pytest.mark.parametrize("name", WIDE)
def test_gates_of_every_kind(name):
    """The walk of a trace is backward's, on a graph that is whole and on one that is freed."""
    tg.manual_seed(1)
    x, y = tg.randn(4, 4, requires_grad=True), tg.randn(4, 4, requires_grad=True)
    with viz.keep():
        z = WIDE[name](x, y)
    told = trace_of(z, {"x": x, "y": y}, "t")
    check_steps(told)
    check_flows(told)
    z.backward(tg.ones(*z.shape))
    assert trace_of(z, {"x": x, "y": y}, "t") == told
    shown = {n["name"]: n["grad"] for n in told["nodes"]}
    for leaf, grad in ((x, shown["x"]), (y, shown["y"])):
        assert np.array_equal(array(told, grad).astype("float32"), leaf.grad.numpy())


def test_local_derivatives_of_tensors_are_those_of_their_elements():
    x = tg.tensor([[0.5, -1.0], [2.0, 0.0]], requires_grad=True)
    with viz.keep():
        y = (x.tanh() * x).sum()
    told = trace_of(y, {"x": x}, "t")
    nodes = by_id(told["nodes"])
    locals_ = {nodes[e["to"]]["op"]: [] for e in told["edges"]}
    for edge in told["edges"]:
        locals_[nodes[edge["to"]]["op"]].append(edge["local"])
    raw = x.detach().numpy()
    assert np.allclose(array(told, locals_["tanh"][0]), 1 - np.tanh(raw) ** 2, atol=1e-6)
    assert np.allclose(array(told, locals_["mul"][0]), raw)
    assert locals_["sum"] == [None]  # no number for each element


def test_names_of_parameters_and_networks_without_numbers():
    model = nn.Linear(3, 2)
    with viz.keep(model):
        y = model(tg.ones(1, 3)).sum()
    shown = {n["name"] for n in trace_of(y, None, "t")["nodes"]}
    assert {"weight", "bias", "f"} <= shown
    empty = nn.Linear(3, 2, device="meta")
    with viz.keep(empty):
        y = empty(tg.ones(1, 3, device="meta")).sum()
    with pytest.raises(ValueError, match="needs numbers"):
        trace_of(y, None, "t")


def test_small_tensors_are_whole_and_large_ones_statistics():
    with viz.keep():
        x = tg.randn(17, 17, requires_grad=True)
        y = (x[:16, :16] * 2.0).sum()
    told = trace_of(y, {"x": x}, "t")
    sizes = {math.prod(t["shape"]): t for t in told["tensors"]}
    assert "data" not in sizes[17 * 17]
    assert len(sizes[SMALL]["data"]) == SMALL
    (large,) = [t for t in told["tensors"] if t["max"] != 0 and math.prod(t["shape"]) == 289][:1]
    assert large["min"] <= large["mean"] <= large["max"]
    assert not [t for t in told["tensors"] if math.prod(t["shape"]) == 1]


def test_numbers_that_are_not_finite():
    x = tg.Value(0.0, "x")
    told = trace_of(tg.log(x) * 0.0, None, "wild")
    seen = {n["name"]: (n["value"], n["grad"]) for n in told["nodes"]}
    assert seen["x"] == (0, "nan")
    assert seen["v1"] == ("-inf", 0)
    assert seen["f"] == ("nan", 1)
    json.dumps(told, allow_nan=False)


# --- names, titles, parts -------------------------------------------------------------------------


def test_names_are_the_users_own_or_unique():
    x = tg.Value(1.0, "v1")
    y = tg.Value(2.0)
    told = trace_of((x + y) * 3.0 + y, {"start": x}, "names")
    names = [n["name"] for n in told["nodes"] if n["kind"] != "const"]
    assert len(set(names)) == len(names)
    assert "start" in names
    assert names[-1] == "f"
    assert trace_of(tg.tanh(x), None, "n")["title"] == "f = tanh(v1)"


@pytest.mark.parametrize(
    ("make", "title"),
    [
        (lambda x, y: x - (y - x), "f = x − (y − x)"),
        (lambda x, y: (x - y) - x, "f = x − y − x"),
        (lambda x, y: x / (y * x), "f = x / (y · x)"),
        (lambda x, y: (x + y) ** 2, "f = (x + y)^2"),
        (lambda x, y: -(x + y) * y, "f = −(x + y) · y"),
        (lambda x, y: tg.maximum(x, -y), "f = max(x, −y)"),
        (lambda x, y: x * -3.0 + y, "f = x · (−3) + y"),
        (lambda x, y: tg.atan2(x, y), "f = atan2(x, y)"),
    ],
)
def test_titles(make, title):
    assert trace_of(make(tg.Value(1.0, "x"), tg.Value(2.0, "y")), None, "t")["title"] == title


@given(graphs(most=120))
def test_large_graphs_come_in_parts(root):
    told = trace_of(root, None, "any")
    nodes = by_id(told["nodes"])
    parts = [nodes[step["gate"]]["part"] for step in phases(told, "forward")]
    assert parts == sorted(parts)
    if len(parts) <= WHOLE:
        assert set(parts) <= {0}
    else:
        assert set(parts) == set(range(max(parts) + 1))
        assert max(map(parts.count, parts)) <= PART


def test_parts_are_cut_where_little_is_handed_on(monkeypatch):
    monkeypatch.setattr(trace_module, "WHOLE", 4)
    monkeypatch.setattr(trace_module, "PART", 6)
    sums = []
    for i in range(4):  # of five gates each
        a = tg.Value(i, f"a{i}")
        sums.append((a * a + a.tanh()) * (a + 1.0))
    told = trace_of((sums[0] + sums[1]) + (sums[2] + sums[3]), None, "sums")
    nodes = by_id(told["nodes"])
    parts = [nodes[step["gate"]]["part"] for step in phases(told, "forward")]
    assert parts[:20] == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5


# --- words ----------------------------------------------------------------------------------------

SCALARS = {
    "exp": math.exp,
    "log": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "tanh": math.tanh,
    "√": math.sqrt,
    "abs": abs,
    "max": max,
    "min": min,
    "relu": lambda x: max(x, 0.0),
    "σ": lambda x: 1 / (1 + math.exp(-x)),
}


def computed(formula, out, inputs):
    """The number that a formula of the table of words stands for."""
    code = formula.replace("−", "-").replace("·", "*").replace("^", "**").replace("√", "sqrt")
    code = re.sub(r"\{(\d)\}", r"(inputs[\1])", code).replace("{out}", "(out)")
    space = {**SCALARS, "sqrt": math.sqrt, "out": out, "inputs": inputs}
    return eval(code, space)


@pytest.mark.parametrize("name", [name for name, words in WORDS.items() if words.local])
@pytest.mark.parametrize("numbers", [(0.7, 1.3), (1.9, 0.4), (2.2, -0.6)])
def test_the_formulas_are_true(name, numbers):
    """What the table says of values and of local derivatives is what the gate computes."""
    record = next(gate for gate in kernels.GATES if gate.name == name)
    inputs = list(numbers[: record.arity])
    assert len(WORDS[name].local) == record.arity
    out = record.kernel(float)(*inputs)
    assert computed(WORDS[name].expression, out, inputs) == pytest.approx(out)
    rates = record.pull(1.0, inputs, (out, *inputs))
    for formula, rate in zip(WORDS[name].local, rates, strict=True):
        if formula:
            assert computed(formula, out, inputs) == pytest.approx(rate)
        else:
            assert rate in (-1, 0, 1)


def test_every_gate_has_words():
    assert set(WORDS) <= {record.name for record in kernels.GATES}
    for record in kernels.GATES:
        if record.kind == "gate":
            assert all(words_of(record)[:4]), record.name
    told = words_of(tg.log1p.gate)
    assert told.forward == "Log1p"
    assert told.value == "log(1 + x), exact near 0."
    assert told.gradient == "dz/dx = 1 / (1 + x)."


# --- the page -------------------------------------------------------------------------------------


def test_step_writes_one_page(tmp_path):
    path = viz.step(product(), tmp_path / "deep" / "trace.html")
    assert path == tmp_path / "deep" / "trace.html"
    text = path.read_text(encoding="utf-8")
    assert "<title>f = (x + y) · z · step by step</title>" in text
    assert "{{" not in text.replace("{{/", "")
    assert "Permission is hereby granted" in text  # the licence of the layout library
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"(?!data:)", text)
    told = json.loads(re.search(r'id="trace">(.*?)</script>', text, re.S)[1])
    assert told["schema"] == "tg.viz.step/2"
    assert [t["id"] for t in told["traces"]] == ["trace"]


def test_several_traces_and_labels_that_look_like_code(tmp_path):
    x = tg.Value(1.0, "</script><script>{{style}}")
    path = viz.step({"one": product(), "a/b": x * x}, tmp_path / "t.html")
    text = path.read_text(encoding="utf-8")
    assert text.count("<script") == len(re.findall(r"</script>", text)) == 3
    told = json.loads(re.search(r'id="trace">(.*?)</script>', text, re.S)[1])
    assert [t["id"] for t in told["traces"]] == ["one", "a-b"]
    assert told["traces"][1]["nodes"][0]["name"] == "</script><script>{{style}}"


def test_what_cannot_be_stepped_through(tmp_path):
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match="keep"):
        viz.step((x * x).sum(), tmp_path / "t.html")
    with pytest.raises(ValueError, match="on no graph"):
        viz.step(x.detach(), tmp_path / "t.html")
    with pytest.raises(TypeError, match="Value or a Tensor"):
        viz.step(3.0, tmp_path / "t.html")
    with pytest.raises(TypeError, match="a picture needs a Value or a Tensor, got NoneType"):
        viz.step(None, tmp_path / "t.html")
    with pytest.raises(ValueError, match="at least one"):
        viz.step({}, tmp_path / "t.html")
    with viz.keep():
        y = Square.apply(x).sum()
    y.backward()
    with pytest.raises(ValueError, match="Square is a Function, whose graph backward"):
        viz.step(y, tmp_path / "t.html")
    assert not list(tmp_path.iterdir())


def test_functions_of_the_user_are_gates():
    tg.manual_seed(0)
    x, w = tg.randn(2, 3, requires_grad=True), tg.randn(2, 3, requires_grad=True)
    with viz.keep():
        low, high = Ends.apply(Square.apply(x) + w, "a word")
        y = (low * high * x).sum()
    told = trace_of(y, {"x": x, "w": w}, "own")
    check_steps(told)
    check_flows(told)
    ops = [node["op"] for node in told["nodes"] if node["kind"] == "gate"]
    assert ops == ["Square", "add", "Ends", "Ends", "mul", "mul", "sum"]
    settings = [n["settings"] for n in told["nodes"] if n.get("op") == "Ends"]
    assert settings == ["output 0", "output 1"]
    assert not [n for n in told["nodes"] if n["kind"] == "const"]  # a word is none
    assert told["rules"]["Square"][0] == "Square"
    assert told["rules"]["Square"][3] == "dz/dx = 2 x."
    assert "own backward returns" in told["rules"]["Ends"][3]
    y.backward()
    shown = {n["name"]: n["grad"] for n in told["nodes"]}
    for leaf, name in ((x, "x"), (w, "w")):
        assert np.allclose(array(told, shown[name]), leaf.grad.numpy(), rtol=1e-6)


class Ends(tg.autograd.Function):
    """The larger and the smaller of a number and 1."""

    @staticmethod
    def forward(ctx, x, word):
        ctx.save_for_backward(x)
        ctx.set_materialize_grads(False)
        return x.clamp(max=1), x.clamp(min=1)

    @staticmethod
    def backward(ctx, g, h):
        (x,) = ctx.saved_tensors
        sent = 0 if g is None else g * (x < 1).float()
        return sent + (0 if h is None else h * (x > 1).float()), None


class Square(tg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        """dz/dx = 2 x."""
        (x,) = ctx.saved_tensors
        return g * 2 * x


def test_a_leaf_alone(tmp_path):
    told = trace_of(tg.Value(3.0, "x"), None, "leaf")
    assert [step["phase"] for step in told["steps"]] == ["start", "seed", "end"]
    assert told["title"] == "x"


def test_a_thousand_gates_are_a_small_file(tmp_path):
    x = tg.Value(0.3, "x")
    y = x
    for i in range(500):
        y = (y * x).tanh() if i % 2 else tg.sin(y + 0.1)
    told = trace_of(y, None, "long")
    assert len(phases(told, "forward")) == 1000
    assert viz.step(y, tmp_path / "t.html").stat().st_size < 3e6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_thousand_gates_of_tensors_are_a_small_file(tmp_path, dtype):
    x = tg.randn(16, 16, dtype=dtype, requires_grad=True)
    b = tg.randn(4, dtype=dtype, requires_grad=True)
    with viz.keep():
        y = x
        for i in range(332):
            y = ((y * x).tanh()) if i % 2 else tg.sin(y + 0.1)
        z = b
        for _ in range(335):
            z = z * b
        y = y.sum() + z.sum()
    told = trace_of(y, None, "long")
    assert len(phases(told, "forward")) == 1002
    assert viz.step(y, tmp_path / "t.html").stat().st_size < 3e6
    sizes = {math.prod(t["shape"]): "data" in t for t in told["tensors"]}
    assert sizes[4]
    assert sum(len(t.get("data", ())) for t in told["tensors"]) <= NUMBERS
    assert sum("data" in t for t in told["tensors"] if len(t["shape"]) == 2) > 10


def test_contrast():
    """Text stands out from what it stands on, in both themes."""
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    light, dark = re.findall(r"^:root[^{]*\{(.*?)^\}", style, re.S | re.M)
    for theme in (light, dark):
        colors = dict(re.findall(r"--([\w-]+): (#\w+);", theme))
        for ground in ("paper", "surface"):
            for text in ("ink", "muted", "value", "grad", "right"):
                assert contrast(colors[text], colors[ground]) >= 4.6
            assert contrast(colors["wire"], colors[ground]) >= 2.9
        assert contrast(colors["grad"], colors["grad-soft"]) >= 4.5
        assert contrast(colors["value"], colors["value-soft"]) >= 4.5


def contrast(one, other):
    """The contrast of two colours as WCAG defines it."""
    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(color):
    digits = color[1:] if len(color) == 7 else "".join(2 * c for c in color[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_title_is_escaped():
    told = trace_of(tg.Value(1.0, "<b>"), None, "t")
    assert html.escape("<b>") in page({"traces": [told]}).split("</title>")[0]
