"""Activations: elementwise gates, in both modes."""

from ..gate import composite, gate
from ..kernels import xp
from .pointwise import exp, expm1, minimum, where


@gate(floats=True, x=lambda g, z: g * (1.0 - z * z))
def tanh(x):
    """The hyperbolic tangent.

    Rule: dz/dx = 1 - z².
    """
    return xp(x).tanh(x)


@gate(floats=True, x=lambda g, z: g * (z * (1.0 - z)))
def sigmoid(x):
    """1 / (1 + e^-x); where e^-x overflows, 0.

    Rule: dz/dx = z (1 - z).
    """
    return 1.0 / (xp(x).exp(-x) + 1.0)


@gate(x=lambda g, z: relu_dx(g, z))
def relu(x):
    """max(x, 0).

    Rule: dz/dx = 1 where z > 0, else 0 (also at 0).
    """
    return xp(x).maximum(x, 0)


@composite
def relu_dx(g, z):
    """The gradient of relu for its input: g where z > 0."""
    return where(z > 0, g, 0.0)


@gate(floats=True, x=lambda g, x, negative_slope: where(x > 0, g, g * negative_slope))
def leaky_relu(x, *, negative_slope=0.01):
    """x for x > 0, else negative_slope * x.

    Rule: dz/dx = 1 for x > 0, else negative_slope.

    Source: Maas, Hannun & Ng 2013, section 2.
    """
    return where(x > 0, x, x * negative_slope)


@gate(floats=True, x=lambda g, x, alpha: where(x > 0, g, g * (alpha * exp(minimum(x, 0.0)))))
def elu(x, *, alpha=1.0):
    """x for x > 0, else alpha (e^x - 1).

    Rule: dz/dx = 1 for x > 0, else alpha e^x.

    Source: Clevert, Unterthiner & Hochreiter 2016, equation 15.
    """
    return where(x > 0, x, alpha * expm1(minimum(x, 0.0)))
