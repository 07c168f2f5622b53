"""Normalisation: inputs shifted and scaled to mean 0 and variance 1, over these axes or those.

Batch, instance, group and layer norm are one gate, that of batch norm, on inputs cut into channels
in different ways: what has one mean is one channel.
"""

import math
from typing import NamedTuple

from ...amp import follows
from ...autograd import no_grad
from ...ops import activation, create, norm, pointwise, pool, reduce
from ...tensor import Tensor

EPSILON = {2: 2.0**-10, 4: 2.0**-23, 8: 2.0**-52}  # of one, by the bytes of a number


def check_input(name: str, x: Tensor, least: int, axes: str) -> None:
    """Nothing, if x is a floating Tensor of at least `least` axes.

    Raises: TypeError for anything but a floating Tensor, RuntimeError for too few axes.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} takes a Tensor, got {type(x).__name__}; tg.tensor(...) makes one")
    if not x.is_floating_point():
        raise TypeError(f"{name} takes floating numbers, got {x.dtype}; cast them with x.float()")
    if x.ndim < least:
        raise RuntimeError(f"{name}: expected an input of shape {axes}, got {x.shape}")


def check_shapes(name: str, shape: tuple[int, ...], **tensors: Tensor | None) -> None:
    """Nothing, if every tensor that is there has this shape.

    Raises: RuntimeError for one of another shape.
    """
    for role, t in tensors.items():
        if t is not None and getattr(t, "shape", None) != shape:
            raise RuntimeError(
                f"{name}: {role} should have the shape {shape} to fit the input, got "
                f"{getattr(t, 'shape', repr(t))}"
            )


def check_running(name: str, running: dict[str, Tensor | None], remedy: str) -> None:
    """Nothing, if all running statistics are there.

    Raises: RuntimeError if one is not, which offers the `remedy`.
    """
    missing = [role for role, t in running.items() if t is None]
    if missing:
        raise RuntimeError(
            f"{name}: takes running_mean and running_var without {remedy}, got None for "
            f"{' and '.join(missing)}; give both, or {remedy}"
        )


# --- over the batch, over an instance -------------------------------------------------------------


def standardized(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    residual: Tensor | None = None,
    relu: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch norm of x with the batch's own statistics, + residual, then with `relu` what is below 0
    made 0; and x's means and biased variances.

    Shape: x, residual (N, C, *space), weight, bias (C,) -> x's, (C,), (C,).
    """
    size = x.shape[1:2]
    settings = {"dtype": x.dtype, "device": x.device}
    weight = create.ones(size, **settings) if weight is None else weight
    bias = create.zeros(size, **settings) if bias is None else bias
    z, statistics = norm.batch_norm.full(x, weight, bias, residual, eps, relu)
    average, variance = (Tensor(t).reshape(size) for t in statistics)
    return z, average, variance


class Running(NamedTuple):
    """What batch norm in evaluation knows of an input: one number per channel of each."""

    mean: Tensor
    variance: Tensor
    weight: Tensor | None
    bias: Tensor | None
    eps: float


