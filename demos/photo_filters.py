"""A bank of filters by hand, on a photograph.

    python demos/photo_filters.py

Nine kernels of 3x3 slide over a photograph that scikit-learn brings along. The sum of a kernel is
how bright it leaves an even area: 1 keeps it, 0 leaves edges alone, and the kernel of ones, often
called a blur, makes it nine times as bright unless it is divided by 9.
"""

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, viz
from tinygrad_cnn.nn import functional as F

KERNELS = {
    "identity": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
    "ones: not yet a blur": ((1, 1, 1), (1, 1, 1), (1, 1, 1)),
    "box: ones / 9": ((1 / 9, 1 / 9, 1 / 9),) * 3,
    "Gauss / 16": ((1 / 16, 2 / 16, 1 / 16), (2 / 16, 4 / 16, 2 / 16), (1 / 16, 2 / 16, 1 / 16)),
    "sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "edges, −8": ((1, 1, 1), (1, -8, 1), (1, 1, 1)),
    "edges, +8": ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
    "diagonal edges": ((1, 0, -1), (0, 0, 0), (-1, 0, 1)),
    "Laplacian": ((0, -1, 0), (-1, 4, -1), (0, -1, 0)),
}
SUMS = [1, 9, 1, 1, 1, 0, 0, 0, 0]


def photograph(name: str, fast: bool) -> Tensor:
    """The brightness of a photograph, from 0 to 1.

    fast: of every fourth pixel along each axis alone.

    Shape: (1, 1, H, W).
    """
    from sklearn.datasets import load_sample_image

    pixels = tg.tensor(load_sample_image(name)).double() / 255
    gray = pixels @ tg.tensor([0.299, 0.587, 0.114], dtype=tg.float64)
    step = 4 if fast else 1
    return gray[None, None, ::step, ::step]


def main(argv: Sequence[str] | None = None) -> None:
    """Filter the photograph, check the brightness, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photo", choices=("china.jpg", "flower.jpg"), default="china.jpg")
    parser.add_argument("--fast", action="store_true", help="take every fourth pixel alone")
    folder = Path("runs", "photo_filters")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)
    if importlib.util.find_spec("sklearn") is None or importlib.util.find_spec("PIL") is None:
        sys.exit(
            "The photograph comes with scikit-learn and is read by pillow: "
            "pip install 'tinygrad_cnn[demos]' brings both."
        )

    photo = photograph(args.photo, args.fast)
    bank = tg.tensor(list(KERNELS.values()), dtype=tg.float64)[:, None]
    filtered = F.conv2d(photo, bank)[0]
    even = F.conv2d(tg.full_like(photo, 0.5), bank)[0]
    brightness = filtered.mean((1, 2))
    inner = photo[..., 1:-1, 1:-1]
    print("kernel                  sum   brightness")
    for i, name in enumerate(KERNELS):
        total = bank[i].sum().item()
        print(f"{name:22}{total:5.0f}   {round(brightness[i].item(), 3) + 0.0:8.3f}")
        assert abs(total - SUMS[i]) < 1e-12
        assert even[i].allclose(tg.full_like(even[i], 0.5 * total), atol=1e-12)
    assert filtered[0].tolist() == inner[0, 0].tolist()
    assert filtered[1].allclose(9 * filtered[2])
    assert filtered[5].allclose(-filtered[6])
    assert filtered[3].std() < filtered[0].std() < filtered[4].std()

    shown = {}
    for name, total, x in zip(KERNELS, SUMS, filtered, strict=True):
        # What keeps brightness is shown as a picture, edges by their signs.
        shown[name] = x.clamp(0, 1).expand(3, *x.shape) if total else x.clamp(-0.5, 0.5)
    plot = viz.maps(shown, columns=3, numbers=False)
    print(f"drawn in {plot.write(args.output / 'filters.png')}")
    print("All numbers are as they should be.")


if __name__ == "__main__":
    main()
