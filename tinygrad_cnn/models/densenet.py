"""DenseNet: every layer of a block sees what all layers before it made, and adds a little to it.

The names of layers are those under which torchvision publishes weights.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import nn
from ..autograd.checkpoint import checkpoint
from ..nn import functional as F
from ..nn import init
from ..nn.fused import layered
from ..nn.norm import activated
from ..ops.joining import cat
from ..tensor import Tensor
from .weights import with_weights

# Huang et al. 2017, table 1: the growth rate k, and how many layers each of the four blocks has.
LAYERS = {
    121: (32, (6, 12, 24, 16)),
    161: (48, (6, 12, 36, 24)),
    169: (32, (6, 12, 32, 32)),
    201: (32, (6, 12, 48, 32)),
}

# The same table: the side of what comes out of the blocks. Between two of them a transition halves
# it, and the number of channels.
SIZES = (56, 28, 14, 7)


class DenseLayer(nn.Module):
    """A 1x1 convolution to bn_size · growth_rate channels, then a 3x3 one to growth_rate.

    Norm and ReLU stand before each. drop_rate: the share dropped of what comes out.
    memory_efficient: keep neither the joined inputs nor what the first norm makes of them; backward
    computes them again.

    Shape: a list of (N, *, H, W) with num_input_features channels in all, or one such tensor -> (N,
    growth_rate, H, W).

    Source: Huang et al. 2017, section 3 (DenseNet-B); Pleiss et al. 2017 for memory_efficient.

    Differs: from torchvision, where with memory_efficient the running statistics of the first norm
    move twice a step; here once, as without it.
    """

    def __init__(
        self,
        num_input_features: int,
        growth_rate: int,
        bn_size: int = 4,
        drop_rate: float = 0.0,
        memory_efficient: bool = False,
    ) -> None:
        width = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, width, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, growth_rate, 3, padding=1, bias=False)
        self.drop_rate = drop_rate
        self.memory_efficient = memory_efficient

    def joined(self, *features: Tensor) -> Tensor:
        """The features behind norm and ReLU."""
        return activated(self.norm1, self.relu1, cat(features, 1))

    def bottleneck(self, *features: Tensor) -> Tensor:
        """The features, joined and brought to bn_size · growth_rate channels."""
        return self.conv1(self.joined(*features))

    def repeatable(self) -> Callable[..., Tensor]:
        """`bottleneck` as a function of which only the first call moves running statistics."""
        calls = []

        def run(*features: Tensor) -> Tensor:
            tracks = self.norm1.track_running_stats
            self.norm1.track_running_stats = tracks and not calls
            calls.append(1)
            try:
                return self.bottleneck(*features)
            finally:
                self.norm1.track_running_stats = tracks

        return run

    def forward(self, x: Tensor | Sequence[Tensor]) -> Tensor:
        """What this layer adds to the features it sees."""
        features = [x] if isinstance(x, Tensor) else x
        if self.memory_efficient:
            x = activated(self.norm2, self.relu2, checkpoint(self.repeatable(), *features))
        else:
            x = layered(self.joined(*features), self.conv1, self.norm2, self.relu2)
        return F.dropout(self.conv2(x), self.drop_rate, self.training)


class DenseBlock(nn.ModuleDict):
    """Layers of which each sees the block's input and what all before it made.

    Shape: (N, num_input_features, H, W) -> (N, num_input_features + num_layers · growth_rate, H,
    W).

    Source: Huang et al. 2017, figure 1 and equation 2.
    """

    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int = 4,
        growth_rate: int = 32,
        drop_rate: float = 0.0,
        memory_efficient: bool = False,
    ) -> None:
        for i in range(num_layers):
            channels = num_input_features + i * growth_rate
            settings = (growth_rate, bn_size, drop_rate, memory_efficient)
            self[f"denselayer{i + 1}"] = DenseLayer(channels, *settings)

    def forward(self, x: Tensor) -> Tensor:
        """The input and what all layers made, joined."""
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return cat(features, 1)


class Transition(nn.Sequential):
    """Norm, ReLU, a 1x1 convolution and an average pool: fewer channels, half the size.

    Shape: (N, num_input_features, H, W) -> (N, num_output_features, ⌊H / 2⌋, ⌊W / 2⌋).

    Source: Huang et al. 2017, section 3 (transition layers; DenseNet-C where the channels halve).
    """

    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, 1, bias=False)
        self.pool = nn.AvgPool2d(2, stride=2)


class DenseNet(nn.Module):
    """A network for ImageNet of dense blocks with transitions between them; see `densenet121`.

    growth_rate, block_config: a row of LAYERS. num_init_features: the channels the first block
    gets.

    Shape: (N, in_channels, H, W) -> (N, num_classes), for H and W of at least 29 with four blocks.
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0.0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
        in_channels: int = 3,
    ) -> None:
        channels = num_init_features
        parts = OrderedDict(
            conv0=nn.Conv2d(in_channels, channels, 7, stride=2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(channels),
            relu0=nn.ReLU(inplace=True),
            pool0=nn.MaxPool2d(3, stride=2, padding=1),
        )
        for i, num_layers in enumerate(block_config, 1):
            settings = (bn_size, growth_rate, drop_rate, memory_efficient)
            parts[f"denseblock{i}"] = DenseBlock(num_layers, channels, *settings)
            channels += num_layers * growth_rate
            if i < len(block_config):
                parts[f"transition{i}"] = Transition(channels, channels // 2)
                channels //= 2
        parts["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(parts)
        self.relu = nn.ReLU(inplace=True)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                init.kaiming_normal_(module.weight)
        init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        """The scores of the classes."""
        x = self.relu(self.features(x))  # (N, channels, 7, 7)
        x = self.avgpool(x).flatten(1)  # (N, channels)
        return self.classifier(x)

    def adapted(self, state_dict: Mapping[str, object], prefix: str) -> Mapping[str, object]:
        """The state with today's keys; those of old files, the published ones, are known."""
        return current_keys(state_dict)


OLD_KEY = re.compile(r"(.*denselayer\d+\.(?:norm|conv))\.([12]\.\w+)")


def current_keys(state_dict: Mapping[str, object]) -> dict[str, object]:
    """The same state, with `norm.1.weight` of old files called `norm1.weight`, and so on."""
    return {OLD_KEY.sub(r"\1\2", key): value for key, value in state_dict.items()}


def build(
    depth: int, num_classes: int, in_channels: int, weights: str | None, **settings: Any
) -> DenseNet:
    """The network of a row of LAYERS, whose first convolution makes 2 k channels."""
    growth_rate, block_config = LAYERS[depth]
    settings = {"num_init_features": 2 * growth_rate, **settings}
    settings = {"num_classes": num_classes, "in_channels": in_channels, **settings}
    model = DenseNet(growth_rate, block_config, **settings)
    return with_weights(model, f"densenet{depth}", weights)


def densenet121(
    num_classes: int = 1000, in_channels: int = 3, weights: str | None = None, **settings: Any
) -> DenseNet:
    """DenseNet-121: growth rate 32, 58 layers in four blocks, 7,978,856 parameters.

    settings: drop_rate, the share dropped behind each layer (the paper's 0.2 where data are few);
    memory_efficient, less memory for more time; bn_size, 4 in the paper.

    Shape: (N, in_channels, 224, 224) -> (N, num_classes); other sizes are possible, from 29 x 29
    on.

    Source: Huang, Liu, van der Maaten & Weinberger 2017, Densely connected convolutional networks,
    table 1 (DenseNet-BC).

    Differs: nothing from the paper or torchvision. Convolutions begin normal with variance 2 / fan
    in (He et al. 2015), as both have it, the bias of the last layer at 0.
    """
    return build(121, num_classes, in_channels, weights, **settings)


def densenet161(
    num_classes: int = 1000, in_channels: int = 3, weights: str | None = None, **settings: Any
) -> DenseNet:
    """DenseNet-161: growth rate 48, 78 layers, 28,681,000 parameters; otherwise `densenet121`."""
    return build(161, num_classes, in_channels, weights, **settings)


def densenet169(
    num_classes: int = 1000, in_channels: int = 3, weights: str | None = None, **settings: Any
) -> DenseNet:
    """DenseNet-169: growth rate 32, 82 layers, 14,149,480 parameters; otherwise `densenet121`."""
    return build(169, num_classes, in_channels, weights, **settings)


def densenet201(
    num_classes: int = 1000, in_channels: int = 3, weights: str | None = None, **settings: Any
) -> DenseNet:
    """DenseNet-201: growth rate 32, 98 layers, 20,013,928 parameters; otherwise `densenet121`."""
    return build(201, num_classes, in_channels, weights, **settings)
