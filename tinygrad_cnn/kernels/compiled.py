"""How the kernels of the CPU's overlays are compiled, and what they take.

Only overlays import this: it needs Numba.
"""

from collections.abc import Callable

import numba
import numpy as np

FLOATS = (np.dtype("float32"), np.dtype("float64"))


def compiled(f: Callable, **options: object) -> Callable:
    """f as machine code, which is kept on disk where there is a folder that can be written.

    It runs in one thread and without Python's lock. A second pool of threads beside the one of
    NumPy's matrix product would make each wait for the other.
    """
    try:
        return numba.njit(f, nogil=True, cache=True, **options)
    except RuntimeError:  # no such folder
        return numba.njit(f, nogil=True, **options)


def dense(x: np.ndarray) -> np.ndarray:
    """x as the one kind of array that kernels are compiled for: C-contiguous and writable."""
    return x if type(x) is np.ndarray and x.flags.carray else np.array(x, order="C")
