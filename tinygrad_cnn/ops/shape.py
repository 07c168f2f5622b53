"""Gates that move numbers without changing them: reshaping, joining, indexing, casting.

Each is linear, so its rule is its adjoint, another gate of this file.
"""

import builtins
import math

from ..gate import flat, gate, same
from ..kernels import np, transfer, xp
from ..kernels.shapes import axes_of
from ..tensor import Tensor

# --- shape ----------------------------------------------------------------------------------------


@gate(x=lambda g, x_shape: reshape(g, x_shape))
def reshape(x, *, shape):
    """x under another shape of as many elements; one size may be -1.

    Rule: the gradient takes the old shape.
    """
    return x.reshape(shape)


@gate(x=lambda g, x_shape: sum_to(g, x_shape))
def expand(x, *, shape):
    """x repeated to `shape` by broadcasting; -1 keeps a size. A read-only view.

    Rule: the gradient is summed over what was repeated.
    """
    lead = len(shape) - x.ndim
    full = tuple(x.shape[i - lead] if s == -1 else s for i, s in enumerate(shape))
    return xp(x).broadcast_to(x, full)


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
    """
    return x.transpose(dims)


def inverse(dims) -> tuple[int, ...]:
    """The permutation that undoes `dims`."""
    axes = axes_of(len(dims), dims)
    return tuple(axes.index(i) for i in range(len(axes)))


@gate(x=lambda g, dims: flip(g, dims))
def flip(x, *, dims):
    """x with the order of its elements reversed along `dims`.

    Rule: the gradient is reversed.
    """
    return xp(x).flip(x, axes_of(x.ndim, dims))


def transpose(x, dim0: int, dim1: int):
    """x with two axes exchanged."""
    a, b = (axes_of(x.ndim, d) for d in (dim0, dim1))
    dims = list(range(x.ndim))
    if x.ndim:
        dims[a[0]], dims[b[0]] = dims[b[0]], dims[a[0]]
    return permute(x, tuple(dims))


def movedim(x, source, destination):
    """x with the axes `source` moved to the places `destination`."""
    origin = axes_of(x.ndim, source)
    target = axes_of(x.ndim, destination)
    rest = iter([i for i in range(x.ndim) if i not in origin])
    at = dict(zip(target, origin, strict=True))
    return permute(x, tuple(at[i] if i in at else next(rest) for i in range(x.ndim)))


def unsqueeze(x, dim: int):
    """x with a new axis of size 1 at `dim`."""
    (axis,) = axes_of(x.ndim + 1, dim)
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


def squeeze(x, dim=None):
    """x without its axes of size 1, or without those among `dim`."""
    axes = axes_of(x.ndim, dim)
    return reshape(x, tuple(s for i, s in enumerate(x.shape) if s != 1 or i not in axes))


def flatten(x, start_dim: int = 0, end_dim: int = -1):
    """x with the axes from start_dim to end_dim made one."""
    if not x.ndim:
        return reshape(x, (1,))
    first, last = (axes_of(x.ndim, d)[0] for d in (start_dim, end_dim))
    if first > last:
        raise RuntimeError(f"flatten: start_dim {start_dim} lies behind end_dim {end_dim}")
    return reshape(
        x, (*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :])
    )


def unflatten(x, dim: int, sizes):
    """x with the axis `dim` made several."""
    (axis,) = axes_of(x.ndim, dim)
    return reshape(x, (*x.shape[:axis], *sizes, *x.shape[axis + 1 :]))


def view(x, *shape):
    """x under another shape, on the same memory.

    Raises: RuntimeError where the strides do not allow it.
    """
    shape = varied(shape)
    out = reshape(x, shape)
    raw, made = (a.raw if isinstance(a, Tensor) else a for a in (x, out))
    if made.size and made.base is not raw and made.base is not raw.base:
        raise RuntimeError(
            f"view: shape {tuple(x.shape)} with these strides cannot be seen as {shape} without a "
            "copy; use reshape()"
        )
    return out


def varied(sizes: tuple) -> tuple[int, ...]:
    """The sizes of f(x, 2, 3) and of f(x, (2, 3)) alike."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        return tuple(sizes[0])
    return sizes


# --- joining and cutting --------------------------------------------------------------------------


@gate(many=True, all=lambda g, xs_shape, dim, needs: pieces(g, xs_shape, dim, needs))
def cat(xs, *, dim=0):
    """The tensors `xs` joined along `dim`; they agree in all other sizes.

    Rule: each gets its own piece of the gradient.
    """
    return xp(xs[0]).concatenate(xs, axis=axes_of(xs[0].ndim, dim)[0])


def pieces(g, shapes: tuple, dim: int, needs: tuple) -> tuple:
    """What `cat` joined along dim, cut out of g again."""
    (axis,) = axes_of(g.ndim, dim)
    out = []
    start = 0
    for shape, need in zip(shapes, needs, strict=True):
        stop = start + shape[axis]
        key = (*[slice(None)] * axis, slice(start, stop))
        out.append(None if need is None else index(g, key=key))
        start = stop
    return tuple(out)


def stack(xs, dim: int = 0):
    """The tensors `xs`, all of one shape, joined along a new axis `dim`."""
    return cat([unsqueeze(x, dim) for x in xs], dim)


