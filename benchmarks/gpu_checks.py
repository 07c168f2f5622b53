"""The sections of `gpu_day` that say whether results are right.

Each takes a Report and adds rows to it. Not yet run on a GPU.
"""

import contextlib
import json
import math
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from . import machine

TESTS = machine.ROOT / "tests"
PACKAGES = ("numpy", "torch", "torchvision", "nvidia-cudnn-frontend", "nvidia-cudnn-cu13")
QUERY = "name,driver_version,memory.total,clocks.max.sm,clocks.max.mem,power.limit,compute_mode"


def milliseconds(work: Callable[[], object], rounds: int = 10, warm_up: int = 3) -> float:
    """The median time that the GPU takes for work of ours."""
    import statistics

    import tinygrad_cnn as tg

    times = []
    for _ in range(warm_up + rounds):
        start, end = (tg.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times[warm_up:])


def text_of(command: list[str], timeout: float = 20.0) -> str | None:
    """What a program prints; None if there is none, or it fails."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=True)
    except (subprocess.SubprocessError, OSError):
        return None
    return done.stdout.strip()


# --- what this is ---------------------------------------------------------------------------------


def identity(report: Any) -> None:
    """The GPU, its software, our flags, and the ceilings of the day."""
    import tinygrad_cnn as tg
    from tinygrad_cnn.kernels import facts

    for index in range(tg.cuda.device_count()):
        report.add(f"cuda:{index}", str(tg.cuda.get_device_properties(index)))
    query = text_of(["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"])
    report.add("nvidia-smi", query or "not found")
    report.add("Python", f"{platform.python_version()}, {platform.platform(terse=True)}")
    report.add("cupy", facts.version(*facts.CUPY))
    for name in PACKAGES:
        report.add(name, facts.version(name) or "not installed")
    report.add("flags", f"{tg.backends.cudnn}, {tg.backends.cuda.matmul}")
    describe(report)
    size = 2**20 if report.quick else 2**28
    x = tg.ones(size, device="cuda")
    y = tg.empty(size, device="cuda")
    report.add("copy, GB/s", 8 * size / milliseconds(lambda: y.copy_(x)) / 1e6)
    products(report)


def describe(report: Any) -> None:
    """The description of the device that cuDNN plans with, on file."""
    try:
        import cudnn

        text = cudnn.create_device_properties(0).serialize()
    except Exception as error:  # whatever is missing
        report.skip("device description", f"{type(error).__name__}: {error}")
        return
    path = report.folder / "device.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    report.add("device description", path.name)


def products(report: Any) -> None:
    """Matrix products: ours, and PyTorch's in each precision."""
    import tinygrad_cnn as tg

    n = 256 if report.quick else 8192
    a = tg.randn(n, n, device="cuda")
    report.add("GEMM float32, ours, Tflop/s", 2 * n**3 / milliseconds(lambda: a @ a) / 1e9)
    try:
        import torch
    except ImportError:
        report.skip("GEMM of PyTorch", "torch is not installed")
        return
    for name, dtype, tf32 in (
        ("float32", torch.float32, False),
        ("TF32", torch.float32, True),
        ("bfloat16", torch.bfloat16, False),
    ):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        b = torch.randn(n, n, device="cuda", dtype=dtype)
        report.add(f"GEMM {name}, PyTorch, Tflop/s", 2 * n**3 / torch_time(lambda b=b: b @ b) / 1e9)
    torch.backends.cuda.matmul.allow_tf32 = False


def torch_time(work: Callable[[], object], rounds: int = 10, warm_up: int = 3) -> float:
    """The median time in milliseconds that the GPU takes for work of PyTorch's."""
    import statistics

    import torch

    times = []
    for _ in range(warm_up + rounds):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times[warm_up:])


# --- the device double ----------------------------------------------------------------------------


@contextlib.contextmanager
def importing_tests() -> Iterator[None]:
    """A context in which the modules that tests share can be imported."""
    sys.path.insert(0, str(TESTS))
    try:
        yield
    finally:
        sys.path.remove(str(TESTS))


@contextlib.contextmanager
def waiting_refused(xp: Any) -> Iterator[None]:
    """A context in which CuPy raises where the host waits; it does not see all such places."""
    import warnings

    import cupyx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the function is deprecated, and the only one
        with cupyx.allow_synchronize(False):
            yield


def answer(probe: Any, xp: Any, host: Any, refusing: Callable) -> str:
    """What an array library makes of a probe: the error's name, or the result's form."""
    x = xp.asarray(host)
    try:
        if probe.outcome == "waits":
            with refusing(xp):
                result = probe.use(xp, x)
        else:
            result = probe.use(xp, x)
    except Exception as error:
        return f"raises {type(error).__name__}"
    if hasattr(result, "dtype"):
        return f"{type(result).__name__} {result.dtype} {tuple(result.shape)}"
    return type(result).__name__


