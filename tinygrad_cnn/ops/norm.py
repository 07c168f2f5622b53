"""Normalisation gates.

One gate computes batch norm, the addition of a skip and the ReLU behind it, because on the way
through a residual network those three are one sweep over memory.
"""

import math

from ..gate import composite, gate
from ..kernels import xp
from .activation import relu as rectified
from .activation import relu_dx
from .pointwise import div, pow
from .reduce import bias_dx, mean, sum
from .shape import reshape


def per_channel(ndim: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes batch norm averages over, and the shape of one number per channel."""
    return (0, *range(2, ndim)), (1, -1, *[1] * (ndim - 2))


@gate(all=lambda g, x, weight, needs: affine_dx(g, x, weight, biased=needs[2] is not None))
def affine(x, weight, bias):
    """weight x + bias with a number of each for every channel; one of them may be None.

    Shape: x (N, C, *space), weight, bias (C,) -> x's.

    Rule: dx = weight g, dweight = Σ g x, dbias = Σ g.
    """
    _, shape = per_channel(x.ndim)
    z = x if weight is None else x * weight.reshape(shape)
    return z if bias is None else z + bias.reshape(shape)


@composite
def affine_dx(g, x, weight, *, biased):
    """The gradients of affine for x, for weight where it is one and, if `biased`, for bias."""
    _, shape = per_channel(x.ndim)
    gx = g if weight is None else g * reshape(weight, shape)
    gw = None if weight is None else bias_dx(g * x)
    return gx, gw, bias_dx(g) if biased else None


@gate(
    autocast="restored",
    floats=True,
    z_if="relu",
    all=lambda g, z, x, weight, aux, needs, spare, eps, relu: batch_norm_dx(
        g, z, x, weight, aux=aux, eps=eps, relu=relu, skip=needs[3] is not None, spare=spare
    ),
)
def batch_norm(x, weight, bias, residual, *, eps, relu):
    """weight (x - mean) / √(var + eps) + bias over batch and space, + residual, then relu.

    A residual of None is left out; relu says whether there is one.

    Second result: the batch's mean and (biased) variance, shape (1, C, 1, ...).

    Shape: x, residual (N, C, *space), weight, bias (C,) -> (N, C, *space).

    Rule: dx = weight/σ (g - mean g - x̂ mean(g x̂)), dweight = Σ g x̂, dbias = Σ g.

    Source: Ioffe & Szegedy 2015, algorithm 1.
    """
    axes, shape = per_channel(x.ndim)
    average = x.mean(axes, keepdims=True)
    variance = x.var(axes, keepdims=True)
    rstd = (variance + eps) ** -0.5
    z = (x - average) * (rstd * weight.reshape(shape)) + bias.reshape(shape)
    if residual is not None:
        z = z + residual
    if relu:
        z = xp(z).maximum(z, 0)
    return z, (average, variance)


@composite
def batch_norm_dx(g, z, x, weight, *, aux, eps, relu, skip=True, spare=False):
    """The gradients of batch_norm for x, weight, bias and, with `skip`, residual.

    aux (mean, variance) and spare, whether g may be written over, are for kernels only: traced
    again, mean and variance must be functions of x.
    """
    axes, shape = per_channel(x.ndim)
    if relu:
        g = relu_dx(g, z)
    centred = x - mean(x, axes, True)
    rstd = pow(mean(centred * centred, axes, True) + eps, -0.5)
    xhat = centred * rstd
    gw, gb = sum(g * xhat, axes, True), sum(g, axes, True)
    share = div(1.0, math.prod(x.shape[i] for i in axes))
    inner = g - gb * share - xhat * (gw * share)
    gx = reshape(weight, shape) * rstd * inner
    return gx, reshape(gw, (-1,)), reshape(gb, (-1,)), g if skip else None


@gate(
    floats=True,
    all=lambda g, x, weight, needs, eps: layer_norm_dx(
        g, x, weight, eps=eps, biased=needs[2] is not None
    ),
)
def layer_norm(x, weight, bias, *, eps):
    """weight (x - mean) / √(variance + eps) + bias over each row; what is None is left out.

    Shape: x (N, C), weight, bias (C,) -> (N, C).

    Rule: dx = (u - mean u - x̂ mean(u x̂)) / σ for u = weight g, dweight = Σ g x̂, dbias = Σ g.

    Source: Ba, Kiros & Hinton 2016, equation 3.
    """
    rstd = (x.var(1, keepdims=True) + eps) ** -0.5
    z = (x - x.mean(1, keepdims=True)) * rstd
    z = z if weight is None else z * weight
    return z if bias is None else z + bias


@composite
def layer_norm_dx(g, x, weight, *, eps, biased):
    """The gradients of layer_norm for x, for weight where it is one and, if `biased`, for bias."""
    centred = x - mean(x, 1, True)
    rstd = pow(mean(centred * centred, 1, True) + eps, -0.5)
    xhat = centred * rstd
    u = g if weight is None else g * weight
    gx = (u - mean(u, 1, True) - xhat * mean(u * xhat, 1, True)) * rstd
    gw = None if weight is None else sum(g * xhat, 0)
    return gx, gw, sum(g, 0) if biased else None


@composite
def running_norm(x, mean, variance, weight, bias, residual, *, eps, relu):
    """weight (x - mean) / √(variance + eps) + bias, + residual, then relu: batch norm evaluated.

    What is None is left out; relu says whether there is one.

    Shape: x, residual (N, C, *space), all others (C,) -> (N, C, *space).

    Source: Ioffe & Szegedy 2015, algorithm 2.
    """
    shape = (-1, *[1] * (x.ndim - 2))
    scale = pow(variance + eps, -0.5)
    scale = scale if weight is None else weight * scale
    z = (x - reshape(mean, shape)) * reshape(scale, shape)
    z = z if bias is None else z + reshape(bias, shape)
    z = z if residual is None else z + residual
    return rectified(z) if relu else z
