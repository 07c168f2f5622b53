"""What `export` writes: the operators, their names, the open batch; and what it refuses."""

import copy
import re
import sys

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn import functional as F

F4 = (2, 4, 9, 8)


class Calls(nn.Module):
    """A network that is one function."""

    def __init__(self, f):
        self.f = f

    def forward(self, *xs):
        return self.f(*xs)


def fit(layer):
    """The layer, with weights and statistics that are not its first ones."""
    rng = np.random.default_rng(3)
    for t in (*layer.parameters(), *layer.buffers()):
        if t.dtype.kind == "f":
            t.detach().copy_(tg.tensor(rng.uniform(0.2, 1.2, t.shape).astype("float32")))
    return layer


LAYERS = [
    (nn.Conv1d(4, 6, 3, padding="same", groups=2), (2, 4, 9)),
    (nn.Conv2d(4, 6, (3, 2), 2, (1, 0), dilation=2, bias=False), F4),
    (nn.Conv2d(4, 4, 3, padding="same", padding_mode="reflect"), F4),
    (nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"), F4),
    (nn.Conv3d(2, 3, 2), (1, 2, 4, 5, 3)),
    (nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2), F4),
    (nn.Linear(8, 3), (2, 8)),
    (nn.Linear(8, 3, bias=False), (2, 8)),
    (nn.Linear(8, 3), (2, 5, 8)),
    (nn.BatchNorm1d(8), (2, 8)),
    (nn.BatchNorm2d(4), F4),
    (nn.BatchNorm2d(4, affine=False), F4),
    (nn.BatchNorm2d(4, track_running_stats=False), F4),
    (nn.InstanceNorm2d(4), F4),
    (nn.GroupNorm(2, 4), F4),
    (nn.LayerNorm((9, 8)), F4),
    (nn.RMSNorm(8), F4),
    (nn.LocalResponseNorm(3, 0.5, 0.6, 2.0), F4),
    (nn.LocalResponseNorm(2, 0.5), F4),
    (nn.LocalResponseNorm(7, 0.5), (2, 4, 9)),
    (nn.MaxPool2d(3, 2, 1), F4),
    (nn.MaxPool2d(2, 3, ceil_mode=True), F4),
    (nn.MaxPool2d(2, 1, dilation=2), F4),
    (nn.AvgPool2d(2), F4),
    (nn.AvgPool2d(3, 2, 1, count_include_pad=False), F4),
    (nn.AvgPool2d(3, 2, 1, ceil_mode=True), F4),
    (nn.AvgPool2d(2, divisor_override=3), F4),
    (nn.AdaptiveAvgPool2d(1), F4),
    (nn.AdaptiveAvgPool2d((3, 4)), F4),
    (nn.AdaptiveAvgPool2d((5, 3)), F4),
    (nn.AdaptiveAvgPool3d(1), (2, 3, 4, 2, 6)),
    (nn.AdaptiveMaxPool2d((3, 2)), F4),
    (nn.AdaptiveMaxPool2d((2, 3)), F4),
    (nn.LPPool2d(2, 2), F4),
    (nn.Upsample(scale_factor=2, mode="nearest"), F4),
    (nn.Upsample(size=(5, 20), mode="bilinear"), F4),
    (nn.PixelShuffle(2), F4),
    (nn.ZeroPad2d((1, 2, 0, 3)), F4),
    (nn.ReflectionPad2d(2), F4),
    (nn.Dropout(0.5), F4),
    (nn.Flatten(), F4),
    (nn.Flatten(2), F4),
    (nn.PReLU(4), F4),
    (nn.ReLU6(), F4),
    (nn.GELU(), F4),
    (nn.SELU(), F4),
    (nn.CELU(0.5), F4),
    (nn.Softmax(1), F4),
    (nn.Softmax2d(), F4),
    (nn.LogSoftmax(-1), F4),
    (nn.GLU(1), F4),
    (nn.Hardshrink(), F4),
    (Calls(lambda x: F.maxout(x, 2)), F4),
    (Calls(lambda x: F.pad(x, (-1, 2))), F4),
    (Calls(lambda x: x.reshape(-1, 8) @ tg.ones(8, 2)), F4),
    (Calls(lambda x: x + tg.arange(8, device=x.device)), F4),
    (Calls(lambda x: tg.cat([x, tg.zeros_like(x), x.expand(2, *x.shape)[0]], 1)), F4),
    (Calls(lambda x: x.transpose(0, 1).reshape(4, -1).mean(1, keepdim=True).expand(4, 3)), F4),
    (Calls(lambda x: x[:, 1:, ..., -1] * x[:, [2, 0, 0], 3, 2].unsqueeze(-1)), F4),
    (Calls(lambda x: tg.einsum("nchw,nchv->nwv", x, x)), F4),
    (Calls(lambda x: tg.where(x > 0, x.argmax(1, keepdim=True).float(), x.amin((2, 3), True))), F4),
    (Calls(lambda x: (x.std((1, 2)) - x.logsumexp(1).sum(1)).norm(dim=1)), F4),
]


