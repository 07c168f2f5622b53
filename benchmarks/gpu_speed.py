"""The sections of `gpu_day` that say how fast results come, and why.

In each comparison all contestants take their turn in every round, in one process, with the same
precision; PyTorch has its images and weights channels-last and picks its convolutions by trial.
Each takes a Report and adds rows to it. Not yet run on a GPU.
"""

import contextlib
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from . import machine
from .turns import turns

ROUNDS = 5
STEPS = 10  # in a round


class Job(NamedTuple):
    """A network's training or inference: batch, images, precision, and the ratios it is to reach.

    precision: "TF32", "bfloat16" or "float32". recorded: whether steps are recorded as graphs.
    goals: at first, and in the end.
    """

    network: str
    training: bool
    batch: int
    channels: int
    side: int
    classes: int
    precision: str
    goals: tuple[float, float]
    recorded: bool = False

    @property
    def name(self) -> str:
        """What the rows are called."""
        kind = "training" if self.training else "inference"
        recorded = ", recorded" if self.recorded else ""
        return f"{self.network} {kind} b{self.batch} {self.precision}{recorded}"


LARGE, SMALL = (0.5, 0.9), (1.5, 1.5)
JOBS = [
    Job("resnet50", True, 256, 3, 224, 1000, "TF32", LARGE),
    Job("resnet50", True, 256, 3, 224, 1000, "bfloat16", LARGE),
    Job("lenet", True, 128, 1, 28, 10, "TF32", SMALL, recorded=True),
    Job("resnet20", True, 128, 3, 32, 10, "TF32", SMALL, recorded=True),
    Job("resnet50", False, 256, 3, 224, 1000, "TF32", LARGE),
    Job("resnet50", False, 256, 3, 224, 1000, "bfloat16", LARGE),
    Job("resnet18", True, 256, 3, 224, 1000, "TF32", (0.5, 0.8)),
    Job("vgg16", True, 64, 3, 224, 1000, "TF32", (0.5, 0.8)),
    Job("googlenet", True, 128, 3, 224, 1000, "TF32", (0.5, 0.8)),
    Job("densenet121", True, 64, 3, 224, 1000, "TF32", (0.5, 0.8)),
    Job("resnet50", True, 128, 3, 224, 1000, "float32", LARGE),
]
QUICK = [
    Job("lenet", True, 32, 1, 28, 10, "TF32", SMALL, recorded=True),
    Job("resnet20", False, 32, 3, 32, 10, "float32", LARGE),
]


# --- contestants ----------------------------------------------------------------------------------


@contextlib.contextmanager
def precision(kind: str) -> Iterator[None]:
    """A context in which both libraries compute float32 in TF32, or not."""
    import torch

    import tinygrad_cnn as tg

    places = [b for lib in (torch, tg) for b in (lib.backends.cudnn, lib.backends.cuda.matmul)]
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = kind == "TF32"
    try:
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.allow_tf32 = value


def cast(library: Any, kind: str) -> Any:
    """The autocast of a library for a precision."""
    if kind != "bfloat16":
        return contextlib.nullcontext()
    return library.autocast("cuda", dtype=library.bfloat16)


def ours(job: Job) -> Callable[[], object]:
    """One step of a job here."""
    import tinygrad_cnn as tg

    from .networks import our_network

    model = our_network(job.network).to("cuda").train(job.training)
    images = tg.randn(job.batch, job.channels, job.side, job.side, device="cuda")
    labels = tg.randint(job.classes, (job.batch,), device="cuda")
    optimizer = tg.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def train(images: Any, labels: Any) -> Any:
        optimizer.zero_grad()
        with cast(tg, job.precision):
            loss = tg.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    def infer(images: Any, labels: Any) -> Any:
        with tg.no_grad(), cast(tg, job.precision):
            return model(images)

    step = train if job.training else infer
    step = tg.cuda.graph_step(step) if job.recorded else step
    return lambda: step(images, labels)


