"""Variants of convolution, and what they connect: the matrices between inputs and outputs.

    python demos/connections.py

A layer without activation is a product with a matrix: the derivatives of its outputs (rows) for its
inputs (columns). The weights are numbered from 1, so the matrix shows which weight stands where:
bands of equal numbers where weights are shared, other numbers where they are not.

valid gives m − k + 1 outputs, same m, full m + k − 1. A tiled convolution of one tile is a
convolution, one of as many tiles as outputs is locally connected. In a restricted layer, outputs 0
and 1 see inputs 0 and 1, outputs 2 and 3 see inputs 2 and 3.

Source: Goodfellow, Bengio & Courville 2016, Deep Learning, section 9.5 and figures 9.14 to 9.16.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, nn, viz

PIXELS, WIDTH = 6, 3
TABLE = ("X.X", "XX.", ".XX", "..X")  # four input maps, three output maps


def numbered(layer: nn.Module) -> nn.Module:
    """A layer whose weights are 1, 2, 3, ..."""
    with tg.no_grad():
        weight = layer.weight
        weight.copy_(tg.arange(1.0, weight.numel() + 1).reshape(weight.shape))
    return layer


def matrix(layer: nn.Module, *shape: int) -> Tensor:
    """The derivatives of all outputs of a layer for all inputs (C, H, W)."""
    x = tg.zeros(1, *shape)
    slopes = tg.autograd.functional.jacobian(numbered(layer), x)
    return slopes.reshape(-1, x.numel())


def tiled(tiles: int) -> nn.Module:
    """A tiled convolution over rows."""
    return nn.TiledConv2d(1, 1, (1, WIDTH), (1, tiles), bias=False)


def layers() -> dict[str, Tensor]:
    """The matrix of each variant."""
    row = (1, 1, PIXELS)
    local = nn.LocallyConnected2d(1, 1, (1, PIXELS), (1, WIDTH), bias=False)
    partial = nn.PartialConv2d(4, 3, 1, table=TABLE, bias=False)
    found = {
        padding: matrix(nn.Conv1d(1, 1, WIDTH, padding=padding, bias=False), 1, PIXELS)
        for padding in ("valid", "same", "full")
    }
    found |= {
        "locally connected": matrix(local, *row),
        "tiled, two in turns": matrix(tiled(2), *row),
        "stride 2": matrix(nn.Conv1d(1, 1, WIDTH, 2, bias=False), 1, PIXELS),
        "4 channels, 1×1": matrix(nn.Conv2d(4, 4, 1, bias=False), 4, 1, 1),
        "restricted: two groups": matrix(nn.Conv2d(4, 4, 1, groups=2, bias=False), 4, 1, 1),
        "by a table": matrix(partial, 4, 1, 1),
    }
    outputs = PIXELS - WIDTH + 1
    assert tiled(1).weight.numel() == WIDTH
    assert matrix(tiled(1), *row).tolist() == found["valid"].tolist()
    assert matrix(tiled(outputs), *row).tolist() == found["locally connected"].tolist()
    assert [len(found[name]) for name in ("valid", "same", "full")] == [4, 6, 8]
    return found


def check(found: dict[str, Tensor]) -> None:
    """How many connections each has, by how many weights."""
    counts = {}
    for name, plane in found.items():
        connections = int((plane != 0).sum())
        counts[name] = (connections, int(plane.max()))
        print(f"{name:22} {len(plane)} outputs, {connections:2} connections", end="")
        print(f" by {counts[name][1]:2} weights")
    assert counts["valid"] == (12, 3)
    assert counts["same"] == (16, 3)
    assert counts["full"] == (18, 3)
    assert counts["locally connected"] == (12, 12)
    assert counts["tiled, two in turns"] == (12, 6)
    assert counts["4 channels, 1×1"] == (16, 16)
    assert counts["restricted: two groups"] == (8, 8)
    assert (found["restricted: two groups"] != 0).int().tolist() == [
        [1, 1, 0, 0],
        [1, 1, 0, 0],
        [0, 0, 1, 1],
        [0, 0, 1, 1],
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Print what is connected, check it, and draw the matrices."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "connections")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)
    found = layers()
    check(found)
    print(f"drawn in {viz.maps(found, columns=3).write(args.output / 'connections.svg')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
