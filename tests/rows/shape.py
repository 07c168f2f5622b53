"""Gates that move numbers: shapes, joining, rolling, diagonals, casting."""

import numpy as np
import oracles
from drawing import (
    REAL,
    Case,
    elementwise,
    expanded,
    flipped,
    framed,
    generators,
    joined,
    one_axis,
    permuted,
    reshaped,
    shapes,
    summed_to,
)
from hypothesis import strategies as st

from rows.row import Row

# --- how cases are drawn --------------------------------------------------------------------------


@st.composite
def rolled(draw) -> Case:
    """An array, some of its axes, perhaps one of them twice, and a shift for each."""
    x = REAL(draw(generators()), draw(shapes()))
    shifts = st.integers(-5, 5)
    if not x.ndim or draw(st.booleans()):
        return Case((x,), {"shifts": draw(shifts), "dims": None})
    dims = tuple(draw(st.lists(one_axis(x.ndim), min_size=1, max_size=3)))
    return Case((x,), {"shifts": tuple(draw(shifts) for _ in dims), "dims": dims})


@st.composite
def triangles(draw) -> Case:
    """Matrices and a diagonal of theirs."""
    x = REAL(draw(generators()), draw(shapes(0, 2)))
    return Case((x,), {"diagonal": draw(st.sampled_from([0, 1, -1, 2, -2, 4, -4]))})


@st.composite
def diagonals(draw, back: bool = False) -> Case:
    """Matrices, two of their axes, and a diagonal; with `back` numbers for it, and the shape."""
    shape = draw(shapes(0, 2))
    axes = draw(st.permutations(range(len(shape))))[:2]
    dims = [a - len(shape) * draw(st.booleans()) for a in axes]
    settings = {"offset": draw(st.integers(-4, 4)), "dim1": dims[0], "dim2": dims[1]}
    rng = draw(generators())
    if back:
        line = np.zeros(shape).diagonal(*settings.values()).shape
        return Case((REAL(rng, line),), {"shape": shape, **settings})
    return Case((REAL(rng, shape),), settings)


# --- truths ---------------------------------------------------------------------------------------


def roll(x, shifts, dims):
    return np.roll(x, shifts, dims)


def side(x, diagonal, keep):
    """x where keep(column - row, diagonal), else 0: element by element."""
    z = np.zeros(x.shape)
    for place in np.ndindex(*x.shape):
        if keep(place[-1] - place[-2], diagonal):
            z[place] = x[place]
    return z


def tril(x, diagonal):
    return side(x, diagonal, int.__le__)


def triu(x, diagonal):
    return side(x, diagonal, int.__ge__)


def put_diagonal(x, shape, offset, dim1, dim2):
    z = np.zeros(shape)
    lines = np.moveaxis(z, (dim1, dim2), (-2, -1))
    for place in np.ndindex(*x.shape):
        *lead, i = place
        lines[(*lead, i + max(-offset, 0), i + max(offset, 0))] = x[place]
    return z


# --- the same in PyTorch --------------------------------------------------------------------------


def torch_flip(torch, x, dims):
    return torch.flip(x, dims if isinstance(dims, tuple) else (dims,))


def torch_put_diagonal(torch, x, shape, offset, dim1, dim2):
    zeros = torch.zeros(shape, dtype=x.dtype)
    return torch.diagonal_scatter(zeros, x, offset, dim1, dim2)


ROWS = {
    "reshape": Row(reshaped(), np.reshape, True, view=True),
    "expand": Row(expanded(), oracles.expand, lambda torch, x, shape: x.expand(shape), view=True),
    "sum_to": Row(summed_to(), oracles.sum_to, lambda torch, x, shape: x.sum_to_size(shape)),
    "permute": Row(permuted(), lambda x, dims: x.transpose(dims), True, view=True),
    "flip": Row(flipped(), lambda x, dims: np.flip(x, oracles.axes_of(x, dims)), torch_flip),
    "roll": Row(rolled(), roll, True),
    "join": Row(
        joined(), lambda *xs, dim: np.concatenate(xs, dim), lambda t, *xs, dim: t.cat(xs, dim)
    ),
    "pad_constant": Row(framed(), oracles.pad_constant),
    "tril": Row(triangles(), tril, True),
    "triu": Row(triangles(), triu, True),
    "diagonal": Row(
        diagonals(), lambda x, offset, dim1, dim2: x.diagonal(offset, dim1, dim2), True, view=True
    ),
    "put_diagonal": Row(diagonals(back=True), put_diagonal, torch_put_diagonal),
    "cast": Row(
        elementwise(REAL, dtype=st.just(np.dtype("float64"))), lambda x, dtype: x.astype(dtype)
    ),
    "clone": Row(elementwise(REAL), np.copy, True),
    "move": Row(
        elementwise(REAL, device=st.just("cpu"), home=st.just("cpu")),
        lambda x, device, home: x,
        view=True,
        waits=True,
    ),
    "ones_like": Row(elementwise(REAL), np.ones_like, True),
    "zeros_like": Row(elementwise(REAL), np.zeros_like, True),
}
