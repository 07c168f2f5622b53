"""The sections of `gpu_day` that time convolutions: each layer of ResNet-50 and VGG-16 by itself.

Of each layer the forward sweep and both gradients, with the images in planes (N, C, H, W) and in
rows (channels innermost), by cuDNN's first plan and by the fastest of ten, beside PyTorch, which
has rows and picks its plans by trial. One section for each precision. The choices that were made
are left beside the rows: another machine with this GPU can start from them. Not yet run on a GPU.
"""

import contextlib
import functools
import itertools
import shutil
import statistics
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from . import gpu_timing
from .gpu_timing import by_trial, milliseconds, missing, precision

PARTS = ("forward", "dx", "dw")
LAYOUTS = {"planes": False, "rows": True}


class Layer(NamedTuple):
    """A convolution: the shapes of images and weights, stride and padding."""

    images: tuple[int, ...]
    weights: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]

    def __str__(self) -> str:
        shapes = ["x".join(map(str, shape)) for shape in (self.images, self.weights)]
        return f"{' * '.join(shapes)} s{self.stride[0]} p{self.padding[0]}"


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


def plans(report: Any, kind: str) -> None:
    """Each distinct layer at one precision; a layer that fails stops no other."""
    reason = missing("torch")
    if reason is not None:
        report.skip(f"convolutions, {kind}", reason)
        return
    batch, side = (2, 32) if report.quick else (64, 224)
    names = ("resnet50",) if report.quick else ("resnet50", "vgg16")
    layers = dict.fromkeys(layer for name in names for layer in layers_of(name, batch, side))
    ratios: dict[str, list[float]] = {name: [] for name in LAYOUTS}
    with precision(kind):
        for layer in itertools.islice(layers, 2 if report.quick else None):
            try:
                for name, found in layer_rows(report, layer, kind).items():
                    ratios[name] += found
            except Exception as error:
                report.add(f"{layer} {kind}", f"{type(error).__name__}: {error}", "a time", False)
    for name, found in ratios.items():
        if found:
            report.add(f"median ratio, {kind}, {name}", statistics.median(found), ">= 0.9")
    keep_choices(report)


tf32, bfloat16, float32 = (functools.partial(plans, kind=kind) for kind in gpu_timing.KINDS)


def layer_rows(report: Any, layer: Layer, kind: str) -> dict[str, list[float]]:
    """The rows of a layer; returns PyTorch's time divided by ours, by layout, for each part."""
    import torch

    import tinygrad_cnn as tg

    once = functools.partial(milliseconds, rounds=1, warm_up=0)
    clock = once if report.quick else milliseconds
    times: dict[tuple[str, ...], float] = {}
    for name, rows in LAYOUTS.items():
        with laid_out(rows):
            works = our_conv(layer, kind, rows)
            for part, work in works.items():
                times[name, "first plan", part] = clock(tg, work)
            with by_trial():
                for part, work in works.items():
                    times[name, "by trial", part] = clock(tg, work)
    with by_trial():
        for part, work in torch_conv(layer, kind).items():
            times["rows", "PyTorch", part] = clock(torch, work)
    for part in PARTS:
        found = {f"{name}, {how}": time for (name, how, p), time in times.items() if p == part}
        cells = ", ".join(f"{time:.3g} {what}" for what, time in found.items())
        report.add(f"{layer} {kind} {part}, ms", cells)
    theirs = [times["rows", "PyTorch", part] for part in PARTS]
    mine = {name: [times[name, "by trial", part] for part in PARTS] for name in LAYOUTS}
    return {n: [a / b for a, b in zip(theirs, own, strict=True)] for n, own in mine.items()}


@contextlib.contextmanager
def laid_out(rows: bool) -> Iterator[None]:
    """A context in which cuDNN gets all arrays in rows, or all in planes."""
    from tinygrad_cnn.kernels import cuda_plan

    rule = cuda_plan.channels_last
    cuda_plan.channels_last = lambda dtype: rows
    try:
        yield
    finally:
        cuda_plan.channels_last = rule


def keep_choices(report: Any) -> None:
    """Leave cuDNN's plans that were chosen by trial, by their names, beside the rows."""
    from tinygrad_cnn.kernels import cuda_plan

    found = [*cuda_plan.folder().glob("cudnn-*.json")]
    for path in found:
        shutil.copy(path, report.folder)
    names = ", ".join(path.name for path in found)
    report.add("plans that were chosen, on file", names or "none: there was no cuDNN")


# --- contestants ----------------------------------------------------------------------------------


def our_conv(layer: Layer, kind: str, rows: bool) -> dict[str, Callable[[], object]]:
    """Forward, and the gradients for images and weights, here; images and results lie as told."""
    import tinygrad_cnn as tg

    dtype = tg.bfloat16 if kind == "bfloat16" else tg.float32

    def drawn(shape: tuple[int, ...]) -> Any:
        if not rows:
            return tg.randn(*shape, device="cuda").to(dtype)
        n, c, *space = shape
        return tg.randn(n, *space, c, device="cuda").to(dtype).permute(0, 3, 1, 2)

    w = tg.randn(*layer.weights, device="cuda").to(dtype)
    return parts(tg, layer, drawn(layer.images), w, drawn)


def torch_conv(layer: Layer, kind: str) -> dict[str, Callable[[], object]]:
    """The same in PyTorch, in rows."""
    import torch

    dtype = torch.bfloat16 if kind == "bfloat16" else torch.float32

    def drawn(shape: tuple[int, ...]) -> Any:
        x = torch.randn(shape, device=gpu_timing.PEER, dtype=dtype)
        return x.to(memory_format=torch.channels_last)

    return parts(torch, layer, drawn(layer.images), drawn(layer.weights), drawn)


def parts(
    library: Any, layer: Layer, x: Any, w: Any, drawn: Callable[[tuple[int, ...]], Any]
) -> dict[str, Callable[[], object]]:
    """The three sweeps of a layer in either library; drawn: what makes an array of a shape."""
    F, grad = library.nn.functional, library.autograd.grad

    def forward() -> Any:
        return F.conv2d(x, w, None, layer.stride, layer.padding)

    works: dict[str, Callable[[], object]] = {"forward": forward}
    for part, place in (("dx", 0), ("dw", 1)):
        leaves = [x.detach(), w.detach()]
        leaves[place].requires_grad_()
        z = F.conv2d(*leaves, None, layer.stride, layer.padding)
        g = drawn(tuple(z.shape))
        works[part] = lambda z=z, leaf=leaves[place], g=g: grad(z, [leaf], g, retain_graph=True)
    return works
