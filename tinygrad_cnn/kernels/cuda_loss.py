"""Cross entropy on a GPU, from logits in one sweep, and its gradient.

Sums over samples are made in parts, in float64. A mean's divisor stays on the device, so that
nobody waits for it.

Not yet confirmed on a GPU.
"""

import numpy as np

from .cuda_softmax import NOWHERE, READING, ROWS, Work
from .cuda_source import TAKEN, Family, covered, per_thread, strides
from .served import refused

SOURCE = r"""
// The class of row r; -1 where it is none, or to be ignored.
__device__ inline Index class_of(const long long *target, Index r, const Rows &s, long long ignored)
{
    if (r >= s.rows) return -1;
    long long found = target[r / s.inner * s.target[0] + r % s.inner * s.target[1]];
    return found == ignored || found < 0 || found >= s.classes ? -1 : (Index)found;
}

__device__ inline A weight_of(const T *weight, Index k, const Rows &s)
{
    return weight ? wide(weight[k * s.weight]) : (A)1;
}

// The losses of all rows, not yet scaled: the target's share `kept` of its surprise, and `spread`
// of the surprise of every class; into z where it is not null. What has no share does not count.
// Of each block the sum of its losses and of its targets' weights.
extern "C" __global__ void cross_entropy(
    const T *x, const long long *target, const T *weight, T *z, double *parts, Rows s,
    long long ignored, double kept, double spread)
{
    __shared__ A board[THREADS];
    __shared__ double sums[THREADS];
    Team t = team(s.lanes, s.inner > 1);
    double losses = 0, weights = 0;
    for (EACH_ROW(first, s, t)) {
        Index r = first + t.lane, known = class_of(target, r, s, ignored);
        Index count = known < 0 ? 0 : s.classes;
        const T *from = x + row(s.x, r, s.inner);
        A most = largest(board, from, s.x[1], count, t);
        A rest = log(exponentials(board, from, s.x[1], count, most, t));
        A loss = 0;
        for (Index k = t.slot; k < count; k += t.slots) {
            A v = weight_of(weight, k, s);
            A share = (A)spread * v + (k == known ? (A)kept * v : 0);
            if (share != 0) loss += share * (rest - (wide(from[k * s.x[1]]) - most));
        }
        loss = added_up(board, loss, t);
        if (t.slot == 0 && r < s.rows) {
            losses += loss;
            if (known >= 0) weights += weight_of(weight, known, s);
            if (z) z[r] = narrow(loss);
        }
    }
    Team whole = team(1, false);
    losses = added_up(sums, losses, whole);
    weights = added_up(sums, weights, whole);
    if (threadIdx.x == 0) {
        parts[2 * blockIdx.x] = losses;
        parts[2 * blockIdx.x + 1] = weights;
    }
}

// Of each block the sum of the weights of its rows' targets, as cross_entropy leaves it.
extern "C" __global__ void weigh(
    const long long *target, const T *weight, double *parts, Rows s, long long ignored)
{
    __shared__ double sums[THREADS];
    double weights = 0;
    for (EACH(r, s.rows)) {
        Index known = class_of(target, r, s, ignored);
        if (known >= 0) weights += weight_of(weight, known, s);
    }
    weights = added_up(sums, weights, team(1, false));
    if (threadIdx.x == 0) {
        parts[2 * blockIdx.x] = 0;
        parts[2 * blockIdx.x + 1] = weights;
    }
}

// One block adds the parts up: total[0] is the divisor of a mean, and z, unless it is null, the sum
// of all losses, or with s.mean their mean.
extern "C" __global__ void settle(const double *parts, double *total, T *z, Rows s)
{
    __shared__ double sums[THREADS];
    double losses = 0, weights = 0;
    for (Index i = threadIdx.x; i < s.rows; i += THREADS) {
        losses += parts[2 * i];
        weights += parts[2 * i + 1];
    }
    losses = added_up(sums, losses, team(1, false));
    weights = added_up(sums, weights, team(1, false));
    if (threadIdx.x == 0) {
        total[0] = weights;
        if (z) z[0] = narrow((A)(s.mean ? losses / weights : losses));
    }
}

// g (softmax(x) times the sum of the shares, minus each share); `total` is null without a mean.
extern "C" __global__ void cross_entropy_dx(
    const T *g, const T *x, const long long *target, const T *weight, const double *total, T *dx,
    Rows s, long long ignored, double kept, double spread)
{
    __shared__ A board[THREADS];
    Team t = team(s.lanes, s.inner > 1);
    A all = s.classes;
    if (weight && spread != 0) {
        all = 0;
        for (Index k = t.slot; k < s.classes; k += t.slots) all += weight_of(weight, k, s);
        all = added_up(board, all, t);
    }
    A scale = total ? (A)(1 / total[0]) : (A)1;
    for (EACH_ROW(first, s, t)) {
        Index r = first + t.lane, known = class_of(target, r, s, ignored);
        Index count = r < s.rows ? s.classes : 0;
        const T *from = x + row(s.x, r, s.inner);
        T *to = dx + row(s.z, r, s.inner);
        A most = largest(board, from, s.x[1], count, t);
        A sum = exponentials(board, from, s.x[1], count, most, t);
        A whole = 0, u = 0;
        if (known >= 0) whole = (A)kept * weight_of(weight, known, s) + (A)spread * all;
        if (r < s.rows) u = wide(g[r / s.inner * s.g[0] + r % s.inner * s.g[2]]);
        for (Index k = t.slot; k < count; k += t.slots) {
            A v = known < 0 ? 0 : weight_of(weight, k, s);
            A share = (A)spread * v + (k == known ? (A)kept * v : 0);
            A p = exp(wide(from[k * s.x[1]]) - most) / sum;
            to[k * s.z[1]] = narrow((p * (whole * scale) - share * scale) * u);
        }
    }
}
"""

