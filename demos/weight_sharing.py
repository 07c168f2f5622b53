"""Sharing weights: from 64 over 16 to 4.

    python demos/weight_sharing.py

A 4x4 map and a 2x2 map behind it. A dense layer has a weight for each of their 16 x 4 pairs. Let an
output see a window of 2x2 alone, and 16 are left; let the four windows share them, and 4 are left.
A shared weight's gradient is the sum of the gradients of those it stands for.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import nn, viz


def layers() -> dict[str, nn.Module]:
    """The three layers, with weights 1, 2, 3, ... in the order of their outputs."""
    found = {
        "dense": nn.Sequential(nn.Flatten(), nn.Linear(16, 4, bias=False)),
        "local": nn.LocallyConnected2d(1, 1, 4, 2, stride=2, bias=False),
        "convolution": nn.Conv2d(1, 1, 2, stride=2, bias=False),
    }
    for layer in found.values():
        (weight,) = layer.parameters()
        with tg.no_grad():
            weight.copy_(tg.arange(1.0, weight.numel() + 1).reshape(weight.shape))
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Count and draw the weights, and compare gradients."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "weight_sharing")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    image = tg.arange(16.0).reshape(1, 1, 4, 4)
    made = layers()
    counts, planes = {}, {}
    for name, layer in made.items():
        layer(image).sum().backward()
        (weight,) = layer.parameters()
        counts[name] = weight.numel()
        slopes = tg.autograd.functional.jacobian(layer, image).reshape(4, 16)
        planes[f"{name}: {counts[name]} weights"] = slopes
        connections = int((slopes != 0).sum())
        pixels = [i for i, slope in enumerate(slopes[0].tolist(), 1) if slope]
        print(f"{name:12} {counts[name]:3} weights, {connections:3} connections; ", end="")
        print("the first output sees pixels", *pixels)
    assert counts == {"dense": 64, "local": 16, "convolution": 4}
    assert pixels == [1, 2, 5, 6]

    apart = made["local"].weight.grad.reshape(4, 4)  # a row for each window
    shared = made["convolution"].weight.grad.flatten()
    assert shared.tolist() == apart.sum(0).tolist() == [20, 24, 36, 40]
    terms = " + ".join(f"{g:g}" for g in apart[:, 0].tolist())
    print(f"gradient of the first shared weight: {terms} = {shared[0].item():g}")

    path = viz.maps(planes, columns=1).write(args.output / "weights.svg")
    print(f"which weight joins which pixel (column) to which output (row): {path}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
