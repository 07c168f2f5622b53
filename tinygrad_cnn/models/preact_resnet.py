"""Residual networks for CIFAR with pre-activation: norm and ReLU stand before each convolution.

What is added is never squashed: from the first block to the last there is a path of additions
alone, on which x_L = x_l + Σ F(x_i), and the gradient goes back along it undiminished.
"""

from typing import Any

from .. import nn
from ..nn.fused import layered
from ..nn.norm import activated
from ..tensor import Tensor
from .cifar_resnet import CHANNELS, blocks_per_stage
from .resnet import (
    Block,
    Shortcut,
    ZeroPadShortcut,
    conv1x1,
    conv3x3,
    initialise,
    shortcut_for,
    stage,
)


def bare_projection(in_channels: int, out_channels: int, stride: int) -> nn.Conv2d:
    """A 1x1 convolution for a shortcut that changes the shape; the next block has the norm."""
    return conv1x1(in_channels, out_channels, stride)


class PreActivation(nn.Module):
    """What both blocks share: x + F(x), or where `shared`, shortcut(a) + F(a) of a = relu(bn1(x)).

    A shortcut that changes the shape branches off behind the activation; so does the identity of
    the very first block, which follows a convolution.
    """

    shared = False

    def layers(self, a: Tensor) -> Tensor:
        """F, from the first convolution on."""
        raise NotImplementedError(f"{type(self).__name__} has to define layers")

    def forward(self, x: Tensor) -> Tensor:
        """The shortcut and what the convolutions add to it."""
        a = activated(self.bn1, self.relu, x)
        identity = a if self.shared else x
        if self.downsample is not None:
            identity = self.downsample(identity)
        return identity + self.layers(a)


class PreActBasicBlock(PreActivation):
    """Two 3x3 convolutions, each behind a norm and a ReLU, and a shortcut around them.

    Shape: (N, in_channels, H, W) -> (N, channels, ⌈H / stride⌉, ⌈W / stride⌉).

    Source: He et al. 2016, Identity mappings in deep residual networks, figure 4e.
    """

    expansion = 1

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        shortcut: Shortcut = ZeroPadShortcut,
    ) -> None:
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = conv3x3(in_channels, channels, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.downsample = shortcut_for(shortcut, in_channels, channels, stride)
        self.shared = self.downsample is not None

    def layers(self, a: Tensor) -> Tensor:
        """F, from the first convolution on."""
        x = layered(a, self.conv1, self.bn2, self.relu)
        return self.conv2(x)


class PreActBottleneck(PreActivation):
    """1x1, 3x3 and 1x1 convolutions, each behind a norm and a ReLU, and a shortcut around them.

    Shape: (N, in_channels, H, W) -> (N, 4 channels, ⌈H / stride⌉, ⌈W / stride⌉).

    Source: He et al. 2016, Identity mappings in deep residual networks, section 4.1 and appendix.
    """

    expansion = 4

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        shortcut: Shortcut = bare_projection,
    ) -> None:
        out_channels = channels * self.expansion
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv1 = conv1x1(in_channels, channels, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.bn3 = nn.BatchNorm2d(channels)
        self.conv3 = conv1x1(channels, out_channels)
        self.downsample = shortcut_for(shortcut, in_channels, out_channels, stride)
        self.shared = self.downsample is not None

    def layers(self, a: Tensor) -> Tensor:
        """F, from the first convolution on."""
        x = layered(a, self.conv1, self.bn2, self.relu)
        x = layered(x, self.conv2, self.bn3, self.relu)
        return self.conv3(x)


class PreActResNet(nn.Module):
    """A network for CIFAR of three stages of pre-activation blocks; see `preact_resnet164`.

    n: blocks in each stage. settings: further settings of the block.

    Shape: (N, in_channels, H, W) -> (N, num_classes); CIFAR's images have 32 x 32 pixels.
    """

    def __init__(
        self,
        block: Block,
        n: int,
        num_classes: int = 10,
        in_channels: int = 3,
        **settings: Any,
    ) -> None:
        first, second, third = CHANNELS
        grown = block.expansion
        self.conv1 = conv3x3(in_channels, first)
        self.layer1 = stage(block, n, first, first, 1, **settings)
        self.layer2 = stage(block, n, first * grown, second, 2, **settings)
        self.layer3 = stage(block, n, second * grown, third, 2, **settings)
        self.bn = nn.BatchNorm2d(third * grown)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(third * grown, num_classes)
        self.layer1[0].shared = True
        initialise(self, zero_init_residual=False)

    def forward(self, x: Tensor) -> Tensor:
        """The scores of the classes."""
        x = self.conv1(x)  # (N, 16, 32, 32)
        x = self.layer1(x)  # (N, 16 expansion, 32, 32)
        x = self.layer2(x)  # (N, 32 expansion, 16, 16)
        x = self.layer3(x)  # (N, 64 expansion, 8, 8)
        x = activated(self.bn, self.relu, x)
        x = self.avgpool(x).flatten(1)  # (N, 64 expansion)
        return self.fc(x)


def basic(depth: int, num_classes: int, in_channels: int, **settings: Any) -> PreActResNet:
    """The network of this depth of PreActBasicBlocks."""
    n = blocks_per_stage(depth)
    return PreActResNet(PreActBasicBlock, n, num_classes, in_channels, **settings)


def bottlenecks(depth: int, num_classes: int, in_channels: int, **settings: Any) -> PreActResNet:
    """The network of this depth of PreActBottlenecks."""
    n = blocks_per_stage(depth, layers=3)
    return PreActResNet(PreActBottleneck, n, num_classes, in_channels, **settings)


def preact_resnet20(num_classes: int = 10, in_channels: int = 3, **settings: Any) -> PreActResNet:
    """`resnet20` with pre-activation: 269,722 parameters; otherwise as `preact_resnet110`."""
    return basic(20, num_classes, in_channels, **settings)


def preact_resnet56(num_classes: int = 10, in_channels: int = 3, **settings: Any) -> PreActResNet:
    """`resnet56` with pre-activation: 853,018 parameters; otherwise as `preact_resnet110`."""
    return basic(56, num_classes, in_channels, **settings)


def preact_resnet110(num_classes: int = 10, in_channels: int = 3, **settings: Any) -> PreActResNet:
    """`resnet110` with pre-activation: 54 PreActBasicBlocks, 1,727,962 parameters.

    settings: shortcut, by default without parameters (option A), or `bare_projection`.

    Shape: (N, in_channels, 32, 32) -> (N, num_classes).

    Source: He, Zhang, Ren & Sun 2016, Identity mappings in deep residual networks, table 2.

    Differs: first values as in `resnet20`.
    """
    return basic(110, num_classes, in_channels, **settings)


def preact_resnet164(num_classes: int = 10, in_channels: int = 3, **settings: Any) -> PreActResNet:
    """ResNet-164 with pre-activation: 54 PreActBottlenecks, 1,703,258 parameters.

    Shape: (N, in_channels, 32, 32) -> (N, num_classes).

    Source: He, Zhang, Ren & Sun 2016, Identity mappings in deep residual networks, table 2.

    Differs: first values as in `resnet20`.
    """
    return bottlenecks(164, num_classes, in_channels, **settings)


def preact_resnet1001(num_classes: int = 10, in_channels: int = 3, **settings: Any) -> PreActResNet:
    """ResNet-1001 with pre-activation: 333 PreActBottlenecks, 10,327,706 parameters.

    Without those of its norms they are the 10.2 million of the paper. Otherwise as
    `preact_resnet164`.
    """
    return bottlenecks(1001, num_classes, in_channels, **settings)
