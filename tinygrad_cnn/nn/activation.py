"""Activations as layers."""

from ..tensor import Tensor
from . import functional as F
from . import init as initial
from .conv import blank
from .module import Module

# --- without settings -----------------------------------------------------------------------------


class Plain(Module):
    """What layers without settings share."""

    function = None  # of nn.functional

    def forward(self, x: Tensor) -> Tensor:
        """The function of x."""
        return self.function(x)


class Sigmoid(Plain):
    """1 / (1 + e^-x), as F.sigmoid."""

    function = staticmethod(F.sigmoid)


class Tanh(Plain):
    """The hyperbolic tangent, as F.tanh."""

    function = staticmethod(F.tanh)


class ScaledTanh(Plain):
    """1.7159 tanh(2/3 x), as F.scaled_tanh.

    Source: LeCun et al. 1998, equation 6 and appendix A.
    """

    function = staticmethod(F.scaled_tanh)


class LogSigmoid(Plain):
    """The logarithm of sigmoid, as F.logsigmoid."""

    function = staticmethod(F.logsigmoid)


class Softsign(Plain):
    """x / (1 + |x|), as F.softsign."""

    function = staticmethod(F.softsign)


class Tanhshrink(Plain):
    """x - tanh(x), as F.tanhshrink."""

    function = staticmethod(F.tanhshrink)


# --- with `inplace` alone -------------------------------------------------------------------------


class Direct(Plain):
    """What layers share whose only setting is `inplace`, which changes nothing but their text."""

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def extra_repr(self) -> str:
        """The setting, if it is not at its default."""
        return "inplace=True" if self.inplace else ""


class ReLU(Direct):
    """max(x, 0), as F.relu."""

    function = staticmethod(F.relu)


class ReLU6(Direct):
    """x, but not below 0 and not above 6, as F.relu6."""

    function = staticmethod(F.relu6)


class SELU(Direct):
    """The scaled elu of self-normalising networks, as F.selu.

    Source: Klambauer et al. 2017, equation 2.
    """

    function = staticmethod(F.selu)


class SiLU(Direct):
    """x sigmoid(x), as F.silu."""

    function = staticmethod(F.silu)


class Mish(Direct):
    """x tanh(softplus(x)), as F.mish."""

    function = staticmethod(F.mish)


class Quiet(Direct):
    """What layers share whose text tells no setting, as in PyTorch."""

    def extra_repr(self) -> str:
        """Nothing."""
        return ""


class Hardswish(Quiet):
    """x hardsigmoid(x), as F.hardswish."""

    function = staticmethod(F.hardswish)


class Hardsigmoid(Quiet):
    """(x + 3) / 6 within [0, 1], as F.hardsigmoid."""

    function = staticmethod(F.hardsigmoid)


# --- with a shape to choose -----------------------------------------------------------------------


class LeakyReLU(Module):
    """x where it is positive, else negative_slope · x, as F.leaky_relu."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x with its negative part made small."""
        return F.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        """The settings."""
        return f"negative_slope={self.negative_slope}" + ", inplace=True" * self.inplace


class PReLU(Module):
    """x where it is positive, else weight · x with a weight that is learnt, as F.prelu.

    `num_parameters` is 1, or the number of channels.

    Shape: x (N, C, *) -> (N, C, *).
    """

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: object = None,
        dtype: object = None,
    ) -> None:
        self.num_parameters = num_parameters
        self.init = init
        self.weight = blank((num_parameters,), device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set every weight to `init`."""
        initial.constant_(self.weight, self.init)

    def forward(self, x: Tensor) -> Tensor:
        """x with its negative part weighted."""
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        """The setting."""
        return f"num_parameters={self.num_parameters}"


class Hardtanh(Module):
    """x, but not below min_val and not above max_val, as F.hardtanh.

    Raises: ValueError for min_val that is not below max_val.
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        if min_val >= max_val:
            raise ValueError(
                f"Hardtanh: min_val lies below max_val, got min_val={min_val} and max_val={max_val}"
            )
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x within its bounds."""
        return F.hardtanh(x, self.min_val, self.max_val)

    def extra_repr(self) -> str:
        """The settings."""
        return f"min_val={self.min_val}, max_val={self.max_val}" + ", inplace=True" * self.inplace


class Threshold(Module):
    """x where it is above the threshold, else value, as F.threshold."""

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x with its small numbers replaced."""
        return F.threshold(x, self.threshold, self.value)

    def extra_repr(self) -> str:
        """The settings."""
        return f"threshold={self.threshold}, value={self.value}" + ", inplace=True" * self.inplace


class Exponential(Module):
    """What ELU and CELU share: an alpha."""

    function = None  # of nn.functional

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, x: Tensor) -> Tensor:
        """x with its negative part bent towards -alpha."""
        return self.function(x, self.alpha)

    def extra_repr(self) -> str:
        """The settings."""
        return f"alpha={self.alpha}" + ", inplace=True" * self.inplace


