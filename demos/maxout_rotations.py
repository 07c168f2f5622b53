"""A unit that knows a 5 however it is turned: maxout over three learned rotations.

    python demos/maxout_rotations.py [--fast]

Digits are turned by −45, 0 and 45 degrees, and one maxout unit, the largest of three filters, is to
say whether it sees a 5. Nobody tells a filter which rotation is its own: max hands the gradient to
the filter that answers most, so that each gets better at what it is best at. In the end, each of
them answers to one rotation, and the unit does not care which.

Source: Goodfellow et al. 2013, Maxout networks; Goodfellow, Bengio & Courville 2016, Deep Learning,
figure 9.9.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, nn, optim, viz
from tinygrad_cnn.data import datasets
from tinygrad_cnn.nn import functional as F

ANGLES = (-45, 0, 45)  # degrees


def turned(images: Tensor, angle: float) -> Tensor:
    """Images, turned around their middle."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turns = tg.tensor([[[c, -s, 0.0], [s, c, 0.0]]]).expand(len(images), 2, 3)
    points = F.affine_grid(turns, images.shape, align_corners=False)
    return F.grid_sample(images, points, align_corners=False)


def digits(train: bool) -> tuple[Tensor, Tensor]:
    """All digits in all rotations, one after the other, and 1 for a five and 0 for others."""
    data = datasets.Digits(train=train)
    images = tg.as_tensor(data.images).float() / 16
    fives = (tg.as_tensor(data.labels) == 5).float()
    return tg.cat([turned(images, angle) for angle in ANGLES]), fives.repeat(len(ANGLES))


def trained(steps: int) -> nn.Conv2d:
    """Three filters as large as the images."""
    tg.manual_seed(1)  # from an unlucky start, one filter takes all
    filters = nn.Conv2d(1, len(ANGLES), 8)
    images, fives = digits(train=True)
    optimizer = optim.Adam(filters.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        answer = F.maxout(filters(images), len(ANGLES)).flatten()
        rare = tg.tensor(9.0)  # there are nine times as many others
        F.binary_cross_entropy_with_logits(answer, fives, pos_weight=rare).backward()
        optimizer.step()
    return filters


def main(argv: Sequence[str] | None = None) -> None:
    """Train the unit, say which filter answers to what, and draw the filters."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="train for 100 steps instead of 300")
    folder = Path("runs", "maxout_rotations")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    filters = trained(100 if args.fast else 300)
    images, fives = digits(train=False)
    with tg.no_grad():
        answers = filters(images).flatten(1)
    right = ((answers.amax(1) > 0) == (fives > 0)).float().mean().item()
    print(f"{right:.1%} of {len(fives)} unseen turned digits are told to be a five or not")
    assert right > 0.95

    planes = {}
    winners = []
    parts = zip(ANGLES, images.chunk(3), fives.chunk(3), answers.chunk(3), strict=True)
    for angle, pictures, five, answer in parts:
        wins = answer[five > 0].argmax(1).bincount(minlength=len(ANGLES))
        winners.append(int(wins.argmax()))
        print(f"fives turned by {angle:3}°: filters 0, 1, 2 answer most to {wins.tolist()} of them")
        planes[f"fives turned by {angle}°"] = pictures[five > 0].mean(0)[0]
        planes[f"filter {winners[-1]}"] = filters.weight[winners[-1], 0]
    assert sorted(winners) == [0, 1, 2], "two rotations have the same filter"
    plot = viz.maps(planes, columns=2, numbers=False)
    print(f"drawn in {plot.write(args.output / 'filters.svg')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
