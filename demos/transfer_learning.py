"""Transfer learning: what was learnt of some digits helps with others, seen once each.

    python demos/transfer_learning.py

A small residual network learns the digits 0 to 4. Then it is to tell 5 to 9 apart from a single
picture of each, in 20 steps: as a fresh network; with all it knows kept and only a new head
trained; and with the upper half trained on, its head twice as fast. Then the three answer together,
and the batch norms of the last are folded into its convolutions. With --each 5 --tune 40 the fresh
network is the best of them: a teacher of five digits is worth a few pictures, not many.
`tinygrad-cnn train MODEL --weights FILE --data folder:PATH` does the same with photographs.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import tinygrad_cnn as tg
from tinygrad_cnn import models, viz
from tinygrad_cnn.data import DataLoader, Dataset, Subset, datasets
from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.nn import Module
from tinygrad_cnn.nn.utils import fuse_model
from tinygrad_cnn.optim import SGD
from tinygrad_cnn.optim.lr_scheduler import OneCycleLR
from tinygrad_cnn.train import Trainer, freeze, param_groups

SIDE = 16
PREPARE = [t.ToFloat(16), t.Resize((SIDE, SIDE)), t.Normalize(0.3, 0.4)]
VARY = [t.RandomAffine(10, translate=(0.1, 0.1), scale=(0.9, 1.1))]


def digits(train: bool, first: int, each: int | None = None) -> Dataset:
    """The digits `first` to `first` + 4 as classes 0 to 4; if `each` is given, so many of each."""
    steps = [*PREPARE, *VARY] if train else PREPARE
    data = datasets.Digits(train, t.Compose(steps), lambda label: label - first)
    places = [np.flatnonzero(data.labels == digit)[:each] for digit in range(first, first + 5)]
    return Subset(data, np.concatenate(places).tolist())


def learn(model: Module, data: Dataset, epochs: int, lr: float, **factors: float) -> None:
    """Train the parts of `model` that are not frozen."""
    loader = DataLoader(data, min(32, len(data)), shuffle=True)
    optimizer = SGD(param_groups(model, lr, factors), momentum=0.9, weight_decay=1e-4)
    rates = [group["lr"] for group in optimizer.param_groups]
    schedule = OneCycleLR(optimizer, rates, epochs=epochs, steps_per_epoch=len(loader))
    Trainer(model, optimizer, loader, scheduler=schedule).fit(epochs)


def accuracy(model: Module, data: Dataset) -> float:
    """The share of images that the model names rightly."""
    return Trainer(model, None, None).evaluate(DataLoader(data, 100)).accuracy


def network() -> Module:
    """A residual network of 20 layers for five kinds of grey pictures."""
    return models.resnet20(num_classes=5, in_channels=1)


def adapted(known: dict, frozen: Sequence[str]) -> Module:
    """A network that knows what `known` says, with a new head and some parts frozen."""
    model = network()
    model.load_state_dict(known)
    freeze(model, frozen)
    return models.replace_head(model, 5)


def report(name: str, model: Module, test: Dataset, seconds: float) -> float:
    """How well a model does, printed with what it took."""
    free = sum(p.numel() for p in model.parameters() if p.requires_grad)
    right = accuracy(model, test)
    print(f"{name:<22} {right:6.1%}  {free:7,} parameters trained, {seconds:.1f} s")
    return right


def draw(right: dict[str, float], each: int, path: Path) -> None:
    """Write a plot of how well each way does."""
    plot = viz.figure(6, 2.4)
    place = plot.subplots()
    bars = place.barh(list(right), [100 * share for share in right.values()])
    place.bar_label(bars, fmt="%.1f %%", padding=3)
    place.invert_yaxis()
    place.axvline(20, color="0.5", linestyle=":")  # one who guesses
    place.set(xlim=(0, 115), title=f"unseen digits 5 to 9 named rightly, from {each} of each")
    print(f"\ndrawn in {plot.write(path)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Learn the first five digits, then the others from a few of each in three ways."""
    parser = argparse.ArgumentParser(description="Learn new digits from a few pictures of each.")
    parser.add_argument("--each", type=int, default=1, metavar="N", help="pictures (default: 1)")
    parser.add_argument("--epochs", type=int, default=10, metavar="N", help="before (default: 10)")
    parser.add_argument("--tune", type=int, default=20, metavar="N", help="then (default: 20)")
    folder = Path("runs", "transfer_learning")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    tg.manual_seed(0)
    teacher = network()
    learn(teacher, digits(True, first=0), args.epochs, lr=0.1)
    print(f"digits 0 to 4: {accuracy(teacher, digits(False, first=0)):.1%} of unseen ones\n")
    known = teacher.state_dict()

    few, test = digits(True, first=5, each=args.each), digits(False, first=5)
    print(f"digits 5 to 9, from {args.each} of each:")
    body = ["conv1", "bn1", "layer1", "layer2", "layer3"]
    ways = {
        "a fresh network": (network(), 0.05, {}),
        "a new head alone": (adapted(known, body), 0.5, {}),
        "the upper half": (adapted(known, body[:3]), 0.05, {"fc": 2.0}),
    }
    right = {}
    for name, (model, lr, factors) in ways.items():
        began = time.perf_counter()
        learn(model, few, args.tune, lr, **factors)
        right[name] = report(name, model, test, time.perf_counter() - began)

    together = models.Ensemble(*[model for model, _, _ in ways.values()])
    right["all three together"] = accuracy(together, test)
    print(f"{'all three together':<22} {right['all three together']:6.1%}")

    image = tg.tensor(test[0][0][None])
    fused = fuse_model(model, image)
    model.eval()
    with tg.no_grad():
        logits = fused(image)
        np.testing.assert_allclose(logits.numpy(), model(image).numpy(), rtol=1e-3, atol=1e-4)
    best = models.top_k(logits[0], 3, tuple("56789"))
    print("\na picture of 5 with batch norm folded away:", end=" ")
    print(", ".join(f"{name} {chance:.1%}" for name, chance in best))
    draw(right, args.each, args.output / "ways.svg")


if __name__ == "__main__":
    main()
