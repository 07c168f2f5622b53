"""GoogLeNet: nine modules that see their input through windows of several sizes at once.

`googlenet` is the network of the paper, `googlenet_torchvision` the one with batch norm whose
weights torchvision publishes. In training both answer with the scores of two auxiliary heads as
well, for which `cross_entropy_with_heads` is the loss.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from .. import nn
from ..nn import functional as F
from ..nn import init
from ..ops.joining import cat
from ..tensor import Tensor
from .weights import with_weights

# Szegedy et al. 2015, table 1: the side and the channels of what comes out; then the channels of
# 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj.
MODULES = {
    "3a": (28, 256, (64, 96, 128, 16, 32, 32)),
    "3b": (28, 480, (128, 128, 192, 32, 96, 64)),
    "4a": (14, 512, (192, 96, 208, 16, 48, 64)),
    "4b": (14, 512, (160, 112, 224, 24, 64, 64)),
    "4c": (14, 512, (128, 128, 256, 24, 64, 64)),
    "4d": (14, 528, (112, 144, 288, 32, 64, 64)),
    "4e": (14, 832, (256, 160, 320, 32, 128, 128)),
    "5a": (7, 832, (256, 160, 320, 32, 128, 128)),
    "5b": (7, 1024, (384, 192, 384, 48, 128, 128)),
}

# The same, section 5: what the loss of an auxiliary head counts, beside that of the network.
AUX_WEIGHT = 0.3

# What images are normalised with: by channel for most networks of torchvision, and for all three
# channels alike in those that were trained elsewhere.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HALF = 0.5


# --- parts ----------------------------------------------------------------------------------------


class ConvReLU(nn.Sequential):
    """A convolution and a ReLU.

    Shape: (N, in_channels, H, W) -> (N, out_channels, P, Q).
    """

    def __init__(self, in_channels: int, out_channels: int, **settings: Any) -> None:
        self.conv = nn.Conv2d(in_channels, out_channels, **settings)
        self.relu = nn.ReLU(inplace=True)


class BasicConv2d(nn.Sequential):
    """A convolution without bias, a batch norm and a ReLU.

    Shape: (N, in_channels, H, W) -> (N, out_channels, P, Q).
    """

    def __init__(self, in_channels: int, out_channels: int, **settings: Any) -> None:
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **settings)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)
        self.relu = nn.ReLU(inplace=True)


ConvBlock = Callable[..., nn.Module]  # ConvReLU or BasicConv2d


class Parallel(nn.Sequential):
    """Modules side by side: each gets the input, and their channels come out one after the other.

    Shape: (N, C, H, W) -> (N, sum of their channels, P, Q), for modules that agree in P and Q.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The outputs of all modules, joined."""
        return cat([branch(x) for branch in self], 1)


class NaiveInception(Parallel):
    """Windows of 1x1, 3x3 and 5x5 and a max pool over the same input, all at its full depth.

    The pool keeps all channels, so that from module to module there are ever more.

    Shape: (N, in_channels, H, W) -> (N, ch1x1 + ch3x3 + ch5x5 + in_channels, H, W).

    Source: Szegedy et al. 2015, figure 2a.
    """

    def __init__(
        self, in_channels: int, ch1x1: int, ch3x3: int, ch5x5: int, block: ConvBlock = ConvReLU
    ) -> None:
        self.branch1 = block(in_channels, ch1x1, kernel_size=1)
        self.branch2 = block(in_channels, ch3x3, kernel_size=3, padding=1)
        self.branch3 = block(in_channels, ch5x5, kernel_size=5, padding=2)
        self.branch4 = nn.MaxPool2d(3, stride=1, padding=1)


class Inception(Parallel):
    """As NaiveInception, but 1x1 convolutions reduce the channels before the larger windows.

    They stand behind the pool too. window: of the branch that in the paper is 5x5.

    Shape: (N, in_channels, H, W) -> (N, ch1x1 + ch3x3 + ch5x5 + pool_proj, H, W).

    Source: Szegedy et al. 2015, figure 2b.
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        block: ConvBlock = ConvReLU,
        window: int = 5,
    ) -> None:
        self.branch1 = block(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            block(in_channels, ch3x3red, kernel_size=1),
            block(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            block(in_channels, ch5x5red, kernel_size=1),
            block(ch5x5red, ch5x5, kernel_size=window, padding=window // 2),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1),
            block(in_channels, pool_proj, kernel_size=1),
        )


class GoogLeNetPool(nn.AvgPool2d):
    """The paper's pool before an auxiliary head: the average of windows of 5x5 with stride 3.

    Shape: (N, C, H, W) -> (N, C, 4, 4), for H and W from 14 to 16.

    Raises: ValueError for other maps.
    """

    def __init__(self) -> None:
        super().__init__(5, stride=3)

    def forward(self, x: Tensor) -> Tensor:
        """The averages."""
        if min(x.shape[-2:]) < 14 or max(x.shape[-2:]) > 16:
            raise ValueError(
                "googlenet: an auxiliary head sees maps of 14 x 14 to 16 x 16, from images of "
                f"224 x 224 to 256 x 256, got maps of shape {x.shape}; train on such images, or "
                "with aux_logits=False"
            )
        return super().forward(x)


class GoogLeNetAux(nn.Module):
    """An auxiliary head: it classifies by what the network has seen halfway.

    pool: what makes 4 x 4 of the maps.

    Shape: (N, in_channels, H, W) -> (N, num_classes).

    Source: Szegedy et al. 2015, section 5.
    """

    def __init__(
        self, in_channels: int, num_classes: int, pool: nn.Module, block: ConvBlock, dropout: float
    ) -> None:
        self.pool = pool
        self.conv = block(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = nn.Linear(1024, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """The scores of the classes."""
        x = self.pool(x)  # (N, in_channels, 4, 4)
        x = self.conv(x).flatten(1)  # (N, 2048)
        x = self.dropout(self.relu(self.fc1(x)))  # (N, 1024)
        return self.fc2(x)


# --- the network ----------------------------------------------------------------------------------


class GoogLeNetOutputs(NamedTuple):
    """What GoogLeNet answers in training: its scores, and those of its heads, the later first."""

    logits: Tensor
    aux_logits2: Tensor
    aux_logits1: Tensor


class Form(NamedTuple):
    """What differs between the paper's network and torchvision's."""

    block: ConvBlock  # a convolution with what follows it
    window: int  # of the branch that in the paper is 5x5
    last_pool: int  # the window of the pool before module 5a
    norm: Callable[[], nn.Module]  # before and behind the second and third convolution
    head_pool: Callable[[], nn.Module]
    initialise: Callable[[nn.Module], None]


class GoogLeNet(nn.Module):
    """Three convolutions, nine inception modules, one linear layer; see `googlenet`."""

    def __init__(
        self,
        form: Form,
        num_classes: int,
        in_channels: int,
        aux_logits: bool,
        transform_input: bool,
        dropout: float,
        dropout_aux: float,
    ) -> None:
        block = form.block

        def inception(name: str, in_channels: int) -> Inception:
            _, _, widths = MODULES[name]
            return Inception(in_channels, *widths, block=block, window=form.window)

        def head(in_channels: int) -> GoogLeNetAux | None:
            settings = (num_classes, form.head_pool(), block, dropout_aux)
            return GoogLeNetAux(in_channels, *settings) if aux_logits else None

        self.transform_input = transform_input
        self.conv1 = block(in_channels, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.norm1 = form.norm()
        self.conv2 = block(64, 64, kernel_size=1)
        self.conv3 = block(64, 192, kernel_size=3, padding=1)
        self.norm2 = form.norm()
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = inception("3a", 192)
        self.inception3b = inception("3b", 256)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = inception("4a", 480)
        self.inception4b = inception("4b", 512)
        self.inception4c = inception("4c", 512)
        self.inception4d = inception("4d", 512)
        self.inception4e = inception("4e", 528)
        self.maxpool4 = nn.MaxPool2d(form.last_pool, stride=2, ceil_mode=True)
        self.inception5a = inception("5a", 832)
        self.inception5b = inception("5b", 832)
        self.aux1 = head(512)
        self.aux2 = head(528)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(1024, num_classes)
        form.initialise(self)

    def forward(self, x: Tensor) -> Tensor | GoogLeNetOutputs:
        """The scores of the classes; in training with those of the auxiliary heads."""
        heads = self.training and self.aux1 is not None
        if self.transform_input:
            x = halved(x)
        x = self.conv1(x)  # (N, 64, 112, 112)
        x = self.norm1(self.maxpool1(x))  # (N, 64, 56, 56)
        x = self.norm2(self.conv3(self.conv2(x)))  # (N, 192, 56, 56)
        x = self.inception3a(self.maxpool2(x))  # (N, 256, 28, 28)
        x = self.inception3b(x)  # (N, 480, 28, 28)
        x = self.inception4a(self.maxpool3(x))  # (N, 512, 14, 14)
        aux1 = self.aux1(x) if heads else None
        x = self.inception4b(x)  # (N, 512, 14, 14)
        x = self.inception4c(x)  # (N, 512, 14, 14)
        x = self.inception4d(x)  # (N, 528, 14, 14)
        aux2 = self.aux2(x) if heads else None
        x = self.inception4e(x)  # (N, 832, 14, 14)
        x = self.inception5a(self.maxpool4(x))  # (N, 832, 7, 7)
        x = self.inception5b(x)  # (N, 1024, 7, 7)
        x = self.avgpool(x).flatten(1)  # (N, 1024)
        x = self.fc(self.dropout(x))
        return GoogLeNetOutputs(x, aux2, aux1) if heads else x

    def adapted(self, state_dict: Mapping[str, object], prefix: str) -> Mapping[str, object]:
        """The state without its heads, if there are none here."""
        if self.aux1 is not None:
            return state_dict
        return without(state_dict, f"{prefix}aux1.", f"{prefix}aux2.")


def without(state_dict: Mapping[str, object], *prefixes: str) -> dict[str, object]:
    """The entries whose keys begin otherwise."""
    return {key: value for key, value in state_dict.items() if not key.startswith(prefixes)}


def halved(x: Tensor) -> Tensor:
    """Images normalised as for most networks, normalised with mean and deviation 0.5 instead.

    Shape: (N, 3, H, W) -> the same.

    Raises: RuntimeError for images without three channels.
    """
    if x.ndim != 4 or x.shape[1] != 3:
        raise RuntimeError(
            f"transform_input: expected images (N, 3, H, W), got shape {x.shape}; set it to False"
        )
    channels = [
        x[:, c : c + 1] * (std / HALF) + (mean - HALF) / HALF
        for c, (mean, std) in enumerate(zip(IMAGENET_MEAN, IMAGENET_STD, strict=True))
    ]
    return cat(channels, 1)


def cross_entropy_with_heads(
    outputs: Tensor | tuple[Tensor, ...],
    target: Tensor,
    weight: float = AUX_WEIGHT,
    **settings: Any,
) -> Tensor:
    """The cross entropy of a network's scores, and `weight` times that of each auxiliary head's.

    outputs: as the network answered, in training the scores and those of its heads, in evaluation
    the scores alone. settings: those of F.cross_entropy.

    Shape: outputs (N, C) or several of them, target (N,) -> ().

    Source: Szegedy et al. 2015, section 5.
    """
    logits, *heads = outputs if isinstance(outputs, tuple) else (outputs,)
    loss = F.cross_entropy(logits, target, **settings)
    for head in heads:
        loss = loss + weight * F.cross_entropy(head, target, **settings)
    return loss


# --- its two forms --------------------------------------------------------------------------------


def glorot(model: nn.Module) -> None:
    """First values: weights uniform with variance 1 / fan in, biases 0.2, of the last layers 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            init.kaiming_uniform_(module.weight, nonlinearity="linear")
            init.constant_(module.bias, 0.2)
    init.zeros_(model.fc.bias)
    for head in (model.aux1, model.aux2):
        if head is not None:
            init.zeros_(head.fc2.bias)


def normal(model: nn.Module, std: float) -> None:
    """First values: weights normal with this deviation; biases as the layers draw them."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            init.normal_(module.weight, std=std)


PAPER = Form(
    block=ConvReLU,
    window=5,
    last_pool=3,
    norm=lambda: nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0),
    head_pool=GoogLeNetPool,
    initialise=glorot,
)
TORCHVISION = Form(
    block=BasicConv2d,
    window=3,
    last_pool=2,
    norm=nn.Identity,
    head_pool=lambda: nn.AdaptiveAvgPool2d((4, 4)),
    initialise=partial(normal, std=0.01),
)


def googlenet(
    num_classes: int = 1000,
    in_channels: int = 3,
    aux_logits: bool = True,
    dropout: float = 0.4,
    dropout_aux: float = 0.7,
) -> GoogLeNet:
    """GoogLeNet as published: 6,998,552 parameters, with both auxiliary heads 13,378,280.

    aux_logits: whether there are heads. They work in training, where the network answers with
    GoogLeNetOutputs. dropout, dropout_aux: what is dropped before the last layers of network and
    heads.

    Shape: (N, in_channels, 224, 224) -> (N, num_classes); other sizes are possible without heads.

    Source: Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke & Rabinovich 2015, Going
    deeper with convolutions, table 1 and figure 3.

    Differs: where the paper is silent: pools keep windows that hang over the border, as its sizes
    ask; the response norm is that of Krizhevsky et al. 2012; first values are those of its
    replication for Caffe, weights uniform with variance 1 / fan in (Glorot & Bengio 2010) and
    biases 0.2. The softmax is the loss's.
    """
    settings = (aux_logits, False, dropout, dropout_aux)
    return GoogLeNet(PAPER, num_classes, in_channels, *settings)


def googlenet_torchvision(
    num_classes: int = 1000,
    in_channels: int = 3,
    weights: str | None = None,
    aux_logits: bool = True,
    transform_input: bool | None = None,
    dropout: float = 0.2,
    dropout_aux: float = 0.7,
) -> GoogLeNet:
    """GoogLeNet as torchvision has it: 6,624,904 parameters, with both heads 13,004,888.

    transform_input: whether images come normalised as for other networks, and are normalised anew
    with mean and deviation 0.5; by default so if there are weights, which want it. The rest is as
    in `googlenet`.

    Shape: (N, in_channels, 224, 224) -> (N, num_classes); other sizes are possible.

    Source: Szegedy et al. 2015, table 1; Ioffe & Szegedy 2015 for the batch norm.

    Differs: from the paper by a batch norm behind every convolution instead of biases and response
    norms, by windows of 3x3 where it has 5x5, by a pool of 2x2 before module 5a, by heads whose
    pool fits any size, by less dropout, and by weights that begin normal with deviation 0.01. From
    torchvision: the first values are not cut off at 200 deviations, and heads stay when weights are
    loaded.
    """
    if transform_input is None:
        transform_input = weights is not None
    settings = (aux_logits, transform_input, dropout, dropout_aux)
    model = GoogLeNet(TORCHVISION, num_classes, in_channels, *settings)
    return with_weights(model, "googlenet", weights)
