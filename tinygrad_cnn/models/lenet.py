"""LeNet: the convolutional network that learnt to read handwritten digits.

`lenet5` is the network of the paper, `lenet` the simplified one that textbooks train today.
"""

from .. import nn
from ..nn import functional as F
from ..tensor import Tensor

# LeCun et al. 1998, section II.B: maps, window, output size, trainable parameters, connections.
# Which maps of S2 feed which maps of C3 stands in its table I, nn.lenet.C3_TABLE.
LAYERS = {
    "C1": (6, 5, 28, 156, 122_304),
    "S2": (6, 2, 14, 12, 5_880),
    "C3": (16, 5, 10, 1_516, 151_600),
    "S4": (16, 2, 5, 32, 2_000),
    "C5": (120, 5, 1, 48_120, 48_120),
    "F6": (84, 1, 1, 10_164, 10_164),
}

# What F6 should say to each digit: 84 numbers, seen as a picture of 7 x 12. After figure 3.
DIGITS = """
..###.. ...##.. .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
.##.##. ..###.. ##...## ##...## ...###. ##..... .##.... ##...## ##...## ##...##
##...## .####.. ##...## .....## ..####. ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## .....## .##.##. ##..... ##..... ....##. ##...## ##...##
##...## ...##.. .....## .....## ##..##. ######. ##..... ....##. .##.##. ##...##
##...## ...##.. ....##. ..####. ##..##. ##...## ######. ...##.. ..###.. .######
##...## ...##.. ...##.. .....## ####### .....## ##...## ...##.. .##.##. .....##
##...## ...##.. ..##... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...##.. .##.... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... ##...## ....##. ##...## ##...## .##.... ##...## .....##
.##.##. ...##.. ##...## ##...## ....##. ##...## ##...## .##.... ##...## ....##.
..###.. .###### ####### .#####. ...###. .#####. .#####. ##..... .#####. .####..
"""


def codes() -> list[list[int]]:
    """DIGITS as one row of 84 numbers for each digit: +1 where there is ink, else -1."""
    lines = [line.split() for line in DIGITS.split("\n") if line]
    return [[1 if ink == "#" else -1 for line in lines for ink in line[d]] for d in range(10)]


def lecun_bound(fan_in: int) -> float:
    """Weights start uniformly within ±2.4 / fan in (LeCun et al. 1998, appendix A)."""
    return 2.4 / fan_in


class LeNet5(nn.Module):
    """LeNet-5; `lenet5` says what it is and what it takes."""

    def __init__(self, num_classes: int, in_channels: int, output: str) -> None:
        if output not in ("softmax", "rbf"):
            raise ValueError(f"lenet5: output is 'softmax' or 'rbf', got {output!r}")
        if output == "rbf" and num_classes != 10:
            raise ValueError(
                f"lenet5: output='rbf' compares with pictures of 10 digits, got num_classes="
                f"{num_classes}; use output='softmax'"
            )
        maps, window, *_ = zip(*LAYERS.values(), strict=True)
        self.c1 = nn.Conv2d(in_channels, maps[0], window[0])
        self.s2 = nn.Subsampling2d(maps[1], window[1])
        self.c3 = nn.PartialConv2d(maps[1], maps[2], window[2])
        self.s4 = nn.Subsampling2d(maps[3], window[3])
        self.c5 = nn.Conv2d(maps[3], maps[4], window[4])
        self.f6 = nn.Linear(maps[4], maps[5])
        if output == "softmax":
            self.output = nn.Linear(maps[5], num_classes)
        else:
            self.output = nn.EuclideanRBF(codes())
        for layer in self.children():
            layer.reset_parameters(lecun_bound)

    def forward(self, x: Tensor) -> Tensor:
        """The scores of the classes."""
        if x.shape[-2:] != (32, 32):
            raise ValueError(
                f"lenet5: expected images of 32 x 32 pixels, got shape {x.shape}; "
                "F.pad(x, (2, 2, 2, 2)) makes them of 28 x 28"
            )
        x = F.scaled_tanh(self.c1(x))  # (N, 6, 28, 28)
        x = F.scaled_tanh(self.s2(x))  # (N, 6, 14, 14)
        x = F.scaled_tanh(self.c3(x))  # (N, 16, 10, 10)
        x = F.scaled_tanh(self.s4(x))  # (N, 16, 5, 5)
        x = F.scaled_tanh(self.c5(x))  # (N, 120, 1, 1)
        x = F.scaled_tanh(self.f6(x.flatten(-3)))  # (N, 84)
        return self.output(x)


def lenet5(num_classes: int = 10, in_channels: int = 1, output: str = "softmax") -> LeNet5:
    """LeNet-5 as published: a partly connected C3, trainable subsampling, C5 as a convolution.

    60,000 trainable parameters up to F6. output: "softmax", a linear layer for cross_entropy
    (60,850 parameters in all), or "rbf", the paper's units that compare F6 with pictures of the
    digits (840 fixed numbers). In both the largest score wins.

    Shape: (N, in_channels, 32, 32) -> (N, num_classes).

    Units: the paper's pixels are -0.1 for paper and 1.175 for ink, so mean 0 and variance 1.

    Raises: ValueError for another output, "rbf" with classes that are not the 10 digits, or images
    of another size.

    Source: LeCun, Bottou, Bengio & Haffner 1998, Gradient-based learning applied to document
    recognition, section II.

    Differs: the paper ends in "rbf" alone, whose scores are here the paper's with a minus, and
    whose pictures are drawn anew; the loss is the user's.
    """
    return LeNet5(num_classes, in_channels, output)


def lenet(num_classes: int = 10, in_channels: int = 1) -> nn.Sequential:
    """LeNet in today's parts: full convolutions, sigmoids, average pools, dense layers.

    61,706 parameters.

    Shape: (N, in_channels, 28, 28) -> (N, num_classes).

    Source: Zhang, Lipton, Li & Smola, Dive into Deep Learning, section 7.6.
    """
    net = nn.Sequential(
        nn.Conv2d(in_channels, 6, 5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Sigmoid(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, num_classes),
    )
    for name, p in net.named_parameters():
        if name.endswith("weight"):  # under sigmoids smaller weights would hardly learn at all
            nn.init.xavier_uniform_(p)
    return net
