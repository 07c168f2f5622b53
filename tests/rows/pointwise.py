"""Arithmetic, locally constant functions, exponentials, trigonometry, choices."""

import numpy as np
import oracles
from drawing import EVEN, MASK, NONZERO, ODD, POSITIVE, POWERS, REAL, UNIT, WILD, between, bounded

from rows.row import Row, pointwise

ROWS = {
    # arithmetic
    "add": pointwise(np.add, REAL, REAL),
    "sub": pointwise(np.subtract, REAL, REAL),
    "mul": pointwise(np.multiply, REAL, REAL),
    "div": pointwise(np.divide, REAL, NONZERO),
    "neg": pointwise(np.negative, REAL),
    "floor_divide": pointwise(np.floor_divide, REAL, NONZERO),
    "remainder": pointwise(np.remainder, ODD, POWERS),
    "pow": pointwise(np.power, POSITIVE, REAL),
    "square": pointwise(np.square, REAL),
    "reciprocal": pointwise(np.reciprocal, NONZERO),
    "abs": pointwise(np.abs, NONZERO),
    # locally constant
    "sign": pointwise(np.sign, WILD, torch=False),  # PyTorch's sign of nan is 0
    "floor": pointwise(np.floor, WILD),
    "ceil": pointwise(np.ceil, WILD),
    "trunc": pointwise(np.trunc, WILD),
    "round": pointwise(np.rint, WILD),
    "equal": pointwise(np.equal, WILD, WILD, torch=lambda torch, x, y: torch.eq(x, y)),
    "not_equal": pointwise(np.not_equal, WILD, WILD),
    "greater": pointwise(np.greater, WILD, WILD),
    "greater_equal": pointwise(np.greater_equal, WILD, WILD),
    "less": pointwise(np.less, WILD, WILD),
    "less_equal": pointwise(np.less_equal, WILD, WILD),
    "isnan": pointwise(np.isnan, WILD),
    "isinf": pointwise(np.isinf, WILD),
    "isfinite": pointwise(np.isfinite, WILD),
    "logical_not": pointwise(np.logical_not, WILD),
    "logical_and": pointwise(np.logical_and, WILD, WILD),
    "logical_or": pointwise(np.logical_or, WILD, WILD),
    # exponentials and trigonometry
    "exp": pointwise(np.exp, REAL),
    "expm1": pointwise(np.expm1, REAL),
    "log": pointwise(np.log, POSITIVE),
    "log2": pointwise(np.log2, POSITIVE),
    "log1p": pointwise(np.log1p, between(-0.5, 2.0)),
    "sqrt": pointwise(np.sqrt, POSITIVE),
    "rsqrt": pointwise(lambda x: 1 / np.sqrt(x), POSITIVE),
    "sin": pointwise(np.sin, REAL),
    "cos": pointwise(np.cos, REAL),
    "tan": pointwise(np.tan, UNIT),
    "asin": pointwise(np.arcsin, UNIT),
    "acos": pointwise(np.arccos, UNIT),
    "atan": pointwise(np.arctan, REAL),
    "sinh": pointwise(np.sinh, REAL),
    "cosh": pointwise(np.cosh, REAL),
    # choices
    "maximum": pointwise(np.maximum, EVEN, ODD),
    "minimum": pointwise(np.minimum, EVEN, ODD),
    "where": pointwise(np.where, MASK, REAL, REAL),
    "clamp": Row(bounded(), oracles.clamp, True, scalar=True),
    "within": Row(bounded(), oracles.within, scalar=True),
}
