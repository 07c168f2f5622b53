"""The gradient of a convolution for its input is a full convolution with the flipped kernel.

    python demos/full_convolution.py

A 3x3 image under a 2x2 kernel has a 2x2 output; let g be the gradient of some loss for it. Each
pixel's gradient can then be found in three ways, which all give the same numbers:

1. by the chain rule, pixel by pixel: what it was multiplied with, times the gradient it went to;
2. by sliding the flipped kernel over g within a border of zeros: the full convolution;
3. by backward, as in every training step.

The kernel's own gradient is a convolution too: of the image, with g as its kernel. And the layer
that runs a convolution backward, the transposed convolution, is the second way under its own name.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, viz
from tinygrad_cnn.nn import functional as F

IMAGE = ((0.0, 1.0, 2.0), (3.0, 4.0, 5.0), (6.0, 7.0, 8.0))
KERNEL = ((0.0, 1.0), (2.0, 3.0))
GRADIENT = ((1.0, 2.0), (3.0, 4.0))

OUTPUT = [[19, 25], [37, 43]]
OF_IMAGE = [[0, 1, 2], [2, 10, 10], [6, 17, 12]]
OF_KERNEL = [[27, 37], [57, 67]]

Rows = Sequence[Sequence[float]]


def plane(rows: Rows) -> Tensor:
    """Rows of numbers as a batch of one image of one channel."""
    return tg.tensor([[rows]])


def rows_of(x: Tensor) -> list[list[float]]:
    """The only plane of a tensor."""
    return x[0, 0].tolist()


def show(title: str, rows: Rows) -> None:
    """Print a title, and numbers in columns."""
    print(title)
    for row in rows:
        print("   ", *[f"{number:5g}" for number in row])
    print()


def by_hand(kernel: Rows, gradient: Rows, size: int) -> list[list[float]]:
    """The gradient of the image: for each pixel the sum over the outputs whose window it is in.

    Printed as the sums they are: pixel (i, j) went into output (p, q) by kernel[i - p][j - q].
    """
    found = []
    for i in range(size):
        found.append([])
        for j in range(size):
            places = [
                (p, q) for p in range(2) for q in range(2) if 0 <= i - p < 2 and 0 <= j - q < 2
            ]
            terms = [(kernel[i - p][j - q], gradient[p][q]) for p, q in places]
            found[-1].append(sum(w * g for w, g in terms))
            text = " + ".join(f"{w:g}·{g:g}" for w, g in terms)
            print(f"    pixel ({i}, {j}): {text} = {found[-1][-1]:g}")
    print()
    return found


def compare() -> dict[str, Rows]:
    """Print the numbers of all ways, and assert that they are equal; the planes to be drawn."""
    image = plane(IMAGE).requires_grad_()
    kernel = plane(KERNEL).requires_grad_()
    gradient = plane(GRADIENT)

    output = F.conv2d(image, kernel)
    show("image", IMAGE)
    show("kernel", KERNEL)
    show("output", rows_of(output))
    show("g, the gradient of the output", GRADIENT)
    assert rows_of(output) == OUTPUT

    print("1. The image's gradient by the chain rule")
    assert by_hand(KERNEL, GRADIENT, len(IMAGE)) == OF_IMAGE

    flipped = kernel.detach().flip(2, 3)
    show("2. The flipped kernel", rows_of(flipped))
    bordered = F.pad(gradient, (1, 1, 1, 1))
    show("   slides over g within a border of zeros", rows_of(bordered))
    full = F.conv2d(bordered, flipped)
    show("   which is the full convolution of g with the kernel", rows_of(full))
    assert rows_of(full) == OF_IMAGE
    assert rows_of(F.conv2d(gradient, kernel.detach(), padding="full", flip=True)) == OF_IMAGE

    output.backward(gradient)
    show("3. The image's gradient by backward", rows_of(image.grad))
    assert rows_of(image.grad) == OF_IMAGE

    show("The kernel's gradient by backward", rows_of(kernel.grad))
    assert rows_of(kernel.grad) == OF_KERNEL
    assert rows_of(F.conv2d(image.detach(), gradient)) == OF_KERNEL
    print("is the convolution of the image with g as its kernel.\n")

    assert rows_of(F.conv_transpose2d(gradient, kernel.detach())) == OF_IMAGE
    print("conv_transpose2d(g, kernel) is the image's gradient, under its own name.")
    return {
        "image": IMAGE,
        "kernel": KERNEL,
        "output": OUTPUT,
        "g": GRADIENT,
        "g in its border": rows_of(bordered),
        "flipped kernel": rows_of(flipped),
        "gradient of the image": rows_of(image.grad),
        "gradient of the kernel": rows_of(kernel.grad),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Compare all ways, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "full_convolution")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)
    plot = viz.maps(compare(), columns=4)
    print(f"drawn in {plot.write(args.output / 'convolutions.svg')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
