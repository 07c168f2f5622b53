"""The sections of the day with a GPU come to their end on the device double, and tell what they
should. PyTorch, their peer, computes on the CPU meanwhile: times say nothing, rows are there.

The double's bfloat16 is NumPy's, which is not CuPy's: such rows are not asked for their numbers.
"""

import contextlib
import itertools
import json
import types

import numpy as np
import pytest

import tinygrad_cnn as tg
from benchmarks import (
    gpu_checks,
    gpu_day,
    gpu_gates,
    gpu_identity,
    gpu_input,
    gpu_operations,
    gpu_plans,
    gpu_profile,
    gpu_steps,
    gpu_timing,
    gpu_training,
    machine,
)
from tinygrad_cnn import kernels


@pytest.fixture(autouse=True)
def one_commit(monkeypatch):
    monkeypatch.setattr(machine, "commit", lambda: "abc")


@pytest.fixture
def gpu(double):
    """The double's streams, with one GPU; flags and modules afterwards as before."""
    import double_streams

    flags = tg.backends.cudnn.allow_tf32, tg.backends.cuda.matmul.allow_tf32
    names = vars(kernels)
    modules = {name: names[name] for name in names if name.startswith("cuda_")}
    with double_streams.machine(1) as space:
        space.set_matmul_tf32 = lambda allowed: None  # CuPy's settings, which the double has not
        yield double_streams
        tg.backends.cudnn.allow_tf32, tg.backends.cuda.matmul.allow_tf32 = flags
    for name in [name for name in names if name.startswith("cuda_")]:
        del names[name]
    names.update(modules)


class Event:
    """What the double's machine has for torch.cuda.Event: a clock that ticks."""

    clock = itertools.count()

    def __init__(self, enable_timing):
        self.time = None

    def record(self):
        self.time = next(self.clock)

    def synchronize(self):
        pass

    def elapsed_time(self, end):
        return float(end.time - self.time)


