"""Pooling: the largest element, the average, the norm or a drawn element of windows; maxout."""

import functools
import math

from ...ops import activation, comparison, create, pointwise, pool, reduce, shape
from ...random import default_generator
from ...tensor import Tensor
from .window import Size, batched, per_axis, spans


def pooled_size(size: int, reach: int, stride: int, padding: int, ceil_mode: bool) -> int:
    """How many windows are taken; in ceil mode also one that leaves the input at its end.

    Even then a window has to start inside the input, or in the border before it.
    """
    room = size + 2 * padding - reach
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count if (count - 1) * stride < size + padding else count - 1


def pool_settings(
    name: str,
    x: Tensor,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    dilation: Size,
    ceil_mode: bool,
) -> dict[str, tuple]:
    """The settings of a pooling gate.

    Raises: RuntimeError for settings out of range, a border wider than half a window, or no room
    for one window; TypeError for settings that are not whole.
    """
    sizes = (kernel_size, stride, padding, dilation)
    sizes = [tuple(s) if isinstance(s, list) else s for s in sizes]
    try:
        return dict(settled(name, x.shape, *sizes, ceil_mode))
    except TypeError:  # also of what has no hash and is no size: without a memory it is told so
        return settled.__wrapped__(name, x.shape, *sizes, ceil_mode)


@functools.lru_cache(maxsize=1024, typed=True)
def settled(
    name: str,
    x: tuple[int, ...],
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    dilation: Size,
    ceil_mode: bool,
) -> dict[str, tuple]:
    """As pool_settings, for an x of this shape; found once."""
    rank = len(x) - 2
    window = per_axis(f"{name}: kernel_size", kernel_size, rank)
    stride = window if stride is None else per_axis(f"{name}: stride", stride, rank)
    padding = per_axis(f"{name}: padding", padding, rank, 0)
    dilation = per_axis(f"{name}: dilation", dilation, rank)
    reach = spans(window, dilation)
    if any(2 * p > r for p, r in zip(padding, reach, strict=True)):
        raise RuntimeError(
            f"{name}: padding can be at most half of what a window reaches over, {reach}, got "
            f"{padding}"
        )
    sizes = zip(x[2:], reach, stride, padding, strict=True)
    out = tuple([pooled_size(*of_axis, ceil_mode) for of_axis in sizes])
    if min(out) < 1:
        raise RuntimeError(
            f"{name}: a window that reaches over {reach} does not fit into an input of shape "
            f"{x} with padding {padding}"
        )
    return {
        "window": window,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "out": out,
    }


def largest(
    rank: int,
    input: Tensor,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    dilation: Size,
    ceil_mode: bool,
    return_indices: bool,
) -> Tensor | tuple[Tensor, Tensor]:
    """max_pool1d, max_pool2d and max_pool3d: `rank` axes of space."""
    name = f"max_pool{rank}d"
    x = batched(name, input, rank)
    settings = pool_settings(name, x, kernel_size, stride, padding, dilation, ceil_mode)
    z, indices = pool.max_pool.full(x, **settings)
    z, indices = (t if x.ndim == input.ndim else t[0] for t in (z, Tensor(indices)))
    return (z, indices) if return_indices else z


