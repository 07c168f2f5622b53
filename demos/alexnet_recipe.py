"""AlexNet's recipe at small scale: a tenth of the rate on a plateau, and seven networks together.

    python demos/alexnet_recipe.py [--fast]

Momentum 0.9, weight decay 0.0005, small batches, random crops, local response normalisation,
overlapping pools, dropout before the last layers; the rate begins at 0.01 and is divided by ten
when the error on held-out images no longer falls. It is all there for 8x8 digits. Of 224x224
photographs the paper's network missed 18.2 % (none of its first five answers was right), seven
together 15.4 %. Here, too, seven are better than one of them; for the loss that is no luck, since
the logarithm of a mean is never below the mean of logarithms. Digits are not mirrored, as
photographs may be, and weights begin as He et al. (2015) have them: the paper's deviation of 0.01
is made for layers of thousands of units.

Source: Krizhevsky, Sutskever & Hinton 2012, sections 3 to 6.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, models, nn, viz
from tinygrad_cnn.data import DataLoader, Subset, datasets
from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.optim import SGD
from tinygrad_cnn.optim.lr_scheduler import ReduceLROnPlateau
from tinygrad_cnn.train import Callback, Trainer

RATE, MOMENTUM, DECAY, BATCH = 0.01, 0.9, 5e-4, 32
HELD_OUT = 237  # of the 1,437 digits for training
PREPARE = [t.ToFloat(16), t.Normalize(0.3, 0.38)]
CROP = [*PREPARE, t.RandomCrop(8, padding=1, fill=-0.3 / 0.38)]


def network() -> nn.Sequential:
    """Convolution, ReLU, normalisation, pool, twice; a convolution; a dropout; two layers."""
    norm = {"size": 5, "alpha": 5 * 1e-4, "beta": 0.75, "k": 2.0}
    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.LocalResponseNorm(**norm)),
        nn.MaxPool2d(3, 2, ceil_mode=True),  # windows of 3 in steps of 2 overlap
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.LocalResponseNorm(**norm)),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        *(nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.Flatten()),
        *(nn.Dropout(0.5), nn.Linear(128, 128), nn.ReLU()),
        nn.Linear(128, 10),
    )
    for name, p in model.named_parameters():
        if name.endswith("weight"):
            nn.init.kaiming_normal_(p)
    return model


def rule() -> None:
    """The paper's update v ← 0.9 v − 0.0005 ε w − ε dL/dw, w ← w + v, is that of SGD."""
    w = tg.tensor(1.0, dtype=tg.float64, requires_grad=True)
    optimizer = SGD([w], RATE, MOMENTUM, weight_decay=DECAY)
    place, speed = 1.0, 0.0
    for _ in range(5):
        optimizer.zero_grad()
        (0.5 * (w - 3).square()).backward()
        speed = MOMENTUM * speed - DECAY * RATE * place - RATE * w.grad.item()
        place += speed
        optimizer.step()
        assert abs(w.item() - place) < 1e-14
    print(f"five steps of the paper's rule, and of SGD: {place:.6f} and {w.item():.6f}")


class Watch(Callback):
    """Notes the rate of every epoch."""

    def __init__(self) -> None:
        self.rates = [RATE]

    def epoch_ended(self, trainer: Trainer) -> None:
        """The scheduler has looked for a plateau."""
        self.rates.append(trainer.optimizer.param_groups[0]["lr"])


def trained(seed: int, epochs: int, patience: int) -> tuple[nn.Module, list[float], list[float]]:
    """A network, and its error on held-out digits and its rate in every epoch."""
    tg.manual_seed(seed)
    whole, plain = datasets.Digits(True, t.Compose(CROP)), datasets.Digits(True, t.Compose(PREPARE))
    train = DataLoader(Subset(whole, range(HELD_OUT, len(whole))), BATCH, shuffle=True)
    held_out = DataLoader(Subset(plain, range(HELD_OUT)), HELD_OUT)
    model = network()
    optimizer = SGD(model.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
    schedule = ReduceLROnPlateau(optimizer, patience=patience, factor=0.1)
    watch = Watch()
    trainer = Trainer(model, optimizer, train, held_out, scheduler=schedule, callbacks=[watch])
    errors = [1 - entry["test_accuracy"] for entry in trainer.fit(epochs)]
    return model.eval(), errors, watch.rates


def scores(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """The mean loss, and the share of wrong answers."""
    with tg.no_grad():
        logits = model(images)
    wrong = (logits.argmax(1) != labels).float().mean().item()
    return nn.functional.cross_entropy(logits, labels).item(), wrong


def draw(runs: list[tuple], wrong: list[float], together: float, path: Path) -> None:
    """Write a plot of the errors over time, a mark where the rate falls, and of the test's."""
    plot = viz.figure(9, 3.6)
    left, right = plot.subplots(1, 2, width_ratios=(3, 2))
    for i, (_, errors, rates) in enumerate(runs):
        percent = [100 * error for error in errors]
        falls = [n for n in range(1, len(errors)) if rates[n] < rates[n - 1]]
        left.plot(range(1, len(percent) + 1), percent, color=f"C{i}")
        left.plot([n + 1 for n in falls], [percent[n] for n in falls], "o", color=f"C{i}")
    left.set(
        xlabel="epoch", title="wrong of those held out (%), ● a tenth of the rate", yscale="log"
    )
    right.bar(range(1, len(wrong) + 1), [100 * w for w in wrong], color="0.7")
    right.bar([len(wrong) + 1], [100 * together])
    right.set(xlabel="network, and all together", title="wrong of the test's (%)")
    print(f"drawn in {plot.write(path)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Check the rule, train seven networks, ask them together, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="3 networks of 2 epochs")
    folder = Path("runs", "alexnet_recipe")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)
    count, epochs, patience = (3, 2, 0) if args.fast else (7, 20, 2)

    rule()
    test = datasets.Digits(False, t.Compose(PREPARE))
    images, labels = next(iter(DataLoader(test, len(test))))
    runs = [trained(seed, epochs, patience) for seed in range(count)]
    losses, wrong = [], []
    for i, (model, _, rates) in enumerate(runs, 1):
        loss, share = scores(model, images, labels)
        losses.append(loss)
        wrong.append(share)
        steps = sorted(set(rates), reverse=True)
        print(f"network {i}: loss {loss:.3f}, {share:.1%} wrong; rates", *[f"{r:g}" for r in steps])
        assert all(abs(rate / (RATE / 10**n) - 1) < 1e-9 for n, rate in enumerate(steps))
    loss, together = scores(models.Ensemble(*[model for model, *_ in runs]), images, labels)
    means = sum(losses) / count, sum(wrong) / count
    print(f"on average loss {means[0]:.3f}, {means[1]:.1%} wrong; ", end="")
    print(f"all {count} together {loss:.3f}, {together:.1%}")
    assert loss < means[0]
    if not args.fast:
        assert together < means[1] < 0.05
        assert min([min(rates) for _, _, rates in runs]) < RATE
    draw(runs, wrong, together, args.output / "errors.svg")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
