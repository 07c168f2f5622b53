"""Gates that read, add and write at places which a key or indices name."""

import numpy as np
import oracles
from drawing import REAL, Case, chosen, generators, indexed, shapes
from hypothesis import strategies as st

from rows.row import Row

# --- how cases are drawn --------------------------------------------------------------------------


@st.composite
def smaller(draw, case: Case) -> Case:
    """The case with indices (and what goes with them) for fewer places on every axis."""
    key = tuple(slice(draw(st.integers(0, n))) for n in case.inputs[1].shape)
    x, indices = case.inputs
    x = x[key] if "shape" in case.settings else x
    return Case((x, indices[key]), case.settings)


@st.composite
def written(draw) -> Case:
    """An array, indices along an axis that name no place twice, and numbers for these places."""
    shape = draw(shapes(0, 1))
    axis = draw(st.integers(0, len(shape) - 1))
    rng = draw(generators())
    places = np.argsort(rng.random(shape), axis)
    key = tuple(slice(draw(st.integers(0, n))) for n in shape)
    dim = axis - len(shape) * draw(st.booleans())
    indices = places[key]
    return Case((REAL(rng, shape), indices, REAL(rng, indices.shape)), {"dim": dim})


@st.composite
def onto(draw) -> Case:
    """What put_onto takes: as put_at, and numbers to add to."""
    case = draw(indexed(back=True))
    shape = case.settings["shape"]
    return Case((*case.inputs, REAL(draw(generators()), shape)), {"key": case.settings["key"]})


# --- truths ---------------------------------------------------------------------------------------


def put_onto(x, onto, key):
    return onto + oracles.put_at(x, key, onto.shape)


def pointed(indices, dim):
    """For each place of `indices` that place, and the one it points to."""
    for place in np.ndindex(*indices.shape):
        to = list(place)
        to[dim] = indices[place]
        yield place, tuple(to)


def take_along(x, indices, dim):
    z = np.zeros(indices.shape)
    for place, source in pointed(indices, dim):
        z[place] = x[source]
    return z


def set_along(x, indices, values, dim):
    z = x.copy()
    for place, to in pointed(indices, dim):
        z[to] = values[place]
    return z


# --- the same in PyTorch --------------------------------------------------------------------------


def torch_put(torch, x, indices, dim, shape):
    return torch.zeros(shape, dtype=x.dtype).scatter_add(dim, indices, x)


ROWS = {
    "index": Row(indexed(), lambda x, key: x[key], view=True, waits=True),
    "put_at": Row(indexed(back=True), oracles.put_at, waits=True),
    "put_onto": Row(onto(), put_onto, waits=True),
    "take_along": Row(
        chosen().flatmap(smaller),
        take_along,
        lambda torch, x, indices, dim: torch.gather(x, dim, indices),
    ),
    "put_along": Row(chosen(back=True).flatmap(smaller), oracles.put_along, torch_put),
    "set_along": Row(
        written(),
        set_along,
        lambda torch, x, indices, values, dim: torch.scatter(x, dim, indices, values),
    ),
}
