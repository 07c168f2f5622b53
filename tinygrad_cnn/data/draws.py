"""Where the data pipeline gets its random numbers: every batch has a generator of its own.

A DataLoader takes one draw (seed, counter) per epoch. Part 0 of it is the order of the samples;
part b + 1 belongs to batch b. A batch's numbers thus depend on its place alone, not on which thread
makes it, in which order, how far ahead, or whether the run was interrupted in between.

While a batch is made, its generator is the current one of that thread, and whatever is random asks
`batch_rng()` for it: our transforms, and any dataset, sampler or transform of a user. So transforms
keep the plain form `images = transform(images)`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from ..random import default_generator

CURRENT: ContextVar[np.random.Generator | None] = ContextVar("batch_rng", default=None)


def batch_rng() -> np.random.Generator:
    """The generator to draw from: the batch's, or outside a loader a draw of the library's own."""
    current = CURRENT.get()
    return default_generator.numpy() if current is None else current


@contextmanager
def drawing_from(rng: np.random.Generator) -> Iterator[None]:
    """A context in which `batch_rng()` of this thread is `rng`."""
    token = CURRENT.set(rng)
    try:
        yield
    finally:
        CURRENT.reset(token)
