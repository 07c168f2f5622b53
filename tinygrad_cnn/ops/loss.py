"""Softmax and the losses of classification.

Two of the losses are a sum over classes of shares times costs: the costs of a class are -log of its
probability, its share says how much that counts. Targets, weights of classes, label smoothing and
the mean over the batch all lie in the shares, so that one formula serves them all.
"""

import math

from ..gate import composite, flat, gate
from ..kernels import np, xp
from .pointwise import clamp, div, exp, log, maximum, where
from .reduce import sum
from .shape import axes_of, reshape, unsqueeze


def centred(x, dim: int):
    """x minus its largest element along `dim`, so that no exponential overflows."""
    return x - x.max(axes_of(x.ndim, dim), keepdims=True) if x.size else x


# --- softmax --------------------------------------------------------------------------------------


@gate(autocast="float32", floats=True, x=lambda g, z, dim: softmax_dx(g, z, dim=dim))
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


@gate(autocast="float32", floats=True, x=lambda g, z, dim: log_softmax_dx(g, z, dim=dim))
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


# --- classes --------------------------------------------------------------------------------------


def readable(x) -> bool:
    """Whether reading a number of the Tensor x waits for no device."""
    return xp(x.raw) is np


@flat
def one_hot(target, *, classes, dim, like):
    """1 at each target class along a new axis `dim`, else 0, in the dtype `like`."""
    z = xp(target).arange(classes).reshape(-1, *[1] * (target.ndim - dim))
    return (xp(target).expand_dims(target, dim) == z).astype(like)


@flat
def class_shares(target, weight, *, classes, ignore_index, label_smoothing, reduction, like):
    """How much each class counts in each sample's loss, in the dtype `like`.

    That is the weight of the target's class there and 0 elsewhere; with label smoothing the share
    label_smoothing is spread over all classes. A target that is ignore_index, or no class at all,
    counts nowhere. For a mean the shares are divided by the weights of all targets; where nothing
    counts they are 0 also then.

    Shape: target (N, *rest), weight (classes,) or None -> (N, classes, *rest).
    """
    hot = one_hot(target, classes, 1, bool) & xp(target).expand_dims(target != ignore_index, 1)
    shares = hot.astype(like)
    if weight is not None:
        weight = weight.astype(like).reshape(-1, *[1] * (target.ndim - 1))
        shares = shares * weight
    mean = reduction == "mean"
    scale = div(1.0, shares.sum(1).sum(dtype="float64")).astype(like) if mean else None
    counts = hot
    if label_smoothing:
        counts = hot.any(1, keepdims=True)
        spread = counts.astype(like) * (label_smoothing / classes)
        spread = spread if weight is None else spread * weight
        shares = shares * (1.0 - label_smoothing) + spread
    return where(counts, shares * scale, 0.0) if mean else shares


def weighted(y, weight, reduction: str):
    """Numbers of classes times the weights of classes; for a mean divided by the samples."""
    if weight is not None:
        y = y * reshape(weight, (-1, *[1] * (y.ndim - 2)))
    samples = math.prod((y.shape[0], *y.shape[2:]))
    return y * div(1.0, samples) if reduction == "mean" and samples else y


def soft_shares(target, weight, label_smoothing: float, reduction: str):
    """What class_shares is for targets that are probabilities; linear in them but for smoothing."""
    if label_smoothing:
        target = target * (1.0 - label_smoothing) + div(label_smoothing, target.shape[1])
    return weighted(target, weight, reduction)


def added_up(shares, costs, reduction: str):
    """Σ shares · costs over the classes, and over all samples unless reduction is "none".

    What has no share does not count, be it infinite or nan.
    """
    losses = where(shares == 0, 0.0, shares * costs)
    if reduction == "none":
        return losses.sum(1)
    nothing = reduction == "mean" and not losses.size
    return losses.sum() * (math.nan if nothing else 1.0)


def class_losses(shares, costs, reduction: str):
    """added_up for targets that are classes; a mean is nan if none of them counts."""
    z = added_up(shares, costs, reduction)
    return where((shares != 0).any(), z, math.nan) if reduction == "mean" else z


def surprise(x):
    """-log softmax(x) of every class."""
    c = centred(x, 1)
    return log(xp(x).exp(c).sum(1, keepdims=True)) - c


