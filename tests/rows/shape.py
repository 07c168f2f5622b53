"""Gates that move numbers: shapes, joining, indexing, casting."""

import numpy as np
import oracles
from drawing import (
    REAL,
    chosen,
    elementwise,
    expanded,
    flipped,
    framed,
    indexed,
    joined,
    permuted,
    reshaped,
    summed_to,
    triangles,
)
from hypothesis import strategies as st

from rows.row import Row


def torch_flip(torch, x, dims):
    return torch.flip(x, dims if isinstance(dims, tuple) else (dims,))


def torch_put(torch, x, indices, dim, shape):
    return torch.zeros(shape, dtype=x.dtype).scatter_add(dim, indices, x)


ROWS = {
    "reshape": Row(reshaped(), np.reshape, True, view=True),
    "expand": Row(expanded(), oracles.expand, lambda torch, x, shape: x.expand(shape), view=True),
    "sum_to": Row(summed_to(), oracles.sum_to, lambda torch, x, shape: x.sum_to_size(shape)),
    "permute": Row(permuted(), lambda x, dims: x.transpose(dims), True, view=True),
    "flip": Row(
        flipped(), lambda x, dims: np.flip(x, oracles.axes_of(x, dims)), torch_flip, view=True
    ),
    "cat": Row(
        joined(), lambda *xs, dim: np.concatenate(xs, dim), lambda t, *xs, dim: t.cat(xs, dim)
    ),
    "pad_constant": Row(framed(), oracles.pad_constant),
    "index": Row(indexed(), lambda x, key: x[key], view=True, waits=True),
    "index_add": Row(indexed(back=True), oracles.index_add, waits=True),
    "take_along": Row(
        chosen(),
        lambda x, indices, dim: np.take_along_axis(x, indices, dim),
        lambda torch, x, indices, dim: torch.gather(x, dim, indices),
    ),
    "put_along": Row(chosen(back=True), oracles.put_along, torch_put),
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
    "tri": Row(triangles(), oracles.tri),
}
