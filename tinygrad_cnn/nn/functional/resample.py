"""Images in another size: interpolation, and channels that become places."""

import operator
from collections.abc import Sequence

from ...ops import shape
from ...ops.resample import interpolated, nearest, resample
from ...tensor import Tensor
from .adaptive import averaged_to
from .window import Size, check_tensors

RANKS = {  # the modes of interpolation, and for how many axes of space they are
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "trilinear": (3,),
    "bicubic": (2,),
}
OFFSETS = {"nearest": 0.0, "nearest-exact": 0.5}  # of a new place, for which a place is looked up

Scale = float | Sequence[float]


def check_mode(mode: str, rank: int, align_corners: bool | None, antialias: bool) -> None:
    """Raise NotImplementedError for a mode of other images, ValueError for what none takes."""
    if rank not in RANKS.get(mode, ()):
        raise NotImplementedError(
            f"interpolate: mode is one of {', '.join(map(repr, RANKS))}, the linear and cubic ones "
            f"for inputs with as many axes of space as they say, got {mode!r} for {rank}"
        )
    if align_corners is not None and (mode in OFFSETS or mode == "area"):
        raise ValueError(
            f"interpolate: align_corners is for the linear and cubic modes, got {align_corners} "
            f"with mode {mode!r}"
        )
    if antialias:
        raise NotImplementedError(
            "interpolate: antialias=True is not there; blur first, or take mode 'area'"
        )


def each(name: str, value: Size | Scale, rank: int) -> tuple:
    """`value` once for each axis.

    Raises: ValueError if there is another number of them.
    """
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank
    if len(values) != rank:
        raise ValueError(f"interpolate: {name} is one number, or {rank}, got {value!r}")
    return values


