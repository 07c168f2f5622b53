"""What `load` makes of ONNX files: of other programs, of older versions, and of damaged ones."""

import copy

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.nn import functional as F


@pytest.fixture
def file(onnx, tmp_path):
    """A function: writes a file of nodes, each (operator, inputs, attributes), the last one's
    output being the graph's. Inputs are names: "x", an earlier operator's, or one of `weights`."""
    path = tmp_path / "made.onnx"

    def write(nodes, weights=None, opset=17):
        helper = onnx.helper
        made = [
            helper.make_node(op, inputs, [f"{op}_{i}"], **attributes)
            for i, (op, inputs, attributes) in enumerate(nodes)
        ]
        arrays = (weights or {}).items()
        graph = helper.make_graph(
            made,
            "graph",
            [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 2, 7, 6))],
            [onnx.ValueInfoProto(name=made[-1].output[0])],
            [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in arrays],
        )
        version = helper.make_opsetid("", opset)
        model = helper.make_model(graph, opset_imports=[version], ir_version=8)
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
        if not model.graph.output[0].type.tensor_type.HasField("shape"):
            unknown = helper.make_tensor_value_info(made[-1].output[0], 1, ["n", "k"])
            model.graph.output[0].CopyFrom(unknown)
        path.write_bytes(model.SerializeToString())
        return path

    return write


def ints(*numbers):
    return np.array(numbers, np.int64)


