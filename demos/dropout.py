"""Dropout: what it drops, how it is scaled, and which networks it asks together.

    python demos/dropout.py [--fast]

In training each unit is kept with probability 1 − p and then counts 1 / (1 − p)-fold; in evaluation
all are kept as they are. The gradient passes where the number passed. So every step trains another
thinned network. All of them can be asked only where they are few: a softmax unit with four inputs
has sixteen, and the normalised geometric mean of their answers is what the whole one answers, to
the last digit. Then a network learns a hundred digits with and without it.

Source: Srivastava et al. 2014; Baldi & Sadowski 2013 for the mean. AlexNet (2012) drops half of its
first two dense layers, and halves all of them when it predicts instead of doubling in training.
"""

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, models, nn, viz
from tinygrad_cnn.data import DataLoader, Subset, datasets
from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.optim import SGD
from tinygrad_cnn.train import Trainer

PREPARE = t.Compose([t.ToFloat(16), t.Normalize(0.3, 0.38)])


def masks() -> dict[str, Tensor]:
    """What two draws leave of ones, and the gradient of the first."""
    x = tg.ones(12, 12, requires_grad=True)
    first, second = F.dropout(x, 0.5), F.dropout(x, 0.5)
    first.sum().backward()
    assert set(first.flatten().tolist()) == {0, 2}
    assert not first.equal(second)
    assert x.grad.equal(first)  # of ones: where they passed, doubled
    assert F.dropout(x, 0.5, training=False).equal(x)

    many = tg.ones(1_000_000)
    for p in (0.2, 0.5):
        thinned = F.dropout(many, p)
        kept = (thinned > 0).float().mean().item()
        print(f"p = {p}: {kept:.3f} are kept, times {thinned.max().item():.3g}", end="")
        print(f", mean {thinned.mean().item():.3f}")
        assert abs(kept - (1 - p)) < 0.003
        assert abs(thinned.mean().item() - 1) < 0.005
    return {
        "a draw, of ones": first,
        "its gradient": x.grad,
        "the next draw": second,
        "in evaluation": F.dropout(x, 0.5, training=False),
    }


def ensemble() -> None:
    """The sixteen thinned networks of a softmax layer with four inputs, and the whole one."""
    x, weight = tg.randn(4, dtype=tg.float64), tg.randn(3, 4, dtype=tg.float64)
    kept = tg.tensor(list(product((0.0, 1.0), repeat=4)), dtype=tg.float64)
    answers = F.softmax(F.linear(kept * x, weight), 1)
    together = answers.log().mean(0).exp()  # the geometric mean
    together = together / together.sum()
    halved = F.softmax(F.linear(x, 0.5 * weight), 0)
    print(f"{len(answers)} networks, geometric mean", *[f"{a:.6f}" for a in together.tolist()])
    print("one with halved weights   ", *[f"{a:.6f}" for a in halved.tolist()])
    assert together.allclose(halved, rtol=1e-12)
    assert not answers.mean(0).allclose(halved, rtol=1e-3)  # with the usual mean it is not exact


def alexnet() -> None:
    """Where AlexNet drops."""
    with tg.device("meta"):
        parts = models.alexnet().classifier.named_children()
        found = {name: part.p for name, part in parts if isinstance(part, nn.Dropout)}
    print("AlexNet drops behind fc6 and fc7:", found)
    assert found == {"drop6": 0.5, "drop7": 0.5}


def network(p: float) -> nn.Sequential:
    """A network far too large for a hundred digits."""
    tg.manual_seed(2)
    return nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(64, 512), nn.ReLU(), nn.Dropout(p)),
        *(nn.Linear(512, 512), nn.ReLU(), nn.Dropout(p)),
        nn.Linear(512, 10),
    )


def asked(model: nn.Module, images: Tensor, times: int) -> Tensor:
    """The mean of the answers of so many thinned networks."""
    model.train()
    with tg.no_grad():
        answers = [F.softmax(model(images), 1) for _ in range(times)]
    return tg.stack(answers).mean(0)


def main(argv: Sequence[str] | None = None) -> None:
    """Check masks and means, train, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="train for 20 epochs instead of 100")
    folder = Path("runs", "dropout")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    tg.manual_seed(0)
    planes = masks()
    ensemble()
    alexnet()
    train = DataLoader(Subset(datasets.Digits(True, PREPARE), range(100)), 20, shuffle=True)
    test = DataLoader(datasets.Digits(False, PREPARE), 360)
    histories = {}
    for p in (0.0, 0.5):
        model = network(p)
        trainer = Trainer(model, SGD(model.parameters(), 0.02, 0.9), train, test)
        history = histories[f"p = {p}"] = trainer.fit(20 if args.fast else 100)
        print(f"p = {p}: loss {history[-1]['loss']:.4f} in training, ", end="")
        print(f"{history[-1]['test_loss']:.3f} on unseen digits")
    without, thinned = [history[-1] for history in histories.values()]
    assert thinned["loss"] > without["loss"]
    assert thinned["test_loss"] < without["test_loss"]

    images, _ = next(iter(test))
    many = asked(model, images, 50)
    with tg.no_grad():
        whole = F.softmax(model.eval()(images), 1)
    same = (many.argmax(1) == whole.argmax(1)).float().mean().item()
    print(f"50 thinned networks name the same digit as the whole one {same:.1%} of the time")
    assert same > 0.95
    print(f"drawn in {viz.learning_curves(histories).write(args.output / 'losses.svg')}")
    plot = viz.maps(planes, numbers=False)
    print(f"drawn in {plot.write(args.output / 'masks.svg')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