@gate(
    autocast="float32",
    floats=True,
    x=lambda g, x, target, weight, ignore_index, label_smoothing, reduction: class_cross_entropy_dx(
        g, x, target, weight, ignore_index, label_smoothing, reduction
    ),
)
def cross_entropy(x, target, weight, *, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """-log softmax(x)[target], weighted and reduced, from logits in one stable step.

    weight: one number per class, or None for ones. A mean is over the weights of the targets.

    Shape: x (N, classes, *rest), target (N, *rest) of whole numbers -> (), or (N, *rest) with
    reduction "none".

    Rule: dx = g (softmax(x) Σ shares - shares), see class_shares.
    """
    shares = class_shares(
        target, weight, x.shape[1], ignore_index, label_smoothing, reduction, x.dtype
    )
    return class_losses(shares, surprise(x), reduction)


@composite
def class_cross_entropy_dx(g, x, target, weight, *, ignore_index, label_smoothing, reduction):
    """The gradient of cross_entropy for the logits."""
    shares = class_shares(
        target, weight, x.shape[1], ignore_index, label_smoothing, reduction, x.dtype
    )
    return cross_entropy_dx(g, x, shares)


@composite
def cross_entropy_dx(g, x, shares):
    """The gradient of cross entropy for the logits; g is one number, or one for each sample."""
    g = unsqueeze(g, 1) if g.ndim else g
    return (softmax(x, 1) * sum(shares, 1, True) - shares) * g


@gate(
    autocast="float32",
    floats=True,
    x=lambda g, x, target, weight, label_smoothing, reduction: cross_entropy_dx(
        g, x, soft_shares(target, weight, label_smoothing, reduction)
    ),
    target=lambda g, x, weight, label_smoothing, reduction: soft_cross_entropy_dt(
        g, x, weight, label_smoothing=label_smoothing, reduction=reduction
    ),
)
def soft_cross_entropy(x, target, weight, *, label_smoothing=0.0, reduction="mean"):
    """cross_entropy for targets that are probabilities of all classes.

    A mean is over the samples, whatever the weights.

    Shape: x, target (N, classes, *rest) -> (), or (N, *rest) with reduction "none".

    Rule: dx = g (softmax(x) Σ shares - shares); dtarget = -g (1 - label_smoothing) weight
    log softmax(x).
    """
    shares = soft_shares(target, weight, label_smoothing, reduction)
    return added_up(shares, surprise(x), reduction)


@composite
def soft_cross_entropy_dt(g, x, weight, *, label_smoothing, reduction):
    """The gradient of soft_cross_entropy for the targets."""
    g = unsqueeze(g, 1) if g.ndim else g
    return weighted(log_softmax(x, 1) * (label_smoothing - 1.0), weight, reduction) * g


@gate(
    autocast="float32",
    floats=True,
    x=lambda g, target, weight, ignore_index, reduction, x_shape: nll_dx(
        g, target, weight, ignore_index, reduction, x_shape
    ),
)
def nll(x, target, weight, *, ignore_index=-100, reduction="mean"):
    """-x[target], weighted and reduced as in cross_entropy.

    Shape: x (N, classes, *rest) of log-probabilities, target (N, *rest) -> (), or (N, *rest) with
    reduction "none".

    Rule: dx = -g times the weight at the target, else 0.
    """
    shares = class_shares(target, weight, x.shape[1], ignore_index, 0.0, reduction, x.dtype)
    return class_losses(shares, -x, reduction)


def nll_dx(g, target, weight, ignore_index: int, reduction: str, shape: tuple):
    """The gradient of nll for the log-probabilities."""
    shares = class_shares(target, weight, shape[1], ignore_index, 0.0, reduction, g.dtype)
    return -(unsqueeze(g, 1) if g.ndim else g) * shares


# --- two classes ----------------------------------------------------------------------------------


@gate(
    autocast="float32",
    floats=True,
    x=lambda g, x, target: div(g * (x - target), maximum(x * (1.0 - x), 1e-12)),
    target=lambda g, x: g * (log_within(1.0 - x) - log_within(x)),
)
def binary_cross_entropy(x, target):
    """-target log x - (1 - target) log(1 - x), logarithms not below -100.

    Rule: dx = (x - target) / max(x (1 - x), 1e-12), dtarget = log(1 - x) - log x.
    """
    return -(target * log_within(x) + (1.0 - target) * log_within(1.0 - x))


def log_within(x):
    """log x, but not below -100."""
    return clamp(log(x), min=-100.0)
