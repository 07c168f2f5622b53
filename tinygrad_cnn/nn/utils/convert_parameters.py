"""All parameters as one vector, and back."""

from collections.abc import Iterable

from ...autograd import no_grad
from ...ops import joining
from ...tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The numbers of all parameters in one vector; on the graph, if they are.

    Shape: (*), ... -> (all numbers,).
    """
    return joining.cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write a vector into the parameters, one after the other.

    Raises: TypeError if vec is no Tensor, RuntimeError if it has too few numbers.

    Differs: the numbers are copied; the parameters keep their memory.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters takes a Tensor, got {type(vec).__name__}")
    several = list(parameters)
    wanted = sum(p.numel() for p in several)
    if vec.numel() < wanted:
        raise RuntimeError(
            f"vector_to_parameters: {vec.numel()} numbers for parameters of {wanted} in all"
        )
    start = 0
    with no_grad():
        for p in several:
            p.copy_(vec[start : start + p.numel()].reshape(*p.shape))
            start += p.numel()
