"""AlexNet: five convolutions and three linear layers, which won the ImageNet contest of 2012.

The paper's net was divided between two graphics cards (`alexnet_2gpu`). `alexnet` is the same net
in one piece, as most texts count it, `caffenet` pools before it normalises, and
`alexnet_torchvision` is the narrower net of 2014 for which PyTorch's world has weights.
"""

from collections.abc import Collection, Mapping

from .. import nn
from ..nn import init
from ..tensor import Tensor
from .weights import with_weights

Table = Mapping[str, tuple]

# Krizhevsky, Sutskever & Hinton 2012, section 3.5: kernels, window, stride; the padding that the
# sizes of figure 2 take; what follows the ReLU (sections 3.3 and 3.4); the side of what the
# convolution puts out; parameters if no layer is divided.
CONVOLUTIONS = {
    "conv1": (96, 11, 4, 0, "norm pool", 55, 34_944),
    "conv2": (256, 5, 1, 2, "norm pool", 27, 614_656),
    "conv3": (384, 3, 1, 1, "", 13, 885_120),
    "conv4": (384, 3, 1, 1, "", 13, 1_327_488),
    "conv5": (256, 3, 1, 1, "pool", 13, 884_992),
}
# The same section: units, parameters.
LINEAR = {
    "fc6": (4096, 37_752_832),
    "fc7": (4096, 16_781_312),
    "fc8": (1000, 4_097_000),
}

# Figure 2: where a half sees its own half of the maps alone. All of conv3 sees all of conv2.
SPLIT = ("conv2", "conv4", "conv5")

# Section 5: where biases begin at 1, so that ReLUs have something to learn from.
ONES = ("conv2", "conv4", "conv5", "fc6", "fc7")

# The one-column net of Krizhevsky 2014, One weird trick for parallelizing convolutional neural
# networks, with the numbers of kernels that torchvision gives it.
TORCHVISION = {
    "conv1": (64, 11, 4, 2, "pool"),
    "conv2": (192, 5, 1, 2, "pool"),
    "conv3": (384, 3, 1, 1, ""),
    "conv4": (256, 3, 1, 1, ""),
    "conv5": (256, 3, 1, 1, "pool"),
}


def follower(kind: str, ceil_mode: bool) -> nn.Module:
    """The layer that a table calls "norm" or "pool": neighbours' response, overlapping maxima.

    Source: Krizhevsky et al. 2012, sections 3.3 (k = 2, n = 5, α = 1e-4, β = 0.75) and 3.4.
    """
    if kind == "norm":
        return nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2.0)
    return nn.MaxPool2d(3, stride=2, ceil_mode=ceil_mode)


def convolutions(
    table: Table, in_channels: int, groups: int = 1, ceil_mode: bool = True
) -> nn.Sequential:
    """The layers of `table`, named conv1, relu1, norm1, pool1, conv2, ...

    groups: into how many parts, blind to each other, the layers of SPLIT divide their channels.
    ceil_mode: whether a pool keeps the last window where it is only partly there.
    """
    layers: dict[str, nn.Module] = {}
    for i, (name, (kernels, window, stride, padding, follows, *_)) in enumerate(table.items(), 1):
        parts = groups if name in SPLIT else 1
        layers[name] = nn.Conv2d(in_channels, kernels, window, stride, padding, groups=parts)
        layers[f"relu{i}"] = nn.ReLU(inplace=True)
        for kind in follows.split():
            layers[f"{kind}{i}"] = follower(kind, ceil_mode)
        in_channels = kernels
    return nn.Sequential(layers)


def initialise(model: nn.Module, ones: Collection[str] = ()) -> None:
    """First values: weights normal with std 0.01; biases 1 in the layers named in `ones`, else 0.

    Source: Krizhevsky et al. 2012, section 5.
    """
    for path, layer in model.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            name = path.rpartition(".")[-1]
            init.normal_(layer.weight, std=0.01)
            init.constant_(layer.bias, 1.0 if name in ones else 0.0)


