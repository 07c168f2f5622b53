"""One training step of a perceptron in other libraries that differentiate Python.

    python -m benchmarks.libraries [--quick] [--json]

784 inputs, 256 ReLUs, 10 classes, 64 images: forward, cross-entropy, backward, SGD, and reading the
loss. Each library starts from the same numbers, must find the same losses, and takes its turn in
one process on one thread; those that are not installed, or do not run here, are named and left out.
tinygrad compiles its step, as its users do. A ratio above 1 says that we are faster.
"""

import argparse
import functools
from collections.abc import Callable

import numpy as np

from .turns import clock, finish, medians, parser, quartiles, say, timed, turns

TITLE = "Other libraries that differentiate Python"
BATCH, INPUTS, HIDDEN, CLASSES = 64, 784, 256, 10
RATE = 0.1
ROUNDS = 200
QUICK = 20
WARM_UP = 5  # steps, of which the losses are compared


def numbers() -> tuple[np.ndarray, ...]:
    """Images, labels, and the weights and biases of both layers."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCH, INPUTS), dtype=np.float32)
    w1 = rng.standard_normal((HIDDEN, INPUTS), dtype=np.float32) / 28
    w2 = rng.standard_normal((CLASSES, HIDDEN), dtype=np.float32) / 16
    labels = np.arange(BATCH) % CLASSES
    return x, labels, w1, np.zeros(HIDDEN, np.float32), w2, np.zeros(CLASSES, np.float32)


def torch_like(library: object) -> Callable[[], float]:
    """The step in PyTorch, or here: the same lines."""
    x, labels, *weights = map(library.from_numpy, numbers())
    layers = [library.nn.Linear(INPUTS, HIDDEN), library.nn.Linear(HIDDEN, CLASSES)]
    model = library.nn.Sequential(layers[0], library.nn.ReLU(), layers[1])
    model.load_state_dict(dict(zip(model.state_dict(), weights, strict=True)))
    optimizer = library.optim.SGD(model.parameters(), lr=RATE)

    def step() -> float:
        optimizer.zero_grad()
        loss = library.nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def ours() -> Callable[[], float]:
    """The step here."""
    import tinygrad_cnn

    tinygrad_cnn.set_num_threads(1)
    return torch_like(tinygrad_cnn)


def pytorch() -> Callable[[], float]:
    """The step in PyTorch."""
    import torch

    torch.set_num_threads(1)
    return torch_like(torch)


def hips() -> Callable[[], float]:
    """The step in autograd (Maclaurin, Duvenaud and Johnson)."""
    import autograd
    from autograd import numpy as anp

    x, labels, *weights = numbers()

    def loss_of(weights: list) -> object:
        w1, b1, w2, b2 = weights
        z = anp.dot(anp.maximum(anp.dot(x, w1.T) + b1, 0), w2.T) + b2
        z = z - anp.max(z, axis=1, keepdims=True)
        log_p = z - anp.log(anp.sum(anp.exp(z), axis=1, keepdims=True))
        return -anp.mean(log_p[np.arange(BATCH), labels])

    both = autograd.value_and_grad(loss_of)

    def step() -> float:
        loss, gradients = both(weights)
        for w, g in zip(weights, gradients, strict=True):
            w -= RATE * g
        return float(loss)

    return step


def tinygrad() -> Callable[[], float]:
    """The step in tinygrad, compiled."""
    from tinygrad import Tensor, TinyJit
    from tinygrad.helpers import Context
    from tinygrad.nn.optim import SGD

    x, labels, *weights = (Tensor(a.astype(np.int32) if a.dtype.kind == "i" else a)
                           for a in numbers())  # fmt: skip
    w1, b1, w2, b2 = weights
    optimizer = SGD(weights, lr=RATE)

    @TinyJit
    def compute() -> Tensor:
        with Context(TRAINING=1):
            optimizer.zero_grad()
            z = x.linear(w1.T, b1).relu().linear(w2.T, b2)
            loss = z.sparse_categorical_crossentropy(labels).backward()
            return loss.realize(*optimizer.schedule_step())

    return lambda: compute().item()


LIBRARIES = {"ours": ours, "PyTorch": pytorch, "autograd": hips, "tinygrad": tinygrad}


def contestants(report: dict, options: argparse.Namespace) -> dict[str, Callable[[], float]]:
    """The steps of the libraries that run here, after their first steps; the others' reasons."""
    steps: dict[str, Callable[[], float]] = {}
    losses: list[float] = []
    for name, make in LIBRARIES.items():
        try:
            step = make()
            found = [step() for _ in range(WARM_UP)]
        except Exception as error:  # whatever an absent or broken library raises
            report["left out"][name] = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            say(options, f"{name} is left out: {report['left out'][name]}")
            continue
        losses = losses or found
        if not np.allclose(losses, found, rtol=1e-3):
            raise AssertionError(f"losses differ: ours are {losses}, those of {name} {found}")
        steps[name] = step
    return steps


def measure(options: argparse.Namespace) -> dict:
    """Milliseconds of a step in each library, and their times divided by ours."""
    from threadpoolctl import threadpool_limits

    report: dict = {"left out": {}}
    with threadpool_limits(1):
        steps = contestants(report, options)
        rounds = QUICK if options.quick else ROUNDS
        found = turns({name: timed(step, clock) for name, step in steps.items()}, rounds)
    report["milliseconds"] = medians(found)
    mine = report["milliseconds"]["ours"]
    report["ratios"] = {name: time / mine for name, time in report["milliseconds"].items()}
    pairs = functools.partial(zip, found["ours"], strict=True)
    report["noise"] = {n: quartiles([b / a for a, b in pairs(ts)]) for n, ts in found.items()}
    return report


def printed(report: dict) -> str:
    """The report as a table."""
    lines = [f"{'library':<12}{'ms':>9}{'ratio':>8}"]
    for name, time in report["milliseconds"].items():
        lines.append(f"{name:<12}{time:9.3f}{report['ratios'][name]:8.2f}")
    lines += [f"{name} is left out: {reason}" for name, reason in report["left out"].items()]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    options = parser(__doc__).parse_args()
    report = measure(options)
    finish(options, report, printed(report))


if __name__ == "__main__":
    main()
