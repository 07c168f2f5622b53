"""A step that is recorded once and replayed: the same bits, without the Python between kernels.

    python demos/recorded_step.py [--fast]

LeNet learns digits twice, from the same beginning: by a step as one writes it, and by the same
function under `tg.graph_step`. Half of a small network's time is Python's, which looks up gates and
rules, builds the graph and walks it back; a replay calls the kernels on the memory they had. Losses
and weights are the same to the last bit. What a recording cannot know is what Python does within
the step, so the learning rate's schedule and the reading of losses stand behind it.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, models, optim, viz
from tinygrad_cnn.data import DataLoader, datasets
from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.nn import functional as F

BATCH = 64
PREPARE = t.Compose([t.ToFloat(16), t.Resize((28, 28)), t.Normalize(0.3, 0.38)])


class Run(NamedTuple):
    """A training: its losses, the seconds until each was known, and the weights at the end."""

    losses: list[float]
    times: list[float]
    weights: list[Tensor]


def batches() -> list[tuple[Tensor, Tensor]]:
    """The digits in whole batches: a recording holds for one size."""
    loader = DataLoader(datasets.Digits(train=True, transform=PREPARE), BATCH, drop_last=True)
    return list(loader)


def trained(wrap: Callable, pairs: list, epochs: int) -> Run:
    """A training by a step that is wrapped."""
    tg.manual_seed(0)
    model = models.lenet()
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(pairs))

    @wrap
    def step(images: Tensor, labels: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    losses, times = [], []
    start = time.perf_counter()
    for _ in range(epochs):
        for images, labels in pairs:
            losses.append(step(images, labels).item())
            schedule.step()
            times.append(time.perf_counter() - start)
    return Run(losses, times, [p.detach() for p in model.parameters()])


def draw(runs: dict[str, Run], path: Path) -> None:
    """Write a plot of the steps against the time they took; the recording itself takes a while."""
    plot = viz.figure(6, 3.6)
    place = plot.subplots()
    for (name, run), style in zip(runs.items(), ("-", "--"), strict=True):
        place.plot(run.times, range(1, len(run.times) + 1), style, label=name)
    place.set(xlabel="seconds", ylabel="steps done", title="the same training, twice")
    place.legend()
    print(f"drawn in {plot.write(path)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Train twice, compare, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="3 epochs instead of 40")
    folder = Path("runs", "recorded_step")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    pairs, epochs = batches(), 3 if args.fast else 40
    trained(lambda step: step, pairs, 1)  # compiles what is not compiled yet
    runs = {
        "step by step": trained(lambda step: step, pairs, epochs),
        "recorded": trained(tg.graph_step, pairs, epochs),
    }
    for name, run in runs.items():
        rate = len(run.times) / run.times[-1]
        print(f"{name:14} {len(run.times)} steps, {rate:4.0f} a second; loss {run.losses[-1]:.4f}")
    plain, replayed = runs.values()
    assert replayed.losses == plain.losses
    assert all(tg.equal(a, b) for a, b in zip(plain.weights, replayed.weights, strict=True))
    print("Losses and weights are the same, bit for bit.")
    draw(runs, args.output / "recorded.svg")


if __name__ == "__main__":
    main()
