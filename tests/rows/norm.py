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


@st.composite
def rows(draw, back: bool = False) -> Case:
    """What layer norm takes: at least two different numbers in a row; with `back` gradients too."""
    shape = draw(st.sampled_from([(1, 2), (0, 3), (3, 4), (2, 5)]))
    rng = draw(generators())
    x, size = SPREAD(rng, shape), shape[1:]
    eps = {"eps": draw(st.sampled_from([0.01, 0.1]))}
    if back:
        return Case((REAL(rng, shape), x, REAL(rng, size)), eps | {"biased": True})
    weight, bias = (REAL(rng, size) if draw(st.booleans()) else None for _ in "wb")
    return Case((x, weight, bias), eps)


def layer_norm(x, weight, bias, eps):
    z = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + eps)
    z = z if weight is None else z * weight
    return z if bias is None else z + bias


def torch_layer_norm(torch, x, weight, bias, eps):
    return torch.nn.functional.layer_norm(x, x.shape[1:], weight, bias, eps)


def layer_norm_dx(g, x, weight, eps, biased):
    rstd = 1 / np.sqrt(x.var(1, keepdims=True) + eps)
    xhat = (x - x.mean(1, keepdims=True)) * rstd
    u = g * weight
    along = xhat * (u * xhat).mean(1, keepdims=True)
    return rstd * (u - u.mean(1, keepdims=True) - along), (g * xhat).sum(0), g.sum(0)


@st.composite
def scaled(draw) -> Case:
    """What affine takes."""
    shape = draw(st.sampled_from([(3, 1), (0, 2), (4, 3), (1, 2, 3), (2, 2, 2, 2)]))
    rng = draw(generators())
    there = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    weight, bias = (REAL(rng, shape[1:2]) if one else None for one in there)
    return Case((REAL(rng, shape), weight, bias), {})


def affine(x, weight, bias):
    _, shape = oracles.channels(x)
    z = x if weight is None else x * weight.reshape(shape)
    return z if bias is None else z + bias.reshape(shape)


@st.composite
def scaled_back(draw) -> Case:
    """What affine_dx takes."""
    x, _, _ = draw(scaled()).inputs
    rng = draw(generators())
    return Case((REAL(rng, x.shape), x, REAL(rng, x.shape[1:2])), {"biased": True})


def affine_dx(g, x, weight, biased):
    axes, shape = oracles.channels(x)
    return g * weight.reshape(shape), (g * x).sum(axes), g.sum(axes)


def torch_affine(torch, x, weight, bias):
    return affine(x, weight, bias) + 0.0


ROWS = {
    "affine": Row(scaled(), affine, torch_affine),
    "affine_dx": Row(scaled_back(), affine_dx),
    "layer_norm": Row(rows(), layer_norm, torch_layer_norm),
    "layer_norm_dx": Row(rows(back=True), layer_norm_dx),
    "batch_norm": Row(normalised(), oracles.batch_norm, torch_batch_norm),
    "running_norm": Row(evaluated(), running_norm, torch_running_norm),
    "batch_norm_dx": Row(normalised_back(), oracles.batch_norm_dx, view=True),
}
