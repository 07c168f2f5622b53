"""Softmax and the losses of classification."""

from ..gate import composite, flat, gate
from ..kernels import xp
from .pointwise import exp, log
from .reduce import sum
from .shape import axes_of, unsqueeze


def centred(x, dim: int):
    """x minus its largest element along `dim`, so that no exponential overflows."""
    return x - x.max(axes_of(x.ndim, dim), keepdims=True) if x.size else x


@gate(floats=True, x=lambda g, z, dim: softmax_dx(g, z, dim=dim))
def softmax(x, *, dim):
    """e^x over the sum of e^x along `dim`, without overflow.

    Rule: dx = z (g - Σ g z).
    """
    e = xp(x).exp(centred(x, dim))
    return e / e.sum(axes_of(x.ndim, dim), keepdims=True)


@composite
def softmax_dx(g, z, *, dim):
    """The gradient of softmax for its input."""
    return z * (g - sum(g * z, dim, True))


@gate(floats=True, x=lambda g, z, dim: log_softmax_dx(g, z, dim=dim))
def log_softmax(x, *, dim):
    """The logarithm of softmax, exact also where softmax underflows.

    Rule: dx = g - e^z Σ g.
    """
    c = centred(x, dim)
    return c - log(xp(x).exp(c).sum(axes_of(x.ndim, dim), keepdims=True))


@composite
def log_softmax_dx(g, z, *, dim):
    """The gradient of log_softmax for its input."""
    return g - exp(z) * sum(g, dim, True)


@flat
def one_hot(target, *, classes, dim, like):
    """1 at each target class along a new axis `dim`, else 0, in the dtype `like`."""
    z = xp(target).arange(classes).reshape(-1, *[1] * (target.ndim - dim))
    return (xp(target).expand_dims(target, dim) == z).astype(like)


@gate(floats=True, x=lambda g, x, target: cross_entropy_dx(g, x, target))
def cross_entropy(x, target):
    """-log softmax(x)[target] of every sample, from logits in one stable step.

    Shape: x (N, classes, *rest), target (N, *rest) of whole numbers -> (N, *rest).

    Rule: dx = g (softmax(x) - one_hot(target)).
    """
    c = centred(x, 1)
    total = xp(x).log(xp(x).exp(c).sum(1))
    return total - xp(x).take_along_axis(c, xp(x).expand_dims(target, 1), 1)[:, 0]


@composite
def cross_entropy_dx(g, x, target):
    """The gradient of cross_entropy for the logits."""
    hot = one_hot(target, x.shape[1], 1, x.dtype)
    return (softmax(x, 1) - hot) * unsqueeze(g, 1)


@gate(x=lambda g, target, x_shape: nll_dx(g, target, x_shape))
def nll(x, target):
    """-x[target] of every sample.

    Shape: x (N, classes, *rest) of log-probabilities, target (N, *rest) -> (N, *rest).

    Rule: dx = -g at the target, else 0.
    """
    return -xp(x).take_along_axis(x, xp(x).expand_dims(target, 1), 1)[:, 0]


def nll_dx(g, target, shape: tuple):
    """The gradient of nll for the log-probabilities."""
    hot = one_hot(target, shape[1], 1, g.dtype)
    return -unsqueeze(g, 1) * hot
