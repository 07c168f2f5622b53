"""Convolution, norm, skip and ReLU computed as one: the same numbers, always of today's weights."""

import contextlib
import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.graph import WATCHERS, ancestors
from tinygrad_cnn.models import resnet
from tinygrad_cnn.nn.fused import layered

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
NORMS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
BOUND = {"float32": 1e-5, "float64": 1e-12}


@contextlib.contextmanager
def apart():
    """Within, layers are computed one by one, as where a graph is watched."""
    watch = lambda *_: None
    WATCHERS.append(watch)
    try:
        yield
    finally:
        WATCHERS.remove(watch)


def gates(z):
    return {node.gate.name for node in ancestors([z.node]) if node.gate is not None}


def close(z, expected, dtype="float32"):
    """Equal but for rounding, measured by the largest number."""
    gap = np.abs(host(z) - host(expected)).max(initial=0)
    assert gap <= BOUND[dtype] * (1 + np.abs(host(expected)).max(initial=0))
    assert z.dtype == expected.dtype


def filled(module, rng):
    """The module with state that leaves nothing at 0 or 1."""
    with tg.no_grad():
        for name, t in [*module.named_parameters(), *module.named_buffers()]:
            low = 0.5 if "var" in name else -0.5
            if t.is_floating_point():
                t.copy_(tg.tensor(rng.uniform(low, 1.0, t.shape)))
    return module


@st.composite
def nets(draw):
    """Layers in any order that fits, in evaluation, and images for them."""
    rank = draw(st.integers(1, 3))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    groups = draw(st.sampled_from([1, 1, 2]))
    channels = first = groups * draw(st.sampled_from([1, 8, 20]))
    size = draw(st.integers(5, 8))
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        out = groups * draw(st.sampled_from([1, 8, 20]))
        stride, padding = draw(st.integers(1, 2)), draw(st.integers(0, 1))
        how = {"groups": groups, "bias": draw(st.booleans()), "dtype": dtype}
        window = draw(st.sampled_from([1, 3])) if size > 2 else 1
        layers.append(CONVOLUTIONS[rank](channels, out, window, stride, padding, **how))
        size = (size + 2 * padding - window) // stride + 1
        channels = out
        for _ in range(draw(st.integers(0, 2))):
            affine, track = draw(st.booleans()), draw(st.sampled_from([True, True, False]))
            norm = NORMS[rank](out, affine=affine, track_running_stats=track, dtype=dtype)
            layers.append(norm)
        if draw(st.booleans()):
            layers.append(draw(st.sampled_from([nn.ReLU(), nn.ReLU(inplace=True), nn.Tanh()])))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    x = rng.standard_normal((draw(st.integers(2, 3)), first, *[draw(st.integers(5, 8))] * rank))
    net = filled(nn.Sequential(*layers), rng).train(draw(st.sampled_from([False, False, True])))
    return net, tg.tensor(x.astype(dtype)), dtype


@given(case=nets())
@settings(max_examples=40)
def test_fused_is_unfused(case):
    net, x, dtype = case
    twin = copy.deepcopy(net)
    for _ in range(3):  # from the second time on weights are kept packed
        try:
            with tg.inference_mode():
                z = net(x)
        except (RuntimeError, ValueError) as error:  # a map that got too small
            with apart(), pytest.raises(type(error)):
                twin(x)
            return
        with tg.no_grad(), apart():
            close(z, twin(x), dtype)
    for a, b in zip(net.buffers(), twin.buffers(), strict=True):
        close(a, b, dtype)


@given(case=nets())
@settings(max_examples=15)
def test_gradients_of_two_orders_are_those_of_single_layers(case):
    net, x, dtype = case
    if dtype == "float32":
        net, x = net.double(), x.double()
    twin = copy.deepcopy(net)
    found = []
    for module, within in ((net, contextlib.nullcontext), (twin, apart)):
        u = x.clone().requires_grad_()
        leaves = [u, *module.parameters()]
        with within():
            try:
                z = module(u)
            except (RuntimeError, ValueError):
                return
            first = tg.autograd.grad((z * z * z).sum(), leaves, create_graph=True)
            total = sum((g * g).sum() for g in first)
            second = tg.autograd.grad(total, leaves, allow_unused=True)
        found.append([*first, *[g for g in second if g is not None]])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(host(a), host(b), rtol=1e-8, atol=1e-9 * np.abs(host(b)).max())


def chain():
    tg.manual_seed(0)
    layers = [nn.Conv2d(3, 32, 3), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 16, 3), nn.ReLU()]
    return filled(nn.Sequential(*layers), np.random.default_rng(0))


X = tg.tensor(np.random.default_rng(1).standard_normal((2, 3, 9, 9)).astype("f4"))


def test_what_is_recorded():
    net = chain()
    assert gates(net(X)) == {"conv", "batch_norm", "conv_relu"}
    seen = gates(net.eval()(X))
    assert seen >= {"conv", "add", "sub", "mul", "relu", "conv_relu"}
    with apart():
        assert "conv_relu" not in gates(net(X))


@pytest.mark.host("counts the CPU's kernels")
@pytest.mark.skipif(not tg.kernels.cpu.NUMBA, reason="Numba is not installed")
def test_one_kernel_serves_convolution_norm_and_activation():
    net = chain().eval()
    counted = lambda name: tg.kernels.report()[name].calls
    before = counted("conv_norm"), counted("conv_relu"), counted("conv")
    with tg.inference_mode():
        net(X)
    after = counted("conv_norm"), counted("conv_relu"), counted("conv")
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 0]


