"""Arithmetic, locally constant functions, exponentials, trigonometry, erf, choices."""

import math

import numpy as np
from drawing import (
    EVEN,
    MASK,
    NONZERO,
    ODD,
    POSITIVE,
    POWERS,
    REAL,
    UNIT,
    WILD,
    between,
    elementwise,
    lattice,
    one_of,
)
from hypothesis import strategies as st

from rows.row import Row, pointwise

BITS = one_of(0, 1, 2, 3, 5, -1, -8)


def each(function):
    """A function of one number for all numbers of an array."""
    return np.vectorize(function, otypes=[float])


def bitwise(truth, count):
    """The row of a gate on bits: integers, or truth values."""
    cases = st.one_of(elementwise(*[BITS] * count), elementwise(*[MASK] * count))
    return Row(cases, truth, torch=True)


def isclose(x, y, rtol, atol, equal_nan):
    near = np.abs(x - y) <= atol + rtol * np.abs(y)
    return (near & np.isfinite(x - y)) | (x == y) | (equal_nan & np.isnan(x) & np.isnan(y))


def nan_to_num(x, nan, posinf, neginf):
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


FACTOR = st.sampled_from([1, -0.5])
SOME = st.sampled_from([None, 3.0, -2.5])

ROWS = {
    # arithmetic
    "add": pointwise(np.add, REAL, REAL),
    "gradient_sum": pointwise(np.add, REAL, REAL, torch=lambda torch, x, y: x + y),
    "sub": pointwise(np.subtract, REAL, REAL),
    "mul": pointwise(np.multiply, REAL, REAL),
    "div": pointwise(np.divide, REAL, NONZERO),
    "neg": pointwise(np.negative, REAL),
    "floor_divide": pointwise(np.floor_divide, REAL, NONZERO),
    "remainder": pointwise(np.remainder, ODD, POWERS),
    "fmod": pointwise(np.fmod, lattice(1, 9 / 16), POWERS),
    "frac": pointwise(lambda x: np.modf(x)[0], ODD),
    "pow": pointwise(np.power, POSITIVE, REAL),
    "square": pointwise(np.square, REAL),
    "reciprocal": pointwise(np.reciprocal, NONZERO),
    "abs": pointwise(np.abs, NONZERO),
    # locally constant
    "sign": pointwise(lambda x: np.where(np.isnan(x), 0.0, np.sign(x)), WILD),
    "floor": pointwise(np.floor, WILD),
    "ceil": pointwise(np.ceil, WILD),
    "trunc": pointwise(np.trunc, WILD),
    "rint": pointwise(np.rint, WILD, torch=lambda torch, x: torch.round(x)),
    "eq": pointwise(np.equal, WILD, WILD),
    "ne": pointwise(np.not_equal, WILD, WILD),
    "gt": pointwise(np.greater, WILD, WILD),
    "ge": pointwise(np.greater_equal, WILD, WILD),
    "lt": pointwise(np.less, WILD, WILD),
    "le": pointwise(np.less_equal, WILD, WILD),
    "isclose": pointwise(
        isclose,
        WILD,
        WILD,
        rtol=st.sampled_from([0.0, 0.5]),
        atol=st.sampled_from([0.0, 1.0]),
        equal_nan=st.booleans(),
    ),
    "isnan": pointwise(np.isnan, WILD),
    "isinf": pointwise(np.isinf, WILD),
    "isfinite": pointwise(np.isfinite, WILD),
    "logical_not": pointwise(np.logical_not, WILD),
    "logical_and": pointwise(np.logical_and, WILD, WILD),
    "logical_or": pointwise(np.logical_or, WILD, WILD),
    "logical_xor": pointwise(np.logical_xor, WILD, WILD),
    "bitwise_not": bitwise(np.bitwise_not, 1),
    "bitwise_and": bitwise(np.bitwise_and, 2),
    "bitwise_or": bitwise(np.bitwise_or, 2),
    "bitwise_xor": bitwise(np.bitwise_xor, 2),
    # exponentials and trigonometry
    "exp": pointwise(np.exp, REAL),
    "expm1": pointwise(np.expm1, REAL),
    "log": pointwise(np.log, POSITIVE),
    "log2": pointwise(np.log2, POSITIVE),
    "log10": pointwise(np.log10, POSITIVE),
    "log1p": pointwise(np.log1p, between(-0.5, 2.0)),
    "exp2": pointwise(np.exp2, REAL),
    "logaddexp": pointwise(np.logaddexp, REAL, REAL),
    "hypot": pointwise(np.hypot, NONZERO, NONZERO),
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
    "asinh": pointwise(np.arcsinh, REAL),
    "acosh": pointwise(np.arccosh, between(1.5, 3.0)),
    "atanh": pointwise(np.arctanh, between(-0.5, 0.5)),
    "atan2": pointwise(np.arctan2, NONZERO, NONZERO),
    "polar": pointwise(
        lambda g, side, square: g * side / square, REAL, REAL, POSITIVE, torch=False
    ),
    "erf": pointwise(each(math.erf), REAL),
    "erfc": pointwise(each(math.erfc), REAL),
    # choices
    "maximum": pointwise(np.maximum, EVEN, ODD),
    "minimum": pointwise(np.minimum, EVEN, ODD),
    "where": pointwise(np.where, MASK, REAL, REAL),
    "clamp_min": pointwise(np.maximum, EVEN, ODD),
    "clamp_max": pointwise(np.minimum, EVEN, ODD),
    "nan_to_num": pointwise(nan_to_num, REAL, nan=st.just(0.5), posinf=SOME, neginf=SOME),
    "lerp": pointwise(lambda x, end, weight: x + weight * (end - x), REAL, REAL, REAL),
    "addcmul": pointwise(lambda x, a, b, value: x + value * a * b, REAL, REAL, REAL, value=FACTOR),
    "addcdiv": pointwise(
        lambda x, a, b, value: x + value * a / b, REAL, REAL, NONZERO, value=FACTOR
    ),
}
