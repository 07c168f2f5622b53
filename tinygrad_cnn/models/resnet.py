"""Residual networks for ImageNet, the plain nets they are compared with, wide and grouped ones.

A residual block adds its input to what its convolutions make of it: relu(F(x) + x). Where F changes
the shape, the shortcut has to change it too: by a 1x1 convolution (`projection`, the paper's option
B), or without parameters (`ZeroPadShortcut`, its option A).
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

from .. import nn
from ..nn import functional as F
from ..nn import init
from ..nn.fused import layered
from ..tensor import Tensor
from .weights import with_weights

# He et al. 2016, table 1: how many blocks stand in conv2_x, conv3_x, conv4_x, conv5_x.
DEPTHS = {
    18: (2, 2, 2, 2),  # of two 3x3 convolutions
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),  # of 1x1, 3x3, 1x1: bottlenecks
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}

# The same table: the channels of the 3x3 convolutions there, and the side of what comes out.
STAGES = {"conv2_x": (64, 56), "conv3_x": (128, 28), "conv4_x": (256, 14), "conv5_x": (512, 7)}


def conv3x3(in_channels: int, out_channels: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A 3x3 convolution that keeps the size, but for its stride; the norm behind has the bias."""
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, groups=groups, bias=False)


def conv1x1(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    """A 1x1 convolution without bias."""
    return nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)


# --- shortcuts ------------------------------------------------------------------------------------


def projection(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Option B, for a shortcut that changes the shape: a 1x1 convolution and a norm.

    Source: He et al. 2016, equation 2.
    """
    return nn.Sequential(conv1x1(in_channels, out_channels, stride), nn.BatchNorm2d(out_channels))


class ZeroPadShortcut(nn.Module):
    """Option A: every stride-th pixel of every stride-th row, and channels of zeros behind.

    Shape: (N, in_channels, H, W) -> (N, out_channels, ⌈H / stride⌉, ⌈W / stride⌉).

    Source: He et al. 2016, section 3.3.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """The pixels, with more channels."""
        x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.out_channels - self.in_channels))

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.in_channels}, {self.out_channels}, stride={self.stride}"


Shortcut = Callable[[int, int, int], nn.Module]


def shortcut_for(
    shortcut: Shortcut, in_channels: int, out_channels: int, stride: int
) -> nn.Module | None:
    """The shortcut's layers; None where the shape stays, so that the shortcut is the identity."""
    if stride == 1 and in_channels == out_channels:
        return None
    return shortcut(in_channels, out_channels, stride)


# --- blocks ---------------------------------------------------------------------------------------


