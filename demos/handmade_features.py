"""Features made by hand, and features learnt, on digits of hands not seen before.

    python demos/handmade_features.py [--fast]

Before 2012 pictures were described by hand (SIFT, HOG), and a linear classifier was trained on the
description. The one here is a histogram of edge directions: two filters give the slope of the
brightness at each pixel; its length counts for the two nearest of eight directions; counts are
summed over cells of 3x3 pixels. A linear classifier on pixels, one on these histograms, and a small
convolutional network, which learns its features, are trained on the same digits.

Source: Dalal & Triggs 2005, Histograms of oriented gradients for human detection.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, nn, optim, viz
from tinygrad_cnn.data import datasets
from tinygrad_cnn.nn import functional as F

BINS = 8
SLOPES = [[[[0.0, 0, 0], [-1, 0, 1], [0, 0, 0]]], [[[0.0, -1, 0], [0, 0, 0], [0, 1, 0]]]]


def directions(images: Tensor) -> Tensor:
    """How much brightness rises in each of eight directions.

    Shape: (N, 1, H, W) -> (N, 8, H, W).
    """
    dx, dy = F.conv2d(images, tg.tensor(SLOPES, dtype=images.dtype), padding=1).chunk(2, 1)
    turns = tg.atan2(dy, dx) * (BINS / (2 * math.pi))  # in steps of 45°
    away = (turns - tg.arange(BINS, dtype=images.dtype).reshape(1, -1, 1, 1)).remainder(BINS)
    nearness = (1 - tg.minimum(away, BINS - away)).clamp(min=0)
    return nearness * (dx.square() + dy.square()).sqrt()


def histograms(images: Tensor) -> Tensor:
    """Those of 3x3 cells of 3x3 pixels, each of length 1. Shape: (N, 1, 8, 8) -> (N, 72)."""
    cells = F.avg_pool2d(directions(F.pad(images, (0, 1, 0, 1))), 3)
    return F.normalize(cells.flatten(1), dim=1) * 8


def edges() -> None:
    """Straight edges rise in one direction, and what is not a multiple of 45° in two."""
    places = tg.arange(9.0) - 4
    for angle in (0, 90, 135, 300):
        turn = math.radians(angle)
        ramp = math.cos(turn) * places + math.sin(turn) * places[:, None]
        inner = directions(ramp[None, None])[0, :, 1:-1, 1:-1].mean((1, 2))
        found = {45 * i: round(rise, 3) for i, rise in enumerate(inner.tolist()) if rise > 1e-5}
        print(f"a ramp in the direction of {angle}° counts 2 for", found)
        assert abs(inner.sum().item() - 2) < 1e-5  # pixels two apart
        assert len(found) == (2 if angle % 45 else 1)
        assert all(min(abs(angle - d), 360 - abs(angle - d)) < 45 for d in found)


def network() -> nn.Sequential:
    """Two convolutions, a pool and a linear layer."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(512, 10)),
    )


def train(model: nn.Module, inputs: Tensor, labels: Tensor, epochs: int) -> nn.Module:
    """The model after some epochs with a falling rate."""
    optimizer = optim.Adam(model.parameters(), weight_decay=1e-4)
    steps = epochs * math.ceil(len(inputs) / 64)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 0.01, steps)
    for _ in range(epochs):
        for batch in tg.randperm(len(inputs)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs[batch]), labels[batch]).backward()
            optimizer.step()
            schedule.step()
    return model.eval()


def main(argv: Sequence[str] | None = None) -> None:
    """Check the histogram, train the three, and draw what they look at."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="train for two epochs instead of 20")
    folder = Path("runs", "handmade_features")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    edges()
    parts = [datasets.Digits(train=train, split="writers") for train in (True, False)]
    images, unseen = [tg.as_tensor(part.images).float() / 16 for part in parts]
    labels, wanted = [tg.as_tensor(part.labels) for part in parts]
    assert histograms(unseen).shape == (360, 72)

    ways = {
        "pixels, linear": (nn.Linear(64, 10), lambda x: x.flatten(1)),
        "histograms, linear": (nn.Linear(72, 10), histograms),
        "learnt features": (network(), lambda x: x),
    }
    right = {}
    for name, (model, features) in ways.items():
        tg.manual_seed(0)
        train(model, features(images), labels, 2 if args.fast else 20)
        with tg.no_grad():
            right[name] = (model(features(unseen)).argmax(1) == wanted).float().mean().item()
        count = sum(p.numel() for p in model.parameters())
        print(f"{name:20} {count:6,} parameters, {right[name]:.1%} of {len(wanted)} digits right")
    pixels, made, learnt = right.values()
    if not args.fast:
        assert pixels < made < learnt

    shown = {f"a {wanted[0].item()}": unseen[0, 0]}
    rises = directions(unseen[:1])[0]
    shown |= {f"rises to {45 * i}°": plane for i, plane in enumerate(rises)}
    with tg.no_grad():
        seen = model[:3](unseen[:1])[0]
    shown |= {f"learnt feature {i}": plane for i, plane in enumerate(seen[:6])}
    path = viz.maps(shown, columns=5, numbers=False).write(args.output / "features.svg")
    print(f"drawn in {path}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