def theirs(job: Job, compiled: bool = False) -> Callable[[], object]:
    """The same step in PyTorch."""
    import torch

    from .networks import torch_network

    torch.backends.cudnn.benchmark = True
    rows = torch.channels_last
    model = torch_network(job.network).to("cuda", memory_format=rows).train(job.training)
    images = torch.randn(job.batch, job.channels, job.side, job.side, device="cuda")
    images = images.to(memory_format=rows)
    labels = torch.randint(job.classes, (job.batch,), device="cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    forward = torch.compile(model, mode="reduce-overhead") if compiled else model

    def train() -> None:
        optimizer.zero_grad()
        with cast(torch, job.precision):
            loss = torch.nn.functional.cross_entropy(forward(images), labels)
        loss.backward()
        optimizer.step()

    def infer() -> None:
        with torch.no_grad(), cast(torch, job.precision):
            forward(images)

    return train if job.training else infer


# --- steps ----------------------------------------------------------------------------------------


def steps(report: Any) -> None:
    """All jobs, most wanted first, as far as the limit goes; a job that fails stops no other."""
    try:
        import torch  # noqa: F401
        import torchvision  # noqa: F401
    except ImportError as error:
        report.skip("steps", f"{error.name} is not installed")
        return
    for job in QUICK if report.quick else JOBS:
        try:
            with precision(job.precision):
                compare(report, job)
        except Exception as error:
            report.add(job.name, f"{type(error).__name__}: {error}", "a time", False)
        clear()


def clear() -> None:
    """Give back the memory of both libraries."""
    import gc

    import torch

    import tinygrad_cnn as tg

    gc.collect()
    tg.cuda.empty_cache()
    torch.cuda.empty_cache()


def compare(report: Any, job: Job) -> None:
    """Rows of one job: images per second of each, their ratio, memory, time of the host."""
    import torch

    import tinygrad_cnn as tg

    contestants = {"ours": ours(job), "torch": theirs(job)}
    if job.recorded and not report.quick:
        contestants["compiled"] = theirs(job, compiled=True)
    tg.cuda.reset_peak_memory_stats()
    torch.cuda.reset_peak_memory_stats()
    for name in list(contestants):
        try:
            for _ in range(5):  # compiles, chooses plans, records
                contestants[name]()
        except Exception as error:
            if name != "compiled":
                raise
            report.skip(f"{job.name}: torch.compile", f"{type(error).__name__}: {error}")
            del contestants[name]
    rounds, count = (2, 2) if report.quick else (ROUNDS, STEPS)
    found = turns({n: timed(s, count) for n, s in contestants.items()}, rounds)
    medians = {name: statistics.median(times) for name, times in found.items()}
    for name, seconds in medians.items():
        report.add(f"{job.name}: {name}, images/s", job.batch / seconds)
    spread = (max(found["ours"]) - min(found["ours"])) / medians["ours"]
    report.add(f"{job.name}: spread of ours", spread)
    ratio = medians["torch"] / medians["ours"]
    report.add(f"{job.name}: ratio to PyTorch eager", ratio, job.goals, ratio >= job.goals[0])
    if "compiled" in medians:
        report.add(f"{job.name}: ratio to torch.compile", medians["compiled"] / medians["ours"])
    report.add(f"{job.name}: peak of ours, MiB", tg.cuda.max_memory_allocated() / 2**20)
    peak = torch.cuda.max_memory_allocated() / 2**20
    report.add(f"{job.name}: peak of PyTorch, MiB", peak)
    report.add(f"{job.name}: host time of ours, ms", enqueued(contestants["ours"]))


def wait() -> None:
    """Wait for the work of both libraries."""
    import torch

    import tinygrad_cnn as tg

    tg.cuda.synchronize()
    torch.cuda.synchronize()


def timed(step: Callable[[], object], count: int) -> Callable[[], float]:
    """A function that takes `count` steps and returns the seconds of one."""

    def run() -> float:
        wait()
        start = time.perf_counter()
        for _ in range(count):
            step()
        wait()
        return (time.perf_counter() - start) / count

    return run


def enqueued(step: Callable[[], object]) -> float:
    """The milliseconds that the host takes to ask for a step, while the GPU has nothing to do."""
    times = []
    for _ in range(5):
        wait()
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    wait()
    return statistics.median(times)


# --- convolutions ---------------------------------------------------------------------------------


class Layer(NamedTuple):
    """A convolution: the shapes of images and weights, stride and padding."""

    images: tuple[int, ...]
    weights: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]


