"""Whole networks on the CPU: training steps and inference, against PyTorch in both its layouts.

    python -m benchmarks.networks [--threads N] [--rounds N] [--compile] [--json] [NAME ...]

A training step is forward, cross-entropy, backward and SGD with momentum; inference is the network
in eval mode under inference_mode(). All contestants compute by turns in one process with as many
threads, short steps several times a turn; printed are medians in milliseconds, of wall time, on one
thread of processor time, and PyTorch's time divided by ours: a ratio above 1 says that we are
faster. The better of PyTorch's layouts is that of each workload. --compile adds torch.compile of
the network in planes, where PyTorch finds a compiler; its ratio stands apart. Small networks also
run as recorded steps (`tg.graph_step`), against the same. --without-numba has ours compute with
NumPy alone. Other programs on the machine disturb the figures.
"""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from .turns import clock_for, finish, medians, need, parser, quartiles, say, timed, turns

TITLE = "Whole networks against PyTorch"
WARM_UP = 3
QUICK = 3  # rounds
WITHOUT = (0.4, 0.4)  # the goals of NumPy alone
SMALL = ("lenet", "resnet20")  # networks whose steps are recorded too
RECORDED = 12  # calls until a step is recorded and replays 1, 2, 4 and 8 are checked


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
    Workload("lenet training", "lenet", True, 64, 1, 28, 10, 151, (4, 3)),
    Workload("lenet inference", "lenet", False, 64, 1, 28, 10, 151, (5, 4)),
    Workload("resnet20 training", "resnet20", True, 128, 3, 32, 10, 11, (2, 1.5)),
    Workload("resnet20 inference", "resnet20", False, 32, 3, 32, 10, 31, (2.2, 1.7)),
    Workload("vgg11_bn training", "vgg11_bn", True, 64, 3, 32, 10, 11, (2, 1.8)),
    Workload("resnet18 training", "resnet18", True, 8, 3, 224, 1000, 11, (1.8, 1.5)),
    Workload("resnet18 inference", "resnet18", False, 1, 3, 224, 1000, 21, (1.7, 1.4)),
    Workload("googlenet training", "googlenet", True, 4, 3, 224, 1000, 11, (1.2, 1.0)),
    Workload("densenet121 training", "densenet121", True, 4, 3, 224, 1000, 11, (1.2, 1.0)),
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
    """`models.resnet20` in PyTorch: where channels double, shortcuts are padded with zeros."""
    from torch import nn
    from torchvision.models.resnet import BasicBlock

    class Padded(nn.Module):
        def forward(self, x: Any) -> Any:
            return nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, x.shape[1]))

    layers: list[Any] = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    before = 16
    for channels in (16, 32, 64):
        for index in range(3):
            stride = 2 if index == 0 and channels > 16 else 1
            shortcut = Padded() if stride == 2 else None
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


def ours(work: Workload, recorded: bool = False) -> Callable[[], None]:
    """One step of a workload here, with `recorded` as `tg.graph_step` replays it."""
    import tinygrad_cnn as tg

    tg.manual_seed(0)
    images = tg.randn(work.batch, work.channels, work.side, work.side)
    model = our_network(work.network)
    wrap = tg.graph_step if recorded else lambda step: step
    if not work.training:
        model.eval()

        @wrap
        def infer(images: tg.Tensor) -> tg.Tensor:
            with tg.inference_mode():
                return model(images)

        return lambda: infer(images)
    labels = tg.arange(work.batch) % work.classes
    optimizer = tg.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    @wrap
    def step(images: tg.Tensor, labels: tg.Tensor) -> None:
        optimizer.zero_grad()
        tg.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return lambda: step(images, labels)


def theirs(work: Workload, rows: bool, compiled: bool = False) -> Callable[[], None]:
    """One step of a workload in PyTorch, in rows (channels_last) or in planes."""
    import torch

    torch.manual_seed(0)
    layout = torch.channels_last if rows else torch.contiguous_format
    images = torch.randn(work.batch, work.channels, work.side, work.side)
    images = images.to(memory_format=layout)
    model = torch_network(work.network).to(memory_format=layout)
    if compiled:
        model = torch.compile(model)
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


