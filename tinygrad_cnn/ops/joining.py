"""Joining tensors, and cutting them into pieces."""

import builtins
import operator

from ..gate import gate
from ..kernels import xp
from ..kernels.shapes import axis_of, joined_shape, whole_sizes
from .indexing import getitem, index, raw_of, whole_number
from .shape import reshape, unsqueeze

# --- joining --------------------------------------------------------------------------------------


@gate(many=True, all=lambda g, xs_shape, dim, needs: pieces(g, xs_shape, dim, needs))
def join(xs, *, dim):
    """The tensors `xs` joined along `dim`; they agree in all other sizes, or have shape (0,).

    Rule: each gets its own piece of the gradient.
    """
    axis = axis_of(len(joined_shape([tuple(x.shape) for x in xs], dim)), dim)
    full = [x for x in xs if tuple(x.shape) != (0,)] or xs[:1]
    return xp(full[0]).concatenate(full, axis=axis)


def pieces(g, shapes: tuple, dim: int, needs: tuple) -> tuple:
    """What was joined along dim to g, cut out of it again."""
    axis = axis_of(g.ndim, dim)
    out = []
    start = 0
    for shape, need in zip(shapes, needs, strict=True):
        stop = start if shape == (0,) else start + shape[axis]
        key = (*[slice(None)] * axis, slice(start, stop))
        if need is None:
            out.append(None)
        elif len(shape) == g.ndim:
            out.append(index(g, key=key))
        else:
            out.append(reshape(index(g, key=key), (0,)))
        start = stop
    return tuple(out)


def listed(name: str, tensors) -> list:
    """Tensors as a list.

    Raises: TypeError for what is no sequence of tensors, RuntimeError if there is none.
    """
    if not isinstance(tensors, (tuple, list)):
        raise TypeError(f"{name}: takes a list or tuple of tensors, got {type(tensors).__name__}")
    for i, x in enumerate(tensors):
        if not hasattr(x, "shape"):
            raise TypeError(f"{name}: takes tensors, got {type(x).__name__} at place {i}")
    if not tensors:
        raise RuntimeError(f"{name}: takes at least one tensor, got none")
    return list(tensors)


def cat(tensors, dim: int = 0):
    """The tensors joined along `dim`, in their common dtype; one of shape (0,) adds nothing.

    Raises: RuntimeError where sizes differ but along dim, ValueError where there is no tensor,
    IndexError for an axis that is not there, TypeError for what is no list of tensors.
    """
    if isinstance(tensors, (tuple, list)) and not tensors:
        raise ValueError("cat: takes at least one tensor, got none")
    return join(listed("cat", tensors), dim)


concat = concatenate = cat


def stack(tensors, dim: int = 0):
    """The tensors, all of one shape, joined along a new axis `dim`.

    Raises: RuntimeError where shapes differ or there is no tensor, IndexError for a place that is
    not there.
    """
    tensors = listed("stack", tensors)
    for x in tensors:
        if tuple(x.shape) != tuple(tensors[0].shape):
            raise RuntimeError(
                f"stack: all tensors have one shape, got {tuple(tensors[0].shape)} and "
                f"{tuple(x.shape)}"
            )
    return join([unsqueeze(x, dim) for x in tensors], dim)


def hstack(tensors):
    """The tensors joined along their second axis, or their first if they have no second."""
    tensors = [x if x.ndim else unsqueeze(x, 0) for x in listed("hstack", tensors)]
    return join(tensors, 0 if tensors[0].ndim == 1 else 1)


def vstack(tensors):
    """The tensors joined along the first of two axes; tensors of fewer are rows."""
    tensors = listed("vstack", tensors)
    return join([x if x.ndim > 1 else reshape(x, (1, raw_of(x).size)) for x in tensors], 0)


# --- cutting --------------------------------------------------------------------------------------

MOST_PIECES = 2**24  # more of them take many gigabytes, however little they hold


def cuttable(name: str, x, dim: int) -> int:
    """The axis `dim` of x, which has axes.

    Raises: RuntimeError if x has none, IndexError if it has not this one.
    """
    if not x.ndim:
        raise RuntimeError(f"{name}: a tensor of no axes cannot be cut")
    return axis_of(x.ndim, dim)


def check_pieces(name: str, count: int, made: int) -> None:
    """Raise RuntimeError if less than one piece is asked for, or too many will be made."""
    if count < 1:
        raise RuntimeError(f"{name}: needs at least 1 piece, got {count}")
    if made > MOST_PIECES:
        raise RuntimeError(f"{name}: makes {MOST_PIECES} pieces at most, got {count}")


