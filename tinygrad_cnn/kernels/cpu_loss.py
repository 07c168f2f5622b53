"""Cross entropy on the CPU: each row of logits is swept over once for its loss, or gradient."""

import functools
import math

import numpy as np

from .compiled import dense
from .exponential import exp_single
from .parallel import arguments, fused, shared
from .served import refused

TAKEN = "it is compiled for float32 logits (N, C) with one int64 class each"


@fused
def log_total(x):
    """The largest number of x, and log Σ e^x minus that."""
    largest = x[0]
    for k in range(1, x.size):
        largest = max(x[k], largest)
    z = 0.0
    for k in range(x.size):
        z += exp_single(x[k] - largest)
    return largest, math.log(z)


@shared
def surprises(task, first, last, part):
    """Of each row the shares of its classes times -log softmax(x), added up.

    The target has the share kept · weight, all classes have spread · weight more; all are
    multiplied by scale. What has no share does not count. A target that is no class has none.
    """
    x, target, weight, kept, spread, scale, z = arguments(task)
    for n in range(first, last):
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


@functools.partial(shared, fastmath=frozenset({"contract"}))
def surprises_dx(task, first, last, part):
    """The gradients of `surprises`, whose shares' sums are g · scale · (kept weight[t] + whole)."""
    g, x, target, weight, whole, kept, spread, scale, dx = arguments(task)
    for n in range(first, last):
        row = x[n]
        t = target[n]
        valid = 0 <= t < row.size
        largest, rest = log_total(row)
        rest = np.float32(rest)
        shares = np.float32(g[n] * scale * (kept * weight[t] + whole) if valid else 0.0)
        share = np.float32(g[n] * scale * spread if valid else 0.0)
        for k in range(row.size):
            dx[n, k] = shares * exp_single((row[k] - largest) - rest) - share * weight[k]
        if valid:
            dx[n, t] -= g[n] * scale * kept * weight[t]


def settled(x, target, weight, ignore_index, label_smoothing, reduction):
    """Targets with -1 for what is ignored, weights, kept, spread and scale; None for a case of the
    body."""
    if x.ndim != 2 or x.dtype != np.float32 or not x.size or target.shape != x.shape[:1]:
        return None
    if target.dtype != np.int64 or (weight is not None and weight.shape != x.shape[1:]):
        return None
    target = np.where(target == ignore_index, -1, target)
    weight = np.ones(x.shape[1], x.dtype) if weight is None else dense(weight.astype(x.dtype))
    scale = 1.0
    if reduction == "mean":
        known = target[(target >= 0) & (target < x.shape[1])]
        total = float(weight[known].sum(dtype=np.float64))
        scale = 1.0 / total if total else math.inf
    return target, weight, 1.0 - label_smoothing, label_smoothing / x.shape[1], scale


def cross_entropy(x, target, weight, *, ignore_index, label_smoothing, reduction):
    """The kernel of cross_entropy for samples without axes of space."""
    how = settled(x, target, weight, ignore_index, label_smoothing, reduction)
    if how is None:
        return refused(TAKEN)
    z = np.empty(x.shape[0], np.float64)
    surprises(x.size, len(x), dense(x), *how, z)
    if reduction == "none":
        return z.astype(x.dtype)
    return np.asarray(z.sum(), x.dtype)


def class_cross_entropy_dx(g, x, target, weight, *, ignore_index, label_smoothing, reduction):
    """The kernel of class_cross_entropy_dx for samples without axes of space."""
    how = settled(x, target, weight, ignore_index, label_smoothing, reduction)
    if how is None or g.shape != (x.shape[:1] if reduction == "none" else ()):
        return refused(TAKEN)
    target, weight, kept, spread, scale = how
    whole = spread * float(weight.sum(dtype=np.float64))
    dx = np.empty(x.shape, x.dtype)
    each = np.broadcast_to(g, x.shape[:1]).astype(x.dtype)
    shares = (whole, kept, spread, scale)
    surprises_dx(x.size, len(x), each, dense(x), target, weight, *shares, dx)
    return dx
