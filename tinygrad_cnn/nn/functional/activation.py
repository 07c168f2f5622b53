"""Activations and dropout.

`inplace` is taken for PyTorch's sake and changes nothing: no gate writes into its inputs.
"""

from ...ops import activation, create, loss
from ...tensor import Tensor

AMPLITUDE = 1.7159  # LeCun et al. 1998, appendix A
SLOPE = 2 / 3


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0)."""
    return activation.relu(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where it is positive, else negative_slope · input.

    Source: Maas, Hannun & Ng 2013, section 2.
    """
    return activation.leaky_relu(input, negative_slope)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where it is positive, else alpha (e^input - 1).

    Source: Clevert, Unterthiner & Hochreiter 2016, equation 15.
    """
    return activation.elu(input, alpha)


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + e^-input)."""
    return activation.sigmoid(input)


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return activation.tanh(input)


def scaled_tanh(input: Tensor) -> Tensor:
    """1.7159 tanh(2/3 input): it takes ±1 to ±1, and bends most there.

    Source: LeCun et al. 1998, equation 6 and appendix A.
    """
    return activation.tanh(input * SLOPE) * AMPLITUDE


def softmax(input: Tensor, dim: int, dtype: object = None) -> Tensor:
    """e^input over the sum of e^input along `dim`; computed in `dtype` if one is given.

    Differs: `dim` has to be given.
    """
    return loss.softmax(input if dtype is None else input.to(dtype=dtype), dim)


def log_softmax(input: Tensor, dim: int, dtype: object = None) -> Tensor:
    """The logarithm of softmax, without overflow; computed in `dtype` if one is given.

    Differs: `dim` has to be given.
    """
    return loss.log_softmax(input if dtype is None else input.to(dtype=dtype), dim)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """input with each element zeroed with probability p and the rest scaled by 1 / (1 - p).

    Outside training input itself.

    Raises: ValueError for a p outside [0, 1].

    Source: Srivastava et al. 2014, section 10.
    """
    return create.dropout(input, p, training)
