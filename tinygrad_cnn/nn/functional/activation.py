"""Activations.

Those that PyTorch does not compute for whole numbers refuse them. `inplace` is taken for PyTorch's
sake and changes nothing: no gate writes into its inputs.
"""

from ...ops import activation, create
from ...ops.activation import floating
from ...tensor import Tensor

# --- sigmoids -------------------------------------------------------------------------------------


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
    return activation.scaled_tanh(input)


def logsigmoid(input: Tensor) -> Tensor:
    """The logarithm of sigmoid, exact also where sigmoid underflows.

    Raises: NotImplementedError for whole numbers.
    """
    return activation.logsigmoid(floating("logsigmoid", input))


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """(input + 3) / 6, but not below 0 and not above 1.

    Raises: NotImplementedError for whole numbers.

    Source: Howard et al. 2019, section 5.2.
    """
    return activation.hardsigmoid(floating("hardsigmoid", input))


def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|).

    Source: Bergstra et al. 2009.
    """
    return activation.softsign(input)


# --- zero or a slope on the left ------------------------------------------------------------------


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0).

    Source: Nair & Hinton 2010, section 2.
    """
    return activation.relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """input, but not below 0 and not above 6.

    Source: Krizhevsky 2010, section 2.

    Differs: whole numbers become floats.
    """
    return activation.hardtanh(input, 0.0, 6.0)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """input, but not below min_val and not above max_val.

    Raises: ValueError for min_val above max_val.

    Differs: whole numbers become floats.
    """
    min_val, max_val = (create.number_of("hardtanh", bound) for bound in (min_val, max_val))
    if min_val > max_val:
        raise ValueError(
            f"hardtanh: min_val lies below max_val, got min_val={min_val} and max_val={max_val}"
        )
    return activation.hardtanh(input, min_val, max_val)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input where it is above the threshold, else value."""
    return activation.threshold(input, threshold, value)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where it is positive, else negative_slope · input.

    Raises: NotImplementedError for whole numbers.

    Source: Maas, Hannun & Ng 2013, section 2.
    """
    return activation.leaky_relu(floating("leaky_relu", input), negative_slope)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """input where it is positive, else weight · input: one weight for all channels or one for each.

    Shape: input (N, C, *), (N) or (), weight (C,), (1,) or () -> input's.

    Raises: RuntimeError for a weight of another shape, NotImplementedError for whole numbers.

    Source: He et al. 2015, section 2.1.
    """
    return activation.prelu(floating("prelu", input), weight)


# --- bent on the left -----------------------------------------------------------------------------


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where it is positive, else alpha (e^input - 1).

    Raises: NotImplementedError for whole numbers.

    Source: Clevert, Unterthiner & Hochreiter 2016, equation 15.
    """
    return activation.elu(floating("elu", input), alpha)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """elu scaled so that mean 0 and variance 1 are a fixed point of layers.

    Raises: NotImplementedError for whole numbers.

    Source: Klambauer et al. 2017, equation 2.
    """
    return activation.selu(floating("selu", input))


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where it is positive, else alpha (e^(input/alpha) - 1): its slope has no jump.

    Raises: RuntimeError for an alpha of 0, NotImplementedError for whole numbers.

    Source: Barron 2017, equation 2.
    """
    return activation.celu(floating("celu", input), alpha)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e^(beta · input)) / beta, and input itself where beta · input is above the threshold.

    Raises: NotImplementedError for whole numbers.

    Source: Dugas et al. 2001, equation 4.
    """
    return activation.softplus(floating("softplus", input), beta, threshold)


# --- gated by themselves --------------------------------------------------------------------------


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input · sigmoid(input), also called swish.

    Raises: NotImplementedError for whole numbers.

    Source: Elfwing, Uchibe & Doya 2018, equation 4; Ramachandran, Zoph & Le 2017.
    """
    return activation.silu(floating("silu", input))


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input · hardsigmoid(input).

    Raises: NotImplementedError for whole numbers.

    Source: Howard et al. 2019, section 5.2.
    """
    return activation.hardswish(floating("hardswish", input))


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input · tanh(softplus(input)).

    Raises: NotImplementedError for whole numbers.

    Source: Misra 2019, equation 1.
    """
    return activation.mish(floating("mish", input))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """input · Φ(input), Φ the normal distribution function; "tanh" takes a sigmoid for Φ.

    Raises: RuntimeError for another `approximate`, NotImplementedError for whole numbers.

    Source: Hendrycks & Gimpel 2016, section 2.
    """
    return activation.gelu(floating("gelu", input), approximate)


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """One half of input along `dim` times the sigmoid of the other half.

    Shape: input (*, 2n, *) -> (*, n, *).

    Raises: RuntimeError for an odd size, NotImplementedError for whole numbers.

    Source: Dauphin et al. 2017, equation 1.
    """
    return activation.glu(floating("glu", input), dim)


# --- shrinking ------------------------------------------------------------------------------------


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """input, but 0 within [-lambd, lambd].

    Raises: NotImplementedError for whole numbers.
    """
    return activation.hardshrink(floating("hardshrink", input), lambd)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """input, brought nearer to 0 by lambd; 0 within [-lambd, lambd].

    Raises: RuntimeError for a negative lambd, NotImplementedError for whole numbers.
    """
    return activation.softshrink(floating("softshrink", input), lambd)


def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input)."""
    return activation.tanhshrink(input)


# --- along an axis --------------------------------------------------------------------------------


def implied(dim: int | None, ndim: int) -> int:
    """`dim`; for None PyTorch's choice: the axis of classes of images and vectors in batches."""
    if dim is None:
        return 0 if ndim in (0, 1, 3) else 1
    return dim


def softmax(input: Tensor, dim: int | None = None, dtype: object = None) -> Tensor:
    """e^input over the sum of e^input along `dim`; computed in `dtype` if one is given.

    Without a dim it is axis 0 for up to one axis and for three axes, else axis 1.

    Raises: NotImplementedError for whole numbers, IndexError for a dim out of range.

    Differs: PyTorch warns where no dim is given, and has an unused third argument.
    """
    return activation.softmax(input, implied(dim, input.ndim), dtype)


def log_softmax(input: Tensor, dim: int | None = None, dtype: object = None) -> Tensor:
    """The logarithm of softmax, without overflow; computed in `dtype` if one is given.

    Without a dim as softmax.

    Raises: NotImplementedError for whole numbers, IndexError for a dim out of range.

    Differs: PyTorch warns where no dim is given, and has an unused third argument.
    """
    return activation.log_softmax(input, implied(dim, input.ndim), dtype)


def softmin(input: Tensor, dim: int | None = None, dtype: object = None) -> Tensor:
    """softmax of -input; computed in `dtype` if one is given.

    Without a dim as softmax.

    Raises: NotImplementedError for whole numbers, IndexError for a dim out of range.

    Differs: PyTorch warns where no dim is given, and has an unused third argument.
    """
    return activation.softmax(-floating("softmin", input, dtype), implied(dim, input.ndim))
