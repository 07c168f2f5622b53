"""Kernels of width 6 on 16 pixels: 16, 11, 6, 1, and then nothing is left to convolve.

    python demos/shrinking_width.py

Without padding, every layer loses five places; behind three of them one is left, and the last one
has only one window to look at, so that two really convolve. With padding="same" the width stays,
through any number of layers.

Source: Goodfellow, Bengio & Courville 2016, Deep Learning, figure 9.13.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import nn, viz

PIXELS, WIDTH, LAYERS = 16, 6, 3


def widths(padding: str) -> tuple[list[int], tg.Tensor]:
    """The widths from layer to layer, and which pixels the middle output has been computed from."""
    layers = [nn.Conv1d(1, 1, WIDTH, padding=padding, bias=False) for _ in range(LAYERS)]
    for layer in layers:
        nn.init.ones_(layer.weight)
    pixels = tg.ones(1, 1, PIXELS, requires_grad=True)
    x = pixels
    found = [PIXELS]
    for layer in layers:
        x = layer(x)
        found.append(x.shape[-1])
    x[0, 0, x.shape[-1] // 2].backward()
    return found, pixels.grad[0, 0]


def draw(found: dict[str, list[int]], path: Path) -> None:
    """Write a plot with a row of dots per layer, the pixels at the bottom."""
    plot = viz.figure(8, 2.6)
    places = plot.subplots(1, 2, sharey=True)
    for place, (padding, counts) in zip(places, found.items(), strict=True):
        for layer, count in enumerate(counts):
            xs = [i - (count - 1) / 2 for i in range(count)]
            place.plot(xs, [layer] * count, "o", color=f"C{layer}")
            place.annotate(str(count), (8.6, layer), va="center")
        place.set(
            title=f"padding={padding!r}", xlim=(-8.5, 10), xticks=[], yticks=range(LAYERS + 1)
        )
    print(f"drawn in {plot.write(path)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Check and print the widths, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "shrinking_width")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    found = {}
    for padding in ("valid", "same"):
        found[padding], seen = widths(padding)
        print(f"padding={padding!r}: {found[padding]}; ways from each pixel to the middle output:")
        print("   ", *[f"{ways:g}" for ways in seen.tolist()])
    assert found == {"valid": [16, 11, 6, 1], "same": [16, 16, 16, 16]}
    convolving = sum(count > 1 for count in found["valid"][1:])
    print(f"Without padding, {convolving} of {LAYERS} layers have more than one window.")
    assert convolving == 2
    try:
        nn.Conv1d(1, 1, WIDTH)(tg.ones(1, 1, found["valid"][-1]))
    except RuntimeError as error:
        print(f"A fourth: {error}")
    else:
        raise AssertionError("a window of six fits into one pixel")

    draw(found, args.output / "widths.svg")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
