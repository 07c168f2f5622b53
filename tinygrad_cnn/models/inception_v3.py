"""Inception v3: inception modules whose large windows are factorised into small and narrow ones.

The names of layers are those under which torchvision publishes weights.
"""

from collections.abc import Mapping
from typing import NamedTuple

from .. import nn
from ..nn import functional as F
from ..nn import init
from ..ops.joining import cat
from ..tensor import Tensor
from .googlenet import BasicConv2d, ConvBlock, halved, normal, without
from .weights import with_weights

# Szegedy et al. 2016, table 1: the side of what comes out and its channels, layer by layer.
SIZES = {
    "Conv2d_1a_3x3": (149, 32),
    "Conv2d_2a_3x3": (147, 32),
    "Conv2d_2b_3x3": (147, 64),
    "maxpool1": (73, 64),
    "Conv2d_3b_1x1": (73, 80),
    "Conv2d_4a_3x3": (71, 192),
    "maxpool2": (35, 192),
    "Mixed_5b": (35, 256),
    "Mixed_5c": (35, 288),
    "Mixed_5d": (35, 288),
    "Mixed_6a": (17, 768),
    "Mixed_6b": (17, 768),
    "Mixed_6c": (17, 768),
    "Mixed_6d": (17, 768),
    "Mixed_6e": (17, 768),
    "Mixed_7a": (8, 1280),
    "Mixed_7b": (8, 2048),
    "Mixed_7c": (8, 2048),
}

# The paper prints no widths inside its modules; these are those of the published weights.
POOL_FEATURES = {"5b": 32, "5c": 64, "5d": 64}
CHANNELS_7X7 = {"6b": 128, "6c": 160, "6d": 160, "6e": 192}


def conv1x1(in_channels: int, out_channels: int) -> BasicConv2d:
    """A 1x1 convolution with norm and ReLU."""
    return BasicConv2d(in_channels, out_channels, kernel_size=1)


