"""The sections of `gpu_day` that say whether training is right: networks, recorded steps, ranks.

Each takes a Report and adds rows to it. Not yet run on a GPU.
"""

import contextlib
import math
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import gpu_timing, machine
from .gpu_timing import clear, missing, precision

NETWORKS = ("resnet20", "resnet18", "densenet121", "inception_v3")
SAMPLES = 16  # of the batch that two ranks share

# --- a small training -----------------------------------------------------------------------------


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
    """Loss and gradients of one step in strict float32, on PyTorch's weights, against PyTorch's in
    float64.

    Where the input of one ReLU rounds to the other side of 0 all gradients before it change, by far
    more than by rounding; so the median over parameters is asked, and PyTorch's is told beside.
    """
    reason = missing("torch", "torchvision")
    if reason is not None:
        report.skip("networks", reason)
        return
    names = ("lenet", "resnet20") if report.quick else NETWORKS
    with precision("float32"):
        for name in names:
            loss, own, theirs = against_torch(name, 4)
            report.add(f"{name}: loss, relative error", loss, 1e-5, loss <= 1e-5)
            report.add(f"{name}: gradients, relative error", own, 2e-2, own <= 2e-2)
            report.add(f"{name}: gradients, relative error of PyTorch in float32", theirs)
            clear()


def pair(name: str) -> tuple[Any, Any, tuple[int, ...], int]:
    """A network here and in PyTorch, the shape of an image, the number of classes."""
    import torchvision

    from tinygrad_cnn import models

    from .networks import WORKLOADS, our_network, torch_network

    if name == "inception_v3":
        one = models.inception_v3(aux_logits=False, transform_input=False, dropout=0.0)
        other = torchvision.models.inception_v3(aux_logits=False, init_weights=False, dropout=0.0)
        return one, other, (3, 299, 299), 1000
    work = next(w for w in WORKLOADS if w.network == name)
    shape = (work.channels, work.side, work.side)
    return our_network(name), torch_network(name), shape, work.classes


def against_torch(name: str, batch: int, side: int | None = None) -> tuple[float, float, float]:
    """The relative errors of our loss, and, median over parameters, of gradients: ours, PyTorch's.

    side: of the images, if not that of the network.
    """
    import copy

    import torch

    import tinygrad_cnn as tg

    torch.manual_seed(0)
    place = gpu_timing.PEER
    model, theirs, shape, classes = pair(name)
    theirs = theirs.to(place).train()
    exact = copy.deepcopy(theirs).double()
    for p, q in zip(model.parameters(), theirs.parameters(), strict=True):
        p.data = tg.tensor(q.detach().cpu().numpy())
    model = model.to("cuda").train()
    shape = shape if side is None else (shape[0], side, side)
    x, labels = torch.randn(batch, *shape), torch.randint(classes, (batch,))
    losses = []
    for network, images in ((theirs, x), (exact, x.double())):
        losses.append(
            torch.nn.functional.cross_entropy(network(images.to(place)), labels.to(place))
        )
        losses[-1].backward()
    ours = tg.tensor(x.numpy(), device="cuda"), tg.tensor(labels.numpy(), device="cuda")
    loss = tg.nn.functional.cross_entropy(model(ours[0]), ours[1])
    loss.backward()
    errors: tuple[list[float], list[float]] = [], []
    parameters = (network.parameters() for network in (model, theirs, exact))
    for trio in zip(*parameters, strict=True):
        *found, wanted = (p.grad.cpu().numpy().astype("f8") for p in trio)
        for g, known in zip(found, errors, strict=True):
            known.append(distance(g, wanted))
    truth = losses[1].item()
    own, peer = map(statistics.median, errors)
    return abs(loss.item() - truth) / abs(truth), own, peer


def distance(found: Any, wanted: Any) -> float:
    """How far two of NumPy's arrays are apart by their norms; relative, if there is something."""
    size = float((wanted**2).sum()) ** 0.5
    return float(((found - wanted) ** 2).sum()) ** 0.5 / (size or 1.0)


# --- waiting, and recorded steps ------------------------------------------------------------------


