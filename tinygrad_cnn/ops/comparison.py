"""Elementwise gates that are locally constant: they round, compare, and tell true from false.

All are flat, so none is ever on the graph. Those on bits know integers and truth values alone; the
others work in both modes.
"""

from ..gate import flat
from ..kernels import is_float, xp
from ..kernels.dtypes import check_numbers

# --- whole numbers --------------------------------------------------------------------------------


@flat
def sign(x):
    """-1, 0 or 1; nan has the sign 0, as in PyTorch."""
    positive = (x > 0).astype(x.dtype)
    return positive if x.dtype.kind == "b" else positive - (x < 0)


@flat
def floor(x):
    """The largest whole number not above x; integers stay what they are."""
    return xp(x).floor(x) if is_float(x.dtype) else x.copy()


@flat
def ceil(x):
    """The smallest whole number not below x; integers stay what they are."""
    return xp(x).ceil(x) if is_float(x.dtype) else x.copy()


@flat
def trunc(x):
    """x without its fraction; integers stay what they are."""
    return xp(x).trunc(x) if is_float(x.dtype) else x.copy()


@flat
def rint(x):
    """The nearest whole number; halves go to the even one, integers stay what they are."""
    return xp(x).rint(x) if is_float(x.dtype) else x.copy()


@flat
def floor_divide(x, y):
    """The largest whole number not above x / y.

    Raises: RuntimeError for integers divided by 0 (on the CPU: a GPU is not waited for).
    """
    check_numbers("floor_divide", x, y)
    return xp(x, y).floor_divide(x, y)


# --- comparisons ----------------------------------------------------------------------------------


@flat
def eq(x, y):
    """x == y."""
    return x == y


@flat
def ne(x, y):
    """x != y."""
    return x != y


@flat
def gt(x, y):
    """x > y."""
    return x > y


@flat
def ge(x, y):
    """x >= y."""
    return x >= y


@flat
def lt(x, y):
    """x < y."""
    return x < y


@flat
def le(x, y):
    """x <= y."""
    return x <= y


@flat
def isnan(x):
    """Where x is not a number."""
    return xp(x).isnan(x)


@flat
def isinf(x):
    """Where x is infinite."""
    return xp(x).isinf(x)


@flat
def isfinite(x):
    """Where x is neither infinite nor nan."""
    return xp(x).isfinite(x)


# --- logic ----------------------------------------------------------------------------------------


@flat
def logical_not(x):
    """Where x is zero or False."""
    return xp(x).logical_not(x)


@flat
def logical_and(x, y):
    """Where both are true."""
    return xp(x, y).logical_and(x, y)


@flat
def logical_or(x, y):
    """Where one of them is true."""
    return xp(x, y).logical_or(x, y)


@flat
def logical_xor(x, y):
    """Where one of them is true and the other is not."""
    return xp(x, y).logical_xor(x, y)


# --- bits -----------------------------------------------------------------------------------------


def check_bits(name, *xs):
    """Raise NotImplementedError, as PyTorch does, if one of xs holds floats."""
    for x in xs:
        if hasattr(x, "dtype") and is_float(x.dtype):
            raise NotImplementedError(
                f"{name}: works on integers and truth values, got {x.dtype}; compare first, as in "
                "(x > 0) & (y > 0), or convert with .long()"
            )


@flat
def bitwise_not(x):
    """x with every bit turned; of truth values, where x is False.

    Raises: NotImplementedError for floats.
    """
    check_bits("bitwise_not", x)
    return ~x


@flat
def bitwise_and(x, y):
    """The bits that are set in both.

    Raises: NotImplementedError for floats.
    """
    check_bits("bitwise_and", x, y)
    return x & y


@flat
def bitwise_or(x, y):
    """The bits that are set in one of them.

    Raises: NotImplementedError for floats.
    """
    check_bits("bitwise_or", x, y)
    return x | y


@flat
def bitwise_xor(x, y):
    """The bits that are set in one of them and not in the other.

    Raises: NotImplementedError for floats.
    """
    check_bits("bitwise_xor", x, y)
    return x ^ y


# --- other names ----------------------------------------------------------------------------------

fix = trunc
not_equal = ne
greater = gt
greater_equal = ge
less = lt
less_equal = le
