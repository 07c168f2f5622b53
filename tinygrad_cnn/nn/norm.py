"""Layers that normalise: what they learn, and the statistics they keep for evaluation."""

from collections.abc import Mapping

from ..graph import WATCHERS
from ..tensor import Device, Tensor
from . import functional as F
from . import init
from .activation import ReLU
from .functional.norm import Running
from .module import Buffer, Module, Parameter
from .weighted import blank


class Scaled(Module):
    """What norms share: a scale and a shift, which begin at 1 and 0 and may be left out."""

    weight = None
    bias = None

    def reset_parameters(self) -> None:
        """Set the scale to 1 and the shift to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


# --- with running statistics ----------------------------------------------------------------------


class Tracked(Scaled):
    """What batch and instance norm share: a scale and shift per channel, and running statistics."""

    ranks = ()  # axes an input may have
    axes = ""  # the same, as messages say it

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: object = None,
        dtype: object = None,
        *,
        bias: bool = True,
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats

        def per_channel() -> Parameter:
            return blank((num_features,), device, dtype)

        self.weight = per_channel() if affine else None
        self.bias = per_channel() if affine and bias else None
        self.running_mean = Buffer(per_channel()) if track_running_stats else None
        self.running_var = Buffer(per_channel()) if track_running_stats else None
        self.num_batches_tracked = None
        if track_running_stats:
            self.num_batches_tracked = Buffer(Tensor(0).to(device=device or Device.default()))
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Set the running means to 0, the running variances to 1, and forget all batches."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Set scale and shift to 1 and 0, and reset the running statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def adapted(self, state_dict: Mapping[str, object], prefix: str) -> Mapping[str, object]:
        """The state with a count of batches, which files from before 2018 do not have."""
        key = f"{prefix}num_batches_tracked"
        if key in state_dict or f"{prefix}running_mean" not in state_dict:
            return state_dict
        return {**state_dict, key: self.num_batches_tracked}

    def check(self, x: Tensor, channels: int) -> None:
        """Nothing, if x has the right number of axes, and of channels, which lie along `channels`.

        Raises: ValueError if it has not.
        """
        if x.ndim not in self.ranks or x.shape[channels] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}: expected an input of shape {self.axes} with "
                f"C = {self.num_features}, got {x.shape}"
            )

    def extra_repr(self) -> str:
        """The settings."""
        text = (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )
        return f"{text}, bias=False" if self.affine and self.bias is None else text


class BatchNorm(Tracked):
    """What BatchNorm1d, BatchNorm2d and BatchNorm3d share."""

    def step(self) -> float | Tensor:
        """How far the running statistics move towards this batch's, which is counted here."""
        self.num_batches_tracked.add_(1)
        if self.momentum is not None:
            return self.momentum
        return 1.0 / self.num_batches_tracked.to(dtype=self.running_mean.dtype)

    def running(self) -> Running:
        """What evaluation makes of an input."""
        return Running(self.running_mean, self.running_var, self.weight, self.bias, self.eps)

    def forward(self, x: Tensor, *, residual: Tensor | None = None, relu: bool = False) -> Tensor:
        """x, normalised; + residual, then with `relu` what is below 0 made 0."""
        self.check(x, 1)
        mean, var = self.running_mean, self.running_var
        momentum = 0.0
        if self.training:
            if self.track_running_stats:
                momentum = self.step()
            else:
                mean = var = None
        by_batch = self.training or mean is None
        settings = (by_batch, momentum, self.eps)
        behind = {"residual": residual, "relu": relu}
        return F.batch_norm(x, mean, var, self.weight, self.bias, *settings, **behind)


class BatchNorm1d(BatchNorm):
    """A layer of F.batch_norm; see BatchNorm2d.

    Shape: (N, num_features) or (N, num_features, L) -> the same.
    """

    ranks = (2, 3)
    axes = "(N, C) or (N, C, L)"


class BatchNorm2d(BatchNorm):
    """A layer of F.batch_norm: each channel at mean 0 and variance 1, then scaled and shifted.

    In training over the batch, in evaluation with the running mean and variance, which move by the
    share `momentum` at each batch; with momentum=None they are the averages over all batches.
    affine: whether there are scale and shift, weight and bias; bias=False leaves out the shift.
    track_running_stats=False: no running statistics; evaluation too takes the batch's.

    Shape: (N, num_features, H, W) -> the same.

    Raises: ValueError for an input of another shape, or one value per channel in training.

    Source: Ioffe & Szegedy 2015, algorithms 1 and 2.
    """

    ranks = (4,)
    axes = "(N, C, H, W)"


class BatchNorm3d(BatchNorm):
    """A layer of F.batch_norm; see BatchNorm2d.

    Shape: (N, num_features, D, H, W) -> the same.
    """

    ranks = (5,)
    axes = "(N, C, D, H, W)"


NORMS = (BatchNorm1d, BatchNorm2d, BatchNorm3d)


def unseen(module: Module) -> bool:
    """Whether nobody notices that a module is computed together with others: neither hooks, nor a
    picture or a check of the graph."""
    return not WATCHERS and not module.is_hooked()


def is_plain_relu(module: object) -> bool:
    """Whether a module is a ReLU, no subclass, that nobody looks at."""
    return type(module) is ReLU and unseen(module)


