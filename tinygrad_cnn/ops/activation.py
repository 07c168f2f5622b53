"""Activations: gates of single numbers in both modes; prelu, glu and softmax work on Tensors alone.

The sides of a kink are chosen as PyTorch chooses them. `where` discards the side that was not
chosen, but not its gradient times 0: exponentials are therefore kept from overflowing there.
"""

import math

from ..gate import composite, gate
from ..kernels import is_float, xp
from .comparison import logical_and, logical_or
from .erf import erfc
from .joining import split
from .loss import log_softmax as stable_log_softmax
from .loss import softmax as stable_softmax
from .pointwise import abs, clamp, div, exp, expm1, log1p, maximum, where
from .shape import axis_of, reshape

SELU_ALPHA = 1.6732632423543772  # Klambauer et al. 2017, equation 14 with mean 0 and variance 1
SELU_SCALE = 1.0507009873554805
AMPLITUDE, SLOPE = 1.7159, 2 / 3  # of scaled_tanh; LeCun et al. 1998, appendix A
STEEPEST, BEND = AMPLITUDE * SLOPE, SLOPE / AMPLITUDE

# --- sigmoids -------------------------------------------------------------------------------------


@composite(formula=True)
def tanh_dx(g, z):
    """The gradient of tanh for its input: g (1 - z²)."""
    return g * (1.0 - z * z)


@gate(formula=True, floats=True, x=tanh_dx)
def tanh(x):
    """The hyperbolic tangent.

    Rule: dz/dx = 1 - z².
    """
    return xp(x).tanh(x)


@gate(
    formula=True,
    floats=True,
    x=lambda g, z: g * (STEEPEST - z * z * BEND),
)
def scaled_tanh(x):
    """1.7159 tanh(2/3 x): it takes ±1 to ±1, and bends most there.

    Rule: dz/dx = a s - s z² / a with the amplitude a and the slope s.

    Source: LeCun et al. 1998, equation 6 and appendix A.
    """
    return tanh(x * SLOPE) * AMPLITUDE


@composite(formula=True)
def sigmoid_dx(g, z):
    """The gradient of sigmoid for its input: g z (1 - z)."""
    return g * (z * (1.0 - z))


@gate(formula=True, floats=True, x=sigmoid_dx)
def sigmoid(x):
    """1 / (1 + e^-x); where e^-x overflows, 0.

    Rule: dz/dx = z (1 - z).
    """
    return 1.0 / (xp(x).exp(-x) + 1.0)


@gate(formula=True, floats=True, x=lambda g, x: g * sigmoid(-x))
def logsigmoid(x):
    """log sigmoid(x) = -softplus(-x), exact also where sigmoid underflows.

    Rule: dz/dx = sigmoid(-x).
    """
    return -softplus(-x, 1.0, math.inf)


@gate(
    formula=True,
    floats=True,
    x=lambda g, x: where(logical_and(x > -3.0, x < 3.0), g * (1 / 6), 0.0),
)
def hardsigmoid(x):
    """(x + 3) / 6, but not below 0 and not above 1.

    Rule: dz/dx = 1/6 for -3 < x < 3, else 0.

    Source: Howard et al. 2019, section 5.2.
    """
    return div(clamp(x + 3.0, 0.0, 6.0), 6.0)


@composite
def softsign(x):
    """x / (1 + |x|).

    Source: Bergstra et al. 2009.
    """
    return div(x, abs(x) + 1.0)


# --- zero or a slope on the left ------------------------------------------------------------------


@composite(formula=True)
def relu_dx(g, z):
    """The gradient of relu for its input: 0 where z <= 0, else g."""
    return where(z <= 0, 0.0, g)


@gate(formula=True, x=relu_dx)
def relu(x):
    """max(x, 0).

    Rule: dz/dx = 0 where z <= 0, also at 0; else 1, also for nan.

    Source: Nair & Hinton 2010, section 2.
    """
    return xp(x).maximum(x, 0)


@gate(
    formula=True,
    floats=True,
    x=lambda g, x, negative_slope: where(x > 0, g, g * negative_slope),
)
def leaky_relu(x, *, negative_slope=0.01):
    """x for x > 0, else negative_slope * x.

    Rule: dz/dx = 1 for x > 0, else negative_slope.

    Source: Maas, Hannun & Ng 2013, section 2.
    """
    return where(x > 0, x, x * negative_slope)