def contestants(work: Workload, compiled: bool) -> dict[str, Callable[[], None]]:
    """One step of a workload in each library, by name."""
    steps = {"ours": ours(work), "planes": theirs(work, False), "rows": theirs(work, True)}
    if work.network in SMALL:
        steps["recorded"] = ours(work, recorded=True)
        for _ in range(RECORDED):
            steps["recorded"]()
    if compiled:
        steps["compiled"] = theirs(work, False, compiled=True)
        try:
            steps["compiled"]()
        except Exception:  # whatever a missing or failing compiler raises
            del steps["compiled"]
    return steps


def measured(
    work: Workload, threads: int, rounds: int | None = None, compiled: bool = False
) -> dict[str, Any]:
    """The row of one workload: milliseconds of each contestant, ratios, and goals.

    noise: between which values the ratio to the better layout lies in half of the rounds.
    """
    import torch

    import tinygrad_cnn as tg

    tg.set_num_threads(threads)
    torch.set_num_threads(threads)
    now = clock_for(threads)
    steps = {name: timed(step, now) for name, step in contestants(work, compiled).items()}
    found = turns(steps, rounds or work.rounds, WARM_UP)
    row: dict[str, Any] = medians(found)
    row["best ours"] = min(found["ours"])
    row["ratio planes"] = row["planes"] / row["ours"]
    row["ratio"] = min(row["planes"], row["rows"]) / row["ours"]
    better = found["planes"] if row["planes"] < row["rows"] else found["rows"]
    row["noise"] = quartiles([a / b for a, b in zip(better, found["ours"], strict=True)])
    if "recorded" in row:
        row["recorded ratio planes"] = row["planes"] / row["recorded"]
        row["recorded ratio"] = min(row["planes"], row["rows"]) / row["recorded"]
    if compiled:
        row["ratio compiled"] = row["compiled"] / row["ours"] if "compiled" in row else None
    row["goals"] = list(work.goals)
    return row


def head() -> str:
    """The head of the table."""
    return f"{'workload':<22}{'ours':>9}{'planes':>9}{'rows':>9}  ratios: planes, better (goals)"


def line_of(name: str, row: dict[str, Any]) -> str:
    """A row of the table."""
    times = "".join(f"{row[key]:9.2f}" for key in ("ours", "planes", "rows"))
    goals = "({:g}, {:g})".format(*row["goals"])
    line = f"{name:<22}{times}{row['ratio planes']:8.2f}{row['ratio']:8.2f}  {goals}"
    if "recorded" in row:
        ratios = f"{row['recorded ratio planes']:.2f} {row['recorded ratio']:.2f}"
        line += f" recorded: {row['recorded']:.2f} ms, {ratios}"
    if "ratio compiled" in row:
        ratio = row["ratio compiled"]
        line += " compiled: " + ("failed" if ratio is None else f"{ratio:.2f}")
    return line


def printed(report: dict) -> str:
    """The report as a table."""
    return "\n".join([head(), *[line_of(*item) for item in report["networks"].items()]])


def main() -> None:
    """Print the table, or one object."""
    command = parser(__doc__, threads=True)
    command.add_argument("names", nargs="*", metavar="NAME", help="networks; all if none is named")
    command.add_argument("--rounds", type=int, help="steps that count (default: by workload)")
    command.add_argument("--compile", action="store_true", help="torch.compile takes part")
    command.add_argument("--without-numba", action="store_true", help="ours computes with NumPy")
    options = command.parse_args()
    need("torchvision", "pip install torch torchvision brings PyTorch and its networks")
    report = measure(options)
    finish(options, report, None)


def measure(options: argparse.Namespace) -> dict:
    """The rows of all workloads that are asked for; each is said as soon as it is there."""
    os.environ.setdefault("NUMBA_NUM_THREADS", str(max(options.threads, os.cpu_count() or 1)))
    if options.without_numba:
        sys.modules["numba"] = None  # its import fails, as where it is not installed
    import numpy  # noqa: F401  its threads can be limited once it is there

    rounds = options.rounds or (QUICK if options.quick else None)
    rows = {}
    say(options, head())
    with threadpool_limits(options.threads, user_api="blas"):
        for work in WORKLOADS:
            if not options.names or work.network in options.names:
                if options.without_numba:
                    work = work._replace(goals=WITHOUT)
                rows[work.name] = measured(work, options.threads, rounds, options.compile)
                say(options, line_of(work.name, rows[work.name]))
    return {"threads": options.threads, "networks": rows}


if __name__ == "__main__":
    main()
