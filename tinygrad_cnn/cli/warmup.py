"""`tinygrad-cnn warmup`: compile kernels now instead of in the first step of a network."""

import argparse
import time

import numpy as np

from .. import inference_mode, models
from ..kernels.facts import cache, numba
from ..nn import functional as F
from ..optim import SGD, Adam
from ..tensor import Tensor
from .compiling import watched

# The images that a step is made with. Which kernels serve a layer is a matter of its sizes.
IMAGES = {
    "lenet5": (32, 1, 32, 32),
    "lenet": (64, 1, 28, 28),
    "resnet20": (64, 3, 32, 32),
    "resnet18": (8, 3, 224, 224),
}
CLASSES = 10


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command `warmup`."""
    parser = subparsers.add_parser(
        "warmup",
        help="compile kernels ahead of time",
        description="Compile the kernels that networks need, which otherwise happens in their "
        "first step. They are kept on disk and serve every later run; tinygrad-cnn doctor says "
        "where.",
    )
    parser.add_argument(
        "models",
        nargs="*",
        metavar="MODEL",
        type=model,
        help=f"for these networks alone: {', '.join(IMAGES)} (default: all of them)",
    )
    parser.set_defaults(run=run)


def model(text: str) -> str:
    """The name of one of the networks."""
    if text not in IMAGES:
        raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(IMAGES)}")
    return text


def run(args: argparse.Namespace) -> int:
    """Compile; returns the exit code."""
    why = numba()["why"]
    if why is not None:
        raise ValueError(f"there is nothing to compile with: {why}")
    for name in args.models or IMAGES:
        with watched(aloud=False) as compiling:
            begun = time.perf_counter()
            use(name, IMAGES[name])
            seconds = time.perf_counter() - begun
        what = f"{compiling.count} kernels compiled" if compiling.count else "kernels were ready"
        print(f"{name}: {what}; {seconds:.1f} s", flush=True)
    folder = cache()["folder"]
    print(f"kernels are kept in {folder}" if folder else "no folder can be written to keep them")
    return 0


def use(name: str, shape: tuple[int, ...]) -> None:
    """Two steps of training and an inference: all that needs kernels."""
    images, targets = np.zeros(shape, np.float32), np.arange(shape[0]) % CLASSES
    network = getattr(models, name)(num_classes=CLASSES)
    for optimizer in (SGD(network.parameters(), lr=0.0, momentum=0.9), Adam(network.parameters())):
        optimizer.zero_grad()
        F.cross_entropy(network(Tensor(images)), Tensor(targets)).backward()
        optimizer.step()
    network.eval()
    with inference_mode():
        network(Tensor(images))
        network(Tensor(images[:1]))
