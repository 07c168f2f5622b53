"""Formulas of shapes and dtypes, which bodies and the backend without numbers share."""

import math
import operator

from .dtypes import dtype_of, is_float


def axis_of(ndim: int, dim) -> int:
    """dim as an axis counted from the front; a 0-d tensor counts as one of one axis.

    Raises: IndexError for an axis that is not there, TypeError for what is no whole number.
    """
    if not hasattr(dim, "__index__"):
        raise TypeError(f"dim is a whole number that names an axis, got {dim!r}")
    axis = operator.index(dim)
    room = max(ndim, 1)
    if not -room <= axis < room:
        raise IndexError(
            f"dim {axis} is out of range for a tensor of {ndim} axes: give one of {-room} to "
            f"{room - 1}"
        )
    return axis % room


def axes_of(ndim: int, dim) -> tuple[int, ...]:
    """dim (None for all axes, an int, a sequence) as a tuple of axes counted from the front.

    Raises: IndexError for an axis that is not there, RuntimeError for one given twice, TypeError
    for what is no whole number.
    """
    if dim is None:
        return tuple(range(ndim))
    dims = dim if isinstance(dim, (tuple, list)) else (dim,)
    axes = tuple([axis_of(ndim, d) for d in dims])
    if len(set(axes)) != len(axes):
        raise RuntimeError(f"dim {dim} names an axis twice in a tensor of {ndim} axes")
    return axes if ndim else ()


def reduced_axes(ndim: int, dim) -> tuple[int, ...]:
    """The axes that a reduction over `dim` is over: no axes mean all, as in PyTorch."""
    return axes_of(ndim, dim) or tuple(range(ndim))


def planes(ndim: int, dim1: int, dim2: int) -> tuple[int, int]:
    """Two axes counted from the front.

    Raises: RuntimeError where they are one, IndexError for one that is not there.
    """
    axes = axis_of(ndim, dim1), axis_of(ndim, dim2)
    if axes[0] == axes[1]:
        raise RuntimeError(f"diagonal: dim1 {dim1} and dim2 {dim2} name one axis")
    return axes


def kept_shape(shape: tuple, dim) -> tuple[int, ...]:
    """`shape` with the axes that a reduction over `dim` is over made size 1."""
    axes = reduced_axes(len(shape), dim)
    return tuple(1 if i in axes else s for i, s in enumerate(shape))


def out_size(size: int, window: int, stride: int, padding: int, dilation: int) -> int:
    """How many windows fit: (size + 2 padding - dilation (window - 1) - 1) // stride + 1."""
    return (size + 2 * padding - dilation * (window - 1) - 1) // stride + 1


def counted(dtype):
    """The dtype of a sum: whole numbers and truth values are counted as int64, floats stay."""
    return dtype if is_float(dtype) else "int64"


def averaged(dtype, wanted=None):
    """The dtype of a mean: the one that is wanted, else that of the floats that are averaged.

    Raises: RuntimeError if that is no floating dtype.
    """
    found = dtype if wanted is None else dtype_of(wanted)
    if not is_float(found):
        raise RuntimeError(
            f"a mean, variance or norm is made of floats, got {found}; give dtype='float32' or "
            "call x.float() first"
        )
    return found


def check_matmul(x, y) -> None:
    """Raise RuntimeError unless the matrix product x @ y exists, TypeError for numbers."""
    if not hasattr(x, "shape") or not hasattr(y, "shape"):
        raise TypeError(
            f"matmul: takes tensors, got {type(x).__name__} and {type(y).__name__}; * multiplies "
            "by numbers"
        )
    a, b = tuple(x.shape), tuple(y.shape)
    if not a or not b:
        raise RuntimeError(f"matmul: needs at least 1 axis each, got shapes {a} and {b}")
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        raise RuntimeError(
            f"matmul: inner sizes differ: {a} has {a[-1]}, {b} has {inner}; does one "
            "want transposing?"
        )
    for m, n in zip(a[-3::-1], b[-3::-1], strict=False):
        if m != n and 1 not in (m, n):
            raise RuntimeError(
                f"matmul: the stacks of matrices {a} and {b} do not broadcast: {m} against {n}"
            )