# --- weights change -------------------------------------------------------------------------------


def by_gate(t):
    with tg.no_grad():
        t.mul_(1.5).add_(0.25)


def by_item(t):
    with tg.no_grad():
        t[..., -1:] = 0.75


def by_data(t):
    t.data = tg.tensor(host(t) * 1.5 + 0.25)


def by_data_in_place(t):
    t.data.add_(0.5)


def by_numpy(t):
    t.detach().numpy()[-1] += 0.5


def by_two_signs(t):
    flat = t.detach().numpy().reshape(-1)
    flat[[1, 3]] *= -1


def by_an_exchange(t):
    flat = t.detach().numpy().reshape(-1)
    flat[[0, -1]] = flat[[-1, 0]] + np.float32([0, 1e-3])


def by_raw(t):
    t.raw[0] = 0.75


SHARED = pytest.mark.host("writes through NumPy into memory of the CPU")
WAYS = [
    by_gate,
    by_item,
    by_data,
    by_data_in_place,
    pytest.param(by_numpy, marks=SHARED),
    by_raw,
]
STATE = [name for name, t in chain().state_dict().items() if t.is_floating_point()]


def follows(net, change):
    """Results are those of the state of now, before and after a change."""
    net.eval()
    for _ in range(3):
        with tg.inference_mode():
            before = net(X)
    change()
    for _ in range(3):
        with tg.inference_mode():
            z = net(X)
        with tg.no_grad(), apart():
            close(z, net(X))
    assert not np.allclose(host(before), host(z), atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", STATE)
def test_results_follow_every_write(name, way):
    net = chain()
    tensors = dict([*net.named_parameters(), *net.named_buffers()])
    follows(net, lambda: way(tensors[name]))


@SHARED
@pytest.mark.parametrize("way", [by_two_signs, by_an_exchange])
def test_results_follow_writes_that_leave_sums_alike(way):
    net = chain()
    follows(net, lambda: way(net[3].weight))


def test_results_follow_an_optimizer():
    net = chain()

    def step():
        net.train()
        optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
        net(X).square().mean().backward()
        optimizer.step()
        net.eval()

    follows(net, step)


def test_results_follow_a_loaded_state(tmp_path):
    net, other = chain(), filled(chain(), np.random.default_rng(7))
    tg.save(other.state_dict(), tmp_path / "state.pt")
    follows(net, lambda: net.load_state_dict(tg.load(tmp_path / "state.pt")))
    follows(net, lambda: net.load_state_dict(chain().state_dict(), assign=True))


def test_results_follow_new_layers():
    net = chain()

    def replace():
        net[0] = filled(nn.Conv2d(3, 32, 3), np.random.default_rng(8))
        net[1] = filled(nn.BatchNorm2d(32).eval(), np.random.default_rng(9))

    follows(net, replace)


# --- who looks on ---------------------------------------------------------------------------------


@pytest.mark.parametrize("at", range(5))
@pytest.mark.parametrize("kind", ["forward", "forward_pre"])
def test_hooks_fire_in_evaluation(at, kind):
    net = chain().eval()
    seen = []
    handle = getattr(net[at], f"register_{kind}_hook")(lambda *args: seen.append(args[1:]))
    with tg.inference_mode():
        z = net(X)
    assert len(seen) == 1
    handle.remove()
    with tg.inference_mode():
        close(net(X), z)
    assert len(seen) == 1


def test_subclasses_run_their_own_forward():
    class Doubled(nn.Conv2d):
        def forward(self, x):
            return super().forward(x) * 2.0

    net = chain().eval()
    conv = Doubled(3, 32, 3)
    conv.load_state_dict(net[0].state_dict())
    with tg.inference_mode():
        expected = net[4](net[3](net[2](net[1](net[0](X) * 2.0))))
        net[0] = conv
        close(net(X), expected)


@pytest.mark.parametrize("block", [resnet.PlainBlock, resnet.BasicBlock, resnet.Bottleneck])
@pytest.mark.parametrize("stride", [1, 2])
def test_blocks_in_evaluation(block, stride):
    net = filled(block(32, 16, stride).eval(), np.random.default_rng(0))
    x = tg.tensor(np.random.default_rng(1).standard_normal((2, 32, 8, 8)).astype("f4"))
    for _ in range(3):
        with tg.inference_mode():
            z = net(x)
        with tg.no_grad(), apart():
            close(z, net(x))


def test_a_residual_of_another_shape():
    conv, norm = chain()[0].eval(), chain()[1].eval()
    with pytest.raises(RuntimeError, match=r"residual should have the shape \(2, 32, 7, 7\)"):
        layered(X, conv, norm, nn.ReLU(), tg.ones(2, 32, 7, 1))


def test_errors_are_those_of_the_layers():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(5), nn.ReLU()).eval()
    with pytest.raises(ValueError, match="C = 5, got"):
        net(X)
    with pytest.raises(RuntimeError, match="takes 3 channels"):
        net(X[:, :2])


def test_whole_numbers_and_other_dtypes_are_left_to_the_layers():
    net = chain().eval()
    with tg.inference_mode():
        with apart():
            expected = net(X.round().long())
        close(net(X.round().long()), expected)
        half = copy.deepcopy(net).half()
        assert half(X.half()).dtype == tg.float16


def test_an_image_without_a_batch():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    np.testing.assert_allclose(host(net(X[0])), host(net(X))[0], rtol=1e-5, atol=1e-6)
