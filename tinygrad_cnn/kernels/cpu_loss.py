"""Cross entropy on the CPU: each row of logits is swept over once for its loss, or gradient."""

import functools
import math

import numpy as np

from .capture import noted
from .compiled import constant, dense
from .exponential import CONSTANTS, exp_single, held
from .layout import in_columns
from .parallel import arguments, fused, shared
from .served import refused
from .threads import get_num_threads

TAKEN = "it is compiled for float32 logits (N, C) with one int64 class each"


@fused
def log_total(x, constants):
    """The largest number of x, and log Σ e^x minus that."""
    largest = x[0]
    for k in range(1, x.size):
        largest = max(x[k], largest)
    z = 0.0
    for k in range(x.size):
        z += exp_single(x[k] - largest, constants)
    return largest, math.log(z)


@fused
def total_of(weight, target, ignored):
    """The weights of all targets that are classes, added up."""
    z = 0.0
    for n in range(target.size):
        t = target[n]
        if 0 <= t < weight.size and t != ignored:
            z += weight[t]
    return z


@fused
def read(x, begin, step, line):
    """Fill a line with every `step`-th number of x from `begin` on: a row that lies as it may."""
    for k in range(line.size):
        line[k] = x[begin + k * step]


@shared
def surprises(task, first, last, part):
    """Of each row the shares of its classes times -log softmax(x), added up.

    The target has the share kept · weight, all classes have spread · weight more; for a mean all
    are divided by the total of the weights. What has no share does not count. A target that is
    ignored, or no class, has none.
    """
    x, down, along, lines, table, target, weight, ignored, kept, spread, mean, z = arguments(task)
    constants = held(table, 0)
    scale = 1.0 / total_of(weight, target, ignored) if mean else 1.0
    row = lines[part]
    for n in range(first, last):
        read(x, n * down, along, row)
        loss = 0.0
        t = target[n]
        if 0 <= t < row.size and t != ignored:
            largest, rest = log_total(row, constants)
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
    g, x, down, along, lines, table, target, weight, ignored, kept, spread, mean, dx = arguments(
        task
    )
    constants = held(table, 0)
    scale = 1.0 / total_of(weight, target, ignored) if mean else 1.0
    whole = 0.0
    for k in range(weight.size):
        whole += spread * weight[k]
    row = lines[part]
    for n in range(first, last):
        read(x, n * down, along, row)
        t = target[n]
        valid = 0 <= t < row.size and t != ignored
        u = g[n if g.size > 1 else 0] * scale if valid else 0.0
        largest, rest = log_total(row, constants)
        rest = np.float32(rest)
        shares = np.float32(u * (kept * weight[t] + whole) if valid else 0.0)
        share = np.float32(u * spread)
        for k in range(row.size):
            row[k] = shares * exp_single((row[k] - largest) - rest, constants) - share * weight[k]
        if valid:
            row[t] -= u * kept * weight[t]
        for k in range(row.size):
            dx[n * down + k * along] = row[k]


@shared
def added(task, first, last, part):
    """The sum of all losses."""
    losses, z = arguments(task)
    total = 0.0
    for n in range(losses.size):
        total += losses[n]
    z[0] = total


def settled(x, target, weight, ignore_index, label_smoothing, reduction):
    """What the kernels take of logits, targets and settings; None for a case of the body."""
    if x.ndim != 2 or x.dtype != np.float32 or not x.size or target.shape != x.shape[:1]:
        return None
    if target.dtype != np.int64 or (weight is not None and weight.shape != x.shape[1:]):
        return None
    classes = x.shape[1]
    weight = constant(classes, 1) if weight is None else dense(weight.astype(x.dtype))
    kept, spread = 1.0 - label_smoothing, label_smoothing / classes
    steps = (1, len(x)) if in_columns(x) else (classes, 1)
    lines = np.empty((get_num_threads(), classes), x.dtype)
    how = (dense(target), weight, ignore_index, kept, spread, reduction == "mean")
    return flat(x), *steps, lines, CONSTANTS, *how


def flat(x: np.ndarray) -> np.ndarray:
    """All numbers of x as they lie, in columns or else in rows."""
    return dense(x.T if in_columns(x) else x).reshape(-1)


def cross_entropy(x, target, weight, *, ignore_index, label_smoothing, reduction):
    """The kernel of cross_entropy for samples without axes of space."""
    how = settled(x, target, weight, ignore_index, label_smoothing, reduction)
    if how is None:
        return refused(TAKEN)
    losses = np.empty(len(x), np.float64)
    surprises(x.size, len(x), *how, losses)
    if reduction == "none":
        return noted(np.ndarray.astype, losses, x.dtype)
    z = np.empty((), x.dtype)
    added(1, 1, losses, z.reshape(1))
    return z


def class_cross_entropy_dx(g, x, target, weight, *, ignore_index, label_smoothing, reduction):
    """The kernel of class_cross_entropy_dx for samples without axes of space."""
    how = settled(x, target, weight, ignore_index, label_smoothing, reduction)
    if how is None or g.shape != (x.shape[:1] if reduction == "none" else ()):
        return refused(TAKEN)
    dx = np.empty(x.shape, x.dtype, order="F" if in_columns(x) else "C")
    surprises_dx(x.size, len(x), dense(g).reshape(-1), *how, flat(dx))
    return dx
