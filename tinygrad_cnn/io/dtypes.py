"""Which numbers a Tensor takes from a file."""

import importlib

import numpy as np

NUMBERS = "bool, (u)int8 to (u)int64, float16, bfloat16, float32 or float64"
DTYPES = {"bool", "float16", "bfloat16", "float32", "float64"}
DTYPES |= {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


def dtype_of(name: str, what: str) -> np.dtype:
    """The dtype called `name`, wanted for what `what` says.

    Raises: ValueError for bfloat16 where the package ml_dtypes, which gives it to NumPy, is not
    installed.
    """
    if name != "bfloat16":
        return np.dtype(name)
    try:
        return np.dtype(importlib.import_module("ml_dtypes").bfloat16)
    except ImportError as error:
        raise ValueError(
            f"{what} is bfloat16, which needs the package ml_dtypes; install it"
        ) from error
