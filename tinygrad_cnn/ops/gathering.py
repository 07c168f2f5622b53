"""Functions that read and write by tensors of indices: gather, scatter, index_select and others.

They check what the gates of `indexing` take for granted. Indices count from 0; whether they lie in
range is looked up where that costs no waiting, on the CPU.
"""

from ..kernels import np, xp
from ..kernels.shapes import axis_of
from ..tensor import Tensor
from .create import number_of
from .indexing import check_tensors, getitem, put_along, put_at, raw_of, set_along, take_along
from .indexing import index as index_of
from .joining import unbind
from .pointwise import add, check_factor, holds_truth, mul, where
from .shape import broadcast_tensors, common_shape, expand, reshape, unsqueeze


def gather(x, dim: int, index):
    """z with z[i, j, k] = x[index[i, j, k], j, k] for dim 0, and so on.

    Shape: index has as many axes as x, and is no larger but along `dim`; z has its shape.

    Raises: RuntimeError where index does not fit x, or names a place that x has not.
    """
    axis = axis_of(x.ndim, dim)
    check_indices("gather", x, axis, index)
    z = take_along(with_axis(x), with_axis(index), dim=axis)
    return z if index.ndim else reshape(z, ())


def scatter(x, dim: int, index, src=None, *, value=None):
    """x with z[index[i, j, k], j, k] = src[i, j, k] for dim 0, and so on; src may be a number.

    Shape: as in `gather`; src is at least as large as index, and what lies beyond is not used.

    Raises: RuntimeError where index or src do not fit x, or a place is named that x has not.
    """
    axis = axis_of(x.ndim, dim)
    src = value if src is None else src
    if src is None:
        raise TypeError("scatter: takes src, a tensor or a number, or value, a number; got neither")
    check_indices("scatter", x, axis, index)
    if hasattr(src, "shape"):
        src = fitting("scatter", x, index, src)
    else:
        number = number_of("scatter", src)
        src = raw_of(x).dtype.type(number).item()  # it takes the dtype, 1.5 is 1 among whole ones
    return reshape(set_along(with_axis(x), with_axis(index), src, dim=axis), x.shape)


def scatter_add(x, dim: int, index, src):
    """x with src[i, j, k] added at [index[i, j, k], j, k] for dim 0, and so on.

    Shape: as in `scatter`.

    Raises: RuntimeError where index or src do not fit x, or a place is named that x has not.
    """
    axis = axis_of(x.ndim, dim)
    check_indices("scatter_add", x, axis, index)
    src = fitting("scatter_add", x, index, src)
    shape = with_axis(x).shape
    return add(x, reshape(put_along(src, with_axis(index), dim=axis, shape=shape), x.shape))


def take_along_dim(x, indices, dim: int | None = None):
    """x at `indices` along `dim`, where all other axes broadcast; without dim both count as flat.

    With dim a negative index counts from the end.

    Raises: RuntimeError where the numbers of axes differ or a place is named that x has not.
    """
    check_tensors("take_along_dim", x, indices)
    if dim is None:
        return gather(reshape(x, (-1,)), 0, reshape(indices, (-1,)))
    if x.ndim != indices.ndim:
        raise RuntimeError(
            f"take_along_dim: x and indices have as many axes, got {x.ndim} and {indices.ndim}"
        )
    axis = axis_of(x.ndim, dim)
    rest = common_shape("take_along_dim", one_at(x.shape, axis), one_at(indices.shape, axis))
    check_whole("take_along_dim", indices)
    indices = where(indices < 0, indices + x.shape[axis], indices)
    wide = [expand(t, (*rest[:axis], t.shape[axis], *rest[axis + 1 :])) for t in (x, indices)]
    return gather(wide[0], axis, wide[1])


def index_select(x, dim: int, index):
    """The slices of x along `dim` that index, of one axis at most, names.

    Raises: IndexError where a place is named that x has not, or index has several axes,
    RuntimeError where it holds no whole numbers.
    """
    axis = axis_of(x.ndim, dim)
    key = line_key("index_select", x, axis, index)
    z = index_of(with_axis(x), key=key)
    return z if x.ndim else reshape(z, ())


def index_add(x, dim: int, index, source, *, alpha: float = 1):
    """x with alpha times the slices of source added to those that index names along `dim`.

    Raises: IndexError where a place is named that x has not, RuntimeError where source does not
    fit, or for whole numbers times an alpha that is not whole.
    """
    axis = axis_of(x.ndim, dim)
    key = line_key("index_add", x, axis, index)
    same_dtype("index_add", x, source)
    place = with_axis(x).shape
    slices = (*place[:axis], key[axis].shape[0], *place[axis + 1 :])
    if with_axis(source).shape != slices:
        raise RuntimeError(
            f"index_add: source for {slices[axis]} indices into shape {tuple(x.shape)} along dim "
            f"{axis} has shape {slices}, got {tuple(source.shape)}"
        )
    check_factor("index_add", "an alpha", alpha, source)
    added = put_at(with_axis(source), key=key, shape=place)
    if alpha != 1:
        added = mul(added, bool(alpha) if holds_truth(added) else alpha)
    return add(x, reshape(added, x.shape))


