"""Dropout: elements, whole channels or whole samples set to zero at random.

`inplace` is taken for PyTorch's sake and changes nothing: no gate writes into its inputs.
`generator` is an addition: the stream that the draw is taken from, by default the one that
`tg.manual_seed` restarts.
"""

import math

from ...ops import dropout as ops
from ...ops.activation import SELU_ALPHA, SELU_SCALE
from ...ops.dropout import check_probability as check_probability
from ...ops.dropout import idle, thinned
from ...random import Generator
from ...tensor import Tensor
from .window import check_tensors

SELU_LIMIT = -SELU_ALPHA * SELU_SCALE  # what selu tends to


def leading(x: Tensor, axes: int) -> tuple[int, ...]:
    """A shape that broadcasts to x's: its first `axes` sizes, then ones."""
    return *x.shape[:axes], *[1] * (x.ndim - axes)


def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """input with each element zeroed with probability p and the rest scaled by 1 / (1 - p).

    Outside training input itself.

    Shape: input (*) -> (*).

    Raises: ValueError for a p outside [0, 1], RuntimeError for an input of whole numbers.

    Source: Srivastava et al. 2014, section 10 ("inverted" dropout).
    """
    return ops.dropout(input, p, training, generator)


# --- whole channels and samples -------------------------------------------------------------------


def dropped_channels(
    name: str,
    x: Tensor,
    p: float,
    training: bool,
    shapes: dict[int, str],
    generator: Generator | None,
) -> Tensor:
    """x with whole channels dropped; `shapes`: by number of axes the shapes that it may have.

    Raises: RuntimeError for an x of another number of axes.
    """
    check_tensors(name, input=x)
    if x.ndim not in shapes:
        raise RuntimeError(
            f"{name}: expected an input of shape {' or '.join(shapes.values())}, got {x.shape}"
        )
    if idle(name, x, p, training):
        return x
    batched = shapes[x.ndim].startswith("(N")
    return thinned(x, p, leading(x, 1 + batched), generator=generator)


def dropout1d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """input with each channel zeroed with probability p and the others scaled by 1 / (1 - p).

    Outside training input itself.

    Shape: input (N, C, L) or (C, L) -> the same.

    Raises: ValueError for a p outside [0, 1], RuntimeError for another shape or whole numbers.

    Source: Tompson et al. 2015, section 3.2 ("spatial" dropout).
    """
    shapes = {2: "(C, L)", 3: "(N, C, L)"}
    return dropped_channels("dropout1d", input, p, training, shapes, generator)


def dropout2d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """input with each channel zeroed with probability p and the others scaled by 1 / (1 - p).

    Outside training input itself. As in PyTorch, three axes are (N, C, L), not (C, H, W).

    Shape: input (N, C, H, W) or (N, C, L) -> the same.

    Raises: ValueError for a p outside [0, 1], RuntimeError for another shape or whole numbers.

    Source: Tompson et al. 2015, section 3.2 ("spatial" dropout).

    Differs: PyTorch warns of three axes, and of other numbers of axes, which here raise.
    """
    shapes = {3: "(N, C, L)", 4: "(N, C, H, W)"}
    return dropped_channels("dropout2d", input, p, training, shapes, generator)


def dropout3d(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """input with each channel zeroed with probability p and the others scaled by 1 / (1 - p).

    Outside training input itself.

    Shape: input (N, C, D, H, W) or (C, D, H, W) -> the same.

    Raises: ValueError for a p outside [0, 1], RuntimeError for another shape or whole numbers.

    Source: Tompson et al. 2015, section 3.2 ("spatial" dropout).

    Differs: PyTorch warns of other numbers of axes, which here raise.
    """
    shapes = {4: "(C, D, H, W)", 5: "(N, C, D, H, W)"}
    return dropped_channels("dropout3d", input, p, training, shapes, generator)


def drop_path(
    x: Tensor,
    drop_prob: float = 0.0,
    training: bool = False,
    scale_by_keep: bool = True,
    generator: Generator | None = None,
) -> Tensor:
    """x with each sample zeroed with probability drop_prob: its way around the block is left.

    The other samples are scaled by 1 / (1 - drop_prob), or with scale_by_keep False left alone.
    Outside training x itself. Names and defaults are those of the library timm.

    Shape: x (N, *) -> (N, *).

    Raises: ValueError for a drop_prob outside [0, 1], RuntimeError for an x that is 0-d or whole.

    Source: Huang et al. 2016, section 3 ("stochastic depth").
    """
    if x.ndim == 0:
        raise RuntimeError("drop_path: expected an input of shape (N, *), got ()")
    if idle("drop_path", x, drop_prob, training):
        return x
    scale = None if scale_by_keep else 1.0
    return thinned(x, drop_prob, leading(x, 1), scale, generator)


# --- for selu -------------------------------------------------------------------------------------


def dropped_to_limit(
    x: Tensor, p: float, shape: tuple[int, ...], generator: Generator | None
) -> Tensor:
    """x with numbers set to selu's limit, then shifted and scaled: mean 0 and variance 1 stay so.

    With y = kept (x - limit) + (1 - p) limit, kept 0 or 1, the mean of y is (1 - p) that of x.
    """
    kept = thinned(x - SELU_LIMIT, p, shape, generator=generator)
    return (kept + SELU_LIMIT) * math.sqrt((1.0 - p) / (1.0 + p * SELU_LIMIT**2))


def alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """input with each element set with probability p to selu's limit, then shifted and scaled.

    Inputs of mean 0 and variance 1 keep them. Outside training input itself.

    Shape: input (*) -> (*).

    Raises: ValueError for a p outside [0, 1], RuntimeError for an input of whole numbers.

    Source: Klambauer et al. 2017, section 3 ("alpha dropout").
    """
    if idle("alpha_dropout", input, p, training):
        return input
    return dropped_to_limit(input, p, input.shape, generator)


def feature_alpha_dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = False,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """input with each channel set with probability p to selu's limit, then shifted and scaled.

    Outside training input itself.

    Shape: input (N, C, *) -> (N, C, *).

    Raises: ValueError for a p outside [0, 1], RuntimeError for another shape or whole numbers.

    Source: Klambauer et al. 2017, section 3, for channels as in Tompson et al. 2015, section 3.2.
    """
    if input.ndim < 2:
        raise RuntimeError(
            f"feature_alpha_dropout: expected an input of shape (N, C, *), got {input.shape}"
        )
    if idle("feature_alpha_dropout", input, p, training):
        return input
    return dropped_to_limit(input, p, leading(input, 2), generator)
