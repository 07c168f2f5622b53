"""Three examples that can be checked by hand, traced number by number and drawn.

    python demos/trace_by_hand.py

f = (x + y) z, the smallest graph in which the chain rule has something to do; a network of sigmoid
units, three inputs, two hidden, two outputs, before and after one step of gradient descent on
½ Σ (target - output)²; and a convolution of a 3x3 image with a 2x2 kernel. Everything printed and
drawn is read from the graph, and checked against numbers computed apart.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import graphviz

import tinygrad_cnn as tg
from tinygrad_cnn import Value, viz
from tinygrad_cnn.nn import functional as F

INPUTS = (10.0, 30.0, 20.0)
TARGETS = (1.0, 0.0)
HIDDEN = ((0.2, -0.1, 0.4), (0.7, -1.2, 1.2))  # one row of weights per unit
OUTPUT = ((1.1, 0.1), (3.1, 1.17))
RATE = 0.1

Pictures = dict[str, graphviz.Digraph]  # by name


def check(found: Sequence[float], wanted: Sequence[float], digits: int) -> None:
    """Assert that numbers agree to so many digits behind the point."""
    for a, b in zip(found, wanted, strict=True):
        assert math.isclose(a, b, rel_tol=0, abs_tol=0.6 * 10.0**-digits), f"{a} is not {b}"


def product() -> Pictures:
    """f = (x + y) z at x = -2, y = 5, z = -4."""
    x = Value(-2.0, label="x")
    y = Value(5.0, label="y")
    z = Value(-4.0, label="z")
    q = x + y
    q.label = "q"
    f = q * z
    f.label = "f"
    f.backward()
    check([q.data, f.data], [3, -12], 12)
    check([q.grad, x.grad, y.grad, z.grad], [-4, -4, -4, 3], 12)
    return {"product": viz.draw(f)}


class Network:
    """Sigmoid units without biases. The weight `w12` leads from unit or input 1 to unit 2."""

    def __init__(self) -> None:
        self.hidden = self.weights("w", HIDDEN)
        self.output = self.weights("v", OUTPUT)

    def weights(self, letter: str, rows: Sequence[Sequence[float]]) -> list[list[Value]]:
        """One labelled Value per weight."""
        return [
            [Value(w, label=f"{letter}{j}{i}") for j, w in enumerate(row, 1)]
            for i, row in enumerate(rows, 1)
        ]

    def layer(self, rows: list[list[Value]], inputs: list[Value], letter: str) -> list[Value]:
        """The outputs of one layer, labelled; their nets are labelled too."""
        outputs = []
        for i, row in enumerate(rows, 1):
            net = row[0] * inputs[0]
            for weight, x in zip(row[1:], inputs[1:], strict=True):
                net = net + weight * x
            net.label = f"net {letter}{i}"
            unit = net.sigmoid()
            unit.label = f"{letter}{i}"
            outputs.append(unit)
        return outputs

    def loss(self) -> Value:
        """½ Σ (target - output)², after backward; the units are left in h and o."""
        inputs = [Value(x, label=f"x{i}") for i, x in enumerate(INPUTS, 1)]
        self.h = self.layer(self.hidden, inputs, "h")
        self.o = self.layer(self.output, self.h, "o")
        total = None
        for i, (target, o) in enumerate(zip(TARGETS, self.o, strict=True), 1):
            error = Value(target, label=f"t{i}") - o
            total = error * error if total is None else total + error * error
        loss = 0.5 * total
        loss.label = "E"
        loss.backward()
        return loss

    def step(self, rate: float) -> None:
        """One step of gradient descent."""
        for row in (*self.hidden, *self.output):
            for w in row:
                w.data -= rate * w.grad
                w.grad = 0.0


def network() -> Pictures:
    """The network before and after one step."""
    net = Network()
    before = net.loss()
    nets = [unit.parents[0] for unit in (*net.h, *net.o)]
    check([n.data for n in nets], [7, -5, 1.09967, 3.10501], 5)
    check([unit.data for unit in (*net.h, *net.o)], [0.99909, 0.00669, 0.75020, 0.95710], 5)
    check([-n.grad for n in nets], [-0.00006402, -0.00027456, 0.046813, -0.039299], 6)
    check([before.data], [0.4892196], 7)
    pictures = {"network_before": viz.draw(before)}  # the step will change the weights in it

    net.step(RATE)
    check([w.data for w in net.hidden[0]], [0.1999360, -0.1001921, 0.3998720], 7)
    check([w.data for w in net.hidden[1]], [0.6997254, -1.2008237, 1.1994509], 7)
    check([w.data for w in net.output[0]], [1.1046771, 0.1000313], 7)
    check([w.data for w in net.output[1]], [3.0960737, 1.1699737], 7)
    after = net.loss()
    check([after.data], [0.4888361], 7)
    pictures["network_after"] = viz.draw(after)
    return pictures


def convolution() -> Pictures:
    """The convolution of 0 ... 8 in a square with 0 1 / 2 3, and the gradient of the sum."""
    with viz.keep():  # a tensor graph drops its numbers, unless it is recorded to be drawn
        image = tg.arange(9.0).reshape(1, 1, 3, 3).requires_grad_()
        kernel = tg.arange(4.0).reshape(1, 1, 2, 2).requires_grad_()
        out = F.conv2d(image, kernel)
        total = out.sum()
    total.backward()
    check(out.flatten().tolist(), [19, 25, 37, 43], 12)
    check(kernel.grad.flatten().tolist(), [8, 12, 20, 24], 12)
    check(image.grad.flatten().tolist(), [0, 1, 1, 2, 6, 4, 2, 5, 3], 12)
    names = {"image": image, "kernel": kernel, "output": out, "sum": total}
    return {"convolution": viz.draw(total, names=names)}


def main(argv: Sequence[str] | None = None) -> None:
    """Print every example as text, and write its picture."""
    parser = argparse.ArgumentParser(description="Trace three examples by hand, and draw them.")
    folder = Path("runs", "trace_by_hand")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)
    suffix = ".dot" if viz.missing_dot() else ".svg"
    for name, picture in (product() | network() | convolution()).items():
        print(f"--- {name.replace('_', ' ')} ---\n\n{picture.text}\n")
        print(f"drawn in {picture.write((args.output / name).with_suffix(suffix))}\n")
    print(viz.missing_dot() or "All numbers are as they should be.")


if __name__ == "__main__":
    main()
