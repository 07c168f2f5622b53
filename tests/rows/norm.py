"""Norms."""

import oracles
from drawing import normalised, normalised_back

from rows.row import Row


def torch_batch_norm(torch, x, weight, bias, residual, eps, relu):
    z = torch.nn.functional.batch_norm(x, None, None, weight, bias, training=True, eps=eps)
    z = z if residual is None else z + residual
    return torch.relu(z) if relu else z


ROWS = {
    "batch_norm": Row(normalised(), oracles.batch_norm, torch_batch_norm),
    "batch_norm_dx": Row(normalised_back(), oracles.batch_norm_dx, view=True),
}
