"""GPUs: several of them, their memory and streams, recorded steps; where there is none, sentences.

All but the first test runs on the device double: it says whether our own logic holds, and nothing
about a GPU.
"""

import importlib
import shutil

import numpy as np
import pytest

import tinygrad_cnn as tg
from tinygrad_cnn.nn import functional as F


@pytest.mark.skipif(tg.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize(
    "ask",
    [
        tg.cuda.synchronize,
        tg.cuda.current_device,
        tg.cuda.memory_allocated,
        tg.cuda.max_memory_allocated,
        tg.cuda.Stream,
        tg.cuda.Event,
        lambda: tg.cuda.set_device(0),
        lambda: tg.cuda.device(0),
        lambda: tg.cuda.get_device_name(0),
        lambda: tg.zeros(2, device="cuda"),
        lambda: tg.zeros(2, device="cuda:1"),
        lambda: tg.zeros(2).cuda(),
    ],
)
def test_without_a_gpu(ask):
    assert tg.cuda.device_count() == 0
    with pytest.raises(RuntimeError, match="the device 'cuda' needs"):
        ask()


def test_what_asks_nothing_of_a_gpu_works_without():
    tg.cuda.empty_cache()
    tg.cuda.set_device(-1)
    tg.cuda.manual_seed_all(3)
    assert tg.initial_seed() == 3
    with tg.cuda.device(None):
        pass


@pytest.fixture
def one(double):
    """The double's streams, with one GPU."""
    import double_streams

    with double_streams.machine(1):
        yield double_streams


@pytest.fixture
def two(double):
    """The double's streams, with two GPUs."""
    import double_streams

    with double_streams.machine(2):
        yield double_streams


# --- devices --------------------------------------------------------------------------------------


def test_a_tensor_says_on_which_gpu_it_is(two):
    x = tg.tensor([1.0, 2.0])
    assert [str(x.to(place).device) for place in ("cuda", "cuda:0", "cuda:1")] == [
        *("cuda:0", "cuda:0", "cuda:1")
    ]
    assert str(x.cuda(1).device) == "cuda:1"
    assert x.cuda(1).get_device() == 1
    assert x.cuda(1).cpu().device == tg.device("cpu")
    assert x.cuda(1).tolist() == [1.0, 2.0]
    y = x.cuda(1)
    assert y.to("cuda:1") is y
    assert y.to("cuda") is not y
    assert str(y.to("cuda").device) == "cuda:0"


def test_tensors_are_made_where_it_is_said(two):
    one = tg.device("cuda:1")
    makers = (tg.zeros, tg.ones, tg.empty, tg.rand, tg.randn, tg.arange, tg.eye)
    assert {make(2, device=one).device for make in makers} == {one}
    with one:
        assert {make(2).device for make in makers} == {one}
        assert tg.nn.Linear(2, 3).weight.device == one
    assert tg.zeros_like(tg.zeros(2, device=one)).device == one
    assert tg.tensor([1.0], device=one).device == one
    with tg.cuda.device(1):
        assert tg.cuda.current_device() == 1
        assert tg.zeros(2, device="cuda").device == one
        assert tg.zeros(2).device == tg.device("cpu")
    assert tg.cuda.current_device() == 0


def test_two_gpus_do_not_mix(two):
    x, y = tg.ones(2, device="cuda:0"), tg.ones(2, device="cuda:1")
    for mixed in (lambda: x + y, lambda: tg.cat([x, y]), lambda: tg.maximum(y, x)):
        with pytest.raises(RuntimeError, match=r"one device, got cuda:[01] \(2,\) and cuda:[01]"):
            mixed()
    with pytest.raises(RuntimeError, match=r"got cuda:1 \(2,\) and cpu \(2,\)"):
        y + tg.ones(2)


def test_a_gpu_that_there_is_not(two):
    with pytest.raises(RuntimeError, match="no device 'cuda:2'; this machine has 2 GPUs"):
        tg.zeros(2, device="cuda:2")
    with pytest.raises(RuntimeError, match="no device 'cuda:7'"):
        tg.zeros(2).to("cuda:7")
    with pytest.raises(RuntimeError, match="no device 'cuda:5'"):
        tg.cuda.set_device(5)
    with pytest.raises(ValueError, match="takes a GPU such as 'cuda:0', got 'cpu'"):
        tg.cuda.memory_allocated("cpu")


def network():
    """A small network with all that a step may hold: convolution, norm, dropout."""
    tg.manual_seed(0)
    return tg.nn.Sequential(
        tg.nn.Conv2d(1, 3, 3, padding=1),
        tg.nn.BatchNorm2d(3),
        tg.nn.ReLU(),
        tg.nn.MaxPool2d(2),
        tg.nn.Flatten(),
        tg.nn.Dropout(0.3),
        tg.nn.Linear(12, 4),
    )


OPTIMIZERS = {
    "SGD": lambda params: tg.optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.01),
    "Adam": lambda params: tg.optim.Adam(params, lr=0.01),
    "RMSprop": lambda params: tg.optim.RMSprop(params, lr=0.01),
}