def is_as_foretold(probe: Any, found: str) -> bool | None:
    """Whether an answer is what the table of probes says; None where the table leaves it open."""
    if probe.outcome in ("open", "poison"):
        return None
    raised = found.removeprefix("raises ") if found.startswith("raises ") else None
    if isinstance(probe.outcome, str):
        return (raised is not None) == (probe.outcome == "waits")
    kinds = probe.outcome if isinstance(probe.outcome, tuple) else (probe.outcome,)
    return raised in {sub.__name__ for kind in kinds for sub in (kind, *kind.__subclasses__())}


def conformance(report: Any, xp: Any = None, refusing: Callable = waiting_refused) -> None:
    """The double's table of probes, answered by CuPy: all answers on file, the differences as rows.

    xp: another array module, for a test of this function.
    """
    import numpy as np

    if xp is None:
        import cupy as xp
    with importing_tests():
        from double_probes import BUGS, CORRECT
    host = np.arange(6, dtype=np.float32).reshape(2, 3)
    answers = {}
    for probe in [*BUGS, *CORRECT]:
        found = answers[probe.name] = answer(probe, xp, host, refusing)
        if is_as_foretold(probe, found) is False:
            expected = getattr(probe.outcome, "__name__", str(probe.outcome))
            report.add(probe.name, found, expected, False)
    path = report.folder / "cupy_answers.json"
    path.write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")
    wrong = sum(row["good"] is False for row in report.rows)
    report.add("probes answered otherwise", wrong, 0, wrong == 0)
    report.add("probes asked", len(answers))


# --- tests ----------------------------------------------------------------------------------------


def tests(report: Any, item: str, *words: str, timeout: float) -> None:
    """Run some of the tests; a row says how many passed, the whole text is on file."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    try:
        done = subprocess.run(
            command, cwd=machine.ROOT, capture_output=True, text=True, timeout=timeout
        )
        text, code = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired as error:
        text, code = f"{error.stdout or ''}\ncut off after {timeout} s", None
    (report.folder / f"{item.replace(' ', '_')}.txt").write_text(text, encoding="utf-8")
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    report.add(item, last.strip("= "), "all pass", code == 0)


def suite(report: Any) -> None:
    """The test suite with the GPU as the backend of tensors."""
    words = ["--backend=cuda", "--maxfail=30", "-n", "4", f"--junitxml={report.folder}/suite.xml"]
    some = ["tests/test_gates.py"] if report.quick else []
    tests(report, "tests on the GPU", *words, *some, timeout=225)


def kernels(report: Any) -> None:
    """Our CUDA kernels against their source run on the CPU; the same bits again; sanitizers."""
    tests(report, "tests of kernels", "tests/kernels", "-k", "cuda", timeout=40)
    losses = [deterministic_losses() for _ in range(5)]
    report.add("five repeats are one", len(set(losses)), 1, len(set(losses)) == 1)
    for tool in ("memcheck", "racecheck"):
        if shutil.which("compute-sanitizer") is None:
            report.skip(tool, "compute-sanitizer is not found")
            continue
        command = ["compute-sanitizer", "--tool", tool, "--error-exitcode", "9", sys.executable]
        code = "from benchmarks.gpu_checks import deterministic_losses as f; f(steps=1)"
        try:
            done = subprocess.run(
                [*command, "-c", code], cwd=machine.ROOT, capture_output=True, text=True, timeout=30
            )
        except subprocess.TimeoutExpired:
            report.skip(tool, "it took longer than 30 s")
            continue
        (report.folder / f"{tool}.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
        report.add(tool, f"exit code {done.returncode}", "exit code 0", done.returncode == 0)


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """A context in which results do not depend on the order of threads."""
    import tinygrad_cnn as tg

    with tg.backends.cudnn.flags(deterministic=True):
        yield


def small_training(wrap: Callable = lambda fn: fn, seed: int = 0) -> tuple[Callable, Any]:
    """A step of a small network with convolution, norm, pooling and dropout; and its model.

    wrap: what makes the step of a function.
    """
    import tinygrad_cnn as tg

    tg.manual_seed(seed)
    model = tg.nn.Sequential(
        *(tg.nn.Conv2d(3, 16, 3, padding=1), tg.nn.BatchNorm2d(16), tg.nn.ReLU()),
        *(tg.nn.MaxPool2d(2), tg.nn.Flatten(), tg.nn.Dropout(0.5), tg.nn.Linear(1024, 10)),
    ).to("cuda")
    optimizer = tg.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(images: Any, labels: Any) -> Any:
        optimizer.zero_grad()
        loss = tg.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return wrap(step), model


def some_batches(count: int) -> list[tuple[Any, Any]]:
    """Images (16, 3, 16, 16) and labels on the GPU, the same each time."""
    import tinygrad_cnn as tg

    draw = tg.Generator(1)
    return [
        (
            tg.randn(16, 3, 16, 16, generator=draw).to("cuda"),
            tg.randint(10, (16,), generator=draw).to("cuda"),
        )
        for _ in range(count)
    ]


def deterministic_losses(steps: int = 5, wrap: Callable = lambda fn: fn) -> tuple[float, ...]:
    """The losses of a few steps of a small network."""
    batches = some_batches(steps)
    with deterministic():
        step, _ = small_training(wrap)
        return tuple(step(*batch).item() for batch in batches)


# --- whole networks -------------------------------------------------------------------------------


def networks(report: Any) -> None:
    """Loss and gradients of one step, ours and PyTorch's, in strict float32 on the same weights."""
    try:
        import torch
        import torchvision  # noqa: F401
    except ImportError as error:
        report.skip("networks", f"{error.name} is not installed")
        return
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    names = ("lenet", "resnet20") if report.quick else ("resnet20", "resnet18", "densenet121")
    for name in names:
        loss, worst = against_torch(name, 4)
        report.add(f"{name}: loss, relative error", loss, 1e-5, loss <= 1e-5)
        report.add(f"{name}: gradients, relative error", worst, 1e-3, worst <= 1e-3)


