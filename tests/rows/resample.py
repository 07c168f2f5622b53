"""Resampling along an axis."""

import numpy as np
from drawing import REAL, SIDE, Case, generators, one_axis, shapes
from hypothesis import strategies as st

from rows.row import Row
from tinygrad_cnn.ops.resample import Taps


@st.composite
def tapped(draw):
    """An array, an axis of it, and a matrix with few numbers, some rows with none or one twice."""
    shape = draw(shapes(0, 1))
    dim = draw(one_axis(len(shape)))
    rng = draw(generators())
    size, out = shape[dim], draw(st.integers(0, SIDE))
    count = draw(st.integers(0, 6)) if size and out else 0
    shares = REAL(rng, (count,)) if draw(st.booleans()) else None
    taps = Taps(
        rng.integers(0, max(out, 1), count),
        rng.integers(0, max(size, 1), count),
        shares,
        (out, size),
    )
    return Case((REAL(rng, shape),), {"dim": dim, "taps": taps})


def resample(x, dim, taps):
    """One number of the matrix after the other."""
    x = np.moveaxis(x, dim, 0)
    z = np.zeros((taps.shape[0], *x.shape[1:]))
    for i, (row, place) in enumerate(zip(taps.rows, taps.places, strict=True)):
        z[row] += x[place] * (1.0 if taps.shares is None else taps.shares[i])
    return np.moveaxis(z, 0, dim)


ROWS = {"resample": Row(tapped(), resample)}
