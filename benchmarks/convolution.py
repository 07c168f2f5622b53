"""Single convolutions on the CPU: forward and both gradients, against PyTorch in both its layouts.

    python -m benchmarks.convolution [--threads N] [--rounds N] [--quick] [--json] [NAME ...]

Both libraries compute the same layer by turns in one process, with as many threads; what is printed
are medians in milliseconds, of wall time, on one thread of processor time, and PyTorch's better
layout divided by ours: a ratio above 1 says that we are faster. Ours are the gates of the
convolution, with channels innermost as they are inside a network. Other programs on the machine
disturb the figures.
"""

import argparse
import os
from typing import NamedTuple

from .turns import ORACLE, clock_for, finish, medians, need, parser, say, timed, turns

TITLE = "Single convolutions against PyTorch"
ROUNDS = 15
QUICK = 3
WARM_UP = 2


class Layer(NamedTuple):
    """A square convolution: batch, channels in, size of the image, channels out, window, stride."""

    name: str
    n: int
    c: int
    size: int
    k: int
    window: int
    stride: int
    groups: int = 1

    @property
    def padding(self) -> int:
        """Half the window, as in residual networks."""
        return self.window // 2


LAYERS = [
    Layer("resnet20-1", 128, 16, 32, 16, 3, 1),
    Layer("resnet20-2a", 128, 16, 32, 32, 3, 2),
    Layer("resnet20-2", 128, 32, 16, 32, 3, 1),
    Layer("resnet20-3", 128, 64, 8, 64, 3, 1),
    Layer("vgg11-2", 64, 64, 16, 128, 3, 1),
    Layer("vgg11-3", 64, 128, 8, 256, 3, 1),
    Layer("vgg11-5", 64, 256, 4, 512, 3, 1),
    Layer("vgg11-7", 64, 512, 2, 512, 3, 1),
    Layer("resnet18-stem", 8, 3, 224, 64, 7, 2),
    Layer("resnet18-1", 8, 64, 56, 64, 3, 1),
    Layer("resnet18-2a", 8, 64, 56, 128, 3, 2),
    Layer("resnet18-2", 8, 128, 28, 128, 3, 1),
    Layer("resnet18-3", 8, 256, 14, 256, 3, 1),
    Layer("resnet18-4", 8, 512, 7, 512, 3, 1),
    Layer("shortcut", 8, 64, 56, 128, 1, 2),
    Layer("bottleneck-in", 8, 256, 56, 64, 1, 1),
    Layer("bottleneck-out", 8, 64, 56, 256, 1, 1),
    Layer("depthwise", 8, 128, 28, 128, 3, 1, 128),
    Layer("lenet-1", 64, 1, 28, 6, 5, 1),
    Layer("lenet-2", 64, 6, 14, 16, 5, 1),
]


