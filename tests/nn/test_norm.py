"""Layers that normalise: PyTorch's states, running statistics over several steps, texts, errors."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import agree, host

import tinygrad_cnn as tg
from tinygrad_cnn import nn
from tinygrad_cnn.autograd import gradcheck, gradgradcheck

ROUNDING = 1e-12
BOOLS = st.booleans()
SPACE = (2, 3, 2)
SHARES = st.sampled_from([0.1, 0.5, None])


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def shaped(torch, layer, twin):
    """Both layers in float64, their weights drawn alike."""
    layer.double()
    twin.double()
    for seed, (p, q) in enumerate(zip(layer.parameters(), twin.parameters(), strict=True)):
        p.data.copy_(tg.tensor(normal(*p.shape, seed=seed)))
        q.data.copy_(torch.tensor(host(p).copy()))


def agree_in_state(layer, twin):
    """Compare the states: keys, their order, dtypes and numbers."""
    ours, theirs = layer.state_dict(), twin.state_dict()
    assert list(ours) == list(theirs)
    for key, t in ours.items():
        assert str(t.dtype) == str(theirs[key].dtype).removeprefix("torch.")
        agree("PyTorch", t.raw, theirs[key].numpy(), ROUNDING)


def agree_with_torch(torch, layer, twin, inputs):
    """Train both on the inputs, then evaluate: at each step values, gradients, states agree."""
    shaped(torch, layer, twin)
    agree_in_state(layer, twin)
    for training in (True, False):
        layer.train(training)
        twin.train(training)
        for array in inputs:
            x, y = tg.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
            z, u = layer(x), twin(y)
            agree("PyTorch", z.raw, u.detach().numpy(), ROUNDING)
            g = normal(*z.shape)
            (z * tg.tensor(g)).sum().backward()
            (u * torch.tensor(g)).sum().backward()
            agree("PyTorch", x.grad.raw, y.grad.numpy(), ROUNDING)
            for p, q in zip(layer.parameters(), twin.parameters(), strict=True):
                agree("PyTorch", p.grad.raw, q.grad.numpy(), 10 * ROUNDING)  # they add up
            agree_in_state(layer, twin)


def both(torch, name, *args, **settings):
    """Our layer of that name and PyTorch's."""
    return getattr(nn, name)(*args, **settings), getattr(torch.nn, name)(*args, **settings)


# --- batch and instance norm ----------------------------------------------------------------------


@given(st.integers(0, 3), SHARES, BOOLS, BOOLS, st.sampled_from([1e-5, 0.1]))
def test_batch_norms_train_as_torchs(torch, rank, momentum, affine, tracked, eps):
    name = f"BatchNorm{max(rank, 1)}d"
    pair = both(torch, name, 3, eps, momentum, affine, tracked)
    inputs = [normal(n, 3, *SPACE[:rank], seed=n) * n + 1 for n in (2, 3, 4)]
    agree_with_torch(torch, *pair, inputs)


@given(st.integers(1, 3), SHARES, BOOLS, BOOLS, BOOLS)
def test_instance_norms_train_as_torchs(torch, rank, momentum, affine, tracked, batched):
    pair = both(torch, f"InstanceNorm{rank}d", 3, 1e-3, momentum, affine, tracked)
    inputs = [normal(n, 3, *SPACE[:rank], seed=n) * n + 1 for n in (1, 2, 3)]
    agree_with_torch(torch, *pair, inputs if batched else [x[0] for x in inputs])


def test_without_momentum_the_averages_are_over_all_batches():
    layer = nn.BatchNorm1d(2, momentum=None).double()
    batches = [normal(5, 2, seed=seed) for seed in range(4)]
    for x in batches:
        layer(tg.tensor(x))
    assert layer.num_batches_tracked.item() == 4
    means, variances = [x.mean(0) for x in batches], [x.var(0, ddof=1) for x in batches]
    agree("equal formulas", layer.running_mean.raw, np.mean(means, 0), ROUNDING)
    agree("equal formulas", layer.running_var.raw, np.mean(variances, 0), ROUNDING)


