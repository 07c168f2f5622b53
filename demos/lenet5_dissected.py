"""LeNet-5 dissected: what each layer has, and what a trained one makes of a digit.

    python demos/lenet5_dissected.py [--fast]

Parameters and connections of every layer stand beside those of the paper: 60,000 and 340,068, with
the 840 fixed numbers of its last layer 340,908 connections. In C3 a map sees three, four or all six
maps of S2; what it sees is where its gradient is. The course notes have 1·(50 + 1) for the map that
sees all six, with which their sum would be 1,416; it is 1·(150 + 1), and the sum 1,516 is right.
Then the network is trained, and its maps are drawn for one digit.

Source: LeCun, Bottou, Bengio & Haffner 1998, section II.B and table I.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import models, optim, viz
from tinygrad_cnn.data import DataLoader, datasets
from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.models.lenet import LAYERS
from tinygrad_cnn.nn import Module
from tinygrad_cnn.train import Trainer

PREPARE = t.Compose(
    [t.ToFloat(16), t.Resize((28, 28)), t.Pad(2), t.Normalize(0.1 / 1.275, 1 / 1.275)]
)


def counts() -> None:
    """Every layer beside the paper's numbers, and the totals."""
    made = viz.summary(models.lenet5(), (1, 32, 32))
    rows = {row.name.upper(): row for row in made.rows}
    print("layer     maps     parameters  connections")
    for name, (maps, _, side, parameters, connections) in LAYERS.items():
        row = rows[name]
        print(f"{name:6}{maps:4} of {side:2}² {row.parameters:12,} {row.connections:12,}")
        assert (row.parameters, row.connections) == (parameters, connections)
        assert row.shape in ((maps, side, side), (maps,))
    trained = sum([rows[name].parameters for name in LAYERS])
    uses = sum([rows[name].connections for name in LAYERS])
    published = viz.summary(models.lenet5(output="rbf"), (1, 32, 32))
    print(f"up to F6 {trained:15,} {uses:12,}")
    print(f"with its RBF {published.parameters:11,} {published.connections:12,}")
    print(f"with Linear(84, 10) {made.parameters:,} parameters")
    assert (trained, uses) == (60_000, 340_068)
    assert (published.parameters, published.connections) == (60_000, 340_908)
    assert made.parameters == 60_850


def partial_connections(c3: Module) -> None:
    """What one pixel of each map of C3 sees: the places where its gradient is not zero."""
    x = tg.ones(1, 6, 14, 14)
    seen = []
    for k in range(16):
        pixels = x.detach().requires_grad_()
        c3(pixels)[0, k, 4, 4].backward()
        seen.append(int((pixels.grad != 0).sum()))
    parts = [f"{maps}·({pixels} + 1)" for pixels, maps in sorted(Counter(seen).items())]
    total = sum([pixels + 1 for pixels in seen])
    print(f"C3: {' + '.join(parts)} = {total:,} parameters, used at 10² places each")
    assert parts == ["6·(75 + 1)", "9·(100 + 1)", "1·(150 + 1)"]
    assert (total, total - 100) == (1_516, 1_416)
    assert total * 10**2 == LAYERS["C3"][-1]


def trained(epochs: int) -> Module:
    """LeNet-5 after some epochs on Digits."""
    tg.manual_seed(0)
    model = models.lenet5()
    train = DataLoader(datasets.Digits(True, PREPARE), 32, shuffle=True)
    trainer = Trainer(model, optim.Adam(model.parameters(), 2e-3), train)
    trainer.fit(epochs)
    share = trainer.evaluate(DataLoader(datasets.Digits(False, PREPARE), 360)).accuracy
    print(f"trained for {epochs} epochs, it names {share:.1%} of unseen digits rightly")
    assert share > 0.5
    return model.eval()


def main(argv: Sequence[str] | None = None) -> None:
    """Count, train, and draw the maps of a digit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="train for one epoch instead of ten")
    folder = Path("runs", "lenet5_dissected")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    counts()
    model = trained(1 if args.fast else 10)
    partial_connections(model.c3)
    image, label = datasets.Digits(False, PREPARE)[0]
    with tg.no_grad():
        said = model(tg.as_tensor(image)[None]).argmax().item()
    print(f"a {label}, of which it says {said}")
    plot = viz.feature_maps(model, image, layers=("c1", "s2", "c3", "s4"))
    print(f"drawn in {plot.write(args.output / 'maps.png')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
