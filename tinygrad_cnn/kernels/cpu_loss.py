"""Cross entropy on the CPU: each row of logits is swept over once for its loss, or gradient."""

import functools
import math

import numba
import numpy as np

from .compiled import FLOATS, dense
from .exponential import exp
from .parallel import fused, threaded


@fused
def log_total(x):
    """The largest number of x, and log Σ e^x minus that."""
    largest = x[0]
    for k in range(1, x.size):
        largest = max(x[k], largest)
    z = 0.0
    for k in range(x.size):
        z += exp(x[k] - largest)
    return largest, math.log(z)


@threaded
def surprises(x, target, weight, kept, spread, scale, z):
    """Of each row the shares of its classes times -log softmax(x), added up.

    The target has the share kept · weight, all classes have spread · weight more; all are
    multiplied by scale. What has no share does not count. A target that is no class has none.
    """
    for n in numba.prange(x.shape[0]):
        row = x[n]
        loss = 0.0
        t = target[n]
        if 0 <= t < row.size:
            largest, rest = log_total(row)
            if kept * weight[t] != 0:
                loss += kept * weight[t] * (rest - (row[t] - largest))
            if spread != 0:
                for k in range(row.size):
                    if weight[k] != 0:
                        loss += spread * weight[k] * (rest - (row[k] - largest))
        z[n] = loss * scale


@functools.partial(threaded, fastmath={"contract"})
def surprises_dx(g, x, target, weight, whole, kept, spread, scale, dx):
    """The gradients of `surprises`, whose shares' sums are g · scale · (kept weight[t] + whole)."""
    for n in numba.prange(x.shape[0]):
        row = x[n]
        t = target[n]
        valid = 0 <= t < row.size
        largest, rest = log_total(row)
        rest = x.dtype.type(rest)
        shares = x.dtype.type(g[n] * scale * (kept * weight[t] + whole) if valid else 0.0)
        share = x.dtype.type(g[n] * scale * spread if valid else 0.0)
        for k in range(row.size):
            dx[n, k] = shares * exp((row[k] - largest) - rest) - share * weight[k]
        if valid:
            dx[n, t] -= g[n] * scale * kept * weight[t]


def settled(x, target, weight, ignore_index, label_smoothing, reduction):
    """Targets with -1 for what is ignored, weights, kept, spread and scale; None for a case of the
    body."""
    if x.ndim != 2 or x.dtype not in FLOATS or not x.size or target.shape != x.shape[:1]:
        return None
    if target.dtype != np.int64 or (weight is not None and weight.shape != x.shape[1:]):
        return None
    target = np.where(target == ignore_index, -1, target)
    weight = np.ones(x.shape[1], x.dtype) if weight is None else dense(weight.astype(x.dtype))
    scale = 1.0
    if reduction == "mean":
        known = target[(target >= 0) & (target < x.shape[1])]
        with np.errstate(all="ignore"):
            scale = float(1.0 / weight[known].sum(dtype=np.float64))
    return target, weight, 1.0 - label_smoothing, label_smoothing / x.shape[1], scale


def cross_entropy(x, target, weight, *, ignore_index, label_smoothing, reduction):
    """The kernel of cross_entropy for samples without axes of space."""
    how = settled(x, target, weight, ignore_index, label_smoothing, reduction)
    if how is None:
        return NotImplemented
    z = np.empty(x.shape[0], np.float64)
    surprises(x.size, dense(x), *how, z)
    if reduction == "none":
        return z.astype(x.dtype)
    return np.asarray(z.sum(), x.dtype)


def class_cross_entropy_dx(g, x, target, weight, *, ignore_index, label_smoothing, reduction):
    """The kernel of class_cross_entropy_dx for samples without axes of space."""
    how = settled(x, target, weight, ignore_index, label_smoothing, reduction)
    if how is None or g.shape != (x.shape[:1] if reduction == "none" else ()):
        return NotImplemented
    target, weight, kept, spread, scale = how
    whole = spread * float(weight.sum(dtype=np.float64))
    dx = np.empty(x.shape, x.dtype)
    each = np.broadcast_to(g, x.shape[:1]).astype(x.dtype)
    surprises_dx(x.size, each, dense(x), target, weight, whole, kept, spread, scale, dx)
    return dx
