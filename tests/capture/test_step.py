"""Recorded steps on the CPU: replays do what the step does, bit by bit; those of a GPU are tested
in tests/test_cuda.py."""

import threading
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tinygrad_cnn as tg
from tinygrad_cnn import nn, optim
from tinygrad_cnn.nn import functional as F

OPTIMIZERS = {
    "sgd": lambda params: optim.SGD(params, lr=0.1),
    "momentum": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=1e-3),
    "nesterov": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda params: optim.Adam(params, lr=0.01),
    "adamw": lambda params: optim.AdamW(params, lr=0.01),
    "rmsprop": lambda params: optim.RMSprop(params, lr=0.01),
    "adagrad": lambda params: optim.Adagrad(params, lr=0.01),
}
LAYERS = {
    "conv": lambda: nn.Conv2d(16, 16, 3, padding=1),
    "strided": lambda: nn.Conv2d(16, 16, 3, stride=2, padding=1),
    "narrow": lambda: nn.Sequential(nn.Conv2d(16, 3, 3, padding=1), nn.Conv2d(3, 16, 1)),
    "norm": lambda: nn.BatchNorm2d(16),
    "norm, relu": lambda: nn.Sequential(nn.BatchNorm2d(16), nn.ReLU()),
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "max": lambda: nn.MaxPool2d(2, ceil_mode=True),
    "mean": lambda: nn.AvgPool2d(2, ceil_mode=True),
    "dropout": lambda: nn.Dropout(0.3),
    "channels": lambda: nn.Dropout2d(0.3),
    "groups": lambda: nn.GroupNorm(4, 16),
}


def network(layers):
    """Images of 16 channels through these layers to three classes."""
    tg.manual_seed(1)
    made = [LAYERS[name]() for name in layers]
    return nn.Sequential(*made, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 3))


