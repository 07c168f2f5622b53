"""One pixel of a feature map, opened into the numbers that made it.

    python demos/dive_into_a_pixel.py

An 8x8 drawing of a stroke goes through a 5x5 convolution with four filters and a ReLU. `viz.dive`
opens the pixel of filter 3 at row 2, column 1 into a graph of single numbers: 25 products of a
weight and a pixel of the image, their running sum, and a bias. The picture shows each with its
position, and what its gradient is.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import nn, viz
from tinygrad_cnn.nn import functional as F

PIXEL = (0, 3, 2, 1)  # sample, filter, row, column


def stroke(size: int) -> tg.Tensor:
    """An image of a slanted stroke with soft edges."""
    rows, columns = tg.arange(size).view(-1, 1), tg.arange(size).view(1, -1)
    distance = (rows - columns * 0.5 - 2.0).abs()
    return (1.0 - distance * 0.5).clamp(min=0.0).view(1, 1, size, size)


def main(argv: Sequence[str] | None = None) -> None:
    """Open the pixel, check its numbers, print and draw it."""
    parser = argparse.ArgumentParser(description="Open one pixel of a convolution.")
    folder = Path("runs", "dive_into_a_pixel")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    tg.manual_seed(0)
    layer = nn.Conv2d(1, 4, 5)
    image = stroke(8)
    with viz.keep():
        z = layer(image)
        y = F.relu(z)

    pixel = viz.dive(z, PIXEL, names=dict(layer.named_parameters()), gradients=True)
    pixel.backward()
    nodes = reachable(pixel)
    products = [v for v in nodes if v.gate is not None and v.gate.name == "mul"]
    bias = next(v for v in nodes if v.label == "bias[3]")
    assert len(products) == 25
    assert abs(sum(v.data for v in products) + bias.data - z[PIXEL].item()) < 1e-6

    (grad,) = tg.autograd.grad(z[PIXEL], [layer.weight])
    for product in products:
        weight, seen = product.parents
        position = tuple(map(int, weight.label[len("weight[") : -1].split(",")))
        assert abs(weight.grad - grad[position].item()) < 1e-6
        assert weight.grad == seen.data  # a product hands each factor the other one

    print(f"{pixel.label} = {pixel.data:.4f}: {len(products)} products and {bias.label}")
    for product in products:
        weight, seen = product.parents
        print(f"  {weight.label} {weight.data:+.4f} × {seen.label} {seen.data:+.4f}")

    deeper = viz.dive(y, PIXEL, depth=2)
    assert deeper.data == max(pixel.data, 0.0)
    suffix = ".dot" if viz.missing_dot() else ".svg"
    picture = viz.draw(pixel).write(args.output / f"pixel{suffix}")
    print(f"drawn in {picture}", viz.missing_dot())


def reachable(root: tg.Value) -> list[tg.Value]:
    """The Values that root was computed from, in the order in which they were made."""
    found = {root}
    waiting = [root]
    while waiting:
        for parent in waiting.pop().parents:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return sorted(found, key=lambda v: v.seq)


if __name__ == "__main__":
    main()