def layers_of(name: str, batch: int, side: int) -> list[Layer]:
    """The distinct convolutions of a network, in order; found on shapes alone."""
    import tinygrad_cnn as tg

    from .networks import our_network

    found: dict[Layer, None] = {}

    def note(module: Any, inputs: tuple) -> None:
        (x,) = inputs
        pair = [(v, v) if isinstance(v, int) else tuple(v) for v in (module.stride, module.padding)]
        found[Layer(tuple(x.shape), tuple(module.weight.shape), *pair)] = None

    model = our_network(name).to("meta").eval()
    for module in model.modules():
        if isinstance(module, tg.nn.Conv2d):
            module.register_forward_pre_hook(note)
    with tg.no_grad():
        model(tg.zeros(batch, 3, side, side, device="meta"))
    return list(found)


def convolution(report: Any) -> None:
    """Each distinct layer, forward and both gradients: ours with and without trial, PyTorch's."""
    try:
        import torch  # noqa: F401
    except ImportError:
        report.skip("convolution", "torch is not installed")
        return
    batch, side = (2, 32) if report.quick else (64, 224)
    layers = list(
        dict.fromkeys(layers_of("resnet50", batch, side) + layers_of("vgg16", batch, side))
    )
    for kind in ("TF32", "bfloat16", "float32"):
        ratios = []
        with precision(kind):
            for layer in layers[:2] if report.quick else layers:
                try:
                    ratios += conv_rows(report, layer, kind)
                except Exception as error:
                    report.add(f"{layer} {kind}", f"{type(error).__name__}: {error}", None, False)
        if ratios:
            report.add(f"median ratio, {kind}", statistics.median(ratios), ">= 0.9")


def conv_rows(report: Any, layer: Layer, kind: str) -> list[float]:
    """A row for one layer; returns PyTorch's time divided by ours, three ratios."""
    import tinygrad_cnn as tg

    from .gpu_checks import milliseconds, torch_time

    times = {}
    for trial in (False, True):
        with tg.backends.cudnn.flags(benchmark=trial):
            for part, work in our_conv(layer, kind).items():
                times[part, "by trial" if trial else "first plan"] = milliseconds(work, rounds=5)
    for part, work in torch_conv(layer, kind).items():
        times[part, "torch"] = torch_time(work, rounds=5)
    parts = ("forward", "dx", "dw")
    cells = [f"{p} " + "/".join(f"{t:.3g}" for (q, _), t in times.items() if q == p) for p in parts]
    name = f"{layer.images} * {layer.weights} s{layer.stride[0]} {kind}"
    report.add(f"{name}: ms of first plan, by trial, PyTorch", ", ".join(cells))
    return [times[p, "torch"] / times[p, "by trial"] for p in parts]


def our_conv(layer: Layer, kind: str) -> dict[str, Callable[[], object]]:
    """Forward, and the gradients for images and weights, here."""
    import tinygrad_cnn as tg

    dtype = tg.bfloat16 if kind == "bfloat16" else tg.float32
    x, w = (tg.randn(*s, device="cuda").to(dtype) for s in (layer.images, layer.weights))
    F, grad = tg.nn.functional, tg.autograd.grad

    def forward() -> Any:
        return F.conv2d(x, w, None, layer.stride, layer.padding)

    works: dict[str, Callable[[], object]] = {"forward": forward}
    for part, place in (("dx", 0), ("dw", 1)):
        leaves = [x.detach(), w.detach()]
        leaves[place].requires_grad_()
        z = F.conv2d(*leaves, None, layer.stride, layer.padding)
        g = tg.ones_like(z.detach())
        works[part] = lambda z=z, leaf=leaves[place], g=g: grad(z, [leaf], g, retain_graph=True)
    return works


def torch_conv(layer: Layer, kind: str) -> dict[str, Callable[[], object]]:
    """The same in PyTorch."""
    import torch

    torch.backends.cudnn.benchmark = True
    dtype = torch.bfloat16 if kind == "bfloat16" else torch.float32
    x, w = (
        torch.randn(s, device="cuda", dtype=dtype).to(memory_format=torch.channels_last)
        for s in (layer.images, layer.weights)
    )

    def forward() -> Any:
        return torch.nn.functional.conv2d(x, w, None, layer.stride, layer.padding)

    works: dict[str, Callable[[], object]] = {"forward": forward}
    for part, place in (("dx", 0), ("dw", 1)):
        leaves = [x.detach(), w.detach()]
        leaves[place].requires_grad_()
        z = torch.nn.functional.conv2d(*leaves, None, layer.stride, layer.padding)
        g = torch.ones_like(z)
        works[part] = lambda z=z, leaf=leaves[place], g=g: torch.autograd.grad(
            z, [leaf], g, retain_graph=True
        )
    return works


