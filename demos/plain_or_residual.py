"""Plain or residual: of two plain networks the deeper one learns worse, of two residual ones not.

    python demos/plain_or_residual.py [--fast]

The networks that He et al. made for CIFAR-10, on the 8x8 digits that come with the package: 20 and
44 layers, with shortcuts and without. Shortcuts hold no parameters, so those of one depth have as
many. The deeper plain network is worse on the training images as well: it does not overfit, it is
harder to train. `degradation.py` is the whole experiment on CIFAR-10.

Source: He, Zhang, Ren & Sun 2016, Deep residual learning for image recognition, section 4.2.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import models, nn, viz
from tinygrad_cnn.data import DataLoader, Subset, datasets
from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.optim import SGD
from tinygrad_cnn.train import Trainer

PREPARE = t.Compose([t.ToFloat(16), t.Normalize(0.3, 0.38)])
PARAMETERS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}
SHORTCUTS = {"plain": {}, "residual": {"shortcut": models.ZeroPadShortcut}}
BLOCKS = {"plain": models.PlainBlock, "residual": models.BasicBlock}


def network(kind: str, depth: int, channels: int = 1) -> nn.Module:
    """One of the four networks."""
    return models.CifarResNet(BLOCKS[kind], depth, in_channels=channels, **SHORTCUTS[kind])


def count() -> None:
    """The parameters of the paper's networks, which see three colours."""
    for depth, parameters in PARAMETERS.items():
        with tg.device("meta"):
            made = [network(kind, depth, channels=3) for kind in BLOCKS]
        counts = {sum(p.numel() for p in model.parameters()) for model in made}
        assert counts == {parameters}
        print(f"{depth:3} layers: {parameters:9,} parameters, plain or residual")


def block() -> None:
    """A residual block whose last γ is 0 hands on what it was given: deeper need not be worse."""
    made = models.BasicBlock(4, 4)
    nn.init.zeros_(made.bn2.weight)
    x = tg.rand(2, 4, 8, 8)
    assert made(x).equal(x)


def main(argv: Sequence[str] | None = None) -> None:
    """Count, train the four networks, and draw their losses."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="8 and 14 layers, 256 digits, 2 epochs")
    folder = Path("runs", "plain_or_residual")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)
    depths, epochs = ((8, 14), 2) if args.fast else ((20, 44), 6)

    count()
    block()
    data = datasets.Digits(True, PREPARE)
    train = DataLoader(Subset(data, range(256 if args.fast else len(data))), 128, shuffle=True)
    test = DataLoader(datasets.Digits(False, PREPARE), 360)
    histories, losses = {}, {}
    for kind in BLOCKS:
        for depth in depths:
            tg.manual_seed(0)
            model = network(kind, depth)
            optimizer = SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=1e-4)
            name = f"{kind}, {depth} layers"
            trainer = Trainer(model, optimizer, train)
            histories[name] = trainer.fit(epochs)
            loss = losses[kind, depth] = histories[name][-1]["loss"]
            right = trainer.evaluate(test).accuracy
            print(f"{name:20} loss {loss:.3f}, {right:.1%} of unseen digits right")
    shallow, deep = depths
    if not args.fast:  # on a few digits no network learns enough to tell
        assert losses["plain", deep] > 2 * losses["plain", shallow]
        assert losses["residual", deep] < 0.5 * losses["plain", deep]
    print(f"drawn in {viz.learning_curves(histories).write(args.output / 'losses.svg')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