def rescaled(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """weight x + bias; what is None is left out.

    Shape: x (N, C, *space), all others (C,) -> x's.
    """
    return x if weight is None and bias is None else norm.affine(x, weight, bias)


def finished(z: Tensor, residual: Tensor | None, relu: bool) -> Tensor:
    """z + residual, then with `relu` what is below 0 made 0."""
    z = z if residual is None else z + residual
    return activation.relu(z) if relu else z


def track(kept: Tensor | None, new: Tensor, momentum: float | Tensor) -> None:
    """Move a running statistic, outside the graph, by the share `momentum` towards a new one."""
    if kept is not None:
        with no_grad():
            kept.mul_(1 - momentum).add_(new * momentum)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float | Tensor = 0.1,
    eps: float = 1e-5,
    *,
    residual: Tensor | None = None,
    relu: bool = False,
) -> Tensor:
    """weight (input - mean) / √(var + eps) + bias, channel by channel; + residual, then relu.

    In training mean and var are the batch's, over samples and space, and functions of the input;
    running_mean and running_var, where given, move by the share `momentum` towards them, in place.
    Otherwise those two are used. The batch's variance divides by the number n of values, what
    running_var learns by n - 1. A batch of nothing moves nothing.

    residual: what is added to the result, or None. relu: whether the activation follows. The
    three are one sweep over memory, in evaluation where nothing is recorded.

    Shape: input, residual (N, C, *space), all others (C,) -> input's.

    Rule: in training dx = weight/σ (g - mean g - x̂ mean(g x̂)), dweight = Σ g x̂, dbias = Σ g.

    Raises: ValueError for one value per channel in training, whose variance is 0; RuntimeError for
    shapes that do not fit, and for no running statistics outside training.

    Source: Ioffe & Szegedy 2015, algorithms 1 and 2.
    """
    name = "batch_norm"
    check_input(name, input, 2, "(N, C, *)")
    size = input.shape[1:2]
    running = {"running_mean": running_mean, "running_var": running_var}
    check_shapes(name, size, **running, weight=weight, bias=bias)
    check_shapes(name, input.shape, residual=residual)
    if not training:
        check_running(name, running, "training=True")
        statistics = (running_mean, running_var, weight, bias)
        return norm.running_norm(input, *statistics, residual, eps, relu)
    count = input.shape[0] * math.prod(input.shape[2:])
    if count == 1:
        raise ValueError(
            f"{name}: expected more than 1 value per channel when training, got an input of shape "
            f"{input.shape}; use more samples, or eval()"
        )
    if not input.numel():
        return finished(rescaled(input, weight, bias), residual, relu)
    z, average, variance = standardized(input, weight, bias, eps, residual, relu)
    track(running_mean, average, momentum)
    track(running_var, variance * (count / (count - 1)), momentum)
    return z


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """weight (input - mean) / √(var + eps) + bias, for each channel of each sample.

    As batch_norm of one sample at a time: with use_input_stats mean and var are taken over space,
    and the running statistics move towards their averages over the samples.

    Shape: input (N, C, *space), all others (C,) -> input's.

    Raises: ValueError for one element of space with use_input_stats; RuntimeError for shapes that
    do not fit, and for no running statistics without use_input_stats.

    Source: Ulyanov, Vedaldi & Lempitsky 2016, equation 2.
    """
    name = "instance_norm"
    check_input(name, input, 2, "(N, C, *)")
    samples, channels, *space = input.shape
    running = {"running_mean": running_mean, "running_var": running_var}
    check_shapes(name, (channels,), **running, weight=weight, bias=bias)
    if not use_input_stats:
        check_running(name, running, "use_input_stats=True")
        statistics = (running_mean, running_var, weight, bias)
        return norm.running_norm(input, *statistics, None, eps, False)
    count = math.prod(space)
    if count == 1:
        raise ValueError(
            f"{name}: expected more than 1 element of space, got an input of shape {input.shape}"
        )
    if not input.numel():
        return rescaled(input, weight, bias)
    of_each = [
        None if t is None else t.expand((samples, channels)).reshape(-1) for t in (weight, bias)
    ]
    z, *statistics = standardized(input.reshape(1, -1, *space), *of_each, eps)
    average, variance = (t.reshape(samples, channels).mean(0) for t in statistics)
    track(running_mean, average, momentum)
    track(running_var, variance * (count / (count - 1)), momentum)
    return z.reshape(input.shape)


# --- within a sample ------------------------------------------------------------------------------


def grouped(x: Tensor, groups: int, eps: float) -> Tensor:
    """x with each of so many equal parts of it, one after the other, at mean 0 and variance 1."""
    if not x.numel():
        return x
    return norm.layer_norm(x.reshape(groups, -1), None, None, eps=eps).reshape(x.shape)


def check_normalized_shape(
    name: str, x: Tensor, shape: int | tuple[int, ...], **tensors: Tensor | None
) -> tuple[int, ...]:
    """normalized_shape as a tuple, after a look whether input and weights have it.

    Raises: TypeError for anything but a floating Tensor, RuntimeError for shapes that do not fit.
    """
    if not isinstance(shape, (int, tuple, list)):
        raise TypeError(f"{name}: normalized_shape is a tuple of whole numbers, got {shape!r}")
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    check_input(name, x, len(shape), f"(*, {', '.join(map(str, shape))})")
    if not shape or x.shape[-len(shape) :] != shape:
        raise RuntimeError(
            f"{name}: normalized_shape has to be the last sizes, one at least, of the input's "
            f"shape {x.shape}, got {shape}"
        )
    check_shapes(name, shape, **tensors)
    return shape


