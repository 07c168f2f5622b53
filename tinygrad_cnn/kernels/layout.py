"""How images lie in memory, for kernels that take them as they lie.

An array (N, C, *space) lies in planes where it is C-contiguous: each channel of each sample is one
piece. It lies in rows where its channels lie innermost: all channels of a place are one piece. It
lies in columns where its samples lie innermost: it is a matrix whose columns are samples. Results
lie as the inputs do, so that a whole network keeps one layout.

Only overlays use this: what their kernels are compiled for is contiguous and writable.
"""

import functools
import math

import numpy as np

from .capture import noted


def innermost(x: np.ndarray) -> np.ndarray:
    """x (N, C, *space) seen as (N, *space, C)."""
    return x.transpose(0, *range(2, x.ndim), 1)


def outermost(x: np.ndarray) -> np.ndarray:
    """x (N, *space, C) seen as (N, C, *space)."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def in_rows(x: np.ndarray) -> bool:
    """Whether the channels of x (N, C, *space) lie innermost; not where there is but one."""
    if x.flags.c_contiguous and math.prod(x.shape[2:]) > 1:
        return False
    return innermost(x).flags.c_contiguous


def as_columns(x: np.ndarray) -> np.ndarray:
    """x (N, C, *space) seen as (C, *space, N)."""
    return x.transpose(*range(1, x.ndim), 0)


def in_columns(x: np.ndarray) -> bool:
    """Whether the samples of x (N, C, *space) lie innermost."""
    return as_columns(x).flags.c_contiguous


@functools.cache
def orders(rank: int) -> tuple[tuple[int, ...], ...]:
    """The axes (N, C, *space) of arrays in rows and of arrays in columns, the outermost first."""
    return (0, *range(2, rank), 1), (*range(1, rank), 0)


def order(x: np.ndarray) -> tuple[int, ...] | None:
    """The axes of x (N, C, *space), the outermost first, where it lies in rows or in columns; None
    where it lies in planes, or in no order."""
    if not x.flags.c_contiguous:
        for axes in orders(x.ndim):
            if x.transpose(axes).flags.c_contiguous:
                return axes
    return None


def ordered(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """x with its axes in this order, contiguous; copied only where it does not lie so."""
    z = x.transpose(axes)
    return z if z.flags.carray else noted(np.array, z, order="C")


@functools.cache
def example(axes: tuple[int, ...]) -> np.ndarray:
    """An array whose axes lie in this order, that others are made like."""
    return np.empty((2,) * len(axes)).transpose(sorted(range(len(axes)), key=axes.__getitem__))


def empty_in(axes: tuple[int, ...], shape: tuple, dtype: np.dtype) -> np.ndarray:
    """A new array whose axes lie in this order, and that owns its memory: no view of another."""
    return np.empty_like(example(axes), dtype, shape=shape)


def empty_columns(shape: tuple, dtype: np.dtype) -> np.ndarray:
    """A new array (N, C, *space) that lies in columns."""
    return empty_in(orders(len(shape))[1], shape, dtype)
