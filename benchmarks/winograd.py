"""Whether Winograd's convolution costs accuracy: the same trainings with it and without.

    python -m benchmarks.winograd --data FOLDER [--output runs/winograd] [--epochs N] [--images N]

FOLDER holds CIFAR-10 in its binary version. Each network is trained by each choice of kernels with
each seed: the seed decides weights, order and augmentation, so runs of one seed differ by rounding
alone. "direct, nudged" is a control: it shows how far apart that brings them whatever the kernels.
What is done is kept in runs.json, and the command started again goes on behind it. LeNet is not
among the networks: its windows are of 5x5, which none of the choices changes.
"""

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path
from time import perf_counter

NUDGE = 1e-6  # by what weights are made larger: how far apart trainings come that differ by nothing
NETWORKS = ("resnet20", "vgg11_bn")
# The largest tiles by gate, as kernels.cpu_conv.WINOGRAD has them; 0 is the direct kernel.
CHOICES = {
    "direct": {"conv": 0, "conv_dx": 0, "conv_dw": 0},
    "direct, nudged": {"conv": 0, "conv_dx": 0, "conv_dw": 0},
    "2x2 forward, 4x4 backward": {"conv": 2, "conv_dx": 4, "conv_dw": 4},
    "4x4": {"conv": 4, "conv_dx": 4, "conv_dw": 4},
}


def trained(network: str, choice: str, seed: int, args: argparse.Namespace) -> dict:
    """The run of one network: its errors and losses by epoch, and its seconds."""
    import tinygrad_cnn as tg
    from tinygrad_cnn.data import Subset
    from tinygrad_cnn.kernels import cpu_conv
    from tinygrad_cnn.train import Trainer
    from tinygrad_cnn.train.images import data_of
    from tinygrad_cnn.train.recipe import recipe_for
    from tinygrad_cnn.train.schedules import schedule_of
    from tinygrad_cnn.train.setup import model_of, optimizer_of, test_loader, train_loader

    cpu_conv.WINOGRAD.update(CHOICES[choice])
    tg.manual_seed(seed)
    recipe = replace(recipe_for(network, "cifar10"), epochs=args.epochs, seed=seed)
    train, test = (data_of(recipe, part, args.data) for part in (True, False))
    loader = train_loader(recipe, Subset(train, range(args.images)), workers=1)
    model = model_of(recipe)
    if "nudged" in choice:
        with tg.no_grad():
            for p in model.parameters():
                p.mul_(1 + NUDGE)
    optimizer = optimizer_of(model, recipe)
    schedule = schedule_of(recipe, optimizer, len(loader))
    trainer = Trainer(model, optimizer, loader, test_loader(recipe, test), scheduler=schedule)
    start = perf_counter()
    history = trainer.fit(args.epochs)
    return {
        "network": network,
        "choice": choice,
        "seed": seed,
        "epochs": args.epochs,
        "images": args.images,
        "seconds": round(perf_counter() - start, 1),
        "loss": [round(entry["loss"], 5) for entry in history],
        "accuracy": [round(entry["test_accuracy"], 5) for entry in history],
    }


def table(runs: list[dict]) -> str:
    """What the runs say so far: test accuracy at the end, by seed, mean and deviation."""
    lines = ["| network | kernels | by seed (%) | mean | deviation |", "|---|---|---|---|---|"]
    for network in NETWORKS:
        for choice in CHOICES:
            found = [
                100 * r["accuracy"][-1]
                for r in runs
                if (r["network"], r["choice"]) == (network, choice)
            ]
            if not found:
                continue
            spread = f"{statistics.stdev(found):.2f}" if len(found) > 1 else "–"
            each = " ".join(f"{a:.2f}" for a in found)
            mean = statistics.mean(found)
            lines.append(f"| {network} | {choice} | {each} | {mean:.2f} | {spread} |")
    return "\n".join(lines)


def main() -> None:
    """Train whatever is not done yet, and print the table after every run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--output", type=Path, default=Path("runs", "winograd"), metavar="FOLDER")
    parser.add_argument("--epochs", type=int, default=3, help="default: 3")
    parser.add_argument("--images", type=int, default=50_000, help="of the training set, the first")
    parser.add_argument("--seeds", type=int, default=3, help="default: 3")
    parser.add_argument("--choices", nargs="+", choices=CHOICES, default=list(CHOICES))
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / "runs.json"
    runs = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    done = {(r["network"], r["choice"], r["seed"], r["epochs"], r["images"]) for r in runs}
    for seed in range(args.seeds):
        for network in NETWORKS:
            for choice in args.choices:
                if (network, choice, seed, args.epochs, args.images) in done:
                    continue
                runs.append(trained(network, choice, seed, args))
                path.write_text(json.dumps(runs, indent=1), encoding="utf-8")
                print(f"{network}, {choice}, seed {seed}: {runs[-1]['accuracy'][-1]:.2%}")
                print(table(runs), flush=True)


if __name__ == "__main__":
    main()
