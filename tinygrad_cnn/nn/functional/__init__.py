"""The functions of networks under PyTorch's names: checks and settings in front of the gates."""

from .activation import (
    dropout,
    elu,
    leaky_relu,
    log_softmax,
    relu,
    scaled_tanh,
    sigmoid,
    softmax,
    tanh,
)
from .conv import conv1d, conv2d, conv3d, linear, pad, partial_conv2d
from .loss import cross_entropy, l1_loss, mse_loss, nll_loss, one_hot
from .norm import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    normalize,
    rms_norm,
)
from .pool import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "conv1d",
    "conv2d",
    "conv3d",
    "cross_entropy",
    "dropout",
    "elu",
    "group_norm",
    "instance_norm",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "partial_conv2d",
    "relu",
    "rms_norm",
    "scaled_tanh",
    "sigmoid",
    "softmax",
    "tanh",
]
