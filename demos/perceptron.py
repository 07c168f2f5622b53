"""The perceptron learns AND and OR, and cannot learn XOR.

    python demos/perceptron.py

A unit answers 1 if w·x > 0 and else −1, where x = (1, x1, x2). Its rule Δw = η (t − o) x is a step
down the gradient of −(t − o) w·x, which is what backward computes here. On AND and OR it comes to
rest; on XOR the weights come back to where they have been, so it will go round for ever. The batch
rule descends on E = ½ Σ (t − w·x)², whose least value is 0.5 for AND and OR; for XOR it is 2, at
w = 0, where all answers are equal.

Source: Rosenblatt 1958; Widrow & Hoff 1960 for the batch rule; Minsky & Papert 1969 for XOR.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Value, viz

POINTS = ((0, 0), (0, 1), (1, 0), (1, 1))
TARGETS = {"AND": (-1, -1, -1, 1), "OR": (-1, 1, 1, 1), "XOR": (-1, 1, 1, -1)}
RATE = 0.5
MOST_EPOCHS = 100

Weights = tuple[float, ...]


def net_of(weights: Sequence[Value], point: tuple[int, int]) -> Value:
    """w·x with x = (1, x1, x2)."""
    bias, first, second = weights
    return bias + first * point[0] + second * point[1]


def corrected(start: Weights, point: tuple[int, int], target: int) -> Weights:
    """The weights after one use of the rule."""
    weights = [Value(w) for w in start]
    net = net_of(weights, point)
    output = 1 if net.data > 0 else -1
    (-(target - output) * net).backward()
    for w, x in zip(weights, (1, *point), strict=True):
        assert -RATE * w.grad == RATE * (target - output) * x
    return tuple([w.data - RATE * w.grad for w in weights])


def learn(targets: Sequence[int]) -> tuple[Weights, int]:
    """The weights that have been there before, and how many epochs came before them."""
    weights = (0.0, 0.0, 0.0)
    seen = []
    while weights not in seen and len(seen) < MOST_EPOCHS:
        seen.append(weights)
        for point, target in zip(POINTS, targets, strict=True):
            weights = corrected(weights, point, target)
    return weights, len(seen)


def mistakes(weights: Weights, targets: Sequence[int]) -> int:
    """How many of the four answers are wrong."""
    values = [Value(w) for w in weights]
    answers = [net_of(values, point).data > 0 for point in POINTS]
    return sum(answer != (t > 0) for answer, t in zip(answers, targets, strict=True))


def least_error(targets: Sequence[int]) -> float:
    """E = ½ Σ (t − w·x)² after many steps of the batch rule."""
    weights = [Value(0.1), Value(0.2), Value(-0.1)]
    for _ in range(200):
        errors = [t - net_of(weights, x) for x, t in zip(POINTS, targets, strict=True)]
        loss = 0.5 * sum([e * e for e in errors], Value(0.0))
        gradients = tg.autograd.grad(loss, weights)
        weights = [Value(w.data - 0.25 * g) for w, g in zip(weights, gradients, strict=True)]
    return loss.data


def draw(found: dict[str, Weights], path: Path) -> None:
    """Write a plot of the points, full where the target is 1, and of the side that answers 1."""
    plot = viz.figure(8, 2.8)
    places = plot.subplots(1, len(found), sharey=True)
    sides = [i / 50 - 0.5 for i in range(101)]
    for place, (name, weights) in zip(places, found.items(), strict=True):
        bias, first, second = weights
        answers = [[bias + first * x + second * y > 0 for x in sides] for y in sides]
        place.contourf(sides, sides, answers, levels=[0.5, 1], colors=["C0"], alpha=0.25)
        for point, target in zip(POINTS, TARGETS[name], strict=True):
            place.plot(
                *point, "o", markersize=9, color="C0", fillstyle=("none", "full")[target > 0]
            )
        place.set(title=name, aspect="equal", xticks=(0, 1), yticks=(0, 1))
    print(f"drawn in {plot.write(path)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Train on the three functions, check, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "perceptron")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    found = {}
    for name, targets in TARGETS.items():
        weights, epochs = learn(targets)
        found[name] = weights
        wrong = mistakes(weights, targets)
        least = least_error(targets)
        end = f"{wrong} wrong, and it goes round for ever" if wrong else "solved"
        print(f"{name:3} after {epochs} epochs: w = {weights}, {end}; least E {least:.3f}")
        assert epochs < MOST_EPOCHS
        assert (wrong == 0) == (name != "XOR")
        assert abs(least - (2 if name == "XOR" else 0.5)) < 1e-3
    draw(found, args.output / "perceptron.svg")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
