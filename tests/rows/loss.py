"""Softmax and losses."""

from collections.abc import Callable

import oracles
from drawing import REAL, along_one, classified, targets

from rows.row import Row


def unreduced(name: str) -> Callable:
    """A loss of torch.nn.functional for every sample."""
    return lambda torch, x, t: getattr(torch.nn.functional, name)(x, t, reduction="none")


ROWS = {
    "softmax": Row(along_one(REAL), oracles.softmax, True),
    "softmax_dx": Row(along_one(REAL, REAL), oracles.softmax_dx),
    "log_softmax": Row(along_one(REAL), oracles.log_softmax, True),
    "log_softmax_dx": Row(along_one(REAL, REAL), oracles.log_softmax_dx),
    "one_hot": Row(targets(), oracles.one_hot),
    "nll": Row(classified(), oracles.nll, unreduced("nll_loss")),
    "cross_entropy": Row(classified(), oracles.cross_entropy, unreduced("cross_entropy")),
    "cross_entropy_dx": Row(classified(back=True), oracles.cross_entropy_dx),
}
