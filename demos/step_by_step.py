"""Backpropagation played gate by gate, in pages for the browser.

    python demos/step_by_step.py

The first page has three graphs of single numbers: a product of a sum; a value that is used twice,
with a maximum; a neuron with a sigmoid. The second has a convolution, tanh and a linear layer, with
tensors as maps of their numbers. Open them in a browser and press →, or Quiz to be asked; `#7/quiz`
behind the address begins a quiz at step 7.
"""

import argparse
from collections.abc import Sequence
from math import exp, isclose
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import nn, viz
from tinygrad_cnn.nn import functional as F

IMAGE = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]  # a stroke from corner to corner


def named(value: tg.Value, name: str) -> tg.Value:
    """A Value under a name."""
    value.label = name
    return value


def product() -> tg.Value:
    """f = (x + y) · z: add distributes, mul switches."""
    x, y, z = tg.Value(-2, "x"), tg.Value(5, "y"), tg.Value(-4, "z")
    q = named(x + y, "q")
    f = named(q * z, "f")
    dx, dy, dz = tg.autograd.grad(f, [x, y, z])
    print(f"f = (x + y) · z = {f.data:g}: gradients {dx:g}, {dy:g}, {dz:g}")
    assert (dx, dy, dz) == (-4, -4, 3)
    return f


def fork() -> tg.Value:
    """f = x · y + max(x, z): max routes, and what reaches x from two sides adds."""
    x, y, z = tg.Value(2, "x"), tg.Value(-3, "y"), tg.Value(1, "z")
    p = named(x * y, "p")
    m = named(tg.maximum(x, z), "m")
    f = named(p + m, "f")
    dx, dy, dz = tg.autograd.grad(f, [x, y, z])
    print(f"f = x · y + max(x, z) = {f.data:g}: gradients {dx:g} = 1 − 3, {dy:g}, {dz:g}")
    assert (dx, dy, dz) == (-2, 2, 0)
    return f


def neuron() -> tg.Value:
    """f = σ(w0 x0 + w1 x1 + b), the sigmoid taken apart into its gates."""
    w0, x0 = tg.Value(2, "w0"), tg.Value(-1, "x0")
    w1, x1 = tg.Value(-3, "w1"), tg.Value(-2, "x1")
    b = tg.Value(-3, "b")
    f = named(1 / (1 + tg.exp(-(w0 * x0 + w1 * x1 + b))), "f")
    (db,) = tg.autograd.grad(f, [b])
    print(f"f = σ(w0 x0 + w1 x1 + b) = {f.data:.3f}: gradient of b {db:.3f} = σ (1 − σ)")
    sigma = 1 / (1 + exp(-1))
    assert isclose(f.data, sigma)
    assert isclose(db, sigma * (1 - sigma))
    return f


def network() -> tuple[tg.Tensor, dict]:
    """The loss of a convolution, tanh and a linear layer; and names for what is in it."""
    tg.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 1, 2), nn.Tanh(), nn.Flatten(), nn.Linear(4, 2))
    with viz.keep():
        scores = model(tg.tensor([[IMAGE]]))
        loss = F.cross_entropy(scores, tg.tensor([1]))
    (ds,) = tg.autograd.grad(loss, [scores], retain_graph=True)
    chances = F.softmax(scores, 1).detach().numpy()
    print(f"cross entropy {loss.item():.3f}: gradient of the scores {ds.numpy().round(3).tolist()}")
    assert np.allclose(ds.numpy(), chances - [0, 1], atol=1e-6)
    return loss, dict(model.named_parameters()) | {"scores": scores, "loss": loss}


def main(argv: Sequence[str] | None = None) -> None:
    """Check the numbers and write the pages."""
    parser = argparse.ArgumentParser(description="Backpropagation played gate by gate.")
    folder = Path("runs", "step_by_step")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    numbers = {"product": product(), "fork": fork(), "neuron": neuron()}
    print(f"wrote {viz.step(numbers, args.output / 'numbers.html')}")
    loss, names = network()
    print(f"wrote {viz.step(loss, args.output / 'tensors.html', names=names)}")
    print("Open them in a browser.")


if __name__ == "__main__":
    main()
