"""Layers that stand behind one another, computed as one where nobody looks between them.

A convolution, the batch norm behind it, the addition of a skip and a ReLU are one sweep over memory
where they are one gate: in evaluation all four of them, in training a convolution and a ReLU, or a
norm, a skip and a ReLU. Results are the same up to rounding. What would notice keeps the layers
apart: hooks, a picture or a check of the graph, a subclass, a `forward` of its own.
"""

from typing import Any

from ..graph import STATE, WATCHERS
from ..tensor import Tensor
from .activation import ReLU
from .conv import Conv1d, Conv2d, Conv3d
from .module import Module
from .norm import NORMS, activated, is_plain_relu, unseen

CONVOLUTIONS = (Conv1d, Conv2d, Conv3d)
ORDER = (CONVOLUTIONS, NORMS, (ReLU,))


def is_whole(conv: Module, x: Tensor) -> bool:
    """Whether conv is an ordinary convolution that nobody looks at, and x a batch for it."""
    ordinary = type(conv) in CONVOLUTIONS and isinstance(x, Tensor)
    return ordinary and x.ndim == conv.rank + 2 and not WATCHERS and unseen(conv)


def folds(conv: Module, norm: Module, x: Tensor) -> bool:
    """Whether a norm can be part of the convolution before it: in evaluation, of one dtype."""
    if type(norm) not in NORMS or norm.training or not unseen(norm) or STATE.autocast:
        return False
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None or x.ndim not in norm.ranks:
        return False
    one = {t.dtype for t in (x, conv.weight, mean, variance)}
    return len(one) == 1 and norm.num_features == conv.out_channels


def layered(
    x: Tensor,
    conv: Module,
    norm: Module | None = None,
    activation: Module | None = None,
    residual: Tensor | None = None,
) -> Tensor:
    """activation(norm(conv(x)) + residual); what is None is left out.

    Shape: x (N, C, *space), residual (N, K, *out) -> (N, K, *out).
    """
    whole = is_whole(conv, x)
    relu = activation is not None and is_plain_relu(activation)
    if whole and norm is not None and folds(conv, norm, x):
        z = conv.forward(x, norm=norm.running(), residual=residual, relu=relu)
        return z if relu or activation is None else activation(z)
    if whole and relu and norm is None and residual is None:
        return conv.forward(x, relu=True)
    z = conv(x)
    if norm is not None and activation is not None:
        return activated(norm, activation, z, residual)
    z = z if norm is None else norm(z)
    z = z if residual is None else z + residual
    return z if activation is None else activation(z)


def matched(modules: list[Module], at: int) -> list[Module | None]:
    """The convolution, the norm and the ReLU that stand behind one another from `at` on; None for
    what does not."""
    parts: list[Module | None] = []
    for kinds in ORDER:
        found = at < len(modules) and type(modules[at]) in kinds
        parts.append(modules[at] if found else None)
        at += found
    return parts


def chained(modules: list[Module], x: Any) -> Any:
    """The last module's output, each having got that of the one before."""
    at = 0
    while at < len(modules):
        conv, norm, activation = parts = matched(modules, at)
        if conv is not None:
            x = layered(x, conv, norm, activation)
        elif norm is not None and activation is not None:
            x = activated(norm, activation, x)
        else:
            x = modules[at](x)
        at += max(1, len(parts) - parts.count(None))
    return x
