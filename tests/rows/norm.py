"""Norms."""

import numpy as np
import oracles
from drawing import REAL, SPREAD, Case, generators, normalised, normalised_back
from hypothesis import strategies as st

from rows.row import Row


def torch_batch_norm(torch, x, weight, bias, residual, eps, relu):
    z = torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True, eps=eps)
    z = z if residual is None else z + residual
    return torch.relu(z) if relu else z


@st.composite
def evaluated(draw) -> Case:
    """What running_norm takes; with relu no result near 0."""
    shape = draw(st.sampled_from([(3, 1), (0, 2), (4, 3), (1, 2, 3), (2, 1, 2), (2, 2, 2, 2)]))
    rng = draw(generators())
    x, size = SPREAD(rng, shape), shape[1:2]
    weight, bias = (REAL(rng, size) if draw(st.booleans()) else None for _ in "wb")
    residual = REAL(rng, shape) if draw(st.booleans()) else None
    vectors = (REAL(rng, size), rng.uniform(0.5, 2.0, size), weight, bias)
    settings = {"eps": draw(st.sampled_from([0.01, 0.1])), "relu": draw(st.booleans())}
    if settings["relu"]:
        z = running_norm(x, *vectors, None, settings["eps"], False)
        residual = np.where(rng.random(shape) < 0.5, -1.0, 1.0) * (np.abs(z) + 0.5) - z
    return Case((x, *vectors, residual), settings)


def running_norm(x, mean, variance, weight, bias, residual, eps, relu):
    _, shape = oracles.channels(x)
    z = (x - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + eps)
    z = z if weight is None else z * weight.reshape(shape)
    z = z if bias is None else z + bias.reshape(shape)
    z = z if residual is None else z + residual
    return np.where(z > 0, z, 0.0) if relu else z


def torch_running_norm(torch, x, mean, variance, weight, bias, residual, eps, relu):
    shape = (-1, *[1] * (x.ndim - 2))  # its batch_norm has no gradients for the statistics
    z = (x - mean.reshape(shape)) * torch.rsqrt(variance + eps).reshape(shape)
    z = z if weight is None else z * weight.reshape(shape)
    z = z if bias is None else z + bias.reshape(shape)
    z = z if residual is None else z + residual
    return torch.relu(z) if relu else z


ROWS = {
    "batch_norm": Row(normalised(), oracles.batch_norm, torch_batch_norm),
    "running_norm": Row(evaluated(), running_norm, torch_running_norm),
    "batch_norm_dx": Row(normalised_back(), oracles.batch_norm_dx, view=True),
}
