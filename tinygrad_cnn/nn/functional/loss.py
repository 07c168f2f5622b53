"""Losses, and one_hot.

`reduction` says what becomes of the losses of the single samples: their "mean", their "sum", or
"none", which leaves them as they are.
"""

from collections.abc import Callable

from ...ops import loss, pointwise, reduce, shape
from ...tensor import Tensor


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """The mean of losses, their sum, or themselves.

    Raises: ValueError for another word.
    """
    if reduction == "mean":
        return reduce.mean(losses)
    if reduction == "sum":
        return reduce.sum(losses)
    if reduction == "none":
        return losses
    raise ValueError(f"reduction is 'mean', 'sum' or 'none', got {reduction!r}")


def check_classes(name: str, input: Tensor, target: Tensor, weight: Tensor | None) -> None:
    """Raise unless input (N, C, *) or (C,) and target (N, *) or () belong together."""
    if target.dtype.kind not in "iu":
        raise TypeError(
            f"{name}: targets are the numbers of classes, as whole numbers, got {target.dtype}"
        )
    classes = input.shape[:1] if input.ndim == 1 else input.shape[1:2]
    samples = () if input.ndim == 1 else (*input.shape[:1], *input.shape[2:])
    if not classes or target.shape != samples:
        raise ValueError(
            f"{name}: expected an input (N, C, *) and a target (N, *), got shapes {input.shape} "
            f"and {target.shape}"
        )
    if weight is not None and weight.shape != classes:
        raise RuntimeError(
            f"{name}: expected one weight for each of {classes[0]} classes, got shape "
            f"{weight.shape}"
        )


def of_classes(
    name: str,
    gate: Callable,
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
) -> Tensor:
    """cross_entropy and nll_loss: `gate` gives each sample's loss."""
    check_classes(name, input, target, weight)
    counts = pointwise.not_equal(target, ignore_index)
    every = bool(reduce.all(counts))
    if not every:
        target = pointwise.where(counts, target, 0)
    classes = input.shape[0] if input.ndim == 1 else input.shape[1]
    if target.numel() and not 0 <= int(target.amin()) <= int(target.amax()) < classes:
        raise IndexError(
            f"{name}: targets are classes from 0 to {classes - 1} (or ignore_index="
            f"{ignore_index}), got some from {int(target.amin())} to {int(target.amax())}"
        )
    if input.ndim == 1:
        losses = gate(shape.unsqueeze(input, 0), shape.unsqueeze(target, 0))[0]
    else:
        losses = gate(input, target)
    if every and weight is None:
        return reduced(losses, reduction)
    # A sample's share is its class's weight; what is ignored has none, whatever its loss.
    shares = counts.to(losses.dtype) if weight is None else shape.getitem(weight, target)
    shares = pointwise.where(counts, shares, 0.0)
    losses = pointwise.where(counts, losses, 0.0) * shares
    if reduction == "mean":
        return reduce.sum(losses) / reduce.sum(shares)
    return reduced(losses, reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-log softmax(input) at the class that is the target.

    weight: how much each class counts; the mean is then over the weights. ignore_index: a target
    that does not count.

    Shape: input (N, C, *) of logits, target (N, *) of classes -> (), or (N, *) with "none".

    Rule: dinput = (softmax(input) - one_hot(target)) / N for the mean.

    Raises: ValueError where shapes do not fit one another or for an unknown reduction, IndexError
    for a target that is no class, TypeError for targets that are not whole numbers.

    Differs: targets are classes, not probabilities, and there is no label smoothing yet.
    """
    return of_classes(
        "cross_entropy", loss.cross_entropy, input, target, weight, ignore_index, reduction
    )


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-input at the class that is the target; input holds log-probabilities. See cross_entropy.

    Shape: input (N, C, *), target (N, *) of classes -> (), or (N, *) with "none".
    """
    return of_classes("nll_loss", loss.nll, input, target, weight, ignore_index, reduction)


def check_same_shape(name: str, input: Tensor, target: Tensor) -> None:
    """Raise unless input and target have one shape."""
    if input.shape != target.shape:
        raise ValueError(
            f"{name}: input and target need one shape, got {input.shape} and {target.shape}; "
            "expand one of them where that is meant"
        )


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """(input - target)².

    Shape: input, target (*) -> (), or (*) with "none".

    Raises: ValueError for unequal shapes or an unknown reduction.

    Differs: shapes are not broadcast: (N, 1) against (N,) would be N² losses, hardly ever meant.
    """
    check_same_shape("mse_loss", input, target)
    return reduced(pointwise.square(input - target), reduction)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """|input - target|.

    Shape: input, target (*) -> (), or (*) with "none".

    Raises: ValueError for unequal shapes or an unknown reduction.

    Differs: shapes are not broadcast, as in mse_loss.
    """
    check_same_shape("l1_loss", input, target)
    return reduced(pointwise.abs(input - target), reduction)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at each class along a new last axis, else 0; num_classes -1 is as many as there are.

    Shape: (*) of classes -> (*, num_classes), int64.

    Raises: TypeError for anything but whole numbers, ValueError for a class outside the range.
    """
    if tensor.dtype.kind not in "iu":
        raise TypeError(f"one_hot takes whole numbers, got {tensor.dtype}")
    low, high = (int(tensor.amin()), int(tensor.amax())) if tensor.numel() else (0, -1)
    classes = high + 1 if num_classes == -1 else num_classes
    if low < 0 or high >= classes:
        raise ValueError(
            f"one_hot: classes go from 0 to {classes - 1}, got some from {low} to {high}"
        )
    return loss.one_hot(tensor, classes, tensor.ndim, "int64")
