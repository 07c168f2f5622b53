"""Order."""

import numpy as np
from drawing import DIFFERENT, EVEN, TIES, Case, generators, one_axis, reduced, shapes
from hypothesis import strategies as st

from rows.row import Row, reduction


def argsort(x, dim, descending, stable):
    """The places of a lane, put in order one by one: Python's sort is stable."""
    z = np.zeros(x.shape, np.int64)
    for lane in lanes(x, dim):
        key = (
            (lambda i, lane=lane: -x[lane][i]) if descending else (lambda i, lane=lane: x[lane][i])
        )
        z[lane] = sorted(range(len(z[lane])), key=key)
    return z


def lanes(x, dim):
    """The keys of all lanes of x along an axis; a number has none."""
    if x.ndim:
        axis = dim % x.ndim
        for place in np.ndindex(*x.shape[:axis], *x.shape[axis + 1 :]):
            yield (*place[:axis], slice(None), *place[axis:])


def argmedian(x, dim, keepdim):
    if not x.ndim:
        return np.zeros((), np.int64)
    order = argsort(x, dim, False, True)
    z = order.take([(x.shape[dim] - 1) // 2], dim)
    return z if keepdim else z.squeeze(dim)


def median_of_all(x):
    return np.float64(sorted(x.ravel())[(x.size - 1) // 2] if x.size else np.nan)


@st.composite
def different(draw) -> Case:
    """An array of different numbers, perhaps of none."""
    return Case((EVEN(draw(generators()), draw(shapes())),))


ROWS = {
    "argsort": Row(
        reduced(TIES, dims=one_axis, descending=st.booleans(), stable=st.just(True)),
        argsort,
        lambda torch, x, dim, descending, stable: torch.argsort(
            x, dim=dim, descending=descending, stable=stable
        ),
    ),
    "argmedian": reduction(
        argmedian,
        DIFFERENT,
        lambda torch, x, **settings: torch.median(x, **settings)[1],
        least=1,
        dims=one_axis,
    ),
    "median_of_all": Row(different(), median_of_all, lambda torch, x: torch.median(x)),
}