@contextlib.contextmanager
def waiting_refused(xp: Any) -> Iterator[None]:
    """A context in which CuPy raises where the host waits; it does not see all such places."""
    import warnings

    import cupyx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the function is deprecated, and the only one
        with cupyx.allow_synchronize(False):
            yield


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
    replayed = deterministic_losses(count, tg.graph_step)
    report.add(
        f"{count} replayed losses equal plain ones", plain == replayed, True, plain == replayed
    )
    apart = max(abs(a - b) for a, b in zip(plain, replayed, strict=True))
    report.add("largest difference of a loss", apart, 0.0, math.isfinite(apart) and apart < 1e-4)
    ones = tg.ones(1000, device="cuda")
    drop = tg.graph_step(lambda x: tg.nn.functional.dropout(x, 0.5), warmup=1)
    masks = {str(drop(ones).tolist()) for _ in range(6)}
    report.add("different masks in 6 calls", len(masks), 6, len(masks) == 6)
    recorded, _ = small_training(tg.graph_step)
    for _ in range(5):
        recorded(images, labels)
    before = tg.cuda.memory_reserved()
    for _ in range(20 if report.quick else 200):
        recorded(images, labels)
    grown = tg.cuda.memory_reserved() - before
    report.add("bytes that replays add", grown, 0, grown == 0)


# --- several ranks --------------------------------------------------------------------------------


def distributed(report: Any) -> None:
    """NCCL among one rank: more need as many GPUs. And two processes that share this one."""
    collective(report)
    ranks(report)


def collective(report: Any) -> None:
    """A sum over one rank by NCCL."""
    try:
        import cupy
        from cupy.cuda import nccl

        if not nccl.available:
            raise ImportError("CuPy finds no library")
    except ImportError as error:
        report.skip("NCCL", str(error))
        return
    communicator = nccl.NcclCommunicator(1, nccl.get_unique_id(), 0)
    x = cupy.arange(1000, dtype="float32")
    y = cupy.zeros_like(x)
    stream = cupy.cuda.get_current_stream().ptr
    communicator.allReduce(x.data.ptr, y.data.ptr, x.size, nccl.NCCL_FLOAT32, nccl.NCCL_SUM, stream)
    same = bool((x == y).all())
    report.add("NCCL all-reduce among one rank", same, True, same)


def ranks(report: Any, device: str = "cuda", before: str = "pass") -> None:
    """Two processes on one device, each with half of a batch: the mean of their gradients, which
    go through the host, is the gradient of the whole.

    device and before, which is what the processes run first, are for a test of this function.
    """
    import numpy as np

    half = SAMPLES // 2
    paths = [report.folder / f"rank{i}.npz" for i in range(2)]
    processes = []
    for i, path in enumerate(paths):
        code = (
            f"{before}; from benchmarks import gpu_training as g;"
            f"g.save_gradients({str(path)!r}, {device!r}, {i * half}, {(i + 1) * half})"
        )
        processes.append(subprocess.Popen([sys.executable, "-c", code], cwd=machine.ROOT))
    try:
        codes = [process.wait(timeout=40) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    report.add("two ranks on one device end with", codes, [0, 0], codes == [0, 0])
    if codes != [0, 0]:
        return
    halves = [[*np.load(path).values()] for path in paths]
    whole = gradients(device, 0, SAMPLES)
    worst = 0.0
    for a, b, c in zip(*halves, whole, strict=True):
        worst = max(worst, distance((a + b) / 2, c))
    report.add("two ranks: gradients, relative error", worst, 1e-5, worst <= 1e-5)


def gradients(device: str, first: int, last: int) -> list[Any]:
    """The gradients of a small network for some samples of a batch, as NumPy's arrays."""
    import tinygrad_cnn as tg

    tg.manual_seed(0)
    nn = tg.nn
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
    draw = tg.Generator(1)
    images = tg.randn(SAMPLES, 3, 8, 8, generator=draw)[first:last]
    labels = tg.randint(10, (SAMPLES,), generator=draw)[first:last]
    model.to(device)
    with tg.backends.cudnn.flags(allow_tf32=False):
        nn.functional.cross_entropy(model(images.to(device)), labels.to(device)).backward()
    return [p.grad.cpu().numpy() for p in model.parameters()]


def save_gradients(path: str, device: str, first: int, last: int) -> None:
    """Write the gradients for some samples to a file: what one rank does."""
    import numpy as np

    np.savez(Path(path), *gradients(device, first, last))