def against_torch(name: str, batch: int) -> tuple[float, float]:
    """The relative errors of the loss, and of the worst gradient by its norm."""
    import torch

    import tinygrad_cnn as tg

    from .networks import WORKLOADS, our_network, torch_network

    work = next(w for w in WORKLOADS if w.network == name)
    tg.backends.cudnn.allow_tf32 = False
    torch.manual_seed(0)
    theirs, model = torch_network(name).to("cuda").train(), our_network(name)
    for p, q in zip(model.parameters(), theirs.parameters(), strict=True):
        p.data = tg.tensor(q.detach().cpu().numpy())
    model = model.to("cuda").train()
    x = torch.randn(batch, work.channels, work.side, work.side)
    labels = torch.randint(work.classes, (batch,))
    expected = torch.nn.functional.cross_entropy(theirs(x.to("cuda")), labels.to("cuda"))
    expected.backward()
    ours = tg.tensor(x.numpy(), device="cuda"), tg.tensor(labels.numpy(), device="cuda")
    loss = tg.nn.functional.cross_entropy(model(ours[0]), ours[1])
    loss.backward()
    worst = 0.0
    for p, q in zip(model.parameters(), theirs.parameters(), strict=True):
        size = q.grad.norm().item()
        apart = (torch.tensor(p.grad.cpu().numpy()) - q.grad.cpu()).norm().item()
        worst = max(worst, apart / size if size else apart)
    return abs(loss.item() - expected.item()) / abs(expected.item()), worst


# --- waiting, and recorded steps ------------------------------------------------------------------


def graph(report: Any, refusing: Callable = waiting_refused) -> None:
    """A step that never waits; 50 replayed steps that are the 50 plain ones; fresh masks; memory.

    refusing: another context that refuses waiting, for a test of this function.
    """
    import tinygrad_cnn as tg

    (images, labels), *_ = some_batches(1)
    step, _ = small_training()
    step(images, labels)
    try:
        with refusing(None):
            step(images, labels)
        report.add("a step waits for the GPU", "no", "no", True)
    except Exception as error:
        report.add("a step waits for the GPU", f"{type(error).__name__}: {error}", "no", False)
    count = 8 if report.quick else 50
    plain = deterministic_losses(count)
    replayed = deterministic_losses(count, tg.cuda.graph_step)
    report.add(
        f"{count} replayed losses equal plain ones", plain == replayed, True, plain == replayed
    )
    apart = max(abs(a - b) for a, b in zip(plain, replayed, strict=True))
    report.add("largest difference of a loss", apart, 0.0, math.isfinite(apart) and apart < 1e-4)
    ones = tg.ones(1000, device="cuda")
    drop = tg.cuda.graph_step(lambda x: tg.nn.functional.dropout(x, 0.5), warmup=1)
    masks = {str(drop(ones).tolist()) for _ in range(6)}
    report.add("different masks in 6 calls", len(masks), 6, len(masks) == 6)
    recorded, _ = small_training(tg.cuda.graph_step)
    for _ in range(5):
        recorded(images, labels)
    before = tg.cuda.memory_reserved()
    for _ in range(20 if report.quick else 200):
        recorded(images, labels)
    grown = tg.cuda.memory_reserved() - before
    report.add("bytes that 200 replays add", grown, 0, grown == 0)


def distributed(report: Any) -> None:
    """NCCL among one rank: more need as many GPUs."""
    import cupy

    try:
        from cupy.cuda import nccl
    except ImportError as error:
        report.skip("NCCL", str(error))
        return
    if not nccl.available:
        report.skip("NCCL", "CuPy finds no library")
        return
    communicator = nccl.NcclCommunicator(1, nccl.get_unique_id(), 0)
    x = cupy.arange(1000, dtype="float32")
    y = cupy.zeros_like(x)
    stream = cupy.cuda.get_current_stream().ptr
    communicator.allReduce(x.data.ptr, y.data.ptr, x.size, nccl.NCCL_FLOAT32, nccl.NCCL_SUM, stream)
    same = bool((x == y).all())
    report.add("NCCL all-reduce among one rank", same, True, same)
    report.skip("two ranks on this GPU", "tg.distributed is not there yet")
