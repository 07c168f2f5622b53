"""16 bits on the CPU: gates are computed in float32, and what comes out is rounded.

NumPy keeps bfloat16 as somebody else's type: it adds such numbers up in bfloat16, multiplies
matrices of them into float32, and makes float32 of `x * 2.5`. So once bfloat16 has been asked for,
every kernel of the CPU is wrapped by `rounded`; until then nothing of this is imported.
"""

import functools
from collections.abc import Callable

import numpy as np

FLOAT16 = np.dtype("float16")
WAITING = []  # what to call when bfloat16 is first asked for; empty from then on


def use() -> None:
    """From now on the kernels of the CPU are wrapped."""
    while WAITING:
        WAITING.pop()()


def is_bfloat(raw: object) -> bool:
    """Whether raw is an array of bfloat16."""
    return getattr(raw, "dtype", None) is not None and raw.dtype.kind == "V"


def rounded(kernel: Callable) -> Callable:
    """`kernel`, with bfloat16 arrays made float32 before and its results bfloat16 after.

    A gate that shows its input in another shape is run on the input itself, since it must not copy;
    so is one that is told its result's dtype.
    """

    @functools.wraps(kernel)
    def computed(*inputs, **settings):
        many = bool(inputs) and isinstance(inputs[0], (list, tuple))
        raws = inputs[0] if many else inputs
        found = [raw for raw in raws if is_bfloat(raw)]
        if not found or settings.get("dtype") is not None:
            return kernel(*inputs, **settings)
        wide = [raw.astype(np.float32) if is_bfloat(raw) else raw for raw in raws]
        with np.errstate(all="ignore"):
            z = kernel(wide, **settings) if many else kernel(*wide, **settings)
        parts = z if isinstance(z, tuple) else (z,)
        if any(shows(part, raw) for part in parts for raw in wide):
            return kernel(*inputs, **settings)
        if any(hasattr(raw, "dtype") and raw.dtype.kind == "f" for raw in raws):
            return z
        narrow = tuple(narrowed(part, found[0].dtype) for part in parts)
        return narrow if isinstance(z, tuple) else narrow[0]

    return computed


def widened(kernel: Callable) -> Callable:
    """`kernel` for products and sums, with float16 arrays made float32 before and results float16
    after, unless their dtype is told.

    NumPy multiplies matrices of float16 number by number, without BLAS: a thousand times slower. It
    adds them up in float16, where 2048 + 1 is 2048 and 65536 is infinite.
    """

    @functools.wraps(kernel)
    def computed(*inputs, **settings):
        many = isinstance(inputs[0], (list, tuple))
        raws = inputs[0] if many else inputs
        if getattr(raws[0], "dtype", None) != FLOAT16 or settings.get("dtype") is not None:
            return kernel(*inputs, **settings)
        wide = [raw.astype(np.float32) if hasattr(raw, "dtype") else raw for raw in raws]
        with np.errstate(all="ignore"):
            z = kernel(wide, **settings) if many else kernel(*wide, **settings)
            if isinstance(z, tuple):
                return tuple(part if part is None else part.astype(FLOAT16) for part in z)
            return z.astype(FLOAT16)

    return computed


def shows(part: object, raw: object) -> bool:
    """Whether one array lies in the other's memory."""
    both = isinstance(part, np.ndarray) and isinstance(raw, np.ndarray)
    return both and np.may_share_memory(part, raw)


def narrowed(part: object, dtype: np.dtype) -> object:
    """A result in bfloat16, if it is a float."""
    floating = hasattr(part, "dtype") and part.dtype.kind == "f"
    return part.astype(dtype) if floating else part
