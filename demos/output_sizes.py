"""How large the output of a window is: (N − K + 2P)/S + 1.

    python demos/output_sizes.py

Every size is measured by running the layer, and stands beside the formula with its numbers. Where
the course notes are wrong it is said: AlexNet's conv3 with no padding has 11x11 outputs, not 12x12;
a 9x9 grid that is a 7x7 image within its border gives 7x7, not 10x10; and the depth of an output is
the number of filters, not the depth of the input. The picture counts for every pixel how many
windows it is in: the gradient of the sum of a convolution with ones.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import nn, viz
from tinygrad_cnn.nn import functional as F

# A layer, the shape of its input, the shape of its output.
CASES = {
    "3×3 on 6×6": (nn.Conv2d(1, 1, 3), (1, 6, 6), (1, 4, 4)),
    "3×3 on 8×8": (nn.Conv2d(1, 1, 3), (1, 8, 8), (1, 6, 6)),
    "3×3 on 10×10": (nn.Conv2d(1, 1, 3), (1, 10, 10), (1, 8, 8)),
    "3×3 on 7×7 in a border (notes: 10×10)": (
        nn.Conv2d(1, 1, 3, padding=1),
        (1, 7, 7),
        (1, 7, 7),
    ),
    "100 filters of 3×3": (nn.Conv2d(3, 100, 3, padding=1), (3, 28, 28), (100, 28, 28)),
    "AlexNet conv1": (nn.Conv2d(3, 96, 11, 4), (3, 227, 227), (96, 55, 55)),
    "AlexNet pool1": (nn.MaxPool2d(3, 2), (96, 55, 55), (96, 27, 27)),
    "AlexNet conv2": (nn.Conv2d(96, 256, 5, padding=2), (96, 27, 27), (256, 27, 27)),
    "AlexNet pool2": (nn.MaxPool2d(3, 2), (256, 27, 27), (256, 13, 13)),
    "AlexNet conv3": (nn.Conv2d(256, 384, 3, padding=1), (256, 13, 13), (384, 13, 13)),
    "conv3 that just fits (notes: 12×12)": (
        nn.Conv2d(256, 384, 3),
        (256, 13, 13),
        (384, 11, 11),
    ),
    "3×3/2 on 6×6": (nn.MaxPool2d(3, 2), (1, 6, 6), (1, 2, 2)),
    "3×3/2 on 6×6, ceil mode": (nn.MaxPool2d(3, 2, ceil_mode=True), (1, 6, 6), (1, 3, 3)),
}


def windows(size: int, **settings: object) -> tg.Tensor:
    """For every pixel of an image of this size, how many windows of 3x3 it is in."""
    image = tg.ones(1, 1, size, size, requires_grad=True)
    F.conv2d(image, tg.ones(1, 1, 3, 3), **settings).sum().backward()
    return image.grad[0, 0]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, check, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "output_sizes")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    for name, (layer, taken, given) in CASES.items():
        row = viz.summary(layer, taken).rows[0]
        sizes, _ = row.formulas()
        print(f"{name:38} {sizes}, depth {row.shape[0]}, {row.parameters:,} parameters")
        assert row.shape == given, f"{name}: {row.shape} is not {given}"
        with tg.no_grad():
            assert layer(tg.zeros(1, *taken)).shape == (1, *given)
    assert viz.summary(*CASES["100 filters of 3×3"][:2]).parameters == 2_800
    assert viz.summary(*CASES["3×3 on 10×10"][:2]).parameters == 10

    planes = {
        "valid: 7 → 5": windows(7),
        "padding 1: 7 → 7": windows(7, padding=1),
        "full: 7 → 9": windows(7, padding="full"),
        "stride 2: 7 → 3": windows(7, stride=2),
    }
    totals = [plane.sum().item() for plane in planes.values()]
    # A window at the border has fewer than 9 pixels in the image, unless it lies within.
    assert totals == [9 * 5**2, 19**2, 21**2, 9 * 3**2]
    path = viz.maps(planes).write(args.output / "windows.svg")
    print(f"how many windows of 3×3 each pixel is in: {path}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
