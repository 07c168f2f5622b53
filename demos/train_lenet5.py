"""LeNet-5 learns handwritten digits: the whole training, written out.

    python demos/train_lenet5.py

It is what `tinygrad-cnn train lenet5` does, without progress bar and checkpoints.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import models, optim, viz
from tinygrad_cnn.data import DataLoader, datasets
from tinygrad_cnn.data import transforms as t
from tinygrad_cnn.nn import functional as F


def loaders() -> tuple[DataLoader, DataLoader]:
    """Batches of 1,437 digits for training, varied anew in each epoch, and of 360 for the test."""
    enlarge = [t.ToFloat(16), t.Resize((28, 28)), t.Pad(2)]  # from 8 x 8 to 32 x 32
    vary = [t.RandomAffine(10, translate=(2 / 32, 2 / 32), scale=(0.9, 1.1))]
    contrast = [t.Normalize(0.1 / 1.275, 1 / 1.275)]  # to the paper's -0.1 and 1.175
    train = datasets.Digits(train=True, transform=t.Compose([*enlarge, *vary, *contrast]))
    test = datasets.Digits(train=False, transform=t.Compose([*enlarge, *contrast]))
    return DataLoader(train, batch_size=32, shuffle=True), DataLoader(test, batch_size=360)


@tg.no_grad()
def accuracy(model: tg.nn.Module, loader: DataLoader) -> float:
    """The share of images that the model names rightly."""
    model.eval()
    right = [(model(images).argmax(1) == labels).sum().item() for images, labels in loader]
    return sum(right) / len(loader.dataset)


def main(argv: Sequence[str] | None = None) -> None:
    """Train, say how it goes, save the model, and draw its errors."""
    parser = argparse.ArgumentParser(description="Train LeNet-5 on handwritten digits.")
    parser.add_argument("--epochs", type=int, default=30, metavar="N", help="default: 30")
    folder = Path("runs", "train_lenet5")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    tg.manual_seed(0)
    train, test = loaders()
    model = models.lenet5()
    optimizer = optim.Adam(model.parameters())
    schedule = optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=3e-3, epochs=args.epochs, steps_per_epoch=len(train)
    )
    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        for images, labels in train:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(labels)
        print(
            f"epoch {epoch + 1:2d}  loss {total / len(train.dataset):.4f}  "
            f"accuracy on unseen digits {accuracy(model, test):.2%}"
        )

    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / "lenet5.safetensors"
    tg.save(model.state_dict(), path)
    again = models.lenet5()
    again.load_state_dict(tg.load(path))
    assert accuracy(again, test) == accuracy(model, test)
    print(f"saved in {path}")

    said = viz.predictions(model, test)
    matrix = viz.confusion_matrix(said.outputs, said.labels)
    print(f"which digits it takes for which: {matrix.write(args.output / 'confusion.svg')}")
    wrong = viz.misclassified(*said)
    print(f"those it names wrongly: {wrong.write(args.output / 'wrong.png')}")


if __name__ == "__main__":
    main()
