"""Images seen through a grid: affine maps, and sampling at any points."""

import itertools
from collections.abc import Sequence

from ...ops import comparison, contract, create, joining, pointwise, pool, shape
from ...ops.resample import CURVES
from ...tensor import Tensor
from .window import check_tensors

Tap = tuple[Tensor, Tensor, Tensor | float]  # an index, whether it is inside, what it counts for

ORDERS = {"bilinear": "linear", "bicubic": "cubic"}


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """For each element of an image of `size` the point that the affine map `theta` takes it to.

    Points have coordinates (x, y) or (x, y, z), from -1 to 1 within the image. align_corners:
    whether these are the middles of its outermost elements, or, by default, their outer edges.

    Shape: theta (N, 2, 3), size (N, C, H, W) -> (N, H, W, 2); theta (N, 3, 4), size
    (N, C, D, H, W) -> (N, D, H, W, 3).

    Raises: ValueError for a theta that does not fit, or of whole numbers, NotImplementedError for
    another number of sizes, RuntimeError for another N.

    Source: Jaderberg et al. 2015, equation 1.
    """
    check_tensors("affine_grid", theta=theta)
    rank = len(size) - 2
    if rank not in (2, 3):
        raise NotImplementedError(
            f"affine_grid: size is (N, C, H, W) or (N, C, D, H, W), got {tuple(size)}"
        )
    if not theta.is_floating_point() or theta.shape[1:] != (rank, rank + 1) or min(size) < 1:
        raise ValueError(
            f"affine_grid: for a size {tuple(size)}, of at least 1 each, theta holds floats in the "
            f"shape (N, {rank}, {rank + 1}), got {theta.dtype} in {theta.shape}"
        )
    if theta.shape[0] != size[0]:
        raise RuntimeError(
            f"affine_grid: for a size {tuple(size)} there are {size[0]} maps, got {theta.shape}"
        )
    space = tuple(size[2:])
    columns = []
    for axis in reversed(range(rank)):  # x runs along the last axis
        n = space[axis]
        steps = create.arange(n, dtype=theta.dtype, device=theta.device)
        if align_corners:
            along = steps * (2 / (n - 1)) - 1 if n > 1 else steps * 0
        else:
            along = (steps * 2 + 1) * (1 / n) - 1
        along = shape.reshape(along, (-1, *[1] * (rank - axis - 1)))
        columns.append(shape.expand(along, space))
    points = joining.stack([*columns, shape.ones_like(columns[0])], -1)
    points = shape.reshape(points, (-1, rank + 1))
    mapped = contract.matmul(points, shape.transpose(theta, 1, 2))
    return shape.reshape(mapped, (size[0], *space, rank))


def clipped(at: Tensor, size: int) -> Tensor:
    """`at`, no less than 0 and no more than size - 1, without a gradient where that matters."""
    at = pointwise.where(at > 0, at, 0.0)
    return pointwise.where(at < size - 1, at, float(size - 1))


def bordered(at: Tensor, size: int, padding_mode: str, align_corners: bool) -> Tensor:
    """Where along an axis of `size` is looked for a point that may lie outside."""
    if padding_mode == "zeros":
        return at
    low = 0.0 if align_corners else -0.5
    span = size - 1 - 2 * low
    if padding_mode == "reflection" and span > 0:
        away = pointwise.remainder(pointwise.abs(at - low), 2 * span)
        at = low + span - pointwise.abs(away - span)
    return clipped(at, size)


def taps_along(
    points: Tensor, size: int, mode: str, padding_mode: str, align_corners: bool
) -> list[Tap]:
    """The elements of one axis that count at each point, given from -1 to 1."""
    at = (points + 1) * ((size - 1) / 2) if align_corners else (points + 1) * (size / 2) - 0.5
    if mode != "bicubic":
        at = bordered(at, size, padding_mode, align_corners)
    if mode == "nearest":
        places, shares = [comparison.rint(at)], [1.0]
    else:
        weigh, first = CURVES[ORDERS[mode]]
        low = comparison.floor(at)
        shares = weigh(at - low)
        places = [low + (first + i) for i in range(len(shares))]
    if mode == "bicubic":
        places = [bordered(place, size, padding_mode, align_corners) for place in places]
    taps = []
    for place, share in zip(places, shares, strict=True):
        inside = comparison.logical_and(place >= 0, place <= size - 1)
        taps.append((pointwise.where(inside, place, 0.0).to("int64"), inside, share))
    return taps


def check_grid(input: Tensor, grid: Tensor, mode: str, padding_mode: str) -> None:
    """Raise unless grid (N, *out, rank) holds points of input (N, C, *space)."""
    if mode not in ("nearest", *ORDERS):
        raise ValueError(f"grid_sample: mode is 'bilinear', 'nearest' or 'bicubic', got {mode!r}")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f"grid_sample: padding_mode is 'zeros', 'border' or 'reflection', got {padding_mode!r}"
        )
    check_tensors("grid_sample", input=input, grid=grid)
    rank = input.ndim - 2
    fits = grid.ndim == input.ndim and grid.shape[-1] == rank and grid.shape[0] == input.shape[0]
    if rank not in (2, 3) or not fits or 0 in input.shape[2:]:
        raise RuntimeError(
            "grid_sample: expected an input (N, C, H, W) and a grid (N, P, Q, 2), or (N, C, D, H, "
            f"W) and (N, O, P, Q, 3), with something to sample, got {input.shape} and {grid.shape}"
        )
    if mode == "bicubic" and rank != 2:
        raise RuntimeError(
            f"grid_sample: mode 'bicubic' takes an input (N, C, H, W), got {input.shape}"
        )
    if input.dtype != grid.dtype or not input.is_floating_point():
        raise RuntimeError(
            f"grid_sample: input and grid hold floats of one dtype, got {input.dtype} and "
            f"{grid.dtype}"
        )


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """input at the points of `grid`, whose coordinates (x, y) or (x, y, z) run from -1 to 1.

    mode: "bilinear", between the neighbours (in space trilinear), "nearest" or "bicubic".
    padding_mode: what lies outside is zero, or with "border" the nearest element, or with
    "reflection" a mirror image. align_corners: whether -1 and 1 are the middles of the outermost
    elements, or, by default, their outer edges.

    Shape: input (N, C, H, W), grid (N, P, Q, 2) -> (N, C, P, Q); input (N, C, D, H, W), grid
    (N, O, P, Q, 3) -> (N, C, O, P, Q).

    Rule: an element gets the gradients of the points it counts at, as much as it counts there;
    points get theirs by how the counts change, with "nearest" none.

    Raises: ValueError for another mode, RuntimeError for shapes or dtypes that do not fit.

    Source: Jaderberg et al. 2015, equations 3 to 7.
    """
    check_grid(input, grid, mode, padding_mode)
    sizes = input.shape[2:]
    axes = []
    for axis, size in enumerate(sizes):
        points = grid[..., len(sizes) - 1 - axis]
        axes.append(taps_along(points, size, mode, padding_mode, bool(align_corners)))
    outs = (*input.shape[:2], *grid.shape[1:-1])
    z = 0.0
    for taps in itertools.product(*axes):
        index, within, share = taps[0]
        for (place, inside, more), size in zip(taps[1:], sizes[1:], strict=True):
            index = index * size + place
            within = comparison.logical_and(within, inside)
            share = share * more
        found = pool.pick(input, shape.expand(shape.unsqueeze(index, 1), outs))
        found = pointwise.where(shape.unsqueeze(within, 1), found, 0.0)
        z = z + found * (share if mode == "nearest" else shape.unsqueeze(share, 1))
    return z