class PlainBlock(nn.Module):
    """Two 3x3 convolutions, each with norm and ReLU: a BasicBlock without its shortcut.

    Shape: (N, in_channels, H, W) -> (N, channels, ⌈H / stride⌉, ⌈W / stride⌉).

    Source: He et al. 2016, figure 3, middle.
    """

    expansion = 1  # channels that come out, for each of the 3x3 convolutions

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        self.conv1 = conv3x3(in_channels, channels, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """relu(F(x) + residual), or relu(F(x))."""
        x = layered(x, self.conv1, self.bn1, self.relu)
        return layered(x, self.conv2, self.bn2, self.relu, residual)


class BasicBlock(PlainBlock):
    """Two 3x3 convolutions around which a shortcut leads.

    Shape: (N, in_channels, H, W) -> (N, channels, ⌈H / stride⌉, ⌈W / stride⌉).

    Source: He et al. 2016, figure 5, left.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        shortcut: Shortcut = projection,
    ) -> None:
        super().__init__(in_channels, channels, stride)
        self.downsample = shortcut_for(shortcut, in_channels, channels, stride)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        """The norm before the addition."""
        return self.bn2

    def forward(self, x: Tensor) -> Tensor:
        """relu(F(x) + x)."""
        identity = x if self.downsample is None else self.downsample(x)
        return super().forward(x, identity)


class Bottleneck(nn.Module):
    """A 1x1 convolution to fewer channels, a 3x3 one, a 1x1 one to more; a shortcut around them.

    The 3x3 convolution has `channels` · width_per_group / 64 channels in each of its `groups`.
    stride_in_1x1: whether the first 1x1 convolution has the stride, or the 3x3 one.

    Shape: (N, in_channels, H, W) -> (N, 4 channels, ⌈H / stride⌉, ⌈W / stride⌉).

    Source: He et al. 2016, figure 5, right; Xie et al. 2017, figure 3c, for groups.

    Differs: the paper has stride_in_1x1=True, which leaves three of four pixels unseen; the nets of
    today ("v1.5"), and their published weights, have it in the 3x3 convolution.
    """

    expansion = 4

    def __init__(
        self,
        in_channels: int,
        channels: int,
        stride: int = 1,
        shortcut: Shortcut = projection,
        groups: int = 1,
        width_per_group: int = 64,
        stride_in_1x1: bool = False,
    ) -> None:
        width = channels * width_per_group // 64 * groups
        out_channels = channels * self.expansion
        first, second = (stride, 1) if stride_in_1x1 else (1, stride)
        self.conv1 = conv1x1(in_channels, width, first)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv3x3(width, width, second, groups)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv1x1(width, out_channels)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut_for(shortcut, in_channels, out_channels, stride)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        """The norm before the addition."""
        return self.bn3

    def forward(self, x: Tensor) -> Tensor:
        """relu(F(x) + x)."""
        identity = x if self.downsample is None else self.downsample(x)
        x = layered(x, self.conv1, self.bn1, self.relu)
        x = layered(x, self.conv2, self.bn2, self.relu)
        return layered(x, self.conv3, self.bn3, self.relu, identity)


Block = Callable[..., nn.Module]  # with `expansion`
Weights = str | os.PathLike | None  # of a builder: a published name, a path, or none


def stage(
    block: Block, repeats: int, in_channels: int, channels: int, stride: int, **settings: Any
) -> nn.Sequential:
    """So many blocks, the first of which changes channels and size."""
    blocks = [block(in_channels, channels, stride, **settings)]
    for _ in range(repeats - 1):
        blocks.append(block(channels * block.expansion, channels, **settings))
    return nn.Sequential(*blocks)


# --- networks -------------------------------------------------------------------------------------


def initialise(model: nn.Module, zero_init_residual: bool) -> None:
    """First values of the convolutions and, with zero_init_residual, of the last norms of blocks.

    Convolutions: normal with variance 2 / fan out (He et al. 2015, equation 14), as torchvision's.
    Zeros in the last norm's scale make every residual block begin as its shortcut alone.

    Source: Goyal et al. 2017, section 5.1, for zero_init_residual.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if zero_init_residual and isinstance(module, BasicBlock | Bottleneck):
            init.zeros_(module.last_norm.weight)


class ResNet(nn.Module):
    """A network for ImageNet of four stages of blocks; see `resnet50`.

    layers: a row of DEPTHS. zero_init_residual: let every residual block begin as its shortcut.
    settings: further settings of the block.

    Shape: (N, in_channels, H, W) -> (N, num_classes); the paper's images have 224 x 224 pixels.

    Raises: ValueError for layers of another length than four.
    """

    def __init__(
        self,
        block: Block,
        layers: Sequence[int],
        num_classes: int = 1000,
        in_channels: int = 3,
        zero_init_residual: bool = False,
        **settings: Any,
    ) -> None:
        if len(layers) != len(STAGES):
            raise ValueError(
                f"ResNet: layers has the number of blocks of each of {len(STAGES)} stages, got "
                f"{layers!r}"
            )
        self.conv1 = nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        stages = []
        width = 64
        for repeats, (channels, _), stride in zip(
            layers, STAGES.values(), (1, 2, 2, 2), strict=True
        ):
            stages.append(stage(block, repeats, width, channels, stride, **settings))
            width = channels * block.expansion
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(width, num_classes)
        initialise(self, zero_init_residual)

    def forward(self, x: Tensor) -> Tensor:
        """The scores of the classes."""
        x = layered(x, self.conv1, self.bn1, self.relu)  # (N, 64, 112, 112)
        x = self.maxpool(x)  # (N, 64, 56, 56)
        x = self.layer1(x)  # (N, 64 expansion, 56, 56)
        x = self.layer2(x)  # (N, 128 expansion, 28, 28)
        x = self.layer3(x)  # (N, 256 expansion, 14, 14)
        x = self.layer4(x)  # (N, 512 expansion, 7, 7)
        x = self.avgpool(x).flatten(1)  # (N, 512 expansion)
        return self.fc(x)


def resnet18(
    num_classes: int = 1000, in_channels: int = 3, weights: Weights = None, **settings: Any
) -> ResNet:
    """ResNet-18 for ImageNet: 8 BasicBlocks, 11,689,512 parameters; otherwise as `resnet50`.

    settings: zero_init_residual; shortcut, `projection` or `ZeroPadShortcut`.
    """
    model = ResNet(BasicBlock, DEPTHS[18], num_classes, in_channels, **settings)
    return with_weights(model, "resnet18", weights)


def resnet34(
    num_classes: int = 1000, in_channels: int = 3, weights: Weights = None, **settings: Any
) -> ResNet:
    """ResNet-34 for ImageNet: 16 BasicBlocks, 21,797,672 parameters; otherwise as `resnet18`."""
    model = ResNet(BasicBlock, DEPTHS[34], num_classes, in_channels, **settings)
    return with_weights(model, "resnet34", weights)


def resnet50(
    num_classes: int = 1000, in_channels: int = 3, weights: Weights = None, **settings: Any
) -> ResNet:
    """ResNet-50 for ImageNet: 16 Bottlenecks, 25,557,032 parameters.

    settings: zero_init_residual; shortcut, `projection` or `ZeroPadShortcut`; stride_in_1x1=True
    for the paper's own bottlenecks.

    Shape: (N, in_channels, 224, 224) -> (N, num_classes); other sizes are possible.

    Source: He, Zhang, Ren & Sun 2016, Deep residual learning for image recognition, table 1.

    Differs: as torchvision's: the stride lies on the 3x3 convolution of a bottleneck, and shortcuts
    that change the shape are projections (the paper's option B) at every depth.
    """
    model = ResNet(Bottleneck, DEPTHS[50], num_classes, in_channels, **settings)
    return with_weights(model, "resnet50", weights)


def resnet101(
    num_classes: int = 1000, in_channels: int = 3, weights: Weights = None, **settings: Any
) -> ResNet:
    """ResNet-101 for ImageNet: 33 Bottlenecks, 44,549,160 parameters; otherwise as `resnet50`."""
    model = ResNet(Bottleneck, DEPTHS[101], num_classes, in_channels, **settings)
    return with_weights(model, "resnet101", weights)


def resnet152(
    num_classes: int = 1000, in_channels: int = 3, weights: Weights = None, **settings: Any
) -> ResNet:
    """ResNet-152 for ImageNet: 50 Bottlenecks, 60,192,808 parameters; otherwise as `resnet50`."""
    model = ResNet(Bottleneck, DEPTHS[152], num_classes, in_channels, **settings)
    return with_weights(model, "resnet152", weights)


def wide_resnet50_2(
    num_classes: int = 1000, in_channels: int = 3, weights: Weights = None, **settings: Any
) -> ResNet:
    """ResNet-50 with twice the channels inside its bottlenecks: 68,883,240 parameters.

    Shape: (N, in_channels, 224, 224) -> (N, num_classes).

    Source: Zagoruyko & Komodakis 2016, Wide residual networks, table 8 (WRN-50-2-bottleneck).
    """
    settings = {"width_per_group": 128, **settings}
    model = ResNet(Bottleneck, DEPTHS[50], num_classes, in_channels, **settings)
    return with_weights(model, "wide_resnet50_2", weights)


def resnext50_32x4d(
    num_classes: int = 1000, in_channels: int = 3, weights: Weights = None, **settings: Any
) -> ResNet:
    """ResNet-50 whose 3x3 convolutions have 32 groups, of 4 channels first: 25,028,904 parameters.

    Shape: (N, in_channels, 224, 224) -> (N, num_classes).

    Source: Xie, Girshick, Dollár, Tu & He 2017, Aggregated residual transformations for deep neural
    networks, table 1.
    """
    settings = {"groups": 32, "width_per_group": 4, **settings}
    model = ResNet(Bottleneck, DEPTHS[50], num_classes, in_channels, **settings)
    return with_weights(model, "resnext50_32x4d", weights)


def plain18(num_classes: int = 1000, in_channels: int = 3) -> ResNet:
    """The plain net of 18 layers: resnet18 without shortcuts, 11,515,688 parameters.

    Shape: (N, in_channels, 224, 224) -> (N, num_classes).

    Source: He et al. 2016, table 1 and section 4.1.
    """
    return ResNet(PlainBlock, DEPTHS[18], num_classes, in_channels)


def plain34(num_classes: int = 1000, in_channels: int = 3) -> ResNet:
    """The plain net of 34 layers: resnet34 without shortcuts, 21,623,848 parameters.

    Shape: (N, in_channels, 224, 224) -> (N, num_classes).

    Source: He et al. 2016, figure 3, middle, and table 1.
    """
    return ResNet(PlainBlock, DEPTHS[34], num_classes, in_channels)
