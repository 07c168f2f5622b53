"""A convolutional autoencoder: digits through a narrow code and back.

    python demos/autoencoder.py [--fast]

Convolutions with a stride of 2 make maps of 2x2 of 8x8 pixels, transposed convolutions make pixels
of them again. A stride forgets the size it came from: 7 and 8 pixels both become 4. So the way back
is told which it was. It is the convolution backward: ⟨conv(x), y⟩ = ⟨x, transpose(y)⟩ for all x, y.
The second network is also charged for the sum of its code: it leaves most of it at zero and
rebuilds the digit of the rest, a sparse code.

Source: Goodfellow, Bengio & Courville 2016, sections 9.5 and 14.2; Olshausen & Field 1996.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import tinygrad_cnn as tg
from tinygrad_cnn import Tensor, nn, viz
from tinygrad_cnn.data import datasets
from tinygrad_cnn.nn import functional as F
from tinygrad_cnn.optim import Adam

CHARGES = {"plain": 0.0, "sparse": 0.1}


class Autoencoder(nn.Module):
    """Two strided convolutions to a code of 16 maps of 2x2, and two transposed ones back."""

    def __init__(self) -> None:
        self.conv1 = nn.Conv2d(1, 16, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(16, 16, 3, stride=2, padding=1)
        self.back2 = nn.ConvTranspose2d(16, 16, 3, stride=2, padding=1)
        self.back1 = nn.ConvTranspose2d(16, 1, 3, stride=2, padding=1)

    def encode(self, x: Tensor) -> Tensor:
        """The code of images. Shape: (N, 1, 8, 8) -> (N, 16, 2, 2)."""
        return self.conv2(self.conv1(x).relu()).relu()

    def decode(self, code: Tensor) -> Tensor:
        """Images of the code. Shape: (N, 16, 2, 2) -> (N, 1, 8, 8)."""
        maps = self.back2(code, output_size=(4, 4)).relu()
        return self.back1(maps, output_size=(8, 8))


def sizes() -> None:
    """Of 7 and of 8 pixels come 4; the way back is told which, and is the adjoint either way."""
    weight = tg.randn(2, 1, 3, 3, dtype=tg.float64)
    back = nn.ConvTranspose2d(2, 1, 3, stride=2, padding=1, bias=False).double()
    with tg.no_grad():
        back.weight.copy_(weight)
    for size in (7, 8):
        x = tg.randn(1, 1, size, size, dtype=tg.float64)
        z = F.conv2d(x, weight, stride=2, padding=1)
        y = tg.randn_like(z)
        there, again = (z * y).sum().item(), (x * back(y, output_size=(size, size))).sum().item()
        print(f"{size}×{size} → {z.shape[2]}×{z.shape[3]} → {size}×{size}: ", end="")
        print(f"⟨conv(x), y⟩ = {there:.6f} = ⟨x, transpose(y)⟩")
        assert z.shape == (1, 2, 4, 4)
        assert abs(there - again) < 1e-12
    assert back(y).shape == (1, 1, 7, 7)  # if it is not told


def trained(charge: float, images: Tensor, epochs: int) -> Autoencoder:
    """An autoencoder that is charged so much for each unit of its code."""
    tg.manual_seed(0)
    model = Autoencoder()
    optimizer = Adam(model.parameters(), 3e-3)
    for _ in range(epochs):
        for batch in tg.randperm(len(images)).split(64):
            x = images[batch]
            optimizer.zero_grad()
            code = model.encode(x)
            loss = F.mse_loss(model.decode(code), x) + charge * code.mean()
            loss.backward()
            optimizer.step()
    return model


def main(argv: Sequence[str] | None = None) -> None:
    """Check the sizes, train both, and draw what they make of unseen digits."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fast", action="store_true", help="train for 4 epochs instead of 40")
    folder = Path("runs", "autoencoder")
    parser.add_argument("--output", type=Path, default=folder, metavar="FOLDER", help=str(folder))
    args = parser.parse_args(argv)

    tg.manual_seed(0)
    sizes()
    images, unseen = [
        tg.as_tensor(datasets.Digits(train=train).images).float() / 16 for train in (True, False)
    ]
    shown = {"unseen digits": row(unseen)}
    variance = (unseen - images.mean(0)).square().mean().item()  # of one who always says the mean
    errors, awake = {}, {}
    for kind, charge in CHARGES.items():
        model = trained(charge, images, 4 if args.fast else 40)
        with tg.no_grad():
            code = model.encode(unseen)
            again = model.decode(code)
        errors[kind] = F.mse_loss(again, unseen).item() / variance
        awake[kind] = (code > 0).float().mean().item()
        print(f"{kind:6}: {awake[kind]:.0%} of the 64 numbers of a code are not zero; ", end="")
        print(f"{errors[kind]:.1%} of the variance is lost")
        shown[f"{kind}: the code, map by map"] = row(code.reshape(len(code), 1, 8, 8))
        shown[f"{kind}: rebuilt"] = row(again.clamp(0, 1))
    assert awake["sparse"] < awake["plain"]
    assert errors["plain"] < (0.5 if args.fast else 0.15)
    if not args.fast:
        assert awake["sparse"] < 0.65 * awake["plain"]
        assert errors["sparse"] < 0.25
    path = viz.maps(shown, columns=1, numbers=False).write(args.output / "digits.png")
    print(f"drawn in {path}")
    print("All numbers are as they should be.")


def row(images: Tensor, count: int = 10) -> Tensor:
    """The first images side by side. Shape: (N, 1, H, W) -> (H, count · (W + 1))."""
    return F.pad(images[:count, 0], (0, 1)).permute(1, 0, 2).flatten(1)


if __name__ == "__main__":
    main()