# --- what is wrong with a shape or a key ----------------------------------------------------------


def whole_sizes(name: str, sizes) -> tuple[int, ...]:
    """Sizes as whole numbers.

    Raises: TypeError for anything else.
    """
    given = sizes if isinstance(sizes, (tuple, list)) else (sizes,)
    if not all(hasattr(size, "__index__") for size in given):
        raise TypeError(f"{name}: sizes are whole numbers, got {sizes!r}")
    return tuple([operator.index(size) for size in given])


def reshaping_error(name: str, shape: tuple, target) -> Exception:
    """The error of a tensor of `shape` that cannot take the shape `target`."""
    if not isinstance(target, (tuple, list)):
        return TypeError(f"{name}: a shape is a tuple of whole numbers, got {target!r}")
    try:
        target = whole_sizes(name, target)
    except TypeError as error:
        return error
    return RuntimeError(
        f"{name}: a tensor of shape {tuple(shape)} has {math.prod(shape)} elements, which cannot "
        f"be laid out as {target}; sizes must multiply up to that, and one of them may be -1 where "
        "the others leave no choice"
    )


def joined_shape(shapes: list, dim: int) -> tuple[int, ...]:
    """The shape of tensors of these shapes joined along `dim`; those of shape (0,) fit anywhere.

    Raises: RuntimeError where sizes or numbers of axes differ, IndexError for an axis that is not
    there.
    """
    first, *others = [s for s in shapes if s != (0,)] or shapes[:1]
    axis = axis_of(len(first), dim)
    if not first:
        raise RuntimeError("cat: tensors of no axes cannot be joined; stack() makes an axis first")
    total = first[axis]
    for shape in others:
        if len(shape) != len(first):
            raise RuntimeError(
                f"cat: all tensors must have as many axes, got shapes {first} and {shape}"
            )
        if (*shape[:axis], *shape[axis + 1 :]) != (*first[:axis], *first[axis + 1 :]):
            raise RuntimeError(
                f"cat: sizes must agree but along dim {axis}, got shapes {first} and {shape}"
            )
        total += shape[axis]
    return *first[:axis], total, *first[axis + 1 :]


def key_error(shape: tuple, key) -> IndexError:
    """The error of a key that names no places of a tensor of `shape`."""
    parts = key if isinstance(key, tuple) else (key,)
    taken = [axes_taken(part) for part in parts]
    count = sum(taken)
    if count > len(shape):
        return IndexError(f"a key for {count} axes is too long for a tensor of shape {shape}")
    axis = 0
    for part, n in zip(parts, taken, strict=True):
        if part is Ellipsis:
            axis = len(shape) - count + axis
        elif n and hasattr(part, "dtype") and part.dtype.kind == "b":
            if part.shape != shape[axis : axis + n]:
                return IndexError(
                    f"a mask of shape {part.shape} does not fit shape {shape} at axis {axis}: "
                    f"the sizes there are {shape[axis : axis + n]}"
                )
        elif n and not isinstance(part, slice):
            outside = first_outside(part, shape[axis])
            if outside is not None:
                return IndexError(
                    f"index {outside} is out of range for axis {axis} of size {shape[axis]} in a "
                    f"tensor of shape {shape}"
                )
        axis += n
    lengths = [part.shape for part in parts if hasattr(part, "shape")]
    return IndexError(
        f"a tensor of shape {shape} cannot be indexed by {len(parts)} parts, of which the arrays "
        f"have shapes {lengths}; these must broadcast, and one Ellipsis at most may stand with them"
    )


def axes_taken(part) -> int:
    """How many axes one part of a key is for."""
    if part is None or part is Ellipsis or isinstance(part, bool):
        return 0
    return part.ndim if hasattr(part, "dtype") and part.dtype.kind == "b" else 1


def first_outside(part, size: int) -> int | None:
    """A place named by an index, a number or an array, that an axis of this size does not have."""
    if not hasattr(part, "min"):  # a number; or an array without numbers
        number = operator.index(part) if hasattr(part, "__index__") else 0
        return None if -size <= number < size else number
    extremes = [int(part.min()), int(part.max())] if part.size else []
    return next((n for n in extremes if not -size <= n < size), None)
