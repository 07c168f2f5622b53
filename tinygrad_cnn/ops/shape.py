"""Gates that move numbers without changing them: reshaping, bordering, casting.

Each is linear, so its rule is its adjoint, another gate of this file.
"""

import math

from ..gate import flat, gate, same
from ..graph import owner
from ..kernels import np, transfer, xp
from ..kernels.shapes import axes_of, axis_of, reshaping_error, whole_sizes
from .indexing import check_tensors, index, raw_of

# --- shape ----------------------------------------------------------------------------------------


@gate(x=lambda g, x_shape: reshape(g, x_shape))
def reshape(x, *, shape):
    """x under another shape of as many elements; one size may be -1.

    Rule: the gradient takes the old shape.

    Raises: RuntimeError where the sizes do not multiply up, TypeError for sizes that are no whole
    numbers.
    """
    try:
        if shape and min(shape) < -1:  # NumPy would take it for -1
            raise ValueError
        return x.reshape(shape)
    except (TypeError, ValueError):
        raise reshaping_error("reshape", x.shape, shape) from None


@gate(x=lambda g, x_shape: sum_to(g, x_shape))
def expand(x, *, shape):
    """x repeated to `shape` by broadcasting; -1 keeps a size. A view, read-only if x is repeated.

    Rule: the gradient is summed over what was repeated.

    Raises: RuntimeError where x does not broadcast to the shape.
    """
    full = shape
    if -1 in shape:
        lead = len(shape) - x.ndim
        pairs = enumerate(shape, -lead)
        full = [x.shape[i] if n == -1 and i >= 0 else n for i, n in pairs]
    try:
        z = xp(x).broadcast_to(x, full)
        return z if z.size != x.size else x.reshape(z.shape)
    except ValueError:
        raise RuntimeError(
            f"expand: shape {tuple(x.shape)} does not broadcast to {tuple(shape)}; sizes are "
            "compared from the end, those of 1 are repeated, -1 keeps one"
        ) from None


@gate(x=lambda g, x_shape: expand(g, x_shape))
def sum_to(x, *, shape):
    """x summed to `shape`, from which it could have been broadcast: undoes broadcasting.

    Rule: the gradient is repeated.
    """
    lead = x.ndim - len(shape)
    axes = [i + lead for i, s in enumerate(shape) if s == 1 and x.shape[i + lead] != 1]
    return x.sum((*range(lead), *axes), keepdims=True).reshape(shape)


@gate(x=lambda g, dims: permute(g, inverse(dims)))
def permute(x, *, dims):
    """x with its axes in the order `dims`.

    Rule: the gradient is permuted back.

    Raises: IndexError for an axis that is not there, RuntimeError unless each is named once.
    """
    try:
        return x.transpose(dims)
    except (TypeError, ValueError):
        axes_of(x.ndim, dims)
        raise RuntimeError(f"permute: {x.ndim} axes cannot take the order {dims}") from None


def inverse(dims) -> tuple[int, ...]:
    """The permutation that undoes `dims`."""
    axes = axes_of(len(dims), dims)
    return tuple(axes.index(i) for i in range(len(axes)))


@gate(x=lambda g, dims: flip(g, dims))
def flip(x, *, dims):
    """A copy of x with the order of its elements reversed along `dims`.

    Rule: the gradient is reversed.

    Raises: IndexError for an axis that is not there, RuntimeError for one named twice.
    """
    return xp(x).flip(x, axes_of(x.ndim, dims)).copy()


def transpose(x, dim0: int, dim1: int):
    """x with two axes exchanged.

    Raises: IndexError for an axis that is not there.
    """
    a, b = axis_of(x.ndim, dim0), axis_of(x.ndim, dim1)
    dims = list(range(x.ndim))
    if dims:
        dims[a], dims[b] = b, a
    return permute(x, tuple(dims))


def swapaxes(x, axis0: int, axis1: int):
    """x with two axes exchanged: `transpose`, by NumPy's name."""
    return transpose(x, axis0, axis1)


swapdims = transpose


def t(x):
    """A matrix transposed; a tensor of fewer axes as it is.

    Raises: RuntimeError for more than two axes.
    """
    if x.ndim > 2:
        raise RuntimeError(f"t: takes two axes at most, got shape {tuple(x.shape)}; use mT")
    return permute(x, tuple(range(x.ndim))[::-1])


def movedim(x, source, destination):
    """x with the axes `source` moved to the places `destination`.

    Raises: IndexError for an axis that is not there, RuntimeError for one named twice or where
    there are not as many places as axes.
    """
    origin = axes_of(x.ndim, source)
    target = axes_of(x.ndim, destination)
    if len(origin) != len(target):
        raise RuntimeError(f"movedim: {source} and {destination} do not name as many axes")
    rest = iter([i for i in range(x.ndim) if i not in origin])
    at = dict(zip(target, origin, strict=True))
    return permute(x, tuple(at[i] if i in at else next(rest) for i in range(x.ndim)))


moveaxis = movedim


def unsqueeze(x, dim: int):
    """x with a new axis of size 1 at `dim`.

    Raises: IndexError for a place that is not there.
    """
    axis = axis_of(x.ndim + 1, dim)
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


def squeeze(x, dim=None):
    """x without its axes of size 1, or without those among `dim`.

    Raises: IndexError for an axis that is not there, RuntimeError for one named twice.
    """
    axes = axes_of(x.ndim, dim)
    return reshape(x, tuple(s for i, s in enumerate(x.shape) if s != 1 or i not in axes))


