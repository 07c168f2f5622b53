"""Receptive fields: two 3x3 convolutions see 5x5 pixels, three see 7x7, with fewer weights.

    python demos/receptive_fields.py

The field of an output is where its gradient for the image is not zero. `viz.summary` says how large
it is without computing anything. In one dimension: behind one layer, no unit sees both x1 and x5;
behind two, g3 does.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import nn, viz

SIZE = 9


def stack(depth: int, rank: int = 2) -> nn.Sequential:
    """So many convolutions of width 3 with padding 1, all of whose weights are 1."""
    kind = (nn.Conv1d, nn.Conv2d)[rank - 1]
    layers = nn.Sequential(*[kind(1, 1, 3, padding=1) for _ in range(depth)])
    for layer in layers:
        nn.init.ones_(layer.weight)
    return layers


def field(model: nn.Module, shape: tuple[int, ...], place: tuple[int, ...]) -> tg.Tensor:
    """The gradient of one output for the input: in how many ways it has reached that output."""
    x = tg.ones(1, 1, *shape, requires_grad=True)
    model(x)[(0, 0, *place)].backward()
    return x.grad[0, 0]


def neighbours() -> None:
    """What units behind x1 ... x5 see."""
    for depth, name in enumerate(("h3", "g3"), 1):
        seen = field(stack(depth, rank=1), (5,), (2,)).tolist()
        inputs = [f"x{i}" for i, ways in enumerate(seen, 1) if ways]
        print(f"{name}, a unit of layer {depth}, sees {', '.join(inputs)}")
        assert inputs == (["x2", "x3", "x4"] if depth == 1 else ["x1", "x2", "x3", "x4", "x5"])


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the fields, compare them and the weights, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "receptive_fields")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    neighbours()
    planes = {}
    for depth, width in ((1, 3), (2, 5), (3, 7)):
        model = stack(depth)
        seen = field(model, (SIZE, SIZE), (SIZE // 2, SIZE // 2))
        assert int((seen != 0).sum()) == width**2
        table = viz.summary(model, (1, SIZE, SIZE))
        assert table.rows[-1].receptive_field == (width, width)
        single = viz.summary(nn.Conv2d(1, 1, width, padding=depth), (1, SIZE, SIZE))
        assert single.rows[-1].receptive_field == (width, width)
        print(f"{depth} × 3×3 see {width}×{width}: {table.parameters} parameters, ", end="")
        print(f"one {width}×{width} convolution {single.parameters}")
        assert (table.parameters, single.parameters) == (10 * depth, width**2 + 1)
        planes[f"{depth} × 3×3: sees {width}×{width}"] = seen

    print(f"drawn in {viz.maps(planes).write(args.output / 'fields.svg')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
