"""The section of `gpu_day` that times single operations, and steps of optimisers, against PyTorch.

Convolutions have sections of their own. Arrays are large, so that a GPU is busy longer than the
host takes to ask; images lie in rows (channels innermost) on both sides, as behind a convolution
on tensor cores. Not yet run on a GPU.
"""

import functools
import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from . import gpu_timing
from .gpu_timing import clear, enqueued, kernels_in, milliseconds, missing

IMAGES, ROWS = (64, 64, 112, 112), (8192, 1000)
QUICK = 4  # the size of each axis, at most, but for the second


class Operation(NamedTuple):
    """What is timed: its name, the shape of its input, and what makes it in either library."""

    name: str
    shape: tuple[int, ...]
    build: Callable[[Any], Callable[[Any], Any]]


def losses(library: Any) -> Callable[[Any], Any]:
    """Cross-entropy by itself, with a class for each row."""

    def loss(x: Any) -> Any:
        labels = library.zeros(len(x), dtype=library.int64, device=x.device)
        return library.nn.functional.cross_entropy(x, labels)

    return loss


OPERATIONS = [
    Operation("relu", IMAGES, lambda lib: lib.nn.ReLU()),
    Operation("sigmoid", IMAGES, lambda lib: lib.nn.Sigmoid()),
    Operation("gelu", IMAGES, lambda lib: lib.nn.GELU()),
    Operation("add, relu", IMAGES, lambda lib: lambda x: lib.nn.functional.relu(x + x)),
    Operation("concatenation", IMAGES, lambda lib: lambda x: lib.cat([x, x], 1)),
    Operation("batch norm", IMAGES, lambda lib: lib.nn.BatchNorm2d(64)),
    Operation(
        "batch norm, relu",
        IMAGES,
        lambda lib: lib.nn.Sequential(lib.nn.BatchNorm2d(64), lib.nn.ReLU()),
    ),
    Operation("max pool 3/2", IMAGES, lambda lib: lib.nn.MaxPool2d(3, 2, 1)),
    Operation("average pool 3/2", IMAGES, lambda lib: lib.nn.AvgPool2d(3, 2, 1)),
    Operation("average of a map", IMAGES, lambda lib: lib.nn.AdaptiveAvgPool2d(1)),
    Operation("local response norm", IMAGES, lambda lib: lib.nn.LocalResponseNorm(5)),
    Operation("dropout", IMAGES, lambda lib: lib.nn.Dropout(0.5)),
    Operation("softmax", ROWS, lambda lib: lib.nn.Softmax(1)),
    Operation("log softmax", ROWS, lambda lib: lib.nn.LogSoftmax(1)),
    Operation("cross-entropy", ROWS, losses),
    Operation("linear", ROWS, lambda lib: lib.nn.Linear(1000, 1000)),
]
OPTIMIZERS = {
    "SGD": lambda lib, params: lib.optim.SGD(params, lr=0.01, momentum=0.9),
    "Adam": lambda lib, params: lib.optim.Adam(params),
    "AdamW": lambda lib, params: lib.optim.AdamW(params),
}


def operations(report: Any) -> None:
    """A row for each operation and dtype, the slowest against PyTorch, all numbers on file."""
    reason = missing("torch", "torchvision")
    if reason is not None:
        report.skip("operations", reason)
        return
    found: dict[str, dict[str, float]] = {}
    for operation in OPERATIONS:
        both = not report.quick or operation.name == "dropout"
        for dtype in ("float32", "bfloat16") if both else ("float32",):
            attempt(report, f"{operation.name} {dtype}", found, timed_parts, operation, dtype)
        clear()
    for name in OPTIMIZERS:
        attempt(report, f"step of {name}, ResNet-50", found, timed_optimizer, name)
    path = report.folder / "operations_ms.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    report.add("all times, on file", path.name)
    for ratio, name in sorted(ratios(found))[:5]:
        report.add(f"slowest against PyTorch: {name}", ratio)


def attempt(report: Any, name: str, found: dict, work: Callable, *args: Any) -> None:
    """A row with what `work` times, or with its error."""
    try:
        found[name] = work(report.quick, *args)
    except Exception as error:
        report.add(name, f"{type(error).__name__}: {error}", "times", False)
        return
    report.add(name, ", ".join(f"{what} {value:.3g}" for what, value in found[name].items()))


def ratios(found: dict[str, dict[str, float]]) -> list[tuple[float, str]]:
    """PyTorch's time divided by ours, wherever both were timed."""
    pairs = []
    for name, times in found.items():
        for what, own in times.items():
            other = times.get(what.replace("ours", "PyTorch"))
            if what.endswith("ours, ms") and other and own:
                pairs.append((other / own, f"{name}, {what.removesuffix(' ours, ms')}"))
    return pairs


def drawn(library: Any, shape: tuple[int, ...], dtype: str) -> Any:
    """Numbers in either library; images lie in rows."""
    place = gpu_timing.PEER if library.__name__ == "torch" else "cuda"
    if len(shape) == 2:
        return library.randn(*shape, device=place).to(getattr(library, dtype))
    n, c, h, w = shape
    images = library.randn(n, h, w, c, device=place).to(getattr(library, dtype))
    return images.permute(0, 3, 1, 2)


def clock_of(quick: bool) -> Callable[[Any, Callable[[], object]], float]:
    """What times work of a library, in milliseconds."""
    return functools.partial(milliseconds, rounds=1, warm_up=1) if quick else milliseconds


def timed_parts(quick: bool, operation: Operation, dtype: str) -> dict[str, float]:
    """Milliseconds forward and backward in both libraries; how fast ours moves what it must."""
    import torch

    import tinygrad_cnn as tg

    shape = operation.shape
    if quick:
        shape = (QUICK, shape[1], *[QUICK] * (len(shape) - 2))
    clock = clock_of(quick)
    times = {}
    for name, library in (("ours", tg), ("PyTorch", torch)):
        x = drawn(library, shape, dtype).requires_grad_()
        work = operation.build(library)
        if isinstance(work, library.nn.Module):
            work = work.to(x.device).to(x.dtype)
        times[f"forward {name}, ms"] = clock(library, lambda w=work, x=x: w(x))
        z = work(x)
        g = drawn(library, tuple(z.shape), dtype) if z.shape else None

        def back(library: Any = library, x: Any = x, z: Any = z, g: Any = g) -> Any:
            return library.autograd.grad(z, [x], g, retain_graph=True)

        times[f"backward {name}, ms"] = clock(library, back)
        if library is tg:
            moved = (math.prod(x.shape) + math.prod(z.shape)) * x.element_size()
            speed = moved / times["forward ours, ms"] / 1e6
            times["forward kernels"] = len(kernels_in(lambda w=work, x=x: w(x)))
    return times | {"forward ours, GB/s": speed}


def timed_optimizer(quick: bool, name: str) -> dict[str, float]:
    """Milliseconds of a step on all parameters of a network; and what the host takes to ask."""
    import torch

    import tinygrad_cnn as tg

    from .networks import our_network

    network = "lenet" if quick else "resnet50"
    shapes = [tuple(p.shape) for p in our_network(network).parameters()]
    clock = clock_of(quick)
    times = {}
    for library, label, place in ((tg, "ours", "cuda"), (torch, "PyTorch", gpu_timing.PEER)):
        params = [library.randn(*s, device=place).requires_grad_() for s in shapes]
        for p in params:
            p.grad = library.ones_like(p.detach())
        step = OPTIMIZERS[name](library, params).step
        times[f"{label}, ms"] = clock(library, step)
        times[f"host {label}, ms"] = enqueued(step)
    return times