def batches(device, count=8, size=3):
    """Images and labels, on the device."""
    rng = np.random.default_rng(1)
    for _ in range(count):
        images = rng.standard_normal((size, 1, 4, 4), dtype=np.float32)
        yield tg.tensor(images).to(device), tg.tensor(rng.integers(0, 4, size)).to(device)


def trained(place, wrap=lambda fn: fn, optimizer="SGD", schedule=True, count=8):
    """Losses and parameters after a training; wrap: what makes a step of a function."""
    model = network().to(place)
    optimizer = OPTIMIZERS[optimizer](model.parameters())
    scheduler = tg.optim.lr_scheduler.ExponentialLR(optimizer, 0.8)

    def step(images, labels):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    step = wrap(step)
    losses = []
    for images, labels in batches(place, count):
        losses.append(step(images, labels).item())
        if schedule:
            scheduler.step()
    return losses, {name: t.cpu().numpy() for name, t in model.state_dict().items()}


def assert_same(one, other):
    assert one[0] == other[0]
    for name, array in one[1].items():
        np.testing.assert_array_equal(array, other[1][name], err_msg=name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_on_another_gpu_than_the_current_one(two, optimizer):
    assert_same(trained("cuda:1", optimizer=optimizer), trained("cuda:0", optimizer=optimizer))


def test_dtypes_meet_on_another_gpu_than_the_current_one(two):
    x, y = tg.ones(2, device="cuda:1"), tg.ones(2, dtype=tg.float64, device="cuda:1")
    assert (x + y).dtype == tg.float64
    assert tg.exp(tg.ones(2, dtype=tg.int64, device="cuda:1")).device == tg.device("cuda:1")
    x += y.float()
    x[0] = 5.0
    assert x.tolist() == [5.0, 2.0]
    z = tg.ones(2, device="cuda:0", requires_grad=True)
    ((z * 2).to("cuda:1") * x).sum().backward()
    assert z.grad.tolist() == [10.0, 4.0]
    assert str(z.grad.device) == "cuda:0"


def test_what_a_gpu_is_like(two):
    assert tg.cuda.is_available()
    assert tg.cuda.device_count() == 2
    assert tg.cuda.get_device_name(1) == "Double 1"
    assert tg.cuda.get_device_capability() == (9, 0)
    assert tg.cuda.get_device_properties("cuda:0").total_memory == 2**30
    tg.cuda.set_device("cuda:1")
    assert tg.cuda.current_device() == 1
    assert tg.cuda.get_device_name() == "Double 1"
    with two.double.counting_syncs() as seen:
        tg.cuda.synchronize()
    assert seen == ["device synchronize"]


# --- memory and streams ---------------------------------------------------------------------------


def test_memory_is_counted_on_its_gpu(two):
    before = [tg.cuda.memory_allocated(i) for i in range(2)]
    tg.cuda.reset_peak_memory_stats(1)
    x = tg.zeros(1000, device="cuda:1")
    y = x + 1
    assert tg.cuda.memory_allocated(1) == before[1] + 8000
    del y
    assert tg.cuda.memory_allocated(1) == before[1] + 4000
    assert tg.cuda.memory_allocated(0) == before[0]
    assert tg.cuda.max_memory_allocated(1) == before[1] + 8000
    assert tg.cuda.memory_reserved(1) >= before[1] + 8000
    del x
    tg.cuda.empty_cache()
    assert tg.cuda.memory_reserved(1) == tg.cuda.memory_allocated(1) == before[1]
    tg.cuda.reset_peak_memory_stats(1)
    assert tg.cuda.max_memory_allocated(1) == before[1]
    free, total = tg.cuda.mem_get_info(1)
    assert 0 < free <= total


def test_streams_and_events(one):
    side = tg.cuda.Stream()
    start, end = (tg.cuda.Event(enable_timing=True) for _ in range(2))
    assert tg.cuda.current_stream() == tg.cuda.default_stream() != side
    with tg.cuda.stream(side):
        assert tg.cuda.current_stream() == side
        start.record()
        tg.ones(3, device="cuda") + 1
        end.record()
    assert tg.cuda.current_stream() != side
    end.synchronize()
    assert end.query() and side.query()
    assert start.elapsed_time(end) > 0
    other = tg.cuda.Stream()
    other.wait_stream(side)
    assert len(other.raw.waited) == 1
    with pytest.raises(ValueError, match="enable_timing"):
        start.elapsed_time(tg.cuda.Event())
    with tg.cuda.stream(None):
        assert tg.cuda.current_stream() == tg.cuda.default_stream()


# --- recorded steps -------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_recorded_steps_are_the_steps(one, optimizer):
    """The same losses, weights, statistics and dropouts, with a learning rate that changes."""
    assert_same(
        trained("cuda", tg.cuda.graph_step, optimizer), trained("cuda", optimizer=optimizer)
    )


@pytest.fixture
def stepping(one):
    """One GPU whose optimisers have their kernels, run on the CPU from their CUDA C."""
    if shutil.which("g++") is None:
        pytest.skip("running CUDA C on the CPU takes a C++ compiler: install g++")
    import cuda_runner

    space = importlib.import_module("tinygrad_cnn.kernels.cuda")
    space.OVERLAYS = dict.fromkeys(("sgd_step", "adam_step"), "cuda_optim")
    return cuda_runner


@pytest.mark.parametrize(("optimizer", "parts"), [("SGD", 1), ("Adam", 1), ("RMSprop", 3)])
def test_a_step_with_its_optimiser_is_one_graph(stepping, optimizer, parts):
    """With a learning rate that changes, and counts of steps; where there is no kernel, it is the
    host's between two graphs."""
    steps = []

    def recorded(fn):
        steps.append(tg.cuda.graph_step(fn))
        return steps[0]

    before = stepping.LAUNCHES["lay"]
    found = trained("cuda", recorded, optimizer)
    (tape,) = steps[0].tapes.values()
    assert len(tape.parts) == parts
    assert stepping.LAUNCHES["lay"] - before == (5 if parts == 1 else 0)
    assert_same(found, trained("cuda", optimizer=optimizer))


def adam_steps(wrap, change):
    """Weights and counts after seven steps, with a change behind the fourth."""
    w = tg.ones(3, device="cuda", requires_grad=True)
    optimizer = tg.optim.Adam([w], lr=0.1)

    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()

    step = wrap(step)
    for i in range(7):
        step(tg.full((3,), i - 2.0, device="cuda"))
        if i == 4:
            change(optimizer)
    return w.tolist(), optimizer.state[w]["step"], w.grad.tolist()


CHANGES = {
    "learning rate": lambda o: o.param_groups[0].update(lr=0.5),
    "betas": lambda o: o.param_groups[0].update(betas=(0.5, 0.6)),
    "largest squares": lambda o: o.param_groups[0].update(amsgrad=True),
    "weight decay": lambda o: o.param_groups[0].update(weight_decay=0.1),
    "another state": lambda o: o.load_state_dict(o.state_dict()),
    "no state": lambda o: o.state.update({p: {} for p in o.state}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_behind_a_recording_counts(stepping, change):
    recorded = adam_steps(lambda fn: tg.cuda.graph_step(fn, warmup=1), CHANGES[change])
    assert recorded == adam_steps(lambda fn: fn, CHANGES[change])
    assert recorded[1] == (2 if change == "no state" else 7)


def test_two_steps_of_an_optimiser_in_one(stepping):
    def run(wrap):
        w = tg.ones(2, device="cuda", requires_grad=True)
        optimizer = tg.optim.Adam([w], lr=0.1)

        def step(x):
            for _ in range(2):
                optimizer.zero_grad()
                (w * w * x).sum().backward()
                optimizer.step()

        step = wrap(step)
        for i in range(5):
            step(tg.full((2,), 1.0 + i, device="cuda"))
        return w.tolist(), optimizer.state[w]["step"]

    assert run(lambda fn: tg.cuda.graph_step(fn, warmup=1)) == run(lambda fn: fn)


def test_a_recording_that_fails_counts_no_step(stepping):
    w = tg.ones(2, device="cuda", requires_grad=True)
    optimizer = tg.optim.Adam([w], lr=0.1)

    @tg.cuda.graph_step(warmup=1)
    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()
        return w.sum().item()

    step(tg.ones(2, device="cuda"))
    before = w.tolist()
    with pytest.raises(RuntimeError, match="cannot be recorded"):
        step(tg.ones(2, device="cuda"))
    assert optimizer.state[w]["step"] == 1
    assert w.tolist() == before


def test_a_step_is_replayed_and_not_run(one):
    calls = []

    @tg.cuda.graph_step(warmup=2)
    def double_of(x):
        calls.append(x.shape)
        return x * 2

    found = [double_of(tg.full((2,), i, device="cuda")).tolist() for i in range(5)]
    assert found == [[2.0 * i] * 2 for i in range(5)]
    assert len(calls) == 3
    assert double_of.recordings == 1
    assert double_of.__name__ == "double_of"


def test_results_lie_in_static_memory(one):
    step = tg.cuda.graph_step(lambda x: (x + 1, {"twice": x * 2, "none": None}), warmup=0)
    first, more = step(tg.ones(2, device="cuda"))
    again, _ = step(tg.zeros(2, device="cuda"))
    assert first.tolist() == again.tolist() == [1.0, 1.0]
    assert more["twice"].tolist() == [0.0, 0.0]
    assert more["none"] is None


def test_masks_are_fresh_and_those_of_plain_steps(one):
    x = tg.ones(200, device="cuda")
    step = tg.cuda.graph_step(lambda x: (F.dropout(x, 0.5), F.dropout(x, 0.5)), warmup=1)
    tg.cuda.manual_seed_all(5)
    replayed = [[y.tolist() for y in step(x)] for _ in range(4)]
    tg.manual_seed(5)
    plain = [[F.dropout(x, 0.5).tolist() for _ in range(2)] for _ in range(4)]
    assert replayed == plain
    assert len({str(mask) for pair in replayed for mask in pair}) == 8
    tg.manual_seed(5)  # seeds count as well, and draws in between
    assert [y.tolist() for y in step(x)] == plain[0]
    F.dropout(x, 0.5), F.dropout(x, 0.5)
    assert [y.tolist() for y in step(x)] == plain[2]


def test_a_checkpoint_within_a_recorded_step_draws_its_masks_again(one):
    w = tg.ones(50, device="cuda", requires_grad=True)

    def step(x):
        w.grad = None
        tg.utils.checkpoint.checkpoint(lambda x: F.dropout(x * w, 0.5), x).sum().backward()
        return w.grad

    tg.manual_seed(0)
    plain = [step(tg.ones(50, device="cuda")).tolist() for _ in range(4)]
    tg.manual_seed(0)
    recorded = tg.cuda.graph_step(step, warmup=1)
    assert [recorded(tg.ones(50, device="cuda")).tolist() for _ in range(4)] == plain


def test_other_shapes_are_recorded_for_themselves(one):
    step = tg.cuda.graph_step(lambda x, scale=1: x.sum() * scale, warmup=1)
    for n in (2, 3, 2, 3, 2, 3):
        assert step(tg.ones(n, device="cuda")).item() == n
    assert step.recordings == 2
    for _ in range(3):
        assert step(tg.ones(2, device="cuda"), scale=3).item() == 6
    assert step.recordings == 3
    with pytest.raises(TypeError, match="can be hashed"):
        step(tg.ones(2, device="cuda"), scale=[3])


@pytest.mark.parametrize(
    "reads",
    [
        lambda x: x.sum().item(),
        lambda x: float(x.sum()),
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x.cpu(),
        lambda x: x[x > 0],
        lambda x: x + tg.tensor([1.0, 2.0], device="cuda"),
        lambda x: x + tg.rand(2, device="cuda"),
    ],
)
def test_what_cannot_be_recorded_is_refused(one, reads):
    step = tg.cuda.graph_step(reads, warmup=1)
    step(tg.ones(2, device="cuda"))
    counter = tg.default_generator.counter
    for _ in range(2):
        with pytest.raises(RuntimeError, match=r"^graph_step: "):
            step(tg.ones(2, device="cuda"))
    assert step.recordings == 0
    assert tg.default_generator.counter - counter <= 2
    assert (tg.ones(2, device="cuda") + 1).sum().item() == 4  # nothing is left open
    assert one.TAPES == []


def test_errors_of_the_step_itself_pass(one):
    step = tg.cuda.graph_step(lambda x: x.reshape(7), warmup=0)
    with pytest.raises(RuntimeError, match=r"reshape|view"):
        step(tg.ones(2, device="cuda"))
    assert one.TAPES == []


def test_a_parameter_that_moves_is_recorded_anew(one):
    w = tg.ones(2, device="cuda", requires_grad=True)
    optimizer = tg.optim.SGD([w], lr=1.0)

    @tg.cuda.graph_step(warmup=0)
    def step(x):
        optimizer.zero_grad()
        (w * x).sum().backward()
        optimizer.step()

    x = tg.ones(2, device="cuda")
    step(x)
    step(x)
    assert w.tolist() == [-1.0, -1.0]
    w.data = tg.zeros(2, device="cuda")
    step(x)
    step(x)
    assert w.tolist() == [-2.0, -2.0]


def test_gradients_that_are_forgotten_outside_are_found_again(one):
    w = tg.ones(2, device="cuda", requires_grad=True)
    optimizer = tg.optim.Adam([w], lr=0.1)
    step = tg.cuda.graph_step(lambda x: [(w * x).sum().backward(), optimizer.step()], warmup=1)
    for _ in range(4):
        before = w.tolist()
        optimizer.zero_grad()
        step(tg.ones(2, device="cuda"))
        assert w.tolist() != before
    assert optimizer.state[w]["step"] == 4


def test_a_grad_scaler_works_between_graphs(one):
    def run(wrap):
        w = tg.ones(2, device="cuda", requires_grad=True)
        optimizer, scaler = tg.optim.SGD([w], lr=0.1), tg.GradScaler(growth_interval=3)

        def step(x):
            optimizer.zero_grad()
            scaler.scale((w * x).sum()).backward()
            scaler.step(optimizer)
            scaler.update()

        step = wrap(step)
        for i in range(10):
            step(tg.full((2,), float("inf") if i == 5 else float(i), device="cuda"))
        return w.tolist(), scaler.get_scale()

    assert run(lambda fn: tg.cuda.graph_step(fn, warmup=1)) == run(lambda fn: fn)


def test_recorded_memory_is_its_own_and_stays(one):
    w = tg.ones(100, device="cuda", requires_grad=True)

    @tg.cuda.graph_step(warmup=1)
    def step(x):
        w.grad = None
        loss = (w * x).exp().sum()
        loss.backward()
        return loss

    x = tg.ones(100, device="cuda")
    step(x)
    step(x)
    (tape,) = step.tapes.values()
    assert tape.pool.used_bytes() >= x.nbytes
    made, used = tape.pool.arrays, tg.cuda.memory_allocated()
    for _ in range(20):
        step(x)
    assert tape.pool.arrays == made
    assert tg.cuda.memory_allocated() == used


def test_a_step_waits_for_what_was_asked_before_and_others_for_it(one):
    step = tg.cuda.graph_step(lambda x: x + 1, warmup=0)
    step(tg.ones(2, device="cuda"))
    (tape,) = step.tapes.values()
    assert len(tape.stream.waited) == 1
    assert not tape.stream.is_null
    before = len(one.Stream.null.waited)
    with one.double.counting_syncs() as seen:
        step(tg.ones(2, device="cuda"))
    assert seen == ["host copy"] * len(seen)
    assert len(one.Stream.null.waited) == before + 1


def test_a_training_step_does_not_wait_for_the_gpu(one):
    model = network().to("cuda")
    optimizer = tg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    images, labels = next(iter(batches("cuda", 1)))

    @tg.cuda.graph_step(warmup=1)
    def step(images, labels):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()

    step(images, labels)
    for _ in range(3):
        with one.double.counting_syncs() as seen:
            step(images, labels)
        assert seen == []


def test_a_step_within_a_step_is_part_of_it(one):
    inner = tg.cuda.graph_step(lambda x: x * 2, warmup=0)
    outer = tg.cuda.graph_step(lambda x: inner(x) + 1, warmup=0)
    assert [outer(tg.full((1,), i, device="cuda")).item() for i in (1.0, 2.0)] == [3.0, 5.0]
    assert (outer.recordings, inner.recordings) == (1, 0)


def test_settings():
    with pytest.raises(ValueError, match="warmup is a number of calls, 0 or more, got -1"):
        tg.cuda.graph_step(lambda x: x, warmup=-1)
