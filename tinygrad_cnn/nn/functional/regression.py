"""Losses of regression: differences, and negative log-likelihoods of numbers."""

import math

from ...amp import follows
from ...ops import loss, pointwise, reduce, shape
from ...tensor import Tensor
from .reduction import check_broadcast, check_pair, check_reduction, reduced


@follows("float32")
def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """(input - target)².

    Shape: input, target (*) -> (), or (*) with "none". Shapes that differ are broadcast, with a
    warning.

    Raises: RuntimeError for shapes that do not broadcast, ValueError for an unknown reduction.
    """
    check_pair("mse_loss", input, target)
    check_reduction(reduction)
    return reduced(pointwise.square(input - target), reduction)


@follows("float32")
def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """|input - target|. Shapes and errors as in mse_loss."""
    check_pair("l1_loss", input, target)
    check_reduction(reduction)
    return reduced(pointwise.abs(input - target), reduction)


@follows("float32")
def smooth_l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """With d = input - target: d² / (2 beta) where |d| < beta, else |d| - beta / 2.

    Shapes and errors as in mse_loss.

    Raises: RuntimeError for a negative beta.

    Source: Girshick 2015, equation 3.
    """
    check_pair("smooth_l1_loss", input, target)
    check_reduction(reduction)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss: beta is not negative, got {beta}")
    d = input - target
    size = pointwise.abs(d)
    if not beta:
        return reduced(size, reduction)
    losses = pointwise.where(size < beta, d * d * (0.5 / beta), size - 0.5 * beta)
    return reduced(losses, reduction)


@follows("float32")
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0
) -> Tensor:
    """With d = input - target: d² / 2 where |d| <= delta, else delta (|d| - delta / 2).

    Shapes and errors as in mse_loss.

    Raises: RuntimeError for a delta that is not positive.

    Source: Huber 1964, section 3.
    """
    check_pair("huber_loss", input, target)
    check_reduction(reduction)
    if delta <= 0:
        raise RuntimeError(f"huber_loss: delta is positive, got {delta}")
    d = input - target
    size = pointwise.abs(d)
    losses = pointwise.where(size <= delta, d * d * 0.5, (size - 0.5 * delta) * delta)
    return reduced(losses, reduction)


@follows("float32")
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """-log of the Poisson probability of target, whose mean is e^input (or input itself).

    log_input: whether input is the logarithm of the mean; else `eps` is added to it. full: with
    Stirling's formula for log(target!), else without the terms that have no gradient for input.

    Shape: input, target (*) -> (), or (*) with "none".
    """
    check_broadcast("poisson_nll_loss", input=input, target=target)
    check_reduction(reduction)
    if log_input:
        losses = pointwise.exp(input) - target * input
    else:
        losses = input - target * pointwise.log(input + eps)
    if full:
        large = target > 1
        t = pointwise.where(large, target, 1.0)
        stirling = t * pointwise.log(t) - t + 0.5 * pointwise.log(t * (2 * math.pi))
        losses = losses + pointwise.where(large, stirling, 0.0)
    return reduced(losses, reduction)


@follows("float32")
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """-log of the normal density of target with mean input and this variance, at least eps.

    The gradient for var is taken at the variance that was used. full: with the constant
    log(2π) / 2.

    Shape: input, target (*); var (*), or that without the last axis or with 1 in one place -> (),
    or (*) with "none".

    Raises: ValueError for another shape of var, for a negative variance (on the CPU) or an unknown
    reduction.

    Source: Nix & Weigend 1994, equation 2.
    """
    name = "gaussian_nll_loss"
    check_broadcast(name, input=input, target=target)
    check_reduction(reduction)
    var = variance(name, input, var)
    if loss.readable(var) and reduce.any(var < 0):
        raise ValueError(f"{name}: variances are not negative, got {var.amin().item():g}")
    var = pointwise.where(var < eps, var - var.detach() + eps, var)  # its gradient passes through
    d = input - target
    losses = (pointwise.log(var) + d * d / var) * 0.5
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced(losses, reduction)


def variance(name: str, input: Tensor, var: Tensor | float) -> Tensor:
    """var as a Tensor that broadcasts to input.

    Raises: ValueError if its shape is neither the input's, nor that without the last axis, nor that
    with 1 in one place.
    """
    if not isinstance(var, Tensor):
        return shape.ones_like(input) * var
    if var.shape == input.shape:
        return var
    if var.shape == input.shape[:-1]:
        return shape.unsqueeze(var, -1)
    differing = [v for v, n in zip(var.shape, input.shape, strict=False) if v != n]
    if var.ndim != input.ndim or differing != [1]:
        raise ValueError(
            f"{name}: var has the shape of input {input.shape}, or that without the last axis or "
            f"with 1 in one place, got {var.shape}"
        )
    return var
