"""Dives: one element of a tensor against the scalar graph that is said to have made it."""

import random

import numpy as np
import pytest
from domains import ROWS
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from probes import FUNCTIONS, free

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn, viz
from tinygrad_cnn.graph import ancestors
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.value import Value

GATES = [name for name in ROWS if FUNCTIONS[name].gate.kind == "gate"]
ENOUGH = 10**6


def element(data, shape):
    """The index of any element of a tensor of this shape."""
    return tuple([data.draw(st.integers(0, n - 1)) for n in shape])


def leaves(z):
    """By label the leaves of a scalar graph."""
    return {v.label: v for v in ancestors([z]) if v.gate is None and v.label}


def place(label):
    """The position in a label such as w[3,0,2,1]."""
    return tuple(map(int, label.partition("[")[2].rstrip("]").split(",")))


# --- every gate -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GATES)
@settings(max_examples=5)
@given(data=st.data())
def test_every_gate_is_taken_apart_and_agrees_in_value_and_gradient(name, data):
    case = data.draw(ROWS[name].cases)
    wanted = free(name, case)
    xs = [
        x if x is None else tg.tensor(x, requires_grad=i in wanted)
        for i, x in enumerate(case.inputs)
    ]
    gate = FUNCTIONS[name]
    with viz.keep():
        z = gate(xs, **case.settings) if gate.gate.many else gate(*xs, **case.settings)
    assume(z.node is not None and z.numel())
    index = element(data, z.shape)
    dived = viz.dive(z, index, max_nodes=ENOUGH, gradients=True)
    assert isinstance(dived, Value)


# --- networks -------------------------------------------------------------------------------------


def watched(run, *inputs):
    """What run(*inputs) returns, and every tensor that a gate made meanwhile."""
    made = []

    def watch(node, tensor, _):
        made.append(tensor)

    with viz.keep():
        tg.graph.WATCHERS.append(watch)
        try:
            loss = run(*inputs)
        finally:
            tg.graph.WATCHERS.remove(watch)
    return loss, [t for t in made if t is not None]


@pytest.fixture(scope="module")
def lenet():
    """Every tensor inside LeNet-5 on two images, down to the loss, in float64."""
    tg.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64, 20), nn.Tanh(), nn.Linear(20, 10),
    ).double()  # fmt: skip
    x = tg.randn(2, 1, 16, 16, dtype="float64")
    target = tg.tensor([3, 7])
    return watched(lambda: F.cross_entropy(model(x), target))[1]


@pytest.fixture(scope="module")
def residual():
    """Every tensor inside a residual block in training mode, down to the loss, in float64."""
    tg.manual_seed(1)
    conv1, conv2 = nn.Conv2d(2, 2, 3, padding=1).double(), nn.Conv2d(2, 2, 3, padding=1).double()
    norm1, norm2 = nn.BatchNorm2d(2).double(), nn.BatchNorm2d(2).double()
    head = nn.Linear(2, 3).double()
    x = tg.randn(2, 2, 4, 4, dtype="float64", requires_grad=True)

    def run():
        y = F.relu(norm1(conv1(x)))
        y = F.relu(norm2(conv2(y)) + x)
        return F.cross_entropy(head(y.mean((2, 3))), tg.tensor([0, 2]))

    return watched(run)[1]


@pytest.mark.parametrize("net", ["lenet", "residual"])
@pytest.mark.parametrize("depth", [1, 2, None])
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_any_element_inside_a_network_agrees(net, depth, data, request):
    tensors = request.getfixturevalue(net)
    y = data.draw(st.sampled_from(tensors[:8] if depth is None else tensors))
    index = element(data, y.shape)
    dived = viz.dive(y, index, depth=depth, max_nodes=ENOUGH, gradients=True)
    largest = max(abs(v.data) for v in ancestors([dived]))
    assert abs(dived.data - y[index].item()) <= 1e-12 * max(1.0, largest)


@pytest.mark.parametrize("net", ["lenet", "residual"])
def test_every_op_of_a_network_is_taken_apart(net, request):
    for y in request.getfixturevalue(net):
        viz.dive(y, (0,) * y.ndim, max_nodes=ENOUGH, gradients=True)


def lenet5(output):
    """The published LeNet-5 on a digit, down to its loss."""
    tg.manual_seed(0)
    model = models.lenet5(output=output).double()
    image = tg.randn(1, 1, 32, 32, dtype="float64")
    return watched(lambda: F.cross_entropy(model(image), tg.tensor([3])))[1]


def block(kind, training):
    """A block of a published residual network, whose shortcut changes the shape."""
    tg.manual_seed(0)
    network = kind().double().train(training)
    x = tg.randn(2, 64, 4, 4, dtype="float64", requires_grad=True)
    return watched(lambda: network.layer2[0](x).sum())[1]


