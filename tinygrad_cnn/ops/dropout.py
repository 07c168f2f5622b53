"""Dropout: numbers set to zero at random.

No mask is kept. A draw has a name, (seed, counter), and is made again for the gradient.
"""

from ..gate import gate
from ..kernels import backend, is_float
from ..random import Generator, default_generator
from .create import number_of


@gate(
    floats=True,
    x=lambda g, p, scale, shape, seed, counter: dropped(g, p, scale, shape, seed, counter),
)
def dropped(x, *, p, scale, shape, seed, counter):
    """x with numbers zeroed with probability p and the others multiplied by `scale`.

    There is one draw for each place of `shape`, which broadcasts to x's: where it has a 1, numbers
    share their fate along that axis. The draw is named by (seed, counter).

    Shape: x (*) -> (*).

    Rule: the same numbers of the gradient are zeroed and multiplied.
    """
    keep = backend(type(x)).uniform(shape, seed, counter) >= p
    return x * (keep.astype(x.dtype) * scale)


def thinned(x, p: float, shape: tuple, scale=None, generator: Generator | None = None):
    """x after a new draw of `shape`; what is kept is scaled, by default so that means stay."""
    if scale is None:
        scale = 1.0 / (1.0 - p) if p < 1 else 0.0
    seed, counter = (generator or default_generator).take()
    return dropped(x, p, scale, shape, seed, counter)


def check_probability(name: str, p: float) -> None:
    """Nothing, if p is a probability.

    Raises: ValueError if it is not, TypeError if it is no number.
    """
    if not 0 <= number_of(name, p) <= 1:
        raise ValueError(f"{name}: a probability lies within [0, 1], got {p}")


def idle(name: str, x, p: float, training: bool) -> bool:
    """Whether there is nothing to drop.

    Raises: ValueError for a p outside [0, 1], RuntimeError for an x of whole numbers.
    """
    check_probability(name, p)
    if training and not is_float(x.dtype):
        raise RuntimeError(
            f"{name}: takes floating numbers, got {x.dtype}; cast them with x.float()"
        )
    return not training or p == 0


def dropout(x, p: float = 0.5, training: bool = True, generator: Generator | None = None):
    """x with each element zeroed with probability p and the rest scaled by 1 / (1 - p).

    Outside training x itself.

    Raises: ValueError for a p outside [0, 1], RuntimeError for whole numbers.

    Source: Srivastava et al. 2014, section 10 ("inverted" dropout).
    """
    if idle("dropout", x, p, training):
        return x
    return thinned(x, p, x.shape, generator=generator)
