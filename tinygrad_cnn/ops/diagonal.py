"""Diagonals and triangles of matrices.

The diagonal `offset` holds the elements whose column lies so many places behind their row.
"""

from ..gate import gate
from ..kernels import xp
from ..kernels.shapes import planes
from .reduce import sum


@gate(x=lambda g, diagonal: tril(g, diagonal))
def tril(x, *, diagonal=0):
    """x with zeros above a diagonal of its last two axes.

    Rule: the gradient with zeros in the same places.

    Raises: RuntimeError for less than two axes.
    """
    check_matrices("tril", x)
    return xp(x).tril(x, diagonal)


@gate(x=lambda g, diagonal: triu(g, diagonal))
def triu(x, *, diagonal=0):
    """x with zeros below a diagonal of its last two axes.

    Rule: the gradient with zeros in the same places.

    Raises: RuntimeError for less than two axes.
    """
    check_matrices("triu", x)
    return xp(x).triu(x, diagonal)


def check_matrices(name: str, x) -> None:
    """Raise RuntimeError for a tensor of less than two axes."""
    if x.ndim < 2:
        raise RuntimeError(f"{name}: takes at least two axes, got shape {tuple(x.shape)}")


@gate(
    x=lambda g, offset, dim1, dim2, x_shape: put_diagonal(
        g, shape=x_shape, offset=offset, dim1=dim1, dim2=dim2
    )
)
def diagonal(x, *, offset=0, dim1=0, dim2=1):
    """The diagonals of the matrices of two axes, along a new last axis; a view.

    Rule: zeros with the gradient on the diagonals.

    Raises: RuntimeError where both axes are one, IndexError for one that is not there.
    """
    return x.diagonal(offset, *planes(x.ndim, dim1, dim2))


@gate(x=lambda g, offset, dim1, dim2: diagonal(g, offset, dim1, dim2))
def put_diagonal(x, *, shape, offset, dim1, dim2):
    """Zeros of `shape` with the last axis of x on the diagonals of two axes.

    Rule: the gradient's diagonals.
    """
    z = xp(x).zeros(shape, x.dtype)
    matrices = xp(x).moveaxis(z, planes(z.ndim, dim1, dim2), (-2, -1))
    line = xp(x).arange(x.shape[-1])
    matrices[..., line + max(-offset, 0), line + max(offset, 0)] = x
    return z


def diag_embed(x, offset: int = 0, dim1: int = -2, dim2: int = -1):
    """Square matrices with the last axis of x on a diagonal, and zeros elsewhere.

    Raises: RuntimeError where both axes are one, IndexError for one that is not there.
    """
    a, b = planes(x.ndim + 1, dim1, dim2)
    if not x.ndim:
        raise IndexError("diag_embed: takes at least one axis, got a tensor of none")
    side = x.shape[-1] + abs(offset)
    rest = iter(x.shape[:-1])
    shape = tuple([side if i in (a, b) else next(rest) for i in range(x.ndim + 1)])
    return put_diagonal(x, shape=shape, offset=offset, dim1=a, dim2=b)


def diag(x, diagonal: int = 0):
    """A matrix with the vector x on a diagonal; of a matrix x that diagonal.

    Raises: RuntimeError for other numbers of axes.
    """
    if x.ndim == 1:
        return diag_embed(x, diagonal)
    if x.ndim == 2:
        return diagonal_of(x, diagonal)
    raise RuntimeError(f"diag: takes one or two axes, got shape {tuple(x.shape)}")


diagonal_of = diagonal  # `diag` has a parameter of that name


def trace(x):
    """The sum of the diagonal of a matrix.

    Raises: RuntimeError for another number of axes.
    """
    if x.ndim != 2:
        raise RuntimeError(f"trace: takes a matrix, got shape {tuple(x.shape)}")
    return sum(diagonal(x))
