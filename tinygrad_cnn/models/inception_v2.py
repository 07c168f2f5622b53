"""Inception v2: GoogLeNet's idea with every large window factorised into smaller ones.

The name has two meanings. Here it is that of the paper that introduced the factorised modules; the
batch-normalised GoogLeNet of Ioffe & Szegedy 2015 is sometimes called so too.
"""

from .. import nn
from ..tensor import Tensor
from .googlenet import BasicConv2d, ConvReLU, Parallel, normal
from .inception_v3 import (
    InceptionAux,
    InceptionC,
    InceptionE,
    InceptionOutputs,
    conv1x1,
    halving,
    same,
)

# Szegedy et al. 2016, table 1: the layer, the side and the channels of what it gets, its window,
# stride and padding.
STEM = (
    ("conv", 299, 3, 3, 2, 0),
    ("conv", 149, 32, 3, 1, 0),
    ("conv padded", 147, 32, 3, 1, 1),
    ("pool", 147, 64, 3, 2, 0),
    ("conv", 73, 64, 3, 1, 0),
    ("conv", 71, 80, 3, 2, 0),
    ("conv", 35, 192, 3, 1, 1),
)

# The same table: how many modules there are as in which figure; the side and channels they get.
MODULES = {"figure 5": (3, 35, 288), "figure 6": (5, 17, 768), "figure 7": (2, 8, 1280)}

# The paper prints no widths inside its modules. These are Inception v3's, which has one module of
# figure 6 less, and in its first reduction no 1x1 convolution in front of the single 3x3.
CHANNELS_7X7 = (128, 160, 160, 160, 192)
REDUCTIONS = {"figure 5": ((192, 384), (64, 96)), "figure 6": ((192, 320), (192, 192))}


class StackedInception(Parallel):
    """An inception module with two 3x3 convolutions, one on the other, in the place of the 5x5.

    Both see 5 x 5 pixels; the two have 18 weights for each pair of channels, the one 25.

    Shape: (N, in_channels, H, W) -> (N, 288, H, W).

    Source: Szegedy et al. 2016, figure 5.
    """

    def __init__(self, in_channels: int) -> None:
        self.branch1x1 = conv1x1(in_channels, 64)
        self.branch3x3 = nn.Sequential(conv1x1(in_channels, 48), same(48, 64, 3, 3))
        self.branch3x3dbl = nn.Sequential(
            conv1x1(in_channels, 64), same(64, 96, 3, 3), same(96, 96, 3, 3)
        )
        self.branch_pool = nn.Sequential(
            nn.AvgPool2d(3, stride=1, padding=1), conv1x1(in_channels, 64)
        )


class GridReduction(Parallel):
    """Half the size, more channels: convolutions of stride 2 beside a pool that loses nothing.

    single: the channels of a 1x1 convolution, and of a 3x3 of stride 2 on it. double: those of a
    1x1, and of two 3x3 on it.

    Shape: (N, in_channels, H, W) -> (N, in_channels + single[1] + double[1], ⌊(H - 1) / 2⌋,
    ⌊(W - 1) / 2⌋).

    Source: Szegedy et al. 2016, section 5 and figure 10.
    """

    def __init__(self, in_channels: int, single: tuple[int, int], double: tuple[int, int]) -> None:
        reduced, channels = double
        self.branch3x3dbl = nn.Sequential(
            conv1x1(in_channels, reduced),
            same(reduced, channels, 3, 3),
            halving(channels, channels),
        )
        reduced, channels = single
        self.branch3x3 = nn.Sequential(conv1x1(in_channels, reduced), halving(reduced, channels))
        self.branch_pool = nn.MaxPool2d(3, stride=2)


def stem(in_channels: int) -> nn.Sequential:
    """The layers of STEM; the channels of each are those the next one gets."""
    layers = nn.Sequential()
    outputs = [channels for _, _, channels, *_ in STEM[1:]] + [MODULES["figure 5"][2]]
    for (kind, _, _, window, stride, padding), channels in zip(STEM, outputs, strict=True):
        if kind == "pool":
            layers.append(nn.MaxPool2d(window, stride))
        else:
            settings = {"kernel_size": window, "stride": stride, "padding": padding}
            layers.append(BasicConv2d(in_channels, channels, **settings))
        in_channels = channels
    return layers


class InceptionV2(nn.Module):
    """Seven layers, ten inception modules, one linear layer; see `inception_v2`."""

    def __init__(self, num_classes: int, in_channels: int, aux_logits: bool) -> None:
        repeats = {figure: count for figure, (count, _, _) in MODULES.items()}
        self.stem = stem(in_channels)
        self.figure5 = nn.Sequential(*[StackedInception(288) for _ in range(repeats["figure 5"])])
        self.reduction5 = GridReduction(288, *REDUCTIONS["figure 5"])
        self.figure6 = nn.Sequential(*[InceptionC(768, c7) for c7 in CHANNELS_7X7])
        self.aux = InceptionAux(768, num_classes, ConvReLU) if aux_logits else None
        self.reduction6 = GridReduction(768, *REDUCTIONS["figure 6"])
        self.figure7 = nn.Sequential(InceptionE(1280), InceptionE(2048))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(2048, num_classes)
        normal(self, std=0.1)
        if aux_logits:
            self.aux.initialise()

    def forward(self, x: Tensor) -> Tensor | InceptionOutputs:
        """The scores of the classes; in training with those of the auxiliary head."""
        x = self.stem(x)  # (N, 288, 35, 35)
        x = self.figure5(x)  # (N, 288, 35, 35)
        x = self.reduction5(x)  # (N, 768, 17, 17)
        x = self.figure6(x)  # (N, 768, 17, 17)
        aux = self.aux(x) if self.training and self.aux is not None else None
        x = self.reduction6(x)  # (N, 1280, 8, 8)
        x = self.figure7(x)  # (N, 2048, 8, 8)
        x = self.fc(self.avgpool(x).flatten(1))
        return x if aux is None else InceptionOutputs(x, aux)


def inception_v2(
    num_classes: int = 1000, in_channels: int = 3, aux_logits: bool = True
) -> InceptionV2:
    """Inception v2 as in its table: 25,493,448 parameters, with its head
    28,819,376.

    aux_logits: whether there is a head. It works in training, where the network answers with
    InceptionOutputs; the norm of its fully connected layer came with Inception v3.

    Shape: (N, in_channels, 299, 299) -> (N, num_classes); other sizes are possible, without a head
    from 75 x 75 on.

    Source: Szegedy, Vanhoucke, Ioffe, Shlens & Wojna 2016, Rethinking the Inception architecture
    for computer vision, section 6, table 1 and figures 5, 6, 7, 8 and 10.

    Differs: the paper prints no widths inside its modules: those here are, where the modules agree,
    Inception v3's as published. Weights begin normal with deviation 0.1, as Inception v3's do.
    """
    return InceptionV2(num_classes, in_channels, aux_logits)
