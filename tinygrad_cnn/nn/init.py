"""First values of parameters: each function fills a tensor in place and returns it.

Random numbers come from `generator`, or from the library's own generator, which `manual_seed`
restarts. They are drawn on the host in double precision, so that a seed gives the same numbers on
every device and, rounded, in every dtype.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

from ..autograd import no_grad
from ..random import Generator, default_generator
from ..tensor import Tensor

GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def write(tensor: Tensor, raw: object) -> Tensor:
    """`tensor`, with the array `raw` copied into it."""
    with no_grad():
        return tensor.copy_(Tensor(raw).to(tensor.device))


def drawing(fill: Callable) -> Callable:
    """The decorator of random ones: a tensor without numbers, on "meta", is returned as it is."""

    @functools.wraps(fill)
    def filled(tensor: Tensor, *settings: Any, **named: Any) -> Tensor:
        return tensor if tensor.device.type == "meta" else fill(tensor, *settings, **named)

    return filled


def constant_(tensor: Tensor, val: float) -> Tensor:
    """`tensor`, filled with `val`."""
    with no_grad():
        return tensor.fill_(val)


def zeros_(tensor: Tensor) -> Tensor:
    """`tensor`, filled with 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """`tensor`, filled with 1."""
    return constant_(tensor, 1.0)


@drawing
def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """`tensor`, filled with numbers drawn uniformly from [a, b].

    Raises: RuntimeError for an interval without numbers.
    """
    if a > b:
        raise RuntimeError(f"uniform_: numbers from a to b need a <= b, got {a} and {b}")
    return write(tensor, (generator or default_generator).numpy().uniform(a, b, tensor.shape))


@drawing
def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """`tensor`, filled with numbers drawn from the normal distribution of this mean and std.

    Raises: RuntimeError for a negative std.
    """
    if std < 0:
        raise RuntimeError(f"normal_: a standard deviation is not negative, got {std}")
    return write(tensor, (generator or default_generator).numpy().normal(mean, std, tensor.shape))


@drawing
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """`tensor`, normal with this mean and std, but drawn again where a number is not in [a, b].

    Raises: RuntimeError for an interval without numbers or a std that is not positive.
    """
    if not (a < b and std > 0):
        raise RuntimeError(
            f"trunc_normal_: expected a < b and a positive std, got {a}, {b} and {std}"
        )
    rng = (generator or default_generator).numpy()
    raw = truncated(rng, (a - mean) / std, (b - mean) / std, tensor.numel())
    return write(tensor, (raw * std + mean).clip(a, b).reshape(tensor.shape))


def truncated(rng: Any, low: float, high: float, count: int) -> Any:
    """An array of `count` numbers of the standard normal distribution that lie in [low, high].

    Uniform proposals, each kept with the probability e^((near² - x²) / 2), where `near` is where
    the density is largest; that is, if an exponential variate exceeds (x² - near²) / 2. Where the
    density is below e^-40 of that, nothing is proposed: so even far tails are drawn quickly.
    """
    near = min(max(low, 0.0), high)
    reach = math.sqrt(near * near + 80.0)
    low, high = max(low, -reach), min(high, reach)
    raw = rng.uniform(low, high, count)
    rejected = rng.standard_exponential(count) < (raw * raw - near * near) / 2
    while rejected.any():
        again = int(rejected.sum())
        x = rng.uniform(low, high, again)
        raw[rejected] = x
        rejected[rejected] = rng.standard_exponential(again) < (x * x - near * near) / 2
    return raw


@drawing
def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """`tensor`, normal with this std, but in each column the share `sparsity` of numbers is 0.

    Shape: (rows, columns); the zeros of a column are its share of rows, rounded up.

    Raises: ValueError for anything but two axes.

    Source: Martens 2010, section 5 (sparse initialisation).
    """
    if tensor.ndim != 2:
        raise ValueError(f"sparse_ fills matrices, got shape {tensor.shape}")
    rng = (generator or default_generator).numpy()
    raw = rng.normal(0.0, std, tensor.shape)
    order = rng.random(tensor.shape).argsort(0).argsort(0)
    raw[order < math.ceil(sparsity * tensor.shape[0])] = 0.0
    return write(tensor, raw)


# --- exact ones -----------------------------------------------------------------------------------