class AlexNet(nn.Module):
    """A net of convolutions as a table lists them, and of three linear layers; see `alexnet`.

    table: CONVOLUTIONS, or one like it. groups: as in `convolutions`. ones: as in `initialise`.

    Shape: (N, in_channels, H, W) -> (N, num_classes).
    """

    def __init__(
        self,
        table: Table,
        num_classes: int = 1000,
        in_channels: int = 3,
        groups: int = 1,
        ones: Collection[str] = ONES,
        dropout: float = 0.5,
    ) -> None:
        kernels, *_ = table["conv5"]
        hidden = LINEAR["fc6"][0], LINEAR["fc7"][0]
        self.features = convolutions(table, in_channels, groups)
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            {
                "fc6": nn.Linear(kernels * 6 * 6, hidden[0]),
                "relu6": nn.ReLU(inplace=True),
                "drop6": nn.Dropout(dropout),
                "fc7": nn.Linear(*hidden),
                "relu7": nn.ReLU(inplace=True),
                "drop7": nn.Dropout(dropout),
                "fc8": nn.Linear(hidden[1], num_classes),
            }
        )
        initialise(self, ones)

    def forward(self, x: Tensor) -> Tensor:
        """The scores of the classes."""
        x = self.features(x)  # (N, 256, 6, 6)
        x = self.avgpool(x).flatten(1)  # (N, 9216)
        return self.classifier(x)


def alexnet(num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> AlexNet:
    """AlexNet in one piece: every kernel sees all maps; 62,378,344 parameters.

    Shape: (N, in_channels, 227, 227) -> (N, num_classes); other sizes from 39 are averaged to the
    6 x 6 maps that the linear layers take.

    Units: the paper's pixels are 0 to 255, minus the mean of the training images at each place.

    Source: Krizhevsky, Sutskever & Hinton 2012, ImageNet classification with deep convolutional
    neural networks, sections 3 to 5 and figure 2; its first values as well.

    Differs: the paper divides the net (see `alexnet_2gpu`) and says 224, from which 55 x 55 outputs
    do not come. What it drops it does not scale in training, but halves when it predicts.
    """
    return AlexNet(CONVOLUTIONS, num_classes, in_channels, dropout=dropout)


def alexnet_2gpu(num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> AlexNet:
    """AlexNet in two halves, as it was trained: 60,965,224 parameters; otherwise as `alexnet`.

    The second, fourth and fifth convolution see the maps of their own half; the third sees all.

    Source: Krizhevsky et al. 2012, sections 3.2 and 3.5, and figure 2.

    Differs: both halves lie in one array, half after half. Responses are normalised over all maps,
    as the formula of section 3.3 says, so that two neighbours meet where the halves do.
    """
    return AlexNet(CONVOLUTIONS, num_classes, in_channels, groups=2, dropout=dropout)


def caffenet(num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> AlexNet:
    """`alexnet_2gpu`, but pooled before it is normalised, which is cheaper: 60,965,224 parameters.

    Layers have the names of the released net.

    Shape: (N, in_channels, 227, 227) -> (N, num_classes).

    Source: Jia et al. 2014, Caffe: convolutional architecture for fast feature embedding; the
    released net's description (BVLC reference CaffeNet).

    Differs: the release normalises with k = 1 and its α over the size, begins fc6 and fc7 with a
    std of 0.005, and takes its channels as blue, green, red.
    """
    order = {
        name: (*row[:4], row[4].replace("norm pool", "pool norm"))
        for name, row in CONVOLUTIONS.items()
    }
    return AlexNet(order, num_classes, in_channels, groups=2, dropout=dropout)


class AlexNetTorchvision(nn.Module):
    """torchvision's AlexNet; see `alexnet_torchvision`."""

    def __init__(self, num_classes: int, in_channels: int, dropout: float) -> None:
        self.features = nn.Sequential(*convolutions(TORCHVISION, in_channels, ceil_mode=False))
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """The scores of the classes."""
        x = self.features(x)  # (N, 256, 6, 6)
        x = self.avgpool(x).flatten(1)  # (N, 9216)
        return self.classifier(x)


def alexnet_torchvision(
    num_classes: int = 1000,
    in_channels: int = 3,
    weights: str | None = None,
    dropout: float = 0.5,
) -> AlexNetTorchvision:
    """AlexNet as torchvision has it, under its keys: 61,100,840 parameters.

    Shape: (N, in_channels, 224, 224) -> (N, num_classes); other sizes from 63 are possible.

    Source: Krizhevsky 2014, One weird trick for parallelizing convolutional neural networks; the
    numbers of kernels are torchvision's.

    Differs: from the paper of 2012 in fewer kernels (64, 192, 384, 256, 256), no normalisation, no
    halves, padding 2 before the first convolution, and dropout before fc6 and fc7, not behind them.
    """
    model = AlexNetTorchvision(num_classes, in_channels, dropout)
    return with_weights(model, "alexnet", weights)
