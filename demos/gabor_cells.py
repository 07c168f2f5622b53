"""Gabor filters: what simple and complex cells of the visual cortex answer to.

    python demos/gabor_cells.py

The first filters that a network learns from photographs, and what simple cells of the cortex
respond to, look alike: a grating under a Gaussian, which Gabor's formula describes. Here sixteen of
them are the weights of a convolution: eight orientations, each as an even and an odd filter (phases
0° and 90°, a quadrature pair). They are shown gratings. A simple cell, the ReLU of one filter,
answers to its orientation and to a phase; a complex cell, √(even² + odd²), to its orientation
alone. What a cell looks for is the gradient of its answer for the image: the filter itself for a
simple cell, and for a complex one whatever phase it is shown.

The course notes make 1 quadrillion (10¹²) of the brain's 86·10⁹ cells times 10,000 synapses. It is
8.6·10¹⁴, and a quadrillion is 10¹⁵.

Source: Hubel & Wiesel 1962 and 1968; Daugman 1985; Adelson & Bergen 1985 for the energy model.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, viz
from tinygrad_cnn.nn import functional as F

SIDE, WAVELENGTH, SPREAD = 21, 8.0, 4.0  # pixels
ANGLES = [22.5 * i for i in range(8)]  # degrees
PHASES = [15.0 * i for i in range(24)]
SEEN = 2  # the orientation that is drawn


def grating(angle: float, phase: float) -> Tensor:
    """Stripes across the direction of an angle. Shape: (SIDE, SIDE)."""
    places = tg.arange(SIDE, dtype=tg.float64) - SIDE // 2
    direction = math.radians(angle)
    along = math.cos(direction) * places + math.sin(direction) * places[:, None]
    return (2 * math.pi / WAVELENGTH * along - math.radians(phase)).cos()


def gabor(angle: float, phase: float) -> Tensor:
    """A grating under a Gaussian, which even light leaves at zero; of norm 1."""
    squares = (tg.arange(SIDE, dtype=tg.float64) - SIDE // 2).square()
    window = (-(squares + squares[:, None]) / (2 * SPREAD**2)).exp()
    stripes = window * grating(angle, phase)
    stripes = stripes - window * (stripes.sum() / window.sum())
    return stripes / stripes.norm()


def answers(images: Tensor) -> tuple[Tensor, Tensor]:
    """The simple cells of phase 0 and the complex cells, one per orientation.

    Shape: images (N, SIDE, SIDE) -> (N, 8) each.
    """
    bank = tg.stack([gabor(angle, phase) for phase in (0, 90) for angle in ANGLES])[:, None]
    z = F.conv2d(images[:, None], bank).flatten(1)
    even, odd = z.chunk(2, 1)
    return even.relu(), (even.square() + odd.square()).sqrt()


def sought(cell: int, image: Tensor) -> Tensor:
    """The gradient of a cell's answer for the image; cell: 0 is simple, 1 complex."""
    x = image[None].detach().requires_grad_()
    answers(x)[cell][0, SEEN].backward()
    return x.grad[0]


def likeness(x: Tensor, y: Tensor) -> float:
    """The cosine between two planes."""
    return F.cosine_similarity(x.flatten(), y.flatten(), 0).item()


def gradients() -> dict[str, Tensor]:
    """What both kinds of cells look for in gratings of two phases."""
    shown = {phase: grating(ANGLES[SEEN], phase) for phase in (30, 75)}
    simple = [sought(0, image) for image in shown.values()]
    for plane in simple:
        assert plane.allclose(gabor(ANGLES[SEEN], 0), rtol=0, atol=1e-12)
    found = {"a simple cell looks for": simple[0]}
    for phase, image in shown.items():
        plane = sought(1, image)
        like = likeness(plane, gabor(ANGLES[SEEN], phase))
        print(f"shown phase {phase}°, the complex cell looks for it: cosine {like:.4f}")
        assert like > 0.99
        found[f"a complex one, shown {phase}°"] = plane
    return found


def draw(phases: tuple[Tensor, Tensor], angles: tuple[Tensor, Tensor], path: Path) -> None:
    """Write a plot of the filters, of what the cells look for, and of their answers."""
    plot = viz.figure(9, 7)
    above, middle, below = plot.subfigures(3, 1, height_ratios=(2, 1.5, 2))
    places = above.subplots(2, 8)
    for row, phase, name in zip(places, (0, 90), ("even", "odd"), strict=True):
        row[0].set_ylabel(name)
        for place, angle in zip(row, ANGLES, strict=True):
            paint(place, gabor(angle, phase), f"{angle:g}°")
    planes = {"a grating": grating(ANGLES[SEEN], 30)} | gradients()
    for place, (title, plane) in zip(middle.subplots(1, 4), planes.items(), strict=True):
        paint(place, plane, title)
    left, right = below.subplots(1, 2, sharey=True)
    for cell, name in enumerate(("simple", "complex")):
        left.plot(PHASES, phases[cell][:, SEEN].tolist(), label=name)
        right.plot(ANGLES, angles[cell][:, SEEN].tolist(), ".-", label=name)
    left.set(xlabel="phase of the grating (°)", ylabel="answer", ylim=(0, None))
    right.set(xlabel="orientation of the grating (°)")
    right.legend()
    print(f"drawn in {plot.write(path)}")


def paint(place: object, plane: Tensor, title: str) -> None:
    """Draw a plane, blue below zero and red above."""
    most = plane.abs().max().item()
    place.imshow(plane.numpy(), cmap="RdBu_r", vmin=-most, vmax=most)
    place.set(xticks=[], yticks=[])
    place.set_title(title, fontsize=8)


def main(argv: Sequence[str] | None = None) -> None:
    """Show gratings to the cells, check their answers, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "gabor_cells")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    angles = answers(tg.stack([grating(angle, 0) for angle in ANGLES]))
    for name, answer in zip(("simple", "complex"), angles, strict=True):
        best = answer.argmax(0).tolist()
        print(f"{name:7} cells answer most to", *[f"{ANGLES[i]:g}°" for i in best])
        assert best == list(range(len(ANGLES)))
    phases = answers(tg.stack([grating(ANGLES[SEEN], phase) for phase in PHASES]))
    for name, answer, least in zip(("simple", "complex"), phases, (0.0, 0.98), strict=True):
        curve = answer[:, SEEN]
        share = (curve.min() / curve.max()).item()
        print(f"over all phases, the {name} cell answers at least {share:.1%} of its most")
        assert share >= least
        assert (share == 0) == (name == "simple")
    synapses = tg.tensor(86e9, dtype=tg.float64) * 10_000
    print(f"86·10⁹ cells of 10,000 synapses each: {synapses.item():.2g}")
    assert synapses.item() == 8.6e14
    draw(phases, angles, args.output / "cells.svg")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
