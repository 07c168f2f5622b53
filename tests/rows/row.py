"""What the rows of the tables are made of."""

import dataclasses
from collections.abc import Callable

from drawing import elementwise, reduced
from hypothesis import strategies as st


@dataclasses.dataclass(frozen=True)
class Row:
    """What the table says about one gate."""

    cases: st.SearchStrategy
    truth: Callable
    torch: Callable | bool = False
    scalar: bool = False
    view: bool = False
    fixed: tuple[str, ...] = ()
    waits: bool = False


def pointwise(
    truth: Callable, *domains: Callable, torch: Callable | bool = True, **settings
) -> Row:
    """The row of a gate that works element by element, on arrays and on numbers."""
    return Row(elementwise(*domains, **settings), truth, torch, scalar=True)


def reduction(
    truth: Callable, domain: Callable, torch: Callable | bool = True, least: int = 0, **more
) -> Row:
    """The row of a gate that takes dim and keepdim."""
    return Row(reduced(domain, least, keepdim=st.booleans(), **more), truth, torch)


def functional(name: str) -> Callable:
    """A function of torch.nn.functional."""
    return lambda torch, *inputs, **settings: getattr(torch.nn.functional, name)(
        *inputs, **settings
    )


def over_all(name: str) -> Callable:
    """A reduction of PyTorch that takes no None for all axes."""

    def reduce(torch, x, dim, keepdim):
        return getattr(torch, name)(x, tuple(range(x.ndim)) if dim is None else dim, keepdim)

    return reduce
