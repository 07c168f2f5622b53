"""Normalisation gates.

One gate computes batch norm, the addition of a skip and the ReLU behind it, because on the way
through a residual network those three are one sweep over memory.
"""

from ..gate import composite, gate
from ..kernels import xp
from .pointwise import pow, relu_dx
from .reduce import mean, sum
from .shape import reshape


def per_channel(ndim: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes batch norm averages over, and the shape of one number per channel."""
    return (0, *range(2, ndim)), (1, -1, *[1] * (ndim - 2))


@gate(
    all=lambda g, z, x, weight, aux, needs, eps, relu: batch_norm_dx(
        g, z, x, weight, aux=aux, eps=eps, relu=relu
    )
)
def batch_norm(x, weight, bias, residual, *, eps, relu):
    """weight (x - mean) / √(var + eps) + bias over batch and space, + residual, then relu.

    A residual of None is left out; relu says whether there is one.

    Second result: the batch's mean and 1 / √(var + eps), shape (1, C, 1, ...).

    Shape: x, residual (N, C, *space), weight, bias (C,) -> (N, C, *space).

    Rule: dx = weight/σ (g - mean g - x̂ mean(g x̂)), dweight = Σ g x̂, dbias = Σ g.

    Source: Ioffe & Szegedy 2015, algorithm 1.
    """
    axes, shape = per_channel(x.ndim)
    average = x.mean(axes, keepdims=True)
    rstd = (x.var(axes, keepdims=True) + eps) ** -0.5
    z = (x - average) * (rstd * weight.reshape(shape)) + bias.reshape(shape)
    if residual is not None:
        z = z + residual
    if relu:
        z = xp(z).maximum(z, 0)
    return z, (average, rstd)


@composite
def batch_norm_dx(g, z, x, weight, *, aux, eps, relu):
    """The gradients of batch_norm for x, weight, bias and residual.

    aux (mean, 1/σ) is for kernels only: traced again, both must be functions of x.
    """
    axes, shape = per_channel(x.ndim)
    if relu:
        g = relu_dx(g, z)
    centred = x - mean(x, axes, True)
    rstd = pow(mean(centred * centred, axes, True) + eps, -0.5)
    xhat = centred * rstd
    inner = g - mean(g, axes, True) - xhat * mean(g * xhat, axes, True)
    gx = reshape(weight, shape) * rstd * inner
    return gx, sum(g * xhat, axes), sum(g, axes), g