def activated(
    norm: Module, activation: Module, x: Tensor, residual: Tensor | None = None
) -> Tensor:
    """activation(norm(x) + residual), or without a residual activation(norm(x)).

    Batch norm and ReLU are one gate, with the addition between them, where nobody looks at the
    numbers between; the results are the same.
    """
    if type(norm) in NORMS and unseen(norm) and is_plain_relu(activation):
        return norm.forward(x, residual=residual, relu=True)
    x = norm(x)
    return activation(x if residual is None else x + residual)


class InstanceNorm(Tracked):
    """What InstanceNorm1d, InstanceNorm2d and InstanceNorm3d share."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: object = None,
        dtype: object = None,
        *,
        bias: bool = True,
    ) -> None:
        settings = (eps, momentum, affine, track_running_stats, device, dtype)
        super().__init__(num_features, *settings, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """x, normalised."""
        one = x.ndim == self.ranks[0]
        self.check(x, 0 if one else 1)
        z = F.instance_norm(
            x.unsqueeze(0) if one else x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum or 0.0,
            self.eps,
        )
        return z.squeeze(0) if one else z


class InstanceNorm1d(InstanceNorm):
    """A layer of F.instance_norm; see InstanceNorm2d.

    Shape: (N, num_features, L) or (num_features, L) -> the same.
    """

    ranks = (2, 3)
    axes = "(N, C, L) or (C, L)"


class InstanceNorm2d(InstanceNorm):
    """A layer of F.instance_norm: each channel of each sample at mean 0 and variance 1.

    affine: whether there are weight and bias, a scale and a shift per channel; bias=False leaves
    out the shift. track_running_stats: whether evaluation uses running statistics, which move by
    the share `momentum` at each batch, and not at all if it is None.

    Shape: (N, num_features, H, W) or (num_features, H, W) -> the same.

    Raises: ValueError for an input of another shape, or of one element of space.

    Source: Ulyanov, Vedaldi & Lempitsky 2016, equation 2.

    Differs: another number of channels is an error even without weights.
    """

    ranks = (3, 4)
    axes = "(N, C, H, W) or (C, H, W)"


class InstanceNorm3d(InstanceNorm):
    """A layer of F.instance_norm; see InstanceNorm2d.

    Shape: (N, num_features, D, H, W) or (num_features, D, H, W) -> the same.
    """

    ranks = (4, 5)
    axes = "(N, C, D, H, W) or (C, D, H, W)"


# --- without --------------------------------------------------------------------------------------


class LayerNorm(Scaled):
    """A layer of F.layer_norm: the last axes of each sample at mean 0 and variance 1.

    elementwise_affine: whether there are weight and bias, a scale and a shift for each place of
    normalized_shape; bias=False leaves out the shift.

    Shape: (*, *normalized_shape) -> the same; weight, bias normalized_shape.

    Raises: RuntimeError for an input of another shape.

    Source: Ba, Kiros & Hinton 2016, equation 3.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: object = None,
        dtype: object = None,
    ) -> None:
        one = isinstance(normalized_shape, int)
        self.normalized_shape = (normalized_shape,) if one else tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        if elementwise_affine:
            self.weight = blank(self.normalized_shape, device, dtype)
            self.bias = blank(self.normalized_shape, device, dtype) if bias else None
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """x, normalised."""
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        text = f"{self.normalized_shape}, eps={self.eps}, "
        text += f"elementwise_affine={self.elementwise_affine}"
        return f"{text}, bias=False" if self.elementwise_affine and self.bias is None else text


class RMSNorm(Scaled):
    """A layer of F.rms_norm: the last axes of each sample at a root mean square of 1.

    eps: by default that of the input's dtype. elementwise_affine: whether there is a weight, a
    scale for each place of normalized_shape.

    Shape: (*, *normalized_shape) -> the same; weight normalized_shape.

    Raises: RuntimeError for an input of another shape.

    Source: Zhang & Sennrich 2019, equation 4.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: object = None,
        dtype: object = None,
    ) -> None:
        one = isinstance(normalized_shape, int)
        self.normalized_shape = (normalized_shape,) if one else tuple(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        if elementwise_affine:
            self.weight = blank(self.normalized_shape, device, dtype)
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """x, normalised."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Scaled):
    """A layer of F.group_norm: each group of channels of each sample at mean 0 and variance 1.

    affine: whether there are weight and bias, a scale and a shift per channel; bias=False leaves
    out the shift.

    Shape: (N, num_channels, *) -> the same; weight, bias (num_channels,).

    Raises: ValueError for groups that do not divide the channels, RuntimeError for an input of
    another number of channels.

    Source: Wu & He 2018, section 3.1.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: object = None,
        dtype: object = None,
        *,
        bias: bool = True,
    ) -> None:
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_groups has to divide num_channels, got {num_groups} groups for "
                f"{num_channels} channels"
            )
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        if affine:
            self.weight = blank((num_channels,), device, dtype)
            self.bias = blank((num_channels,), device, dtype) if bias else None
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """x, normalised."""
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The settings."""
        text = f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
        return f"{text}, bias=False" if self.affine and self.bias is None else text


class LocalResponseNorm(Module):
    """A layer of F.local_response_norm: every channel divided by how much its neighbours respond.

    Shape: (N, C, *space) -> the same.

    Source: Krizhevsky, Sutskever & Hinton 2012, section 3.3.

    Differs: alpha is PyTorch's, `size` times the paper's; see F.local_response_norm.
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        """x, normalised."""
        return F.local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
