"""Random numbers: counter-based, so that every draw has a name and can be drawn again.

A `Generator` is a seed and a counter. Each draw takes the next counter and hands (seed, counter) to
Philox4x64 (Salmon et al. 2011): the same pair gives the same numbers whenever it is asked, which is
how dropout keeps no mask and how a checkpointed region repeats its randomness exactly.
"""

import secrets
import threading

import numpy as np

from .kernels import Device
from .kernels.capture import HERE, refuse
from .kernels.cpu import philox

MASK = 2**64 - 1
FIRST = 67280421310721  # the seed of a new generator, PyTorch's


class Generator:
    """A stream of random draws: its seed says which stream, `counter` how many draws were taken.

    Draws are made on the host and moved, so that a seed gives the same numbers on every device.

    Differs: in place of a device a seed may be given, Generator(3); a state is a dictionary.
    """

    def __init__(self, device: Device | str | int = "cpu") -> None:
        self.lock = threading.Lock()
        whole = isinstance(device, (int, np.integer))
        self.device = Device("cpu" if whole else device)
        self.manual_seed(device if whole else FIRST)

    def manual_seed(self, seed: int) -> "Generator":
        """This generator, restarted from `seed`.

        Raises: TypeError if seed is no number, ValueError if it does not fit into 64 bits.
        """
        if not isinstance(seed, (int, float, np.integer)):
            raise TypeError(f"seed must be an int, got {seed!r}")
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"seed must lie within 64 bits, -2^63 to 2^64 - 1, got {seed}")
        self.key = int(seed) & MASK
        self.counter = 0
        return self

    def initial_seed(self) -> int:
        """The seed that the stream was started from."""
        return self.key

    def seed(self) -> int:
        """A new seed, of which nobody knows; the generator is restarted from it."""
        return self.manual_seed(secrets.randbits(63)).key

    def take(self) -> tuple[int, int]:
        """The name (seed, counter) of a draw that nobody else gets.

        While a step is recorded as a CUDA graph, the name is an array on the device, which holds
        seed and counter as each replay finds them, and by how much the counter is then ahead.
        """
        with self.lock:
            self.counter += 1
            if HERE.recording is not None:
                return HERE.recording.drawn(self)
            return self.key, self.counter

    def numpy(self) -> np.random.Generator:
        """A NumPy generator for one draw on the host, however many numbers it takes.

        Raises: RuntimeError while a step is being recorded as a CUDA graph.
        """
        refuse("random numbers were drawn by the host")
        return named(*self.take())

    def get_state(self) -> dict[str, int]:
        """Seed and counter: what a resumed run needs to go on with the same numbers."""
        return {"seed": self.key, "counter": self.counter}

    def set_state(self, state: dict[str, int]) -> None:
        """Go on from a state that `get_state` returned.

        Raises: TypeError for anything else.
        """
        if not isinstance(state, dict):
            raise TypeError(f"a state is what get_state() returned, got {type(state).__name__}")
        self.manual_seed(state["seed"])
        self.counter = int(state["counter"])


def named(seed: int, counter: int, part: int = 0) -> np.random.Generator:
    """The NumPy generator of one part of the draw (seed, counter); no two parts overlap."""
    return np.random.Generator(philox(seed, counter, part))


default_generator = Generator()
default_generator.seed()  # every process draws other numbers until somebody seeds it


def manual_seed(seed: int) -> Generator:
    """The default generator, restarted from `seed`."""
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """The seed that the default generator was started from."""
    return default_generator.initial_seed()


def seed() -> int:
    """A new seed, of which nobody knows; the default generator is restarted from it."""
    return default_generator.seed()


def get_rng_state() -> dict[str, int]:
    """The state of the default generator."""
    return default_generator.get_state()


def set_rng_state(new_state: dict[str, int]) -> None:
    """Let the default generator go on from a state that `get_rng_state` returned."""
    default_generator.set_state(new_state)
