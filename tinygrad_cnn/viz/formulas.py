"""The formulas of a layer's output size and of its parameters, with their numbers filled in."""

import math
from collections.abc import Sequence

from .visit import Window


def output_size(window: Window) -> list[str]:
    """The formula of each axis of space, such as "(227 − 11 + 2·0)/4 + 1 = 55"; equal ones once."""
    of_axis = spread_axis if window.spread else slid_axis
    axes = zip(*window[:-1], strict=True)
    return list(dict.fromkeys([of_axis(*axis) for axis in axes]))


def reach(k: int, d: int) -> str:
    """What a window of k places reaches over: k, or with dilation d the formula of that."""
    return str(k) if d == 1 else f"({d}·({k} − 1) + 1)"


def slid_axis(n: int, k: int, s: int, p: int, d: int, out: int) -> str:
    """(n − k + 2p)/s + 1: rounded down, or up where that is what the layer did."""
    room = n - d * (k - 1) - 1 + 2 * p
    inside = f"{n} − {reach(k, d)} + 2·{p}"
    if room % s == 0:
        share = f"({inside})/{s}"
    else:
        left, right = "⌊⌋" if out == room // s + 1 else "⌈⌉"
        share = f"{left}({inside})/{s}{right}"
    return f"{share} + 1 = {out}"


def spread_axis(n: int, k: int, s: int, p: int, d: int, out: int) -> str:
    """(n − 1) s − 2p + k, and what is added to that to reach `out`."""
    extra = out - ((n - 1) * s - 2 * p + d * (k - 1) + 1)
    more = f" + {extra}" if extra else ""
    return f"({n} − 1)·{s} − 2·{p} + {reach(k, d)}{more} = {out}"


def parameters(shapes: Sequence[tuple[int, ...]]) -> str:
    """How many numbers these shapes hold, such as "96 · (11·11·3 + 1) = 34,944".

    Shape: weights (K, C, *window) are written as K times window times C.
    """
    total = sum([math.prod(shape) for shape in shapes])
    firsts = {shape[0] if shape else 1 for shape in shapes}
    if len(firsts) == 1 and len(shapes) > 1:
        each = " + ".join([times(shape[1:]) for shape in shapes])
        return f"{firsts.pop()} · ({each}) = {total:,}"
    parts = [
        f"{shape[0]} · {times(shape[1:])}" if len(shape) > 1 else times(shape) for shape in shapes
    ]
    return f"{' + '.join(parts)} = {total:,}"


def times(sizes: Sequence[int]) -> str:
    """(C, *window) as a product, the window first."""
    return "·".join(map(str, (*sizes[1:], *sizes[:1]))) or "1"
