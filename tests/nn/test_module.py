"""Module: what it sees, its state, moving, hooks, text; PyTorch's names and order."""

import copy
import pickle

import numpy as np
import pytest
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.graph import STAMPS


class Block(nn.Module):
    """Parameters, buffers and children in an order that is not that of the state_dict."""

    def __init__(self):
        self.inner = nn.Linear(2, 2)
        self.register_buffer("mean", tg.tensor([1.0, 2.0]))
        self.scale = nn.Parameter(tg.tensor([3.0]))
        self.count = nn.Buffer(tg.tensor(7), persistent=False)
        self.missing = None
        self.settings = {"not": "seen"}

    def forward(self, x):
        return self.inner(x) * self.scale + self.mean


class Tied(nn.Module):
    """One module under two names."""

    def __init__(self):
        self.a = nn.Linear(2, 2)
        self.b = self.a


# --- the same as PyTorch's ------------------------------------------------------------------------


def nets(nn, Parameter):
    """Networks in either library."""

    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.later = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2, bias=False))
            self.register_buffer("mean", Parameter([1.0]).detach())
            self.w = Parameter([1.0, 2.0])
            self.parts = nn.ModuleList([nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, (1, 3), bias=False)])
            self.heads = nn.ModuleDict({"digit": nn.Linear(4, 10), "sign": nn.Identity()})
            self.register_parameter("none", None)
            self.twin = self.later

    return [
        nn.Linear(3, 2),
        nn.Sequential(),
        nn.Sequential(nn.Conv1d(2, 4, 3, stride=2, padding=1, groups=2), nn.Sigmoid()),
        nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2, dilation=2),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.MaxPool2d((2, 3), 1),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Sequential(nn.LeakyReLU(0.2), nn.ELU(), nn.ReLU(inplace=True)),
            nn.LogSoftmax(1),
        ),
        nn.Conv3d(1, 2, (1, 2, 3), padding="same", bias=False),
        nn.CrossEntropyLoss(),
        Branches(),
    ]


@pytest.fixture
def pairs(torch):
    """The networks of `nets` in both libraries, side by side."""
    theirs = nets(torch.nn, lambda v: torch.nn.Parameter(torch.tensor(v)))
    return list(zip(nets(nn, lambda v: nn.Parameter(tg.tensor(v))), theirs, strict=True))


def shapes(named):
    return [(name, tuple(t.shape)) for name, t in named]


def test_state_dict_has_torchs_keys_in_torchs_order(pairs):
    for ours, theirs in pairs:
        assert shapes(ours.state_dict().items()) == shapes(theirs.state_dict().items())


@pytest.mark.parametrize("what", ["named_parameters", "named_buffers"])
@pytest.mark.parametrize(
    "settings", [{}, {"recurse": False}, {"remove_duplicate": False}, {"prefix": "net"}]
)
def test_named_tensors_are_torchs(pairs, what, settings):
    for ours, theirs in pairs:
        assert shapes(getattr(ours, what)(**settings)) == shapes(getattr(theirs, what)(**settings))


def test_named_modules_are_torchs(pairs):
    for ours, theirs in pairs:
        for settings in ({}, {"prefix": "net"}, {"remove_duplicate": False}):
            names = [n for n, _ in theirs.named_modules(**settings)]
            assert [n for n, _ in ours.named_modules(**settings)] == names
        assert [n for n, _ in ours.named_children()] == [n for n, _ in theirs.named_children()]


def test_texts_are_torchs(pairs):
    for ours, theirs in pairs:
        assert repr(ours) == repr(theirs)


