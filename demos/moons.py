"""Two moons told apart by a network of single numbers.

    python demos/moons.py [--fast]

Every weight, product and sum is a Value, a node of its own: 2 inputs, two layers of 16 ReLUs, one
score; the loss is the hinge max(0, 1 − y · score) and a small weight decay. This is the example of
Karpathy's micrograd (2020), with its settings.
"""

import argparse
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Value, graph, viz

DECAY = 1e-4

Point = tuple[float, float]


def moons(count: int) -> tuple[list[Point], list[int]]:
    """Points on two half circles that reach into each other, with some noise, and 1 or −1."""
    points, labels = [], []
    noise = (0.1 * tg.randn(count, 2)).tolist()
    for i, (dx, dy) in enumerate(noise):
        angle = math.pi * (i // 2) / (count // 2)
        x, y = math.cos(angle), math.sin(angle)
        if i % 2:
            x, y = 1 - x, 0.5 - y
        points.append((x + dx, y + dy))
        labels.append(1 if i % 2 else -1)
    return points, labels


class Network:
    """Layers of ReLUs, and one unit without. A unit is a list: its weights, then its bias."""

    def __init__(self, *sizes: int) -> None:
        self.layers = [
            [[Value(w) for w in row] + [Value(0.0)] for row in (2 * tg.rand(n, m) - 1).tolist()]
            for m, n in pairwise(sizes)
        ]
        self.parameters = [w for layer in self.layers for unit in layer for w in unit]

    def __call__(self, point: Sequence[float]) -> Value:
        """The score of a point."""
        numbers = point
        for layer in self.layers:
            nets = []
            for *weights, net in layer:
                for w, x in zip(weights, numbers, strict=True):
                    net = net + w * x
                nets.append(net)
            numbers = nets if layer is self.layers[-1] else [net.relu() for net in nets]
        return numbers[0]


def loss_of(network: Network, points: list[Point], labels: list[int]) -> tuple[Value, float]:
    """The loss, and the share of points on the right side."""
    scores = [network(point) for point in points]
    total = Value(0.0)
    for y, score in zip(labels, scores, strict=True):
        total = total + (1 - y * score).relu()
    decay = Value(0.0)
    for w in network.parameters:
        decay = decay + w * w
    right = [(score.data > 0) == (y > 0) for y, score in zip(labels, scores, strict=True)]
    return total / len(points) + DECAY * decay, sum(right) / len(right)


def draw(network: Network, points: list[Point], labels: list[int], path: Path) -> None:
    """Write a plot of the points and of the network's two sides."""
    xs = [-1.5 + 0.1 * i for i in range(41)]
    ys = [-1.0 + 0.1 * i for i in range(26)]
    with tg.no_grad():
        scores = [[network((x, y)).data for x in xs] for y in ys]
    plot = viz.figure(6, 4)
    place = plot.subplots()
    place.contourf(xs, ys, scores, levels=[-1e9, 0, 1e9], colors=["C0", "C1"], alpha=0.3)
    colors = ["C1" if y > 0 else "C0" for y in labels]
    place.scatter(*zip(*points, strict=True), c=colors, edgecolors="black")
    place.set_aspect("equal")
    print(f"drawn in {plot.write(path)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Train, say how it goes, and draw the two sides."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="fewer points and steps")
    folder = Path("runs", "moons")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    tg.manual_seed(0)
    points, labels = moons(20 if args.fast else 100)
    network = Network(2, 16, 16, 1)
    steps = 40 if args.fast else 100
    for step in range(steps):
        loss, right = loss_of(network, points, labels)
        if step == 0:
            first = loss.data
            nodes = len(graph.ancestors([loss]))
            print(f"{len(network.parameters)} parameters, a graph of {nodes:,} Values")
        loss.backward()
        for w in network.parameters:
            w.data -= (1 - 0.9 * step / steps) * w.grad
            w.grad = 0.0
        if step % 10 == 9:
            print(f"step {step + 1:3}  loss {loss.data:.4f}  accuracy {right:.0%}")
    assert loss.data < 0.3 * first
    assert right > 0.95
    draw(network, points, labels, args.output / "moons.svg")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