@pytest.fixture
def peer(monkeypatch):
    """PyTorch, which computes on the CPU and answers as it would on a GPU."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    monkeypatch.setattr(gpu_timing, "PEER", "cpu")
    for name in ("synchronize", "reset_peak_memory_stats", "empty_cache"):
        monkeypatch.setattr(torch.cuda, name, lambda: None)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 2**20)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(gpu_timing, "kernels_in", lambda step: [("k", 1.0), ("k", 2.0)])
    for module in (gpu_steps, gpu_operations, gpu_profile):
        monkeypatch.setattr(module, "kernels_in", gpu_timing.kernels_in)
    flags = [torch.backends.cudnn, torch.backends.cuda.matmul]
    before = [flag.allow_tf32 for flag in flags]
    yield torch
    for flag, value in zip(flags, before, strict=True):
        flag.allow_tf32 = value


@pytest.fixture
def report(tmp_path):
    return gpu_day.Report("tried", tmp_path, quick=True)


def rows_of(report):
    return {row["item"]: row["value"] for row in report.rows}


def wrong(report):
    return [row for row in report.rows if row["good"] is False]


@contextlib.contextmanager
def refusing(xp):
    """Where the double would wait it raises."""
    import double

    with double.counting_syncs() as seen:
        yield
    if seen:
        raise RuntimeError(seen[0])


# --- what is measured on --------------------------------------------------------------------------


def test_identity(peer, gpu, report, monkeypatch):
    monkeypatch.setattr(gpu_identity, "configuration", lambda report: None)
    gpu_identity.identity(report)
    found = rows_of(report)
    assert "Double 0" in found["cuda:0"]
    assert "allow_tf32=True" in found["flags"]
    speeds = [name for name in found if name.endswith("flop/s") or name.endswith("GB/s")]
    assert len(speeds) == 7
    assert all(found[name] > 0 for name in speeds)
    assert found["device description"].startswith("skipped: ")


def test_what_cupy_says_of_itself_is_on_file(report):
    gpu_identity.configuration(report, lambda: print("CuPy Version : 14"))
    assert (report.folder / "cupy_config.txt").read_text() == "CuPy Version : 14\n"


# --- whether results are right --------------------------------------------------------------------


def test_the_double_answers_its_own_probes(double, report):
    gpu_checks.conformance(report, double.xp, refusing)
    assert [row["good"] for row in report.rows] == [True, None]
    answers = json.loads((report.folder / "cupy_answers.json").read_text())
    assert answers["sum to 0-d"] == "DArray float32 ()"
    assert answers["float()"] == "raises RuntimeError"


def test_numpy_in_place_of_cupy_is_found_out(report):
    pytest.importorskip("cupy", reason="the probes are the double's")
    with np.errstate(all="ignore"):
        gpu_checks.conformance(report, np, contextlib.nullcontext)
    assert report.rows[-2]["value"] > 30
    assert report.rows[-2]["good"] is False


def test_tests_are_run_and_told(report):
    gpu_checks.tests(report, "these", "tests/benchmarks/test_gpu_day.py", "-k", "ten", timeout=60)
    (row,) = report.rows
    assert row["good"] is True
    assert row["value"].startswith("1 passed")
    assert "1 passed" in (report.folder / "these.txt").read_text()
    gpu_checks.tests(report, "late", "tests/benchmarks/test_gpu_day.py", timeout=0.01)
    assert report.rows[-1]["good"] is False
    assert report.rows[-1]["value"] == "cut off after 0.01 s"


def test_the_suite_and_the_kernels_tests_are_asked_for(gpu, report, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        gpu_checks, "tests", lambda report, item, *words, timeout: asked.update({item: words})
    )
    monkeypatch.setattr(gpu_checks.shutil, "which", lambda name: None)
    gpu_checks.suite(report)
    gpu_checks.kernels(report)
    assert {"--backend=cuda", "--maxfail=30"} <= set(asked["tests on the GPU"])
    assert asked["tests of kernels"][:3] == ("tests/kernels", "-k", "cuda")
    found = rows_of(report)
    assert found["five repeats are one"] == 1
    assert found["racecheck"] == "skipped: compute-sanitizer is not found"


def test_gates_are_held_against_float64(gpu, report):
    pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
    gpu_gates.gates(report, contextlib.nullcontext)
    assert [row for row in wrong(report) if "bfloat16" not in row["item"]] == []
    found = rows_of(report)
    assert found["gates asked, float32"] == found["gates asked, bfloat16"] >= 6
    assert found["dropout in bfloat16: values"] == [0.0, 2.0]
    errors = json.loads((report.folder / "gate_errors.json").read_text())
    assert set(errors) == {"float32", "TF32", "bfloat16"}


def test_kernels_are_asked_for_more_than_a_block():
    *small, large = gpu_gates.cases_of("batch_norm", 3)
    assert len(small) <= 3
    assert large.inputs[0].shape == (3, 40, 7, 6)
    assert gpu_gates.large_cases("exp") == []


def test_a_gate_that_is_wrong_is_found_out(gpu):
    from probes import FUNCTIONS

    def broken(*inputs, **settings):
        z = FUNCTIONS["exp"](*inputs, **settings)
        return z if isinstance(z, (np.ndarray, np.generic)) else z * 1.001

    broken.gate = FUNCTIONS["exp"].gate
    kind = gpu_gates.KINDS["float32"]
    error, bound = gpu_gates.worst(broken, "exp", kind, 4)
    assert error > bound
    error, bound = gpu_gates.worst(FUNCTIONS["exp"], "exp", kind, 4)
    assert error <= bound


@pytest.mark.parametrize(
    ("found", "wanted", "distance"),
    [
        ([1.0, 2.0], [1.0, 2.0], 0),
        ([3.0, 4.4], [3.0, 4.0], 0.08),
        ([np.nan, 1.0], [0.0, 1.0], np.inf),
        ([np.inf, 1.0], [1e39, 1.0], 0),
        ([1.0], [1.0, 2.0], np.inf),
    ],
)
def test_how_far_arrays_are_apart(found, wanted, distance):
    assert gpu_gates.apart(np.array(found), np.array(wanted)) == pytest.approx(distance)


def test_networks_are_pytorchs(peer, gpu, report):
    gpu_training.networks(report)
    assert wrong(report) == []
    assert len(report.rows) == 6


def test_a_network_that_is_wrong_is_found_out(peer, gpu, report, monkeypatch):
    pair = gpu_training.pair

    def broken(name):
        one, *others = pair(name)
        one[0].register_forward_hook(lambda module, inputs, z: z + 3)
        return one, *others

    monkeypatch.setattr(gpu_training, "pair", broken)
    loss, own, theirs = gpu_training.against_torch("lenet", 4)
    assert loss > 1e-5
    assert own > 2e-2 > theirs


def test_inception_is_among_the_networks(peer):
    assert "inception_v3" in gpu_training.NETWORKS
    one, other, shape, classes = gpu_training.pair("inception_v3")
    ours, theirs = ([tuple(p.shape) for p in network.parameters()] for network in (one, other))
    assert ours == theirs
    assert (shape, ours[-1]) == ((3, 299, 299), (classes,))


def test_recorded_steps_are_checked(gpu, report):
    gpu_training.graph(report, refusing)
    found = {row["item"]: row["good"] for row in report.rows}
    assert all(found.values())
    assert len(found) == 5


def test_two_ranks_share_a_device(report):
    gpu_training.ranks(report, "cpu", "import sys; sys.modules['numba'] = None")
    assert [row["good"] for row in report.rows] == [True, True]


def test_without_nccl_it_is_skipped(gpu, report):
    gpu_training.collective(report)
    assert rows_of(report)["NCCL"].startswith("skipped: ")


# --- how fast, and why ----------------------------------------------------------------------------


def test_steps(peer, gpu, report):
    gpu_steps.steps(report)
    found = rows_of(report)
    for job in gpu_steps.QUICK:
        assert found[f"{job.name}: ours, images/s"] > 0
        assert found[f"{job.name}: kernels in a step of ours"] == 2
        assert found[f"{job.name}: host time of torch, ms"] > 0
        assert f"{job.name}: ratio to PyTorch eager" in found
    assert peer.backends.cudnn.benchmark is False
    assert tg.backends.cudnn.benchmark is False


def test_training_without_cudnn(peer, gpu, report, monkeypatch):
    seen = []
    monkeypatch.setattr(
        tg.nn.functional,
        "cross_entropy",
        lambda *given, f=tg.nn.functional.cross_entropy: (
            seen.append(tg.backends.cudnn.enabled) or f(*given)
        ),
    )
    gpu_steps.plain(report)
    assert set(seen) == {False}
    assert tg.backends.cudnn.enabled
    assert all(job.goals == (0.3, 0.3) and not job.cudnn for job in gpu_steps.WITHOUT)
    (job,) = gpu_steps.QUICK_WITHOUT
    assert job.name.endswith("float32, without cuDNN")
    assert rows_of(report)[f"{job.name}: ours, images/s"] > 0


def test_a_job_that_fails_stops_no_other(peer, gpu, report, monkeypatch):
    broken = gpu_steps.QUICK[0]._replace(network="none")
    monkeypatch.setattr(gpu_steps, "QUICK", [broken, gpu_steps.QUICK_WITHOUT[0]])
    gpu_steps.steps(report)
    assert next(row["item"] for row in wrong(report)) == broken.name
    assert len(report.rows) > 5


def test_operations(peer, gpu, report):
    gpu_operations.operations(report)
    assert wrong(report) == []
    times = json.loads((report.folder / "operations_ms.json").read_text())
    expected = len(gpu_operations.OPERATIONS) + len(gpu_operations.OPTIMIZERS)
    assert len(times) == expected + 1  # dropout in bfloat16
    assert set(times["dropout bfloat16"]) >= {"forward ours, ms", "backward PyTorch, ms"}
    assert len([name for name in rows_of(report) if name.startswith("slowest")]) == 5


def test_feeding(gpu, report):
    gpu_input.feeding(report)
    assert [row["item"] for row in report.rows][-1] == "time lost to feeding"


def test_layers_are_found_on_shapes_alone():
    layers = gpu_plans.layers_of("resnet50", 2, 64)
    assert len(layers) == len(set(layers))
    assert layers[0] == ((2, 3, 64, 64), (64, 3, 7, 7), (2, 2), (3, 3))
    assert str(layers[0]) == "2x3x64x64 * 64x3x7x7 s2 p3"
    assert len(layers) >= 20


@pytest.mark.parametrize("rows", [False, True])
def test_our_convolutions_are_the_ones_that_are_timed(gpu, rows):
    layer = gpu_plans.Layer((2, 3, 5, 5), (4, 3, 3, 3), (1, 1), (1, 1))
    works = gpu_plans.our_conv(layer, "float32", rows)
    assert works["forward"]().shape == (2, 4, 5, 5)
    assert works["dx"]()[0].shape == layer.images
    assert works["dw"]()[0].shape == layer.weights


def test_plans_are_timed_in_both_layouts(peer, gpu, report, monkeypatch, tmp_path):
    from tinygrad_cnn.kernels import cuda_plan

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    chosen = cuda_plan.folder() / "cudnn-9-H.json"
    chosen.parent.mkdir(parents=True)
    chosen.write_text("{}")
    rule = cuda_plan.channels_last
    gpu_plans.tf32(report)
    assert wrong(report) == []
    found = rows_of(report)
    assert {f"median ratio, TF32, {name}" for name in ("planes", "rows")} <= set(found)
    line = found["2x3x32x32 * 64x3x7x7 s2 p3 TF32 forward, ms"]
    timed = ("planes, first plan", "planes, by trial", "rows, first plan", "rows, by trial")
    assert all(what in line for what in (*timed, "rows, PyTorch"))
    assert found["plans that were chosen, on file"] == chosen.name
    assert (report.folder / chosen.name).read_text() == "{}"
    assert cuda_plan.channels_last is rule


def test_the_heaviest_kernels(peer, gpu, report, monkeypatch):
    monkeypatch.setattr(gpu_profile.shutil, "which", lambda name: None)
    gpu_profile.profile(report)
    found = rows_of(report)
    assert found["ours: all kernels of a step, ms"] == 3.0
    assert found["PyTorch: k"] == "3 ms"
    assert found["ncu"] == "skipped: it is not found"
    assert "Job(network='lenet'" in gpu_profile.program(report)


@pytest.fixture
def table():
    """What ncu prints."""
    head = '"Kernel Name","Metric Name","Metric Unit","Metric Value"\n'
    rows = [("a", "us", "1,500"), ("b", "ms", "2"), ("a", "ns", "100")]
    lines = [f'"{name}","Duration","{unit}","{value}"' for name, unit, value in rows]
    return "==PROF== x\n" + head + "\n".join(lines)


def test_kernels_of_ncus_table(table):
    found = gpu_profile.summed(gpu_profile.durations(table))
    assert [*found.items()] == [("b", 2.0), ("a", pytest.approx(1.5001))]


def test_ncu_is_run_on_a_step(report, table, monkeypatch):
    commands = []

    def run(command, **how):
        commands.append(command)
        return types.SimpleNamespace(stdout=table, stderr="", returncode=0)

    monkeypatch.setattr(gpu_profile.shutil, "which", lambda name: name)
    monkeypatch.setattr(gpu_profile.subprocess, "run", run)
    gpu_profile.by_ncu(report)
    found = rows_of(report)
    assert (found["ncu: b"], found["ncu: a"]) == ("2 ms", "1.5 ms")
    assert commands[0][:3] == ["ncu", "--clock-control", "none"]
    compile(commands[0][-1], "what ncu runs", "exec")
    assert (report.folder / "ncu.csv").read_text() == table


def test_kernels_that_pytorchs_profiler_has_seen(torch, gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    device = torch.autograd.DeviceType
    events = [
        types.SimpleNamespace(name=name, device_type=kind, device_time=1500.0)
        for name, kind in (("a", device.CUDA), ("Memcpy HtoD", device.CUDA), ("b", device.CPU))
    ]

    @contextlib.contextmanager
    def profile(activities):
        yield types.SimpleNamespace(events=lambda: events)

    monkeypatch.setattr(torch.profiler, "profile", profile)
    steps = []
    assert gpu_timing.kernels_in(lambda: steps.append(1)) == [("a", 1.5)]
    assert steps == [1]