@composite
def prelu(x, weight):
    """x for x > 0, else weight * x: one weight for all channels, or one for each.

    Shape: x (N, C, *), (N) or (), weight (C,), (1,) or () -> x's.

    Raises: RuntimeError for a weight of another shape.

    Source: He et al. 2015, section 2.1.
    """
    if getattr(weight, "ndim", 0):
        channels = x.shape[1] if x.ndim > 1 else 1
        if weight.ndim > 1 or weight.shape[0] not in (1, channels):
            raise RuntimeError(
                f"prelu: weight has the shape (1,), or ({channels},) for one number for each "
                f"channel of an input of shape {x.shape}, got {weight.shape}"
            )
        weight = reshape(weight, (-1, *[1] * (x.ndim - 2)) if x.ndim > 1 else (1,) * x.ndim)
    return where(x > 0, x, x * weight)


@gate(
    formula=True,
    floats=True,
    x=lambda g, x, min_val, max_val: where(logical_or(x <= min_val, x >= max_val), 0.0, g),
)
def hardtanh(x, *, min_val=-1.0, max_val=1.0):
    """x, but not below min_val and not above max_val.

    Rule: dz/dx = 0 for x <= min_val and for x >= max_val, else 1: at its ends it differs from that
    of clamp.
    """
    return clamp(x, min_val, max_val)


@composite
def threshold(x, *, threshold, value):
    """x for x > threshold, else value."""
    return where(x <= threshold, value, x)


# --- bent on the left -----------------------------------------------------------------------------


@gate(
    formula=True,
    floats=True,
    x=lambda g, x, alpha, scale, input_scale: where(
        x <= 0, g * (exp(below_zero(x) * input_scale) * (alpha * scale * input_scale)), g * scale
    ),
)
def elu(x, *, alpha=1.0, scale=1.0, input_scale=1.0):
    """scale x for x > 0, else scale alpha (e^(input_scale x) - 1): elu, selu and celu.

    Rule: dz/dx = scale for x > 0, else scale alpha input_scale e^(input_scale x).

    Source: Clevert, Unterthiner & Hochreiter 2016, equation 15.
    """
    bent = expm1(below_zero(x) * input_scale) * (alpha * scale)
    return where(x <= 0, bent, x * scale)


def below_zero(x):
    """x where it is negative, else 0; there it has no gradient."""
    return where(x < 0, x, 0.0)


@composite
def selu(x):
    """elu scaled so that mean 0 and variance 1 are a fixed point of layers.

    Source: Klambauer et al. 2017, equation 2.
    """
    return elu(x, SELU_ALPHA, SELU_SCALE)


@composite
def celu(x, *, alpha=1.0):
    """x for x > 0, else alpha (e^(x/alpha) - 1): its slope has no jump for any alpha.

    Raises: RuntimeError for an alpha of 0.

    Source: Barron 2017, equation 2.
    """
    if alpha == 0:
        raise RuntimeError("celu: alpha divides the input, and was 0; give another number")
    return elu(x, alpha, 1.0, 1.0 / alpha)


@gate(
    formula=True,
    autocast="float32",
    floats=True,
    x=lambda g, x, beta, threshold: where(x * beta > threshold, g, g * sigmoid(x * beta)),
)
def softplus(x, *, beta=1.0, threshold=20.0):
    """log(1 + e^(beta x)) / beta, and x itself where beta x > threshold.

    Rule: dz/dx = sigmoid(beta x), and 1 where beta x > threshold.

    Source: Dugas et al. 2001, equation 4.
    """
    scaled = x * beta
    smooth = maximum(scaled, 0.0) + log1p(exp(-abs(scaled)))
    return where(scaled > threshold, x, div(smooth, beta))


# --- gated by themselves --------------------------------------------------------------------------


def silu_slope(x):
    """The derivative of silu."""
    s = sigmoid(x)
    return s * (1.0 + x * (1.0 - s))


@gate(formula=True, floats=True, x=lambda g, x: g * silu_slope(x))
def silu(x):
    """x sigmoid(x), also called swish.

    Rule: dz/dx = s (1 + x (1 - s)) with s = sigmoid(x).

    Source: Elfwing, Uchibe & Doya 2018, equation 4; Ramachandran, Zoph & Le 2017.
    """
    return x * sigmoid(x)


@gate(
    formula=True,
    floats=True,
    x=lambda g, x: where(x <= -3.0, 0.0, where(x < 3.0, g * (x * (1 / 3) + 0.5), g)),
)
def hardswish(x):
    """x hardsigmoid(x).

    Rule: dz/dx = 0 for x <= -3, x/3 + 1/2 up to 3, and 1 from there.

    Source: Howard et al. 2019, section 5.2.
    """
    return x * hardsigmoid(x)


def mish_slope(x):
    """The derivative of mish."""
    t = tanh(softplus(x))
    return t + x * (1.0 - t * t) * sigmoid(x)