def test_evaluation_teaches_nothing_and_training_without_weights_does():
    layer = nn.BatchNorm2d(3)
    x = tg.tensor(normal(2, 3, 4, 4), dtype="float32")
    with tg.no_grad():
        layer(x)
    learnt = {key: host(t).copy() for key, t in layer.state_dict().items()}
    assert learnt["num_batches_tracked"] == 1
    assert np.abs(learnt["running_mean"]).min() > 0
    layer.eval()(x)
    for key, t in layer.state_dict().items():
        assert np.array_equal(host(t), learnt[key])


def test_running_statistics_can_be_forgotten():
    layer = nn.BatchNorm1d(2)
    layer(tg.tensor(normal(4, 2), dtype="float32"))
    layer.reset_running_stats()
    assert layer.running_mean.tolist() == [0.0, 0.0]
    assert layer.running_var.tolist() == [1.0, 1.0]
    assert layer.num_batches_tracked.item() == 0
    nn.BatchNorm1d(2, track_running_stats=False).reset_running_stats()


def test_running_statistics_stay_off_the_graph_and_in_place():
    layer = nn.BatchNorm1d(2)
    mean = layer.running_mean
    for seed in range(2):
        layer(tg.tensor(normal(4, 2, seed=seed), dtype="float32")).sum().backward()
    assert layer.running_mean is mean
    assert isinstance(mean, nn.Buffer)
    assert not mean.requires_grad
    assert mean.dtype == "float32"


def test_a_copy_learns_alone():
    layer = nn.BatchNorm1d(2)
    twin = copy.deepcopy(layer)
    layer(tg.tensor(normal(4, 2), dtype="float32"))
    assert twin.num_batches_tracked.item() == 0
    twin.load_state_dict(layer.state_dict())
    assert twin.running_mean.tolist() == layer.running_mean.tolist()
    assert twin.num_batches_tracked.item() == 1


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_to_second_order(training):
    layer = nn.BatchNorm1d(2, eps=1e-2).double().train(training)
    x = tg.tensor(normal(3, 2), requires_grad=True)
    assert gradcheck(lambda x, *_: layer(x), [x, layer.weight, layer.bias])
    assert gradgradcheck(lambda x, *_: layer(x), [x, layer.weight, layer.bias])


# --- the others -----------------------------------------------------------------------------------


@given(BOOLS, BOOLS, st.sampled_from([4, (3, 4), [2, 3, 4]]))
def test_layer_norm_trains_as_torchs(torch, affine, bias, shape):
    pair = both(torch, "LayerNorm", shape, 1e-3, affine, bias)
    agree_with_torch(torch, *pair, [normal(2, 2, 3, 4)])


@given(BOOLS, st.sampled_from([None, 1e-3]), st.sampled_from([4, (3, 4)]))
def test_rms_norm_trains_as_torchs(torch, affine, eps, shape):
    agree_with_torch(torch, *both(torch, "RMSNorm", shape, eps, affine), [normal(2, 2, 3, 4)])


@given(BOOLS, st.sampled_from([1, 2, 3, 6]), st.integers(0, 3))
def test_group_norm_trains_as_torchs(torch, affine, groups, rank):
    pair = both(torch, "GroupNorm", groups, 6, 1e-3, affine)
    agree_with_torch(torch, *pair, [normal(2, 6, *SPACE[:rank])])


@given(st.integers(1, 5), st.integers(1, 3))
def test_local_response_norm_is_torchs(torch, size, rank):
    pair = both(torch, "LocalResponseNorm", size, 0.5, 0.6, 2.0)
    agree_with_torch(torch, *pair, [normal(2, 4, *SPACE[:rank])])


