"""Reductions."""

import numpy as np
import oracles
from drawing import (
    DIFFERENT,
    MASK,
    NONZERO,
    REAL,
    TIES,
    gradient_of,
    one_axis,
    one_of,
    reduced,
    spread_out,
)
from hypothesis import strategies as st

from rows.row import Row, over_all, reduction

SOME_ZEROS = one_of(0.0, -1.5, 0.5, 1.0, 2.0)
CORRECTION = st.sampled_from([0, 1])
KEEP = st.booleans()


def cumprod(x, dim):
    return np.cumprod(x, dim) if x.ndim else x


ROWS = {
    "sum": reduction(oracles.over(np.sum), REAL),
    "nansum": reduction(oracles.over(np.nansum), REAL),
    "mean": reduction(oracles.mean, REAL),
    "var": reduction(oracles.var, REAL, correction=CORRECTION),
    "std": Row(
        spread_out(correction=CORRECTION, keepdim=KEEP),
        lambda x, dim, correction, keepdim: np.sqrt(oracles.var(x, dim, correction, keepdim)),
        True,
    ),
    "euclidean_norm": reduction(
        oracles.norm, NONZERO, torch=lambda t, x, **s: t.linalg.vector_norm(x, **s), least=1
    ),
    "euclidean_norm_dx": Row(gradient_of(oracles.norm, NONZERO), oracles.norm_dx),
    "cumsum": Row(reduced(REAL, dims=one_axis), oracles.cumsum, True),
    "prod": reduction(oracles.over(np.prod), REAL, torch=False),
    "cumprod": Row(reduced(SOME_ZEROS, dims=one_axis), cumprod, True),
    "amax": reduction(oracles.over(np.amax), DIFFERENT, over_all("amax"), least=1),
    "amin": reduction(oracles.over(np.amin), DIFFERENT, over_all("amin"), least=1),
    "extreme_dx": Row(
        gradient_of(oracles.over(np.amax), DIFFERENT), oracles.extreme_dx, fixed=("z", "x")
    ),
    "argmax": reduction(oracles.over_one(np.argmax), TIES, least=1, dims=one_axis),
    "argmin": reduction(oracles.over_one(np.argmin), TIES, least=1, dims=one_axis),
    "any": reduction(oracles.over(np.any), MASK),
    "all": reduction(oracles.over(np.all), MASK),
    "logsumexp": reduction(oracles.logsumexp, REAL, over_all("logsumexp"), least=1),
    "logsumexp_dx": Row(gradient_of(oracles.logsumexp, REAL), oracles.logsumexp_dx),
}