def same(in_channels: int, out_channels: int, height: int, width: int) -> BasicConv2d:
    """A convolution with norm and ReLU whose window of odd sides keeps the size of its input."""
    padding = (height // 2, width // 2)
    return BasicConv2d(in_channels, out_channels, kernel_size=(height, width), padding=padding)


def halving(in_channels: int, out_channels: int) -> BasicConv2d:
    """A 3x3 convolution of stride 2 without padding, with norm and ReLU."""
    return BasicConv2d(in_channels, out_channels, kernel_size=3, stride=2)


# --- modules --------------------------------------------------------------------------------------


class InceptionA(nn.Module):
    """Windows of 1x1, 5x5 and twice 3x3, and an average pool, all behind 1x1 convolutions.

    Shape: (N, in_channels, H, W) -> (N, 224 + pool_features, H, W).

    Source: Szegedy et al. 2016, figure 5, for the two 3x3 in the place of one 5x5.

    Differs: from the figure, whose second branch has a 3x3 where this one kept a 5x5.
    """

    def __init__(self, in_channels: int, pool_features: int) -> None:
        self.branch1x1 = conv1x1(in_channels, 64)
        self.branch5x5_1 = conv1x1(in_channels, 48)
        self.branch5x5_2 = same(48, 64, 5, 5)
        self.branch3x3dbl_1 = conv1x1(in_channels, 64)
        self.branch3x3dbl_2 = same(64, 96, 3, 3)
        self.branch3x3dbl_3 = same(96, 96, 3, 3)
        self.branch_pool = conv1x1(in_channels, pool_features)

    def forward(self, x: Tensor) -> Tensor:
        """The outputs of the branches, joined."""
        branch1x1 = self.branch1x1(x)
        branch5x5 = self.branch5x5_2(self.branch5x5_1(x))
        branch3x3dbl = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        branch3x3dbl = self.branch3x3dbl_3(branch3x3dbl)
        branch_pool = self.branch_pool(F.avg_pool2d(x, 3, stride=1, padding=1))
        return cat([branch1x1, branch5x5, branch3x3dbl, branch_pool], 1)


class InceptionB(nn.Module):
    """Half the size, more channels: a 3x3 of stride 2, one behind a 1x1 and a 3x3, a max pool.

    Shape: (N, in_channels, H, W) -> (N, in_channels + 480, ⌊(H - 1) / 2⌋, ⌊(W - 1) / 2⌋).

    Source: Szegedy et al. 2016, figure 10.

    Differs: from the figure, whose single 3x3 stands behind a 1x1.
    """

    def __init__(self, in_channels: int) -> None:
        self.branch3x3 = halving(in_channels, 384)
        self.branch3x3dbl_1 = conv1x1(in_channels, 64)
        self.branch3x3dbl_2 = same(64, 96, 3, 3)
        self.branch3x3dbl_3 = halving(96, 96)

    def forward(self, x: Tensor) -> Tensor:
        """The outputs of the branches, joined."""
        branch3x3 = self.branch3x3(x)
        branch3x3dbl = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        branch3x3dbl = self.branch3x3dbl_3(branch3x3dbl)
        branch_pool = F.max_pool2d(x, 3, stride=2)
        return cat([branch3x3, branch3x3dbl, branch_pool], 1)


class InceptionC(nn.Module):
    """Windows of 7x7 factorised into 1x7 and 7x1, once and twice over, beside a 1x1 and a pool.

    channels_7x7: the channels between them.

    Shape: (N, in_channels, H, W) -> (N, 768, H, W).

    Source: Szegedy et al. 2016, figure 6, with n = 7.
    """

    def __init__(self, in_channels: int, channels_7x7: int) -> None:
        c7 = channels_7x7
        self.branch1x1 = conv1x1(in_channels, 192)
        self.branch7x7_1 = conv1x1(in_channels, c7)
        self.branch7x7_2 = same(c7, c7, 1, 7)
        self.branch7x7_3 = same(c7, 192, 7, 1)
        self.branch7x7dbl_1 = conv1x1(in_channels, c7)
        self.branch7x7dbl_2 = same(c7, c7, 7, 1)
        self.branch7x7dbl_3 = same(c7, c7, 1, 7)
        self.branch7x7dbl_4 = same(c7, c7, 7, 1)
        self.branch7x7dbl_5 = same(c7, 192, 1, 7)
        self.branch_pool = conv1x1(in_channels, 192)

    def forward(self, x: Tensor) -> Tensor:
        """The outputs of the branches, joined."""
        branch1x1 = self.branch1x1(x)
        branch7x7 = self.branch7x7_2(self.branch7x7_1(x))
        branch7x7 = self.branch7x7_3(branch7x7)
        branch7x7dbl = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        branch7x7dbl = self.branch7x7dbl_5(self.branch7x7dbl_4(branch7x7dbl))
        branch_pool = self.branch_pool(F.avg_pool2d(x, 3, stride=1, padding=1))
        return cat([branch1x1, branch7x7, branch7x7dbl, branch_pool], 1)


class InceptionD(nn.Module):
    """Half the size, more channels: a 3x3 of stride 2 behind a 1x1, one behind 1x7 and 7x1, a pool.

    Shape: (N, in_channels, H, W) -> (N, in_channels + 512, ⌊(H - 1) / 2⌋, ⌊(W - 1) / 2⌋).

    Source: Szegedy et al. 2016, figure 10.

    Differs: from the figure, whose longer branch has a 3x3 where this one has 1x7 and 7x1.
    """

    def __init__(self, in_channels: int) -> None:
        self.branch3x3_1 = conv1x1(in_channels, 192)
        self.branch3x3_2 = halving(192, 320)
        self.branch7x7x3_1 = conv1x1(in_channels, 192)
        self.branch7x7x3_2 = same(192, 192, 1, 7)
        self.branch7x7x3_3 = same(192, 192, 7, 1)
        self.branch7x7x3_4 = halving(192, 192)

    def forward(self, x: Tensor) -> Tensor:
        """The outputs of the branches, joined."""
        branch3x3 = self.branch3x3_2(self.branch3x3_1(x))
        branch7x7x3 = self.branch7x7x3_2(self.branch7x7x3_1(x))
        branch7x7x3 = self.branch7x7x3_4(self.branch7x7x3_3(branch7x7x3))
        branch_pool = F.max_pool2d(x, 3, stride=2)
        return cat([branch3x3, branch7x7x3, branch_pool], 1)


class InceptionE(nn.Module):
    """Wide banks for the smallest maps: 1x3 and 3x1 stand side by side, not one behind the other.

    Shape: (N, in_channels, H, W) -> (N, 2048, H, W).

    Source: Szegedy et al. 2016, figure 7.
    """

    def __init__(self, in_channels: int) -> None:
        self.branch1x1 = conv1x1(in_channels, 320)
        self.branch3x3_1 = conv1x1(in_channels, 384)
        self.branch3x3_2a = same(384, 384, 1, 3)
        self.branch3x3_2b = same(384, 384, 3, 1)
        self.branch3x3dbl_1 = conv1x1(in_channels, 448)
        self.branch3x3dbl_2 = same(448, 384, 3, 3)
        self.branch3x3dbl_3a = same(384, 384, 1, 3)
        self.branch3x3dbl_3b = same(384, 384, 3, 1)
        self.branch_pool = conv1x1(in_channels, 192)

    def forward(self, x: Tensor) -> Tensor:
        """The outputs of the branches, joined."""
        branch1x1 = self.branch1x1(x)
        branch3x3 = self.branch3x3_1(x)
        branch3x3 = [self.branch3x3_2a(branch3x3), self.branch3x3_2b(branch3x3)]
        branch3x3dbl = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        branch3x3dbl = [self.branch3x3dbl_3a(branch3x3dbl), self.branch3x3dbl_3b(branch3x3dbl)]
        branch_pool = self.branch_pool(F.avg_pool2d(x, 3, stride=1, padding=1))
        return cat([branch1x1, *branch3x3, *branch3x3dbl, branch_pool], 1)


class InceptionAux(nn.Module):
    """An auxiliary head on the last maps of 17 x 17, a regulariser by its batch norm.

    block: the fully connected layer, a 5x5 convolution over maps of 5 x 5, with what follows it.

    Shape: (N, in_channels, H, W) -> (N, num_classes), for H, W of at least 17.

    Raises: ValueError for smaller maps.

    Source: Szegedy et al. 2016, figure 8 and section 4.
    """

    def __init__(self, in_channels: int, num_classes: int, block: ConvBlock = BasicConv2d) -> None:
        self.pool = nn.AvgPool2d(5, stride=3)
        self.conv0 = conv1x1(in_channels, 128)
        self.conv1 = block(128, 768, kernel_size=5)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(768, num_classes)

    def initialise(self) -> None:
        """First values of the last two layers: normal with deviations 0.01 and 0.001."""
        init.normal_(self.conv1.conv.weight, std=0.01)
        init.normal_(self.fc.weight, std=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """The scores of the classes."""
        if min(x.shape[-2:]) < 17:
            raise ValueError(
                "inception: the auxiliary head sees maps of at least 17 x 17, from images of 299 x "
                f"299, got maps of shape {x.shape}; train on such images, or with aux_logits=False"
            )
        x = self.pool(x)  # (N, in_channels, 5, 5)
        x = self.conv1(self.conv0(x))  # (N, 768, 1, 1)
        x = self.avgpool(x).flatten(1)  # (N, 768)
        return self.fc(x)


# --- the network ----------------------------------------------------------------------------------


class InceptionOutputs(NamedTuple):
    """What Inception v3 answers in training: its scores and those of its head."""

    logits: Tensor
    aux_logits: Tensor


class Inception3(nn.Module):
    """Six layers, eleven inception modules, one linear layer; see `inception_v3`."""

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        aux_logits: bool,
        transform_input: bool,
        dropout: float,
    ) -> None:
        self.transform_input = transform_input
        self.Conv2d_1a_3x3 = halving(in_channels, 32)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = same(32, 64, 3, 3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2)
        self.Conv2d_3b_1x1 = conv1x1(64, 80)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(3, stride=2)
        self.Mixed_5b = InceptionA(192, POOL_FEATURES["5b"])
        self.Mixed_5c = InceptionA(256, POOL_FEATURES["5c"])
        self.Mixed_5d = InceptionA(288, POOL_FEATURES["5d"])
        self.Mixed_6a = InceptionB(288)
        self.Mixed_6b = InceptionC(768, CHANNELS_7X7["6b"])
        self.Mixed_6c = InceptionC(768, CHANNELS_7X7["6c"])
        self.Mixed_6d = InceptionC(768, CHANNELS_7X7["6d"])
        self.Mixed_6e = InceptionC(768, CHANNELS_7X7["6e"])
        self.AuxLogits = InceptionAux(768, num_classes) if aux_logits else None
        self.Mixed_7a = InceptionD(768)
        self.Mixed_7b = InceptionE(1280)
        self.Mixed_7c = InceptionE(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(2048, num_classes)
        normal(self, std=0.1)
        if aux_logits:
            self.AuxLogits.initialise()

    def forward(self, x: Tensor) -> Tensor | InceptionOutputs:
        """The scores of the classes; in training with those of the auxiliary head."""
        if self.transform_input:
            x = halved(x)
        x = self.Conv2d_1a_3x3(x)  # (N, 32, 149, 149)
        x = self.Conv2d_2a_3x3(x)  # (N, 32, 147, 147)
        x = self.Conv2d_2b_3x3(x)  # (N, 64, 147, 147)
        x = self.maxpool1(x)  # (N, 64, 73, 73)
        x = self.Conv2d_3b_1x1(x)  # (N, 80, 73, 73)
        x = self.Conv2d_4a_3x3(x)  # (N, 192, 71, 71)
        x = self.maxpool2(x)  # (N, 192, 35, 35)
        x = self.Mixed_5b(x)  # (N, 256, 35, 35)
        x = self.Mixed_5c(x)  # (N, 288, 35, 35)
        x = self.Mixed_5d(x)  # (N, 288, 35, 35)
        x = self.Mixed_6a(x)  # (N, 768, 17, 17)
        x = self.Mixed_6b(x)  # (N, 768, 17, 17)
        x = self.Mixed_6c(x)  # (N, 768, 17, 17)
        x = self.Mixed_6d(x)  # (N, 768, 17, 17)
        x = self.Mixed_6e(x)  # (N, 768, 17, 17)
        aux = self.AuxLogits(x) if self.training and self.AuxLogits is not None else None
        x = self.Mixed_7a(x)  # (N, 1280, 8, 8)
        x = self.Mixed_7b(x)  # (N, 2048, 8, 8)
        x = self.Mixed_7c(x)  # (N, 2048, 8, 8)
        x = self.avgpool(x).flatten(1)  # (N, 2048)
        x = self.fc(self.dropout(x))
        return x if aux is None else InceptionOutputs(x, aux)

    def adapted(self, state_dict: Mapping[str, object], prefix: str) -> Mapping[str, object]:
        """The state without a head, if there is none here."""
        if self.AuxLogits is not None:
            return state_dict
        return without(state_dict, f"{prefix}AuxLogits.")


def inception_v3(
    num_classes: int = 1000,
    in_channels: int = 3,
    weights: str | None = None,
    aux_logits: bool = True,
    transform_input: bool | None = None,
    dropout: float = 0.5,
) -> Inception3:
    """Inception v3: 23,834,568 parameters, with its auxiliary head 27,161,264.

    aux_logits: whether there is a head. It works in training, where the network answers with
    InceptionOutputs. transform_input: whether images come normalised as for other networks, and are
    normalised anew with mean and deviation 0.5; by default so if there are weights, which want it.
    dropout: what is dropped before the last layer.

    Shape: (N, in_channels, 299, 299) -> (N, num_classes); other sizes are possible, without a head
    from 75 x 75 on.

    Source: Szegedy, Vanhoucke, Ioffe, Shlens & Wojna 2016, Rethinking the Inception architecture
    for computer vision, sections 6 and 7. There it is trained with label smoothing of 0.1.

    Differs: as torchvision's: table 1 is that of Inception v2, from which its modules, and a 1x1 in
    the place of the fourth 3x3, differ. From torchvision: first values are not cut off at 20
    deviations, the 5x5 of the head begins with the deviation 0.01 that torchvision names but does
    not apply, and the head stays when weights are loaded.
    """
    if transform_input is None:
        transform_input = weights is not None
    model = Inception3(num_classes, in_channels, aux_logits, transform_input, dropout)
    return with_weights(model, "inception_v3", weights)
