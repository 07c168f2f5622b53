"""Inception v4: the inception modules in their purest form, each stage of one kind alone.

The whole network is modules one after the other and, inside `Parallel` ones, side by side.
"""

from .. import nn
from ..tensor import Tensor
from .googlenet import BasicConv2d, Parallel, normal
from .inception_v3 import conv1x1, halving, same

# Szegedy et al. 2017, figure 9: how many modules of each kind, and the side and the channels of
# what comes out of them. Behind the A and the B stand the reductions, which halve the side.
STAGES = {
    "stem": (1, 35, 384),
    "A": (4, 35, 384),
    "reduction A": (1, 17, 1024),
    "B": (7, 17, 1024),
    "reduction B": (1, 8, 1536),
    "C": (3, 8, 1536),
}

# The same, table 1: the widths (k, l, m) and n of reduction A.
REDUCTION_A = ((192, 224, 256), 384)


def pooled(in_channels: int, out_channels: int) -> nn.Sequential:
    """An average pool that keeps the size, without the border's zeros, and a 1x1 convolution."""
    pool = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return nn.Sequential(pool, conv1x1(in_channels, out_channels))


def valid(in_channels: int, out_channels: int) -> BasicConv2d:
    """A 3x3 convolution without padding, with norm and ReLU."""
    return BasicConv2d(in_channels, out_channels, kernel_size=3)


class InceptionV4Stem(nn.Sequential):
    """From pixels to maps of an eighth of the side: convolutions, thrice beside something else.

    Shape: (N, in_channels, 299, 299) -> (N, 384, 35, 35).

    Source: Szegedy et al. 2017, figure 3.
    """

    def __init__(self, in_channels: int = 3) -> None:
        self.conv1 = halving(in_channels, 32)
        self.conv2 = valid(32, 32)
        self.conv3 = same(32, 64, 3, 3)
        self.pool_conv = Parallel(nn.MaxPool2d(3, stride=2), halving(64, 96))
        self.windows = Parallel(
            nn.Sequential(conv1x1(160, 64), valid(64, 96)),
            nn.Sequential(conv1x1(160, 64), same(64, 64, 7, 1), same(64, 64, 1, 7), valid(64, 96)),
        )
        self.conv_pool = Parallel(halving(192, 192), nn.MaxPool2d(3, stride=2))


class InceptionV4A(Parallel):
    """A pool, 1x1, 3x3, and two 3x3 one on the other, 96 channels from each.

    Shape: (N, 384, 35, 35) -> the same.

    Source: Szegedy et al. 2017, figure 4.
    """

    def __init__(self) -> None:
        self.pool = pooled(384, 96)
        self.conv1x1 = conv1x1(384, 96)
        self.conv3x3 = nn.Sequential(conv1x1(384, 64), same(64, 96, 3, 3))
        self.conv3x3dbl = nn.Sequential(conv1x1(384, 64), same(64, 96, 3, 3), same(96, 96, 3, 3))


class ReductionA(Parallel):
    """Half the size, more channels: a pool, a 3x3 of stride 2, and one behind a 1x1 and a 3x3.

    klm: the channels of the longest branch, convolution by convolution; n: those of the single 3x3.

    Shape: (N, in_channels, H, W) -> (N, in_channels + n + m, ⌊(H - 1) / 2⌋, ⌊(W - 1) / 2⌋).

    Source: Szegedy et al. 2017, figure 7 and table 1.
    """

    def __init__(self, in_channels: int, klm: tuple[int, int, int], n: int) -> None:
        first, second, third = klm
        self.pool = nn.MaxPool2d(3, stride=2)
        self.conv3x3 = halving(in_channels, n)
        self.conv3x3dbl = nn.Sequential(
            conv1x1(in_channels, first), same(first, second, 3, 3), halving(second, third)
        )