# --- feeding, profiling ---------------------------------------------------------------------------


def pipeline(report: Any) -> None:
    """Training on images that come from the host, as bytes, and on images that are there."""
    import numpy as np

    import tinygrad_cnn as tg
    from tinygrad_cnn.data import DataLoader, DevicePrefetcher, TensorDataset, device_transforms

    from .networks import our_network

    name, batch, side, count = ("lenet", 8, 28, 5) if report.quick else ("resnet50", 128, 224, 25)
    channels = 1 if name == "lenet" else 3
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch * 4, channels, side, side), dtype=np.uint8)
    data = TensorDataset(tg.tensor(images), tg.tensor(rng.integers(0, 10, len(images))))
    transform = device_transforms.Compose(
        [device_transforms.RandomHorizontalFlip(), device_transforms.Normalize(0.5, 0.25)]
    )
    model = our_network(name).to("cuda")
    optimizer = tg.optim.SGD(model.parameters(), lr=0.01)

    def step(images: Any, labels: Any) -> None:
        optimizer.zero_grad()
        tg.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    def fed() -> int:
        done = 0
        while done < count:
            loader = DataLoader(data, batch, shuffle=True, num_workers=4, pin_memory=True)
            for pair in DevicePrefetcher(loader, "cuda", transform):
                step(*pair)
                done += 1
        return done

    there = next(iter(DevicePrefetcher(DataLoader(data, batch), "cuda", transform)))
    step(*there)

    def kept() -> int:
        for _ in range(count):
            step(*there)
        return count

    def seconds(work: Callable[[], int]) -> float:
        tg.cuda.synchronize()
        start = time.perf_counter()
        done = work()
        tg.cuda.synchronize()
        return (time.perf_counter() - start) / done

    found = turns({"fed": lambda: seconds(fed), "kept": lambda: seconds(kept)}, 2, 1)
    fed_time, kept_time = (min(found[name]) for name in ("fed", "kept"))
    report.add("images on the GPU, images/s", batch / kept_time)
    report.add("images from the host, images/s", batch / fed_time)
    lost = fed_time / kept_time - 1
    report.add("time lost to feeding", lost, "< 0.05", lost < 0.05)


def profile(report: Any) -> None:
    """What ncu says of one training step's kernels, on file; clocks stay as they are."""
    if shutil.which("ncu") is None:
        report.skip("ncu", "it is not found")
        return
    job = "QUICK[0]" if report.quick else "JOBS[0]._replace(batch=64)"
    code = (
        "from benchmarks import gpu_speed as g; import tinygrad_cnn as tg;"
        f"step = g.ours(g.{job}._replace(recorded=False)); step(); step();"
        "tg.cuda.synchronize(); import cupy.cuda.profiler as p;"
        "p.start(); step(); tg.cuda.synchronize(); p.stop()"
    )
    command = ["ncu", "--clock-control", "none", "--profile-from-start", "off", "--csv"]
    command += ["--launch-count", "120", "--section", "SpeedOfLight"]
    try:
        done = subprocess.run(
            [*command, sys.executable, "-c", code],
            cwd=machine.ROOT,
            capture_output=True,
            text=True,
            timeout=180,
        )
    except subprocess.TimeoutExpired:
        report.skip("ncu", "it took longer than 180 s")
        return
    path = report.folder / "ncu.csv"
    path.write_text(done.stdout + done.stderr, encoding="utf-8")
    report.add("ncu", path.name, "exit code 0", done.returncode == 0)
    for kernel, milliseconds in heaviest(done.stdout):
        report.add(kernel, f"{milliseconds:.3g} ms")


def heaviest(text: str, count: int = 5) -> list[tuple[str, float]]:
    """The kernels of ncu's table that take longest in all, and their milliseconds."""
    import collections
    import csv

    lines = [line for line in text.splitlines() if line.startswith('"')]
    units = {"ns": 1e-6, "nsecond": 1e-6, "us": 1e-3, "usecond": 1e-3, "ms": 1.0, "msecond": 1.0}
    sums: collections.Counter[str] = collections.Counter()
    for row in csv.DictReader(lines):
        if row.get("Metric Name") == "Duration":
            value = float(row["Metric Value"].replace(",", ""))
            sums[row["Kernel Name"]] += value * units.get(row["Metric Unit"], 0.0)
    return sums.most_common(count)
