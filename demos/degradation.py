"""Degradation: a deeper plain network trains worse than a shallow one; shortcuts mend it.

    python demos/degradation.py --data FOLDER

Plain and residual networks of each depth are trained as in He et al. 2016, section 4.2, and their
errors drawn as in its figure 6: training dashed, test bold. FOLDER holds CIFAR-10 in its binary
version. After every epoch a checkpoint, the curves (JSON) and the pictures (PNG, SVG) are written;
started again, the demo goes on where it was. The paper's 64,000 steps are 164 epochs, for which two
processor cores take days; degradation shows long before: after 800 steps on 12,800 images (--epochs
8 --images 12800, seed 0) plain-20 errs on 47.4 % of them and plain-56 on 75.2 %, ResNet-20 on
39.6 % and ResNet-56 on 56.9 %. After five epochs of all 50,000 images plain-20 errs on 28.3 % of
the test images and ResNet-20 on 23.5 %.
"""

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import models
from tinygrad_cnn.data import Subset, datasets
from tinygrad_cnn.train import Callback, Checkpoints, Trainer, load_checkpoint, progress, restore
from tinygrad_cnn.train.images import data_of
from tinygrad_cnn.train.recipe import recipe_for
from tinygrad_cnn.train.schedules import schedule_of
from tinygrad_cnn.train.setup import optimizer_of, test_loader, train_loader

PAPER = recipe_for("resnet20", "cifar10", schedule="he2016")
NETWORKS = {
    "plain": lambda depth: models.CifarResNet(models.PlainBlock, depth),
    "resnet": lambda depth: models.CifarResNet(
        models.BasicBlock, depth, shortcut=models.ZeroPadShortcut
    ),
}


def trainer_of(kind: str, depth: int, args: argparse.Namespace) -> Trainer:
    """The training of one network, by the paper's recipe, shortened to the number of epochs.

    The rate is 0.1, a tenth of it from half of the steps on, a hundredth from three quarters on.
    """
    tg.manual_seed(0)
    recipe = replace(PAPER, epochs=args.epochs, batch_size=args.batch)
    train, test = (data_of(recipe, part, args.data) for part in (True, False))
    if args.images:
        train = Subset(train, range(args.images))
    loader = train_loader(recipe, train, workers=1)
    model = NETWORKS[kind](depth)
    optimizer = optimizer_of(model, recipe)
    schedule = schedule_of(recipe, optimizer, len(loader))
    return Trainer(model, optimizer, loader, test_loader(recipe, test), scheduler=schedule)


def curve(history: list[dict]) -> list[dict[str, float]]:
    """The shares of images named wrongly, epoch by epoch."""
    return [
        {
            "epoch": entry["epoch"],
            "training": 1 - entry["accuracy"],
            "test": 1 - entry["test_accuracy"],
        }
        for entry in history
    ]


def draw(curves: dict[str, dict], folder: Path) -> None:
    """The pictures: plain networks at the left, residual ones at the right, a colour per depth."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    places = figure.subplots(1, 2, sharey=True)
    for place, (kind, depths) in zip(places, curves.items(), strict=True):
        for i, (depth, points) in enumerate(depths.items()):
            epochs = [point["epoch"] for point in points]
            for error, style, width in (("training", "--", 1), ("test", "-", 2)):
                place.plot(
                    epochs,
                    [100 * point[error] for point in points],
                    style,
                    linewidth=width,
                    color=f"C{i}",
                    label=f"{kind}-{depth}, {error}",
                )
        place.set(xlabel="epoch", ylabel="error (%)")
        place.grid(alpha=0.3)
        if depths:
            place.legend()
    for form in ("png", "svg"):
        figure.savefig(folder / f"degradation.{form}")


def write(curves: dict[str, dict], folder: Path) -> None:
    """The curves so far, as JSON and as pictures."""
    (folder / "curves.json").write_text(json.dumps(curves, indent=2), encoding="utf-8")
    draw(curves, folder)


class Curves(Callback):
    """Writes all curves after every epoch, with that of the network `kind` and `depth` in them."""

    def __init__(self, kind: str, depth: int, curves: dict[str, dict], folder: Path) -> None:
        self.kind = kind
        self.depth = depth
        self.curves = curves
        self.folder = folder

    def epoch_ended(self, trainer: Trainer) -> None:
        """Write the files anew."""
        self.curves[self.kind][self.depth] = curve(trainer.history)
        write(self.curves, self.folder)


def learn(kind: str, depth: int, args: argparse.Namespace, curves: dict[str, dict]) -> None:
    """Train one network until all its epochs are done, from its checkpoint if there is one."""
    path = args.output / f"{kind}{depth}.checkpoint"
    settings = {"network": f"{kind}{depth}", "epochs": args.epochs, "batch": args.batch}
    if args.images:
        settings["images"] = args.images
    trainer = trainer_of(kind, depth, args)
    if path.exists():
        checkpoint = load_checkpoint(path)
        if checkpoint["settings"] != settings:
            sys.exit(
                f"{path} is of a run with {checkpoint['settings']}, not {settings}; choose the "
                "same epochs, batch and images, or another --output"
            )
        restore(trainer, checkpoint)
    print(f"{kind}-{depth}: {trainer.epoch} of {args.epochs} epochs are done", flush=True)
    shown = Curves(kind, depth, curves, args.output)
    trainer.callbacks = [Checkpoints(path, settings), shown, progress()]
    trainer.fit(args.epochs)
    shown.epoch_ended(trainer)  # all of them may have been done before


def main(argv: Sequence[str] | None = None) -> None:
    """Train every network, say how it goes, and draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="where CIFAR-10 lies")
    parser.add_argument("--epochs", type=int, default=10, metavar="N", help="default: 10")
    depths = "each 6 n + 2; default: 20 56"
    parser.add_argument("--depths", type=int, nargs="+", default=[20, 56], metavar="N", help=depths)
    parser.add_argument("--batch", type=int, default=128, metavar="N", help="default: 128")
    images = "so many of the 50,000, in shorter epochs"
    parser.add_argument("--images", type=int, metavar="N", help=images)
    folder = Path("runs", "degradation")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)
    if importlib.util.find_spec("matplotlib") is None:
        sys.exit("the curves are drawn by matplotlib; pip install tinygrad-cnn[demos] brings it.")

    try:
        datasets.CIFAR10(args.data, train=False)
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
    args.output.mkdir(parents=True, exist_ok=True)
    curves = {kind: {} for kind in NETWORKS}
    for depth in args.depths:
        for kind in NETWORKS:
            try:
                learn(kind, depth, args, curves)
            except KeyboardInterrupt:
                sys.exit("\nstopped; the same command goes on after the last epoch that was done")
    for kind, depths in curves.items():
        for depth, points in depths.items():
            last = points[-1]
            print(f"{kind}-{depth}: error {last['training']:.2%}, on the test {last['test']:.2%}")
    print(f"curves in {args.output}")


if __name__ == "__main__":
    main()