POOL = {"kernel_shape": [3, 3]}
GRAPHS = [
    ([("Conv", ["x", "w"], {"pads": [0, 1, 2, 1]})], 17),
    ([("Conv", ["x", "w"], {"auto_pad": "SAME_UPPER", "strides": [2, 2]})], 17),
    ([("Conv", ["x", "w"], {"auto_pad": "SAME_LOWER", "strides": [2, 3]})], 17),
    ([("Conv", ["x", "w"], {"auto_pad": "VALID"})], 17),
    ([("MaxPool", ["x"], {**POOL, "pads": [2, 0, 1, 2]})], 17),
    ([("MaxPool", ["x"], {**POOL, "auto_pad": "SAME_LOWER", "strides": [2, 2]})], 17),
    ([("MaxPool", ["x"], {**POOL, "ceil_mode": 1, "strides": [3, 3]})], 17),
    ([("AveragePool", ["x"], {**POOL, "pads": [1, 1, 1, 1]})], 17),
    ([("AveragePool", ["x"], {**POOL, "pads": [2, 0, 1, 2]})], 17),
    ([("AveragePool", ["x"], {**POOL, "pads": [2, 0, 1, 2], "count_include_pad": 1})], 17),
    ([("AveragePool", ["x"], {**POOL, "auto_pad": "SAME_UPPER"})], 17),
    ([("GlobalMaxPool", ["x"], {}), ("Flatten", ["GlobalMaxPool_0"], {"axis": 3})], 17),
    ([("LRN", ["x"], {"size": 3, "alpha": 0.5}), ("Identity", ["LRN_0"], {})], 17),
    ([("Softmax", ["x"], {})], 11),
    ([("LogSoftmax", ["x"], {"axis": 2})], 9),
    ([("Softmax", ["x"], {})], 13),
    ([("Clip", ["x"], {"min": -0.5, "max": 0.25})], 9),
    ([("Clip", ["x", "", "half"], {})], 13),
    ([("Unsqueeze", ["x"], {"axes": [0, 3]}), ("Squeeze", ["Unsqueeze_0"], {"axes": [3]})], 11),
    ([("Unsqueeze", ["x", "axes"], {}), ("Squeeze", ["Unsqueeze_0", "axes"], {})], 13),
    ([("ReduceMean", ["x"], {"axes": [2, -1], "keepdims": 0})], 13),
    ([("ReduceMean", ["x"], {})], 18),
    ([("ReduceMax", ["x", "axes"], {})], 18),
    ([("Pad", ["x"], {"pads": [0, 0, 1, 0, 0, 0, 2, 3], "value": 0.5})], 9),
    ([("Pad", ["x", "pads", "half"], {})], 13),
    ([("Pad", ["x", "pads"], {"mode": "reflect"})], 13),
    ([("Slice", ["x"], {"starts": [1, -3], "ends": [99, -1], "axes": [2, 3]})], 9),
    ([("Slice", ["x", "last", "first", "two", "back"], {})], 13),
    ([("Dropout", ["x"], {"ratio": 0.3})], 11),
    ([("Transpose", ["x"], {}), ("Gather", ["Transpose_0", "two"], {"axis": 1})], 17),
    ([("Reshape", ["x", "sizes"], {})], 13),
    ([("Gemm", ["m", "n", "half"], {"alpha": 0.5, "beta": 2.0, "transA": 1})], 13),
    ([("Sum", ["x", "x", "half"], {}), ("Div", ["Sum_0", "half"], {})], 13),
    ([("PRelu", ["x", "half"], {}), ("Pow", ["PRelu_0", "squared"], {})], 13),
    ([("HardSigmoid", ["x"], {}), ("Sqrt", ["HardSigmoid_0"], {})], 13),
    (
        [  # how exporters flatten: the batch's size, read from the shape
            ("Shape", ["x"], {}),
            ("Gather", ["Shape_0", "zero"], {}),
            ("Unsqueeze", ["Gather_1"], {"axes": [0]}),
            ("Concat", ["Unsqueeze_2", "rest"], {"axis": 0}),
            ("Reshape", ["x", "Concat_3"], {}),
        ],
        11,
    ),
    (
        [
            ("Shape", ["x"], {}),
            ("Slice", ["Shape_0", "two", "four", "zeros"], {}),
            ("Div", ["Slice_1", "two"], {}),
            (
                "Cast",
                [
                    "Div_2",
                ],
                {"to": 1},
            ),
        ],
        13,
    ),
]
RNG = np.random.default_rng(5)
WEIGHTS = {
    "w": RNG.standard_normal((4, 2, 3, 3), "float32"),
    "m": RNG.standard_normal((3, 5), "float32"),
    "n": RNG.standard_normal((3, 2), "float32"),
    "half": np.float32(0.5),
    "squared": np.float32(2),
    "axes": ints(1),
    "pads": ints(0, 0, 1, 0, 0, 0, 2, 3),
    "sizes": ints(0, -1, 6),
    "rest": ints(-1),
    "zero": np.int64(0),
    "zeros": ints(0),
    "two": ints(2),
    "four": ints(4),
    "first": ints(np.iinfo(np.int64).min),
    "last": ints(-1),
    "back": ints(-2),
}


@pytest.mark.parametrize(("nodes", "opset"), GRAPHS, ids=lambda p: p if type(p) is int else p[0][0])
def test_as_onnx_runtime_computes_it(nodes, opset, file, runtime):
    used = {name for _, inputs, _ in nodes for name in inputs}
    weights = {name: array for name, array in WEIGHTS.items() if name in used}
    path = file(nodes, weights=weights, opset=opset)
    x = np.random.default_rng(0).standard_normal((1, 2, 7, 6), "float32")
    (want,) = runtime(path, x)
    found = tg.onnx.load(path).eval()(tg.tensor(x)).detach().numpy()
    assert (found.shape, found.dtype) == (want.shape, want.dtype)
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)


def test_norm_over_an_even_number_of_channels(file):
    """ONNX Runtime refuses it; the operator's text has the larger half behind."""
    path = file([("LRN", ["x"], {"size": 2, "alpha": 0.5})])
    x = np.random.default_rng(0).standard_normal((1, 2, 7, 6))
    squares = np.stack([x[:, 0] ** 2 + x[:, 1] ** 2, x[:, 1] ** 2], 1)
    want = x / (1 + 0.5 / 2 * squares) ** 0.75
    np.testing.assert_allclose(tg.onnx.load(path)(tg.tensor(x)).numpy(), want, rtol=1e-12)


