"""Contractions."""

import numpy as np
import oracles
from drawing import contracted, matrices

from rows.row import Row

ROWS = {
    "matmul": Row(matrices(vectors=True), np.matmul, True),
    "contract": Row(contracted(), oracles.contract, view=True),
}
