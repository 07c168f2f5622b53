"""Network in network: a little network at every place, and maps that are the classes themselves."""

from .. import nn
from ..nn import init
from ..nn.fused import layered
from ..tensor import Tensor

# The authors' ImageNet net as released for Caffe (Lin, Chen & Yan 2014, section 3, has its parts):
# channels of the convolution and of the two 1x1 layers, window, stride, padding, the side of what
# comes out, parameters. The last number of channels is that of the classes.
BLOCKS = {
    "mlpconv1": ((96, 96, 96), 11, 4, 0, 54, 53_568),
    "mlpconv2": ((256, 256, 256), 5, 1, 2, 27, 746_240),
    "mlpconv3": ((384, 384, 384), 3, 1, 1, 13, 1_180_800),
    "mlpconv4": ((1024, 1024, 1000), 3, 1, 1, 6, 5_614_568),
}

# The same net: weights begin normal with std 0.05, but in these with 0.01; biases with 0.
SMALL = ("mlpconv1.conv", "mlpconv3.conv", "mlpconv4.mlp2")


class NiNBlock(nn.Module):
    """A convolution and two 1x1 convolutions, each with its ReLU: a network run at every place.

    The paper calls it mlpconv. channels: what the three layers put out.

    Shape: (N, in_channels, H, W) -> (N, channels[2], P, Q).

    Source: Lin, Chen & Yan 2014, Network in network, section 3.1.
    """

    def __init__(
        self,
        in_channels: int,
        channels: tuple[int, int, int],
        kernel_size: int,
        stride: int = 1,
        padding: int = 0,
    ) -> None:
        first, second, third = channels
        self.conv = nn.Conv2d(in_channels, first, kernel_size, stride, padding)
        self.mlp1 = nn.Conv2d(first, second, 1)
        self.mlp2 = nn.Conv2d(second, third, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """The convolution of x, through the little network."""
        x = layered(x, self.conv, activation=self.relu)
        x = layered(x, self.mlp1, activation=self.relu)
        return layered(x, self.mlp2, activation=self.relu)


class NiN(nn.Module):
    """Four NiNBlocks with pools between them and an average at the end; see `nin`."""

    def __init__(self, num_classes: int, in_channels: int, dropout: float) -> None:
        blocks = []
        for name, (channels, window, stride, padding, *_) in BLOCKS.items():
            if name == "mlpconv4":
                channels = (*channels[:2], num_classes)
            blocks.append(NiNBlock(in_channels, channels, window, stride, padding))
            in_channels = channels[-1]
        self.mlpconv1, self.mlpconv2, self.mlpconv3, self.mlpconv4 = blocks
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.dropout = nn.Dropout(dropout)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        for name, layer in self.named_modules():
            if isinstance(layer, nn.Conv2d):
                init.normal_(layer.weight, std=0.01 if name in SMALL else 0.05)
                init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """The scores of the classes: the average of each one's map."""
        x = self.pool(self.mlpconv1(x))  # (N, 96, 27, 27)
        x = self.pool(self.mlpconv2(x))  # (N, 256, 13, 13)
        x = self.pool(self.mlpconv3(x))  # (N, 384, 6, 6)
        x = self.mlpconv4(self.dropout(x))  # (N, num_classes, 6, 6)
        return self.avgpool(x).flatten(1)


def nin(num_classes: int = 1000, in_channels: int = 3, dropout: float = 0.5) -> NiN:
    """Network in network for ImageNet: 7,595,176 parameters, an eighth of AlexNet's.

    There is no linear layer: the last block has a map for each class, whose average is its score.

    Shape: (N, in_channels, 224, 224) -> (N, num_classes); any other size from 39 as well.

    Source: Lin, Chen & Yan 2014, Network in network, section 3; sizes and first values from the
    authors' ImageNet net as released for Caffe.

    Differs: the paper's own tables are of smaller images, with three blocks. Dive into Deep
    Learning (Zhang, Lipton, Li & Smola), section 8.3, has this net with a last block of num_classes
    channels throughout, so 7,439,608 parameters, and with pools without ceil_mode.
    """
    return NiN(num_classes, in_channels, dropout)
