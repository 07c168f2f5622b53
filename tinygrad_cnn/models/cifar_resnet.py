"""Residual networks for CIFAR, with shortcuts free of parameters, and their plain counterparts.

A plain net and a residual one of the same depth have the same parameters, layer by layer: what
differs in training is the shortcuts alone.
"""

from typing import Any

from .. import nn
from ..nn.fused import layered
from ..tensor import Tensor
from .resnet import BasicBlock, Block, PlainBlock, ZeroPadShortcut, conv3x3, initialise, stage

# He et al. 2016, section 4.2: the side of the output, and the channels, of the three stages of n
# blocks each. With the first convolution and the last layer that makes 6 n + 2 layers.
SIZES = (32, 16, 8)
CHANNELS = (16, 32, 64)


def blocks_per_stage(depth: int, layers: int = 2) -> int:
    """n for a depth of 3 · `layers` · n + 2, where a block has so many layers.

    Raises: ValueError if no whole n gives that depth.
    """
    n, rest = divmod(depth - 2, 3 * layers)
    if rest or n < 1:
        raise ValueError(
            f"a network of three stages of blocks of {layers} layers has a depth of {3 * layers} n "
            f"+ 2, got {depth}; the nearest is {3 * layers * max(n, 1) + 2}"
        )
    return n


class CifarResNet(nn.Module):
    """A network for CIFAR of three stages of blocks of 3x3 convolutions; see `resnet20`.

    depth: 6 n + 2. zero_init_residual: let every residual block begin as its shortcut. settings:
    further settings of the block.

    Shape: (N, in_channels, H, W) -> (N, num_classes); CIFAR's images have 32 x 32 pixels.

    Raises: ValueError for a depth that is not 6 n + 2.
    """

    def __init__(
        self,
        block: Block,
        depth: int,
        num_classes: int = 10,
        in_channels: int = 3,
        zero_init_residual: bool = False,
        **settings: Any,
    ) -> None:
        n = blocks_per_stage(depth)
        first, second, third = CHANNELS
        self.conv1 = conv3x3(in_channels, first)
        self.bn1 = nn.BatchNorm2d(first)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = stage(block, n, first, first, 1, **settings)
        self.layer2 = stage(block, n, first, second, 2, **settings)
        self.layer3 = stage(block, n, second, third, 2, **settings)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(third, num_classes)
        initialise(self, zero_init_residual)

    def forward(self, x: Tensor) -> Tensor:
        """The scores of the classes."""
        x = layered(x, self.conv1, self.bn1, self.relu)  # (N, 16, 32, 32)
        x = self.layer1(x)  # (N, 16, 32, 32)
        x = self.layer2(x)  # (N, 32, 16, 16)
        x = self.layer3(x)  # (N, 64, 8, 8)
        x = self.avgpool(x).flatten(1)  # (N, 64)
        return self.fc(x)


def residual(depth: int, num_classes: int, in_channels: int, **settings: Any) -> CifarResNet:
    """The residual network of this depth, with shortcuts of option A if settings name no other."""
    settings = {"shortcut": ZeroPadShortcut, **settings}
    return CifarResNet(BasicBlock, depth, num_classes, in_channels, **settings)


def resnet20(num_classes: int = 10, in_channels: int = 3, **settings: Any) -> CifarResNet:
    """ResNet-20 for CIFAR: 3 blocks a stage, 269,722 parameters.

    settings: zero_init_residual; shortcut=projection for option B.

    Shape: (N, in_channels, 32, 32) -> (N, num_classes).

    Source: He, Zhang, Ren & Sun 2016, Deep residual learning for image recognition, section 4.2 and
    table 6.

    Differs: convolutions begin with variance 2 / fan out, as in `resnet50`, the last layer as any
    nn.Linear; the paper names He et al. 2015 for all of them, whose two forms are fan in and out.
    """
    return residual(20, num_classes, in_channels, **settings)


def resnet32(num_classes: int = 10, in_channels: int = 3, **settings: Any) -> CifarResNet:
    """ResNet-32 for CIFAR: 5 blocks a stage, 464,154 parameters; otherwise as `resnet20`."""
    return residual(32, num_classes, in_channels, **settings)


def resnet44(num_classes: int = 10, in_channels: int = 3, **settings: Any) -> CifarResNet:
    """ResNet-44 for CIFAR: 7 blocks a stage, 658,586 parameters; otherwise as `resnet20`."""
    return residual(44, num_classes, in_channels, **settings)


def resnet56(num_classes: int = 10, in_channels: int = 3, **settings: Any) -> CifarResNet:
    """ResNet-56 for CIFAR: 9 blocks a stage, 853,018 parameters; otherwise as `resnet20`."""
    return residual(56, num_classes, in_channels, **settings)


def resnet110(num_classes: int = 10, in_channels: int = 3, **settings: Any) -> CifarResNet:
    """ResNet-110 for CIFAR: 18 blocks a stage, 1,727,962 parameters; otherwise as `resnet20`.

    The paper trains it with a rate of 0.01 until the training error is below 80 %, then 0.1.
    """
    return residual(110, num_classes, in_channels, **settings)


def plain20(num_classes: int = 10, in_channels: int = 3) -> CifarResNet:
    """The plain net of 20 layers for CIFAR: `resnet20` without shortcuts, 269,722 parameters.

    Shape: (N, in_channels, 32, 32) -> (N, num_classes).

    Source: He et al. 2016, section 4.2 and figure 6, left.
    """
    return CifarResNet(PlainBlock, 20, num_classes, in_channels)


def plain32(num_classes: int = 10, in_channels: int = 3) -> CifarResNet:
    """The plain net of 32 layers: 464,154 parameters; otherwise as `plain20`."""
    return CifarResNet(PlainBlock, 32, num_classes, in_channels)


def plain44(num_classes: int = 10, in_channels: int = 3) -> CifarResNet:
    """The plain net of 44 layers: 658,586 parameters; otherwise as `plain20`."""
    return CifarResNet(PlainBlock, 44, num_classes, in_channels)


def plain56(num_classes: int = 10, in_channels: int = 3) -> CifarResNet:
    """The plain net of 56 layers: 853,018 parameters; otherwise as `plain20`.

    Its training error stays above that of `plain20`: degradation, for which shortcuts were found.
    """
    return CifarResNet(PlainBlock, 56, num_classes, in_channels)


def plain110(num_classes: int = 10, in_channels: int = 3) -> CifarResNet:
    """The plain net of 110 layers: 1,727,962 parameters; otherwise as `plain20`.

    The paper reports a training error above 60 % and does not show it.
    """
    return CifarResNet(PlainBlock, 110, num_classes, in_channels)
