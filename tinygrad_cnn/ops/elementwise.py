"""PyTorch's elementwise functions that have options, or compare whole tensors: made of gates.

They go by the names of gates that have no options, which the operators and the rules use.
"""

from ..gate import flat
from ..kernels import get_default_dtype, is_float
from ..kernels.dtypes import check_numbers
from . import pointwise
from .comparison import eq, floor_divide, isfinite, isnan, logical_and, logical_or, rint, trunc
from .create import number_of, settled
from .gathering import nonzero
from .indexing import check_tensors, whole_number
from .pointwise import check_factor, is_whole
from .shape import cast


def scaled(name, y, alpha):
    """alpha * y, for a sum.

    Raises: RuntimeError for whole numbers times an alpha that is not whole.
    """
    if alpha == 1:
        return y
    check_factor(name, "an alpha", alpha, y)
    return pointwise.mul(y, alpha)


def add(x, y, *, alpha=1):
    """x + alpha y."""
    return pointwise.add(x, scaled("add", y, alpha))


def sub(x, y, *, alpha=1):
    """x - alpha y.

    Raises: RuntimeError if both are truth values.

    Differs: beside numbers, truth values count as 0 and 1; PyTorch subtracts none.
    """
    return pointwise.sub(x, scaled("sub", y, alpha))


def div(x, y, *, rounding_mode=None):
    """x / y; integers become floats, unless the quotient is rounded.

    rounding_mode: None; "trunc" towards 0, as C divides; "floor" downwards, as Python's // does.

    Raises: RuntimeError for another rounding_mode, and for integers divided by 0 with one.
    """
    if rounding_mode is None:
        return pointwise.div(x, y)
    if rounding_mode == "floor":
        return floor_divide(x, y)
    if rounding_mode != "trunc":
        raise RuntimeError(f"div: rounding_mode is None, 'trunc' or 'floor', got {rounding_mode!r}")
    if is_whole(x) and is_whole(y):  # exactly, where floats would round large integers
        return floor_divide(pointwise.sub(x, pointwise.fmod(x, y)), y)
    return trunc(pointwise.div(x, y))


def round(x, *, decimals=0):
    """The nearest number of so many decimals; halves go to the even one.

    decimals: negative for tens and hundreds.
    """
    decimals = whole_number("round", "decimals", decimals)
    if decimals == 0:
        return rint(x)
    if decimals < 0:
        return pointwise.mul(rint(pointwise.div(x, 10.0**-decimals)), 10.0**-decimals)
    return pointwise.div(rint(pointwise.mul(x, 10.0**decimals)), 10.0**decimals)


def positive(x):
    """x itself.

    Raises: RuntimeError for truth values.
    """
    check_numbers("positive", x, error=RuntimeError)
    return x


def where(condition, x=None, y=None):
    """x where the condition holds, else y; with the condition alone the places where it holds.

    These are a tensor of indices for each axis, as `nonzero` with as_tuple gives them.

    Raises: TypeError if one of x and y is missing.
    """
    if x is None and y is None:
        return nonzero(condition, as_tuple=True)
    if x is None or y is None:
        raise TypeError("where: takes a condition alone, or with both x and y; got one of these")
    z = pointwise.where(condition, x, y)
    if isinstance(x, (int, float)) and isinstance(y, (int, float)) and hasattr(z, "dtype"):
        return cast(z, dtype=get_default_dtype()) if is_float(z.dtype) else z  # not NumPy's
    return z


def masked_fill(x, mask, value):
    """x, with `value` where the mask is True; the dtype is x's.

    value: a number, or a Tensor without axes, which gets the gradient of all it fills.

    Raises: RuntimeError for a mask that is not boolean, a value that has axes or one that x's dtype
    does not hold, TypeError for a mask that is no tensor.
    """
    check_tensors("masked_fill", x, mask)
    if mask.dtype.kind != "b":
        raise RuntimeError(f"masked_fill: the mask is boolean, got {mask.dtype}; compare first")
    if getattr(value, "ndim", 0):
        raise RuntimeError(
            f"masked_fill: value is a number or a tensor without axes, got shape {value.shape}"
        )
    if hasattr(value, "to"):
        value = value.to(x.dtype)
    elif is_whole(x):
        value = number_of("masked_fill", value)
        settled("masked_fill", value, x.dtype)  # raises for an infinity among whole numbers
        value = bool(value) if x.dtype.kind == "b" else int(value)
    return pointwise.where(mask, value, x)


@flat
def isclose(x, y, *, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Where |x - y| <= atol + rtol |y|; infinities are close to themselves alone.

    equal_nan: whether nan is close to nan.

    Raises: RuntimeError for unequal dtypes or a negative tolerance.
    """
    if rtol < 0 or atol < 0:
        raise RuntimeError(f"isclose: tolerances are not negative, got rtol {rtol}, atol {atol}")
    dtypes = [v.dtype for v in (x, y) if hasattr(v, "dtype")]
    if len(dtypes) == 2 and dtypes[0] != dtypes[1]:
        raise RuntimeError(
            f"isclose: both tensors have one dtype, got {dtypes[0]} and {dtypes[1]}; convert one"
        )
    x, y = pointwise.mul(x, 1.0), pointwise.mul(y, 1.0)
    distance = pointwise.abs(pointwise.sub(x, y))
    allowed = pointwise.add(pointwise.mul(pointwise.abs(y), rtol), atol)
    near = logical_and(isfinite(distance), distance <= allowed)
    near = logical_or(near, eq(x, y))
    return logical_or(near, logical_and(isnan(x), isnan(y))) if equal_nan else near


def everywhere(found):
    """Whether all of a flat gate's result is true, as Python's bool."""
    return bool(found.all()) if hasattr(found, "all") else found


def allclose(x, y, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements are close, as `isclose` says: True or False.

    Raises: RuntimeError for unequal dtypes or a negative tolerance.
    """
    return everywhere(isclose(x, y, rtol=rtol, atol=atol, equal_nan=equal_nan))


def equal(x, y):
    """Whether x and y have one shape and the same numbers: True or False; for each number see `eq`.

    Raises: TypeError for something else than two Tensors, as PyTorch does.
    """
    for other in (x, y):
        if not hasattr(other, "shape"):
            raise TypeError(
                f"equal: compares two Tensors, got a {type(other).__name__}; eq compares each "
                "number of a tensor with one"
            )
    return tuple(x.shape) == tuple(y.shape) and everywhere(eq(x, y))


subtract = sub
divide = div
true_divide = pointwise.div
