"""Pooling to a given size: as many windows as asked for share each axis evenly."""

from collections.abc import Sequence

from ...ops import joining, reduce, shape
from ...ops.create import tensor
from ...ops.resample import averages, parts, resample, spread
from ...tensor import Tensor
from .window import batched, per_axis

Sizes = int | None | Sequence[int | None]


def pooled_to(name: str, x: Tensor, output_size: Sizes) -> tuple[int, ...]:
    """How many windows each axis of space is cut into; None stands for as many as places.

    Raises: RuntimeError for sizes that are not one for each axis or below 0, or if there is
    nothing to cut; TypeError for what is not whole.
    """
    space = x.shape[2:]
    if 0 in space:
        raise RuntimeError(f"{name}: an input of shape {x.shape} has nothing to pool")
    given = output_size
    if not isinstance(given, (tuple, list)):
        given = (given,) * len(space)
    if len(given) == len(space):
        given = [n if q is None else q for n, q in zip(space, given, strict=True)]
    return per_axis(f"{name}: output_size", given, len(space), 0)


def averaged_to(rank: int, input: Tensor, output_size: Sizes) -> Tensor:
    """adaptive_avg_pool1d, 2d and 3d: `rank` axes of space, one after the other."""
    name = f"adaptive_avg_pool{rank}d"
    x = batched(name, input, rank)
    for axis, out in enumerate(pooled_to(name, x, output_size), start=2):
        size = x.shape[axis]
        if out and size % out == 0:  # nothing overlaps; for one window this is the mean
            x = reduce.mean(shape.unflatten(x, axis, (out, size // out)), axis + 1)
        else:
            x = resample(x, axis, averages(size, out))
    return x if input.ndim == rank + 2 else x[0]


def adaptive_avg_pool1d(input: Tensor, output_size: Sizes) -> Tensor:
    """The averages of output_size windows along one axis; see adaptive_avg_pool2d.

    Shape: input (N, C, L) -> (N, C, P).
    """
    return averaged_to(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Sizes) -> Tensor:
    """The averages of as many windows as output_size says; of size 1 it is the global average.

    output_size: for all axes or for each; None keeps an axis. Of P windows along H number p
    reaches from ⌊p H / P⌋ to ⌈(p + 1) H / P⌉, so that neighbours may overlap.

    Shape: input (N, C, H, W) -> (N, C, P, Q).

    Raises: RuntimeError for shapes or sizes that do not fit, TypeError for sizes that are not
    whole.
    """
    return averaged_to(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Sizes) -> Tensor:
    """The averages of output_size windows along three axes; see adaptive_avg_pool2d.

    Shape: input (N, C, D, H, W) -> (N, C, O, P, Q).
    """
    return averaged_to(3, input, output_size)


def largest_in(x: Tensor, out: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """The largest element of each of *out windows, and where it was.

    Every window becomes an axis of its own, along which the first of the largest is taken.

    Shape: x (N, C, *space) -> twice (N, C, *out).
    """
    cells = x
    for axis, q in enumerate(out, start=2):
        if not q or x.shape[axis] % q:  # otherwise they lie one behind the other already
            cells = resample(cells, axis, spread(x.shape[axis], q))
    longest = [n // q if q else 1 for n, q in zip(cells.shape[2:], out, strict=True)]
    split = [size for pair in zip(out, longest, strict=True) for size in pair]
    cells = shape.reshape(cells, (*x.shape[:2], *split))
    rank = len(out)
    first = (0, 1, *range(2, 2 + 2 * rank, 2))
    cells = shape.permute(cells, (*first, *range(3, 3 + 2 * rank, 2)))
    z, winner = reduce.max(shape.flatten(cells, 2 + rank), -1)
    index, stride = 0, 1
    for axis in reversed(range(rank)):
        starts, _ = parts(x.shape[2 + axis], out[axis])
        starts = tensor(starts, device=x.device).reshape(-1, *[1] * (rank - axis - 1))
        index = index + (winner % longest[axis] + starts) * stride
        winner = winner // longest[axis]
        stride = stride * x.shape[2 + axis]
    return z, index


def largest_to(
    rank: int, input: Tensor, output_size: Sizes, return_indices: bool
) -> Tensor | tuple[Tensor, Tensor]:
    """adaptive_max_pool1d, 2d and 3d: `rank` axes of space."""
    name = f"adaptive_max_pool{rank}d"
    x = batched(name, input, rank)
    z, indices = largest_in(x, pooled_to(name, x, output_size))
    z, indices = (t if x.ndim == input.ndim else t[0] for t in (z, indices))
    return (z, indices) if return_indices else z


def adaptive_max_pool1d(
    input: Tensor, output_size: Sizes, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest elements of output_size windows along one axis; see adaptive_max_pool2d.

    Shape: input (N, C, L) -> (N, C, P).
    """
    return largest_to(1, input, output_size, return_indices)


def adaptive_max_pool2d(
    input: Tensor, output_size: Sizes, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest elements of as many windows as output_size says; with return_indices also
    where they were, counted through H · W.

    The windows are those of adaptive_avg_pool2d.

    Shape: input (N, C, H, W) -> (N, C, P, Q).

    Rule: the first largest element of a window gets its gradient.

    Raises: as adaptive_avg_pool2d.
    """
    return largest_to(2, input, output_size, return_indices)


def adaptive_max_pool3d(
    input: Tensor, output_size: Sizes, return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest elements of output_size windows along three axes; see adaptive_max_pool2d.

    Shape: input (N, C, D, H, W) -> (N, C, O, P, Q).
    """
    return largest_to(3, input, output_size, return_indices)


def spatial_pyramid_pool(input: Tensor, levels: Sequence[int], mode: str = "max") -> Tensor:
    """A description of fixed length of an image of any size: for each n of `levels` the largest
    elements, or with mode "avg" the averages, of n · n windows, one after the other.

    Shape: input (N, C, H, W) -> (N, C · Σ n²), level by level, in each as (C, n, n).

    Raises: ValueError for another mode or no levels, RuntimeError as adaptive_max_pool2d.

    Source: He et al. 2014, section 2.2; the windows are those of appendix A.
    """
    if mode not in ("max", "avg"):
        raise ValueError(f"spatial_pyramid_pool: mode is 'max' or 'avg', got {mode!r}")
    if not levels:
        raise ValueError("spatial_pyramid_pool: levels needs at least one number of windows")
    pool = adaptive_max_pool2d if mode == "max" else adaptive_avg_pool2d
    return joining.cat([shape.flatten(pool(input, n), -3) for n in levels], -1)