class InceptionV4B(Parallel):
    """A pool, 1x1, a 7x7 factorised into 1x7 and 7x1, and two of those one on the other.

    Shape: (N, 1024, 17, 17) -> the same.

    Source: Szegedy et al. 2017, figure 5.

    Differs: the figure prints 1x7 twice in its third branch; the second is taken for a 7x1.
    """

    def __init__(self) -> None:
        self.pool = pooled(1024, 128)
        self.conv1x1 = conv1x1(1024, 384)
        self.conv7x7 = nn.Sequential(conv1x1(1024, 192), same(192, 224, 1, 7), same(224, 256, 7, 1))
        self.conv7x7dbl = nn.Sequential(
            conv1x1(1024, 192),
            same(192, 192, 1, 7),
            same(192, 224, 7, 1),
            same(224, 224, 1, 7),
            same(224, 256, 7, 1),
        )


class ReductionB(Parallel):
    """Half the size, more channels: a pool, a 3x3 of stride 2 behind a 1x1, one behind a 7x7.

    Shape: (N, 1024, 17, 17) -> (N, 1536, 8, 8).

    Source: Szegedy et al. 2017, figure 8.
    """

    def __init__(self) -> None:
        self.pool = nn.MaxPool2d(3, stride=2)
        self.conv3x3 = nn.Sequential(conv1x1(1024, 192), halving(192, 192))
        self.conv7x7 = nn.Sequential(
            conv1x1(1024, 256), same(256, 256, 1, 7), same(256, 320, 7, 1), halving(320, 320)
        )


class InceptionV4C(Parallel):
    """A pool, 1x1, and two branches that end in 1x3 and 3x1 side by side.

    Shape: (N, 1536, 8, 8) -> the same.

    Source: Szegedy et al. 2017, figure 6.
    """

    def __init__(self) -> None:
        self.pool = pooled(1536, 256)
        self.conv1x1 = conv1x1(1536, 256)
        self.wide = nn.Sequential(
            conv1x1(1536, 384), Parallel(same(384, 256, 1, 3), same(384, 256, 3, 1))
        )
        self.deep = nn.Sequential(
            conv1x1(1536, 384),
            same(384, 448, 1, 3),
            same(448, 512, 3, 1),
            Parallel(same(512, 256, 3, 1), same(512, 256, 1, 3)),
        )


class InceptionV4(nn.Module):
    """A stem, fourteen inception modules, two reductions, one linear layer; see `inception_v4`."""

    def __init__(self, num_classes: int, in_channels: int, dropout: float) -> None:
        repeats = {name: count for name, (count, _, _) in STAGES.items()}
        self.stem = InceptionV4Stem(in_channels)
        self.inception_a = nn.Sequential(*[InceptionV4A() for _ in range(repeats["A"])])
        self.reduction_a = ReductionA(384, *REDUCTION_A)
        self.inception_b = nn.Sequential(*[InceptionV4B() for _ in range(repeats["B"])])
        self.reduction_b = ReductionB()
        self.inception_c = nn.Sequential(*[InceptionV4C() for _ in range(repeats["C"])])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1536, num_classes)
        normal(self, std=0.1)

    def forward(self, x: Tensor) -> Tensor:
        """The scores of the classes."""
        x = self.stem(x)  # (N, 384, 35, 35)
        x = self.inception_a(x)  # (N, 384, 35, 35)
        x = self.reduction_a(x)  # (N, 1024, 17, 17)
        x = self.inception_b(x)  # (N, 1024, 17, 17)
        x = self.reduction_b(x)  # (N, 1536, 8, 8)
        x = self.inception_c(x)  # (N, 1536, 8, 8)
        x = self.avgpool(x).flatten(1)  # (N, 1536)
        return self.fc(self.dropout(x))


def inception_v4(
    num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.2
) -> InceptionV4:
    """Inception v4: 42,679,816 parameters.

    dropout: what is dropped before the last layer; the paper keeps 0.8.

    Shape: (N, in_channels, 299, 299) -> (N, num_classes); other sizes are possible, from 75 x 75
    on.

    Source: Szegedy, Ioffe, Vanhoucke & Alemi 2017, Inception-v4, Inception-ResNet and the impact of
    residual connections on learning, figures 3 to 9.

    Differs: where the paper is silent: batch norm behind every convolution, no biases; average
    pools do not count the border; weights begin normal with deviation 0.1, as Inception v3's.
    """
    return InceptionV4(num_classes, in_channels, dropout)