def max_pool1d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest element of each window along one axis; see max_pool2d.

    Shape: input (N, C, L) -> (N, C, P).
    """
    return largest(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest element of each window; with return_indices also where it was.

    stride: by default the window's size. padding: a border of minus infinity. ceil_mode: keep a
    last window that leaves the input, if it starts inside. Indices count through H · W.

    Shape: input (N, C, H, W) -> (N, C, P, Q), as conv2d; rounded up in ceil mode.

    Rule: the first largest element of a window gets its gradient.

    Raises: RuntimeError if no window fits, padding is more than half a window, or other settings
    are out of range; TypeError for settings that are not whole.
    """
    return largest(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest element of each window along three axes; see max_pool2d.

    Shape: input (N, C, D, H, W) -> (N, C, O, P, Q).
    """
    return largest(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def counted(size: int, window: int, stride: int, padding: int, out: int, border: bool) -> list[int]:
    """How many elements each window along one axis averages over; the border's too if `border`.

    What lies behind the border, where ceil mode lets windows reach, never counts.
    """
    low, high = (-padding, size + padding) if border else (0, size)
    starts = [q * stride - padding for q in range(out)]
    return [min(a + window, high) - max(a, low) for a in starts]


@functools.lru_cache(maxsize=1024)
def divisors(
    space: tuple[int, ...],
    window: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    out: tuple[int, ...],
    border: bool,
) -> tuple[int, list[tuple[int, list[int]]]]:
    """What sums of windows are divided by: one number for all of them, and for each axis of space
    along which they average over unequal numbers of elements, these."""
    number, unequal = 1, []
    for axis, of_axis in enumerate(zip(space, window, stride, padding, out, strict=True), 2):
        counts = counted(*of_axis, border)
        if len(set(counts)) == 1:
            number *= counts[0]
        else:
            unequal.append((axis, counts))
    return number, unequal


def check_floats(name: str, x: Tensor) -> None:
    """Raise RuntimeError for whole numbers, of which averages and norms are none."""
    if not x.is_floating_point():
        raise RuntimeError(
            f"{name}: averages and norms are of floats, got {x.dtype}; call x.float() first"
        )


def averaged(
    rank: int,
    input: Tensor,
    kernel_size: Size,
    stride: Size | None,
    padding: Size,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None = None,
) -> Tensor:
    """avg_pool1d, avg_pool2d and avg_pool3d: `rank` axes of space."""
    name = f"avg_pool{rank}d"
    if divisor == 0:
        raise RuntimeError(f"{name}: sums cannot be divided by divisor_override=0")
    x = batched(name, input, rank)
    check_floats(name, x)
    settings = pool_settings(name, x, kernel_size, stride, padding, 1, ceil_mode)
    unequal = []
    if divisor is None:
        how = [settings[n] for n in ("window", "stride", "padding", "out")]
        divisor, unequal = divisors(x.shape[2:], *how, count_include_pad)
    sums = divisor == 1
    z = pool.window_sum(x, **settings) if sums else pool.window_mean(x, **settings, count=divisor)
    for axis, counts in unequal:
        shares = create.tensor([1 / n for n in counts], dtype=z.dtype, device=z.device)
        z = z * shares.reshape(-1, *[1] * (z.ndim - axis - 1))
    return z if x.ndim == input.ndim else z[0]


def avg_pool1d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The average of each window along one axis; see avg_pool2d.

    Shape: input (N, C, L) -> (N, C, P).
    """
    return averaged(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The average of each window.

    stride: by default the window's size. padding: a border of zeros, which count_include_pad lets
    count as elements. ceil_mode: keep a last window that leaves the input, if it starts inside.
    divisor_override: what sums are divided by in place of the number of elements.

    Shape: input (N, C, H, W) -> (N, C, P, Q), as conv2d; rounded up in ceil mode.

    Raises: RuntimeError if no window fits, padding is more than half a window, other settings are
    out of range, or input holds whole numbers; TypeError for settings that are not whole.

    Differs: PyTorch averages int64, rounded towards 0, but refuses other whole numbers.
    """
    return averaged(
        2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool3d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The average of each window along three axes; see avg_pool2d.

    Shape: input (N, C, D, H, W) -> (N, C, O, P, Q).
    """
    return averaged(
        3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def normed(
    rank: int,
    input: Tensor,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None,
    ceil_mode: bool,
) -> Tensor:
    """lp_pool1d, lp_pool2d and lp_pool3d: `rank` axes of space."""
    name = f"lp_pool{rank}d"
    if not isinstance(norm_type, (int, float)):
        raise TypeError(f"{name}: norm_type is a number, got {norm_type!r}")
    if norm_type == 0:
        raise ZeroDivisionError(f"{name}: norm_type is an exponent other than 0, got {norm_type}")
    check_floats(name, batched(name, input, rank))
    if abs(norm_type) == math.inf:
        sign = math.copysign(1.0, norm_type)
        settings = (kernel_size, stride, 0, 1, ceil_mode, False)
        return largest(rank, pointwise.abs(input) * sign, *settings) * sign
    powers = pointwise.pow(input, norm_type)
    z = averaged(rank, powers, kernel_size, stride, 0, ceil_mode, True)
    count = math.prod(per_axis(f"{name}: kernel_size", kernel_size, rank))
    zero = comparison.eq(z, 0)  # where the root is steep
    root = pointwise.pow(pointwise.where(zero, 1.0, z) * count, 1 / norm_type)
    return pointwise.where(zero, 0.0, root)


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The norm of each window along one axis; see lp_pool2d.

    Shape: input (N, C, L) -> (N, C, P).
    """
    return normed(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """(Σ x^p)^(1/p) over each window, p = norm_type; the largest magnitude for p = inf.

    x is taken as it is: with an odd p, negative elements make the sum smaller. stride: by default
    the window's size. ceil_mode: keep a last window that leaves the input, as if its missing
    elements were like the others.

    Shape: input (N, C, H, W) -> (N, C, P, Q), as avg_pool2d.

    Rule: the gradient is 0 where the sum is 0.

    Raises: ZeroDivisionError for p = 0, and as avg_pool2d does.

    Source: Sermanet, Chintala & LeCun 2012, section 2.
    """
    return normed(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The norm of each window along three axes; see lp_pool2d.

    Shape: input (N, C, D, H, W) -> (N, C, O, P, Q).
    """
    return normed(3, input, norm_type, kernel_size, stride, ceil_mode)


def stochastic_pool2d(
    input: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    ceil_mode: bool = False,
    training: bool = True,
) -> Tensor:
    """One element of each window, drawn with a probability proportional to it.

    Outside training the average with these probabilities as weights, Σ x² / Σ x. Elements below 0
    count as 0, and of a window of zeros the result is 0. The other settings are max_pool2d's.

    Shape: input (N, C, H, W) -> (N, C, P, Q), as max_pool2d.

    Rule: in training the drawn element gets the gradient.

    Raises: as max_pool2d.

    Source: Zeiler & Fergus 2013, sections 3 and 3.1.
    """
    x = activation.relu(batched("stochastic_pool2d", input, 2))
    settings = pool_settings("stochastic_pool2d", x, kernel_size, stride, padding, 1, ceil_mode)
    if training:
        del settings["dilation"]
        seed, counter = default_generator.take()
        z = pool.pick(x, pool.drawn_places(x, **settings, seed=seed, counter=counter))
    else:
        total = pool.window_sum(x, **settings)
        total = pointwise.where(comparison.eq(total, 0), 1.0, total)
        z = pool.window_sum(x * x, **settings) / total
    return z if x.ndim == input.ndim else z[0]


def maxout(input: Tensor, pieces: int, dim: int = 1) -> Tensor:
    """The largest of every `pieces` neighbouring channels, `dim` being the axis of channels.

    After a layer with weights the units are convex functions of its input, made of so many planes.

    Shape: input (N, C, *) -> (N, C / pieces, *).

    Rule: the first of the largest channels gets the gradient.

    Raises: RuntimeError if the channels cannot be divided by `pieces`, IndexError for an axis that
    is not there.

    Source: Goodfellow et al. 2013, section 3.
    """
    (pieces,) = per_axis("maxout: pieces", pieces, 1)
    x = shape.movedim(input, dim, -1)
    if x.shape[-1] % pieces:
        raise RuntimeError(
            f"maxout: axis {dim} of shape {input.shape} cannot be divided into groups of {pieces}"
        )
    groups = shape.unflatten(x, -1, (x.shape[-1] // pieces, pieces))
    return shape.movedim(reduce.max(groups, -1)[0], -1, dim)