@pytest.mark.parametrize(
    ("layer", "shape"),
    LAYERS,
    ids=[re.sub(r"\W+", "_", repr(layer))[:60] for layer, _ in LAYERS],
)
def test_layers(layer, shape, agrees):
    agrees(fit(copy.deepcopy(layer)), shape)


@pytest.mark.parametrize("opset", [17, 18, 21, 23])
def test_opsets(opset, agrees, onnx):
    model = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.LayerNorm(6), nn.Softmax(1))
    path = agrees(fit(model), F4, opset_version=opset)
    assert onnx.load(path).opset_import[0].version == opset


# --- what is in the file --------------------------------------------------------------------------


def operators(model):
    return [node.op_type for node in model.graph.node]


def test_one_node_for_each_layer(agrees, onnx):
    model = nn.Sequential(
        nn.Conv2d(4, 6, 3, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.LocalResponseNorm(3),
        nn.AvgPool2d(3, 1, 1),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 3),
        nn.LogSoftmax(1),
    )
    found = onnx.load(agrees(fit(model), F4))
    assert operators(found) == [
        *("Conv", "BatchNormalization", "Relu", "LRN", "AveragePool", "MaxPool"),
        *("GlobalAveragePool", "Flatten", "Gemm", "LogSoftmax"),
    ]
    assert [node.name for node in found.graph.node][:3] == [
        *("0/Conv", "1/BatchNormalization", "2/Relu")
    ]
    assert {t.name for t in found.graph.initializer} == {
        *("0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var"),
        *("8.weight", "8.bias"),
    }


def sizes(entries):
    return {
        entry.name: [d.dim_param or d.dim_value for d in entry.type.tensor_type.shape.dim]
        for entry in entries
    }


def test_names_and_axes(onnx, tmp_path):
    path = tmp_path / "model.onnx"
    both = Calls(lambda a, b: (a @ b, {"sum": a.sum(0), "flat": b.reshape(-1)}))
    args = (tg.zeros(3, 2, 4), tg.zeros(3, 4, 5))
    tg.onnx.export(both, args, path)
    graph = onnx.load(path).graph
    assert sizes(graph.input) == {"input_0": ["batch", 2, 4], "input_1": ["batch", 4, 5]}
    assert sizes(graph.output) == {
        "output_0": ["batch", 2, 5],
        "output_1": [2, 4],
        "output_2": ["20*batch"],
    }
    names = {"input_names": ["a", "b"], "output_names": ["x", "y", "z"]}
    tg.onnx.export(both, args, path, **names, dynamic_axes={"a": {0: "n"}, "b": [0], "x": {0: "n"}})
    graph = onnx.load(path).graph
    assert sizes(graph.input) == {"a": ["n", 2, 4], "b": ["batch", 4, 5]}
    assert list(sizes(graph.output)) == ["x", "y", "z"]
    tg.onnx.export(both, args, path, dynamic_axes={})
    assert sizes(onnx.load(path).graph.input) == {"input_0": [3, 2, 4], "input_1": [3, 4, 5]}


def test_outputs_that_no_gate_made(runtime, tmp_path):
    model = Calls(lambda x: (x, x * 2, tg.ones(2), x * 2))
    tg.onnx.export(model, tg.zeros(3), tmp_path / "model.onnx")
    x = np.float32([1, 2, 3])
    found = runtime(tmp_path / "model.onnx", x)
    for got, want in zip(found, (x, 2 * x, [1, 1], 2 * x), strict=True):
        np.testing.assert_array_equal(got, want)


def test_whole_numbers_come_in(runtime, tmp_path):
    class Rows(nn.Module):
        def __init__(self):
            self.table = nn.Parameter(tg.randn(7, 3))

        def forward(self, x):
            return self.table[x + 0]

    model = Rows()
    tg.onnx.export(model, tg.zeros(2, 4, dtype=tg.int64), tmp_path / "model.onnx")
    x = np.arange(12).reshape(3, 4) % 7
    (found,) = runtime(tmp_path / "model.onnx", x)
    np.testing.assert_allclose(found, model(tg.tensor(x)).detach().numpy(), rtol=1e-5, atol=1e-6)