def targets(
    space: tuple[int, ...], size: Size | None, scale_factor: Scale | None, recompute: bool
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """For each axis the new size, and how many old places a new one is wide.

    Raises: ValueError unless one of size and scale_factor is given, once or for each axis;
    RuntimeError for a size below 1; TypeError for one that is not whole.
    """
    if (size is None) == (scale_factor is None) or (recompute and size is not None):
        raise ValueError(
            "interpolate: takes either size, or scale_factor and recompute_scale_factor, got "
            f"size={size}, scale_factor={scale_factor}, recompute_scale_factor={recompute}"
        )
    if size is not None:
        sizes = each("size", size, len(space))
        try:
            out = tuple([operator.index(n) for n in sizes])
        except TypeError:
            raise TypeError(f"interpolate: size is whole, got {size!r}") from None
    else:
        scales = each("scale_factor", scale_factor, len(space))
        out = tuple([int(n * s) for n, s in zip(space, scales, strict=True)])
    if min(*out, *space) < 1:
        raise RuntimeError(f"interpolate: sizes are at least 1, got {space} before and {out} after")
    if size is None and not recompute:
        return out, tuple([1 / s for s in scales])
    return out, tuple([n / q for n, q in zip(space, out, strict=True)])


def without_rounding(mode: str, space: tuple, out: tuple, steps: tuple) -> list[float]:
    """`steps`, but where rounding left a size as it was, or in mode "nearest" twice as large, what
    is exact for these sizes: so does PyTorch, except with "nearest-exact", and with "bicubic" if
    another axis changes.
    """
    alone = {"nearest-exact": False, "bicubic": out == space}.get(mode, True)
    found = []
    for n, q, step in zip(space, out, steps, strict=True):
        plain = (alone and q == n) or (mode == "nearest" and q == 2 * n)
        found.append(n / q if plain else step)
    return found


def interpolate(
    input: Tensor,
    size: Size | None = None,
    scale_factor: Scale | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """input in another size, axis by axis.

    size: the new sizes; or scale_factor: how many times as large they are, rounded down. mode:
    "nearest" and "nearest-exact" take one element each (the latter the nearest to the middle),
    "linear", "bilinear" and "trilinear" lines between two, "bicubic" cubic curves through four,
    "area" averages over what a new element covers. align_corners: whether the middles of the
    outermost elements stay, or, by default, their outer edges. recompute_scale_factor: work with
    the ratio of the sizes in place of scale_factor, from which it differs by rounding.

    Shape: input (N, C, *space) -> (N, C, *size), one to three axes of space.

    Raises: ValueError for settings that contradict each other, NotImplementedError for a mode that
    is not there for this input, RuntimeError for sizes below 1, TypeError for sizes not whole.

    Source: Keys 1981 for "bicubic", with the slope -0.75.

    Differs: antialias=True is not there. With mode "nearest" and a scale_factor of which rounding
    leaves 1 or 2, signals and volumes are worked on as images are; PyTorch does so in their
    gradients alone.
    """
    check_tensors("interpolate", input=input)
    space = input.shape[2:]
    check_mode(mode, len(space), align_corners, antialias)
    area = mode == "area"
    recompute = bool(recompute_scale_factor) or (area and size is None)
    out, steps = targets(space, size, scale_factor, recompute)
    if area:
        return averaged_to(len(space), input, out)
    if not input.is_floating_point() and mode not in OFFSETS:
        raise NotImplementedError(f"interpolate: mode {mode!r} takes floats, got {input.dtype}")
    x = input
    steps = without_rounding(mode, space, out, steps)
    for axis, (n, q, step) in enumerate(zip(space, out, steps, strict=True), start=2):
        if mode in OFFSETS:
            taps = nearest(n, q, step, OFFSETS[mode])
        else:
            order = "cubic" if mode == "bicubic" else "linear"
            taps = interpolated(n, q, step, bool(align_corners), order)
        x = resample(x, axis, taps)
    return x


# --- channels and places --------------------------------------------------------------------------


def factor(name: str, value: int) -> int:
    """value, if it is a whole number of at least 1.

    Raises: TypeError, or RuntimeError if it is below 1.
    """
    try:
        whole = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is a whole number, got {value!r}") from None
    if whole < 1:
        raise RuntimeError(f"{name} is at least 1, got {value}")
    return whole


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Each r · r channels laid out as squares of r · r places, r = upscale_factor.

    Shape: input (*, C r², H, W) -> (*, C, H r, W r).

    Raises: RuntimeError if the channels cannot be divided by r².

    Source: Shi et al. 2016, section 2.2 ("sub-pixel convolution").
    """
    r = factor("pixel_shuffle: upscale_factor", upscale_factor)
    if input.ndim < 3 or input.shape[-3] % (r * r):
        raise RuntimeError(
            f"pixel_shuffle: expected an input (*, C, H, W) with a multiple of {r * r} channels, "
            f"got {input.shape}"
        )
    *lead, c, h, w = input.shape
    n = len(lead)
    x = shape.reshape(input, (*lead, c // (r * r), r, r, h, w))
    x = shape.permute(x, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return shape.reshape(x, (*lead, c // (r * r), h * r, w * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Squares of r · r places made r · r channels, r = downscale_factor: undoes pixel_shuffle.

    Shape: input (*, C, H r, W r) -> (*, C r², H, W).

    Raises: RuntimeError if height and width cannot be divided by r.
    """
    r = factor("pixel_unshuffle: downscale_factor", downscale_factor)
    if input.ndim < 3 or input.shape[-2] % r or input.shape[-1] % r:
        raise RuntimeError(
            f"pixel_unshuffle: expected an input (*, C, H, W) whose height and width are multiples "
            f"of {r}, got {input.shape}"
        )
    *lead, c, h, w = input.shape
    n = len(lead)
    x = shape.reshape(input, (*lead, c, h // r, r, w // r, r))
    x = shape.permute(x, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return shape.reshape(x, (*lead, c * r * r, h // r, w // r))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels dealt out anew: the first of each group, then the second of each, and so on.

    Shape: input (N, C, *) -> (N, C, *).

    Raises: RuntimeError if the channels cannot be divided into that many groups.

    Source: Zhang et al. 2018, section 3.1.
    """
    groups = factor("channel_shuffle: groups", groups)
    if input.ndim < 3 or input.shape[1] % groups:
        raise RuntimeError(
            f"channel_shuffle: expected an input (N, C, *) with a multiple of {groups} channels, "
            f"got {input.shape}"
        )
    x = shape.unflatten(input, 1, (groups, input.shape[1] // groups))
    return shape.flatten(shape.transpose(x, 1, 2), 1, 2)