def split(x, split_size, dim: int = 0) -> tuple:
    """x cut along `dim` into pieces of split_size (the last may be smaller), or of these sizes."""
    (axis,) = axes_of(x.ndim, dim)
    length = x.shape[axis]
    if isinstance(split_size, int):
        if split_size < 1:
            raise RuntimeError(f"split: pieces need a size of at least 1, got {split_size}")
        sizes = [min(split_size, length - i) for i in range(0, length, split_size)] or [0]
    else:
        sizes = list(split_size)
        if builtins.sum(sizes) != length:
            raise RuntimeError(f"split: sizes {sizes} do not add up to {length}")
    shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in sizes]
    return pieces(x, shapes, axis, sizes)


def chunk(x, chunks: int, dim: int = 0) -> tuple:
    """x cut along `dim` into at most `chunks` pieces of equal size (the last may be smaller)."""
    if chunks < 1:
        raise RuntimeError(f"chunk: needs at least 1 piece, got {chunks}")
    (axis,) = axes_of(x.ndim, dim)
    return split(x, max(1, -(-x.shape[axis] // chunks)), axis)


def unbind(x, dim: int = 0) -> tuple:
    """The slices of x along `dim`, without that axis."""
    (axis,) = axes_of(x.ndim, dim)
    lead = (slice(None),) * axis
    return tuple(index(x, key=(*lead, i)) for i in range(x.shape[axis]))


@gate(x=lambda g, pads: index(g, key=inside(g.shape, pads)))
def pad_constant(x, *, pads, value):
    """x within a border: pads holds (before, after) for each axis.

    Rule: the gradient of the border is dropped.
    """
    return xp(x).pad(x, pads, constant_values=value) if x.ndim else x.copy()


def inside(shape: tuple, pads: tuple) -> tuple[slice, ...]:
    """The key of what lies within a border."""
    return tuple(slice(lo, s - hi) for s, (lo, hi) in zip(shape, pads, strict=True))


# --- indexing -------------------------------------------------------------------------------------


@gate(x=lambda g, key, x_shape: index_add(g, key=key, shape=x_shape))
def index(x, *, key):
    """x[key] for NumPy's kinds of key: whole numbers, slices, None, Ellipsis, masks, arrays.

    Rule: the gradient is added where it was taken from.
    """
    return x[key]


@gate(x=lambda g, key: index(g, key=key))
def index_add(x, *, key, shape):
    """Zeros of `shape` with x added at `key`; a place named twice gets both.

    Rule: the gradient is taken where x was added.
    """
    z = xp(x).zeros(shape, x.dtype)
    if basic(key):
        z[key] = x
    else:
        xp(x).add.at(z, key, x)
    return z


def basic(key) -> bool:
    """Whether a key names every place at most once: no arrays of numbers in it."""
    parts = key if isinstance(key, tuple) else (key,)
    return not any(hasattr(p, "dtype") and p.ndim and p.dtype.kind != "b" for p in parts)


def getitem(x, key):
    """x[key], with Tensors and lists in the key."""
    return index(x, key=raw_key(x, key))


def raw_key(x, key):
    """A key of raw parts, checked against x.

    Raises: IndexError for what cannot index, in a sentence.
    """
    parts = key if isinstance(key, tuple) else (key,)
    clean = tuple(raw_part(x, part) for part in parts)
    return clean if isinstance(key, tuple) else clean[0]


def raw_part(x, part):
    """One part of a key: Tensors and lists become arrays beside x."""
    if isinstance(part, Tensor):
        part = part.raw
    elif isinstance(part, (list, range)):
        part = xp(x.raw if isinstance(x, Tensor) else x).asarray(list(part))
    if hasattr(part, "dtype"):
        if part.dtype.kind not in "iub":
            raise IndexError(f"an index holds whole numbers or a mask, got {part.dtype}")
        return part
    if part is None or part is Ellipsis or isinstance(part, (int, np.integer, slice)):
        return part
    raise IndexError(f"a tensor cannot be indexed by {part!r}")


@gate(x=lambda g, indices, dim, x_shape: put_along(g, indices, dim=dim, shape=x_shape))
def take_along(x, indices, *, dim):
    """x at `indices` along `dim`; both agree in all other sizes.

    Rule: the gradient is added where it was taken from.
    """
    return xp(x).take_along_axis(x, indices, axis=dim)


@gate(x=lambda g, indices, dim: take_along(g, indices, dim=dim))
def put_along(x, indices, *, dim, shape):
    """Zeros of `shape` with x added at `indices` along `dim`.

    Rule: the gradient is taken where x was added.
    """
    z = xp(x).zeros(shape, x.dtype)
    (axis,) = axes_of(x.ndim, dim)
    grid = [xp(x).arange(s).reshape(-1, *[1] * (x.ndim - i - 1)) for i, s in enumerate(x.shape)]
    key = tuple(indices if i == axis else places for i, places in enumerate(grid))
    xp(x).add.at(z, key, x)
    return z


def gather(x, dim: int, index):
    """z with z[i, j, k] = x[index[i, j, k], j, k] for dim 0, and so on.

    Raises: RuntimeError where an index is out of range or `index` is larger than x.
    """
    (axis,) = axes_of(x.ndim, dim)
    lead = tuple(slice(None) if i == axis else slice(s) for i, s in enumerate(index.shape))
    return take_along(getitem(x, lead), index, dim=axis)


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


@flat
def tri(x, *, diagonal, upper):
    """Where an element of the last two axes lies on one side of a diagonal, or on it."""
    rows, columns = x.shape[-2:]
    offset = xp(x).arange(columns)[None, :] - xp(x).arange(rows)[:, None]
    return offset >= diagonal if upper else offset <= diagonal
