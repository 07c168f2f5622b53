"""First values of parameters: each function fills a tensor in place and returns it.

Random numbers come from `generator`, or from the library's own generator, which `manual_seed`
restarts. They are drawn on the host in double precision, so that a seed gives the same numbers on
every device and, rounded, in every dtype.
"""

import math

from ..autograd import no_grad
from ..random import Generator, default_generator
from ..tensor import Tensor

GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def write(tensor: Tensor, raw: object) -> Tensor:
    """`tensor`, with the array `raw` copied into it."""
    with no_grad():
        return tensor.copy_(Tensor(raw).to(tensor.device))


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


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """`tensor`, filled with numbers drawn uniformly from [a, b]."""
    return write(tensor, (generator or default_generator).numpy().uniform(a, b, tensor.shape))


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """`tensor`, filled with numbers drawn from the normal distribution of this mean and std."""
    return write(tensor, (generator or default_generator).numpy().normal(mean, std, tensor.shape))


def fans(tensor: Tensor) -> tuple[int, int]:
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

    Raises: ValueError for an unknown name.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in GAINS:
        raise ValueError(
            f"there are gains for {', '.join(GAINS)} and leaky_relu, got {nonlinearity!r}"
        )
    return GAINS[nonlinearity]


def xavier_std(tensor: Tensor, gain: float) -> float:
    """The standard deviation of Glorot & Bengio's rule."""
    return gain * math.sqrt(2 / sum(fans(tensor)))


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
    fan = fans(tensor)[mode == "fan_out"]
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
