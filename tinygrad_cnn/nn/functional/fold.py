"""Windows of images as columns, and columns laid together again."""

import math

from ...ops import conv
from ...tensor import Tensor
from .window import Size, batched, check_tensors, per_axis, sliding


def unfold(
    input: Tensor,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
) -> Tensor:
    """Every window of input as a column (im2col).

    Shape: input (N, C, H, W) -> (N, C R S, P Q), or both without N.

    Raises: RuntimeError for settings out of range, or where no window fits.
    """
    x = batched("unfold", input, 2)
    window = per_axis("unfold: kernel_size", kernel_size, 2)
    padding = per_axis("unfold: padding", padding, 2, 0)
    slide = sliding("unfold", x.shape[2:], window, stride, padding, dilation)
    z = conv.unfold(x, window, *slide.settings)
    return z if input.ndim == 4 else z[0]


def fold(
    input: Tensor,
    output_size: Size,
    kernel_size: Size,
    dilation: Size = 1,
    padding: Size = 0,
    stride: Size = 1,
) -> Tensor:
    """The sum of all columns of input, each added where its window lies (col2im).

    It is unfold's adjoint, not its inverse: fold(unfold(x)) has each element of x as many times as
    there are windows over it.

    Shape: input (N, C R S, P Q), output_size (H, W) -> (N, C, H, W), or both without N.

    Raises: RuntimeError for settings out of range, or shapes that do not fit one another.
    """
    check_tensors("fold", input=input)
    space = per_axis("fold: output_size", output_size, 2)
    window = per_axis("fold: kernel_size", kernel_size, 2)
    padding = per_axis("fold: padding", padding, 2, 0)
    slide = sliding("fold", space, window, stride, padding, dilation)
    size, count = math.prod(window), math.prod(slide.out)
    fits = input.ndim in (2, 3) and input.shape[-1] == count and not input.shape[-2] % size
    if not fits:
        raise RuntimeError(
            f"fold: windows of {window} in {space} take an input (N, C * {size}, {count}) or "
            f"(C * {size}, {count}), got shape {input.shape}"
        )
    u = input if input.ndim == 3 else input.unsqueeze(0)
    z = conv.fold(u, space, window, *slide.settings)
    return z if input.ndim == 3 else z[0]
