"""Formulas of shapes and dtypes, which bodies and the backend without numbers share."""


def axes_of(ndim: int, dim) -> tuple[int, ...]:
    """dim (None for all axes, an int, a sequence) as a tuple of axes counted from the front.

    Raises: IndexError for an axis that is not there, RuntimeError for one given twice.
    """
    if dim is None:
        return tuple(range(ndim))
    dims = tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)
    room = max(ndim, 1)  # a 0-d tensor is treated as if it had one axis, as PyTorch does
    for d in dims:
        if not -room <= d < room:
            raise IndexError(f"dim {d} is out of range for a tensor of {ndim} axes")
    axes = tuple(d % room for d in dims)
    if len(set(axes)) != len(axes):
        raise RuntimeError(f"dim {dim} names an axis twice in a tensor of {ndim} axes")
    return axes if ndim else ()


def kept_shape(shape: tuple, dim) -> tuple[int, ...]:
    """`shape` with the axes `dim` reduced to size 1."""
    axes = axes_of(len(shape), dim)
    return tuple(1 if i in axes else s for i, s in enumerate(shape))


def out_size(size: int, window: int, stride: int, padding: int, dilation: int) -> int:
    """How many windows fit: (size + 2 padding - dilation (window - 1) - 1) // stride + 1."""
    return (size + 2 * padding - dilation * (window - 1) - 1) // stride + 1


def counted(dtype):
    """The dtype of a sum: whole numbers and truth values are counted as int64, floats stay."""
    return dtype if dtype.kind == "f" else "int64"