def batches(count, samples=8, side=6):
    """Images and labels, of which no two are the same."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        images = rng.normal(size=(samples, 16, side, side)).astype("float32")
        yield tg.tensor(images), tg.tensor(rng.integers(0, 3, samples))


def trained(wrap, layers, optimizer, steps=8, clip=False):
    """What a training leaves behind: losses, weights, statistics, gradients; and the step."""
    model = network(layers)
    opt = OPTIMIZERS[optimizer](model.parameters())
    schedule = optim.lr_scheduler.StepLR(opt, 3, gamma=0.5)

    def step(images, labels):
        opt.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        if clip:
            nn.utils.clip_grad_value_(model.parameters(), 0.05)
        opt.step()
        return loss.detach()

    step = wrap(step)
    losses = []
    for images, labels in batches(steps):
        losses.append(step(images, labels).item())
        schedule.step()
    left = [t.numpy().copy() for t in model.state_dict().values()]
    left += [p.grad.numpy().copy() for p in model.parameters()]
    return losses, [a.tobytes() for a in left], tg.get_rng_state(), step


def recorded(fn):
    """fn as a recorded step after one call as it is."""
    return tg.graph_step(fn, warmup=1)


@settings(max_examples=25, deadline=None)
@given(
    layers=st.lists(st.sampled_from(sorted(LAYERS)), max_size=4),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    clip=st.booleans(),
)
@example(["max", "mean", "strided", "sigmoid"], "sgd", False)  # gradients in another order
def test_replays_train_as_the_step_does(layers, optimizer, clip):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        *replayed, step = trained(recorded, layers, optimizer, clip=clip)
    *plain, _ = trained(lambda fn: fn, layers, optimizer, clip=clip)
    assert replayed == plain
    assert step.recordings == 1


@pytest.mark.parametrize("name", ["lenet", "resnet20"])
def test_networks_are_replayed(name):
    def run(wrap):
        tg.manual_seed(0)
        model = getattr(tg.models, name)()
        channels = 1 if name == "lenet" else 3
        opt = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

        @wrap
        def step(images, labels):
            opt.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            opt.step()
            return loss

        rng = np.random.default_rng(0)
        losses = []
        for _ in range(5):
            images = rng.normal(size=(16, channels, 28, 28)).astype("float32")
            losses.append(step(tg.tensor(images), tg.tensor(rng.integers(0, 10, 16))).item())
        return losses

    assert run(recorded) == run(lambda fn: fn)


def test_inference_is_replayed_and_notices_other_weights():
    model = network(["conv", "norm, relu", "conv"]).eval()

    @tg.graph_step
    def infer(images):
        with tg.inference_mode():
            return model(images)

    def expected(images):
        with tg.inference_mode():
            return model(images).numpy()

    for images, _ in batches(8):
        np.testing.assert_array_equal(infer(images).numpy(), expected(images))
    assert infer.recordings == 1
    before = next(iter(infer.tapes.values()))
    with tg.no_grad():
        model[0].weight.mul_(2.0)
        model[1][0].running_mean.add_(1.0)
    for images, _ in batches(8):
        np.testing.assert_array_equal(infer(images).numpy(), expected(images))
    assert infer.recordings == 1
    for p in model.parameters():
        p.data = p.data.clone()
    for images, _ in batches(8):
        np.testing.assert_array_equal(infer(images).numpy(), expected(images))
    assert next(iter(infer.tapes.values())) is not before


def test_a_recording_holds_for_shapes_threads_and_modes():
    layer = nn.Linear(4, 2)
    calls = []

    @tg.graph_step(warmup=0)
    def step(x, scale=1.0):
        calls.append(1)
        return layer(x) * scale

    def run(x, **named):
        np.testing.assert_array_equal(
            step(x, **named).detach().numpy(), (layer(x) * named.get("scale", 1.0)).detach().numpy()
        )

    for _ in range(6):
        run(tg.randn(3, 4))
    assert len(calls) == 5  # twice as it is, recorded, and two replays checked
    for _ in range(6):
        run(tg.randn(5, 4))
        run(tg.randn(3, 4), scale=2.0)
        with tg.no_grad():
            run(tg.randn(3, 4))
    assert step.recordings == 4
    assert len(calls) == 20  # five for each kind
    threads = tg.get_num_threads()
    try:
        tg.set_num_threads(threads + 1)
        run(tg.randn(3, 4))
        assert len(calls) == 21
    finally:
        tg.set_num_threads(threads)


def test_images_in_another_order_of_memory_are_recorded_for_themselves():
    model = network(["conv", "norm, relu"])
    step = tg.graph_step(lambda x: model(x).sum(), warmup=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for images, _ in batches(6):
            rows = images.permute(0, 2, 3, 1).clone().permute(0, 3, 1, 2)
            for x in (images, rows):
                assert step(x).item() == model(x).sum().item()
    assert step.recordings == 2


def test_what_is_no_step_is_refused():
    with pytest.raises(TypeError, match="graph_step: takes a function, the step, got int"):
        tg.graph_step(3)
    with pytest.raises(TypeError, match=r"others that can be hashed, .* got ndarray"):
        tg.graph_step(lambda x, y: x)(tg.ones(1), np.ones(1))


def test_recordings_of_the_last_kinds_are_kept():
    step = tg.graph_step(lambda x: x * 2, warmup=0)
    for size in range(1, 20):
        for _ in range(4):
            assert step(tg.ones(size)).tolist() == [2.0] * size
    assert len(step.tapes) == step.recordings == 16


def test_what_is_not_repeated_is_found_out_and_never_replayed():
    counts = np.zeros(1, "float32")
    weight = tg.ones(3)

    @tg.graph_step(warmup=0)
    def step(x):
        counts[0] += 1
        return weight * x + tg.tensor(counts.copy())

    with pytest.warns(
        RuntimeWarning, match=r"a recording of .*step does not repeat what it returns"
    ):
        results = [step(tg.ones(3)).tolist() for _ in range(5)]
    assert results == [[float(i + 2)] * 3 for i in range(5)]
    assert counts[0] == 5


def test_numbers_computed_by_numpy_are_found_out():
    seen = []

    @tg.graph_step(warmup=0)
    def step(x):
        seen.append(1)
        return tg.Tensor(np.sin(x.raw)) * 2

    xs = [tg.randn(4) for _ in range(4)]
    with pytest.warns(RuntimeWarning, match="does not repeat"):
        results = [step(x).detach().numpy().copy() for x in xs]
    for x, found in zip(xs, results, strict=True):
        np.testing.assert_array_equal(found, np.sin(x.numpy()) * 2)
    assert len(seen) == 4


def test_training_goes_on_unharmed_where_a_recording_is_found_out():
    def run(wrap):
        model = network(["conv", "dropout"])
        opt = optim.Adam(model.parameters(), lr=0.01)

        @wrap
        def step(images, labels):
            opt.zero_grad()
            images = tg.Tensor(np.tanh(images.raw))
            F.cross_entropy(model(images), labels).backward()
            opt.step()

        for images, labels in batches(8):
            step(images, labels)
        left = [p.detach().numpy().tobytes() + p.grad.numpy().tobytes() for p in model.parameters()]
        return left, tg.get_rng_state()

    plain = run(lambda fn: fn)
    with pytest.warns(RuntimeWarning, match="does not repeat an array of shape"):
        assert run(recorded) == plain


@pytest.mark.parametrize(
    "read",
    [
        lambda t: t.item(),
        lambda t: float(t),
        lambda t: bool(t > 0),
        lambda t: t.tolist(),
        lambda t: t.detach().numpy(),
        lambda t: [0, 1][t.long()],
    ],
)
def test_reading_numbers_is_refused_while_a_step_is_recorded(read):
    step = tg.graph_step(lambda x: (read(x.abs().sum() * 0) and x) or x * 2, warmup=1)
    step(tg.ones(2))
    step(tg.ones(2))
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"^graph_step: numbers of a tensor were read"):
            step(tg.ones(2))
    assert tg.ones(2).sum().item() == 2  # and not behind it


def test_a_step_that_fails_leaves_everything_as_it_was():
    calls = []

    @tg.graph_step(warmup=1)
    def step(x):
        z = F.dropout(x, 0.5)
        calls.append(1)
        if len(calls) == 3:
            raise KeyError("mine")
        return z

    tg.manual_seed(3)
    step(tg.ones(4))
    step(tg.ones(4))
    before = tg.get_rng_state()
    with pytest.raises(KeyError, match="mine"):
        step(tg.ones(4))
    assert tg.get_rng_state() == before
    assert step.recordings == 0
    x = tg.ones(4).requires_grad_()
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0] * 4


def test_draws_differ_from_replay_to_replay_and_a_seed_repeats_them():
    step = tg.graph_step(lambda x: F.dropout(x, 0.5) + F.dropout(x, 0.5), warmup=1)
    x = tg.ones(64)

    def masks(fn):
        tg.manual_seed(7)
        return [fn(x).tolist() for _ in range(6)]

    masks(step)
    replayed = masks(step)
    assert replayed == masks(lambda x: F.dropout(x, 0.5) + F.dropout(x, 0.5))
    assert len({tuple(mask) for mask in replayed}) == 6


def test_another_thread_computes_as_if_nothing_was_recorded():
    layer = nn.Linear(64, 64)
    x = tg.randn(32, 64)
    expected = layer(x).detach().numpy()
    found, stop = [], threading.Event()

    def compute():
        while not stop.is_set():
            found.append(np.array_equal(layer(x).detach().numpy(), expected))

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        for _ in range(10):
            other = nn.Linear(64, 8)
            step = tg.graph_step(lambda x, other=other: other(x).relu().sum(), warmup=0)
            for _ in range(4):
                np.testing.assert_array_equal(
                    step(x).detach().numpy(), other(x).relu().sum().detach().numpy()
                )
    finally:
        stop.set()
        thread.join()
    assert found
    assert all(found)


def test_results_are_static_and_own_no_graph():
    w = tg.ones(3).requires_grad_()
    step = tg.graph_step(lambda x: {"z": w * x, "pair": [x + 1, "text"]}, warmup=0)
    step(tg.ones(3))
    step(tg.ones(3))
    first = step(tg.ones(3))
    step(tg.ones(3))
    second = step(tg.ones(3) * 5)
    assert second["z"] is first["z"]
    assert second["z"].tolist() == [5.0] * 3
    assert second["pair"][0].tolist() == [6.0] * 3
    assert second["pair"][1] == "text"
    assert second["z"].grad_fn is None


def test_gradients_that_two_leaves_share_are_two_arrays():
    a, b = tg.ones(4).requires_grad_(), tg.ones(4).requires_grad_()

    @tg.graph_step(warmup=0)
    def step(x):
        a.grad = b.grad = None
        ((a + b) * x).sum().backward()
        return a.grad

    for i in range(4):
        step(tg.ones(4) * i)
    assert not np.shares_memory(a.grad.raw, b.grad.raw)


class Cubed(tg.autograd.Function):
    """x³, as users write their own."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x * x * 3.0