def eye_(tensor: Tensor) -> Tensor:
    """`tensor`, a matrix, with ones on its diagonal and zeros elsewhere.

    Raises: ValueError for anything but two axes.
    """
    if tensor.ndim != 2:
        raise ValueError(f"eye_ fills matrices, got shape {tensor.shape}")
    diagonal = list(range(min(tensor.shape)))
    zeros_(tensor)
    with no_grad():
        tensor[diagonal, diagonal] = 1.0
    return tensor


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """`tensor`, the weights of a convolution that passes its channels on, as far as it has outputs.

    Shape: (K, C/groups, *window) with one to three axes of window; its middle gets the ones.

    Raises: ValueError for another number of axes, or if groups do not divide K.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(f"dirac_ fills weights (out, in, *window), got shape {tensor.shape}")
    outputs, inputs, *window = tensor.shape
    if groups < 1 or outputs % groups:
        raise ValueError(f"dirac_: {groups} groups do not divide {outputs} outputs")
    share = outputs // groups
    passed = min(share, inputs)
    rows = [g * share + i for g in range(groups) for i in range(passed)]
    zeros_(tensor)
    with no_grad():
        tensor[(rows, list(range(passed)) * groups, *[n // 2 for n in window])] = 1.0
    return tensor


@drawing
def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """`tensor`, seen as a matrix of as many rows as it has outputs, random and orthogonal.

    Its rows, or where they are too many its columns, have length `gain` and are at right angles;
    all such matrices are equally likely.

    Raises: ValueError for fewer than two axes.

    Source: Saxe, McClelland & Ganguli 2014, section 3.
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_ fills tensors of at least 2 axes, got shape {tensor.shape}")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    raw = (generator or default_generator).numpy().normal(size=(rows, columns))
    wide = raw if rows <= columns else raw.T.copy()
    for i, row in enumerate(wide):
        before = wide[:i]
        for _ in range(2):  # once leaves an error that grows with the number of rows
            row -= (before @ row) @ before
        row /= math.sqrt(row @ row)
    return write(tensor, gain * (wide if rows <= columns else wide.T).reshape(tensor.shape))


# --- by the number of connections -----------------------------------------------------------------


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output of weights `tensor` sees, and how many outputs an input reaches.

    Shape: weights (K, C, *window).

    Raises: ValueError for fewer than two axes.
    """
    if tensor.ndim < 2:
        raise ValueError(
            f"fan in and fan out are those of weights (out, in, *window), got shape {tensor.shape}"
        )
    outputs, inputs, *window = tensor.shape
    return inputs * math.prod(window), outputs * math.prod(window)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights grow to make up for what `nonlinearity` takes from the variance.

    param: the negative slope of "leaky_relu", by default 0.01.

    Raises: ValueError for an unknown name, or a slope that is no number.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"the slope of leaky_relu is a number, got {param!r}")
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in GAINS:
        raise ValueError(
            f"there are gains for {', '.join(GAINS)} and leaky_relu, got {nonlinearity!r}"
        )
    return GAINS[nonlinearity]


def xavier_std(tensor: Tensor, gain: float) -> float:
    """The standard deviation of Glorot & Bengio's rule."""
    return gain * math.sqrt(2 / sum(_calculate_fan_in_and_fan_out(tensor)))


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """`tensor`, uniform with variance gain² · 2 / (fan in + fan out).

    Source: Glorot & Bengio 2010, equation 16.
    """
    bound = math.sqrt(3) * xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """`tensor`, normal with variance gain² · 2 / (fan in + fan out).

    Source: Glorot & Bengio 2010, equation 12.
    """
    return normal_(tensor, 0.0, xavier_std(tensor, gain), generator)


def kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """The standard deviation of He's rule.

    Raises: ValueError for an unknown mode.
    """
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode is 'fan_in' or 'fan_out', got {mode!r}")
    fan = _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """`tensor`, uniform with variance gain² / fan; `a` is the slope of the leaky ReLU behind it.

    Source: He, Zhang, Ren & Sun 2015, section 2.2.
    """
    bound = math.sqrt(3) * kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """`tensor`, normal with variance gain² / fan; `a` is the slope of the leaky ReLU behind it.

    Source: He, Zhang, Ren & Sun 2015, section 2.2.
    """
    return normal_(tensor, 0.0, kaiming_std(tensor, a, mode, nonlinearity), generator)
