"""Sliding-window detection: a network for one digit reads a whole page at once.

    python demos/sliding_window.py [--fast]

A network without dense layers has learnt to name a window of 8x8 pixels: one of ten digits, or
none. Given a page it answers for all windows at once, two pixels apart, with the same numbers as if
each window had been cut out, for a third of the work, because neighbours share most of theirs.
Where a digit is surer than all around it, it is reported.

Source: Sermanet et al. 2014, OverFeat, section 3.5; Matan et al. 1992 for a page of digits.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, nn, optim, viz
from tinygrad_cnn.data import datasets
from tinygrad_cnn.nn import functional as F

SIDE, STEP, NONE = 8, 2, 10
HEIGHT, WIDTH = 40, 64
PLACES = [(r, c) for r in (2, 14, 28) for c in (4, 18, 32, 48)]  # of the digits on the page


def network() -> nn.Sequential:
    """From a window of 8x8 to eleven scores; from a larger page to a map of them."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 2), nn.ReLU(), nn.Conv2d(64, NONE + 1, 1)),
    )


def digits(train: bool) -> tuple[Tensor, Tensor]:
    """Digits and their names."""
    data = datasets.Digits(train)
    return tg.as_tensor(data.images).float() / 16, tg.as_tensor(data.labels)


def beside(images: Tensor) -> Tensor:
    """Windows two to six pixels beside a digit, in which another one may begin."""
    down, right = [int(n) for n in tg.randint(-6, 7, (2,))]
    if max(abs(down), abs(right)) < 2:
        down = 4
    field = F.pad(images, (SIDE,) * 4)
    if tg.rand(1).item() < 0.5:  # a neighbour, 12 pixels on
        field = field + F.pad(images.flip(0), (SIDE + 12, SIDE, SIDE, SIDE))[..., : 3 * SIDE]
    return field[..., SIDE + down : 2 * SIDE + down, SIDE + right : 2 * SIDE + right]


def trained(epochs: int) -> nn.Module:
    """The network after some epochs on digits and on windows beside them."""
    model = network()
    images, labels = digits(True)
    steps = epochs * (len(images) // 64 + 1)
    optimizer = optim.Adam(model.parameters())
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 0.01, steps)
    for _ in range(epochs):
        for batch in tg.randperm(len(images)).split(64):
            inputs = [images[batch], beside(images[batch]), beside(images[batch])]
            none = tg.full_like(labels[batch], NONE)
            optimizer.zero_grad()
            scores = model(tg.cat(inputs)).flatten(1)
            F.cross_entropy(scores, tg.cat([labels[batch], none, none])).backward()
            optimizer.step()
            schedule.step()
    return model


def page() -> tuple[Tensor, list[int]]:
    """A page of unseen digits, and their names."""
    images, labels = digits(False)
    made = tg.zeros(1, 1, HEIGHT, WIDTH)
    for image, (r, c) in zip(images, PLACES):  # noqa: B905  there are more digits than places
        made[:, :, r : r + SIDE, c : c + SIDE] = image
    return made, labels[: len(PLACES)].tolist()


def compare(model: nn.Module, image: Tensor) -> Tensor:
    """The map of scores, after comparing it with that of every window apart. Shape: (11, P, Q)."""
    scores = model(image)[0]
    _, p, q = scores.shape
    windows = F.unfold(image, SIDE, stride=STEP)[0].T.reshape(-1, 1, SIDE, SIDE)
    apart = model(windows).flatten(1).T.reshape(scores.shape)
    assert scores.allclose(apart, rtol=1e-4, atol=1e-4)
    assert (p, q) == ((HEIGHT - SIDE) // STEP + 1, (WIDTH - SIDE) // STEP + 1)
    whole = viz.summary(model, (1, HEIGHT, WIDTH)).multiply_adds
    each = viz.summary(model, (1, SIDE, SIDE)).multiply_adds
    print(f"{p}×{q} windows: {p * q} × {each:,} = {p * q * each:,} multiply-adds apart,")
    print(f"{whole:,} at once, {p * q * each / whole:.1f} times fewer, and the same scores")
    assert p * q * each > 2.5 * whole
    return scores


def found(scores: Tensor) -> list[tuple[int, int, int]]:
    """Row, column and name of what is surely a digit, and surer than all around it."""
    chances = F.softmax(scores, 0)
    sure, names = chances[:NONE].max(0)
    most = F.max_pool2d(sure[None, None], 5, stride=1, padding=2)[0, 0]
    best = (sure == most) & (sure > 0.5)
    return [(STEP * r, STEP * c, int(names[r, c])) for r, c in best.nonzero().tolist()]


def main(argv: Sequence[str] | None = None) -> None:
    """Train, read the page, and draw what was found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="train for two epochs instead of 20")
    folder = Path("runs", "sliding_window")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    tg.manual_seed(0)
    model = trained(2 if args.fast else 20)
    image, names = page()
    with tg.no_grad():
        scores = compare(model, image)
    reported = found(scores)
    there = [(r, c, name) for (r, c), name in zip(PLACES, names, strict=True)]
    right = len(set(reported) & set(there))
    print(f"{len(there)} digits on the page, {len(reported)} reported, {right} rightly")
    if not args.fast:
        assert right >= 10
        assert len(reported) <= 14

    from matplotlib.patches import Rectangle

    plot = viz.figure(8, 5)
    place = plot.subplots()
    place.imshow(image[0, 0].numpy(), cmap="Greys")
    for r, c, name in reported:
        color = "C2" if (r, c, name) in there else "C3"
        place.add_patch(Rectangle((c - 0.5, r - 0.5), SIDE, SIDE, fill=False, edgecolor=color))
        place.text(c - 0.3, r - 0.8, name, color=color)
    place.set(xticks=[], yticks=[])
    print(f"drawn in {plot.write(args.output / 'page.svg')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
