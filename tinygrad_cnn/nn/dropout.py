"""Dropout as layers: at work in training alone."""

from ..tensor import Tensor
from . import functional as F
from .functional.dropout import check_probability
from .module import Module


class Dropping(Module):
    """What the layers share: with which probability they drop, as in PyTorch.

    Raises: ValueError for a p outside [0, 1].
    """

    function = None  # of nn.functional

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        check_probability(type(self).__name__, p)
        self.p = p
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x, thinned out in training."""
        return self.function(x, self.p, self.training)

    def extra_repr(self) -> str:
        """The settings."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(Dropping):
    """In training each element zeroed with probability p and the rest over 1 - p, as F.dropout."""

    function = staticmethod(F.dropout)


class Dropout1d(Dropping):
    """In training each channel zeroed with probability p, the others over 1 - p, as F.dropout1d.

    Shape: x (N, C, L) or (C, L) -> the same.
    """

    function = staticmethod(F.dropout1d)


class Dropout2d(Dropping):
    """In training each channel zeroed with probability p, the others over 1 - p, as F.dropout2d.

    Shape: x (N, C, H, W) or (N, C, L) -> the same.
    """

    function = staticmethod(F.dropout2d)


class Dropout3d(Dropping):
    """In training each channel zeroed with probability p, the others over 1 - p, as F.dropout3d.

    Shape: x (N, C, D, H, W) or (C, D, H, W) -> the same.
    """

    function = staticmethod(F.dropout3d)


class AlphaDropout(Dropping):
    """In training each element set with probability p to selu's limit, as F.alpha_dropout."""

    function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(Dropping):
    """In training each channel set to selu's limit with probability p, as F.feature_alpha_dropout.

    Shape: x (N, C, *) -> (N, C, *).
    """

    function = staticmethod(F.feature_alpha_dropout)


class DropPath(Module):
    """In training each sample zeroed with probability drop_prob, as F.drop_path: stochastic depth.

    Names, defaults and text are those of the library timm.

    Shape: x (N, *) -> (N, *).

    Raises: ValueError for a drop_prob outside [0, 1].

    Source: Huang et al. 2016, section 3.
    """

    def __init__(self, drop_prob: float = 0.0, scale_by_keep: bool = True) -> None:
        check_probability("DropPath", drop_prob)
        self.drop_prob = drop_prob
        self.scale_by_keep = scale_by_keep

    def forward(self, x: Tensor) -> Tensor:
        """x, without some of its samples in training."""
        return F.drop_path(x, self.drop_prob, self.training, self.scale_by_keep)

    def extra_repr(self) -> str:
        """The probability, to three places."""
        return f"drop_prob={self.drop_prob:0.3f}"
