"""The place of an aeroplane from a noisy laser: a weighted moving average is a convolution.

    python demos/moving_average.py

Twelve measurements, seven weights that favour the latest: six averages. The course notes print
1.80 1.96 2.11 2.16 2.28 2.42 for them, of which only 2.11 is right. The weights sum to 1, so a
steady signal stays as it is; and since the average is a gate, it has gradients: every measurement
counts by the sum of the weights it has met.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, viz
from tinygrad_cnn.nn import functional as F

WEIGHTS = [0.01, 0.01, 0.02, 0.02, 0.04, 0.4, 0.5]
PLACES = [1.00, 1.10, 1.20, 1.40, 1.70, 1.80, 1.90, 2.10, 2.20, 2.40, 2.50, 2.70]
PRINTED = [1.80, 1.96, 2.11, 2.16, 2.28, 2.42]
AVERAGES = [1.811, 1.967, 2.112, 2.269, 2.413, 2.569]


def row(numbers: Sequence[float]) -> Tensor:
    """Numbers as a batch of one row of one channel."""
    return tg.tensor([[numbers]], dtype=tg.float64)


def draw(averages: Tensor, counts: Tensor, path: Path) -> None:
    """Write a plot of the measurements, their averages, and how much each measurement counted."""
    plot = viz.figure(6, 4.5)
    above, below = plot.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    times = range(len(PLACES))
    above.plot(times, PLACES, "o", color="0.5", label="measured")
    latest = times[len(WEIGHTS) - 1 :]
    above.plot(latest, averages.tolist(), ".-", color="C0", label="moving average")
    above.plot(latest, PRINTED, "x", color="C1", label="printed in the notes")
    above.set_ylabel("place")
    above.legend()
    below.bar(times, counts.tolist(), color="C0")
    below.set(xlabel="time", ylabel="gradient")
    print(f"drawn in {plot.write(path)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Check and print the averages, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "moving_average")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    places = row(PLACES).requires_grad_()
    weights = row(WEIGHTS)
    averages = F.conv1d(places, weights)
    averages.sum().backward()
    print("computed   printed in the notes")
    for found, printed in zip(averages.flatten().tolist(), PRINTED, strict=True):
        print(f"  {found:.3f}     {printed:.2f} {'✔' if abs(found - printed) < 0.005 else '✘'}")
    assert averages.allclose(row(AVERAGES), rtol=0, atol=0.0006)

    steady = F.conv1d(tg.ones_like(places), weights)
    assert abs(weights.sum().item() - 1) < 1e-12
    assert steady.allclose(tg.ones_like(steady))
    counts = places.grad.flatten()
    assert abs(counts.sum().item() - len(AVERAGES)) < 1e-12
    assert counts.argmax().item() == len(WEIGHTS) - 1  # the first that has met nearly all weights
    print("The weights sum to 1; the measurements count", *[f"{c:.2f}" for c in counts])

    draw(averages.detach().flatten(), counts, args.output / "averages.svg")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
