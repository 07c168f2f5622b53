"""Repeating tensors, rolling them, and cutting windows out of them."""

import math
import operator

from ..gate import gate
from ..kernels import np, xp
from ..kernels.shapes import axis_of, whole_sizes
from ..tensor import Tensor
from .indexing import check_tensors, index, raw_of
from .shape import expand, flatten, movedim, reshape, transpose, unsqueeze, varied

# --- repeating ------------------------------------------------------------------------------------


def repeat(x, *repeats):
    """x written `repeats` times along each axis; more repeats than axes make new ones in front.

    Raises: RuntimeError for fewer repeats than axes, or negative ones.
    """
    times = whole_sizes("repeat", varied(repeats))
    lead = len(times) - x.ndim
    if lead < 0 or min(times, default=0) < 0:
        raise RuntimeError(
            f"repeat: takes a number of at least 0 for each axis of shape {tuple(x.shape)}, got "
            f"{times}"
        )
    sizes = (1,) * lead + tuple(x.shape)
    apart = [n for size in sizes for n in (1, size)]
    spread = [n for pair in zip(times, sizes, strict=True) for n in pair]
    copies = expand(reshape(x, tuple(apart)), tuple(spread))
    return reshape(copies, tuple(map(math.prod, zip(times, sizes, strict=True))))


def tile(x, *dims):
    """x written `dims` times along its last axes; as `repeat`, but dims may be fewer than axes."""
    times = whole_sizes("tile", varied(dims))
    return repeat(x, (1,) * (x.ndim - len(times)) + times)


def repeat_interleave(x, repeats=None, dim: int | None = None, *, output_size: int | None = None):
    """x with every slice along `dim` written `repeats` times, a number or one for each slice.

    Without dim x counts as flat. Called with repeats alone it returns the place of each slice.

    Raises: RuntimeError for repeats that are negative, not as many as slices, or alone of several
    axes.
    """
    if repeats is None:
        if x.ndim != 1:
            raise RuntimeError(
                "repeat_interleave: repeats alone are a tensor of one axis, got shape "
                f"{tuple(x.shape)}"
            )
        places = xp(raw_of(x)).arange(x.shape[0])
        return repeat_interleave(Tensor(places), x, 0)
    x, axis = (flatten(x), 0) if dim is None else (x, axis_of(x.ndim, dim))
    x = x if x.ndim else unsqueeze(x, 0)
    if hasattr(repeats, "shape"):
        z = index(x, key=(*(slice(None),) * axis, repeated_places(raw_of(repeats), x.shape[axis])))
    else:
        if not hasattr(repeats, "__index__"):
            raise TypeError(
                f"repeat_interleave: repeats are a whole number or a tensor, got {repeats!r}"
            )
        times = operator.index(repeats)
        if times < 0:
            raise RuntimeError(f"repeat_interleave: repeats are at least 0, got {times}")
        shape = (*x.shape[: axis + 1], times, *x.shape[axis + 1 :])
        z = reshape(expand(unsqueeze(x, axis + 1), shape), merged(shape, axis))
    if output_size is not None and output_size != z.shape[axis]:
        raise RuntimeError(
            f"repeat_interleave: output_size is {output_size}, repeats make {z.shape[axis]}"
        )
    return z


def merged(shape: tuple, axis: int) -> tuple[int, ...]:
    """A shape with the axis and the next one made one."""
    return *shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]


def repeated_places(repeats, size: int):
    """For each slice of the result the place it comes from: the array behind repeat_interleave."""
    if repeats.ndim > 1 or repeats.dtype.kind not in "iu" or repeats.size not in (1, size):
        raise RuntimeError(
            f"repeat_interleave: repeats are one whole number, or one for each of {size} slices, "
            f"got shape {repeats.shape} of {repeats.dtype}"
        )
    counts = np.asarray(repeats.tolist(), "int64")  # how long the result is, the host must know
    if counts.min(initial=0) < 0:
        raise RuntimeError(f"repeat_interleave: repeats are at least 0, got {counts.min()}")
    return xp(repeats).asarray(np.repeat(np.arange(size), counts))


def meshgrid(*tensors, indexing: str = "ij") -> tuple:
    """Tensors of one axis, each repeated along the axes of the others.

    Shape: n tensors of sizes (A,), (B,), ... -> n of (A, B, ...), or with "xy" of (B, A, ...).

    Raises: RuntimeError for tensors of several axes or dtypes, or another indexing.
    """
    tensors = varied(tensors)
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f"meshgrid: indexing is 'ij' or 'xy', got {indexing!r}")
    check_tensors("meshgrid", *tensors)
    if not tensors or any(x.ndim > 1 for x in tensors):
        shapes = [tuple(x.shape) for x in tensors]
        raise RuntimeError(f"meshgrid: takes tensors of one axis, got shapes {shapes}")
    dtypes = {str(raw_of(x).dtype) for x in tensors}
    if len(dtypes) > 1:
        raise RuntimeError(f"meshgrid: all tensors have one dtype, got {sorted(dtypes)}")
    lines = [flatten(x) for x in tensors]
    full = tuple([x.shape[0] for x in lines])
    grids = []
    for i, x in enumerate(lines):
        grid = expand(reshape(x, (-1 if x.shape[0] else 0, *[1] * (len(full) - i - 1))), full)
        grids.append(transpose(grid, 0, 1) if indexing == "xy" and len(full) > 1 else grid)
    return tuple(grids)


# --- rolling and windows --------------------------------------------------------------------------


@gate(x=lambda g, shifts, dims: roll(g, negated(shifts), dims))
def roll(x, *, shifts, dims=None):
    """x with its elements moved by `shifts` along `dims`, round in a ring.

    Without dims x counts as flat.

    Rule: the gradient is moved back.

    Raises: RuntimeError unless there is a shift for each dim, IndexError for one that is not there.
    """
    steps = whole_sizes("roll", shifts)
    axes = None if dims is None else whole_sizes("roll", dims)
    if len(steps) != (1 if axes is None else len(axes)) or not steps:
        raise RuntimeError(f"roll: takes one shift for each of dims, got {shifts} for {dims}")
    if axes is None:
        return xp(x).roll(x, steps[0])
    if not x.ndim:
        raise IndexError(f"roll: dims {dims} are out of range for a tensor of no axes")
    return xp(x).roll(x, steps, axis=tuple([axis_of(x.ndim, d) for d in axes]))


def negated(shifts):
    """Shifts the other way."""
    return tuple([-n for n in whole_sizes("roll", shifts)])


def unfold(x, dimension: int, size: int, step: int):
    """All windows of `size` places along an axis, `step` apart, along a new last axis.

    Shape: (..., L, ...) -> (..., (L - size) // step + 1, ..., size).

    Raises: RuntimeError for windows that do not fit, IndexError for an axis that is not there.

    Differs: a copy, where PyTorch shows the same memory several times.
    """
    axis = axis_of(x.ndim, dimension)
    length = x.shape[axis] if x.ndim else 1
    if not 0 <= size <= length or step < 1:
        raise RuntimeError(
            f"unfold: windows of size {size} and step {step} do not fit into dim {axis} of size "
            f"{length}; a size is at least 0 and a step at least 1"
        )
    module = xp(raw_of(x))
    places = module.arange(0, size, 1)
    if not x.ndim:
        return index(unsqueeze(x, 0), key=(places,))
    starts = module.arange(0, (length - size) // step + 1, 1) * step
    places = unsqueeze(starts, 1) + places
    return movedim(index(x, key=(*(slice(None),) * axis, places)), axis + 1, -1)
