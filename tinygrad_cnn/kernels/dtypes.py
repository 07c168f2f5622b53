"""The types of numbers: which there are, which of two wins, which may be written into which.

A dtype is NumPy's. bfloat16 comes from the package ml_dtypes, for which NumPy has the kind "V": so
`is_float` stands wherever a dtype is asked whether it is a float.
"""

import importlib

import numpy as np

from . import bfloat

FLOATS = "fV"  # NumPy's kinds of floats: its own, and bfloat16
CATEGORIES = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2}


def is_float(dtype: np.dtype) -> bool:
    """Whether numbers of this dtype are floats, and so have gradients."""
    return dtype.kind in FLOATS


def bfloat16() -> np.dtype:
    """The dtype bfloat16; asking for it makes the kernels ready for it.

    Raises: ImportError where the package ml_dtypes is not installed.
    """
    try:
        found = np.dtype(importlib.import_module("ml_dtypes").bfloat16)
    except ImportError as error:
        raise ImportError("bfloat16 needs the package ml_dtypes: pip install ml_dtypes") from error
    bfloat.use()
    return found


def dtype_of(name: object) -> np.dtype:
    """What a dtype argument names: a NumPy dtype, its name, or Python's float, int and bool.

    Raises: TypeError for what names no dtype, and for dtypes of which there are no tensors.
    """
    if name == "bfloat16":
        return bfloat16()
    try:
        dtype = np.dtype(name)
    except TypeError as error:
        raise TypeError(f"{name!r} is no dtype; write tg.float32 or 'float32', say") from error
    return accepted(dtype)


def accepted(dtype: np.dtype) -> np.dtype:
    """`dtype`, if there are tensors of it; its bytes in the machine's order.

    Raises: TypeError if there are none.
    """
    if dtype.kind in "biuf" and dtype.itemsize <= 8:
        return dtype if dtype.isnative else dtype.newbyteorder("=")
    if dtype.name == "bfloat16":
        return bfloat16()
    if dtype.kind == "c":
        raise TypeError(f"complex numbers are not supported, got {dtype}; pass parts or sizes")
    raise TypeError(f"a Tensor holds numbers, and {dtype} is none of its dtypes")


def promote_types(type1: np.dtype | str, type2: np.dtype | str) -> np.dtype:
    """PyTorch's common dtype of two dtypes: an integer never widens a float.

    Raises: TypeError for what is no dtype.
    """
    p, q = (d if isinstance(d, np.dtype) else dtype_of(d) for d in (type1, type2))
    if is_float(p) != is_float(q):
        return p if is_float(p) else q
    if p.kind != q.kind and is_float(p):  # bfloat16 and another float: both fit into float32
        return np.promote_types(np.float32, p if p.kind == "f" else q)
    return np.promote_types(p, q)


def can_cast(from_: np.dtype | str, to: np.dtype | str) -> bool:
    """Whether PyTorch writes numbers of one dtype into another: never floats into integers, never
    numbers into truth values; within a category always."""
    return CATEGORIES[dtype_of(from_).kind] <= CATEGORIES[dtype_of(to).kind]


def finfo(type: np.dtype | str) -> np.finfo:
    """The limits of a float dtype: bits, eps, max, min, tiny, smallest_normal, resolution.

    Raises: TypeError for other dtypes.
    """
    dtype = dtype_of(type)
    if not is_float(dtype):
        raise TypeError(f"finfo: {dtype} is not a float; use iinfo")
    home = np if dtype.kind == "f" else importlib.import_module("ml_dtypes")
    return home.finfo(dtype)


def iinfo(type: np.dtype | str) -> np.iinfo:
    """The limits of an integer dtype: bits, max, min.

    Raises: TypeError for other dtypes.
    """
    dtype = dtype_of(type)
    if dtype.kind not in "iu":
        raise TypeError(f"iinfo: {dtype} is not an integer; use finfo")
    return np.iinfo(dtype)


def check_numbers(name: str, *raws: object, error: type = NotImplementedError) -> None:
    """Raise `error` if all operands of `name` are truth values.

    NumPy refuses some of these operations, and makes int8 of others. PyTorch forbids differences by
    a RuntimeError, and has no kernels for quotients.
    """
    if all(raw.dtype.kind == "b" if hasattr(raw, "dtype") else type(raw) is bool for raw in raws):
        raise error(
            f"{name}: takes numbers, got truth values; use ~, ^, & and |, or convert with x.int()"
        )


def check_power(x: object, y: object) -> None:
    """Raise RuntimeError for whole numbers x to a negative whole number y."""
    if type(y) is int and y < 0 and hasattr(x, "dtype") and not is_float(x.dtype):
        raise negative_power()


def negative_power() -> RuntimeError:
    """The error of whole numbers to negative whole powers."""
    return RuntimeError(
        "pow: Integers to negative integer powers are not allowed; make the base a float, as "
        "in x.float() ** -1"
    )
