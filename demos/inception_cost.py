"""What a 5x5 convolution costs, what a 1x1 in front of it saves, and the inception module.

    python demos/inception_cost.py

From 28x28x192 to 28x28x32 by 5x5: 120 million multiply-adds. Through 16 channels in between: 12
million. All numbers come from `viz.summary`, which counts what the gates do.

Source: Szegedy et al. 2015, Going deeper with convolutions, figure 2 and table 1, row 3a; the same
2016, Rethinking the Inception architecture, section 3, for smaller windows.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from tinygrad_cnn import models, nn, viz

INPUT = (192, 28, 28)


def networks() -> dict[str, nn.Module]:
    """What is compared."""
    return {
        "1×1, 192 → 32": nn.Conv2d(192, 32, 1, bias=False),
        "5×5, 192 → 32": nn.Conv2d(192, 32, 5, padding=2, bias=False),
        "1×1 → 16, 5×5 → 32": nn.Sequential(
            nn.Conv2d(192, 16, 1, bias=False), nn.Conv2d(16, 32, 5, padding=2, bias=False)
        ),
        "naive inception": models.NaiveInception(192, 64, 128, 32),
        "inception 3a": models.Inception(192, 64, 96, 128, 16, 32, 32),
    }


def factored() -> None:
    """What smaller windows cost that see as much, with one channel and no bias."""
    windows = {"5×5": [5], "3×3": [3], "1×3, then 3×1": [(1, 3), (3, 1)]}
    work = {}
    for name, sizes in windows.items():
        layers = [nn.Conv2d(1, 1, size, padding="same", bias=False) for size in sizes]
        work[name] = viz.summary(nn.Sequential(*layers), (1, 8, 8)).multiply_adds / 8**2
    print(f"a place costs 5×5 {work['5×5'] / work['3×3']:.2f} times as much as 3×3;", end=" ")
    print(f"1×3, then 3×1 {1 - work['1×3, then 3×1'] / work['3×3']:.0%} less,")
    print("but only kernels of rank 1 are products of a column and a row\n")
    assert list(work.values()) == [25, 9, 6]


def draw(work: dict[str, int], path: Path) -> None:
    """Write a plot with a bar of multiply-adds for each."""
    plot = viz.figure(7, 2.6)
    place = plot.subplots()
    bars = place.barh(list(work), [count / 1e6 for count in work.values()], color="C0")
    place.bar_label(bars, fmt=" %.1f")
    place.margins(x=0.16)
    place.invert_yaxis()
    place.set_xlabel("millions of multiply-adds")
    print(f"drawn in {plot.write(path)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Count, check, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "inception_cost")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    tables = {name: viz.summary(model, INPUT) for name, model in networks().items()}
    for name, table in tables.items():
        depth, height, width = table.rows[0].shape
        print(f"{name:20} {height}×{width}×{depth:<4}", end="")
        print(f"{table.parameters:>9,} parameters {table.multiply_adds:>13,} multiply-adds")
    print(f"\n{tables['inception 3a'].table()}\n")

    factored()
    wide = tables["5×5, 192 → 32"]
    assert tables["1×1, 192 → 32"].rows[0].shape == (32, 28, 28)
    assert wide.parameters == 32 * 4_800 == 153_600
    work = {name: table.multiply_adds for name, table in tables.items()}
    assert work["5×5, 192 → 32"] == 120_422_400
    assert work["1×1 → 16, 5×5 → 32"] == 12_443_648
    module = tables["inception 3a"]
    assert module.rows[0].shape == (256, 28, 28)
    shapes = [shape for row in module.rows for shape in row.weights]
    weights = sum([math.prod(shape) for shape in shapes if len(shape) > 1])
    assert (weights, module.parameters - weights) == (163_328, 368)  # and biases
    assert work["inception 3a"] == 128_049_152
    print(f"{weights:,} weights are {weights / 1024:.1f} Ki: the paper's 159K are of 1,024 each.")

    draw(work, args.output / "cost.svg")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