@pytest.mark.parametrize(
    "layer",
    [
        nn.BatchNorm2d(3, bias=False),
        nn.InstanceNorm2d(3, affine=True, bias=False),
        nn.GroupNorm(1, 3, bias=False),
        nn.LayerNorm((3, 4, 4), bias=False),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_the_shift_can_be_left_out(layer):
    assert list(dict(layer.named_parameters())) == ["weight"]
    assert repr(layer).endswith(", bias=False)")
    z = layer(tg.tensor(normal(2, 3, 4, 4), dtype="float32"))
    assert abs(z.mean().item()) < 1e-6


# --- all ------------------------------------------------------------------------------------------

LAYERS = [
    (
        nn.BatchNorm2d(3),
        "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)",
    ),
    (
        nn.BatchNorm2d(3, 0.1, None, False, False),
        "BatchNorm2d(3, eps=0.1, momentum=None, affine=False, track_running_stats=False)",
    ),
    (
        nn.InstanceNorm2d(3),
        "InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False)",
    ),
    (nn.LayerNorm(4), "LayerNorm((4,), eps=1e-05, elementwise_affine=True)"),
    (nn.LayerNorm([4, 4], 0.1, False), "LayerNorm((4, 4), eps=0.1, elementwise_affine=False)"),
    (nn.RMSNorm(4), "RMSNorm((4,), eps=None, elementwise_affine=True)"),
    (nn.GroupNorm(1, 3), "GroupNorm(1, 3, eps=1e-05, affine=True)"),
    (nn.LocalResponseNorm(5), "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0)"),
]


@pytest.mark.parametrize(("layer", "text"), LAYERS, ids=[text for _, text in LAYERS])
def test_texts_say_the_settings(layer, text):
    assert repr(layer) == text


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("layer", "text"), LAYERS, ids=[text for _, text in LAYERS])
def test_shapes_are_known_before_numbers(layer, text, training):
    layer = copy.deepcopy(layer).to("meta").train(training)
    z = layer(tg.ones(2, 3, 4, 4).to("meta"))
    assert z.shape == (2, 3, 4, 4)
    assert z.dtype == "float32"


def test_dtype_and_device_are_taken():
    for layer in (
        nn.BatchNorm1d(3, device="cpu", dtype="float64"),
        nn.InstanceNorm1d(3, affine=True, track_running_stats=True, dtype="float64"),
        nn.LayerNorm(3, dtype="float64"),
        nn.RMSNorm(3, dtype="float64"),
        nn.GroupNorm(3, 3, dtype="float64"),
    ):
        for key, t in layer.state_dict().items():
            assert t.dtype == ("int64" if key == "num_batches_tracked" else "float64")


def test_a_norm_makes_a_small_net_blind_to_the_scale_of_its_input():
    x = tg.tensor(normal(6, 1, 5, 5), dtype="float64")
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4, eps=0.0), nn.ReLU()).double()
    agree("equal formulas", net(x).raw, net(x * 100.0).raw, 1e-11)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: nn.BatchNorm2d(3)(tg.zeros(2, 3)),
            ValueError,
            r"BatchNorm2d: expected .*\(N, C, H, W\) with C = 3, got \(2, 3\)",
        ),
        (lambda: nn.BatchNorm1d(3)(tg.zeros(2, 4)), ValueError, r"C = 3, got \(2, 4\)"),
        (lambda: nn.BatchNorm1d(3)(tg.zeros(1, 3)), ValueError, "more than 1 value per channel"),
        (lambda: nn.InstanceNorm2d(3)(tg.zeros(2, 3)), ValueError, r"or \(C, H, W\).*\(2, 3\)"),
        (lambda: nn.InstanceNorm1d(3)(tg.zeros(2, 4)), ValueError, r"C = 3, got \(2, 4\)"),
        (lambda: nn.LayerNorm(3)(tg.zeros(2, 4)), RuntimeError, r"\(2, 4\), got \(3,\)"),
        (lambda: nn.GroupNorm(2, 3), ValueError, "got 2 groups for 3 channels"),
        (lambda: nn.GroupNorm(1, 3)(tg.zeros(2, 4)), RuntimeError, r"\(4,\).*got \(3,\)"),
        (lambda: nn.BatchNorm1d(-1), ValueError, "-1"),
    ],
)
def test_errors_say_what_was_given(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_states_of_old_files_have_no_count_of_batches(torch):
    ours, theirs = (m.Sequential(m.Conv2d(1, 3, 1), m.BatchNorm2d(3)) for m in (nn, torch.nn))
    state = {k: t for k, t in theirs.state_dict().items() if not k.endswith("tracked")}
    theirs.load_state_dict(state)
    ours[1].num_batches_tracked.fill_(7)
    assert ours.load_state_dict({k: tg.tensor(t.numpy()) for k, t in state.items()}) == ([], [])
    assert ours[1].num_batches_tracked.item() == 7
    with pytest.raises(RuntimeError, match=r"1\.running_mean.*1\.num_batches_tracked"):
        ours.load_state_dict({k: t for k, t in ours.state_dict().items() if "1." not in k})