def masked_select(x, mask):
    """The elements of x where mask, broadcast with x, is true; a tensor of one axis.

    Raises: RuntimeError where mask holds no truth values, or shapes do not broadcast.
    """
    check_tensors("masked_select", x, mask)
    if raw_of(mask).dtype.kind != "b":
        raise RuntimeError(f"masked_select: a mask holds truth values, got {raw_of(mask).dtype}")
    x, mask = broadcast_tensors(x, mask)
    return getitem(x, mask)


def argwhere(x):
    """The places where x is not 0, one per row.

    Shape: x (*) -> (how many, number of axes).
    """
    return Tensor(xp(raw_of(x)).argwhere(raw_of(x)))


def nonzero(x, as_tuple: bool = False):
    """The places where x is not 0: one per row, or with as_tuple a tensor for each axis."""
    return unbind(argwhere(with_axis(x)), 1) if as_tuple else argwhere(x)


# --- checks ---------------------------------------------------------------------------------------


def with_axis(x):
    """x, or if it is 0-d the same with one axis of one place."""
    return x if x.ndim else unsqueeze(x, 0)


def one_at(shape: tuple, axis: int) -> tuple[int, ...]:
    """A shape with size 1 at the axis."""
    return *shape[:axis], 1, *shape[axis + 1 :]


def check_whole(name: str, index) -> None:
    """Raise RuntimeError for indices that are not whole numbers, TypeError for no tensor."""
    check_tensors(name, index)
    if raw_of(index).dtype.name not in ("int64", "int32"):
        raise RuntimeError(
            f"{name}: an index holds int64 or int32, got {raw_of(index).dtype}; cast it with "
            ".long()"
        )


def outside(index, size: int) -> int | None:
    """A number in index that is no place of an axis of this size; looked for on the CPU alone."""
    raw = raw_of(index)
    if not isinstance(raw, np.ndarray) or not raw.size:
        return None
    low, high = int(raw.min()), int(raw.max())
    return low if low < 0 else high if high >= size else None


def check_devices(name: str, *xs) -> None:
    """Raise RuntimeError where tensors lie on different devices."""
    devices = {str(x.device) for x in xs if isinstance(x, Tensor)}
    if len(devices) > 1:
        raise RuntimeError(
            f"{name}: all tensors must be on one device, got {' and '.join(sorted(devices))}; move "
            "them with .to(device)"
        )


def check_indices(name: str, x, axis: int, index) -> None:
    """Raise RuntimeError where index cannot go beside x along the axis."""
    check_whole(name, index)
    check_devices(name, x, index)
    shape, sizes = with_axis(x).shape, with_axis(index).shape
    if len(sizes) != len(shape):
        raise RuntimeError(
            f"{name}: an index has as many axes as x, got shapes {sizes} and {shape}"
        )
    if any(n > m for i, (n, m) in enumerate(zip(sizes, shape, strict=True)) if i != axis):
        raise RuntimeError(
            f"{name}: an index is no larger than x but along dim {axis}, got shapes {sizes} and "
            f"{shape}"
        )
    wrong = outside(index, shape[axis])
    if wrong is not None:
        raise RuntimeError(
            f"{name}: index {wrong} is out of range for dim {axis} of size {shape[axis]}; indices "
            "count from 0"
        )


def line_key(name: str, x, axis: int, index) -> tuple:
    """The key of the slices of x along the axis that index names."""
    check_whole(name, index)
    raw = raw_of(with_axis(index))
    if raw.ndim > 1:
        raise IndexError(f"{name}: an index has one axis, got shape {raw.shape}")
    size = with_axis(x).shape[axis]
    wrong = outside(raw, size)
    if wrong is not None:
        raise IndexError(
            f"{name}: index {wrong} is out of range for dim {axis} of size {size}; indices count "
            "from 0"
        )
    return (*(slice(None),) * axis, raw)


def same_dtype(name: str, x, source) -> None:
    """Raise RuntimeError where what is written differs from x in dtype, TypeError for no tensor."""
    check_tensors(name, source)
    if raw_of(x).dtype != raw_of(source).dtype:
        raise RuntimeError(
            f"{name}: x and what is written have one dtype, got {raw_of(x).dtype} and "
            f"{raw_of(source).dtype}"
        )


def fitting(name: str, x, index, src):
    """What of src is written: the part in the shape of index."""
    same_dtype(name, x, src)
    sizes, room = with_axis(index).shape, with_axis(src).shape
    if len(sizes) != len(room) or any(n > m for n, m in zip(sizes, room, strict=True)):
        raise RuntimeError(f"{name}: src is no smaller than index, got {room} and {sizes}")
    src = with_axis(src)
    return src if sizes == room else index_of(src, key=tuple([slice(n) for n in sizes]))
