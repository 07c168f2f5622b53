"""The section of `gpu_day` that says where the time of a training step goes.

PyTorch's profiler says how long each kernel takes, ours and PyTorch's alike; ncu, where it is
allowed, how near each comes to what the GPU can do. Not yet run on a GPU.
"""

import collections
import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any

from . import gpu_steps, machine
from .gpu_timing import by_trial, kernels_in, missing, precision

COUNT = 5  # kernels that are told


def profile(report: Any) -> None:
    """The heaviest kernels of a step of ResNet-50: ours and PyTorch's; and ncu's word on ours."""
    reason = missing("torch", "torchvision")
    if reason is not None:
        report.skip("kernels by their time", reason)
    else:
        by_time(report)
    by_ncu(report)


def job_of(report: Any) -> gpu_steps.Job:
    """The step that is looked into."""
    if report.quick:
        return gpu_steps.QUICK[0]._replace(recorded=False, batch=8)
    return gpu_steps.JOBS[0]._replace(batch=64)


def by_time(report: Any) -> None:
    """Rows of the heaviest kernels; all of them on file."""
    job = job_of(report)
    found = {}
    with precision(job.precision), by_trial():
        for name, make in (("ours", gpu_steps.ours), ("PyTorch", gpu_steps.theirs)):
            found[name] = summed(seen(make(job)))
    path = report.folder / "kernels_ms.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, sums in found.items():
        report.add(f"{name}: all kernels of a step, ms", sum(sums.values()))
        for kernel, time in [*sums.items()][:COUNT]:
            report.add(f"{name}: {kernel}", f"{time:.3g} ms")


def seen(step: Callable[[], object]) -> list[tuple[str, float]]:
    """The kernels of a step that has been taken before."""
    for _ in range(3):
        step()
    return kernels_in(step)


def summed(times: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Milliseconds of all launches of each kernel, the heaviest first."""
    sums: collections.Counter[str] = collections.Counter()
    for name, time in times:
        sums[name] += time
    return dict(sums.most_common())


def by_ncu(report: Any) -> None:
    """What ncu says of one training step's kernels, on file; clocks stay as they are."""
    if shutil.which("ncu") is None:
        report.skip("ncu", "it is not found")
        return
    command = ["ncu", "--clock-control", "none", "--profile-from-start", "off", "--csv"]
    command += ["--launch-count", "120", "--section", "SpeedOfLight"]
    try:
        done = subprocess.run(
            [*command, sys.executable, "-c", program(report)],
            cwd=machine.ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
    except subprocess.TimeoutExpired:
        report.skip("ncu", "it took longer than 120 s")
        return
    path = report.folder / "ncu.csv"
    path.write_text(done.stdout + done.stderr, encoding="utf-8")
    report.add("ncu", path.name, "exit code 0", done.returncode == 0)
    for kernel, time in [*summed(durations(done.stdout)).items()][:COUNT]:
        report.add(f"ncu: {kernel}", f"{time:.3g} ms")


def program(report: Any) -> str:
    """What ncu runs: a few steps, of which it sees the last."""
    return (
        "from benchmarks import gpu_steps as g; import tinygrad_cnn as tg;"
        f"step = g.ours(g.{job_of(report)}); step(); step();"
        "tg.cuda.synchronize(); import cupy.cuda.profiler as p;"
        "p.start(); step(); tg.cuda.synchronize(); p.stop()"
    )


def durations(text: str) -> Iterable[tuple[str, float]]:
    """Kernels and their milliseconds in ncu's table."""
    lines = [line for line in text.splitlines() if line.startswith('"')]
    units = {"ns": 1e-6, "nsecond": 1e-6, "us": 1e-3, "usecond": 1e-3, "ms": 1.0, "msecond": 1.0}
    for row in csv.DictReader(lines):
        if row.get("Metric Name") == "Duration":
            value = float(row["Metric Value"].replace(",", ""))
            yield row["Kernel Name"], value * units.get(row["Metric Unit"], 0.0)
