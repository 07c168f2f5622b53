"""Keeping the numbers of a tensor graph, which the backward walk otherwise drops, for pictures."""

import contextlib
import weakref
from collections.abc import Iterator
from typing import NamedTuple

from ..graph import WATCHERS
from ..tensor import Tensor, TensorNode

KEPT = weakref.WeakKeyDictionary()  # node -> Numbers; lives as long as the graph


class Numbers(NamedTuple):
    """Copies of what went into a gate and what came out, and the gate's settings.

    inputs: an array or a number per input; None where the input was None or is another kept node's
    output. output: None for a gate of several outputs, each of which is a node of its own.
    """

    output: object
    inputs: tuple
    settings: dict


def copied(x: object) -> object:
    """The numbers of an input as they are now."""
    if isinstance(x, Tensor):
        return None if x.node in KEPT else x.raw.copy()
    return x.copy() if hasattr(x, "copy") else x


def watch(node: TensorNode, tensor: Tensor | None, inputs: tuple) -> None:
    """Keep the numbers of a new node, and its gradient when that comes."""
    record = node.gate
    start = 2 if record.many else 1 + record.arity
    settings = dict(zip(record.settings, node.saved[start:], strict=False))
    output = None if tensor is None else tensor.raw.copy()
    KEPT[node] = Numbers(output, tuple(map(copied, inputs)), settings)
    if tensor is not None:
        tensor.retain_grad()


@contextlib.contextmanager
def keep() -> Iterator[None]:
    """Within, tensor graphs are recorded with all their numbers, for `draw` to show.

    Every output, every parameter and every constant is copied and every gradient inside the graph
    is retained, so it is meant for looking, not for training at speed. The copies live as long as
    the graph. It sees the gates of all threads. Scalar graphs need no keeping.
    """
    WATCHERS.append(watch)
    try:
        yield
    finally:
        WATCHERS.remove(watch)
