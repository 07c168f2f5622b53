"""What the device double answers to its probes, beside what CuPy answers: a table.

    python tests/double_answers.py

Without a GPU CuPy answers only what it can tell from names, types and shapes.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import double
import numpy as np
from double_probes import BUGS, CORRECT, OPEN, POISON, Probe

NO_GPU = "needs a GPU"
MISSING = (ImportError, double.cupy.cuda.runtime.CUDARuntimeError)  # errors where there is none


class Row(NamedTuple):
    """A probe and two answers to it; same: None where CuPy leaves the answer open."""

    probe: str
    double: str
    cupy: str
    same: bool | None


# --- answers --------------------------------------------------------------------------------------


def numbers() -> np.ndarray:
    """The probes' array, on the host."""
    return np.arange(6, dtype=np.float32).reshape(2, 3)


def genuine(host: np.ndarray) -> Any:
    """A real cupy.ndarray. Without a GPU it shows host memory: good for all but its values."""
    cupy = double.cupy
    if cupy.is_available():
        return cupy.asarray(host)
    memory = cupy.cuda.memory.UnownedMemory(host.ctypes.data, host.nbytes, host, 0)
    pointer = cupy.cuda.memory.MemoryPointer(memory, 0)
    return cupy.ndarray(host.shape, host.dtype, memptr=pointer)


def text(result: Any, module: Any, values: bool) -> str:
    """A result in words: dtype, shape and numbers of an array, to five digits."""
    if isinstance(result, tuple | list):
        return f"[{', '.join(text(r, module, values) for r in result)}]"
    if not hasattr(result, "dtype"):
        return str(result)
    form = f"{result.dtype} {tuple(result.shape)}"
    if not values:
        return form
    numbers = module.asnumpy(result).ravel().tolist()
    return f"{form} {' '.join(f'{n:.5g}' for n in numbers)}"


def answer(probe: Probe, module: Any, waits: Callable) -> str:
    """What an array module makes of a probe: the name of an error, or the result; and if it waits.

    waits: a function that runs another and returns whether host and device met meanwhile.
    """
    make = genuine if module is double.cupy else module.asarray
    try:
        found = text(probe.use(module, make(numbers())), module, probe.outcome != POISON)
        x = make(numbers())
        return f"waits: {found}" if waits(lambda: probe.use(module, x)) else found
    except MISSING:
        return NO_GPU
    except Exception as error:
        return f"raises {type(error).__name__}"


def double_waits(use: Callable) -> bool:
    """Whether the double counts a synchronisation while a function runs."""
    with double.counting_syncs() as seen:
        use()
    return bool(seen)


def cupy_waits(use: Callable) -> bool:
    """Whether CuPy refuses to run a function without waiting; it does not see all that waits."""
    import cupyx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the function is deprecated, and the only one
        try:
            with cupyx.allow_synchronize(False):
                use()
        except RuntimeError:
            return True
    return False


# --- the table ------------------------------------------------------------------------------------


def table(module: Any = double.cupy, waits: Callable = cupy_waits) -> list[Row]:
    """All probes, the double's answers and those of another module, CuPy itself by default."""
    rows = []
    for probe in [*BUGS, *CORRECT]:
        mine, other = answer(probe, double.xp, double_waits), answer(probe, module, waits)
        rows.append(Row(probe.name, mine, other, agreement(probe, mine, other)))
    return rows


def agreement(probe: Probe, mine: str, other: str) -> bool | None:
    """Whether two answers to a probe are one; None where CuPy leaves it open or was not asked."""
    if probe.outcome in (OPEN, POISON) or other == NO_GPU:
        return None
    if isinstance(probe.outcome, tuple):  # either of these errors will do
        return {mine, other} <= {f"raises {kind.__name__}" for kind in probe.outcome}
    return mine == other


def printed(rows: list[Row]) -> str:
    """The table as text, one line per probe."""
    words = {True: "yes", False: "NO", None: "open"}
    lines = [f"{'probe':<36} {'same':<5} {'the double':<44} CuPy"]
    lines += [f"{r.probe:<36} {words[r.same]:<5} {r.double[:43]:<44} {r.cupy[:43]}" for r in rows]
    counts = ", ".join(f"{sum(r.same is k for r in rows)} {word}" for k, word in words.items())
    return "\n".join([*lines, f"{len(rows)} probes: {counts}"])


if __name__ == "__main__":
    print(printed(table()))
