"""Random numbers: counter-based, so that every draw has a name and can be drawn again.

A `Generator` is a seed and a counter. Each draw takes the next counter and hands (seed, counter) to
Philox4x64 (Salmon et al. 2011): the same pair gives the same numbers whenever it is asked, which is
how dropout keeps no mask and how a checkpointed region repeats its randomness exactly.
"""

import secrets
import threading

import numpy as np

from .kernels.cpu import philox

MASK = 2**64 - 1


class Generator:
    """A stream of random draws: `seed` says which stream, `counter` how many draws were taken."""

    def __init__(self, seed: int | None = None) -> None:
        self.lock = threading.Lock()
        self.manual_seed(secrets.randbits(63) if seed is None else seed)

    def manual_seed(self, seed: int) -> "Generator":
        """This generator, restarted from `seed`.

        Raises: TypeError if seed is not an integer.
        """
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise TypeError(f"seed must be an int, got {seed!r}")
        self.seed = int(seed) & MASK
        self.counter = 0
        return self

    def take(self) -> tuple[int, int]:
        """The name (seed, counter) of a draw that nobody else gets."""
        with self.lock:
            self.counter += 1
            return self.seed, self.counter

    def numpy(self) -> np.random.Generator:
        """A NumPy generator for one draw on the host, however many numbers it takes."""
        return named(*self.take())

    def get_state(self) -> dict[str, int]:
        """Seed and counter: what a resumed run needs to go on with the same numbers."""
        return {"seed": self.seed, "counter": self.counter}

    def set_state(self, state: dict[str, int]) -> None:
        """Go on from a state that `get_state` returned."""
        self.manual_seed(state["seed"])
        self.counter = int(state["counter"])


def named(seed: int, counter: int, part: int = 0) -> np.random.Generator:
    """The NumPy generator of one part of the draw (seed, counter); no two parts overlap."""
    return np.random.Generator(philox(seed, counter, part))


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """The default generator, restarted from `seed`."""
    return default_generator.manual_seed(seed)
