"""What losses share: their reductions, and sentences about tensors that do not fit one another."""

import warnings

from ...ops import reduce
from ...tensor import Tensor


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """The mean of losses, their sum, or themselves."""
    if reduction == "mean":
        return reduce.mean(losses)
    return reduce.sum(losses) if reduction == "sum" else losses


def check_reduction(reduction: str, *more: str) -> None:
    """Raise ValueError unless reduction is "mean", "sum" or "none", or one of `more`."""
    if reduction not in ("mean", "sum", "none", *more):
        words = ", ".join(map(repr, ("mean", "sum", *more)))
        raise ValueError(f"reduction is {words} or 'none', got {reduction!r}")


def check_tensors(name: str, **tensors: object) -> None:
    """Raise TypeError unless all of these are Tensors."""
    for title, x in tensors.items():
        if not isinstance(x, Tensor):
            raise TypeError(f"{name}: {title} has to be a Tensor, got {type(x).__name__}")


def check_broadcast(name: str, **tensors: Tensor) -> tuple[int, ...]:
    """The shape that the shapes of these Tensors broadcast to.

    Raises: TypeError if one is no Tensor, RuntimeError if their shapes do not broadcast.
    """
    check_tensors(name, **tensors)
    common = []
    for axis in range(-max(x.ndim for x in tensors.values()), 0):
        sizes = {x.shape[axis] for x in tensors.values() if -axis <= x.ndim}
        longer = sizes - {1}
        if len(longer) > 1:
            shapes = " and ".join(f"{title} {x.shape}" for title, x in tensors.items())
            raise RuntimeError(f"{name}: these shapes do not broadcast to one: {shapes}")
        common.append(longer.pop() if longer else 1)
    return tuple(common)


def check_pair(name: str, input: Tensor, target: Tensor) -> None:
    """Raise RuntimeError unless the shapes broadcast; warn where they are not equal."""
    check_broadcast(name, input=input, target=target)
    if input.shape != target.shape:
        warnings.warn(
            f"{name}: input {input.shape} and target {target.shape} differ in shape and are "
            "broadcast, so that single losses are of other pairs than meant; reshape one of them, "
            "or expand it where that is meant",
            UserWarning,
            stacklevel=3,
        )
