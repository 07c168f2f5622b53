"""Batch norm on the CPU, with the addition of a skip and the ReLU behind it.

Forward and backward are two passes over memory each: one for the sums, one for the result. Arrays
are taken as they lie, in rows (M, C) or in planes (N, C, S), see `layout`. Sums are made of blocks,
which stay in the cache and do not depend on the number of threads: neither does the result.
"""

import math

import numba
import numpy as np

from .compiled import FLOATS
from .layout import as_planes, as_rows, empty, in_rows
from .parallel import contracted, fused, threaded

BLOCK = 16384  # numbers in a block: 64 or 128 KiB
WIDTH = 128  # numbers in a row, at least, for the processor to work on many at once

# --- in rows --------------------------------------------------------------------------------------


@contracted
def add_rows(x, start, z):
    """z (C,) += the sum of the rows of x - start, four at a time."""
    count, width = x.shape
    whole = count - count % 4
    for r in range(0, whole, 4):
        for c in range(width):
            a = (x[r, c] - start[c]) + (x[r + 1, c] - start[c])
            b = (x[r + 2, c] - start[c]) + (x[r + 3, c] - start[c])
            z[c] += a + b
    for r in range(whole, count):
        for c in range(width):
            z[c] += x[r, c] - start[c]


@fused
def add_squares(x, mean, z):
    """z (C,) += the sum of the squares of the rows of x - mean, two at a time."""
    count, width = x.shape
    whole = count - count % 2
    for r in range(0, whole, 2):
        for c in range(width):
            a = x[r, c] - mean[c]
            b = x[r + 1, c] - mean[c]
            z[c] += a * a + b * b
    for r in range(whole, count):
        for c in range(width):
            a = x[r, c] - mean[c]
            z[c] += a * a


@fused
def add_gradients(g, z, x, mean, relu, sums, products):
    """The sums of the rows of g and of g (x - mean) are added, two at a time; with relu g is 0
    where z <= 0."""
    zero = x.dtype.type(0)
    count, width = x.shape
    whole = count - count % 2
    for r in range(0, whole, 2):
        for c in range(width):
            u, v = g[r, c], g[r + 1, c]
            u = zero if relu and z[r, c] <= 0 else u
            v = zero if relu and z[r + 1, c] <= 0 else v
            sums[c] += u + v
            products[c] += u * (x[r, c] - mean[c]) + v * (x[r + 1, c] - mean[c])
    for r in range(whole, count):
        for c in range(width):
            u = g[r, c]
            u = zero if relu and z[r, c] <= 0 else u
            sums[c] += u
            products[c] += u * (x[r, c] - mean[c])


@threaded
def row_moments(x, step, means, squares):
    """The mean of each column of each block of `step` rows, and the sum of squares around it.

    means in double precision: their differences are what joins the blocks.
    """
    for b in numba.prange(means.shape[0]):
        block = x[b * step : (b + 1) * step]
        middle = np.zeros(x.shape[1], x.dtype)
        add_rows(block, block[0], middle)
        for c in range(x.shape[1]):
            means[b, c] = block[0, c] + np.float64(middle[c]) / block.shape[0]
            middle[c] = means[b, c]
        squares[b] = 0
        add_squares(block, middle, squares[b])