def test_values_pass_from_torch_through_numpy(pairs):
    ours, theirs = pairs[3]
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    for (_, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert np.array_equal(host(p), q.detach().numpy())


# --- attributes are the truth ---------------------------------------------------------------------


def test_what_is_seen():
    block = Block()
    assert list(block.state_dict()) == ["scale", "mean", "inner.weight", "inner.bias"]
    assert [n for n, _ in block.named_parameters()] == ["scale", "inner.weight", "inner.bias"]
    assert [n for n, _ in block.named_buffers()] == ["mean", "count"]
    assert list(block.children()) == [block.inner]
    assert list(block.modules()) == [block, block.inner]
    assert vars(block)["scale"] is block.scale


def test_what_is_assigned_is_there_and_what_is_deleted_is_not():
    block = Block()
    block.extra = nn.Parameter(tg.zeros(2))
    del block.inner
    assert list(block.state_dict()) == ["scale", "extra", "mean"]
    block.extra = None
    assert list(block.state_dict()) == ["scale", "mean"]


def test_shared_modules_come_once_but_have_all_their_keys():
    tied = Tied()
    assert len(list(tied.parameters())) == 2
    assert list(tied.state_dict()) == ["a.weight", "a.bias", "b.weight", "b.bias"]
    assert [n for n, _ in tied.named_parameters(remove_duplicate=False)] == list(tied.state_dict())


def test_a_parameter_is_a_leaf_that_shares_memory():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    p = nn.Parameter(x * 2)
    assert p.is_leaf and p.requires_grad
    assert not nn.Parameter(x, requires_grad=False).requires_grad
    raw = np.zeros(3)
    assert nn.Parameter(raw).raw is raw
    assert repr(p) == "Parameter containing:\ntensor([2., 4.], requires_grad=True)"
    assert type(p * 2) is tg.Tensor


def test_whole_numbers_are_no_parameters():
    with pytest.raises(RuntimeError, match=r"only floating tensors .* got int64"):
        nn.Parameter(tg.tensor([1]))


def test_get_submodule():
    net = nn.Sequential(Block(), nn.ModuleDict({"a": nn.Linear(1, 1)}))
    assert net.get_submodule("") is net
    assert net.get_submodule("1.a") is net[1]["a"]
    for target in ("2", "0.scale", "0.inner.x", "0."):
        with pytest.raises(AttributeError, match=rf"no module '\w*' \(of '{target}'\); it has \["):
            net.get_submodule(target)


def test_registering_is_assigning():
    module = nn.Module()
    module.register_parameter("w", nn.Parameter(tg.zeros(1)))
    module.register_parameter("b", None)
    module.register_buffer("mean", tg.zeros(2), persistent=False)
    module.register_module("child", nn.ReLU())
    module.add_module("none", None)
    assert list(vars(module)) == ["w", "b", "mean", "child", "none"]
    assert type(module.mean) is nn.Buffer and not module.mean.persistent


@pytest.mark.parametrize("name", ["", "a.b", "forward", "training"])
def test_names_of_modules(name):
    with pytest.raises(KeyError, match="cannot be the name of a module"):
        nn.Module().register_module(name, nn.ReLU())


def test_only_modules_are_registered_as_modules():
    with pytest.raises(TypeError, match="'a' has to be a Module, got int"):
        nn.Module().register_module("a", 3)


@pytest.mark.parametrize(
    ("register", "error", "words"),
    [
        (lambda m: m.register_parameter("w", tg.zeros(1)), TypeError, "a Parameter, got Tensor"),
        (lambda m: m.register_parameter("a.b", nn.Parameter([1.0])), KeyError, "'a.b' cannot be"),
        (lambda m: m.register_parameter("in_features", nn.Parameter([1.0])), KeyError, "cannot be"),
        (lambda m: m.register_parameter(3, nn.Parameter([1.0])), TypeError, "a name is a str"),
        (lambda m: m.register_buffer("a.b", tg.zeros(1)), KeyError, "the name of a buffer"),
        (lambda m: m.register_buffer("", tg.zeros(1)), KeyError, "names are not empty"),
        (lambda m: m.register_buffer("weight", tg.zeros(1)), KeyError, "'weight' cannot be"),
        (lambda m: m.register_buffer("forward", tg.zeros(1)), KeyError, "'forward' cannot be"),
        (lambda m: m.register_buffer("mean", [1.0]), TypeError, "a Tensor, got list"),
        (lambda m: m.add_module("weight", nn.ReLU()), KeyError, "the name of a module in Linear"),
        (lambda m: setattr(m, "weight", tg.ones(2, 2)), TypeError, "cannot become a Tensor"),
        (lambda m: setattr(m, "weight", nn.ReLU()), TypeError, "cannot become a ReLU"),
        (lambda m: setattr(m, "child", 3), TypeError, "is a Module and cannot become a int"),
    ],
)
def test_nothing_is_lost_by_a_name(register, error, words):
    module = nn.Linear(2, 2)
    module.child = nn.ReLU()
    with pytest.raises(error, match=words):
        register(module)
    assert list(module.state_dict()) == ["weight", "bias"]
    assert isinstance(module.child, nn.ReLU)


def test_what_may_take_a_name():
    module = nn.Linear(2, 2)
    module.bias = None
    module.weight = nn.Parameter(tg.ones(1, 2))
    assert module(tg.ones(2)).tolist() == [2.0]
    module.weight = None
    module.register_buffer("mean", tg.zeros(2))
    module.register_buffer("mean", tg.ones(2))
    module.child = nn.ReLU()
    module.add_module("child", nn.Tanh())
    module.child = nn.Parameter(tg.ones(1))
    assert list(module.state_dict()) == ["child", "mean"]
    del module.child
    module.child = 3


def test_a_module_has_to_say_what_it_does():
    with pytest.raises(NotImplementedError, match="Module needs a method forward"):
        nn.Module()(1)


# --- training, gradients, copies ------------------------------------------------------------------


def test_train_and_eval_reach_all():
    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    assert all(m.training for m in net.modules())
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    x = tg.ones(5)
    assert net(x) is x
    net[1].train()
    assert [m.training for m in net.modules()] == [False, False, True, True]


def test_requires_grad_and_zero_grad():
    net = nn.Linear(2, 1)
    net(tg.ones(1, 2)).sum().backward()
    kept = net.weight.grad
    net.zero_grad(set_to_none=False)
    assert net.weight.grad is kept and kept.tolist() == [[0, 0]]
    net.zero_grad()
    assert net.weight.grad is None
    net.requires_grad_(False)
    assert not net(tg.ones(1, 2)).requires_grad
    assert all(p.requires_grad for p in net.requires_grad_().parameters())


def test_apply_goes_from_the_inside_out():
    net = nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh())
    seen = []
    assert net.apply(seen.append) is net
    assert seen == [net[0][0], net[0], net[1], net]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_stand_for_themselves(copied):
    module = Block()
    module.tied = module.inner
    twin = copied(module)
    assert twin.inner is twin.tied
    assert type(twin.mean) is nn.Buffer and twin.mean.persistent and not twin.count.persistent
    for (name, t), (other, u) in zip(
        module.state_dict().items(), twin.state_dict().items(), strict=True
    ):
        assert name == other
        assert np.array_equal(host(t), host(u))
        assert not np.shares_memory(t.raw, u.raw)
    assert all(p.requires_grad for p in twin.parameters())