NETWORKS = {
    "LeNet-5, softmax": lambda: lenet5("softmax"),
    "LeNet-5, RBF": lambda: lenet5("rbf"),
    "block in training": lambda: block(models.resnet18, True),
    "block in evaluation": lambda: block(models.resnet18, False),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_random_elements_of_every_op_of_published_networks_agree(name):
    """In value and in the gradient for every tensor that was given, to 1e-12 of the largest."""
    chosen = random.Random(name)
    for y in NETWORKS[name]():
        index = tuple([chosen.randrange(n) for n in y.shape])
        dived = viz.dive(y, index, max_nodes=ENOUGH, gradients=True)
        largest = max(abs(v.data) for v in ancestors([dived]))
        assert abs(dived.data - y[index].item()) <= 1e-12 * max(1.0, largest), y.node.gate.name


# --- a pixel of a convolution ---------------------------------------------------------------------


@pytest.fixture
def pixel():
    """x, w, b, their convolution, and its pixel (0, 3, 5, 4) as scalars."""
    tg.manual_seed(2)
    x = tg.randn(1, 2, 9, 9, dtype="float64")
    w = tg.randn(4, 2, 5, 5, dtype="float64", requires_grad=True)
    b = tg.randn(4, dtype="float64", requires_grad=True)
    with viz.keep():
        y = F.conv2d(x, w, b, padding=1)
    return x, w, b, y, viz.dive(y, (0, 3, 5, 4))


def test_a_pixel_is_its_products_and_a_bias(pixel):
    x, w, b, _, z = pixel
    nodes = ancestors([z])
    names = [v.gate.name for v in nodes if v.gate is not None]
    assert names.count("mul") == 50
    assert names.count("add") == 50
    assert z.label == "conv[0,3,5,4]"
    found = leaves(z)
    tensors = {"x": x, "w": w, "b": b}
    assert "b[3]" in found
    assert sum(label.startswith("x[") for label in found) == 50
    for label, v in found.items():
        assert v.data == tensors[label[0]][place(label)].item()


def test_gradients_of_the_leaves_are_those_of_autograd(pixel):
    _, w, b, y, z = pixel
    z.backward()
    grads = dict(zip("wb", tg.autograd.grad(y[0, 3, 5, 4], [w, b]), strict=True))
    for label, v in leaves(z).items():
        if label[0] in grads:
            assert abs(v.grad - grads[label[0]][place(label)].item()) <= 1e-12


def test_products_lie_in_the_order_of_the_window(pixel):
    *_, z = pixel
    products = [v for v in reversed(ancestors([z])) if v.gate and v.gate.name == "mul"]
    weights = [place(v.a.label) for v in products]
    assert weights == sorted(weights)


def test_a_border_shows_as_zeros(pixel):
    *_, y, _ = pixel
    z = viz.dive(y, (0, 3, 0, 0))
    zeros = [v for v in ancestors([z]) if v.label == "" and v.data == 0.0]
    assert len(zeros) == 2 * 9


def test_it_can_be_drawn(pixel):
    *_, z = pixel
    z.backward()
    text = viz.draw(z).text
    assert "w[3,1,2,2]" in text
    assert "conv[0,3,5,4]" in text


# --- what it shows --------------------------------------------------------------------------------


def test_depth_counts_gates_that_compute():
    x = tg.tensor([[1.0, -2.0], [3.0, 4.0]], requires_grad=True)
    with viz.keep():
        y = F.relu(tg.tanh(x).t().flatten()[1:]) * 2.0
    assert set(leaves(viz.dive(y, 1))) == {"relu[1]"}
    assert set(leaves(viz.dive(y, 1, depth=2))) == {"tanh[0,1]"}
    assert set(leaves(viz.dive(y, 1, depth=3))) == {"x[0,1]"}
    assert set(leaves(viz.dive(y, 1, depth=None))) == {"x[0,1]"}


def test_an_element_is_one_value_however_often_it_is_used():
    x = tg.tensor([2.0, 3.0], dtype="float64", requires_grad=True)
    with viz.keep():
        y = tg.tanh(x) * tg.tanh(x).sum()
    z = viz.dive(y, 0, depth=None, gradients=True)
    z.backward()
    grad = tg.autograd.grad(y[0], x)[0].numpy()
    found = leaves(z)
    assert [found["x[0]"].grad, found["x[1]"].grad] == pytest.approx(grad.tolist(), rel=1e-12)


def test_the_largest_of_a_window_is_routed_and_the_first_of_equals_wins():
    x = tg.tensor([[[[1.0, 5.0], [5.0, 2.0]]]], requires_grad=True)
    with viz.keep():
        y = F.max_pool2d(x, 2)
    z = viz.dive(y, (0, 0, 0, 0), gradients=True)
    z.backward()
    grads = {label: v.grad for label, v in leaves(z).items()}
    assert grads["x[0,0,0,1]"] == 1
    assert not grads.get("x[0,0,1,0]", 0)


def test_names_are_given_or_numbered():
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
    with viz.keep():
        y = model(tg.ones(1, 1))
    named = viz.dive(y, (0, 0), depth=None, names=dict(model.named_parameters()))
    assert {"0.weight[0,0]", "1.bias[0]"} <= set(leaves(named))
    labels = set(leaves(viz.dive(y, (0, 0), depth=None)))
    assert len(labels) == 5


def test_retained_gradients_stay_as_they_were():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with viz.keep():
        h = tg.exp(x)
        y = (h * h).sum()
    y.backward(retain_graph=True)
    before = h.grad.numpy().copy()
    viz.dive(h, 1, gradients=True)
    viz.dive(y, gradients=True)
    np.testing.assert_array_equal(h.grad.numpy(), before)
    assert x.grad.numpy() == pytest.approx(2 * np.exp([2.0, 4.0]), rel=1e-6)


# --- what it refuses ------------------------------------------------------------------------------


def test_what_it_refuses():
    x = tg.ones(3, requires_grad=True)
    bare = x * 2.0
    with viz.keep():
        y = (x * 2.0).sum()
    with pytest.raises(ValueError, match=r"were not kept: compute it under `with viz.keep\(\):`"):
        viz.dive(bare, 0)
    with pytest.raises(ValueError, match="on no graph"):
        viz.dive(tg.ones(3), 0)
    with pytest.raises(ValueError, match="more than max_nodes=4 Values"):
        viz.dive(y, depth=None, max_nodes=4)
    with pytest.raises(ValueError, match="depth is at least 1"):
        viz.dive(y, depth=0)
    with pytest.raises(TypeError, match="takes a Tensor, got float"):
        viz.dive(1.0)
    for index in [(0,), 0, "a"]:
        with pytest.raises(IndexError, match=r"of shape \(\) is named by 0 whole numbers"):
            viz.dive(y, index)
    with pytest.raises(IndexError, match=r"named by 1 whole numbers within it, got 3"):
        viz.dive(bare, 3)


def test_max_nodes_is_the_number_of_values():
    x = tg.ones(3, requires_grad=True)
    with viz.keep():
        y = (tg.exp(x) * x).sum()
    count = len(ancestors([viz.dive(y, depth=None)]))
    viz.dive(y, depth=None, max_nodes=count)
    with pytest.raises(ValueError, match="max_nodes"):
        viz.dive(y, depth=None, max_nodes=count - 1)


class Whitened(tg.autograd.Function):
    """Two outputs, of which each element depends on a row; what backward says is not quite true."""

    @staticmethod
    def forward(ctx, x, scale, name):
        ctx.save_for_backward(x)
        ctx.scale = scale
        return (x - x.mean(1, keepdim=True)) * scale, x.relu()

    @staticmethod
    def backward(ctx, g, h):
        (x,) = ctx.saved_tensors
        return (g - g.mean(1, keepdim=True)) * ctx.scale + h * (x > -1).double(), None, None


def test_a_function_of_a_user_is_one_gate():
    tg.manual_seed(0)
    x = tg.randn(3, 4, dtype=tg.float64, requires_grad=True)
    with viz.keep():
        y, z = Whitened.apply(x * 2.0, 3.0, "rows")
        out = (y * z).exp()
    for index in ((0, 1), (2, 3)):
        scalar = viz.dive(out, index, depth=None, names={"x": x}, gradients=True)
        assert scalar.data == pytest.approx(out[index].item(), rel=1e-12)
        gates = [v for v in tg.graph.ancestors([scalar]) if v.gate]
        assert [v.gate.name for v in gates].count("Whitened") == 2
        (first,) = [v for v in gates if v.gate.name == "Whitened" and len(v.parents) == 4]
        scalar.backward()
        assert first.parents[0].grad != 0
        assert "Whitened" in viz.draw_text(scalar)
    assert viz.dive(out, (0, 0), depth=1).data == pytest.approx(out[0, 0].item())
    with pytest.raises(RuntimeError, match="of which only first derivatives"):
        scalar.backward(create_graph=True)


def test_slopes_that_are_all_zero_and_graphs_that_are_freed():
    x = tg.full((1, 2), -3.0, dtype=tg.float64, requires_grad=True)
    with viz.keep():
        _, z = Whitened.apply(x, 1.0, "rows")
        out = z + 1.0
    scalar = viz.dive(out, (0, 0), depth=None, gradients=True)
    assert scalar.data == 1
    out.sum().backward()
    with pytest.raises(ValueError, match="Whitened is a Function, whose graph backward"):
        viz.dive(out, (0, 0), depth=None)
