"""Activations and dropout."""

import numpy as np
import oracles
from drawing import DIFFERENT, REAL, elementwise
from hypothesis import strategies as st

from rows.row import Row, functional, pointwise


def leaky(x, negative_slope):
    return np.where(x > 0, x, negative_slope * x)


def elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


DROP = {"p": st.sampled_from([0.25, 0.5, 1.0]), "seed": st.integers(0, 9), "counter": st.just(3)}

ROWS = {
    "tanh": pointwise(np.tanh, REAL),
    "sigmoid": pointwise(lambda x: 1 / (1 + np.exp(-x)), REAL),
    "relu": pointwise(lambda x: np.where(x > 0, x, 0.0), DIFFERENT),
    "relu_dx": pointwise(lambda g, z: np.where(z > 0, g, 0.0), REAL, DIFFERENT, torch=False),
    "leaky_relu": pointwise(
        leaky, DIFFERENT, torch=functional("leaky_relu"), negative_slope=st.floats(-0.5, 0.5)
    ),
    "elu": pointwise(elu, DIFFERENT, torch=functional("elu"), alpha=st.floats(0.25, 2.0)),
    "dropped": Row(elementwise(REAL, **DROP), oracles.dropped),
}
