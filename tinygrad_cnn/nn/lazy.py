"""Layers that learn how many features they take from their first input.

A lazy layer is the layer it stands for, made for 0 features. It is given its settings, and the
first input tells it the rest: then it becomes an ordinary layer, parameters, class and all. Before,
it has no parameters to count, train or save, and says so.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..tensor import Tensor
from .conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from .functional.window import batched
from .linear import Linear
from .module import Module
from .norm import BatchNorm1d, BatchNorm2d, BatchNorm3d


class Lazy(Module):
    """What lazy layers share. They take the settings of the class that they become, but its first.

    device, dtype: by default those of the first input, or the default dtype for whole numbers.

    Raises: RuntimeError for everything that needs parameters, before the first forward.

    Differs: in PyTorch device and dtype are the default ones, and such a layer can be moved before
    its first forward.
    """

    becomes = Module

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(0, *args, **named)
        self.arguments = (args, named)

    def features_in(self, x: Tensor) -> int:
        """How many features an input has."""
        raise NotImplementedError

    def features_of(self, state: Mapping[str, Any]) -> int:
        """How many features the layer took whose state this is."""
        raise NotImplementedError

    def become(self, features: int, **place: object) -> None:
        """Make an ordinary layer of this one, for so many features."""
        args, named = self.arguments
        given = inspect.signature(self.becomes).bind(features, *args, **named)
        given.arguments = place | given.arguments
        del self.arguments
        self.__class__ = self.becomes
        self.__init__(*given.args, **given.kwargs)

    def reset_parameters(self, *_: Callable) -> None:
        """Nothing: there is nothing to draw yet."""

    def forward(self, x: Tensor, *args: Any, **named: Any) -> Tensor:
        """The output of the layer that this one becomes."""
        place = {"device": x.device, "dtype": x.dtype} if x.is_floating_point() else {}
        self.become(self.features_in(x), **place)
        return self.forward(x, *args, **named)

    def adapted(self, state_dict: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
        """The state, after becoming the layer that it fits.

        Raises: RuntimeError for a state without the tensor that tells the features.
        """
        own = {k.removeprefix(prefix): t for k, t in state_dict.items() if k.startswith(prefix)}
        try:
            features = self.features_of(own)
        except KeyError as missing:
            raise RuntimeError(
                f"{type(self).__name__} reads from {missing} how many features it takes, but the "
                f"state has only {sorted(state_dict)}"
            ) from None
        self.become(features)
        return state_dict

    def named_own(self, kind: type | tuple[type, ...]) -> list[tuple[str, Any]]:
        """As every module, but there are no parameters and buffers.

        Raises: RuntimeError for these.
        """
        if kind is not Module:
            raise RuntimeError(
                f"{type(self).__name__} has no parameters before its first forward: call the "
                "network once, on one example, then count, move, train or save it"
            )
        return super().named_own(kind)


# --- convolution ----------------------------------------------------------------------------------


class LazyConvolution(Lazy):
    """What lazy convolutions share."""

    def features_in(self, x: Tensor) -> int:
        """The channels of an input."""
        return batched(type(self).__name__, x, self.rank).shape[1]

    def features_of(self, state: Mapping[str, Any]) -> int:
        """The channels that weights take."""
        return state["weight"].shape[1] * self.groups


class LazyConv1d(LazyConvolution, Conv1d):
    """A Conv1d that finds out in_channels; its other settings begin with out_channels."""

    becomes = Conv1d


class LazyConv2d(LazyConvolution, Conv2d):
    """A Conv2d that finds out in_channels; its other settings begin with out_channels."""

    becomes = Conv2d


class LazyConv3d(LazyConvolution, Conv3d):
    """A Conv3d that finds out in_channels; its other settings begin with out_channels."""

    becomes = Conv3d


class LazyTransposed(LazyConvolution):
    """What lazy transposed convolutions share."""

    def features_of(self, state: Mapping[str, Any]) -> int:
        """The channels that weights take."""
        return state["weight"].shape[0]


class LazyConvTranspose1d(LazyTransposed, ConvTranspose1d):
    """A ConvTranspose1d that finds out in_channels; its other settings begin with out_channels."""

    becomes = ConvTranspose1d


class LazyConvTranspose2d(LazyTransposed, ConvTranspose2d):
    """A ConvTranspose2d that finds out in_channels; its other settings begin with out_channels."""

    becomes = ConvTranspose2d


class LazyConvTranspose3d(LazyTransposed, ConvTranspose3d):
    """A ConvTranspose3d that finds out in_channels; its other settings begin with out_channels."""

    becomes = ConvTranspose3d


# --- linear and batch norm ------------------------------------------------------------------------


class LazyLinear(Lazy, Linear):
    """A Linear that finds out in_features; its other settings begin with out_features."""

    becomes = Linear

    def features_in(self, x: Tensor) -> int:
        """The size of the last axis.

        Raises: RuntimeError for an input without axes.
        """
        if not x.ndim:
            raise RuntimeError("LazyLinear: expected an input (*, in_features), got shape ()")
        return x.shape[-1]

    def features_of(self, state: Mapping[str, Any]) -> int:
        """The features that weights take."""
        return state["weight"].shape[1]


class LazyBatchNorm(Lazy):
    """What lazy batch norms share."""

    def features_in(self, x: Tensor) -> int:
        """The channels of an input.

        Raises: ValueError for one of another number of axes.
        """
        if x.ndim not in self.ranks:
            raise ValueError(
                f"{type(self).__name__}: expected an input of shape {self.axes}, got {x.shape}"
            )
        return x.shape[1]

    def features_of(self, state: Mapping[str, Any]) -> int:
        """The channels of the running mean, or of the scale."""
        return len(state["running_mean" if self.track_running_stats else "weight"])


class LazyBatchNorm1d(LazyBatchNorm, BatchNorm1d):
    """A BatchNorm1d that finds out num_features; its other settings begin with eps."""

    becomes = BatchNorm1d


class LazyBatchNorm2d(LazyBatchNorm, BatchNorm2d):
    """A BatchNorm2d that finds out num_features; its other settings begin with eps."""

    becomes = BatchNorm2d


class LazyBatchNorm3d(LazyBatchNorm, BatchNorm3d):
    """A BatchNorm3d that finds out num_features; its other settings begin with eps."""

    becomes = BatchNorm3d