NAMES = ("cross_entropy", "weigh", "settle", "cross_entropy_dx")
LOSS = Family("loss", READING + SOURCE, **dict.fromkeys(NAMES, ROWS))
PARTS = 1024  # sums of blocks that one block adds up, at most
CLASSES = f"{TAKEN}, and whole numbers for classes"


class Classes:
    """Logits (N, classes, *rest) with one class each: what both directions of the loss take."""

    def __init__(self, x, target, weight, ignore_index, label_smoothing) -> None:
        self.work = Work(LOSS, x, 1)
        outer, classes, inner = self.work.parted
        self.dtype = x.dtype
        self.target = target.astype("int64", copy=False).reshape(outer, inner)
        self.weight = None if weight is None else weight.astype(x.dtype, copy=False)
        self.labels = (self.target, self.weight)
        self.ignored = np.int64(ignore_index)
        self.shares = (np.float64(1.0 - label_smoothing), np.float64(label_smoothing / classes))

    def parts(self, blocks: int):
        """Room for two sums of each block."""
        return self.work.xp.empty((blocks, 2), "float64")

    def settled(self, parts, z=None, mean=False):
        """The divisor of a mean, on the device; z becomes the sum or mean of all losses."""
        total = self.work.xp.empty(1, "float64")
        values = (len(parts), 1, 1, 1, int(mean), NOWHERE, NOWHERE, NOWHERE, (0, 0), 0)
        LOSS.launch(self.work.xp, "settle", self.dtype, 1, (parts, total, z), values)
        return total

    def divisor(self):
        """The weights of all targets, added up on the device."""
        work = self.work
        parts = self.parts(min(per_thread(work.rows), PARTS))
        arguments = (self.target, self.weight, parts)
        work.run("weigh", len(parts), arguments, self.ignored, labels=self.labels)
        return self.settled(parts)


def fits(x, target, weight) -> bool:
    """Whether these are logits, targets and weights that the kernels are for."""
    if x.ndim < 2 or not covered(x) or target.shape != (x.shape[0], *x.shape[2:]):
        return False
    return target.dtype.kind in "iu" and (weight is None or weight.shape == x.shape[1:2])


def cross_entropy(x, target, weight, *, ignore_index, label_smoothing, reduction):
    """The kernel of cross_entropy."""
    if not fits(x, target, weight):
        return refused(CLASSES)
    rows = Classes(x, target, weight, ignore_index, label_smoothing)
    work = rows.work
    each = reduction == "none"
    z = work.xp.empty(target.shape if each else (), x.dtype)
    parts = rows.parts(min(work.blocks, PARTS))
    arguments = (work.x, rows.target, rows.weight, z if each else None, parts)
    numbers = (rows.ignored, *rows.shares)
    work.run("cross_entropy", len(parts), arguments, *numbers, labels=rows.labels)
    if not each:
        rows.settled(parts, z, reduction == "mean")
    return z


def class_cross_entropy_dx(g, x, target, weight, *, ignore_index, label_smoothing, reduction):
    """The kernel of class_cross_entropy_dx."""
    if not fits(x, target, weight) or g.dtype != x.dtype:
        return refused(CLASSES)
    if g.shape != (target.shape if reduction == "none" else ()):
        return refused("the gradient has not the shape of the loss")
    rows = Classes(x, target, weight, ignore_index, label_smoothing)
    work = rows.work
    total = rows.divisor() if reduction == "mean" else None
    dx = work.xp.empty_like(work.x)
    u = NOWHERE
    if g.ndim:
        g = g.reshape(work.parted[0], 1, work.inner)
        u = strides(g)
    arguments = (g, work.x, rows.target, rows.weight, total, dx)
    numbers = (rows.ignored, *rows.shares)
    work.run("cross_entropy_dx", work.blocks, arguments, *numbers, z=dx, g=u, labels=rows.labels)
    return dx.reshape(x.shape)