# --- files of PyTorch -----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("opset", [9, 11, 13, 17])
def test_files_that_pytorch_wrote(opset, torch, onnx, tmp_path):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = torch.nn.Conv2d(3, 4, 3, padding=1)
            self.prelu = torch.nn.PReLU(4)
            self.conv2 = torch.nn.Conv2d(4, 4, 3, groups=2)
            self.pool = torch.nn.MaxPool2d(3, 2, 1, ceil_mode=True)
            self.fc = torch.nn.Linear(48, 5)

        def forward(self, x):
            x = self.pool(self.prelu(self.conv1(x)))
            y = torch.nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
            x = torch.cat([x[:, 1:], torch.sigmoid(y)[:, :1]], 1)
            x = torch.nn.functional.pad(self.conv2(x), (1, 0)).clamp(-0.5, 2.0)
            x = torch.nn.functional.dropout(x.view(x.size(0), -1), 0.5, self.training)
            return torch.nn.functional.log_softmax(self.fc(x).squeeze(), dim=1)

    net = Net().eval()
    path = tmp_path / "torch.onnx"
    settings = {"input_names": ["x"], "dynamic_axes": {"x": {0: "n"}}, "opset_version": opset}
    torch.onnx.export(net, (torch.randn(2, 3, 8, 8),), path, dynamo=False, **settings)
    loaded = tg.onnx.load(path).eval()
    assert {name for name, _ in loaded.named_parameters()} >= {"conv1.weight", "fc.bias"}
    for n in (2, 5):
        x = torch.randn(n, 3, 8, 8)
        found = loaded(tg.tensor(x.numpy())).detach().numpy()
        assert abs(found - net(x).detach().numpy()).max() < 1e-5


@pytest.mark.filterwarnings("ignore")
def test_a_network_of_torchvision(torch, onnx, tmp_path):
    vision = pytest.importorskip("torchvision", reason="torchvision is an extra oracle")
    net = vision.models.resnet18(num_classes=7).eval()
    x = torch.randn(2, 3, 64, 64)
    torch.onnx.export(net, (x,), tmp_path / "torch.onnx", dynamo=False)
    found = tg.onnx.load(tmp_path / "torch.onnx").eval()(tg.tensor(x.numpy())).detach().numpy()
    want = net(x).detach().numpy()
    assert abs(found - want).max() <= 1e-5 * abs(want).max()


# --- a loaded network is a Module like any other --------------------------------------------------


def test_it_trains_as_the_network_it_came_from(onnx, tmp_path):
    tg.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)
    ).double()
    path = tmp_path / "model.onnx"
    tg.onnx.export(model, tg.zeros(1, 2, 6, 6, dtype=tg.float64), path)
    loaded = tg.onnx.load(path)
    assert loaded.state_dict().keys() == model.state_dict().keys() - {"1.num_batches_tracked"}
    x = tg.randn(5, 2, 6, 6, dtype=tg.float64)
    for net in (model, loaded):
        net.train()
        loss = F.cross_entropy(net(x), tg.tensor([0, 1, 2, 0, 1]))
        loss.backward()
    mine, theirs = dict(loaded.named_parameters()), dict(model.named_parameters())
    assert mine.keys() == theirs.keys()
    for name, p in mine.items():
        assert abs(p.grad.numpy() - theirs[name].grad.numpy()).max() < 1e-7  # epsilon is a float32
    for name, t in loaded.named_buffers():
        assert abs(t.numpy() - model.state_dict()[name].numpy()).max() < 1e-7
    again = copy.deepcopy(loaded)
    again.load_state_dict(loaded.state_dict())
    assert abs(again.eval()(x) - loaded.eval()(x)).max().item() == 0
    assert repr(loaded) == "Imported(inputs=['input'], outputs=['output'], nodes=5)"


def test_dropout_drops_in_training_alone(file):
    loaded = tg.onnx.load(file([("Dropout", ["x"], {})]))
    x = tg.ones(1, 2, 7, 6)
    assert (loaded.eval()(x) == 1).all()
    assert (loaded.train()(x) == 0).any()