def test_additions_in_place_are_those_of_training(agrees):
    def grown(x):
        x += 1.0
        x *= x
        return x

    agrees(Calls(grown), F4)


def test_shared_weights_are_written_once(agrees, onnx):
    layer = nn.Linear(8, 8)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    names = [t.name for t in onnx.load(agrees(model, (2, 8))).graph.initializer]
    assert sorted(names) == ["0.bias", "0.weight"]


# --- the model is left as it was ------------------------------------------------------------------


def picture(model):
    """All that can be seen of a model."""
    return [
        (path, {name: id(value) for name, value in vars(module).items()}, module.training)
        for path, module in model.named_modules()
    ], [(id(t), id(t.raw), t.requires_grad) for t in (*model.parameters(), *model.buffers())]


def test_the_model_is_left_as_it_was(onnx, tmp_path):
    model = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.ReLU())
    model[0].requires_grad_(False)
    model[3].eval()
    seen = []
    model[1].register_forward_hook(lambda *_: seen.append(1))
    before = picture(model)
    hooks = dict(model[1]._hooks.behind)
    tg.onnx.export(model, tg.zeros(*F4), tmp_path / "model.onnx")
    assert picture(model) == before
    assert model[1]._hooks.behind == hooks
    assert not model[1]._hooks.before
    with pytest.raises(RuntimeError, match=r"0 \(Conv2d\) cannot be traced: conv2d: "):
        tg.onnx.export(model, tg.zeros(2, 3, 9, 9), tmp_path / "model.onnx")
    assert picture(model) == before
    assert model(tg.ones(*F4)).requires_grad


def test_under_reference_kernels(agrees):
    with tg.kernels.use("reference"):
        agrees(nn.Sequential(nn.Conv2d(4, 2, 3), nn.ReLU()), F4)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda x: x if x.sum() > 0 else -x, "leave branches on numbers"),
        (lambda x: x * float(x.max()), "leave branches on numbers"),
        (lambda x: x / x.shape[0], "depends on the batch size"),
        (lambda x: x[: len(x) // 2], "depends on the batch size"),
        (lambda x: x.sum(0) * len(x), "depends on the batch size"),
        (lambda x: x + 1 if len(x) < 10 else x - 1, "other gates for another batch size"),
        (lambda x: F.dropout(x, 0.5, True), "random numbers|no translation"),
        (lambda x: x.numpy(), "cannot be traced"),
        (lambda x: 3, "returns Tensors"),
    ],
)
def test_networks_that_no_file_can_express(f, said, onnx, tmp_path):
    with pytest.raises((RuntimeError, TypeError), match=said):
        tg.onnx.export(Calls(f), tg.ones(4, 3), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "said", "args", "settings"),
    [
        (TypeError, "args is a Tensor", (3,), {}),
        (ValueError, "opset_version is 17 to", tg.ones(2, 3), {"opset_version": 9}),
        (ValueError, "1 different names", tg.ones(2, 3), {"input_names": ["a", "b"]}),
        (ValueError, "1 different names", tg.ones(2, 3), {"output_names": []}),
        (ValueError, "only the first", tg.ones(2, 3), {"dynamic_axes": {"input": {1: "w"}}}),
        (ValueError, "names weights", tg.ones(2, 3), {"input_names": ["weight"]}),
    ],
)
def test_arguments_that_do_not_fit(error, said, args, settings, onnx, tmp_path):
    with pytest.raises(error, match=said):
        tg.onnx.export(nn.Linear(3, 2), args, tmp_path / "model.onnx", **settings)
    assert not list(tmp_path.iterdir())


def test_other_refusals(onnx, tmp_path):
    with pytest.raises(TypeError, match="takes a Module, got function"):
        tg.onnx.export(tg.relu, tg.ones(2), tmp_path / "model.onnx")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        tg.onnx.export(nn.ReLU(), tg.ones(2), tmp_path / "nowhere" / "model.onnx")
    with tg.device("meta"):
        blank = nn.Linear(3, 2)
    with pytest.raises(RuntimeError, match="weight has no numbers"):
        tg.onnx.export(blank, tg.ones(2, 3), tmp_path / "model.onnx")


def test_without_the_package(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    for call in (
        lambda: tg.onnx.export(nn.ReLU(), tg.ones(2), tmp_path / "model.onnx"),
        lambda: tg.onnx.load(tmp_path / "model.onnx"),
    ):
        with pytest.raises(RuntimeError, match=r"pip install 'tinygrad_cnn\[onnx\]'"):
            call()
