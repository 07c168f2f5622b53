"""A convolution with a stride is one without, of which every second number is kept.

    python demos/strided_convolution.py

The outputs are the same, and so are the gradients; but with the stride, three quarters of the
multiply-adds are not done.

Source: Goodfellow, Bengio & Courville 2016, Deep Learning, equation 9.8 and figure 9.12.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import nn, viz
from tinygrad_cnn.nn import functional as F

STRIDE = 2


def multiply_adds(stride: int) -> int:
    """Those of one filter of 3x3 over 7x7 places."""
    return viz.summary(nn.Conv2d(1, 1, 3, stride), (1, 7, 7)).multiply_adds


def main(argv: Sequence[str] | None = None) -> None:
    """Compute both ways, compare and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "strided_convolution")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    image = (tg.arange(49.0) * 5 % 9).reshape(1, 1, 7, 7).requires_grad_()
    kernel = tg.tensor([[[[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]]]])
    kernel.requires_grad_()
    strided = F.conv2d(image, kernel, stride=STRIDE)
    every = F.conv2d(image, kernel)
    kept = every[..., ::STRIDE, ::STRIDE]
    assert strided.tolist() == kept.tolist()
    ways = [tg.autograd.grad(z.square().sum(), [image, kernel]) for z in (strided, kept)]
    for one, other in zip(*ways, strict=True):
        assert one.tolist() == other.tolist()
    work = multiply_adds(STRIDE), multiply_adds(1)
    assert work == (3 * 3 * 9, 5 * 5 * 9)
    print(f"{STRIDE=}: {work[0]} multiply-adds instead of {work[1]}, the same numbers:")
    for row in strided[0, 0].tolist():
        print("   ", *[f"{number:4g}" for number in row])

    planes = {
        "image": image,
        "kernel": kernel,
        "stride 1": every,
        "every second of them = stride 2": strided,
        "gradient of the image": ways[0][0],
    }
    plot = viz.maps({title: x[0, 0] for title, x in planes.items()}, columns=3)
    print(f"drawn in {plot.write(args.output / 'stride.svg')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
