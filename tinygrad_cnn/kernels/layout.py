"""How images lie in memory, for kernels that take them as they lie.

An array (N, C, *space) is `planes` where it is C-contiguous: each channel of each sample is one
piece. It is `rows` where its channels lie innermost: all channels of a place are one piece. Results
lie as the inputs do, so that a whole network keeps one layout.

Only overlays use this: what their kernels are compiled for is contiguous and writable.
"""

import math

import numpy as np


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


def empty(shape: tuple, dtype: np.dtype, rows: bool) -> np.ndarray:
    """A new array (N, C, *space) that lies in rows or in planes."""
    if not rows:
        return np.empty(shape, dtype)
    return outermost(np.empty((shape[0], *shape[2:], shape[1]), dtype))


def as_rows(x: np.ndarray) -> np.ndarray:
    """x (N, C, *space) as (N, *space, C), contiguous; copied only where it does not lie so."""
    z = innermost(x)
    return z if z.flags.carray else np.array(z, order="C")


def as_planes(x: np.ndarray) -> np.ndarray:
    """x (N, C, *space), contiguous; copied only where it does not lie so."""
    return x if x.flags.carray else np.array(x, order="C")
