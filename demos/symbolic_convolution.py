"""A 3x4 image and a 2x2 kernel in letters: what the engine multiplies and adds.

    python demos/symbolic_convolution.py

         a b c d
         e f g h    with    w x    gives    aw+bx+ey+fz  bw+cx+fy+gz  cw+dx+gy+hz
         i j k l            y z             ew+fx+iy+jz  fw+gx+jy+kz  gw+hx+ky+lz

The right side is no text that stands here: each pixel of the output is opened by `viz.dive` into
the scalar graph that computed it, the leaves of that graph are called by their letters, and the
graph is read out. Its gradients are letters as well: d(aw+bx+ey+fz)/da = w.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Value, graph, viz
from tinygrad_cnn.nn import functional as F

IMAGE = ("abcd", "efgh", "ijkl")
KERNEL = ("wx", "yz")
OUTPUT = [
    ["aw+bx+ey+fz", "bw+cx+fy+gz", "cw+dx+gy+hz"],
    ["ew+fx+iy+jz", "fw+gx+jy+kz", "gw+hx+ky+lz"],
]


def letters(name: str, rows: Sequence[str]) -> dict[str, str]:
    """By the label that a dive gives to an element, such as x[0,0,1,2], its letter."""
    return {
        f"{name}[0,0,{i},{j}]": letter for i, row in enumerate(rows) for j, letter in enumerate(row)
    }


def expression(root: Value) -> str:
    """A graph of products and sums as text, read from the leaves to the root."""
    text = {}
    for node in reversed(graph.ancestors([root])):
        parts = [text[parent] for parent in node.parents]
        if node.gate is None:
            text[node] = node.label
        elif node.gate.name == "mul":
            text[node] = "".join(sorted(parts))
        else:
            assert node.gate.name == "add", f"neither a product nor a sum: {node.gate.name}"
            text[node] = "+".join(sorted(parts))
    return text[root]


def main(argv: Sequence[str] | None = None) -> None:
    """Read every output out of its graph, check it, and draw the first."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "symbolic_convolution")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    with viz.keep():
        image = tg.arange(1.0, 13.0).reshape(1, 1, 3, 4).requires_grad_()
        kernel = tg.arange(1.0, 5.0).reshape(1, 1, 2, 2).requires_grad_()
        output = F.conv2d(image, kernel)
    names = letters("image", IMAGE) | letters("kernel", KERNEL)

    found = []
    for p, row in enumerate(OUTPUT):
        found.append([])
        for q in range(len(row)):
            pixel = viz.dive(output, (0, 0, p, q), names={"image": image, "kernel": kernel})
            leaves = [node for node in graph.ancestors([pixel]) if node.gate is None]
            for leaf in leaves:
                leaf.label = names[leaf.label]
            found[-1].append(expression(pixel))
        print("  ".join(found[-1]))
    assert found == OUTPUT

    pixel.backward()  # the last one, gw+hx+ky+lz
    slopes = {leaf.label: leaf.grad for leaf in leaves}
    numbers = {leaf.label: leaf.data for leaf in leaves}
    for term in found[-1][-1].split("+"):
        a, w = term
        assert (slopes[a], slopes[w]) == (numbers[w], numbers[a])
        print(f"d({found[-1][-1]})/d{a} = {w} = {slopes[a]:g}")

    suffix = ".dot" if viz.missing_dot() else ".svg"
    print(f"drawn in {viz.draw(pixel).write(args.output / f'pixel{suffix}')}", viz.missing_dot())
    print("All expressions are as they should be.")


if __name__ == "__main__":
    main()
