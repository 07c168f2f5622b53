"""Vanishing gradients: sixteen layers of sigmoids do not learn, and three ways to make them.

    python demos/vanishing_gradients.py [--fast]

The slope of a sigmoid is at most 1/4, so behind a chain of n of them at most 4⁻ⁿ of a gradient is
left. In a network each layer loses a factor on the way back, and the first layers get next to
nothing. ReLUs, whose slope is 1 where they are awake; batch norm, which keeps nets where sigmoids
are steep; and skips, which let the gradient pass by: each alone brings it back to the first layer.
The pictures have the norm of every layer's gradient, in the first step and in all, and what comes
of it in training.

Source: Hochreiter 1991; Glorot & Bengio 2010; He et al. 2015 and 2016; Ioffe & Szegedy 2015.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, Value, nn, viz
from tinygrad_cnn.data import DataLoader, datasets
from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.optim import SGD
from tinygrad_cnn.train import Trainer

DEPTH, WIDTH = 16, 64
PREPARE = t.Compose([t.ToFloat(16), t.Normalize(0.3, 0.38)])
CHANCE = math.log(10)  # the loss of one who only guesses


class Skip(nn.Module):
    """x + block(x)."""

    def __init__(self, block: nn.Module) -> None:
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        """The sum."""
        return x + self.block(x)


def layer(kind: str) -> nn.Module:
    """One of the layers between the first and the last."""
    linear = nn.Linear(WIDTH, WIDTH)
    if kind == "ReLU":
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        return nn.Sequential(linear, nn.ReLU())
    nn.init.xavier_normal_(linear.weight)
    if kind == "batch norm":
        return nn.Sequential(linear, nn.BatchNorm1d(WIDTH), nn.Sigmoid())
    block = nn.Sequential(linear, nn.Sigmoid())
    return Skip(block) if kind == "skips" else block


def network(kind: str) -> nn.Sequential:
    """Layers of one kind on the 64 pixels of a digit."""
    tg.manual_seed(0)
    return nn.Sequential(nn.Flatten(), *[layer(kind) for _ in range(DEPTH)], nn.Linear(WIDTH, 10))


def chain(length: int) -> float:
    """How much a number behind so many sigmoids changes with the number in front of them."""
    x = node = Value(0.0)
    for _ in range(length):
        node = (node - node.data).sigmoid()  # each at 0, where it is steepest
    node.backward()
    return x.grad


def trained(
    model: nn.Module, data: datasets.Digits, epochs: int
) -> tuple[viz.LayerRecord, list[dict]]:
    """The gradients of every step of a training, and its history."""
    record = viz.LayerRecord(model)
    loader = DataLoader(data, 64, shuffle=True)
    trainer = Trainer(model, SGD(model.parameters(), 0.01, 0.9), loader, callbacks=[record])
    return record, trainer.fit(epochs)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the gradients of four networks, train them, and draw both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="train for one epoch instead of ten")
    folder = Path("runs", "vanishing_gradients")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    for length in (1, 5, 10):
        print(f"behind {length:2} sigmoids at their steepest: slope {chain(length):.3g}")
        assert math.isclose(chain(length), 4.0**-length)

    data = datasets.Digits(True, PREPARE)
    records, histories = {}, {}
    for kind in ("sigmoid", "ReLU", "batch norm", "skips"):
        records[kind], histories[kind] = trained(network(kind), data, 1 if args.fast else 10)
        first, *_, last, _ = [norms[0] for norms in records[kind].gradients.values()]
        print(f"{kind:10} first layer's gradient {first:8.1e}, the 16th's {last:8.1e},", end="")
        print(f" ratio {first / last:8.1e}; loss {histories[kind][-1]['loss']:.3f}")
        assert first / last < 1e-8 if kind == "sigmoid" else 0.05 < first / last < 20
    if not args.fast:
        losses = {kind: history[-1]["loss"] for kind, history in histories.items()}
        assert losses.pop("sigmoid") > 0.95 * CHANCE
        assert max(losses.values()) < 0.5 * CHANCE
    pictures = {
        "gradients": viz.gradients_by_layer(records),
        "layers": viz.layers_over_time(records),
        "losses": viz.learning_curves(histories),
    }
    for name, plot in pictures.items():
        print(f"drawn in {plot.write(args.output / f'{name}.svg')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
