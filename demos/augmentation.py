"""Augmentation: one photograph as many, by crops, mirrors, other colours and other light.

    python demos/augmentation.py

What a network should not care about is changed at random, anew in every epoch. AlexNet was shown
crops of 224x224 of pictures of 256x256, half of them mirrored, in another light each: multiples of
the colours' principal components, added to every pixel. To predict, it averaged the answers to ten
fixed crops. Crops fit at 33 x 33 places, so with mirrors there are 2,178 of them; the paper's 2,048
counts 32 x 32.

Source: Krizhevsky, Sutskever & Hinton 2012, section 4.1.
"""

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, models, nn, viz
from tinygrad_cnn.data import transforms as t

SIDE, CROP = 256, 224


def photograph() -> Tensor:
    """The middle of a photograph that scikit-learn brings along.

    Shape: (3, SIDE, SIDE) of bytes.
    """
    from sklearn.datasets import load_sample_image

    pixels = load_sample_image("flower.jpg").transpose(2, 0, 1)
    return tg.as_tensor(t.CenterCrop(SIDE)(t.Resize(SIDE)(pixels)))


def crops(photo: Tensor) -> None:
    """How many there are, and that ten fixed ones are those of the paper, mirrors included."""
    places = (SIDE - CROP + 1) ** 2
    print(f"crops of {CROP}² from {SIDE}²: {places:,} places, with mirrors {2 * places:,}")
    assert 2 * places == 2_178
    ten = tg.as_tensor(t.TenCrop(CROP)(photo.numpy()))
    assert ten.shape == (10, 3, CROP, CROP)
    assert ten[0].equal(photo[:, :CROP, :CROP])
    assert ten[3].equal(photo[:, -CROP:, -CROP:])
    assert ten[5:].equal(ten[[1, 0, 3, 2, 4]].flip(3))  # left is right in a mirror

    tg.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 7, 8), nn.ReLU(), nn.Flatten(), nn.Linear(3136, 5))
    images = ten.float() / 255
    with tg.no_grad():
        together = models.MeanOverCrops(model)(images[None])
        chances = nn.functional.softmax(model(images), 1).mean(0)
    assert together.exp()[0].allclose(chances, rtol=1e-4)
    print("the answer to ten crops is the mean of ten answers")


def light(photo: Tensor) -> t.PCANoise:
    """Other light by the photograph's own colours: every pixel of a channel moves by the same."""
    values, vectors = t.principal_colors([photo.numpy()])
    noise = t.PCANoise(values, vectors, std=1.0)
    gray = tg.full((3, 8, 8), 0.5)  # far from black and white, so nothing is cut off
    moves = tg.as_tensor(noise(gray.numpy())) - gray
    assert moves.std((1, 2)).max() < 1e-6
    shares = [f"{value / sum(values):.0%}" for value in values]
    print(f"principal colours have {', '.join(shares)} of the variance")
    assert abs(tg.tensor(vectors).T @ tg.tensor(vectors) - tg.eye(3)).max() < 1e-6
    return noise


def main(argv: Sequence[str] | None = None) -> None:
    """Check the crops and the light, and draw one photograph as many."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = Path("runs", "augmentation")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)
    if importlib.util.find_spec("sklearn") is None or importlib.util.find_spec("PIL") is None:
        sys.exit(
            "The photograph comes with scikit-learn and is read by pillow: "
            "pip install 'tinygrad_cnn[demos]' brings both."
        )

    photo = photograph()
    crops(photo)
    mirrored = tg.as_tensor(t.RandomHorizontalFlip(1.0)(photo.numpy()))
    assert mirrored.equal(photo.flip(2))
    other = light(photo)
    steps = {
        "crop": t.RandomCrop(160),
        "mirror": t.RandomHorizontalFlip(1.0),
        "turned, moved, scaled": t.RandomAffine(25, translate=(0.1, 0.1), scale=(0.8, 1.2)),
        "colours": t.ColorJitter(0.3, 0.3, 0.6, 0.1),
        "light": other,
        "resized crop": t.RandomResizedCrop(CROP),
        "crop, mirror, light": t.Compose([t.RandomCrop(CROP), t.RandomHorizontalFlip(), other]),
    }
    shown = {"photograph": photo.float() / 255}
    for name, step in steps.items():
        shown[name] = (tg.as_tensor(step(photo.numpy())).float() / 255).clamp(0, 1)
    path = viz.maps(shown, columns=4).write(args.output / "photographs.png")
    print(f"drawn in {path}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
