"""Contractions."""

import numpy as np
import oracles
from drawing import REAL, SIDE, Case, contracted, generators, matrices
from hypothesis import strategies as st

from rows.row import Row


@st.composite
def layers(draw, *sizes: str, bias: bool = False) -> Case:
    """Two matrices of these sizes, each a letter: N samples, I inputs, O outputs; the first may
    have other leading axes. With `bias` a vector of O numbers, or None."""
    size = {letter: draw(st.integers(0, SIDE)) for letter in "NIO"}
    lead = draw(st.sampled_from([(), (size["N"],), (2, size["N"])]))
    shapes = [[(size[letter],) if letter != "N" else lead for letter in of] for of in sizes]
    rng = draw(generators())
    inputs = [REAL(rng, sum(shape, ())) for shape in shapes]
    if bias:
        inputs.append(REAL(rng, (size["O"],)) if draw(st.booleans()) else None)
    return Case(tuple(inputs))


def linear(x, w, b):
    z = x @ w.T
    return z if b is None else z + b


def linear_dw(g, x):
    return (
        g.reshape(-1, g.shape[-1]).T @ x.reshape(-1, x.shape[-1])
        if g.size and x.size
        else (np.zeros((g.shape[-1], x.shape[-1])))
    )


def torch_linear(torch, x, w, b):
    return torch.nn.functional.linear(x, w, b)


ROWS = {
    "linear": Row(layers("NI", "OI", bias=True), linear, torch_linear),
    "linear_dx": Row(layers("NO", "OI"), np.matmul),
    "linear_dw": Row(layers("NO", "NI"), linear_dw),
    "matmul": Row(matrices(vectors=True), np.matmul, True),
    "contract": Row(contracted(), oracles.contract, view=True),
}
