"""VGG: nothing but 3x3 convolutions, two to four before every pool, and ever more of them."""

from collections.abc import Sequence

from .. import nn
from ..nn import init
from ..tensor import Tensor
from .weights import with_weights

# Simonyan & Zisserman 2015, table 1: how many 3x3 convolutions stand before each pool. Column A-LRN
# has a normalisation that did not help, and C three 1x1 convolutions.
COLUMNS = {
    "A": (1, 1, 2, 2, 2),  # with three linear layers 11 layers with weights
    "B": (2, 2, 2, 2, 2),  # 13
    "D": (2, 2, 3, 3, 3),  # 16
    "E": (2, 2, 4, 4, 4),  # 19
}

# The same table: the channels of these convolutions, and the units of the hidden linear layers.
CHANNELS = (64, 128, 256, 512, 512)
HIDDEN = 4096


def vgg_block(
    in_channels: int, out_channels: int, convolutions: int, batch_norm: bool = False
) -> nn.Sequential:
    """So many 3x3 convolutions that keep the size, each with its ReLU, then a pool that halves it.

    Two see as far as one of 5 x 5, three as far as one of 7 x 7, with fewer weights and more bends.
    batch_norm: a norm before every ReLU.

    Shape: (N, in_channels, H, W) -> (N, out_channels, H // 2, W // 2).

    Source: Simonyan & Zisserman 2015, section 2.3.
    """
    layers: list[nn.Module] = []
    for _ in range(convolutions):
        layers.append(nn.Conv2d(in_channels, out_channels, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(out_channels))
        layers.append(nn.ReLU(inplace=True))
        in_channels = out_channels
    return nn.Sequential(*layers, nn.MaxPool2d(2, stride=2))


class VGG(nn.Module):
    """Five blocks of 3x3 convolutions and three linear layers; see `vgg16`.

    column: a row of COLUMNS.

    Shape: (N, in_channels, H, W) -> (N, num_classes).
    """

    def __init__(
        self,
        column: Sequence[int],
        num_classes: int = 1000,
        in_channels: int = 3,
        batch_norm: bool = False,
        dropout: float = 0.5,
    ) -> None:
        self.features = nn.Sequential()
        for channels, convolutions in zip(CHANNELS, column, strict=True):
            self.features.extend(vgg_block(in_channels, channels, convolutions, batch_norm))
            in_channels = channels
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(in_channels * 7 * 7, HIDDEN),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(HIDDEN, num_classes),
        )
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        """The scores of the classes."""
        x = self.features(x)  # (N, 512, 7, 7)
        x = self.avgpool(x).flatten(1)  # (N, 25088)
        return self.classifier(x)


def initialise(model: nn.Module) -> None:
    """First values, as torchvision's: convolutions after He et al. 2015, linear ones std 0.01."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            init.zeros_(layer.bias)
        elif isinstance(layer, nn.Linear):
            init.normal_(layer.weight, std=0.01)
            init.zeros_(layer.bias)


def vgg11(
    num_classes: int = 1000,
    in_channels: int = 3,
    weights: str | None = None,
    dropout: float = 0.5,
) -> VGG:
    """Column A: 8 convolutions, 132,863,336 parameters; otherwise as `vgg16`."""
    model = VGG(COLUMNS["A"], num_classes, in_channels, dropout=dropout)
    return with_weights(model, "vgg11", weights)


def vgg13(
    num_classes: int = 1000,
    in_channels: int = 3,
    weights: str | None = None,
    dropout: float = 0.5,
) -> VGG:
    """Column B: 10 convolutions, 133,047,848 parameters; otherwise as `vgg16`."""
    model = VGG(COLUMNS["B"], num_classes, in_channels, dropout=dropout)
    return with_weights(model, "vgg13", weights)


def vgg16(
    num_classes: int = 1000,
    in_channels: int = 3,
    weights: str | None = None,
    dropout: float = 0.5,
) -> VGG:
    """Column D: 13 convolutions, 138,357,544 parameters, of which 102,764,544 in one layer.

    Shape: (N, in_channels, 224, 224) -> (N, num_classes); other sizes from 32 are averaged to the
    7 x 7 maps that the linear layers take.

    Source: Simonyan & Zisserman 2015, Very deep convolutional networks for large-scale image
    recognition, table 1.

    Differs: first values are torchvision's. The paper starts column A from normal weights with a
    variance of 0.01, and the deeper columns from A's trained layers.
    """
    model = VGG(COLUMNS["D"], num_classes, in_channels, dropout=dropout)
    return with_weights(model, "vgg16", weights)


def vgg19(
    num_classes: int = 1000,
    in_channels: int = 3,
    weights: str | None = None,
    dropout: float = 0.5,
) -> VGG:
    """Column E: 16 convolutions, 143,667,240 parameters; otherwise as `vgg16`."""
    model = VGG(COLUMNS["E"], num_classes, in_channels, dropout=dropout)
    return with_weights(model, "vgg19", weights)


def vgg11_bn(
    num_classes: int = 1000,
    in_channels: int = 3,
    weights: str | None = None,
    dropout: float = 0.5,
) -> VGG:
    """`vgg11` with a norm before every ReLU: 132,868,840 parameters; see `vgg16_bn`."""
    model = VGG(COLUMNS["A"], num_classes, in_channels, batch_norm=True, dropout=dropout)
    return with_weights(model, "vgg11_bn", weights)


def vgg13_bn(
    num_classes: int = 1000,
    in_channels: int = 3,
    weights: str | None = None,
    dropout: float = 0.5,
) -> VGG:
    """`vgg13` with a norm before every ReLU: 133,053,736 parameters; see `vgg16_bn`."""
    model = VGG(COLUMNS["B"], num_classes, in_channels, batch_norm=True, dropout=dropout)
    return with_weights(model, "vgg13_bn", weights)


def vgg16_bn(
    num_classes: int = 1000,
    in_channels: int = 3,
    weights: str | None = None,
    dropout: float = 0.5,
) -> VGG:
    """`vgg16` with a norm before every ReLU of a convolution: 138,365,992 parameters.

    Differs: the paper is older than batch normalisation; the net is torchvision's. Its convolutions
    keep their biases, which the norms undo.
    """
    model = VGG(COLUMNS["D"], num_classes, in_channels, batch_norm=True, dropout=dropout)
    return with_weights(model, "vgg16_bn", weights)


def vgg19_bn(
    num_classes: int = 1000,
    in_channels: int = 3,
    weights: str | None = None,
    dropout: float = 0.5,
) -> VGG:
    """`vgg19` with a norm before every ReLU: 143,678,248 parameters; see `vgg16_bn`."""
    model = VGG(COLUMNS["E"], num_classes, in_channels, batch_norm=True, dropout=dropout)
    return with_weights(model, "vgg19_bn", weights)