@threaded
def row_normalise(x, residual, mean, scale, shift, skip, relu, step, z):
    """z = (x - mean) scale + shift, + residual with skip, then relu."""
    count, width = x.shape
    for b in numba.prange(-(-count // step)):
        for r in range(b * step, min(count, (b + 1) * step)):
            for c in range(width):
                v = (x[r, c] - mean[c]) * scale[c] + shift[c]
                if skip:
                    v += residual[r, c]
                z[r, c] = x.dtype.type(0) if relu and v <= 0 else v


@threaded
def row_gradient_sums(g, z, x, mean, relu, step, sums, products):
    """The sums of g and of g (x - mean) over each block of rows."""
    for b in numba.prange(sums.shape[0]):
        block = slice(b * step, (b + 1) * step)
        sums[b] = 0
        products[b] = 0
        add_gradients(g[block], z[block], x[block], mean, relu, sums[b], products[b])


@threaded
def row_gradients(g, z, x, mean, a, b, c, skip, relu, step, dx, dr):
    """dx = g a + (x - mean) b + c, and with skip dr = g; with relu g is 0 where z <= 0."""
    count, width = x.shape
    for block in numba.prange(-(-count // step)):
        for r in range(block * step, min(count, (block + 1) * step)):
            for i in range(width):
                u = g[r, i]
                v = x.dtype.type(0) if relu and z[r, i] <= 0 else u
                dx[r, i] = v * a[i] + (x[r, i] - mean[i]) * b[i] + c[i]
                if skip:
                    dr[r, i] = v


# --- in planes ------------------------------------------------------------------------------------


@fused
def total(x):
    """The sum of x, in double precision."""
    z = 0.0
    for i in range(x.size):
        z += x[i]
    return z


@fused
def total_squares(x, mean):
    """The sum of the squares of x - mean."""
    z = x.dtype.type(0)
    for i in range(x.size):
        v = x[i] - mean
        z += v * v
    return z


@fused
def total_gradients(g, z, x, mean, relu):
    """The sums of g and of g (x - mean); with relu g is 0 where z <= 0."""
    sums = products = x.dtype.type(0)
    for i in range(x.size):
        u = g[i]
        u = x.dtype.type(0) if relu and z[i] <= 0 else u
        sums += u
        products += u * (x[i] - mean)
    return sums, products


@fused
def normalise(x, residual, mean, scale, shift, skip, relu, z):
    """As row_normalise, for one plane."""
    for i in range(x.size):
        v = (x[i] - mean) * scale + shift
        if skip:
            v += residual[i]
        z[i] = x.dtype.type(0) if relu and v <= 0 else v


@fused
def gradients(g, z, x, mean, a, b, c, skip, relu, dx, dr):
    """As row_gradients, for one plane."""
    for i in range(x.size):
        u = g[i]
        v = x.dtype.type(0) if relu and z[i] <= 0 else u
        dx[i] = v * a + (x[i] - mean) * b + c
        if skip:
            dr[i] = v


@threaded
def plane_moments(x, step, means, squares):
    """The mean of each plane, and the sum of squares around it; both are made of blocks."""
    n, c, s = x.shape
    for i in numba.prange(n * c):
        k, j = i // c, i % c
        added = square = 0.0
        for p in range(0, s, step):
            added += total(x[k, j, p : p + step])
        middle = x.dtype.type(added / s)
        for p in range(0, s, step):
            square += total_squares(x[k, j, p : p + step], middle)
        means[k, j] = added / s
        squares[k, j] = square


@threaded
def plane_normalise(x, residual, mean, scale, shift, skip, relu, step, z):
    """As row_normalise."""
    n, c, _ = x.shape
    for i in numba.prange(n * c):
        k, j = i // c, i % c
        normalise(x[k, j], residual[k, j], mean[j], scale[j], shift[j], skip, relu, z[k, j])


@threaded
def plane_gradient_sums(g, z, x, mean, relu, step, sums, products):
    """The sums of g and of g (x - mean) over each plane, made of blocks."""
    n, c, s = x.shape
    for i in numba.prange(n * c):
        k, j = i // c, i % c
        added = product = 0.0
        for p in range(0, s, step):
            block = slice(p, p + step)
            u, v = total_gradients(g[k, j, block], z[k, j, block], x[k, j, block], mean[j], relu)
            added += u
            product += v
        sums[k, j] = added
        products[k, j] = product


@threaded
def plane_gradients(g, z, x, mean, a, b, c, skip, relu, step, dx, dr):
    """As row_gradients."""
    n, channels, _ = x.shape
    for i in numba.prange(n * channels):
        k, j = i // channels, i % channels
        pieces = g[k, j], z[k, j], x[k, j]
        gradients(*pieces, mean[j], a[j], b[j], c[j], skip, relu, dx[k, j], dr[k, j])


# --- the gates ------------------------------------------------------------------------------------


class Cut:
    """How arrays of x's shape are cut into blocks.

    rows: whether they lie in rows. fold: how many places make one row; few channels alone would be
    a narrow one. step: how many rows make a block. blocks: the shape of one number for each column
    of each block. counts: how many places each of these stands for.
    """

    def __init__(self, x: np.ndarray) -> None:
        self.channels = x.shape[1]
        self.rows = in_rows(x)
        self.fold = 1
        places = x.size // self.channels
        while self.rows and self.fold * self.channels < WIDTH and places % (2 * self.fold) == 0:
            self.fold *= 2
        columns = self.fold * self.channels
        self.step = max(4, BLOCK // columns) if self.rows else BLOCK
        if self.rows:
            starts = np.arange(0, x.size // columns, self.step)
            self.blocks = (starts.size, columns)
            self.counts = np.minimum(self.step, x.size // columns - starts).repeat(self.fold)[
                :, None
            ]
        else:
            self.blocks = x.shape[:2]
            self.counts = np.full((x.shape[0], 1), math.prod(x.shape[2:]))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """x (N, C, *space) as (M / fold, fold C) or as (N, C, S)."""
        if self.rows:
            return as_rows(x).reshape(-1, self.fold * self.channels)
        return as_planes(x).reshape(*x.shape[:2], -1)

    def columns(self, x: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """One number per channel as one number per column."""
        return np.tile(x, self.fold).astype(dtype)

    def by_channel(self, sums: np.ndarray) -> np.ndarray:
        """Numbers of blocks in double precision, a column for each channel."""
        return sums.astype(np.float64, copy=False).reshape(-1, self.channels)


@np.errstate(all="ignore")
def moments(x: np.ndarray, cut: Cut) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each channel, in double precision.

    A mean that is large against the spread costs no digits: sums are made of differences from a
    first row, or in double precision, and squares of differences from the mean of the block.

    Source: Chan, Golub & LeVeque 1979, equation 2.1, for putting blocks together.
    """
    means, squares = np.empty(cut.blocks), np.empty(cut.blocks, x.dtype)
    (row_moments if cut.rows else plane_moments)(x.size, cut(x), cut.step, means, squares)
    means, squares = cut.by_channel(means), cut.by_channel(squares)
    places = x.size // cut.channels
    mean = (means * cut.counts).sum(0) / places
    spread = squares.sum(0) + ((means - mean) ** 2 * cut.counts).sum(0)
    return mean, spread / places


def covered(x: np.ndarray, weight: np.ndarray, *others: np.ndarray | None) -> bool:
    """Whether these are arrays that the kernels are for; the others have x's shape."""
    if x.ndim < 2 or x.dtype not in FLOATS or not x.size or weight.shape != x.shape[1:2]:
        return False
    given = [a for a in others if a is not None]
    return all(a.dtype == x.dtype for a in (weight, *given)) and all(
        a.shape == x.shape for a in given
    )


@np.errstate(all="ignore")
def batch_norm(x, weight, bias, residual, *, eps, relu):
    """The kernel of batch_norm."""
    if not covered(x, weight, residual) or not covered(x, bias):
        return NotImplemented
    cut = Cut(x)
    mean, variance = moments(x, cut)
    scale = weight / np.sqrt(variance + eps)
    per_column = [cut.columns(a, x.dtype) for a in (mean, scale, bias)]
    z = empty(x.shape, x.dtype, cut.rows)
    places = cut(x)
    skip = residual is not None
    kernel = row_normalise if cut.rows else plane_normalise
    kernel(
        x.size, places, cut(residual) if skip else places, *per_column, skip, relu, cut.step, cut(z)
    )
    kept = (1, -1, *[1] * (x.ndim - 2))
    return z, tuple([a.astype(x.dtype).reshape(kept) for a in (mean, variance)])


def batch_norm_dx(g, z, x, weight, *, aux, eps, relu, skip):
    """The kernel of batch_norm_dx."""
    if not covered(x, weight, g, z if relu else None):
        return NotImplemented
    cut = Cut(x)
    if aux is None:
        mean, variance = moments(x, cut)
    else:
        mean, variance = (a.ravel().astype(np.float64) for a in aux)
    places, u = cut(x), cut(g)
    mask = cut(z) if relu else u
    middle = cut.columns(mean, x.dtype)
    sums, products = np.empty(cut.blocks, x.dtype), np.empty(cut.blocks, x.dtype)
    kernel = row_gradient_sums if cut.rows else plane_gradient_sums
    kernel(x.size, u, mask, places, middle, relu, cut.step, sums, products)
    gb, along = cut.by_channel(sums).sum(0), cut.by_channel(products).sum(0)
    rstd = 1 / np.sqrt(variance + eps)
    gw = along * rstd
    a = weight * rstd
    share = a / (x.size // cut.channels)
    per_column = [cut.columns(c, x.dtype) for c in (a, -share * rstd * gw, -share * gb)]
    dx = empty(x.shape, x.dtype, cut.rows)
    apart = skip and relu  # else the residual's gradient is g
    dr = empty(x.shape, x.dtype, cut.rows) if apart else dx
    kernel = row_gradients if cut.rows else plane_gradients
    kernel(x.size, u, mask, places, middle, *per_column, apart, relu, cut.step, cut(dx), cut(dr))
    gr = dr if apart else g
    return dx, gw.astype(x.dtype), gb.astype(x.dtype), gr if skip else None