@follows("float32")
def layer_norm(
    input: Tensor,
    normalized_shape: int | tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """weight (input - mean) / √(var + eps) + bias, over the last axes.

    normalized_shape: the sizes of those axes.

    Shape: input (*, *normalized_shape), weight, bias normalized_shape -> input's.

    Raises: RuntimeError for shapes that do not fit.

    Source: Ba, Kiros & Hinton 2016, equation 3.
    """
    shape = check_normalized_shape("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    if input.ndim == 2 and len(shape) == 1 and input.numel():  # rows already: nothing to reshape
        return norm.layer_norm(input, weight, bias, eps=eps)
    if input.numel():
        rows = input.reshape(-1, math.prod(shape))
        vectors = [None if v is None else v.reshape(-1) for v in (weight, bias)]
        return norm.layer_norm(rows, *vectors, eps=eps).reshape(input.shape)
    z = input.clone() if weight is None else input * weight
    return z if bias is None else z + bias


@follows("float32")
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """weight (input - mean) / √(var + eps) + bias, over each group of channels of each sample.

    Shape: input (N, C, *space), weight, bias (C,) -> input's.

    Raises: RuntimeError for shapes that do not fit, or groups that do not divide the channels;
    ValueError for a group of one value in a batch of one sample.

    Source: Wu & He 2018, section 3.1.
    """
    name = "group_norm"
    check_input(name, input, 2, "(N, C, *)")
    samples, channels, *space = input.shape
    if num_groups < 1 or channels % num_groups:
        raise RuntimeError(
            f"{name}: num_groups has to divide the {channels} channels of an input of shape "
            f"{input.shape}, got {num_groups}"
        )
    check_shapes(name, (channels,), weight=weight, bias=bias)
    if samples * channels // num_groups * math.prod(space) == 1:
        raise ValueError(
            f"{name}: expected more than 1 value per group, got {num_groups} groups of an input of "
            f"shape {input.shape}"
        )
    return rescaled(grouped(input, samples * num_groups, eps), weight, bias)


def rms_norm(
    input: Tensor,
    normalized_shape: int | tuple[int, ...],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """weight · input / √(mean of input² + eps), over the last axes.

    normalized_shape: the sizes of those axes. eps: by default what separates 1 from the next larger
    number of the input's dtype.

    Shape: input (*, *normalized_shape), weight normalized_shape -> input's.

    Raises: RuntimeError for shapes that do not fit.

    Source: Zhang & Sennrich 2019, equation 4.
    """
    shape = check_normalized_shape("rms_norm", input, normalized_shape, weight=weight)
    eps = EPSILON[input.dtype.itemsize] if eps is None else eps
    last = tuple(range(-len(shape), 0))
    z = input * pointwise.rsqrt(reduce.mean(input * input, last, True) + eps)
    return z if weight is None else z * weight


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """input / (k + alpha · mean of input² over `size` neighbouring channels)^beta.

    Channels that are not there count as zeros; where `size` is even, one more channel comes before
    than behind.

    Shape: input (N, C, *space), with at least one axis of space -> input's.

    Raises: ValueError for fewer axes, RuntimeError for a size below 1.

    Source: Krizhevsky, Sutskever & Hinton 2012, section 3.3.

    Differs: as in PyTorch alpha weighs the mean of the squares, in the paper their sum: alpha here
    is `size` times the paper's, whose k = 2, n = 5, α = 1e-4, β = 0.75 are size=5, alpha=5e-4,
    beta=0.75, k=2.
    """
    name = "local_response_norm"
    check_input(name, input, 0, "(N, C, *)")
    if input.ndim < 3:
        raise ValueError(f"{name}: expected an input of shape (N, C, *space), got {input.shape}")
    if size < 1:
        raise RuntimeError(f"{name}: size has to be at least 1, got {size}")
    if not input.numel():
        return input
    samples, channels, *space = input.shape
    area = math.prod(space)
    squares = (input * input).reshape(samples, 1, channels, area)
    sums = pool.window_sum(
        squares, (size, 1), (1, 1), (size // 2, 0), (1, 1), (channels, area)
    ).reshape(input.shape)
    return input * pointwise.pow(sums * (alpha / size) + k, -beta)


def normalize(
    input: Tensor, p: float = 2.0, dim: int | tuple[int, ...] = 1, eps: float = 1e-12
) -> Tensor:
    """input / max(‖input‖_p, eps), the norm taken along `dim`.

    Shape: input (*) -> input's.

    Raises: TypeError for anything but a floating Tensor, RuntimeError for a p that is no number,
    IndexError for a dim that is not there.
    """
    check_input("normalize", input, 0, "(*)")
    return input / pointwise.clamp(reduce.norm(input, p, dim, True), eps)
