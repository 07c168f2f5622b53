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
from .pool import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "conv1d",
    "conv2d",
    "conv3d",
    "cross_entropy",
    "dropout",
    "elu",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "pad",
    "partial_conv2d",
    "relu",
    "scaled_tanh",
    "sigmoid",
    "softmax",
    "tanh",
]
