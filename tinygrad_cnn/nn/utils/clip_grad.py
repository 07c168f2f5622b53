"""Gradients kept from growing too large, in place.

No number is read, so a device is not waited for, unless an error is asked for.
"""

import math
from collections.abc import Iterable

from ...autograd import no_grad
from ...ops import joining
from ...tensor import Tensor


def gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The gradients of those parameters that have one, to be written to."""
    several = [parameters] if isinstance(parameters, Tensor) else parameters
    found = [p.grad for p in several if p.grad is not None]
    return [g if g.is_leaf else g.detach() for g in found]


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of the norms of tensors: that of all their numbers in one vector.

    norm_type: the p of the norm, or math.inf for the largest absolute value. foreach is accepted
    and ignored.

    Raises: RuntimeError if error_if_nonfinite and the norm is inf or nan.
    """
    several = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not several:
        return Tensor(0.0)
    total = joining.stack([t.norm(norm_type) for t in several]).norm(norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"the norm of order {norm_type} of these gradients is {total.item()}, so they cannot "
            "be clipped; with error_if_nonfinite=False they are scaled all the same"
        )
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Multiply all gradients by max_norm / (total_norm + 1e-6) if that is less than 1."""
    with no_grad():
        factor = (max_norm / (total_norm + 1e-6)).clamp(max=1.0)
        for g in gradients(parameters):
            g.mul_(factor.to(device=g.device))


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all gradients together, which are then scaled so that it is at most max_norm.

    Raises: RuntimeError if error_if_nonfinite and the norm is inf or nan.

    Source: Pascanu, Mikolov & Bengio 2013, algorithm 1.
    """
    several = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    with no_grad():
        total = get_total_norm(gradients(several), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(several, max_norm, total)
    return total


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Clamp every number of every gradient to [-clip_value, clip_value]."""
    with no_grad():
        for g in gradients(parameters):
            g.clamp_(-clip_value, clip_value)
