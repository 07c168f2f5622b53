"""A sweep over two hyper-parameters: the learning rate and the width of a network.

    python demos/sweep.py [--fast]

Every pair of a rate and a width is tried, and its share of wrong answers on digits held out goes
into a table and a map. The rate matters most: too small learns too little in the time, too large
never settles. Rates are tried by powers of ten, because what counts is their ratio. The results are
in results.json, which is written after every run: stopped and started again, the sweep goes on
where it was. Only the best pair is shown the test's digits, once.

Source: Bengio 2012, Practical recommendations for gradient-based training of deep architectures.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import nn, viz
from tinygrad_cnn.data import DataLoader, Subset, datasets
from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.optim import SGD
from tinygrad_cnn.train import Trainer

RATES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
WIDTHS = (2, 8, 32, 128)
HELD_OUT = 237  # of the 1,437 digits for training
PREPARE = t.Compose([t.ToFloat(16), t.Normalize(0.3, 0.38)])

Results = dict[str, float]  # by "rate width": the share of wrong answers


def trainer_of(rate: float, width: int) -> Trainer:
    """A network of one hidden layer, and what it learns from."""
    tg.manual_seed(0)
    digits = datasets.Digits(True, PREPARE)
    parts = Subset(digits, range(HELD_OUT, len(digits))), Subset(digits, range(HELD_OUT))
    train, held_out = DataLoader(parts[0], 64, shuffle=True), DataLoader(parts[1], HELD_OUT)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))
    return Trainer(model, SGD(model.parameters(), rate, momentum=0.9), train, held_out)


def tried(trainer: Trainer, epochs: int) -> float:
    """The share of digits held out that is named wrongly after training."""
    return 1 - trainer.fit(epochs)[-1]["test_accuracy"]


def known(path: Path, epochs: int) -> Results:
    """What an earlier run has found."""
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    if found["epochs"] != epochs:
        sys.exit(f"{path} is of runs of {found['epochs']} epochs, not {epochs}; remove it")
    return found["errors"]


def sweep(path: Path, epochs: int) -> Results:
    """Try the pairs that have not been tried, and write the file after each."""
    errors = known(path, epochs)
    print(f"{len(errors)} of {len(RATES) * len(WIDTHS)} pairs are known")
    path.parent.mkdir(parents=True, exist_ok=True)
    for rate in RATES:
        for width in WIDTHS:
            name = f"{rate:g} {width}"
            if name not in errors:
                errors[name] = tried(trainer_of(rate, width), epochs)
                unfinished = path.with_suffix(".part")
                unfinished.write_text(json.dumps({"epochs": epochs, "errors": errors}, indent=2))
                os.replace(unfinished, path)  # a stop leaves either the old file or the new one
    return errors


def table(errors: Results) -> list[list[float]]:
    """A row for each width, a column for each rate."""
    return [[errors[f"{rate:g} {width}"] for rate in RATES] for width in WIDTHS]


def draw(rows: list[list[float]], path: Path) -> None:
    """Write the table as a map, dark where many answers are wrong."""
    plot = viz.figure(6, 3.4)
    place = plot.subplots()
    place.imshow(rows, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    for i, row in enumerate(rows):
        for j, error in enumerate(row):
            color = "white" if error > 0.5 else "black"
            place.text(j, i, f"{error:.1%}", color=color, ha="center", va="center")
    place.set_xticks(range(len(RATES)), [f"{rate:g}" for rate in RATES])
    place.set_yticks(range(len(WIDTHS)), WIDTHS)
    place.set(xlabel="learning rate", ylabel="width", title="wrong answers on digits held out")
    print(f"drawn in {plot.write(path)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Sweep, print the table, measure the best pair, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="train for one epoch instead of ten")
    folder = Path("runs", "sweep")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)
    epochs = 1 if args.fast else 10

    errors = sweep(args.output / "results.json", epochs)
    rows = table(errors)
    print("width  rate", *[f"{rate:>7g}" for rate in RATES])
    for width, row in zip(WIDTHS, rows, strict=True):
        print(f"{width:5}      ", *[f"{error:7.1%}" for error in row])
    per_rate = [min(column) for column in zip(*rows, strict=True)]
    per_width = [min(row) for row in rows]
    best = min(per_rate)
    assert best == min(per_width)
    assert per_rate.index(best) not in (0, len(RATES) - 1), "the best rate lies at an end"
    assert min(per_rate[0], per_rate[-1]) > 2 * best
    assert per_width[0] > 2 * best

    rate, width = RATES[per_rate.index(best)], WIDTHS[per_width.index(best)]
    trainer = trainer_of(rate, width)
    assert tried(trainer, epochs) == best  # the same seed gives the same network
    score = trainer.evaluate(DataLoader(datasets.Digits(False, PREPARE), 360))
    print(f"best: rate {rate:g}, width {width}: {best:.1%} wrong of those held out,", end="")
    print(f" {1 - score.accuracy:.1%} of the test's")
    draw(rows, args.output / "sweep.svg")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
