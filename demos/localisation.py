"""Localisation and landmarks: what digit it is, where it is, and where its stroke begins and ends.

    python demos/localisation.py [--fast]

A digit lies somewhere on a page of 20x20. One network has three heads: ten scores for what it is, a
box (left, top, right, bottom) around its ink, and two landmarks, the highest and the lowest point
of the ink. The losses are added, so their gradients add where the heads fork. A box is as good as
the share that it has in common with the true one, intersection over union.

Source: Sermanet et al. 2014, OverFeat, section 4; Everingham et al. 2010 for intersection over
union.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, nn, optim, viz
from tinygrad_cnn.data import datasets
from tinygrad_cnn.nn import functional as F

SIDE, PAGE = 8, 20
INK = 0.4  # what is fainter is paper


class Answer(NamedTuple):
    """Names or their scores, boxes (N, 4) and landmarks (N, 4), these in shares of the page."""

    digit: Tensor
    box: Tensor
    landmarks: Tensor


class Network(nn.Module):
    """Convolutions, and a linear layer for each of the three answers."""

    def __init__(self) -> None:
        self.body = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(800, 96), nn.ReLU()),
        )
        self.digit = nn.Linear(96, 10)
        self.box = nn.Linear(96, 4)
        self.landmarks = nn.Linear(96, 4)

    def forward(self, x: Tensor) -> Answer:
        """The three answers."""
        x = self.body(x)
        return Answer(self.digit(x), self.box(x), self.landmarks(x))


def truth(images: Tensor, labels: Tensor) -> Answer:
    """The right answers for digits in the corner of their pages."""
    ink = images[:, 0] > INK
    rows, columns = ink.any(2).float(), ink.any(1).float()
    ends = [(line.argmax(1), SIDE - line.flip(1).argmax(1)) for line in (columns, rows)]
    (left, right), (top, bottom) = ends
    every = tg.arange(len(images))
    high, low = images[every, 0, top], images[every, 0, bottom - 1]
    points = [high.argmax(1) + 0.5, top + 0.5, low.argmax(1) + 0.5, bottom - 0.5]
    box = tg.stack([left, top, right, bottom], 1).float()
    return Answer(labels, box, tg.stack(points, 1))


def scattered(images: Tensor, known: Answer) -> tuple[Tensor, Answer]:
    """Digits at random places of their pages, and the answers, moved along."""
    room = PAGE - SIDE + 1
    right, down = tg.randint(0, room, (2, len(images)))
    pages = tg.zeros(len(images), PAGE, PAGE)
    every = tg.arange(len(images))[:, None, None]
    rows = down[:, None, None] + tg.arange(SIDE)[:, None]
    columns = right[:, None, None] + tg.arange(SIDE)
    pages[every, rows, columns] = images[:, 0]
    moves = tg.stack([right, down, right, down], 1)
    moved = [(part + moves) / PAGE for part in known[1:]]
    return pages[:, None], Answer(known.digit, *moved)


def trained(epochs: int) -> Network:
    """The network after some epochs, in each of which every digit lies elsewhere."""
    tg.manual_seed(0)
    model = Network()
    data = datasets.Digits()
    images = tg.as_tensor(data.images).float() / 16
    known = truth(images, tg.as_tensor(data.labels))
    optimizer = optim.Adam(model.parameters())
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 0.01, epochs * (len(images) // 64 + 1))
    for _ in range(epochs):
        pages, wanted = scattered(images, known)
        for batch in tg.randperm(len(images)).split(64):
            optimizer.zero_grad()
            said = model(pages[batch])
            loss = F.cross_entropy(said.digit, wanted.digit[batch])
            for one, other in zip(said[1:], wanted[1:], strict=True):
                loss = loss + 20 * F.mse_loss(one, other[batch])
            loss.backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def overlap(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of boxes. Shape: (N, 4), (N, 4) -> (N,)."""
    sides = tg.minimum(one, other)[:, 2:] - tg.maximum(one, other)[:, :2]
    common = sides.clamp(min=0).prod(1)
    areas = [(box[:, 2:] - box[:, :2]).prod(1) for box in (one, other)]
    return common / (areas[0] + areas[1] - common)


def example() -> None:
    """Two boxes of area 4 that share 1 have it in common of 7."""
    boxes = tg.tensor([[0.0, 0, 2, 2], [1, 1, 3, 3], [5, 5, 6, 6]])
    shares = overlap(boxes[:1].expand(3, 4), boxes)
    print("of 2×2 boxes one place apart along both axes, intersection over union", end="")
    print(f" {shares[1].item():.4f} = 1/7")
    assert shares.allclose(tg.tensor([1.0, 1 / 7, 0.0]))


def draw(pages: Tensor, said: Answer, wanted: Answer, path: Path) -> None:
    """Write a picture of the first pages with the boxes and landmarks that were said."""
    from matplotlib.patches import Rectangle

    plot = viz.figure(8, 3.6)
    for i, place in enumerate(plot.subplots(2, 5).ravel()):
        place.imshow(pages[i, 0].numpy(), cmap="Greys", extent=(0, PAGE, PAGE, 0))
        for answer, color in ((wanted, "0.7"), (said, "C1")):
            left, top, end, bottom = (answer.box[i] * PAGE).tolist()
            box = Rectangle((left, top), end - left, bottom - top, fill=False, edgecolor=color)
            place.add_patch(box)
        x1, y1, x2, y2 = (said.landmarks[i] * PAGE).tolist()
        place.plot([x1, x2], [y1, y2], "o", color="C0", markersize=4)
        place.set(xticks=[], yticks=[], title=said.digit[i].argmax().item())
    print(f"drawn in {plot.write(path)}")


def main(argv: Sequence[str] | None = None) -> None:
    """Train, measure the three answers, and draw some."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="train for two epochs instead of 40")
    folder = Path("runs", "localisation")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    example()
    model = trained(2 if args.fast else 40)
    data = datasets.Digits(False)
    images = tg.as_tensor(data.images).float() / 16
    pages, wanted = scattered(images, truth(images, tg.as_tensor(data.labels)))
    with tg.no_grad():
        said = model(pages)
    right = (said.digit.argmax(1) == wanted.digit).float().mean().item()
    shares = overlap(said.box, wanted.box)
    apart = (said.landmarks - wanted.landmarks).reshape(-1, 2).norm(dim=1).mean().item() * PAGE
    print(f"{right:.1%} of {len(pages)} unseen digits named rightly; intersection over union")
    print(f"{shares.mean().item():.3f} on average; landmarks {apart:.2f} pixels off")
    if not args.fast:
        assert right > 0.9
        assert shares.mean() > 0.7
        assert apart < 1.5
    draw(pages, said, wanted, args.output / "boxes.svg")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
