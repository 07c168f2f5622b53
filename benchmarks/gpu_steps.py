"""The sections of `gpu_day` that time whole networks, with cuDNN and without it, against PyTorch.

All contestants take their turn in every round, in one process, at the same precision; PyTorch has
its images and weights channels-last, and both pick their convolutions by trial. Not yet run on a
GPU.
"""

import contextlib
import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

from . import gpu_timing
from .gpu_timing import by_trial, cast, clear, enqueued, kernels_in, missing, precision, timed
from .turns import turns

ROUNDS = 5
STEPS = 10  # in a round


class Job(NamedTuple):
    """A network's training or inference: batch, images, precision, and the ratios it is to reach.

    precision: "TF32", "bfloat16" or "float32". goals: at first, and in the end. recorded: whether
    our steps are recorded as graphs. cudnn: whether we may use it; PyTorch always does.
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
    cudnn: bool = True

    @property
    def name(self) -> str:
        """What the rows are called."""
        kind = "training" if self.training else "inference"
        how = ", recorded" if self.recorded else ""
        how += "" if self.cudnn else ", without cuDNN"
        return f"{self.network} {kind} b{self.batch} {self.precision}{how}"


LARGE, SMALL, PLAIN = (0.5, 0.9), (1.5, 1.5), (0.3, 0.3)
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
    Job("resnet20", False, 4, 3, 32, 10, "bfloat16", LARGE),
]
WITHOUT = [
    Job("resnet50", True, 64, 3, 224, 1000, kind, PLAIN, cudnn=False)
    for kind in ("TF32", "bfloat16", "float32")
]
QUICK_WITHOUT = [Job("lenet", True, 8, 1, 28, 10, "float32", PLAIN, cudnn=False)]


# --- contestants ----------------------------------------------------------------------------------


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
    step = tg.graph_step(step) if job.recorded else step

    def run() -> object:
        with contextlib.nullcontext() if job.cudnn else tg.backends.cudnn.flags(enabled=False):
            return step(images, labels)

    return run


def theirs(job: Job, compiled: bool = False) -> Callable[[], object]:
    """The same step in PyTorch."""
    import torch

    from .networks import torch_network

    rows, place = torch.channels_last, gpu_timing.PEER
    model = torch_network(job.network).to(place, memory_format=rows).train(job.training)
    images = torch.randn(job.batch, job.channels, job.side, job.side, device=place)
    images = images.to(memory_format=rows)
    labels = torch.randint(job.classes, (job.batch,), device=place)
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


# --- the sections ---------------------------------------------------------------------------------


def steps(report: Any) -> None:
    """All jobs, most wanted first, as far as the limit goes."""
    compared(report, QUICK if report.quick else JOBS)


def plain(report: Any) -> None:
    """Training where cuDNN is not installed: by our own matrix products."""
    compared(report, QUICK_WITHOUT if report.quick else WITHOUT)


def compared(report: Any, jobs: list[Job]) -> None:
    """Rows of each job; one that fails stops no other."""
    reason = missing("torch", "torchvision")
    if reason is not None:
        report.skip("steps", reason)
        return
    for job in jobs:
        try:
            with precision(job.precision), by_trial():
                compare(report, job)
        except Exception as error:
            report.add(job.name, f"{type(error).__name__}: {error}", "a time", False)
        clear()


def compare(report: Any, job: Job) -> None:
    """Rows of one job: images per second of each, their ratio, launches, memory, host's time."""
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
    for name in ("ours", "torch"):
        step = contestants[name]
        report.add(f"{job.name}: host time of {name}, ms", enqueued(step))
        report.add(f"{job.name}: kernels in a step of {name}", len(kernels_in(step)))