# --- loading --------------------------------------------------------------------------------------


def test_loading_writes_into_the_arrays():
    one, two = nn.Linear(3, 2), nn.Linear(3, 2)
    arrays = [p.raw for p in one.parameters()]
    keys = one.load_state_dict(two.state_dict())
    assert keys == ([], [])
    for raw, p, q in zip(arrays, one.parameters(), two.parameters(), strict=True):
        assert p.raw is raw
        assert np.array_equal(host(p), host(q))
        assert not np.shares_memory(raw, q.raw)


def test_the_state_shares_memory_and_is_off_the_graph():
    net = nn.Linear(3, 2)
    state = net.state_dict()
    assert state["weight"].raw is net.weight.raw
    assert not any(t.requires_grad for t in state.values())
    assert list(net.state_dict(prefix="net.")) == ["net.weight", "net.bias"]


def test_loading_casts_to_the_module():
    net = nn.Linear(1, 2).double()
    net.load_state_dict({"weight": np.float32([[1], [2]]), "bias": [3, 4]})
    assert net.weight.dtype == net.bias.dtype == "float64"
    assert net.bias.tolist() == [3, 4]


def test_every_problem_is_named_and_nothing_is_changed():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    before = {k: t.clone() for k, t in net.state_dict().items()}
    state = {
        "0.weight": tg.zeros(3, 3),
        "1.weight": tg.zeros(1, 3),
        "1.bias": tg.zeros(()),
        "x": tg.zeros(1),
        "y": 1,
    }
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    assert str(caught.value).split("\n\t") == [
        "Error(s) in loading state_dict for Sequential:",
        "Missing key(s) in state_dict: '0.bias'.",
        "Unexpected key(s) in state_dict: 'x', 'y'.",
        "size mismatch for 0.weight: the state has shape (3, 3), the model (3, 2).",
        "size mismatch for 1.bias: the state has shape (), the model (1,).",
    ]
    assert all(np.array_equal(host(t), host(before[k])) for k, t in net.state_dict().items())