@gate(formula=True, floats=True, x=lambda g, x: g * mish_slope(x))
def mish(x):
    """x tanh(softplus(x)).

    Rule: dz/dx = t + x (1 - t²) sigmoid(x) with t = tanh(softplus(x)).

    Source: Misra 2019, equation 1.
    """
    return x * tanh(softplus(x))


ROOT_HALF = math.sqrt(0.5)
TWO_ROOTS = math.sqrt(8.0 / math.pi)
DENSITY = math.sqrt(0.5 / math.pi)  # of the normal distribution at 0
CUBIC = 0.044715


def gelu_slope(x, approximate):
    """The derivative of gelu."""
    if approximate == "none":
        return erfc(x * -ROOT_HALF) * 0.5 + x * (exp(x * x * -0.5) * DENSITY)
    s = sigmoid((x + x * x * x * CUBIC) * TWO_ROOTS)
    return s + x * (s * (1.0 - s)) * ((1.0 + x * x * (3.0 * CUBIC)) * TWO_ROOTS)


@gate(formula=True, floats=True, x=lambda g, x, approximate: g * gelu_slope(x, approximate))
def gelu(x, *, approximate="none"):
    """x Φ(x), Φ the normal distribution function; "tanh" takes a sigmoid for Φ.

    "none" means Φ itself. The other name is that of the paper's formula, with 1/2 + tanh(u)/2,
    which is sigmoid(2u) and loses digits where it is small.

    Rule: dz/dx = Φ(x) + x φ(x), φ the density; with "tanh" s + x s (1 - s) u' for s = sigmoid(u).

    Raises: RuntimeError for an `approximate` that is neither "none" nor "tanh".

    Source: Hendrycks & Gimpel 2016, section 2.
    """
    if approximate == "none":
        return x * (erfc(x * -ROOT_HALF) * 0.5)
    if approximate == "tanh":
        return x * sigmoid((x + x * x * x * CUBIC) * TWO_ROOTS)
    raise RuntimeError(f"gelu: approximate is 'none' or 'tanh', got {approximate!r}")


@composite
def glu(x, *, dim=-1):
    """One half of x along `dim` times the sigmoid of the other half.

    Raises: RuntimeError for a 0-d x, and for an odd size.

    Source: Dauphin et al. 2017, equation 1.
    """
    if x.ndim == 0:
        raise RuntimeError("glu: halves an axis, and a 0-d input has none")
    axis = axis_of(x.ndim, dim)
    if x.shape[axis] % 2:
        raise RuntimeError(f"glu: the size along dim {dim} has to be even, got the shape {x.shape}")
    left, right = split(x, [x.shape[axis] // 2] * 2, axis)
    return left * sigmoid(right)


# --- shrinking ------------------------------------------------------------------------------------


@composite
def hardshrink(x, *, lambd=0.5):
    """x, but 0 within [-lambd, lambd]."""
    return where(logical_and(x >= -lambd, x <= lambd), 0.0, x)


@composite
def softshrink(x, *, lambd=0.5):
    """x, brought nearer to 0 by lambd; 0 within [-lambd, lambd].

    Raises: RuntimeError for a negative lambd.
    """
    if lambd < 0:
        raise RuntimeError(f"softshrink: lambd is at least 0, got {lambd}")
    return x - clamp(x, -lambd, lambd)


@composite
def tanhshrink(x):
    """x - tanh(x)."""
    return x - tanh(x)


# --- along an axis --------------------------------------------------------------------------------


def floating(name: str, x, dtype=None):
    """x, cast to `dtype` if one is given.

    Raises: NotImplementedError if it then holds whole numbers, and any at all.
    """
    x = x if dtype is None else x.to(dtype=dtype)
    if getattr(x, "dtype", None) is not None and not is_float(x.dtype) and 0 not in x.shape:
        raise NotImplementedError(
            f"{name}: takes floating numbers, got {x.dtype}; cast them with x.float()"
        )
    return x


def softmax(x, dim: int, dtype=None):
    """e^x over the sum of e^x along `dim`, without overflow; computed in `dtype` if one is given.

    Raises: NotImplementedError for whole numbers, IndexError for a dim out of range.
    """
    return stable_softmax(floating("softmax", x, dtype), dim)


def log_softmax(x, dim: int, dtype=None):
    """The logarithm of softmax, exact also where softmax underflows; computed in `dtype` if given.

    Raises: NotImplementedError for whole numbers, IndexError for a dim out of range.
    """
    return stable_log_softmax(floating("log_softmax", x, dtype), dim)
