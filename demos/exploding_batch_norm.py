"""Batch norm at initialisation: without skips it makes gradients explode.

    python demos/exploding_batch_norm.py [--fast]

Sixty layers of Linear, batch norm and ReLU, as they are before training. What goes forward stays as
large as it was, which batch norm is for. What comes back grows by a factor in every layer: a ReLU
of a standard normal number has the variance (π − 1) / 2π, batch norm divides by its root, and half
of the gradient passes the ReLU, so that the factor is √(π / (π − 1)) = 1.211, whatever the size of
the weights. In sixty layers that would be a hundred thousand. With a skip around each layer the sum
grows from layer to layer, each further one changes it less and less, and gradients pass.

Source: Yang et al. 2019, A mean field theory of batch normalization; De & Smith 2020 for skips.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, nn, viz

DEPTH = 60
FACTOR = math.sqrt(math.pi / (math.pi - 1))
KINDS = ("batch norm", "weights ten times as large", "skips")


def sizes_of(kind: str, width: int) -> tuple[list[float], list[float]]:
    """How large the numbers between layers are, and their gradients: root mean squares."""
    tg.manual_seed(0)
    x = tg.randn(width, width, dtype=tg.float64, requires_grad=True)
    between = [x]
    for _ in range(DEPTH):
        linear = nn.Linear(width, width, bias=False)
        nn.init.kaiming_normal_(linear.weight)
        if kind == KINDS[1]:
            with tg.no_grad():
                linear.weight.mul_(10.0)
        norm = nn.BatchNorm1d(width)
        z = nn.Sequential(linear, norm, nn.ReLU()).double()(between[-1])
        between.append(between[-1] + z if kind == "skips" else z)
    loss = (between[-1] * tg.randn(width, width, dtype=tg.float64)).sum()
    return [size(z) for z in between], [size(g) for g in tg.autograd.grad(loss, between)]


def size(x: Tensor) -> float:
    """The root of the mean square."""
    return x.square().mean().sqrt().item()


def draw(found: dict[str, tuple[list[float], list[float]]], path: Path) -> None:
    """Write a plot of both sizes, layer by layer."""
    plot = viz.figure(9, 3.6)
    places = plot.subplots(1, 2, sharey=True)
    titles = "what goes forward", "the gradient that comes back"
    styles = "-", "--", "-"
    for i, (place, title) in enumerate(zip(places, titles, strict=True)):
        for (kind, both), style in zip(found.items(), styles, strict=True):
            place.semilogy(both[i], style, label=kind)
        place.set(title=title, xlabel="behind layer")
    theory = [FACTOR ** (DEPTH - n) for n in range(DEPTH + 1)]
    places[1].semilogy(theory, ":", color="black", label="1.211 per layer")
    places[1].legend()
    print(f"drawn in {plot.write(path)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, compare with the theory, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="layers of 96 units instead of 384")
    folder = Path("runs", "exploding_batch_norm")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    print(f"theory: a factor of {FACTOR:.3f} per layer")
    found, growth = {}, {}
    for kind in KINDS:
        forward, back = found[kind] = sizes_of(kind, 96 if args.fast else 384)
        growth[kind] = back[0] / back[-1]
        per_layer = growth[kind] ** (1 / DEPTH)
        print(f"{kind:26} numbers grow {forward[-1] / forward[1]:4.1f}-fold, gradients", end="")
        print(f" {growth[kind]:9.3g}-fold, {per_layer:.3f} per layer")
        if kind == "skips":
            assert forward[-1] < 2 * DEPTH
            assert growth[kind] < 3 * math.sqrt(DEPTH)
        else:
            assert abs(forward[-1] / forward[1] - 1) < 0.2
            assert abs(per_layer / FACTOR - 1) < 0.03
    assert growth["batch norm"] > 1000 * growth["skips"]
    draw(found, args.output / "explosion.svg")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