class ELU(Exponential):
    """x where it is positive, else alpha (e^x - 1), as F.elu."""

    function = staticmethod(F.elu)


class CELU(Exponential):
    """x where it is positive, else alpha (e^(x/alpha) - 1), as F.celu."""

    function = staticmethod(F.celu)


class Softplus(Module):
    """log(1 + e^(beta x)) / beta, and x itself where beta x > threshold, as F.softplus."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta = beta
        self.threshold = threshold

    def forward(self, x: Tensor) -> Tensor:
        """A smooth positive part of x."""
        return F.softplus(x, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """The settings."""
        return f"beta={self.beta}, threshold={self.threshold}"


class GELU(Module):
    """x times the normal distribution function of x, as F.gelu."""

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        """x, weighted by how many normal numbers lie below it."""
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        """The setting."""
        return f"approximate={self.approximate!r}"


class Shrinkage(Module):
    """What Hardshrink and Softshrink share: how far from 0 they reach."""

    function = None  # of nn.functional

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = lambd

    def forward(self, x: Tensor) -> Tensor:
        """x without its small numbers."""
        return self.function(x, self.lambd)

    def extra_repr(self) -> str:
        """The setting."""
        return str(self.lambd)


class Hardshrink(Shrinkage):
    """x, but 0 within [-lambd, lambd], as F.hardshrink."""

    function = staticmethod(F.hardshrink)


class Softshrink(Shrinkage):
    """x, brought nearer to 0 by lambd, as F.softshrink."""

    function = staticmethod(F.softshrink)


# --- along an axis --------------------------------------------------------------------------------


class AlongDim(Module):
    """What Softmax and its relatives share: an axis; F.softmax says which one without."""

    function = None  # of nn.functional

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        """The function of x along dim."""
        return self.function(x, self.dim)

    def extra_repr(self) -> str:
        """The setting."""
        return f"dim={self.dim}"


class Softmax(AlongDim):
    """e^x over the sum of e^x along `dim`, as F.softmax.

    Differs: PyTorch warns where no dim is given.
    """

    function = staticmethod(F.softmax)


class LogSoftmax(AlongDim):
    """The logarithm of softmax, without overflow, as F.log_softmax.

    Differs: PyTorch warns where no dim is given.
    """

    function = staticmethod(F.log_softmax)


class Softmin(AlongDim):
    """Softmax of -x, as F.softmin.

    Differs: PyTorch warns where no dim is given.
    """

    function = staticmethod(F.softmin)


class GLU(AlongDim):
    """One half of x along `dim` times the sigmoid of the other half, as F.glu."""

    function = staticmethod(F.glu)

    def __init__(self, dim: int = -1) -> None:
        super().__init__(dim)


class Softmax2d(Module):
    """Softmax over the channels of images, at every place.

    Shape: x (N, C, H, W) or (C, H, W) -> the same.

    Raises: ValueError for an x of another number of axes.
    """

    def forward(self, x: Tensor) -> Tensor:
        """The softmax of x over its channels."""
        if x.ndim not in (3, 4):
            raise ValueError(
                f"Softmax2d: expected an input of shape (N, C, H, W) or (C, H, W), got {x.shape}"
            )
        return F.softmax(x, -3)
