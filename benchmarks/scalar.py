"""Scalar mode against micrograd on micrograd's own demonstration, one node per number.

    python -m benchmarks.scalar [--quick] [--json]

A 2-16-16-1 network of ReLUs learns 100 points of two half moons by the max-margin loss with L2
penalty; what is timed is one step: gradients set to zero, forward, backward, and letting the graph
go. Each library runs in processes of its own, by turns, with Python's garbage collector off (then
what has gathered is collected between the steps, untimed) and on, as Python sets it. Both sides run
the lines below, with their own Value. A ratio above 1 says that we are faster.
"""

import argparse
import gc
import importlib
import importlib.util
import itertools
import json
import math
import random
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

from .turns import clock, finish, need, parser, turns

TITLE = "Scalar mode against micrograd"
ROUNDS = 3
STEPS = 8
LIBRARIES = {"ours": "tinygrad_cnn", "micrograd": "micrograd.engine"}
GOALS = {"off": 2.0, "on": 16.0}  # by Python's garbage collector
SIZES = (2, 16, 16, 1)
POINTS = 100
PENALTY = 1e-4


def moons(draw: random.Random) -> tuple[list[list[float]], list[int]]:
    """Points of two interleaved half circles with some noise, and their labels, -1 and 1."""
    points = []
    labels = []
    for i in range(POINTS):
        angle = math.pi * draw.random()
        upper = i % 2 == 0
        x = math.cos(angle) if upper else 1.0 - math.cos(angle)
        y = math.sin(angle) if upper else 0.5 - math.sin(angle)
        points.append([x + draw.gauss(0.0, 0.1), y + draw.gauss(0.0, 0.1)])
        labels.append(-1 if upper else 1)
    return points, labels


def network(number: type, draw: random.Random) -> list:
    """Layers of neurons: pairs of a list of weights and a bias."""
    return [
        [([number(draw.uniform(-1, 1)) for _ in range(n_in)], number(0.0)) for _ in range(n_out)]
        for n_in, n_out in itertools.pairwise(SIZES)
    ]


def score(layers: list, x: list):
    """The network's output for one point."""
    for depth, neurons in enumerate(layers, 1):
        x = [sum((w * v for w, v in zip(ws, x, strict=True)), bias) for ws, bias in neurons]
        if depth < len(layers):
            x = [v.relu() for v in x]
    return x[0]


def loss_of(number: type, layers: list, parameters: list, points: list, labels: list):
    """The mean max-margin loss over all points, plus the penalty."""
    scores = [score(layers, [number(v) for v in point]) for point in points]
    losses = [(1 + -y * s).relu() for y, s in zip(labels, scores, strict=True)]
    return sum(losses) * (1.0 / len(losses)) + PENALTY * sum(p * p for p in parameters)


def node_count(root, parents: str) -> int:
    """How many values a loss was computed from, itself included."""
    seen = {root}
    waiting = [root]
    while waiting:
        new = [p for p in getattr(waiting.pop(), parents) if p not in seen]
        seen.update(new)
        waiting.extend(new)
    return len(seen)


def work(library: str, collector: str, steps: int) -> dict:
    """Seconds of each step, and the last one's loss, gradients and number of nodes."""
    number = importlib.import_module(LIBRARIES[library]).Value
    draw = random.Random(1337)
    points, labels = moons(draw)
    layers = network(number, draw)
    parameters = [p for neurons in layers for ws, bias in neurons for p in (*ws, bias)]

    def step() -> float:
        """The loss."""
        for p in parameters:
            p.grad = 0.0
        loss = loss_of(number, layers, parameters, points, labels)
        loss.backward()
        return loss.data

    step()
    seconds = []
    for _ in range(steps):
        if collector == "off":
            gc.collect()
            gc.disable()
        start = clock()
        loss = step()
        seconds.append(clock() - start)
    parents = "parents" if library == "ours" else "_prev"
    return {
        "seconds": seconds,
        "loss": loss,
        "gradients": [p.grad for p in parameters],
        "nodes": node_count(loss_of(number, layers, parameters, points, labels), parents),
    }


def run(library: str, collector: str, steps: int) -> dict:
    """`work` in a process of its own."""
    worker = [sys.executable, "-m", "benchmarks.scalar", "--worker", library, collector]
    done = subprocess.run(
        [*worker, "--steps", str(steps)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the run of {library} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def check(ours: dict, theirs: dict) -> None:
    """Raise AssertionError unless both found the same loss and gradients."""
    pairs = zip(
        [ours["loss"], *ours["gradients"]], [theirs["loss"], *theirs["gradients"]], strict=True
    )
    worst = max(abs(a - b) for a, b in pairs)
    if not worst <= 1e-12:
        raise AssertionError(f"loss or gradients differ by {worst:.3g}, more than 1e-12")


def measure(rounds: int, steps: int) -> dict:
    """Best and median step of both libraries, collector off and on, ratios, and their noise."""
    report: dict = {"steps": rounds * steps, "goals": GOALS}
    for collector in GOALS:
        runs = turns({name: partial(run, name, collector, steps) for name in LIBRARIES}, rounds)
        for pair in zip(*runs.values(), strict=True):
            check(*pair)
        report["nodes"] = {name: results[0]["nodes"] for name, results in runs.items()}
        middle = {n: [statistics.median(r["seconds"]) for r in rs] for n, rs in runs.items()}
        ratios = [b / a for a, b in zip(middle["ours"], middle["micrograd"], strict=True)]
        report[collector] = {"noise": [min(ratios), max(ratios)]}
        for choice, pick in (("best", min), ("median", statistics.median)):
            seconds = {n: [s for r in results for s in r["seconds"]] for n, results in runs.items()}
            table = {name: pick(values) for name, values in seconds.items()}
            table["ratio"] = table["micrograd"] / table["ours"]
            report[collector][choice] = table
    return report


def printed(report: dict) -> str:
    """The report as a table."""
    nodes = report["nodes"]
    lines = [
        f"one step on a graph of {nodes['ours']} nodes (micrograd's has {nodes['micrograd']}); "
        "milliseconds,",
        f"{report['steps']} steps of each, each library in processes of its own, by turns",
        "",
        f"{'garbage collector':20}{'ours':>10}{'micrograd':>12}{'micrograd / ours':>20}",
    ]
    for collector, goal in GOALS.items():
        for choice in ("best", "median"):
            row = report[collector][choice]
            name = f"{collector}, {choice}"
            times = f"{row['ours'] * 1e3:10.1f}{row['micrograd'] * 1e3:12.1f}"
            lines.append(f"{name:20}{times}{row['ratio']:12.2f} (goal {goal})")
        low, high = report[collector]["noise"]
        lines.append(f"noise: the medians of the rounds had ratios from {low:.2f} to {high:.2f}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print; or, as a worker, take part in a measurement."""
    command = parser(__doc__)
    command.add_argument("--rounds", type=int, help=f"processes of each library ({ROUNDS})")
    command.add_argument("--steps", type=int, help=f"timed steps in each process ({STEPS})")
    command.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    options = command.parse_args()
    steps = options.steps or (2 if options.quick else STEPS)
    if options.worker:
        print(json.dumps(work(*options.worker, steps)))
        return
    need("micrograd", "pip install tinygrad-cnn[bench] brings it")
    report = measure(options.rounds or (1 if options.quick else ROUNDS), steps)
    finish(options, report, printed(report))


if __name__ == "__main__":
    main()
