"""Neural style transfer: the strokes of one picture in the shape of another.

    python demos/style_transfer.py [--fast]

No weight learns here: the gradient goes to the pixels. Filters look at a picture; what they answer
place by place is its content, and how often two of them answer together, their products averaged
over all places, the Gram matrix, is its style. A picture that begins as the content is changed
until its Gram matrices are those of the style, while its content may not go far. The filters are
drawn at random, which is enough for simple patterns; for paintings one takes a trained VGG.

Source: Gatys, Ecker & Bethge 2016; Ustyuzhaninov et al. 2017 for random filters.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, optim, viz
from tinygrad_cnn.data import datasets
from tinygrad_cnn.nn import functional as F

SIDE, FILTERS = 48, 32
WINDOWS = (3, 7, 11)
STYLES = {"waves": 0.0, "weave": 1.0}


def stripes(weave: float) -> Tensor:
    """Oblique stripes, and others across them. Shape: (1, 1, SIDE, SIDE)."""
    rows, columns = tg.meshgrid(tg.arange(float(SIDE)), tg.arange(float(SIDE)), indexing="ij")
    wave = (0.9 * (rows + columns) + tg.sin(0.3 * (rows - columns))).sin()
    across = (0.9 * (rows - columns)).sin()
    return (wave + weave * across)[None, None] / (1 + weave)


def digit() -> Tensor:
    """A digit, enlarged. Shape: (1, 1, SIDE, SIDE)."""
    image = tg.as_tensor(datasets.Digits().images[:1]).float() / 8 - 1
    return F.interpolate(image, (SIDE, SIDE), mode="bilinear", align_corners=False)


def bank() -> list[Tensor]:
    """Random filters of three sizes, none of which answers to even light."""
    filters = [tg.randn(FILTERS, 1, window, window) for window in WINDOWS]
    filters = [f - f.mean((2, 3), keepdim=True) for f in filters]
    return [f / f.square().sum((2, 3), keepdim=True).sqrt() for f in filters]


def answers(filters: list[Tensor], picture: Tensor) -> list[Tensor]:
    """What the filters answer, as far as it is above zero. Shape: a list of (FILTERS, places)."""
    return [F.conv2d(picture, f, padding="same").relu()[0].flatten(1) for f in filters]


def gram(features: Tensor) -> Tensor:
    """How strongly two filters answer together. Shape: (C, places) -> (C, C)."""
    return features @ features.T / features.shape[1]


def example() -> None:
    """A Gram matrix by hand, and that it does not know where anything is."""
    features = tg.tensor([[1.0, 2.0], [3.0, 0.0]])
    assert gram(features).tolist() == [[2.5, 1.5], [1.5, 4.5]]
    assert gram(features.flip(1)).equal(gram(features))
    print("answers 1 2 / 3 0: Gram matrix 2.5 1.5 / 1.5 4.5, in whatever order of places")


def distances(
    filters: list[Tensor], picture: Tensor, content: list[Tensor], style: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """How far a picture is from the content and from the style, as shares of their squares."""
    features = answers(filters, picture)
    from_content = F.mse_loss(features[-1], content[-1]) / content[-1].square().mean()
    from_style = tg.zeros(())
    for f, wanted in zip(features, style, strict=True):
        from_style = from_style + F.mse_loss(gram(f), wanted) / wanted.square().mean()
    return from_content, from_style / len(style)


def transferred(
    filters: list[Tensor], content: Tensor, style: Tensor, steps: int
) -> tuple[Tensor, list[float]]:
    """The picture, and how far from the style it was and is."""
    shape = [f.detach() for f in answers(filters, content)]
    grams = [gram(f).detach() for f in answers(filters, style)]
    picture = content.clone().requires_grad_()
    optimizer = optim.Adam([picture], lr=0.05)
    curve = []
    for _ in range(steps):
        optimizer.zero_grad()
        from_content, from_style = distances(filters, picture, shape, grams)
        (0.1 * from_content + from_style).backward()
        optimizer.step()
        curve.append(from_style.item())
    likeness = F.cosine_similarity(picture.flatten(), content.flatten(), 0).item()
    print(f"distance from its style {curve[0]:.3f} → {curve[-1]:.3f}, ", end="")
    print(f"cosine with the digit {likeness:.2f}")
    assert likeness > 0.3
    return picture.detach(), curve


def main(argv: Sequence[str] | None = None) -> None:
    """Check the Gram matrix, transfer two styles, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="take 15 steps instead of 300")
    folder = Path("runs", "style_transfer")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    example()
    tg.manual_seed(0)
    filters = bank()
    content = digit()
    shown = {"content": content[0, 0]}
    for name, weave in STYLES.items():
        style = stripes(weave)
        print(f"{name}: ", end="")
        picture, curve = transferred(filters, content, style, 15 if args.fast else 300)
        assert curve[-1] < (0.7 if args.fast else 0.2) * curve[0]
        shown |= {f"style: {name}": style[0, 0], f"content in {name}": picture[0, 0].clamp(-1, 1)}
    path = viz.maps(shown, numbers=False).write(args.output / "pictures.png")
    print(f"drawn in {path}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
