"""Whole networks on the CPU: training steps and inference, against PyTorch in both its layouts.

    python -m benchmarks.networks [--threads N] [--rounds N] [--json] [NAME ...]

A training step is forward, cross-entropy, backward and SGD with momentum; inference is the network
in eval mode under inference_mode(). All contestants compute by turns in one process with as many
threads; printed are medians of wall time in milliseconds and PyTorch's time divided by ours: a
ratio above 1 says that we are faster. Other programs on the machine disturb the figures.
"""

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

WARM_UP = 3


class Workload(NamedTuple):
    """A network by name, the size of its batch and images, and the ratios it is to reach.

    goals: against planes (N, C, H, W in memory), and against the better of planes and rows.
    """

    name: str
    network: str
    training: bool
    batch: int
    channels: int
    side: int
    classes: int
    rounds: int
    goals: tuple[float, float]


WORKLOADS = [
    Workload("lenet training", "lenet", True, 64, 1, 28, 10, 101, (4, 3)),
    Workload("lenet inference", "lenet", False, 64, 1, 28, 10, 101, (5, 4)),
    Workload("resnet20 training", "resnet20", True, 128, 3, 32, 10, 11, (2, 1.5)),
    Workload("resnet20 inference", "resnet20", False, 32, 3, 32, 10, 31, (2.2, 1.7)),
    Workload("vgg11_bn training", "vgg11_bn", True, 64, 3, 32, 10, 11, (2, 1.8)),
    Workload("resnet18 training", "resnet18", True, 8, 3, 224, 1000, 7, (1.8, 1.5)),
    Workload("resnet18 inference", "resnet18", False, 1, 3, 224, 1000, 21, (1.7, 1.4)),
    Workload("googlenet training", "googlenet", True, 4, 3, 224, 1000, 5, (1.2, 1.0)),
    Workload("densenet121 training", "densenet121", True, 4, 3, 224, 1000, 5, (1.2, 1.0)),
]


def our_network(name: str) -> Any:
    """The network as the library has it."""
    from tinygrad_cnn import models
    from tinygrad_cnn.train.setup import small_vgg

    if name == "vgg11_bn":
        return small_vgg("A", 10)
    if name == "googlenet":
        return models.googlenet_torchvision(aux_logits=False)
    return getattr(models, name)()


def torch_network(name: str) -> Any:
    """The same network in PyTorch: torchvision's, or written out here."""
    import torchvision

    if name == "googlenet":
        return torchvision.models.googlenet(aux_logits=False, init_weights=False)
    if name in ("lenet", "resnet20", "vgg11_bn"):
        return {"lenet": torch_lenet, "resnet20": torch_resnet20, "vgg11_bn": torch_vgg}[name]()
    return getattr(torchvision.models, name)()


def torch_lenet() -> Any:
    """`models.lenet` in PyTorch."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )


def torch_resnet20() -> Any:
    """`models.resnet20` in PyTorch, with shortcuts by 1x1 convolutions."""
    from torch import nn
    from torchvision.models.resnet import BasicBlock

    layers: list[Any] = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    before = 16
    for channels in (16, 32, 64):
        for index in range(3):
            stride = 2 if index == 0 and channels > 16 else 1
            shortcut = None
            if stride == 2:
                shortcut = nn.Sequential(
                    nn.Conv2d(before, channels, 1, 2, bias=False), nn.BatchNorm2d(channels)
                )
            layers.append(BasicBlock(before, channels, stride, shortcut))
            before = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def torch_vgg() -> Any:
    """`small_vgg` of column A in PyTorch."""
    from torch import nn

    layers: list[Any] = []
    before = 3
    for channels in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"):
        if channels == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(before, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU()]
        before = channels
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 10))


def ours(work: Workload) -> Callable[[], None]:
    """One step of a workload here."""
    import tinygrad_cnn as tg

    tg.manual_seed(0)
    images = tg.randn(work.batch, work.channels, work.side, work.side)
    model = our_network(work.network)
    if not work.training:
        model.eval()

        def infer() -> None:
            with tg.inference_mode():
                model(images)

        return infer
    labels = tg.arange(work.batch) % work.classes
    optimizer = tg.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        tg.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step


def theirs(work: Workload, rows: bool) -> Callable[[], None]:
    """One step of a workload in PyTorch, in rows (channels_last) or in planes."""
    import torch

    torch.manual_seed(0)
    layout = torch.channels_last if rows else torch.contiguous_format
    images = torch.randn(work.batch, work.channels, work.side, work.side)
    images = images.to(memory_format=layout)
    model = torch_network(work.network).to(memory_format=layout)
    if not work.training:
        model.eval()

        def infer() -> None:
            with torch.inference_mode():
                model(images)

        return infer
    labels = torch.arange(work.batch) % work.classes
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step


def measured(work: Workload, threads: int, rounds: int | None = None) -> dict[str, float]:
    """The row of one workload: milliseconds of each contestant and the two ratios."""
    import torch

    import tinygrad_cnn as tg

    tg.set_num_threads(threads)
    torch.set_num_threads(threads)
    steps = {"ours": ours(work), "planes": theirs(work, False), "rows": theirs(work, True)}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range((rounds or work.rounds) + WARM_UP):
        for name, step in steps.items():
            start = perf_counter()
            step()
            times[name].append(1e3 * (perf_counter() - start))
    row = {name: statistics.median(seen[WARM_UP:]) for name, seen in times.items()}
    row["best ours"] = min(times["ours"])
    row["ratio planes"] = row["planes"] / row["ours"]
    row["ratio"] = min(row["planes"], row["rows"]) / row["ours"]
    return row


def main() -> None:
    """Print the table, or one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks; all if none is named")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, help="steps that count (default: by workload)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("NUMBA_NUM_THREADS", str(max(options.threads, os.cpu_count() or 1)))
    rows = {}
    if not options.json:
        print(
            f"{'workload':<22}{'ours':>9}{'planes':>9}{'rows':>9}  ratios: planes, better (goals)"
        )
    for work in WORKLOADS:
        if options.names and work.network not in options.names:
            continue
        row = rows[work.name] = measured(work, options.threads, options.rounds)
        if not options.json:
            print(line_of(work, row), flush=True)
    if options.json:
        json.dump({"threads": options.threads, "networks": rows}, sys.stdout, indent=1)


def line_of(work: Workload, row: dict[str, float]) -> str:
    """A row of the table."""
    times = "".join(f"{row[key]:9.2f}" for key in ("ours", "planes", "rows"))
    goals = f"({work.goals[0]:g}, {work.goals[1]:g})"
    return f"{work.name:<22}{times}{row['ratio planes']:8.2f}{row['ratio']:8.2f}  {goals}"


if __name__ == "__main__":
    main()