def flatten(x, start_dim: int = 0, end_dim: int = -1):
    """x with the axes from start_dim to end_dim made one.

    Raises: IndexError for an axis that is not there, RuntimeError where the last lies before the
    first.
    """
    first, last = axis_of(x.ndim, start_dim), axis_of(x.ndim, end_dim)
    if first > last:
        raise RuntimeError(f"flatten: start_dim {start_dim} lies behind end_dim {end_dim}")
    size = math.prod(x.shape[first : last + 1])
    return reshape(x, (*x.shape[:first], size, *x.shape[last + 1 :]))


def ravel(x):
    """x with all axes made one."""
    return reshape(x, (-1,)) if raw_of(x).size else reshape(x, (0,))


def unflatten(x, dim: int, sizes):
    """x with the axis `dim` made several, of these sizes; one of them may be -1.

    Raises: IndexError for an axis that is not there, RuntimeError where the sizes do not multiply
    up to its size, TypeError for sizes that are no sequence of whole numbers.
    """
    axis = axis_of(x.ndim, dim)
    if not isinstance(sizes, (tuple, list)):
        raise TypeError(f"unflatten: sizes are a tuple of whole numbers, got {sizes!r}")
    size = x.shape[axis] if x.ndim else 1
    sizes = whole_sizes("unflatten", sizes)
    known = math.prod(n for n in sizes if n != -1)
    fits = sizes and (known and size % known == 0 if -1 in sizes else size == known)
    if not fits or not x.ndim or sizes.count(-1) > 1:
        raise RuntimeError(
            f"unflatten: axis {axis} of shape {tuple(x.shape)} cannot be made axes of the sizes "
            f"{sizes}, which must multiply up to its size"
        )
    sizes = tuple([size // known if n == -1 else n for n in sizes])  # as 0 elements leave it open
    return reshape(x, (*x.shape[:axis], *sizes, *x.shape[axis + 1 :]))


def view(x, *shape):
    """x under another shape, on the same memory.

    Raises: RuntimeError where the strides do not allow it, or as `reshape`.
    """
    shape = varied(shape)
    out = reshape(x, shape)
    raw, made = raw_of(x), raw_of(out)
    if made.size and made is not raw and (made.base is None or owner(made) is not owner(raw)):
        raise RuntimeError(
            f"view: shape {tuple(x.shape)} with these strides cannot be seen as {shape} without a "
            "copy; use reshape()"
        )
    return out


def view_as(x, other):
    """x under the shape of `other`, on the same memory."""
    check_tensors("view_as", x, other)
    return view(x, tuple(other.shape))


def reshape_as(x, other):
    """x under the shape of `other`."""
    check_tensors("reshape_as", x, other)
    return reshape(x, tuple(other.shape))


def expand_as(x, other):
    """x repeated to the shape of `other`."""
    check_tensors("expand_as", x, other)
    return expand(x, tuple(other.shape))


def broadcast_to(x, size):
    """x repeated to the shape `size`, as `expand`."""
    return expand(x, whole_sizes("broadcast_to", size))


def common_shape(name: str, *shapes) -> tuple[int, ...]:
    """The shape that these broadcast to.

    Raises: RuntimeError where there is none.
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(str(tuple(s)) for s in shapes)
        raise RuntimeError(f"{name}: shapes {listed} do not broadcast to one shape") from None


def broadcast_tensors(*tensors) -> tuple:
    """The tensors, each repeated to the shape that all of them broadcast to."""
    check_tensors("broadcast_tensors", *tensors)
    shape = common_shape("broadcast_tensors", *[x.shape for x in tensors])
    return tuple([expand(x, shape) for x in tensors])


def varied(sizes: tuple) -> tuple[int, ...]:
    """The sizes of f(x, 2, 3) and of f(x, (2, 3)) alike."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        return tuple(sizes[0])
    return sizes


# --- borders --------------------------------------------------------------------------------------


@gate(x=lambda g, pads: index(g, key=inside(g.shape, pads)))
def pad_constant(x, *, pads, value):
    """x within a border: pads holds (before, after) for each axis.

    Rule: the gradient of the border is dropped.
    """
    return xp(x).pad(x, pads, constant_values=value) if x.ndim else x.copy()


def inside(shape: tuple, pads: tuple) -> tuple[slice, ...]:
    """The key of what lies within a border."""
    return tuple(slice(lo, s - hi) for s, (lo, hi) in zip(shape, pads, strict=True))


# --- kind and place of the numbers ----------------------------------------------------------------


@gate(x=same)
def cast(x, *, dtype):
    """x in another dtype.

    Rule: the walk casts every gradient to its receiver's dtype, so there is nothing left to do.
    """
    return x.astype(dtype)


@gate(x=same)
def clone(x):
    """A copy of x on the graph."""
    return x.copy()


@gate(x=lambda g, home, device: move(g, device=home, home=device))
def move(x, *, device, home):
    """x copied from the device `home` to `device`.

    Rule: the gradient is copied back.
    """
    return transfer(x, device)


@flat
def ones_like(x):
    """Ones in x's shape and dtype."""
    return xp(x).ones_like(x)


@flat
def zeros_like(x):
    """Zeros in x's shape and dtype."""
    return xp(x).zeros_like(x)