def penalised(model, images, labels):
    """The loss, and the squared gradient for the images."""
    images = images.detach().requires_grad_()
    loss = F.cross_entropy(model(images), labels)
    (slope,) = tg.autograd.grad(loss, images, create_graph=True)
    return loss + (slope * slope).sum()


def checkpointed(model, images, labels):
    """The loss, by a region that is computed twice."""
    inner = tg.utils.checkpoint.checkpoint(model[0], images, use_reentrant=False)
    return F.cross_entropy(model[1:](inner), labels)


def cast(model, images, labels):
    """The loss in bfloat16 where autocast says so."""
    with tg.autocast("cpu", dtype=tg.bfloat16):
        return F.cross_entropy(model(images), labels)


def hooked(model, images, labels):
    """The loss of activations whose gradients a hook changes."""
    inner = model[0](images)
    inner.register_hook(lambda g: g * 0.5)
    return F.cross_entropy(model[1:](inner), labels)


def indexed(model, images, labels):
    """The loss of some samples, and of chosen logits."""
    z = model(images)
    return F.cross_entropy(z[2:6], labels[2:6]) - z.gather(1, labels[:, None]).mean()


def cubed(model, images, labels):
    """The loss of a user's function of the images."""
    return F.cross_entropy(model(Cubed.apply(images)), labels)


def twice(model, images, labels):
    """The loss, behind a gradient of its own for half of the batch."""
    F.cross_entropy(model(images[:4]), labels[:4]).backward()
    return F.cross_entropy(model(images[4:]), labels[4:])


@pytest.mark.parametrize(
    "loss_of",
    [penalised, checkpointed, cast, hooked, indexed, cubed, twice],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("scaled", [False, True])
def test_losses_of_all_kinds_are_replayed(loss_of, scaled):
    if loss_of is cast:
        pytest.importorskip("ml_dtypes", reason="bfloat16 is a type of ml_dtypes")

    def run(wrap):
        model = network(["conv", "norm, relu", "sigmoid"])
        opt = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        scaler = tg.GradScaler("cpu", init_scale=64.0, growth_interval=3, enabled=scaled)

        @wrap
        def step(images, labels):
            opt.zero_grad()
            loss = loss_of(model, images, labels)
            scaler.scale(loss).backward()
            scaler.step(opt)
            scaler.update()
            return loss.detach()

        losses = [step(images, labels).item() for images, labels in batches(9)]
        return (
            losses,
            [p.detach().numpy().tobytes() for p in model.parameters()],
            scaler.get_scale(),
        )

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(recorded) == run(lambda fn: fn)