def cut(x, sizes: list, axis: int) -> tuple:
    """x cut along an axis into pieces of these sizes."""
    shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in sizes]
    return pieces(x, shapes, axis, sizes)


def split(x, split_size, dim: int = 0) -> tuple:
    """x cut along `dim` into pieces of split_size (the last may be smaller), or of these sizes.

    Raises: RuntimeError for sizes that x cannot be cut into, IndexError for an axis that is not
    there.
    """
    axis = cuttable("split", x, dim)
    length = x.shape[axis]
    if isinstance(split_size, (tuple, list)):
        sizes = list(whole_sizes("split", split_size))
        if min(sizes, default=0) < 0 or builtins.sum(sizes) != length:
            raise RuntimeError(
                f"split: sizes {sizes} must be at least 0 and add up to {length}, the size of dim "
                f"{axis}"
            )
        return cut(x, sizes, axis)
    (size,) = whole_sizes("split", split_size)
    if size < 0 or (size == 0 and length):
        raise RuntimeError(f"split: pieces need a size of at least 1, got {size}")
    return cut(x, [min(size, length - i) for i in range(0, length, size or 1)] or [0], axis)


def chunk(x, chunks: int, dim: int = 0) -> tuple:
    """x cut along `dim` into at most `chunks` pieces of equal size (the last may be smaller).

    Raises: RuntimeError for less than one piece, IndexError for an axis that is not there.
    """
    axis = cuttable("chunk", x, dim)
    length = x.shape[axis]
    chunks = whole_number("chunk", "chunks", chunks)
    check_pieces("chunk", chunks, min(chunks, length or chunks))
    return split(x, -(-length // chunks), axis) if length else cut(x, [0] * chunks, axis)


def unbind(x, dim: int = 0) -> tuple:
    """The slices of x along `dim`, without that axis.

    Raises: IndexError for an axis that is not there.
    """
    if not x.ndim:
        raise IndexError("unbind: a tensor of no axes has no slices")
    axis = axis_of(x.ndim, dim)
    lead = (slice(None),) * axis
    return tuple(index(x, key=(*lead, i, Ellipsis)) for i in range(x.shape[axis]))


def tensor_split(x, indices_or_sections, dim: int = 0) -> tuple:
    """x cut along `dim` into so many pieces, the first ones larger by one, or at these places.

    Raises: RuntimeError for less than one piece, IndexError for an axis that is not there.
    """
    axis = cuttable("tensor_split", x, dim)
    length = x.shape[axis]
    cuts = indices_or_sections
    if hasattr(cuts, "tolist"):
        cuts = cuts.tolist()
    if isinstance(cuts, (tuple, list)):
        ends = whole_sizes("tensor_split", cuts)
    else:
        (sections,) = whole_sizes("tensor_split", cuts)
        check_pieces("tensor_split", sections, sections)
        small, larger = divmod(length, sections)
        ends = [i * small + min(i, larger) for i in range(1, sections)]
    lead = (slice(None),) * axis
    bounds = zip((0, *ends), (*ends, length), strict=True)
    return tuple([index(x, key=(*lead, slice(a, b))) for a, b in bounds])


def narrow(x, dim: int, start: int, length: int):
    """The part of x that has `length` places along `dim` from `start` on.

    Raises: RuntimeError where the part leaves x, IndexError where start or dim is not there.
    """
    axis = cuttable("narrow", x, dim)
    start, length = operator.index(start), operator.index(length)
    size = x.shape[axis]
    if not -size <= start <= size:
        raise IndexError(f"narrow: start {start} is out of range for dim {axis} of size {size}")
    start += size if start < 0 else 0
    if length < 0 or start + length > size:
        raise RuntimeError(
            f"narrow: length {length} from place {start} on does not fit into dim {axis} of size "
            f"{size}"
        )
    return index(x, key=(*(slice(None),) * axis, slice(start, start + length)))


def select(x, dim: int, index: int):
    """The slice of x at the place `index` of the axis `dim`, without that axis.

    Raises: IndexError where the axis or the place is not there.
    """
    if not x.ndim:
        raise IndexError("select: a tensor of no axes has no slices")
    axis = axis_of(x.ndim, dim)
    return getitem(x, (*(slice(None),) * axis, operator.index(index)))
