"""Peak memory of one training step of ResNet-18, held against PyTorch's.

    python -m benchmarks.memory [--quick] [--json]

One step on a batch of 8 images of 224 x 224: forward, cross-entropy, backward, SGD with momentum.
Each library runs in a process of its own. The ratio that counts is of the memory above the imports:
network, graph, gradients, scratch memory, and whatever code a library loads or compiles at first
use; a step on two small images comes first and shows how much that is. The whole processes'
ratio is printed too. A ratio below 1 says that we need less.
"""

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

from .turns import finish, need, parser, skip, turns

TITLE = "Peak memory of a step of ResNet-18"
LIBRARIES = ("ours", "torch")
GOAL = 0.9
REPEATS = 5


def peak() -> float:
    """The largest resident memory of this process so far, in MB."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def parts(library: str):
    """What the step needs of a library: a way to draw images, labels, a loss, a net, SGD."""
    if library == "torch":
        import torch
        import torchvision

        return (
            torch,
            torch.nn.functional.cross_entropy,
            torchvision.models.resnet18,
            torch.optim.SGD,
        )
    import tinygrad_cnn as tg

    return tg, tg.nn.functional.cross_entropy, tg.models.resnet18, tg.optim.SGD


def step(net, optimizer, cross_entropy, images, labels, note) -> None:
    """One training step; note(phase) is called behind each of its phases."""
    optimizer.zero_grad()
    loss = cross_entropy(net(images), labels)
    note("forward")
    loss.backward()
    note("backward")
    optimizer.step()
    note("whole step")


def work(library: str, batch: int, side: int) -> dict[str, float]:
    """The peak of this process's memory, in MB, up to the end of each phase."""
    made, cross_entropy, resnet18, SGD = parts(library)
    peaks = {"imports": peak()}

    def note(phase: str) -> None:
        peaks[phase] = peak()

    net = resnet18()
    optimizer = SGD(net.parameters(), lr=0.1, momentum=0.9)
    note("network")
    small = made.randn(2, 3, 32, 32), made.arange(2)
    step(net, optimizer, cross_entropy, *small, note=lambda phase: note("small step"))
    whole = made.randn(batch, 3, side, side), made.arange(batch)
    step(net, optimizer, cross_entropy, *whole, note=note)
    return peaks


def run(library: str, batch: int, side: int) -> dict[str, float]:
    """`work` in a process of its own."""
    sizes = ["--batch", str(batch), "--side", str(side)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", "--worker", library, *sizes],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the run of {library} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def above(peaks: dict[str, float]) -> float:
    """What the whole step took beyond the imports."""
    return peaks["whole step"] - peaks["imports"]


def measure(batch: int, side: int, repeats: int) -> dict:
    """The median peaks of both libraries, the ratio and its noise, and that of whole processes."""
    runs = turns({name: partial(run, name, batch, side) for name in LIBRARIES}, repeats)
    ours, theirs = (
        {phase: statistics.median(peaks[phase] for peaks in side) for phase in side[0]}
        for side in runs.values()
    )
    ratios = [above(a) / above(b) for a in runs["ours"] for b in runs["torch"]]
    return {
        "batch": batch,
        "side": side,
        "repeats": repeats,
        "goal": GOAL,
        "ours": ours,
        "torch": theirs,
        "ratio": above(ours) / above(theirs),
        "noise": [min(ratios), max(ratios)],
        "ratio of processes": ours["whole step"] / theirs["whole step"],
    }


def printed(report: dict) -> str:
    """The report as a table."""
    size = f"{report['batch']} images of {report['side']} x {report['side']}"
    lines = [
        f"ResNet-18, one training step on {size}; the peak of resident",
        f"memory up to the end of each phase, above that of the imports: MB, median of "
        f"{report['repeats']} processes",
        "",
        f"{'':14}{'ours':>10}{'PyTorch':>10}",
    ]
    ours, theirs = (report[name] for name in LIBRARIES)
    for phase in list(ours)[1:]:
        numbers = [peaks[phase] - peaks["imports"] for peaks in (ours, theirs)]
        lines.append(f"{phase:14}{numbers[0]:10.0f}{numbers[1]:10.0f}")
    lines.append("")
    low, high = report["noise"]
    lines.append(f"ours / PyTorch: {report['ratio']:.2f} (goal: {GOAL} at most)")
    lines.append(f"noise: pairs of processes had ratios from {low:.2f} to {high:.2f}")
    lines.append(
        f"whole processes, with imports of {ours['imports']:.0f} and {theirs['imports']:.0f} MB: "
        f"{report['ratio of processes']:.2f}"
    )
    return "\n".join(lines)


def main() -> None:
    """Measure and print; or, as a worker, take part in a measurement."""
    command = parser(__doc__)
    command.add_argument("--batch", type=int, default=8, help="images in a step")
    command.add_argument("--side", type=int, default=224, help="pixels along a side of an image")
    command.add_argument("--repeats", type=int, help=f"processes of each library ({REPEATS})")
    command.add_argument("--worker", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = command.parse_args()
    if options.worker:
        print(json.dumps(work(options.worker, options.batch, options.side)))
        return
    if importlib.util.find_spec("resource") is None:
        skip("peak memory is read by getrusage, which this system does not have")
    need("torchvision", "pip install torch torchvision brings PyTorch and its networks")
    repeats = options.repeats or (1 if options.quick else REPEATS)
    report = measure(options.batch, options.side, repeats)
    finish(options, report, printed(report))


if __name__ == "__main__":
    main()