def ours(layer: Layer, threads: int) -> dict:
    """Functions that compute the layer's three parts here, by name."""
    import numpy as np

    import tinygrad_cnn as tg
    from tinygrad_cnn.kernels import cpu_tile
    from tinygrad_cnn.ops.conv import conv, conv_dw, conv_dx

    tg.set_num_threads(threads)
    rng = np.random.default_rng(0)
    settings = [(layer.stride,) * 2, (layer.padding,) * 2, (1, 1), layer.groups]

    def numbers(*shape):
        z = cpu_tile.empty(shape)
        z[...] = rng.standard_normal(shape, dtype=np.float32)
        return z

    x = numbers(layer.n, layer.c, layer.size, layer.size)
    shape = (layer.k, layer.c // layer.groups, layer.window, layer.window)
    w = rng.standard_normal(shape, dtype=np.float32)
    z = conv(x, w, None, *settings)
    if layer.c > 3:  # not the images themselves: in a network they lie as results do
        x, rows = np.empty_like(z, shape=x.shape), x
        x[...] = rows
    u = np.empty_like(z)
    u[...] = rng.standard_normal(z.shape, dtype=np.float32)
    parts = {
        "forward": lambda: conv(x, w, None, *settings),
        "dx": lambda: conv_dx(u, w, x.shape[2:], *settings),
        "dw": lambda: conv_dw(u, x, w.shape[2:], *settings),
    }
    if layer.c <= 3:
        del parts["dx"]  # the first layer of a network has none
    return parts


def theirs(layer: Layer, threads: int, rows: bool) -> dict:
    """Functions that compute the layer forward and backward in PyTorch, in rows or in planes."""
    import torch

    torch.set_num_threads(threads)
    layout = torch.channels_last if rows else torch.contiguous_format
    space = (layer.size, layer.size)
    x = torch.randn(layer.n, layer.c, *space).to(memory_format=layout)
    x.requires_grad_(layer.c > 3)
    shape = (layer.k, layer.c // layer.groups, layer.window, layer.window)
    w = torch.randn(shape).to(memory_format=layout).requires_grad_()
    settings = (None, layer.stride, layer.padding, 1, layer.groups)
    z = torch.conv2d(x, w, *settings)
    u = torch.randn_like(z)
    leaves = [leaf for leaf in (x, w) if leaf.requires_grad]

    def forward():
        with torch.no_grad():
            torch.conv2d(x, w, *settings)

    def backward():
        torch.autograd.grad(z, leaves, u, retain_graph=True)

    return {"forward": forward, "backward": backward}


def measured(layer: Layer, threads: int, rounds: int) -> dict:
    """The row of one layer."""
    now = clock_for(threads)
    functions = {("ours", part): f for part, f in ours(layer, threads).items()}
    for name, rows in (("planes", False), ("rows", True)):
        functions |= {(name, part): f for part, f in theirs(layer, threads, rows).items()}
    steps = {key: timed(function, now) for key, function in functions.items()}
    found = medians(turns(steps, rounds, WARM_UP))
    row = {part: found["ours", part] for part in ("forward", "dx", "dw") if ("ours", part) in found}
    for name in ("planes", "rows"):
        row[f"torch {name} forward"] = found[name, "forward"]
        row[f"torch {name} backward"] = found[name, "backward"]
    best = {
        part: min(found["planes", part], found["rows", part]) for part in ("forward", "backward")
    }
    gradients = row["dw"] + row.get("dx", 0)
    row["ratio forward"] = best["forward"] / row["forward"]
    row["ratio backward"] = best["backward"] / gradients
    row["ratio"] = sum(best.values()) / (row["forward"] + gradients)
    planes = found["planes", "forward"] + found["planes", "backward"]
    row["ratio planes"] = planes / (row["forward"] + gradients)
    return row


def head() -> str:
    """The head of the table."""
    names = "".join(f"{name:>9}" for name in ("forward", "dx", "dw", "torch", "back"))
    return f"{'layer':<16}{names}  ratios: forward, backward, all, all against planes"


def line_of(name: str, row: dict) -> str:
    """A row of the table."""
    forward = min(row["torch planes forward"], row["torch rows forward"])
    backward = min(row["torch planes backward"], row["torch rows backward"])
    times = [row["forward"], row.get("dx", 0), row["dw"], forward, backward]
    ratios = [row[key] for key in ("ratio forward", "ratio backward", "ratio", "ratio planes")]
    return (
        f"{name:<16}"
        + "".join(f"{t:9.3f}" for t in times)
        + " "
        + "".join(f"{r:8.2f}" for r in ratios)
    )


def printed(report: dict) -> str:
    """The report as a table."""
    return "\n".join([head(), *[line_of(*item) for item in report["layers"].items()]])


def measure(options: argparse.Namespace) -> dict:
    """The rows of all layers that are asked for; each is said as soon as it is there."""
    os.environ.setdefault("NUMBA_NUM_THREADS", str(max(options.threads, os.cpu_count() or 1)))
    rounds = options.rounds or (QUICK if options.quick else ROUNDS)
    rows = {}
    say(options, head())
    for layer in LAYERS:
        if not options.names or layer.name in options.names:
            rows[layer.name] = measured(layer, options.threads, rounds)
            say(options, line_of(layer.name, rows[layer.name]))
    return {"threads": options.threads, "rounds": rounds, "layers": rows}


def main() -> None:
    """Print the table of all layers, or one object."""
    command = parser(__doc__, threads=True)
    command.add_argument("names", nargs="*", metavar="NAME", help="layers; all if none is named")
    command.add_argument("--rounds", type=int, help=f"calls that count (default: {ROUNDS})")
    options = command.parse_args()
    need("torch", ORACLE)
    finish(options, measure(options), None)


if __name__ == "__main__":
    main()