def test_inputs_that_do_not_fit(file):
    loaded = tg.onnx.load(file([("Conv", ["x", "w"], {})], weights={"w": WEIGHTS["w"]}))
    with pytest.raises(TypeError, match=r"takes \['x'\], got 2 inputs"):
        loaded(tg.ones(1), tg.ones(1))
    with pytest.raises(RuntimeError, match="node Conv of Conv_0: conv2d: "):
        loaded(tg.ones(1, 3, 7, 7))


def test_several_outputs_are_a_tuple(onnx, tmp_path):
    class Both(nn.Module):
        def forward(self, x):
            return x + 1, x * 2

    tg.onnx.export(Both(), tg.zeros(2, 3), tmp_path / "model.onnx")
    more, double = tg.onnx.load(tmp_path / "model.onnx")(tg.ones(4, 3))
    assert (more == 2).all() and (double == 2).all()


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "settings", "said"),
    [
        ([("NonZero", ["x"], {}), ("Tan", ["x"], {})], {}, "not known here: NonZero;"),
        ([("Relu", ["y"], {})], {}, "y"),
        ([("Relu", ["x", "x"], {})], {}, "Relu"),
        ([("LRN", ["x"], {"size": 3, "colour": 1})], {}, "colour"),
        ([("Relu", ["x"], {})], {"opset": 5}, "opset 5"),
        ([("Add", ["x", "forward"], {})], {"weights": {"forward": WEIGHTS["m"]}}, "'forward'"),
        ([("Add", ["x", "nodes"], {})], {"weights": {"nodes": WEIGHTS["m"]}}, "'nodes'"),
    ],
)
def test_graphs_that_are_refused(nodes, settings, said, file):
    path = file(nodes, **settings)
    with pytest.raises(ValueError, match=rf"(?s)cannot load .*{said}.*expected an intact ONNX"):
        tg.onnx.load(path)


def test_operators_of_others_are_refused(file, onnx):
    path = file([("Relu", ["x"], {})])
    model = onnx.load(path)
    model.graph.node[0].domain = "com.example"
    model.opset_import.append(onnx.helper.make_opsetid("com.example", 1))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match=r"not known here: Relu; expected"):
        tg.onnx.load(path)


def test_files_that_are_none(onnx, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        tg.onnx.load(tmp_path / "nothing.onnx")
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        tg.onnx.load(tmp_path)
    for content in (b"", b"hello", b"\x80\x04K\x01.", b"PK\x03\x04" + bytes(40), bytes(100)):
        (tmp_path / "bad.onnx").write_bytes(content)
        with pytest.raises(ValueError, match="expected an intact ONNX file"):
            tg.onnx.load(tmp_path / "bad.onnx")


def test_damaged_files_are_refused_or_still_networks(onnx, tmp_path):
    """Whatever byte is changed or cut off: a Module, or one sentence."""
    path = tmp_path / "model.onnx"
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    tg.onnx.export(model, tg.zeros(1, 1, 4, 4), path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for trial in range(150):
        damaged = bytearray(whole)
        if trial % 3:
            for place in rng.integers(0, len(whole), 3):
                damaged[place] = rng.integers(256)
        else:
            del damaged[rng.integers(len(whole)) :]
        path.write_bytes(bytes(damaged))
        try:
            assert isinstance(tg.onnx.load(path), nn.Module)
        except ValueError as error:
            refused += 1
            assert "expected an intact ONNX file" in str(error)
    assert refused > 50


def test_weights_outside_the_folder_are_refused(onnx, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(16))
    (tmp_path / "inner").mkdir()
    path = tmp_path / "inner" / "model.onnx"
    tg.onnx.export(nn.Linear(2, 2), tg.zeros(1, 2), path)
    model = onnx.load(path)
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../secret")
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match="expected an intact ONNX file"):
        tg.onnx.load(path)