def test_without_strict_keys_may_differ_but_not_shapes():
    net = nn.Linear(2, 1)
    keys = net.load_state_dict({"weight": tg.ones(1, 2), "more": 3}, strict=False)
    assert keys.missing_keys == ["bias"]
    assert keys.unexpected_keys == ["more"]
    assert net.weight.tolist() == [[1, 1]]
    with pytest.raises(
        RuntimeError, match=r"size mismatch for weight: .* \(2,\), the model \(1, 2\)"
    ):
        net.load_state_dict({"weight": tg.ones(2)}, strict=False)


def test_assigning_shares_the_memory_of_the_state():
    net = nn.BatchNorm1d(2).to("meta")
    parameters = list(net.parameters())
    state = nn.BatchNorm1d(2).double().state_dict()
    assert net.load_state_dict(state, assign=True) == ([], [])
    assert all(t.raw is state[key].raw for key, t in net.state_dict().items())
    assert list(net.parameters()) == parameters
    net(tg.ones(3, 2, dtype="float64")).sum().backward()
    assert net.weight.grad.dtype == "float64"


def test_assigning_whole_numbers_to_parameters_is_an_error():
    net = nn.Linear(1, 1)
    before = net.bias.raw
    with pytest.raises(RuntimeError, match="weight requires grad, but the state has int64: cast"):
        net.load_state_dict({"bias": tg.zeros(1), "weight": tg.tensor([[1]])}, assign=True)
    assert net.bias.raw is before


@pytest.mark.parametrize(
    ("state", "words"), [([], "takes a dict, got list"), ({"bias": "a", "weight": 1}, "got 'a'")]
)
def test_what_is_no_state(state, words):
    with pytest.raises(TypeError, match=words):
        nn.Linear(1, 1).load_state_dict(state)


def test_loading_between_forward_and_backward_is_an_error():
    net = nn.Linear(2, 2)
    x = tg.ones(1, 2, requires_grad=True)
    y = net(x)
    net.load_state_dict(nn.Linear(2, 2).state_dict())
    with pytest.raises(RuntimeError, match=r"^linear: .*modified by an in-place operation"):
        y.sum().backward()


def test_building_and_loading_leave_no_stamps():
    before = dict(STAMPS)
    net = nn.Sequential(nn.Linear(2, 2), nn.Conv2d(1, 1, 1))
    state = {k: t.clone() for k, t in net.state_dict().items()}
    net.load_state_dict(state)
    net(tg.ones(1, 1, 2, 2)).sum().backward()
    assert before == STAMPS


# --- moving ---------------------------------------------------------------------------------------


def test_casting_keeps_the_parameters_and_their_gradients():
    block = Block()
    parameters = list(block.parameters())
    block(tg.ones(1, 2)).sum().backward()
    assert block.double() is block
    assert all(p is q for p, q in zip(parameters, block.parameters(), strict=True))
    assert {t.dtype.name for t in block.state_dict().values()} == {"float64"}
    assert {p.grad.dtype.name for p in parameters} == {"float64"}
    assert block.count.dtype == "int64"
    old = block.scale.grad.item()
    block(tg.ones(1, 2, dtype="float64")).sum().backward()
    assert block.scale.grad.item() == pytest.approx(2 * old)
    assert block.scale.grad.dtype == "float64"


@pytest.mark.parametrize("where", [(tg.float64,), ("float64",), (tg.zeros(1, dtype="float64"),)])
def test_dtypes_by_position(where):
    assert Block().to(*where).scale.dtype == "float64"


def test_shorter_ways_to_move():
    block = Block()
    assert block.half().mean.dtype == "float16"
    assert block.float().mean.dtype == "float32"
    assert block.cpu().scale.device == tg.device("cpu")


def test_parameters_stay_floating():
    block = Block()
    with pytest.raises(TypeError, match="floating dtype, got int64"):
        block.to("int64")
    assert block.scale.dtype == "float32"


def test_moving_to_another_device(double):
    net = nn.Linear(2, 2)
    net(tg.ones(1, 2)).sum().backward()
    before = net.weight.tolist()
    net.to("double", tg.float64)
    assert str(net.weight.device) == str(net.weight.grad.device) == "double"
    assert net.weight.dtype == "float64"
    assert net.weight.tolist() == before
    net.load_state_dict(nn.Linear(2, 2).state_dict())
    net(tg.ones(1, 2).to("double", tg.float64)).sum().backward()
    assert net.bias.grad.tolist() == [2, 2]
